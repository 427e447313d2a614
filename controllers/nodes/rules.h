/*
 * rules.h - what a node's state means for its taints and for the pods on it. Pure.
 */
#ifndef CONTROLLERS_NODES_RULES_H
#define CONTROLLERS_NODES_RULES_H

#include "base/arena.h"
#include "client/kinds.h"

#define TAINT_NOT_READY "node.kubernetes.io/not-ready"
#define TAINT_UNREACHABLE "node.kubernetes.io/unreachable"

const Corev1__NodeCondition *node_condition(const Corev1__Node *n, const char *type); /* NULL when absent */
/* "True", "False", "Unknown"; "Unknown" when the condition is absent. */
const char *node_ready(const Corev1__Node *n);

/* The node's conditions after it has been silent for too long: Ready and the pressure conditions Unknown. A copy in the
 * arena. */
Corev1__NodeStatus *silent_status(struct arena *a, const Corev1__Node *n, int64_t now);

/* The taints that conditions and spec.unschedulable ask for, beside those that are somebody else's. `evict`: NoExecute
 * ones too where the node is not ready. Returns true and a new list (arena) when it differs from what the node has. */
bool wanted_taints(struct arena *a, const Corev1__Node *n, bool evict, int64_t now, Corev1__Taint ***ret,
                   size_t *ret_n);
bool has_noexecute_of_ours(const Corev1__Node *n);

/* How many nodes may be evicted at a time depends on how many are down. */
enum zone_state { ZONE_NORMAL, ZONE_PARTIAL, ZONE_FULL };
enum zone_state zone_state(int ready, int not_ready);

bool tolerates(const Corev1__Toleration *t, const Corev1__Taint *taint);
/* When the pod must go (wall ns) because of the node's NoExecute taints: 0 = now, -1 = never. `now` for taints without
 * a time. */
int64_t eviction_time(const Corev1__Pod *pod, Corev1__Taint *const *taints, size_t n, int64_t now);

/* A copy of the pod's status with one condition set (transition time kept when its status stays). False: nothing to
 * change. */
bool pod_condition_set(struct arena *a, const Corev1__Pod *p, const char *type, const char *status, const char *reason,
                       const char *message, int64_t now, Corev1__PodStatus **ret);

#endif
