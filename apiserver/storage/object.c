/* Objects: one allocation holds the header, the key and the value. */
#include "internal.h"

#include <stdatomic.h>

struct slot {
    void *p;
    void (*free_fn)(void *);
};

struct object {
    struct storage_object pub; /* first: the public pointer is this one */
    atomic_int refs;
    _Atomic(struct slot *) slots[STORAGE_SLOTS];
    char bytes[];
};

static struct object *object_of(const struct storage_object *o)
{
    return (struct object *)(uintptr_t)o;
}

struct storage_object *storage_object_alloc(struct str key, size_t value_n, int64_t create_revision,
                                            int64_t mod_revision, char **ret_value)
{
    struct object *o = xmalloc(sizeof *o + key.n + value_n + 2);
    char *value = o->bytes + key.n + 1;
    memset(o, 0, sizeof *o);
    atomic_init(&o->refs, 1);
    memcpy(o->bytes, key.p, key.n);
    o->bytes[key.n] = '\0';
    value[value_n] = '\0';
    o->pub = (struct storage_object){mod_revision, create_revision, str_n(o->bytes, key.n), str_n(value, value_n)};
    *ret_value = value;
    return &o->pub;
}

struct storage_object *storage_object_new(struct str key, struct str value, int64_t create_revision,
                                          int64_t mod_revision)
{
    char *to;
    struct storage_object *o = storage_object_alloc(key, value.n, create_revision, mod_revision, &to);
    if (value.n)
        memcpy(to, value.p, value.n);
    return o;
}

struct storage_object *storage_object_at(const struct storage_object *o, int64_t mod_revision)
{
    return storage_object_new(o->key, o->value, o->create_revision, mod_revision);
}

struct storage_object *storage_object_ref(struct storage_object *o)
{
    atomic_fetch_add_explicit(&object_of(o)->refs, 1, memory_order_relaxed);
    return o;
}

void storage_object_unref(struct storage_object *pub)
{
    struct object *o = object_of(pub);
    if (!o || atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < STORAGE_SLOTS; i++) {
        struct slot *s = atomic_load_explicit(&o->slots[i], memory_order_acquire);
        if (s && s->free_fn)
            s->free_fn(s->p);
        free(s);
    }
    free(o);
}

void *storage_object_slot(const struct storage_object *o, unsigned slot)
{
    struct slot *s =
        slot < STORAGE_SLOTS ? atomic_load_explicit(&object_of(o)->slots[slot], memory_order_acquire) : NULL;
    return s ? s->p : NULL;
}

void *storage_object_set_slot(const struct storage_object *o, unsigned slot, void *p, void (*free_fn)(void *))
{
    struct slot *mine = xmalloc(sizeof *mine), *there = NULL;
    *mine = (struct slot){p, free_fn};
    if (slot >= STORAGE_SLOTS)
        abort(); /* the caller's numbering is wrong */
    if (atomic_compare_exchange_strong_explicit(&object_of(o)->slots[slot], &there, mine, memory_order_acq_rel,
                                                memory_order_acquire))
        return p;
    if (free_fn)
        free_fn(p);
    free(mine);
    return there->p;
}
