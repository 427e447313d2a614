/*
 * scheduler.h - the scheduling loop: news in, pods placed, bindings out.
 *
 * scheduler_run blocks on the calling thread, which owns cache and queue. Level-triggered: after a start (or a lost
 * lead) everything is learnt again from the lists.
 */
#ifndef SCHEDULER_SCHEDULER_H
#define SCHEDULER_SCHEDULER_H

#include <stdatomic.h>

#include "client/kube_client.h"
#include "client/stop.h"

#define SCHEDULER_NAME "default-scheduler"
#define SCHEDULER_BINDERS 32 /* bindings in flight */

/* For /metrics: written by the loop, read from anywhere. */
struct scheduler_counters {
    _Atomic uint64_t scheduled, unschedulable, errors; /* attempts by result */
    _Atomic uint64_t active, backoff, waiting;         /* pods in the three places */
    _Atomic uint64_t nanoseconds;                      /* spent in attempts */
};

/* Until stop is requested. -1: the caches never filled. */
int scheduler_run(struct kube_client *c, struct stop *stop, struct scheduler_counters *counters,
                  struct err *err) MUST_CHECK;

#endif
