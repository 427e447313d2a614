/*
 * replicaset.h - the pure rules of the ReplicaSet controller.
 */
#ifndef CONTROLLERS_REPLICASET_H
#define CONTROLLERS_REPLICASET_H

#include "base/arena.h"
#include "client/kinds.h"

static inline int32_t rs_replicas(const Appsv1__ReplicaSet *rs)
{
    return rs->spec && rs->spec->has_replicas ? rs->spec->replicas : 1;
}

/* What became of the wish to create or delete pods. */
struct rs_outcome {
    int diff; /* pods there minus pods wanted, before */
    bool failed;
    const char *message;
};

/* The status of a replica set that owns `pods` (active ones; `terminating` more are on their way out). Memory of the
 * arena; conditions that stay are shared with the old status. */
Appsv1__ReplicaSetStatus *rs_status(struct arena *a, const Appsv1__ReplicaSet *rs, const struct kube_objects *pods,
                                    int terminating, const struct rs_outcome *outcome, int64_t now);
bool rs_status_equal(const Appsv1__ReplicaSetStatus *a, const Appsv1__ReplicaSetStatus *b);

/* The pod that a template makes: labels, annotations, finalizers and spec, the owner reference, generateName. Shares
 * with owner. */
Corev1__Pod *pod_from_template(struct arena *a, const Corev1__PodTemplateSpec *t, const struct kube_object *owner);

/* The next moment (wall ns) at which a ready pod becomes available by minReadySeconds; 0 = none waits for that. */
int64_t next_availability(const struct kube_objects *pods, int32_t min_ready_s, int64_t now);

#endif
