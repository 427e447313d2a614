/*
 * probe.h - one check of a container from outside or inside: HTTP, TCP, gRPC, or a command. Also what lifecycle hooks
 * use. Blocks for at most the timeout.
 */
#ifndef KUBELET_PROBER_PROBE_H
#define KUBELET_PROBER_PROBE_H

#include "kubelet/kubelet.h"

struct probe_target {
    struct runtime *runtime;
    const Corev1__Container *container; /* for named ports */
    const char *container_id;
    const char *pod_ip;
    int64_t timeout_s;
    const char *user_agent; /* of HTTP requests */
};

#define PROBE_OUTPUT_MAX 10240

/* 1 = success, 0 = failure, -1 = could not be tried. output (ceiling PROBE_OUTPUT_MAX) gets what an event says. */
int probe_exec(const struct probe_target *t, const Corev1__ExecAction *e, struct buf *output);
int probe_http(const struct probe_target *t, const Corev1__HTTPGetAction *h, struct buf *output);
int probe_tcp(const struct probe_target *t, const Corev1__TCPSocketAction *s, struct buf *output);
int probe_grpc(const struct probe_target *t, const Corev1__GRPCAction *g, struct buf *output);
int probe_run(const struct probe_target *t, const Corev1__ProbeHandler *h, struct buf *output);

/* A number, or the name of one of the container's ports; false when there is no such port. */
bool probe_port(const Corev1__Container *c, const Intstr__IntOrString *port, int *ret);

#endif
