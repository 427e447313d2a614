/*
 * workqueue.h - keys to be worked on, and the workers.
 *
 * As client-go's rate limiting queue: a key that waits is in the queue once however often it is added; a key is never
 * given to two workers at a time (added while it is worked on, it is queued again when the worker is done); keys may be
 * added after a delay; a failing key comes back after 5 ms, 10 ms, 20 ms ... 1000 s, counted for itself until it is
 * forgotten. Safe from any thread.
 *
 * The number of keys is bounded by the number of objects, so there is no ceiling of its own.
 */
#ifndef CLIENT_WORKQUEUE_H
#define CLIENT_WORKQUEUE_H

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "client/stop.h"

struct workqueue;

struct workqueue_options {
    const char *name;          /* in logs and metrics */
    int64_t backoff_base_ns;   /* 0 = 5 ms */
    int64_t backoff_max_ns;    /* 0 = 1000 s */
    const struct clock *clock; /* NULL = clock_system; another one only in tests (then call workqueue_tick) */
};
struct workqueue *workqueue_new(const struct workqueue_options *o);
struct workqueue *workqueue_free(struct workqueue *q); /* all workers must have ended; returns NULL, accepts NULL */
static inline void workqueue_freep(struct workqueue **q)
{
    workqueue_free(*q);
}

void workqueue_add(struct workqueue *q, struct str key);
void workqueue_add_after(struct workqueue *q, struct str key, int64_t delay_ns); /* the earlier of two delays counts */
void workqueue_add_rate_limited(struct workqueue *q, struct str key);
void workqueue_forget(struct workqueue *q, struct str key); /* the next failure counts as the first */
int workqueue_retries(struct workqueue *q, struct str key); /* failures since the last forget */
size_t workqueue_len(struct workqueue *q);                  /* keys that are ready */

struct workqueue_numbers { /* for metrics */
    const char *name;
    size_t depth, delayed;
    uint64_t adds, retries; /* since the start */
};
struct workqueue_numbers workqueue_numbers(struct workqueue *q);

/* The next key (malloc'd), which the caller must give back with workqueue_done; NULL when the queue has shut down.
 * Blocks. */
char *workqueue_get(struct workqueue *q);
void workqueue_done(struct workqueue *q, char *key); /* frees key */
/* No more keys are taken in or given out; what waits is dropped: the next start of the program finds it again. */
void workqueue_shutdown(struct workqueue *q);
void workqueue_tick(
    struct workqueue *q); /* moves keys whose time has come; done by get by itself with the system clock */

/* --- workers: n threads that run sync(key) ---
 * sync returns 0 (forget the key), or -1 with err (logged at warn, or at debug when the code is ERR_CONFLICT; the key
 * comes back rate-limited). To come back later without a failure it calls workqueue_add_after itself. */
typedef int sync_fn(void *ctx, struct str key, struct err *err);
struct workers;
struct workers *workers_start(struct workqueue *q, int n, sync_fn *sync, void *ctx);
struct workers *workers_join(struct workers *w); /* after workqueue_shutdown; frees; returns NULL, accepts NULL */

#endif
