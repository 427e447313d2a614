/*
 * node_host.h - a further node on this machine: network, mount, PID, UTS, IPC and cgroup namespaces of its own, in
 * which a supervisor runs containerd, kubelet and kube-proxy as PID 1's children. It is a separate machine in all but
 * the kernel: when its keeper is killed, all of it is gone at once, as in a power cut.
 */
#ifndef CLI_NODE_HOST_H
#define CLI_NODE_HOST_H

#include "cluster.h"

/* The keeper's main: stays on the host, ends with its node. SIGTERM shuts the node down in good order. */
int node_host_run(const struct cluster *c, int k, struct err *err) MUST_CHECK;

#endif
