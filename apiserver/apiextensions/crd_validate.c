#include "apiserver/apiextensions/crd_validate.h"

#include "apiserver/apiextensions/jsonpath.h"
#include "apiserver/apiextensions/structural.h"

/* --- names ------------------------------------------------------------------------------------------------------- */

#define MIXED_CASE "may have mixed case, but should otherwise match: "

/* One Invalid with all that is wrong, as upstream. */
static void check_label(errors *e, path_t p, struct str s, bool mixed_case)
{
    struct name_problems problems = {.n = 0};
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(4096);
    char *lower = arena_strndup(e->arena, s.p, s.n);
    for (size_t i = 0; lower && mixed_case && i < s.n; i++)
        if (lower[i] >= 'A' && lower[i] <= 'Z')
            lower[i] = (char)(lower[i] + 32);
    if (!lower || !s.n)
        return;
    name_dns1035_label(str_n(lower, s.n), &problems);
    for (size_t i = 0; i < problems.n; i++)
        buf_printf(&b, "%s%s", i ? "," : "", problems.text[i]);
    if (problems.n)
        field_invalid_str(e, p, s, "%s" STR_FMT, mixed_case ? MIXED_CASE : "", STR_ARG(buf_str(&b)));
}

static void check_names(errors *e, path_t p, const struct doc *names)
{
    static const struct {
        const char *member;
        bool mixed_case;
    } members[] = {{"plural", false}, {"singular", false}, {"kind", true}, {"listKind", true}};
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        check_label(e, FIELD(p, members[i].member), v_str(names, members[i].member), members[i].mixed_case);
    V_EACH (v_get(names, "shortNames"), s)
        check_label(e, FIELD_AT(FIELD(p, "shortNames"), s.i), doc_str(s.at), false);
    struct str kind = v_str(names, "kind"), list = v_str(names, "listKind");
    if (kind.n && str_eq(kind, list))
        field_invalid_str(e, FIELD(p, "listKind"), list, "kind and listKind may not be the same");
    V_EACH (v_get(names, "categories"), c)
        check_label(e, FIELD_AT(FIELD(p, "categories"), c.i), doc_str(c.at), false);
}

/* --- schemas ----------------------------------------------------------------------------------------------------- */

struct schema_place {
    bool root, logic; /* logic: inside of allOf, anyOf, oneOf or not */
    bool in_meta;     /* below metadata of a resource */
};

static void check_node(errors *e, path_t p, const struct doc *s, struct schema_place at);

/* What a schema may not have at all. */
static void check_forbidden(errors *e, path_t p, const struct doc *s)
{
    static const char *const unsupported[] = {"id",          "additionalItems", "patternProperties",
                                              "definitions", "dependencies",    "$ref"};
    for (size_t i = 0; i < ARRAY_LEN(unsupported); i++) {
        const struct doc *d = v_get(s, unsupported[i]);
        if (d && (d->type != DOC_STRING || d->n) && (d->type != DOC_OBJECT || d->n))
            field_forbidden(e, FIELD(p, unsupported[i]), "%s is not supported", unsupported[i]);
    }
    if (v_true(s, "uniqueItems"))
        field_forbidden(e, FIELD(p, "uniqueItems"),
                        "uniqueItems cannot be set to true since the runtime complexity becomes quadratic");
    if (str_is(v_str(s, "type"), "null"))
        field_forbidden(e, FIELD(p, "type"), "type cannot be set to null, use nullable as an alternative");
    if (doc_is(v_get(s, "items"), DOC_ARRAY))
        field_forbidden(e, FIELD(p, "items"), "items must be a schema object and not an array");
    const struct doc *additional = v_get(s, "additionalProperties");
    if (doc_count(v_get(s, "properties")) && (doc_is(additional, DOC_OBJECT) || doc_is(additional, DOC_BOOL)))
        field_forbidden(e, FIELD(p, "additionalProperties"),
                        "additionalProperties and properties are mutually exclusive");
    const struct doc *preserve = v_get(s, "x-kubernetes-preserve-unknown-fields");
    if (preserve && !doc_true(preserve))
        field_invalid(e, FIELD(p, "x-kubernetes-preserve-unknown-fields"), preserve, "must be true or undefined");
}

