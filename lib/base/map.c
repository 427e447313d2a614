#include "map.h"

#include "random.h"

/* wyhash-like folding: multiply two 64-bit words to 128 bits and xor the halves. */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
    __uint128_t r = (__uint128_t)a * b;
    return (uint64_t)r ^ (uint64_t)(r >> 64);
}

static inline uint64_t load64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

uint64_t hash_bytes(const void *ptr, size_t n, uint64_t seed)
{
    static const uint64_t k0 = 0x9E3779B97F4A7C15u, k1 = 0xD6E8FEB86659FD93u;
    const unsigned char *p = ptr;
    uint64_t h = seed ^ fold(n ^ k0, k1);

    for (; n >= 8; n -= 8, p += 8)
        h = fold(h ^ load64(p), k0);
    uint64_t tail = 0;
    if (n)
        memcpy(&tail, p, n);
    return fold(h ^ tail, k1 ^ (uint64_t)n);
}

void map_init(struct map *m, void (*free_value)(void *))
{
    *m = (struct map){.free_value = free_value};
    random_bytes(&m->seed, sizeof(m->seed));
}

static void drop_entry(struct map *m, struct map_entry *e)
{
    if (m->free_value)
        m->free_value(e->value);
    free(e->key);
}

void map_clear(struct map *m)
{
    map_foreach (m, e)
        drop_entry(m, e);
    free(m->slots);
    m->slots = NULL;
    m->n = m->cap = 0;
}

void map_release(struct map *m)
{
    map_clear(m);
}

/* The slot of the key, or the free slot where it belongs. cap must not be 0. */
static struct map_entry *find(const struct map *m, struct str key, uint64_t hash)
{
    for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
        struct map_entry *e = &m->slots[i];
        if (!e->key || (e->hash == hash && str_eq(str_n(e->key, e->key_len), key)))
            return e;
    }
}

static struct map_entry *lookup(const struct map *m, struct str key)
{
    if (!m->cap)
        return NULL;
    struct map_entry *e = find(m, key, hash_bytes(key.p, key.n, m->seed));
    return e->key ? e : NULL;
}

void *map_get(const struct map *m, struct str key)
{
    struct map_entry *e = lookup(m, key);
    return e ? e->value : NULL;
}

bool map_has(const struct map *m, struct str key)
{
    return lookup(m, key) != NULL;
}

static void grow(struct map *m)
{
    struct map_entry *old = m->slots;
    size_t old_cap = m->cap;

    m->cap = old_cap ? old_cap * 2 : 16;
    m->slots = xcalloc(m->cap, sizeof(*m->slots));
    for (size_t i = 0; i < old_cap; i++)
        if (old[i].key)
            *find(m, str_n(old[i].key, old[i].key_len), old[i].hash) = old[i];
    free(old);
}

void map_set(struct map *m, struct str key, void *value)
{
    if (m->cap == 0 || m->n >= m->cap / 4 * 3)
        grow(m);
    uint64_t hash = hash_bytes(key.p, key.n, m->seed);
    struct map_entry *e = find(m, key, hash);
    if (e->key) {
        if (m->free_value && e->value != value)
            m->free_value(e->value);
        e->value = value;
        return;
    }
    *e = (struct map_entry){hash, str_dup(key), key.n, value};
    m->n++;
}

/* Closes the gap at slot i by moving later entries of the same probe run back (no tombstones). */
static void close_gap(struct map *m, size_t i)
{
    size_t mask = m->cap - 1;

    for (size_t j = (i + 1) & mask; m->slots[j].key; j = (j + 1) & mask) {
        size_t home = m->slots[j].hash & mask;
        if (((j - home) & mask) >= ((j - i) & mask)) {
            m->slots[i] = m->slots[j];
            i = j;
        }
    }
    m->slots[i] = (struct map_entry){0};
}

void *map_take(struct map *m, struct str key)
{
    struct map_entry *e = lookup(m, key);
    if (!e)
        return NULL;
    void *value = e->value;
    free(e->key);
    close_gap(m, (size_t)(e - m->slots));
    m->n--;
    return value;
}

bool map_del(struct map *m, struct str key)
{
    if (!lookup(m, key))
        return false;
    void *value = map_take(m, key);
    if (m->free_value)
        m->free_value(value);
    return true;
}
