/*
 * status.h - what the API shows of a pod: phase, conditions, container states. Pure.
 */
#ifndef KUBELET_POD_STATUS_H
#define KUBELET_POD_STATUS_H

#include "kubelet/pod/actions.h"

/* Why a container is not started though it should be: what its last try ended with. */
struct waiting_reason {
    const char *container;
    const char *reason, *message;
};

struct status_input {
    const Corev1__Pod *pod; /* with the status that the API has */
    const struct runtime_pod *running;
    const char *runtime_name; /* "containerd": prefix of container ids */
    const char *const *host_ips;
    size_t n_host_ips;
    const char *qos_class;
    int64_t now_ns;   /* wall */
    int64_t start_ns; /* when the kubelet first saw the pod, if the API's status has no startTime yet */
    bool terminal;    /* its containers will not be started any more */
    const char *failed_reason, *failed_message; /* the kubelet has failed the pod (DeadlineExceeded ...), or NULL */
    const struct waiting_reason *waiting;
    size_t n_waiting;
    enum probe_result (*readiness)(const void *ctx, const char *container_id);
    const struct probe_view *probes;
    /* Termination message of an ended container, or NULL. */
    const char *(*message)(const void *ctx, const struct runtime_container *c);
    const void *ctx; /* of readiness and message */
};

/* Everything is made in the arena or points into the input, which must live as long as the result. Conditions of other
 * writers are carried over from the API's status. */
Corev1__PodStatus *pod_status_make(struct arena *a, const struct status_input *in);

/* Is this condition the kubelet's to write? */
bool pod_condition_is_own(const char *type);

#endif
