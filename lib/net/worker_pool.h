/*
 * worker_pool.h - a bounded pool of threads for work that may block.
 *
 * Jobs run in the order of submission, each on one thread; threads start as work needs them and stay. The queue has a
 * ceiling: a full pool refuses, and the caller answers 429 with Retry-After. All calls are thread-safe.
 */
#ifndef NET_WORKER_POOL_H
#define NET_WORKER_POOL_H

#include "base/err.h"

struct worker_pool;

struct worker_pool_options {
    const char *name; /* of the threads, at most 12 bytes; NULL = "worker" */
    size_t threads;   /* 0 = 16 */
    size_t queue_max; /* jobs waiting; 0 = 4096 */
};

struct worker_stats {
    size_t queued, running;
    uint64_t done, refused;
};

struct worker_pool *worker_pool_new(const struct worker_pool_options *o, struct err *err) MUST_CHECK;
/* Refuses from now on, lets the queued jobs run, waits for them. Returns NULL; accepts NULL. */
struct worker_pool *worker_pool_free(struct worker_pool *p);
/* False when the queue is full or the pool is being freed: fn has not been and will not be called. */
bool worker_pool_submit(struct worker_pool *p, void (*fn)(void *arg), void *arg) MUST_CHECK;
void worker_pool_stats(struct worker_pool *p, struct worker_stats *ret);

#endif
