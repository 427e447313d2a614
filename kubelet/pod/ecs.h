/*
 * ecs.h - what an ECS task asks for a container where Kubernetes has no member: annotations of its pod (ecs/map/pod.h).
 * Pure.
 *
 * They count only in the namespaces of ECS clusters (ecs-...): whoever may make pods elsewhere gets no more than
 * Kubernetes lets them have.
 */
#ifndef KUBELET_POD_ECS_H
#define KUBELET_POD_ECS_H

#include "kubelet/pod/spec.h"

/* The user of the image's /etc/passwd to run as, never "root"; NULL when none is asked for. It stands beside
 * runAsNonRoot, so that a kubelet that does not know it starts nothing as root. */
const char *ecs_user_name(const Corev1__Pod *p, const char *container);
/* The grace of that container: its own when it is shorter than the pod's. */
int64_t ecs_stop_grace(const Corev1__Pod *p, const char *container, int64_t pod_grace_s);
/* How long that container must have run for a restart by its rules; 0 when nothing is asked for. */
int64_t ecs_restart_after(const Corev1__Pod *p, const char *container);
/* An init container whose failure is none. */
bool ecs_may_fail(const Corev1__Pod *p, const char *container);

#endif
