/*
 * node.h - the Node authorizer: what a kubelet ("system:node:NAME" in group system:nodes) may do beyond what RBAC
 * gives.
 *
 * A node gets the rules of the role system:node, except that secrets, config maps, claims and tokens are bound to what
 * its own pods use (store->node_uses), and leases and CSINodes to its own. It never denies, it has no opinion.
 */
#ifndef APISERVER_AUTH_NODE_H
#define APISERVER_AUTH_NODE_H

#include "apiserver/auth/authz.h"

struct node_authorizer;

struct node_authorizer *node_authorizer_new(const struct auth_store *store);
struct node_authorizer *node_authorizer_free(struct node_authorizer *n);
enum authz_decision node_authorizer_decide(struct node_authorizer *n, const struct authz_attributes *attr,
                                           struct buf *reason);

/* The node's name when the user is one; false otherwise. */
bool node_identity(const struct user *user, struct str *ret_node);

#endif
