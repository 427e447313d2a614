#include "controllers/expectations.h"

#include "base/map.h"

#include <pthread.h>

#define EXPIRE_NS (300 * NS_PER_S)

struct expected {
    int creations;
    struct map deletions; /* key -> itself */
    int64_t since;
};

struct expectations {
    const struct clock *clock;
    pthread_mutex_t lock;
    struct map keys;
};

static void expected_free(void *p)
{
    map_release(&((struct expected *)p)->deletions);
    free(p);
}

struct expectations *expectations_new(const struct clock *clock)
{
    struct expectations *e = xcalloc(1, sizeof(*e));

    e->clock = clock;
    pthread_mutex_init(&e->lock, NULL);
    map_init(&e->keys, expected_free);
    return e;
}

struct expectations *expectations_free(struct expectations *e)
{
    if (!e)
        return NULL;
    map_release(&e->keys);
    pthread_mutex_destroy(&e->lock);
    free(e);
    return NULL;
}

static struct expected *renew(struct expectations *e, struct str key)
{
    struct expected *x = xcalloc(1, sizeof(*x));

    map_init(&x->deletions, NULL);
    x->since = clock_mono(e->clock);
    map_set(&e->keys, key, x);
    return x;
}

void expect_creations(struct expectations *e, struct str key, int n)
{
    pthread_mutex_lock(&e->lock);
    renew(e, key)->creations = n;
    pthread_mutex_unlock(&e->lock);
}

void expect_deletions(struct expectations *e, struct str key, const struct str *deleted, size_t n)
{
    pthread_mutex_lock(&e->lock);
    struct expected *x = renew(e, key);
    for (size_t i = 0; i < n; i++)
        map_set(&x->deletions, deleted[i], x);
    pthread_mutex_unlock(&e->lock);
}

void creation_observed(struct expectations *e, struct str key)
{
    pthread_mutex_lock(&e->lock);
    struct expected *x = map_get(&e->keys, key);
    if (x && x->creations > 0)
        x->creations--;
    pthread_mutex_unlock(&e->lock);
}

void deletion_observed(struct expectations *e, struct str key, struct str deleted)
{
    pthread_mutex_lock(&e->lock);
    struct expected *x = map_get(&e->keys, key);
    if (x)
        map_del(&x->deletions, deleted);
    pthread_mutex_unlock(&e->lock);
}

bool expectations_met(struct expectations *e, struct str key)
{
    pthread_mutex_lock(&e->lock);
    struct expected *x = map_get(&e->keys, key);
    bool met = !x || (x->creations == 0 && x->deletions.n == 0) || clock_mono(e->clock) - x->since > EXPIRE_NS;
    pthread_mutex_unlock(&e->lock);
    return met;
}

void expectations_forget(struct expectations *e, struct str key)
{
    pthread_mutex_lock(&e->lock);
    map_del(&e->keys, key);
    pthread_mutex_unlock(&e->lock);
}
