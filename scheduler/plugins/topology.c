#include "topology.h"

static void release(void *d)
{
    map_release(&((struct domains *)d)->counts);
}

struct domains *domains_new(struct arena *a)
{
    struct domains *d = arena_new_of(a, struct domains);

    if (d) {
        map_init(&d->counts, NULL);
        arena_defer(a, release, d);
    }
    return d;
}

#define DOMAIN_KEY_MAX 512 /* a label key has 317 bytes at most, a value 63 */

static struct str pair(char *buf, const char *key, const char *value)
{
    size_t nk = strnlen(key, DOMAIN_KEY_MAX / 2), nv = strnlen(value, DOMAIN_KEY_MAX / 2 - 1);

    memcpy(buf, key, nk);
    buf[nk] = '\0';
    memcpy(buf + nk + 1, value, nv);
    return str_n(buf, nk + 1 + nv);
}

void domains_add(struct domains *d, const char *key, const char *value, int64_t n)
{
    char buf[DOMAIN_KEY_MAX];
    struct str k = pair(buf, key, value);
    intptr_t old = (intptr_t)map_get(&d->counts, k);

    /* counts stand shifted by one, so that a domain with none is still there */
    map_set(&d->counts, k, (void *)(old ? old + 2 * (intptr_t)n : 2 * (intptr_t)n + 1));
}

bool domains_has(const struct domains *d, const char *key, const char *value)
{
    char buf[DOMAIN_KEY_MAX];
    return map_has(&d->counts, pair(buf, key, value));
}

int64_t domains_get(const struct domains *d, const char *key, const char *value)
{
    char buf[DOMAIN_KEY_MAX];
    intptr_t v = (intptr_t)map_get(&d->counts, pair(buf, key, value));
    return v ? (v - 1) / 2 : 0;
}

size_t domains_count(const struct domains *d)
{
    return d->counts.n;
}
