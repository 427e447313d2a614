#include "apiserver/openapi/spec.h"

#include "api/json.h"

/* --- small helpers --- */

void spec_text(struct spec *s, struct doc *obj, const char *key, const char *text)
{
    if (text && obj)
        doc_set(obj, key, doc_string(s->a, str_of(text)));
}

struct doc *spec_kind(struct spec *s, const char *group, const char *version, const char *kind)
{
    struct doc *d = doc_object(s->a);

    spec_text(s, d, "group", group);
    spec_text(s, d, "kind", kind);
    spec_text(s, d, "version", version);
    return d;
}

/* "A|B" or "a,b" as a list */
static struct doc *words(struct spec *s, const char *text, char separator)
{
    struct doc *list = doc_array(s->a);
    struct str rest = str_of(text), word;

    while (str_split(&rest, separator, &word))
        doc_append(list, doc_string(s->a, word));
    return list;
}

int spec_init(struct spec *s, struct arena *a, bool v3)
{
    const struct schema_message *const *all;
    size_t n = schema_messages(&all);

    *s = (struct spec){.a = a, .v3 = v3};
    s->wanted = arena_calloc(a, n, sizeof(*s->wanted));
    s->queue = arena_calloc(a, n, sizeof(*s->queue));
    return s->wanted && s->queue ? 0 : -1;
}

/* --- types --- */

static const struct {
    const char *type, *format;
} scalars[] = {
    [SCHEMA_STRING] = {"string", NULL},     [SCHEMA_BOOL] = {"boolean", NULL},
    [SCHEMA_INT32] = {"integer", "int32"},  [SCHEMA_INT64] = {"integer", "int64"},
    [SCHEMA_DOUBLE] = {"number", "double"}, [SCHEMA_BYTES] = {"string", "byte"},
};

/* Messages with a JSON form of their own: type and format, and in v3 the types it may be one of. */
static const struct {
    const char *type, *format, *one_of;
} forms[] = {
    [SCHEMA_FORM_TIME] = {"string", "date-time", NULL},
    [SCHEMA_FORM_MICROTIME] = {"string", "date-time", NULL},
    [SCHEMA_FORM_DURATION] = {"string", NULL, NULL},
    [SCHEMA_FORM_QUANTITY] = {"string", NULL, "string,number"},
    [SCHEMA_FORM_INTSTR] = {"string", "int-or-string", "integer,string"},
    [SCHEMA_FORM_RAW] = {"object", NULL, NULL},
    [SCHEMA_FORM_FIELDS] = {"object", NULL, NULL},
};

static struct doc *scalar_type(struct spec *s, const struct schema_field *f)
{
    struct doc *d = doc_object(s->a);

    spec_text(s, d, "type", scalars[f->type].type);
    spec_text(s, d, "format", scalars[f->type].format);
    return d;
}

static struct doc *value_type(struct spec *s, const struct schema_field *f)
{
    return f->message ? spec_ref(s, f->message) : scalar_type(s, f);
}

static struct doc *list_of(struct spec *s, struct doc *items)
{
    struct doc *d = doc_object(s->a);

    spec_text(s, d, "type", "array");
    if (d)
        doc_set(d, "items", items);
    return d;
}

struct doc *spec_ref(struct spec *s, const struct schema_message *m)
{
    struct doc *d;

    if (m->form == SCHEMA_FORM_LIST)
        return list_of(s, value_type(s, &m->fields[0]));
    if (!s->wanted[m->id]) {
        s->wanted[m->id] = true;
        s->queue[s->n_queue++] = m;
    }
    d = doc_object(s->a);
    if (d)
        doc_set(d, "$ref", doc_printf(s->a, "#/%s/%s", s->v3 ? "components/schemas" : "definitions", m->definition));
    return d;
}

/* In v3 a reference stands alone: what is said beside it needs an allOf. */
static struct doc *annotated(struct spec *s, struct doc *type)
{
    struct doc *d, *all;

