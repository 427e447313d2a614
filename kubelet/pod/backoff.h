/*
 * backoff.h - how long to wait before a container is restarted or an image is pulled again.
 *
 * The delay of a key starts at `initial`, doubles with every backoff_next and stops at `max`; a key that has been quiet
 * for twice the maximum starts over. Times are nanoseconds of one clock, given by the caller: no clock of its own.
 * Not thread-safe: each pod worker has its own.
 */
#ifndef KUBELET_POD_BACKOFF_H
#define KUBELET_POD_BACKOFF_H

#include "base/map.h"

struct backoff {
    int64_t initial, max;
    struct map entries;
};

void backoff_init(struct backoff *b, int64_t initial_ns, int64_t max_ns);
void backoff_release(struct backoff *b);

/* How long from now until the delay that began at `since` is over; 0 when nothing is to be waited for. */
int64_t backoff_remaining(const struct backoff *b, struct str key, int64_t since, int64_t now);
/* The same, counted from the last backoff_next of the key. */
int64_t backoff_remaining_since_update(const struct backoff *b, struct str key, int64_t now);
/* The delay as it stands, 0 for an unknown key. */
int64_t backoff_delay(const struct backoff *b, struct str key);
/* The thing failed at `event` (or is tried again): the next delay counts from now on. */
void backoff_next(struct backoff *b, struct str key, int64_t event, int64_t now);

#endif
