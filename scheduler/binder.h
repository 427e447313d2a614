/*
 * binder.h - everything the scheduler writes, done by a few threads beside the scheduling one: bindings with many in
 * flight, and the PodScheduled condition and event of a pod that fits nowhere.
 *
 * Jobs are at most one a pod, so their number is bounded by the number of pods. Threads: bind and refuse may be called
 * from any thread; `done` is called on the binder's threads.
 */
#ifndef SCHEDULER_BINDER_H
#define SCHEDULER_BINDER_H

#include "client/recorder.h"

struct binder;

struct binder_options {
    struct kube_client *client;
    struct recorder *recorder;
    int threads;
    /* A binding has ended; err is NULL when it succeeded. */
    void (*done)(void *ctx, const struct kube_object *pod, const struct err *err);
    void *ctx;
};

struct binder *binder_new(const struct binder_options *o);
struct binder *
binder_free(struct binder *b); /* what has begun ends, what waits is dropped; returns NULL, accepts NULL */
static inline void binder_freep(struct binder **b)
{
    binder_free(*b);
}

void binder_bind(struct binder *b, struct kube_object *pod, const char *node);
/* reason: "Unschedulable" or "SchedulerError". */
void binder_refuse(struct binder *b, struct kube_object *pod, const char *reason, const char *message);

/* The strategic merge patch of the status that sets the condition; false when the pod says so already. Pure; for tests.
 */
bool binder_condition_patch(const struct kube_object *pod, const char *reason, const char *message, int64_t now_ns,
                            struct buf *ret);

#endif
