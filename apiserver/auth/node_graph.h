/*
 * node_graph.h - what a pod refers to: the objects that its node may therefore read. Pure.
 */
#ifndef APISERVER_AUTH_NODE_GRAPH_H
#define APISERVER_AUTH_NODE_GRAPH_H

#include "api/doc.h"

/* resource: "secrets", "configmaps", "persistentvolumeclaims", "serviceaccounts"; name in the pod's namespace. */
bool node_graph_pod_uses(const struct doc *pod, const char *resource, struct str name);

#endif
