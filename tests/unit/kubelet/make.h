/*
 * make.h - pods and runtime states for tests, from short texts.
 */
#ifndef TESTS_UNIT_KUBELET_MAKE_H
#define TESTS_UNIT_KUBELET_MAKE_H

#include "kubelet/pod/actions.h"

/* JSON with single quotes for double ones. The pod lives as long as the arena; a uid is filled in when it has none. */
Corev1__Pod *make_pod(struct arena *a, const char *text);

/* A snapshot: "ready 10.0.0.1; main running; main exited 1" (newest first). Words for containers: NAME STATE [CODE]. A
 * sandbox is "ready IP" or "gone"; "" is an empty snapshot. Ids are NAME/ATTEMPT, sandbox ids s0, s1 ... (s0 the
 * newest); hashes fit the pod's images. Attempts count down from the number of containers of that name. */
struct runtime_pod *make_running(struct arena *a, const Corev1__Pod *pod, const char *text);

/* Probe results by container id: "main/0=fail side/0=ok"; others are unknown. */
struct probe_view make_probes(struct arena *a, const char *liveness, const char *startup);

#endif
