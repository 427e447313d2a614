/*
 * actions.h - what has to be done to bring a pod from what runs to what is wanted. Pure: no I/O, no clock.
 *
 * The worker carries the actions out in this order: kill the pod (or single containers), make a sandbox, start init
 * containers, start containers. Starting may still be put off by a back-off, which is the worker's.
 */
#ifndef KUBELET_POD_ACTIONS_H
#define KUBELET_POD_ACTIONS_H

#include "kubelet/pod/spec.h"
#include "kubelet/runtime/runtime.h"

enum probe_result { PROBE_UNKNOWN, PROBE_SUCCESS, PROBE_FAILURE };

/* What the prober knows about a running container, by its id. */
struct probe_view {
    enum probe_result (*liveness)(const void *ctx, const char *container_id);
    enum probe_result (*startup)(const void *ctx, const char *container_id);
    const void *ctx;
};

enum kill_reason { KILL_POD, KILL_CHANGED, KILL_LIVENESS, KILL_STARTUP, KILL_UNKNOWN };

struct kill_action {
    const struct runtime_container *container;
    const Corev1__Container *spec;
    enum kill_reason reason;
    const char *message; /* of the Killing event */
};

struct pod_actions {
    bool kill_pod;       /* all containers and the sandbox */
    bool create_sandbox; /* with this attempt */
    uint32_t attempt;
    const char *sandbox_id; /* the one to use when none is created, NULL when there is none */
    struct kill_action *kills;
    size_t n_kills;
    size_t *start_init; /* indexes into spec.initContainers, in order */
    size_t n_start_init;
    size_t *start; /* indexes into spec.containers */
    size_t n_start;
};

/* All memory is the arena's; pointers lead into pod and running. */
void pod_actions_compute(struct arena *a, const Corev1__Pod *pod, const struct runtime_pod *running,
                         const struct probe_view *probes, struct pod_actions *ret);

/* Would this container be started (again), from its restart policy and how it ended? state NULL = never was. */
bool container_should_restart(const Corev1__Pod *pod, const Corev1__Container *k,
                              const struct runtime_container *state);

#endif