    if (!s->v3 || !doc_get(type, "$ref"))
        return type;
    d = doc_object(s->a);
    all = doc_array(s->a);
    if (!d || !all)
        return NULL;
    doc_append(all, type);
    doc_set(d, "allOf", all);
    return d;
}

static struct doc *field_type(struct spec *s, const struct schema_field *f)
{
    struct doc *value = value_type(s, f), *d;

    if (f->label == SCHEMA_ONE)
        return value;
    if (f->label == SCHEMA_LIST)
        return list_of(s, value);
    d = doc_object(s->a);
    spec_text(s, d, "type", "object");
    if (d)
        doc_set(d, "additionalProperties", value);
    return d;
}

/* --- extensions --- */

static void patch_extensions(struct spec *s, struct doc *d, const struct schema_field *f)
{
    bool merge = f->flags & SCHEMA_F_PATCH_MERGE, retain = f->flags & SCHEMA_F_PATCH_RETAIN_KEYS;

    if (f->more)
        spec_text(s, d, "x-kubernetes-patch-merge-key", f->more->merge_key);
    if (merge || retain)
        spec_text(s, d, "x-kubernetes-patch-strategy",
                  merge && retain ? "merge,retainKeys"
                  : merge         ? "merge"
                                  : "retainKeys");
    if (f->flags & SCHEMA_F_PATCH_REPLACE)
        spec_text(s, d, "x-kubernetes-patch-strategy", "replace");
}

static void apply_extensions(struct spec *s, struct doc *d, const struct schema_field *f)
{
    if (f->flags & (SCHEMA_F_MAP_ATOMIC | (f->label == SCHEMA_ONE ? SCHEMA_F_ATOMIC : 0)) && !doc_get(d, "$ref"))
        spec_text(s, d, "x-kubernetes-map-type", "atomic");
    if (f->more && f->more->list_keys)
        doc_set(d, "x-kubernetes-list-map-keys", words(s, f->more->list_keys, ','));
    if (f->flags & SCHEMA_F_LIST_MAP)
        spec_text(s, d, "x-kubernetes-list-type", "map");
    else if (f->flags & SCHEMA_F_LIST_SET)
        spec_text(s, d, "x-kubernetes-list-type", "set");
    else if (f->flags & SCHEMA_F_LIST_ATOMIC)
        spec_text(s, d, "x-kubernetes-list-type", "atomic");
}

static bool has_annotations(const struct schema_field *f)
{
    return f->flags & (SCHEMA_F_PATCH_MERGE | SCHEMA_F_PATCH_REPLACE | SCHEMA_F_PATCH_RETAIN_KEYS) ||
           (f->more && (f->more->doc || f->more->default_json));
}

static const char *field_doc(const struct schema_field *f)
{
    if (f->number == 0) /* of every kind, so not in the .proto files */
        return strcmp(f->json, "kind") == 0
                   ? "Which kind of object this is. In CamelCase, as in kind: Deployment."
                   : "The version of the form this object is written in: group/version, or v1.";
    return f->more ? f->more->doc : NULL;
}

static struct doc *property(struct spec *s, const struct schema_field *f)
{
    struct doc *d = field_type(s, f), *value;
    struct err err = ERR_INIT;

    if (has_annotations(f))
        d = annotated(s, d);
    if (!d)
        return NULL;
    spec_text(s, d, "description", field_doc(f));
    if (f->more && f->more->default_json && json_parse(s->a, str_of(f->more->default_json), NULL, &value, &err) == 0)
        doc_set(d, "default", value);
    if (s->v3 && f->flags & SCHEMA_F_CLOSED_ENUM && f->label == SCHEMA_ONE && f->more && f->more->enum_values)
        doc_set(d, "enum", words(s, f->more->enum_values, '|'));
    patch_extensions(s, d, f);
    apply_extensions(s, d, f);
    return d;
}

/* --- definitions --- */