static void check_types(errors *e, path_t p, const struct doc *s)
{
    static const char *const types[] = {"array", "boolean", "integer", "number", "object", "string", NULL};
    struct str type = v_str(s, "type"), list = v_str(s, "x-kubernetes-list-type"),
               map = v_str(s, "x-kubernetes-map-type");
    if (type.n && !str_is(type, "null") && !v_among(type, types))
        field_not_supported_str(e, FIELD(p, "type"), type, types, ARRAY_LEN(types) - 1);
    if (map.n && !str_is(type, "object")) {
        if (type.n)
            field_invalid_str(e, FIELD(p, "type"), type, "must be object if x-kubernetes-map-type is specified");
        else
            field_required(e, FIELD(p, "type"), "must be object if x-kubernetes-map-type is specified");
    }
    if (map.n)
        V_ENUM(e, FIELD(p, "x-kubernetes-map-type"), map, "atomic", "granular");
    if (list.n && !str_is(type, "array")) {
        if (type.n)
            field_invalid_str(e, FIELD(p, "type"), type, "must be array if x-kubernetes-list-type is specified");
        else
            field_required(e, FIELD(p, "type"), "must be array if x-kubernetes-list-type is specified");
    }
    if (list.n)
        V_ENUM(e, FIELD(p, "x-kubernetes-list-type"), list, "atomic", "map", "set");
}

static void check_map_keys(errors *e, path_t p, const struct doc *s)
{
    struct str list = v_str(s, "x-kubernetes-list-type");
    const struct doc *keys = v_get(s, "x-kubernetes-list-map-keys"), *items = v_get(s, "items");
    path_t at = FIELD(p, "x-kubernetes-list-map-keys");
    if (doc_count(keys) && !list.n)
        field_required(e, FIELD(p, "x-kubernetes-list-type"), "must be map if x-kubernetes-list-map-keys is non-empty");
    else if (doc_count(keys) && !str_is(list, "map"))
        field_invalid_str(e, FIELD(p, "x-kubernetes-list-type"), list,
                          "must be map if x-kubernetes-list-map-keys is non-empty");
    if (!str_is(list, "map"))
        return;
    if (!doc_count(keys))
        field_required(e, at, "must not be empty if x-kubernetes-list-type is map");
    if (!items)
        field_required(e, FIELD(p, "items"), "must have a schema if x-kubernetes-list-type is map");
    else if (!str_is(v_str(items, "type"), "object"))
        field_invalid_str(e, FIELD(FIELD(p, "items"), "type"), v_str(items, "type"),
                          "must be object if parent array's x-kubernetes-list-type is map");
    V_EACH (keys, k) {
        const struct doc *of = doc_get_str(v_get(items, "properties"), doc_str(k.at));
        if (items && !of)
            field_invalid_str(e, FIELD_AT(at, k.i), doc_str(k.at), "entries must all be names of item properties");
    }
}

/* Inside of allOf, anyOf, oneOf and not only values are said, not structure. */
static void check_logic(errors *e, path_t p, const struct doc *s)
{
    static const char *const structure[] = {"type",    "description", "title",
                                            "default", "nullable",    "additionalProperties"};
    for (size_t i = 0; i < ARRAY_LEN(structure); i++) {
        const struct doc *d = v_get(s, structure[i]);
        if (d && !(doc_is(d, DOC_BOOL) && !d->b && strcmp(structure[i], "nullable") == 0))
            field_forbidden(e, FIELD(p, structure[i]), "must be empty to be structural");
    }
    static const char *const extensions[] = {"x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource",
                                             "x-kubernetes-int-or-string"};
    for (size_t i = 0; i < ARRAY_LEN(extensions); i++)
        if (v_true(s, extensions[i]))
            field_forbidden(e, FIELD(p, extensions[i]), "must be false to be structural");
}

/* Is the one of the two patterns in which a value may be int or string? */
static bool is_int_or_string(const struct doc *s)
{
    return v_true(s, "x-kubernetes-int-or-string");
}

