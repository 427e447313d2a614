#include "history.h"

#define HISTORY_FIRST 16

void history_init(struct history *h, size_t max, int64_t floor)
{
    *h = (struct history){.max = max, .floor = floor};
}

static void drop_oldest(struct history *h)
{
    struct storage_change *c = &h->ring[h->head].change;
    h->floor = c->revision;
    storage_object_unref(c->obj);
    storage_object_unref(c->prev);
    h->head = (h->head + 1) % h->cap;
    h->n--;
}

void history_release(struct history *h)
{
    while (h->n)
        drop_oldest(h);
    free(h->ring);
    h->ring = NULL;
    h->cap = h->head = 0;
}

static void grow(struct history *h)
{
    size_t cap = h->cap ? MIN_OF(h->cap * 2, h->max) : MIN_OF(HISTORY_FIRST, h->max);
    struct history_entry *ring = xmalloc(cap * sizeof *ring);
    for (size_t i = 0; i < h->n; i++)
        ring[i] = h->ring[(h->head + i) % h->cap];
    free(h->ring);
    h->ring = ring;
    h->cap = cap;
    h->head = 0;
}

void history_push(struct history *h, const struct storage_change *c, int64_t now)
{
    if (h->n == h->max)
        drop_oldest(h);
    else if (h->n == h->cap)
        grow(h);
    h->ring[(h->head + h->n++) % h->cap] = (struct history_entry){*c, now};
    storage_object_ref(c->obj);
    if (c->prev)
        storage_object_ref(c->prev);
}

void history_trim(struct history *h, int64_t now)
{
    while (h->n > HISTORY_MIN && now - h->ring[h->head].at > HISTORY_AGE_NS)
        drop_oldest(h);
}

const struct storage_change *history_at(const struct history *h, size_t i)
{
    return &h->ring[(h->head + i) % h->cap].change;
}

size_t history_after(const struct history *h, int64_t revision)
{
    size_t lo = 0, hi = h->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (history_at(h, mid)->revision <= revision)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}
