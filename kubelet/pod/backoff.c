#include "kubelet/pod/backoff.h"

struct entry {
    int64_t delay, updated;
};

void backoff_init(struct backoff *b, int64_t initial_ns, int64_t max_ns)
{
    *b = (struct backoff){.initial = initial_ns, .max = max_ns};
    map_init(&b->entries, free);
}

void backoff_release(struct backoff *b)
{
    map_release(&b->entries);
}

static bool expired(const struct backoff *b, const struct entry *e, int64_t at)
{
    return at - e->updated > 2 * b->max;
}

int64_t backoff_remaining(const struct backoff *b, struct str key, int64_t since, int64_t now)
{
    const struct entry *e = map_get(&b->entries, key);
    if (!e || expired(b, e, since))
        return 0;
    int64_t left = since + e->delay - now;
    return left > 0 ? left : 0;
}

int64_t backoff_remaining_since_update(const struct backoff *b, struct str key, int64_t now)
{
    const struct entry *e = map_get(&b->entries, key);
    if (!e || expired(b, e, now))
        return 0;
    int64_t left = e->updated + e->delay - now;
    return left > 0 ? left : 0;
}

int64_t backoff_delay(const struct backoff *b, struct str key)
{
    const struct entry *e = map_get(&b->entries, key);
    return e ? e->delay : 0;
}

void backoff_next(struct backoff *b, struct str key, int64_t event, int64_t now)
{
    struct entry *e = map_get(&b->entries, key);
    if (!e) {
        e = xcalloc(1, sizeof(*e));
        map_set(&b->entries, key, e);
        e->delay = b->initial;
    } else if (expired(b, e, event)) {
        e->delay = b->initial;
    } else {
        e->delay = MIN_OF(e->delay * 2, b->max);
    }
    e->updated = now;
}
