#!/usr/bin/python3
"""gen-schema.py DESCRIPTORS PYTHON_DIR DEFAULTS.tsv OUT_DIR: the tables of lib/api/schema.h from the descriptor set
(schema_tables.c and .h), and those of lib/api/defaults.c (defaults_tables.c)."""
import os
import sys

from google.protobuf import descriptor_pb2

sys.path.insert(0, sys.argv[2])
from coracle import options_pb2 as opt  # noqa: E402

F = descriptor_pb2.FieldDescriptorProto
TYPES = {F.TYPE_STRING: "STRING", F.TYPE_BOOL: "BOOL", F.TYPE_INT32: "INT32", F.TYPE_INT64: "INT64",
         F.TYPE_DOUBLE: "DOUBLE", F.TYPE_BYTES: "BYTES", F.TYPE_MESSAGE: "MESSAGE"}
GO_BUILTIN = {"string", "bool", "int32", "int64", "int", "float64", "byte", "float32", "uint32", "uint64"}


def c_string(s):
    if not s:
        return "NULL"
    return '"' + s.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def name_hash(name):
    """schema_hash() of lib/api/schema.c."""
    b = name.encode()
    if not b:
        return 0
    h = len(b) + b[0] * 31 + b[len(b) // 2] * 1009 + b[-1] * 8191 + b[len(b) // 4] * 131
    return h ^ (h >> 7)


class Field:
    def __init__(self, json, number=0):
        self.json, self.number, self.slot = json, number, 0
        self.type, self.label, self.flags = "STRING", "ONE", []
        self.message, self.more = None, (None,) * 6


class Message:
    def __init__(self, file, proto, comment):
        api = file.options.Extensions[opt.api]
        self.options = proto.options.Extensions[opt.type]
        self.symbol = f"schema_msg_{file.package}_{proto.name}"
        self.name, self.proto, self.file, self.doc = proto.name, proto, file, comment
        self.go_package = api.go_package.split(".")[-1]
        self.definition = "io.k8s." + api.go_package.removeprefix("k8s.io.").replace("_", "-") + "." + proto.name
        self.api, self.fields, self.slots = api, [], None


class Schema:
    def __init__(self, path):
        descriptors = descriptor_pb2.FileDescriptorSet()
        with open(path, "rb") as f:
            descriptors.ParseFromString(f.read())
        self.messages, self.maps, self.mores = {}, {}, {}
        for file in descriptors.file:
            if file.options.HasExtension(opt.api):
                self.add_file(file)
        for m in self.messages.values():
            self.add_fields(m)
        for m in self.messages.values():
            self.layout(m)

    def add_file(self, file):
        comments = {tuple(x.path): " ".join(x.leading_comments.split()) for x in file.source_code_info.location}
        for i, proto in enumerate(file.message_type):
            name = f".{file.package}.{proto.name}"
            m = self.messages[name] = Message(file, proto, comments.get((4, i)))
            m.comments = {j: comments.get((4, i, 2, j)) for j in range(len(proto.field))}
            for nested in proto.nested_type:
                self.maps[f"{name}.{nested.name}"] = nested.field[1]

    def add_fields(self, m):
        if m.options.kind:
            m.fields += [Field("kind"), Field("apiVersion")]
            for f in m.fields:
                f.flags.append("OMITEMPTY")
        m.fields += [self.field(m, i, p) for i, p in enumerate(m.proto.field)]

    def field(self, m, index, p):
        o = p.options.Extensions[opt.k8s]
        f = Field(o.json or p.name, p.number)
        value = p
        if p.type_name in self.maps:
            f.label, value = "MAP", self.maps[p.type_name]
        elif p.label == F.LABEL_REPEATED:
            f.label = "LIST"
        f.type = TYPES[value.type]
        f.message = self.messages[value.type_name] if f.type == "MESSAGE" else None
        f.flags = self.flags(o, p)
        go = self.go_name(m, o.go.removeprefix("*"))
        f.more = (go, o.default or None, o.enum or None, o.merge_key or None, o.list_keys or None, m.comments[index])
        return f

    @staticmethod
    def flags(o, p):
        on = [("REQUIRED", o.required), ("OMITEMPTY", o.omitempty), ("OMITZERO", o.omitzero),
              ("POINTER", o.go.startswith("*")), ("INLINE", o.inline), ("CLOSED_ENUM", o.closed),
              ("ATOMIC", o.atomic), ("DEPRECATED", p.options.deprecated),
              ("PATCH_MERGE", "merge" in o.patch_strategy.split(",")),
              ("PATCH_REPLACE", o.patch_strategy == "replace"),
              ("PATCH_RETAIN_KEYS", "retainKeys" in o.patch_strategy.split(",")),
              ("LIST_SET", o.list_type == "set"), ("LIST_MAP", o.list_type == "map"),
              ("LIST_ATOMIC", o.list_type == "atomic"), ("MAP_ATOMIC", o.map_type == "atomic")]
        return [name for name, is_on in on if is_on]

    @staticmethod
    def go_name(m, go):
        """RestartPolicy -> v1.RestartPolicy, []Finalizer -> []v1.Finalizer, metav1.X -> v1.X; None for built-in types."""
        head, base = "", go
        for prefix in ("[]", "map[string]"):
            if base.startswith(prefix):
                head, base = head + prefix, base[len(prefix):]
        if not base or base in GO_BUILTIN:
            return None
        if "." not in base:
            return f"{head}{m.go_package}.{base}"
        package, name = base.split(".", 1)
        return f"{head}{'v1' if package.endswith('v1') else package}.{name}"

    def layout(self, m):
        if m.slots is not None:
            return m.slots
        m.slots = []
        for f in m.fields:
            f.slot = len(m.slots)
            m.slots += self.layout(f.message) if "INLINE" in f.flags else [(m, f)]
        return m.slots

    def more(self, key):
        if not any(key):
            return "NULL"
        return f"&more[{self.mores.setdefault(key, len(self.mores))}]"


def hash_table(m):
    size = 4
    while size < 2 * len(m.slots):
        size *= 2
    table = [0] * size
    for slot, (_, f) in enumerate(m.slots):
        at = name_hash(f.json) & (size - 1)
        while table[at]:
            at = (at + 1) & (size - 1)
        table[at] = slot + 1
    return table


def write_fields(out, schema, m):
    out.append(f"static const struct schema_field f_{m.symbol}[] = {{")
    for f in m.fields:
        flags = "|".join("SCHEMA_F_" + x for x in f.flags) or "0"
        target = "&" + f.message.symbol if f.message else "NULL"
        out.append(f"{{{c_string(f.json)}, {target}, {schema.more(f.more)}, {f.number}, {flags}, {f.slot}, {len(f.json)}, "
                   f"SCHEMA_{f.type}, SCHEMA_{f.label}}},")
    out.append("};" if m.fields else "{0}};")


def write_message(out, m):
    s = m.symbol
    numbers = sorted((f.number, i) for i, f in enumerate(m.fields) if f.number)
    array(out, f"static const uint16_t n_{s}[]", [i for _, i in numbers])
    array(out, f"static const struct schema_field *const s_{s}[]",
          [f"&f_{owner.symbol}[{owner.fields.index(f)}]" for owner, f in m.slots])
    table = hash_table(m)
    array(out, f"static const uint16_t h_{s}[]", table)
    flags = "|".join((["SCHEMA_M_KIND"] if m.options.kind else []) + (["SCHEMA_M_ATOMIC"] if m.options.atomic else [])) or "0"
    form = "SCHEMA_FORM_" + (m.options.form.upper() or "OBJECT")
    out.append(f"const struct schema_message {s} = {{{c_string(m.name)}, {c_string(m.go_package)}, {c_string(m.definition)}, "
               f"{c_string(m.doc)}, f_{s}, n_{s}, s_{s}, h_{s}, {len(m.fields)}, {len(numbers)}, {len(m.slots)}, "
               f"{len(table) - 1}, {m.id}, {form}, {flags}}};")


def array(out, head, items):
    out.append(f"{head} = {{{', '.join(map(str, items)) or '0'}}};")


def write_kinds(out, schema):
    rows = sorted((m.api.group, m.api.version, m.name, m) for m in schema.messages.values() if m.options.kind and m.api.version)
    out.append("const struct schema_kind schema_kind_table[] = {")
    for group, version, name, m in rows:
        namespaced = "true" if m.options.scope == "namespaced" else "false"
        out.append(f'{{"{group}", "{version}", "{name}", &{m.symbol}, {c_string(m.options.list_item)}, {namespaced}}},')
    out += ["};", f"const size_t schema_kind_count = {len(rows)};"]


def read_defaults(path, schema):
    """The rules of each message, in order; and the names of the functions."""
    rules, functions = {}, []
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.startswith("#"):
                continue
            message, target, value, guard = line.rstrip("\n").split("\t")
            m = schema.messages["." + message]
            if value.startswith("@"):
                functions.append(value[1:])
                rules.setdefault(m, []).append(f"{{.fn = default_{value[1:]}}}")
            else:
                guard_path, _, guard_values = guard.partition("=")
                rules.setdefault(m, []).append(
                    f"{{{c_string(target)}, {c_string(value)}, {c_string(guard_path)}, "
                    f"{c_string(guard_values) if guard_values else NOTHING if guard_path else 'NULL'}}}")
    return rules, functions


NOTHING = '""'


def has_rounding(m):
    """Quantities of a ResourceList are rounded."""
    return any(f.label == "MAP" and (f.more[0] or "").endswith(".ResourceList") for f in m.fields)


def below(m, rules, known):
    """Is there a rule for the message or for one that it holds?"""
    if m not in known:
        known[m] = m in rules or has_rounding(m)
        known[m] = any([below(f.message, rules, known) for f in m.fields if f.message]) or known[m]
    return known[m]


def write_defaults(path, messages, rules, functions):
    known = {}
    for _ in range(3):  # messages that hold each other settle
        for m in messages:
            if not known.get(m):
                known.pop(m, None)
                below(m, rules, known)
    out = ["/* Made by cmake/gen-schema.py from lib/api/defaults.tsv. */", '#include "api/defaults_rules.h"']
    for m in rules:
        out.append(f"static const struct default_rule r_{m.symbol}[] = {{" + ",\n".join(rules[m]) + "};")
    out.append("const struct default_set default_sets[] = {")
    for m in messages:
        count = len(rules.get(m, []))
        out.append(f"{{{'r_' + m.symbol if count else 'NULL'}, {count}, {'true' if known[m] else 'false'}}}, /* {m.name} */")
    out.append("};")
    write(path, out)


def write(path, lines):
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")


def write_header(path, messages):
    write(path, ["#ifndef SCHEMA_TABLES_H", "#define SCHEMA_TABLES_H", '#include "api/schema.h"'] +
          [f"extern const struct schema_message {m.symbol};" for m in messages] +
          ["extern const struct schema_message *const schema_message_table[];", "extern const size_t schema_message_count;",
           "extern const struct schema_kind schema_kind_table[];", "extern const size_t schema_kind_count;", "#endif"])


def main(source, _, defaults, out_dir):
    schema = Schema(source)
    messages = list(schema.messages.values())
    for i, m in enumerate(messages):
        m.id = i
    fields, body = [], []  # slot tables point into the field tables of other messages: those come first
    for m in messages:
        write_fields(fields, schema, m)
        write_message(body, m)
    array(body, "const struct schema_message *const schema_message_table[]", ["&" + m.symbol for m in messages])
    body.append(f"const size_t schema_message_count = {len(messages)};")
    write_kinds(body, schema)
    head = ["/* Made by cmake/gen-schema.py from proto/k8s. */", '#include "schema_tables.h"']
    head.append("static const struct schema_more more[] = {")
    for key in sorted(schema.mores, key=schema.mores.get):
        head.append("{" + ", ".join(map(c_string, key)) + "},")
    head.append("};")
    write(os.path.join(out_dir, "schema_tables.c"), head + fields + body)
    write_header(os.path.join(out_dir, "schema_tables.h"), messages)
    rules, functions = read_defaults(defaults, schema)
    write_defaults(os.path.join(out_dir, "defaults_tables.c"), messages, rules, functions)


main(*sys.argv[1:])
