#include "members.h"

#define SMALL 64

void members_open(struct members *m, struct arena *a, struct doc *obj, size_t changes)
{
    *m = (struct members){.a = a, .obj = obj};
    map_init(&m->index, NULL);
    if (obj->n < SMALL || changes < SMALL / 4)
        return;
    m->cap = obj->n + changes;
    m->v = arena_calloc(a, m->cap, sizeof(struct doc *));
    for (struct doc *d = m->v ? obj->first : NULL; d; d = d->next) {
        m->v[m->n++] = d;
        map_set(&m->index, doc_key(d), (void *)(uintptr_t)m->n);
    }
}

static size_t place(const struct members *m, struct str key)
{
    return (size_t)(uintptr_t)map_get(&m->index, key);
}

struct doc *members_get(const struct members *m, struct str key)
{
    if (!m->v)
        return doc_get_str(m->obj, key);
    size_t at = place(m, key);
    return at ? m->v[at - 1] : NULL;
}

void members_set(struct members *m, struct str key, struct doc *value)
{
    if (!m->v) {
        doc_set_str(m->obj, key, value);
        return;
    }
    size_t at = place(m, key);
    if (!value || (!at && m->n == m->cap)) /* never more new ones than changes were announced */
        return;
    struct doc *old = at ? m->v[at - 1] : NULL;
    value->key = old ? old->key : key.p;
    value->key_len = (uint32_t)key.n;
    if (!at) {
        at = ++m->n;
        map_set(&m->index, key, (void *)(uintptr_t)at);
    }
    m->v[at - 1] = value;
}

void members_remove(struct members *m, struct str key)
{
    if (!m->v) {
        doc_remove_str(m->obj, key);
        return;
    }
    size_t at = place(m, key);
    if (!at)
        return;
    m->v[at - 1] = NULL;
    map_del(&m->index, key);
}

void members_close(struct members *m)
{
    struct doc **tail = &m->obj->first;

    map_release(&m->index);
    if (!m->v)
        return;
    m->obj->first = m->obj->last = NULL;
    m->obj->n = 0;
    for (size_t i = 0; i < m->n; i++) {
        if (!m->v[i])
            continue;
        m->v[i]->next = NULL;
        *tail = m->obj->last = m->v[i];
        tail = &m->v[i]->next;
        m->obj->n++;
    }
    m->v = NULL;
}
