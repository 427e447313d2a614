#include "apiserver/apiextensions/structural.h"

#include "apiserver/apiextensions/formats.h"
#include "api/regex.h"
#include "base/limits.h"

#define DEPTH_MAX 256 /* of a schema */

struct compiler {
    struct arena *a;
    struct err *err;
    int depth;
};

static int compile(struct compiler *c, const struct doc *schema, struct structural **ret);

static int full(struct compiler *c)
{
    return err_set(c->err, ERR_TOO_LARGE, "the schema needs too much memory");
}

/* --- members --- */

static uint8_t type_of(struct str s)
{
    static const char *const names[] = {"", "object", "array", "string", "integer", "number", "boolean"};
    for (size_t i = 1; i < ARRAY_LEN(names); i++)
        if (str_is(s, names[i]))
            return (uint8_t)i;
    return ST_ANY;
}

static uint8_t list_type_of(struct str s)
{
    return str_is(s, "set") ? ST_LIST_SET : str_is(s, "map") ? ST_LIST_MAP : ST_LIST_ATOMIC;
}

static int strings(struct compiler *c, const struct doc *list, const struct str **ret, size_t *ret_n)
{
    size_t n = doc_is(list, DOC_ARRAY) ? doc_count(list) : 0, i = 0;
    struct str *v = n ? arena_calloc(c->a, n, sizeof(*v)) : NULL;
    if (n && !v)
        return full(c);
    if (n)
        doc_foreach (list, s)
            v[i++] = doc_str(s);
    *ret = v;
    *ret_n = n;
    return 0;
}

static int compare_properties(const void *x, const void *y)
{
    const struct structural_property *a = x, *b = y;
    return str_cmp(a->name, b->name);
}

static int properties(struct compiler *c, const struct doc *d, struct structural *s)
{
    size_t n = doc_is(d, DOC_OBJECT) ? doc_count(d) : 0, i = 0;
    if (!n)
        return 0;
    struct structural_property *v = arena_calloc(c->a, n, sizeof(*v));
    if (!v)
        return full(c);
    doc_foreach (d, p) {
        struct structural *child;
        if (compile(c, p, &child) < 0)
            return -1;
        s->has_defaults |= child->has_defaults;
        v[i++] = (struct structural_property){doc_key(p), child};
    }
    qsort(v, n, sizeof(*v), compare_properties);
    s->properties = v;
    s->n_properties = n;
    return 0;
}

/* One schema below another; absent is fine. */
static int child(struct compiler *c, const struct doc *d, const struct structural **ret, struct structural *s)
{
    struct structural *made;
    if (!doc_is(d, DOC_OBJECT))
        return 0;
    if (compile(c, d, &made) < 0)
        return -1;
    s->has_defaults |= made->has_defaults;
    *ret = made;
    return 0;
}

static int list_of(struct compiler *c, const struct doc *d, struct structural_list_of *ret)
{
    size_t n = doc_is(d, DOC_ARRAY) ? doc_count(d) : 0, i = 0;
    if (!n)
        return 0;
    const struct structural **v = arena_calloc(c->a, n, sizeof(*v));
    if (!v)
        return full(c);
    doc_foreach (d, one) {
        struct structural *made;
        if (compile(c, one, &made) < 0)
            return -1;
        v[i++] = made;
    }
    *ret = (struct structural_list_of){v, n};
    return 0;
}

static int pattern(struct compiler *c, const struct doc *d, struct structural *s)
{
    if (!doc_is(d, DOC_STRING) || !doc_str(d).n)
        return 0;
    s->pattern = doc_str(d);
    return regex_compile(c->a, s->pattern, &s->regex, c->err);
}

static const struct doc *number(const struct doc *schema, const char *key)
{
    const struct doc *d = doc_get(schema, key);
    return doc_is(d, DOC_NUMBER) ? d : NULL;
}

static void scalars(const struct doc *d, struct structural *s)
{
    const struct {
        const char *key;
        int64_t *to;
    } counts[] = {
        {"maxLength", &s->max_length}, {"minLength", &s->min_length},         {"maxItems", &s->max_items},
        {"minItems", &s->min_items},   {"maxProperties", &s->max_properties}, {"minProperties", &s->min_properties},
    };
    const struct {
        const char *key;
        bool *to;
    } flags[] = {
        {"nullable", &s->nullable},
        {"exclusiveMaximum", &s->exclusive_maximum},
        {"exclusiveMinimum", &s->exclusive_minimum},
        {"x-kubernetes-int-or-string", &s->int_or_string},
        {"x-kubernetes-preserve-unknown-fields", &s->preserve_unknown},
        {"x-kubernetes-embedded-resource", &s->embedded},
    };
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        *counts[i].to = doc_int_or(doc_get(d, counts[i].key), -1);
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        *flags[i].to = doc_true(doc_get(d, flags[i].key));
    s->type = type_of(doc_str(doc_get(d, "type")));
    s->list_type = list_type_of(doc_str(doc_get(d, "x-kubernetes-list-type")));
    s->maximum = number(d, "maximum");
    s->minimum = number(d, "minimum");
    s->multiple_of = number(d, "multipleOf");
    s->format = doc_str(doc_get(d, "format"));
    s->checked = format_find(s->format);
    const struct doc *e = doc_get(d, "enum");
    s->enum_values = doc_is(e, DOC_ARRAY) && doc_count(e) ? e : NULL;
    const struct doc *def = doc_get(d, "default");
    s->default_value = def && def->type != DOC_NULL ? def : NULL;
    s->has_defaults = s->default_value != NULL;
}

static int compile(struct compiler *c, const struct doc *d, struct structural **ret)
{
    struct structural *s = arena_new_of(c->a, struct structural);
    if (!s)
        return full(c);
    if (c->depth >= DEPTH_MAX)
        return err_set(c->err, ERR_TOO_LARGE, "the schema is nested too deeply");
    c->depth++;
    scalars(d, s);
    const struct doc *additional = doc_get(d, "additionalProperties");
    s->has_additional = doc_is(additional, DOC_OBJECT) || doc_true(additional);
    if (pattern(c, doc_get(d, "pattern"), s) < 0 || properties(c, doc_get(d, "properties"), s) < 0 ||
        child(c, additional, &s->additional, s) < 0 || child(c, doc_get(d, "items"), &s->items, s) < 0 ||
        strings(c, doc_get(d, "required"), &s->required, &s->n_required) < 0 ||
        strings(c, doc_get(d, "x-kubernetes-list-map-keys"), &s->map_keys, &s->n_map_keys) < 0 ||
        list_of(c, doc_get(d, "allOf"), &s->all_of) < 0 || list_of(c, doc_get(d, "anyOf"), &s->any_of) < 0 ||
        list_of(c, doc_get(d, "oneOf"), &s->one_of) < 0 || child(c, doc_get(d, "not"), &s->not_schema, s) < 0)
        return -1;
    c->depth--;
    *ret = s;
    return 0;
}

int structural_compile(struct arena *a, const struct doc *schema, const struct structural **ret, struct err *err)
{
    struct compiler c = {a, err, 0};
    struct structural *s;
    if (compile(&c, schema, &s) < 0)
        return -1;
    *ret = s;
    return 0;
}

const struct structural *structural_property(const struct structural *s, struct str name)
{
    size_t low = 0, high = s ? s->n_properties : 0;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int c = str_cmp(s->properties[mid].name, name);
        if (c == 0)
            return s->properties[mid].schema;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}
