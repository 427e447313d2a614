/*
 * network.h - the node network of a one-machine cluster: a LAN bridge on this host, a route a node, masquerading of
 * what pods send to the outside. By iproute2 and nft, since it is made once and must be readable by whoever debugs it.
 */
#ifndef CLI_NETWORK_H
#define CLI_NETWORK_H

#include "cluster.h"
#include "supervisor.h"

/* Makes the bridge with this host's node address, the routes to the other nodes' pods and to the service range, and the
 * masquerade rule. May be called again. */
int network_up(const struct cluster *c, struct err *err) MUST_CHECK;
/* Gives the network namespace of process pid an interface eth0 on the LAN, as node K. */
int network_join_node(const struct cluster *c, int k, int pid, struct err *err) MUST_CHECK;
/* Inside the node: addresses and routes. */
int network_up_in_node(const struct cluster *c, int k, struct err *err) MUST_CHECK;

void network_stop_steps_of_host(const struct cluster *c, struct supervisor *s);
void network_stop_steps_of_node(const struct cluster *c, int k, struct supervisor *s);
/* The same as the stop steps, at once: what a cluster that was killed left behind. */
void network_down(const struct cluster *c);

#endif