static void object_type(struct spec *s, struct doc *d, const struct schema_message *m)
{
    struct doc *properties = doc_object(s->a), *required = doc_array(s->a);

    if (!properties || !required)
        return;
    for (size_t i = 0; i < m->n_slots; i++) {
        const struct schema_field *f = m->slots[i];
        doc_set(properties, f->json, property(s, f));
        if (f->flags & SCHEMA_F_REQUIRED)
            doc_append(required, doc_string(s->a, str_of(f->json)));
    }
    spec_text(s, d, "type", "object");
    if (doc_count(properties))
        doc_set(d, "properties", properties);
    if (doc_count(required))
        doc_set(d, "required", required);
    if (m->flags & SCHEMA_M_ATOMIC)
        spec_text(s, d, "x-kubernetes-map-type", "atomic");
}

static void form_type(struct spec *s, struct doc *d, const struct schema_message *m)
{
    if (m->form >= ARRAY_LEN(forms) || !forms[m->form].type) /* JSON and JSONSchemaPropsOr...: anything */
        return;
    spec_text(s, d, "format", forms[m->form].format);
    if (!s->v3 || !forms[m->form].one_of) {
        spec_text(s, d, "type", forms[m->form].type);
        return;
    }
    struct doc *types = words(s, forms[m->form].one_of, ','), *one_of = doc_array(s->a);
    doc_foreach (types, it) {
        struct doc *one = doc_object(s->a);
        if (one)
            doc_set(one, "type", doc_string(s->a, doc_str(it)));
        doc_append(one_of, one);
    }
    if (one_of)
        doc_set(d, "oneOf", one_of);
}

/* Some kinds belong to every group and version. */
static void every_group(struct spec *s, struct doc *list, const char *kind)
{
    const struct resource_group *groups;
    size_t n = resource_groups(&groups);

    for (size_t i = 0; i < n; i++)
        for (size_t v = 0; v < groups[i].n_versions; v++)
            doc_append(list, spec_kind(s, groups[i].group, groups[i].versions[v], kind));
}

static void kinds_of(struct spec *s, struct doc *d, const struct schema_message *m)
{
    struct doc *list = doc_array(s->a);
    const struct schema_kind *kinds;
    size_t n = schema_kinds(&kinds);

    for (size_t i = 0; list && i < n; i++) {
        if (kinds[i].message != m)
            continue;
        bool meta = strcmp(kinds[i].group, "meta.k8s.io") == 0;
        if (meta && (strcmp(kinds[i].kind, "DeleteOptions") == 0 || strcmp(kinds[i].kind, "WatchEvent") == 0))
            every_group(s, list, kinds[i].kind);
        else
            doc_append(list, spec_kind(s, meta ? "" : kinds[i].group, kinds[i].version, kinds[i].kind));
    }
    if (doc_count(list))
        doc_set(d, "x-kubernetes-group-version-kind", list);
}

static struct doc *definition(struct spec *s, const struct schema_message *m)
{
    struct doc *d = doc_object(s->a);

    if (!d)
        return NULL;
    spec_text(s, d, "description", m->doc);
    if (m->form == SCHEMA_FORM_OBJECT)
        object_type(s, d, m);
    else
        form_type(s, d, m);
    if (m->flags & SCHEMA_M_KIND)
        kinds_of(s, d, m);
    return d;
}

/* Appended without a search for the name: each comes once. */
static void append(struct doc *obj, const char *key, struct doc *value)
{
    if (!obj || !value)
        return;
    value->key = key;
    value->key_len = (uint32_t)strlen(key);
    value->next = NULL;
    if (obj->last)
        obj->last->next = value;
    else
        obj->first = value;
    obj->last = value;
    obj->n++;
}

struct doc *spec_definitions(struct spec *s)
{
    struct doc *all = doc_object(s->a);

    for (; s->n_done < s->n_queue; s->n_done++)
        append(all, s->queue[s->n_done]->definition, definition(s, s->queue[s->n_done]));
    return all;
}
