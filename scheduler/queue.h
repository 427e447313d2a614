/*
 * queue.h - the pods that wait for a node.
 *
 * Three places, as upstream: active (by priority, then by age), back-off (1 s, doubled for each attempt, at most 10 s)
 * and unschedulable (until an event that a refusing plugin cares about, or 5 minutes). Pure: the time comes in as an
 * argument (monotonic ns). The pods belong to the cache; a pod is in one place at most. One thread at a time.
 */
#ifndef SCHEDULER_QUEUE_H
#define SCHEDULER_QUEUE_H

#include "scheduler/cache.h"

#define QUEUE_BACKOFF_NS ((int64_t)1000000000)
#define QUEUE_BACKOFF_MAX_NS ((int64_t)10 * 1000000000)
#define QUEUE_UNSCHEDULABLE_NS ((int64_t)300 * 1000000000)

struct pod_heap {
    struct sched_pod **v;
    size_t n, cap;
    bool (*before)(const struct sched_pod *a, const struct sched_pod *b);
};

struct queue {
    struct pod_heap active, backoff;
    struct pod_heap unschedulable; /* by the time since when */
};

void queue_init(struct queue *q);
void queue_release(struct queue *q);
/* A new pod, or one that changed itself: active at once, or back-off while its time has not come. */
void queue_add(struct queue *q, struct sched_pod *p, int64_t now);
/* The pod whose turn it is (out of the queue, attempts counted), or NULL. */
struct sched_pod *queue_pop(struct queue *q);
/* It was refused by the plugins in blockers. No blockers: an error that time may heal, so it only backs off. */
void queue_fail(struct queue *q, struct sched_pod *p, uint64_t blockers, int64_t now);
/* Something changed: pods that one of `plugins` refused may try again. ~0 = all. */
void queue_move(struct queue *q, uint64_t plugins, int64_t now);
void queue_remove(struct queue *q, struct sched_pod *p); /* fine when it is in none */
/* Moves what has become ready. Returns when to call again (monotonic ns), INT64_MAX = nothing waits for a time. */
int64_t queue_tick(struct queue *q, int64_t now);
int64_t queue_backoff(int attempts); /* how long after so many */

#endif