static void check_structure(errors *e, path_t p, const struct doc *s, struct schema_place at)
{
    struct str type = v_str(s, "type");
    if (!type.n && !is_int_or_string(s) && !v_true(s, "x-kubernetes-preserve-unknown-fields"))
        field_required(e, FIELD(p, "type"),
                       at.root ? "must not be empty at the root" : "must not be empty for specified object fields");
    if (type.n && is_int_or_string(s))
        field_forbidden(e, FIELD(p, "type"), "must be empty if x-kubernetes-int-or-string is true");
    if (at.root && type.n && !str_is(type, "object"))
        field_invalid_str(e, FIELD(p, "type"), type, "must be object at the root");
    if (str_is(type, "array") && !v_get(s, "items"))
        field_required(e, FIELD(p, "items"), "must be specified");
    if (v_true(s, "x-kubernetes-embedded-resource") && !str_is(type, "object"))
        field_invalid_str(e, FIELD(p, "type"), type, "must be object if x-kubernetes-embedded-resource is true");
    if (v_true(s, "x-kubernetes-embedded-resource") && !doc_count(v_get(s, "properties")) &&
        !v_true(s, "x-kubernetes-preserve-unknown-fields"))
        field_required(e, FIELD(p, "properties"),
                       "must not be empty if x-kubernetes-embedded-resource is true without "
                       "x-kubernetes-preserve-unknown-fields");
    if (at.root && v_true(s, "nullable"))
        field_forbidden(e, FIELD(p, "nullable"), "nullable cannot be true at the root");
}

static const struct {
    const char *member;
    bool list;
} LOGIC[] = {{"allOf", true}, {"anyOf", true}, {"oneOf", true}, {"not", false}};

static void check_below(errors *e, path_t p, const struct doc *s, struct schema_place at)
{
    const struct doc *properties = v_get(s, "properties"), *additional = v_get(s, "additionalProperties");
    struct schema_place below = {false, at.logic, at.in_meta};
    doc_foreach (properties, m)
        check_node(e, FIELD_KEY(FIELD(p, "properties"), doc_key(m)), m, below);
    if (doc_is(additional, DOC_OBJECT))
        check_node(e, FIELD(p, "additionalProperties"), additional, below);
    if (doc_is(v_get(s, "items"), DOC_OBJECT))
        check_node(e, FIELD(p, "items"), v_get(s, "items"), below);
    struct schema_place logic = {false, true, at.in_meta};
    for (size_t i = 0; i < ARRAY_LEN(LOGIC); i++) {
        const struct doc *d = v_get(s, LOGIC[i].member);
        if (!LOGIC[i].list && d)
            check_node(e, FIELD(p, LOGIC[i].member), d, logic);
        V_EACH (LOGIC[i].list ? d : NULL, one)
            if (!(is_int_or_string(s) && !at.logic)) /* its pattern names the two types */
                check_node(e, FIELD_AT(FIELD(p, LOGIC[i].member), one.i), one.at, logic);
    }
}

static void check_node(errors *e, path_t p, const struct doc *s, struct schema_place at)
{
    if (!doc_is(s, DOC_OBJECT))
        return;
    check_forbidden(e, p, s);
    check_types(e, p, s);
    check_map_keys(e, p, s);
    if (at.logic)
        check_logic(e, p, s);
    else
        check_structure(e, p, s, at);
    check_below(e, p, s, at);
}

/* What the root says of metadata: only names may be restricted. */
static void check_root_metadata(errors *e, path_t p, const struct doc *s)
{
    path_t at = FIELD_KEY(FIELD(p, "properties"), STR("metadata"));
    const struct doc *meta = doc_get(v_get(s, "properties"), "metadata");
    if (meta && v_str(meta, "type").n && !str_is(v_str(meta, "type"), "object"))
        field_invalid_str(e, FIELD(at, "type"), v_str(meta, "type"), "must be object");
    doc_foreach (v_get(meta, "properties"), m) {
        if (!str_is(doc_key(m), "name") && !str_is(doc_key(m), "generateName"))
            field_forbidden(e, FIELD(at, "properties"),
                            "must not specify anything other than name and generateName, but metadata is implicitly "
                            "specified");
    }
}

/* A default must itself be valid. */
static void check_defaults(errors *e, path_t p, const struct structural *s, const struct doc *schema)
{
    const struct doc *d = v_get(schema, "default");
    if (d) {
        struct field_errors found = field_errors_in(e->arena);
        structural_validate(s, d, "", &found);
        for (const struct field_error *x = found.first; x; x = x->next)
            field_invalid(e, FIELD(p, "default"), d, "%s%s%s", strcmp(x->field, "<nil>") ? x->field : "",
                          strcmp(x->field, "<nil>") ? ": " : "", x->body);
    }
    doc_foreach (v_get(schema, "properties"), m) {
        const struct structural *of = structural_property(s, doc_key(m));
        if (of && of->has_defaults)
            check_defaults(e, FIELD_KEY(FIELD(p, "properties"), doc_key(m)), of, m);
    }
    if (s->items && s->items->has_defaults)
        check_defaults(e, FIELD(p, "items"), s->items, v_get(schema, "items"));
    if (s->additional && s->additional->has_defaults)
        check_defaults(e, FIELD(p, "additionalProperties"), s->additional, v_get(schema, "additionalProperties"));
}

