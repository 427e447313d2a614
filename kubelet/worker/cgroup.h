/*
 * cgroup.h - the cgroups of pods and of the QoS classes above them; containers get theirs below from the runtime.
 *
 * Works on cgroup v1 (also beside an empty v2, "hybrid") and on v2, by plain files. What cannot be set is left: limits
 * of containers are the runtime's, the pod's own are a second fence.
 */
#ifndef KUBELET_WORKER_CGROUP_H
#define KUBELET_WORKER_CGROUP_H

#include "kubelet/runtime/runtime.h"

bool cgroup_is_v2(void);
/* Makes path ("/kubepods/burstable/pod<uid>") and sets what r says. */
int cgroup_make(const char *path, const struct runtime_resources *r, struct err *err) MUST_CHECK;
/* Removes it with what is below; fine when it is not there. Processes in it make it fail with ERR_CONFLICT. */
int cgroup_remove(const char *path, struct err *err) MUST_CHECK;

#endif
