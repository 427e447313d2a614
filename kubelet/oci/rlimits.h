/*
 * rlimits.h - the resource limits that a container's annotation asks for, written into its OCI configuration. Pure.
 *
 * CRI has no rlimits, so they travel as an annotation of the pod, one for each container, which containerd hands on to
 * the runtime (pod_annotations in its configuration):
 *
 *     ulimits.ecs.coracle.dev/CONTAINER: nofile=1024:2048,core=0:unlimited
 *
 * It counts only in the namespaces of ECS clusters (ecs-...): whoever may make pods elsewhere gets no more than
 * Kubernetes lets them have.
 */
#ifndef KUBELET_OCI_RLIMITS_H
#define KUBELET_OCI_RLIMITS_H

#include "api/doc.h"

#define OCI_ULIMITS "ulimits.ecs.coracle.dev/"

/* Sets process.rlimits of those named; others stay. *ret_changed tells whether there were any. The tree's arena is a.
 * Errors: INVALID for a text that is none. */
int oci_apply_rlimits(struct arena *a, struct doc *config, bool *ret_changed, struct err *err) MUST_CHECK;

#endif
