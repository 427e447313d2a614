/*
 * resources.h - requests and limits turned into quality of service, cgroup settings and OOM scores. Pure.
 */
#ifndef KUBELET_POD_RESOURCES_H
#define KUBELET_POD_RESOURCES_H

#include "api/quantity.h"
#include "kubelet/pod/spec.h"
#include "kubelet/runtime/runtime.h"

#define QOS_GUARANTEED "Guaranteed"
#define QOS_BURSTABLE "Burstable"
#define QOS_BEST_EFFORT "BestEffort"

/* What the node has (or may give to pods). */
struct node_resources {
    int64_t cpu_milli, memory, ephemeral_storage, pods;
};

enum resource_side { RESOURCE_LIMIT, RESOURCE_REQUEST };
/* False when it is not set, or not readable. */
bool resource_find(const Corev1__ResourceRequirements *r, enum resource_side side, const char *name,
                   struct quantity *ret);

const char *pod_qos(const Corev1__Pod *pod);
/* "/kubepods/burstable/pod<uid>" below root ("" or "/x"). */
void pod_cgroup(struct buf *out, const char *root, const Corev1__Pod *pod);

/* What a container's cgroup gets. memory_capacity: the node's, for the OOM score. */
struct runtime_resources container_cgroup_resources(const Corev1__Pod *pod, const Corev1__Container *c,
                                                    int64_t memory_capacity);
/* What the pod's own cgroup gets: the sum of its containers (or the largest init container), limits only when every
 * container has one. */
struct runtime_resources pod_cgroup_resources(const Corev1__Pod *pod);

#endif