void validate_schema(struct field_errors *e, const struct field_path *p, const struct doc *schema)
{
    struct err err = ERR_INIT;
    const struct structural *s = NULL;
    size_t before = e->n;
    check_node(e, p, schema, (struct schema_place){.root = true});
    check_root_metadata(e, p, schema);
    if (e->n != before)
        return;
    if (structural_compile(e->arena, schema, &s, &err) < 0)
        field_invalid_str(e, p, STR(""), "error building validator: %s", err.msg);
    else if (s->has_defaults)
        check_defaults(e, p, s, schema);
}

/* --- versions ---------------------------------------------------------------------------------------------------- */

static void check_column(errors *e, path_t p, const struct doc *c)
{
    static const char *const types[] = {"integer", "number", "string", "boolean", "date", NULL};
    static const char *const formats[] = {"int32", "int64",     "float",    "double", "byte",
                                          "date",  "date-time", "password", NULL};
    struct str type = v_str(c, "type"), format = v_str(c, "format"), path = v_str(c, "jsonPath");
    const struct jsonpath *compiled;
    struct err err = ERR_INIT;
    if (!v_str(c, "name").n)
        field_required(e, FIELD(p, "name"), "%s", "");
    if (!type.n)
        field_required(e, FIELD(p, "type"), "must be one of boolean,date,integer,number,string");
    else if (!v_among(type, types))
        field_invalid_str(e, FIELD(p, "type"), type, "must be one of boolean,date,integer,number,string");
    if (format.n && !v_among(format, formats))
        field_invalid_str(e, FIELD(p, "format"), format,
                          "must be one of byte,date,date-time,double,float,int32,int64,password");
    if (!path.n)
        field_required(e, FIELD(p, "jsonPath"), "%s", "");
    else if (jsonpath_compile(e->arena, path, &compiled, &err) < 0)
        field_invalid_str(e, FIELD(p, "jsonPath"), path, "is an invalid path: %s", err.msg);
}

/* required: an empty one is an error. */
static void check_scale_path(errors *e, path_t p, struct str s, bool required, const char *under, const char *or_under,
                             const char *text)
{
    if (!s.n) {
        if (required)
            field_required(e, p, "%s", "");
        return;
    }
    if (s.p[0] != '.')
        field_invalid_str(e, p, s, "must be a simple json path starting with .");
    else if (!str_starts(s, str_of(under)) && !(or_under && str_starts(s, str_of(or_under))))
        field_invalid_str(e, p, s, "%s", text);
}

static void check_subresources(errors *e, path_t p, const struct doc *subs)
{
    const struct doc *scale = v_get(subs, "scale");
    path_t at = FIELD(p, "scale");
    if (!scale)
        return;
    check_scale_path(e, FIELD(at, "specReplicasPath"), v_str(scale, "specReplicasPath"), true, ".spec.", NULL,
                     "should be a json path under .spec");
    check_scale_path(e, FIELD(at, "statusReplicasPath"), v_str(scale, "statusReplicasPath"), true, ".status.", NULL,
                     "should be a json path under .status");
    check_scale_path(e, FIELD(at, "labelSelectorPath"), v_str(scale, "labelSelectorPath"), false, ".spec.", ".status.",
                     "should be a json path under either .spec or .status");
}

static const struct doc *schema_at(const struct doc *schema, struct str path)
{
    struct str name;
    path = str_from(path, 1);
    while (schema && str_split(&path, '.', &name))
        schema = doc_get_str(v_get(schema, "properties"), name);
    return schema;
}

