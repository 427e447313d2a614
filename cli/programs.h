/*
 * programs.h - which programs a cluster consists of, with their command lines, and in which order all is taken down.
 */
#ifndef CLI_PROGRAMS_H
#define CLI_PROGRAMS_H

#include "cluster.h"
#include "supervisor.h"

/* The control plane and node 1 on this host, and the keepers of the other nodes. */
void programs_of_host(const struct cluster *c, struct supervisor *s);
/* containerd, kubelet and kube-proxy of node K, to be run inside its namespaces. */
void programs_of_node(const struct cluster *c, int k, struct supervisor *s);

#endif
