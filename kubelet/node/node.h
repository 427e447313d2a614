/*
 * node.h - this node in the API: registration, status, heartbeat.
 *
 * One thread registers the node and writes its status when something has changed (looked at every 10 s) or after five
 * minutes; another renews the Lease in kube-node-lease every 10 s. Both go on trying while the server is away.
 */
#ifndef KUBELET_NODE_NODE_H
#define KUBELET_NODE_NODE_H

#include "base/flags.h"
#include "kubelet/kubelet.h"

struct node_agent;

struct node_options {
    bool register_node;
    const struct flag_list *labels; /* name=value */
    int port;                       /* of the kubelet's API */
};
int node_agent_start(struct kubelet *k, const struct node_options *o, struct node_agent **ret,
                     struct err *err) MUST_CHECK;
/* k->stop must have been requested. Returns NULL; accepts NULL. */
struct node_agent *node_agent_free(struct node_agent *n);

#endif
