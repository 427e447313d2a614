#include "api/defaults.h"

#include "api/defaults_rules.h"
#include "api/json.h"
#include "api/quantity.h"

/* --- what rules are made of --- */

bool default_is_unset(const struct schema_field *f, const struct doc *d)
{
    if (!d || d->type == DOC_NULL)
        return true;
    if (f->flags & SCHEMA_F_POINTER)
        return false;
    switch (d->type) {
    case DOC_BOOL:
        return !d->b;
    case DOC_NUMBER:
        return d->n == 1 && d->s[0] == '0';
    case DOC_OBJECT: /* a struct is never unset, a map is when it is empty */
        return f->label == SCHEMA_MAP && d->n == 0;
    default:
        return d->n == 0;
    }
}

void default_put(struct doc *obj, const struct schema_message *m, const char *key, struct doc *value)
{
    uint16_t slot, other;
    const struct schema_field *f = schema_member_slot(m, str_of(key), &slot);

    if (!f || !value || !doc_is(obj, DOC_OBJECT))
        return;
    struct doc **link = &obj->first, *last = NULL;
    while (*link && (!schema_member_slot(m, doc_key(*link), &other) || other < slot)) {
        last = *link;
        link = &(*link)->next;
    }
    if (*link && other == slot) { /* takes the old one's place */
        value->next = (*link)->next;
        if (obj->last == *link)
            obj->last = value;
    } else {
        value->next = *link;
        if (obj->last == last)
            obj->last = value;
        obj->n++;
    }
    value->key = f->json;
    value->key_len = f->json_len;
    *link = value;
}

bool default_unset_put(struct doc *obj, const struct schema_message *m, const char *key, struct doc *value)
{
    const struct schema_field *f = schema_member(m, str_of(key));

    if (!f || !doc_is(obj, DOC_OBJECT) || !default_is_unset(f, doc_get(obj, key)))
        return false;
    default_put(obj, m, key, value);
    return true;
}

const struct schema_message *default_message(const struct schema_message *m, const char *path)
{
    const struct schema_field *f = schema_path(m, str_of(path));

    return f ? f->message : NULL;
}

/* --- rows --- */

static struct doc *value_doc(struct arena *a, const char *json)
{
    struct str s = str_of(json);
    struct err err = ERR_INIT;
    struct doc *d;

    if (s.p[0] == '"')
        return doc_string(a, str_n(s.p + 1, s.n - 2));
    return json_parse(a, s, NULL, &d, &err) == 0 ? d : NULL;
}

/* Follows all of the path but its last segment; false when something on the way is absent. */
static bool find_parent(struct doc **obj, const struct schema_message **m, struct str path, struct str *last)
{
    for (const char *dot; (dot = memchr(path.p, '.', path.n)); path = str_from(path, (size_t)(dot - path.p) + 1)) {
        struct str segment = str_n(path.p, (size_t)(dot - path.p));
        const struct schema_field *f = schema_member(*m, segment);
        *obj = doc_get_str(*obj, segment);
        if (!f || !doc_is(*obj, DOC_OBJECT))
            return false;
        *m = f->message;
    }
    *last = path;
    return true;
}

static bool guard_holds(const struct default_rule *r, struct doc *obj, const struct schema_message *m)
{
    struct str values, last, one;

    if (!r->guard_path)
        return true;
    bool empty = r->guard_values[0] == '\0';
    if (!find_parent(&obj, &m, str_of(r->guard_path), &last))
        return empty;
    const struct schema_field *f = schema_member(m, last);
    struct doc *d = doc_get_str(obj, last);
    if (empty)
        return f && default_is_unset(f, d);
    for (values = str_of(r->guard_values); str_split(&values, '|', &one);)
        if (str_eq(doc_str(d), one))
            return true;
    return false;
}

static void apply_row(struct arena *a, const struct default_rule *r, struct doc *obj, const struct schema_message *m)
{
    struct str last;

    if (!guard_holds(r, obj, m) || !find_parent(&obj, &m, str_of(r->path), &last))
        return;
    const struct schema_field *f = schema_member(m, last);
    if (!f || !default_is_unset(f, doc_get_str(obj, last)))
        return;
    struct doc *value = value_doc(a, r->value);
    /* What Go would leave out again is not set at all. */
    if (value && (f->flags & SCHEMA_F_OMITEMPTY) && default_is_unset(f, value))
        return;
    default_put(obj, m, f->json, value);
}

static void apply_set(struct arena *a, struct doc *obj, const struct schema_message *m)
{
    const struct default_set *set = &default_sets[m->id];

    for (size_t i = 0; i < set->n; i++) {
        if (set->rules[i].fn)
            set->rules[i].fn(a, obj, m);
        else
            apply_row(a, &set->rules[i], obj, m);
    }
}

/* --- the walk: a message's rules first, then what it holds --- */

static void round_up_to_milli(struct arena *a, struct doc *resources)
{
    char text[QUANTITY_TEXT_MAX];
    struct quantity q;

    doc_foreach (resources, it) {
        struct str s = doc_str(it);
        bool tiny = s.n && (s.p[s.n - 1] == 'n' || s.p[s.n - 1] == 'u' || memchr(s.p, '-', s.n));
        if (!tiny || !quantity_read(s, &q) || q.nano % 1000000 == 0)
            continue;
        q = quantity_of_milli(quantity_milli(&q), q.format);
        quantity_format(&q, text);
        struct str rounded = arena_str(a, str_of(text));
        it->s = rounded.p;
        it->n = (uint32_t)rounded.n;
    }
}

static void walk(struct arena *a, struct doc *obj, const struct schema_message *m);

static void walk_field(struct arena *a, struct doc *d, const struct schema_field *f)
{
    if (f->label == SCHEMA_ONE) {
        walk(a, d, f->message);
        return;
    }
    if (f->label == SCHEMA_MAP && f->more && f->more->go && strcmp(f->more->go, "v1.ResourceList") == 0)
        round_up_to_milli(a, d);
    else if (f->message)
        doc_foreach (d, it)
            walk(a, it, f->message);
}

/* Inlined messages have their members in the same object. */
static void apply_inlined(struct arena *a, struct doc *obj, const struct schema_message *m)
{
    for (size_t i = 0; i < m->n_fields; i++) {
        const struct schema_field *f = &m->fields[i];
        if (!(f->flags & SCHEMA_F_INLINE) || !default_sets[f->message->id].below)
            continue;
        apply_set(a, obj, f->message);
        apply_inlined(a, obj, f->message);
    }
}

static void walk(struct arena *a, struct doc *obj, const struct schema_message *m)
{
    if (!m || m->id == SCHEMA_NO_ID || !default_sets[m->id].below || !doc_is(obj, DOC_OBJECT))
        return;
    apply_set(a, obj, m);
    apply_inlined(a, obj, m);
    doc_foreach (obj, it) {
        const struct schema_field *f = schema_member(m, doc_key(it));
        if (f && f->message)
            walk_field(a, it, f);
    }
}

void defaults_apply(struct arena *a, struct doc *obj, const struct schema_kind *kind)
{
    walk(a, obj, kind->message);
}
