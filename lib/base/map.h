/*
 * map.h - a hash map from bytes to a pointer.
 *
 * Keys are copied into the map; values belong to the caller unless a free function was given at init. Hashing is seeded
 * at random for each map, so keys from outside cannot be chosen to collide. Not thread-safe.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "str.h"

struct map_entry {
    uint64_t hash;
    char *key; /* NUL-terminated copy; NULL = free slot */
    size_t key_len;
    void *value;
};

struct map {
    struct map_entry *slots;
    size_t n, cap; /* cap is 0 or a power of two */
    uint64_t seed;
    void (*free_value)(void *);
};

void map_init(struct map *m, void (*free_value)(void *)); /* free_value may be NULL */
void map_release(struct map *m);
void map_clear(struct map *m);

void *map_get(const struct map *m, struct str key); /* NULL when absent */
bool map_has(const struct map *m, struct str key);
/* Sets key to value; an old value is freed (with free_value). */
void map_set(struct map *m, struct str key, void *value);
bool map_del(struct map *m, struct str key);   /* true if it was there; frees the value */
void *map_take(struct map *m, struct str key); /* removes the key and hands the value over; NULL when absent */

static inline void *map_gets(const struct map *m, const char *key)
{
    return map_get(m, str_of(key));
}

static inline struct map_entry *map_next(const struct map *m, struct map_entry *e)
{
    struct map_entry *end = m->cap ? m->slots + m->cap : NULL;
    for (e = e ? e + 1 : m->slots; e && e < end; e++)
        if (e->key)
            return e;
    return NULL;
}
/* No insertion or removal in the body. */
#define map_foreach(m, it) for (struct map_entry *it = map_next((m), NULL); it; it = map_next((m), it))

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed);

#endif