static void check_selectable(errors *e, path_t p, const struct doc *list, const struct doc *schema)
{
    static const char *const types[] = {"string", "boolean", "integer", NULL};
    struct seen seen = SEEN_IN(e->arena);
    V_EACH (list, f) {
        path_t at = FIELD(FIELD_AT(p, f.i), "jsonPath");
        struct str path = v_str(f.at, "jsonPath");
        const struct doc *found = path.n ? schema_at(schema, path) : NULL;
        if (!path.n)
            field_required(e, at, "%s", "");
        else if (str_starts(path, STR(".metadata")))
            field_invalid_str(e, at, path, "must not point to fields in metadata");
        else if (path.p[0] != '.' || !found)
            field_invalid_str(e, at, path, "is an invalid path: does not refer to a valid field");
        else if (!v_among(v_str(found, "type"), types))
            field_invalid_str(e, at, path,
                              "must point to a field of type string, boolean or integer. Enum string fields and "
                              "strings with formats are allowed.");
        else if (v_seen(&seen, path))
            field_duplicate_str(e, at, path);
    }
    if (doc_count(list) > 8)
        field_too_many(e, p, doc_count(list), 8);
}

static void check_version(errors *e, path_t p, const struct doc *v)
{
    const struct doc *schema = v_get(v_get(v, "schema"), "openAPIV3Schema");
    path_t at = FIELD(FIELD(p, "schema"), "openAPIV3Schema");
    check_label(e, FIELD(p, "name"), v_str(v, "name"), false);
    if (!schema)
        field_required(e, at, "schemas are required");
    else
        validate_schema(e, at, schema);
    check_subresources(e, FIELD(p, "subresources"), v_get(v, "subresources"));
    V_EACH (v_get(v, "additionalPrinterColumns"), c)
        check_column(e, FIELD_AT(FIELD(p, "additionalPrinterColumns"), c.i), c.at);
    check_selectable(e, FIELD(p, "selectableFields"), v_get(v, "selectableFields"), schema);
}

static void check_versions(errors *e, path_t p, const struct doc *versions)
{
    struct seen seen = SEEN_IN(e->arena);
    size_t storage = 0;
    bool unique = true;
    V_EACH (versions, v) {
        check_version(e, FIELD_AT(p, v.i), v.at);
        storage += v_true(v.at, "storage");
        unique &= !v_seen(&seen, v_str(v.at, "name"));
    }
    if (!unique)
        field_invalid(e, p, versions, "must contain unique version names");
    if (storage != 1)
        field_invalid(e, p, versions, "must have exactly one version marked as storage version");
}

/* --- the definition ---------------------------------------------------------------------------------------------- */

static void check_conversion(errors *e, path_t p, const struct doc *c)
{
    struct str strategy = v_str(c, "strategy");
    if (str_is(strategy, "Webhook"))
        field_forbidden(e, FIELD(p, "strategy"), "conversion webhooks are not supported by this server; use None");
    else
        V_ENUM_REQUIRED(e, FIELD(p, "strategy"), strategy, "None", "Webhook");
    if (v_get(c, "webhook") && !str_is(strategy, "Webhook"))
        field_forbidden(e, FIELD(p, "webhook"), "should not be set when strategy is not set to Webhook");
}

static void check_group(errors *e, path_t p, struct str group)
{
    struct name_problems problems = {.n = 0};
    if (!group.n) {
        field_required(e, p, "%s", "");
        return;
    }
    name_dns1123_subdomain(group, &problems);
    if (problems.n)
        field_invalid_str(e, p, group, "%s", problems.text[0]);
    else if (!memchr(group.p, '.', group.n))
        field_invalid_str(e, p, group, "should be a domain with at least one dot");
}

#define APPROVED "api-approved.kubernetes.io"
#define PROTECTED                                                                                                      \
    "protected groups must have approval annotation \"" APPROVED                                                       \
    "\", see https://github.com/kubernetes/enhancements/pull/1111"

static void check_approval(errors *e, const struct doc *crd, struct str group)
{
    bool is_protected = str_is(group, "k8s.io") || str_is(group, "kubernetes.io") || str_ends(group, STR(".k8s.io")) ||
                        str_ends(group, STR(".kubernetes.io"));
    path_t p = FIELD_KEY(FIELD(FIELD(NULL, "metadata"), "annotations"), STR(APPROVED));
    struct str v = doc_str(doc_get(v_get(v_get(crd, "metadata"), "annotations"), APPROVED));
    if (!is_protected)
        return;
    if (!v.n)
        field_required(e, p, PROTECTED);
    else if (!str_starts(v, STR("http")) && !str_starts(v, STR("unapproved")))
        field_invalid_str(e, p, v,
                          "protected groups must have approval annotation \"" APPROVED
                          "\" with either a URL or a reason starting with \"unapproved\", see "
                          "https://github.com/kubernetes/enhancements/pull/1111");
}

