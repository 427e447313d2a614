#include "api/slots.h"

#include "api/forms.h"

struct doc **slots_push(struct slots *s, size_t n)
{
    if (n > SLOTS_MAX - s->top)
        return NULL;
    struct doc **frame = s->v + s->top;
    memset(frame, 0, n * sizeof(*frame));
    s->top += n;
    return frame;
}

struct doc *slots_zero(struct arena *a, const struct schema_message *m)
{
    const struct form *form = form_of(m);

    if (form)
        return form_zero(a, form);
    if (m->form != SCHEMA_FORM_OBJECT)
        return doc_null(a);
    struct doc **none = arena_calloc(a, m->n_slots ? m->n_slots : 1, sizeof(*none));
    return none ? slots_object(a, m, none) : NULL;
}

static struct doc *zero_scalar(struct arena *a, const struct schema_field *f)
{
    switch (f->type) {
    case SCHEMA_STRING:
        return doc_string(a, STR(""));
    case SCHEMA_BOOL:
        return doc_bool(a, false);
    default:
        return doc_number(a, STR("0"));
    }
}

static bool scalar_is_zero(const struct schema_field *f, const struct doc *v)
{
    switch (v->type) {
    case DOC_STRING:
        return v->n == 0;
    case DOC_BOOL:
        return !v->b;
    case DOC_NUMBER: {
        double x;
        return v->flags & DOC_F_INT ? v->n == 1 && v->s[0] == '0' : doc_to_double(v, &x) && x == 0;
    }
    default:
        return false;
    }
}

/* Go's nil-able values: lists, maps, bytes. */
static bool is_collection(const struct schema_field *f)
{
    return f->label != SCHEMA_ONE || f->type == SCHEMA_BYTES || (f->message && f->message->form == SCHEMA_FORM_LIST);
}

/* What is written for a member that holds v (NULL = nothing); NULL = it is left out. */
static struct doc *member_value(struct arena *a, const struct schema_field *f, struct doc *v)
{
    bool omit = f->flags & SCHEMA_F_OMITEMPTY;

    if (v && v->type == DOC_NULL)
        v = NULL;
    if (is_collection(f))
        return omit && (!v || v->n == 0) ? NULL : v ? v : doc_null(a);
    if (f->flags & SCHEMA_F_POINTER)
        return v ? v : omit ? NULL : doc_null(a);
    if (f->message) {
        if (!v)
            return f->flags & SCHEMA_F_OMITZERO ? NULL : slots_zero(a, f->message);
        return v;
    }
    if (omit && (!v || scalar_is_zero(f, v)))
        return NULL;
    return v ? v : zero_scalar(a, f);
}

struct doc *slots_object(struct arena *a, const struct schema_message *m, struct doc *const *slots)
{
    struct doc *obj = doc_object(a);

    if (!obj)
        return NULL;
    for (size_t i = 0; i < m->n_slots; i++) {
        const struct schema_field *f = m->slots[i];
        struct doc *v = member_value(a, f, slots[i]);
        if (!v)
            continue;
        v->key = f->json;
        v->key_len = f->json_len;
        v->next = NULL;
        if (obj->last)
            obj->last->next = v;
        else
            obj->first = v;
        obj->last = v;
        obj->n++;
    }
    return arena_overflow(a) ? NULL : obj;
}

static bool ascending(const struct doc *map)
{
    for (const struct doc *d = map->first; d && d->next; d = d->next)
        if (str_cmp(doc_key(d), doc_key(d->next)) >= 0)
            return false;
    return true;
}

void slots_sort_map(struct doc *map)
{
    if (map->n < 2 || ascending(map))
        return;
    doc_sort_members(map, false);
    struct doc **link = &map->first; /* the sort is stable: of equal keys the last read is the last */
    while ((*link)->next) {
        if (str_eq(doc_key(*link), doc_key((*link)->next))) {
            *link = (*link)->next;
            map->n--;
        } else {
            link = &(*link)->next;
        }
    }
    map->last = *link;
}
