/*
 * pods.h - what controllers ask of a pod. Pure.
 */
#ifndef CONTROLLERS_PODS_H
#define CONTROLLERS_PODS_H

#include "client/meta.h"

bool pod_is_phase(const Corev1__Pod *p, const char *phase);
bool pod_is_finished(const Corev1__Pod *p);    /* Succeeded or Failed */
bool pod_is_active(const Corev1__Pod *p);      /* not finished and not being deleted */
bool pod_is_terminating(const Corev1__Pod *p); /* being deleted and not finished */
const Corev1__PodCondition *pod_condition(const Corev1__Pod *p, const char *type); /* NULL when absent */
bool pod_is_ready(const Corev1__Pod *p);
/* Ready for at least min_ready_s at `now` (wall ns). */
bool pod_is_available(const Corev1__Pod *p, int32_t min_ready_s, int64_t now);
int64_t pod_ready_since(const Corev1__Pod *p); /* 0 when it is not ready */

/* The order in which pods are given up when there are too many: first the one to delete. `related` = for each pod the
 * number of pods of the same owner family on its node. Sorts pods and ranks together, as upstream's
 * ActivePodsWithRanks. */
struct ranked_pod {
    struct kube_object *o;
    const Corev1__Pod *pod;
    int related;
};
void pods_rank(struct ranked_pod *pods, size_t n, int64_t now);

#endif