static void check_spec(errors *e, const struct doc *crd)
{
    const struct doc *spec = v_get(crd, "spec"), *names = v_get(spec, "names");
    static const char *const required[] = {"plural", "singular", "kind", "listKind"};
    path_t p = FIELD(NULL, "spec");
    check_group(e, FIELD(p, "group"), v_str(spec, "group"));
    V_ENUM_REQUIRED(e, FIELD(p, "scope"), v_str(spec, "scope"), "Cluster", "Namespaced");
    if (v_true(spec, "preserveUnknownFields"))
        field_invalid(e, FIELD(p, "preserveUnknownFields"), v_get(spec, "preserveUnknownFields"),
                      "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in "
                      "spec.versions[*].schema instead");
    check_versions(e, FIELD(p, "versions"), v_get(spec, "versions"));
    for (size_t i = 0; i < ARRAY_LEN(required); i++)
        if (!v_str(names, required[i]).n)
            field_required(e, FIELD(FIELD(p, "names"), required[i]), "%s", "");
    check_names(e, FIELD(p, "names"), names);
    check_conversion(e, FIELD(p, "conversion"), v_get(spec, "conversion"));
}

static void check_stored_versions(errors *e, const struct doc *crd)
{
    const struct doc *stored = v_get(v_get(crd, "status"), "storedVersions");
    path_t p = FIELD(FIELD(NULL, "status"), "storedVersions");
    V_EACH (stored, s) {
        bool found = false;
        V_EACH (v_get(v_get(crd, "spec"), "versions"), v)
            found |= str_eq(v_str(v.at, "name"), doc_str(s.at));
        if (!found)
            field_invalid_str(e, FIELD_AT(p, s.i), doc_str(s.at),
                              "missing from spec.versions; " STR_FMT
                              " was previously a storage version, and must remain in spec.versions until a storage "
                              "migration ensures no data remains persisted in " STR_FMT " and removes " STR_FMT
                              " from status.storedVersions",
                              STR_ARG(doc_str(s.at)), STR_ARG(doc_str(s.at)), STR_ARG(doc_str(s.at)));
    }
}

void validate_crd(struct kind_check *k)
{
    const struct doc *spec = v_get(k->obj, "spec");
    struct str plural = v_str(v_get(spec, "names"), "plural"), group = v_str(spec, "group");
    struct str name = v_str(v_get(k->obj, "metadata"), "name");
    const char *want = arena_printf(k->e->arena, STR_FMT "." STR_FMT, STR_ARG(plural), STR_ARG(group));
    if (want && name.n && !str_is(name, want))
        field_invalid_str(k->e, FIELD(FIELD(NULL, "metadata"), "name"), name,
                          "must be spec.names.plural+\".\"+spec.group");
    check_spec(k->e, k->obj);
    check_stored_versions(k->e, k->obj);
    check_approval(k->e, k->obj, group);
}

static bool established(const struct doc *crd)
{
    V_EACH (v_get(v_get(crd, "status"), "conditions"), c) {
        if (str_is(v_str(c.at, "type"), "Established"))
            return str_is(v_str(c.at, "status"), "True");
    }
    return false;
}

void validate_crd_update(struct kind_check *k)
{
    const struct doc *now = v_get(k->obj, "spec"), *old = v_get(k->old, "spec");
    path_t p = FIELD(NULL, "spec"), names = FIELD(p, "names");
    if (v_get(v_get(k->obj, "metadata"), "deletionTimestamp")) /* it is on its way out */
        return;
    check_spec(k->e, k->obj);
    check_stored_versions(k->e, k->obj);
    if (established(k->old)) {
        v_immutable(k->e, FIELD(p, "scope"), v_get(now, "scope"), v_get(old, "scope"));
        v_immutable(k->e, FIELD(names, "kind"), v_get(v_get(now, "names"), "kind"), v_get(v_get(old, "names"), "kind"));
    }
    v_immutable(k->e, FIELD(p, "group"), v_get(now, "group"), v_get(old, "group"));
    v_immutable(k->e, FIELD(names, "plural"), v_get(v_get(now, "names"), "plural"),
                v_get(v_get(old, "names"), "plural"));
}
