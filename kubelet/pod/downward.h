/*
 * downward.h - what a pod may learn about itself: fields and resources, for env and downwardAPI volumes. Pure.
 */
#ifndef KUBELET_POD_DOWNWARD_H
#define KUBELET_POD_DOWNWARD_H

#include "kubelet/pod/resources.h"

/* What the pod object may not tell yet. */
struct downward_facts {
    const char *node_name;
    const char *const *host_ips, *const *pod_ips;
    size_t n_host_ips, n_pod_ips;
    struct node_resources allocatable;
};

/* Appends the value of "metadata.name", "metadata.labels['x']", "status.podIP" ...; ERR_INVALID with upstream's text
 * when there is no such field. */
int downward_field(struct buf *out, const Corev1__Pod *pod, const struct downward_facts *facts, const char *path,
                   struct err *err) MUST_CHECK;
/* Appends limits.cpu and the like, divided and rounded up. container: the one it is about. */
int downward_resource(struct buf *out, const Corev1__Container *container, const struct downward_facts *facts,
                      const Corev1__ResourceFieldSelector *selector, struct err *err) MUST_CHECK;

#endif
