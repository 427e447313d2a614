/*
 * bootstrap.h - the few API objects that a cluster of `coracle up` has beside those that every apiserver makes: the
 * user of the AWS gateway is bound to cluster-admin, since it makes namespaces, definitions and pods in the name of its
 * callers.
 */
#ifndef CLI_BOOTSTRAP_H
#define CLI_BOOTSTRAP_H

#include "client/kube_client.h"

/* Objects that are there already are left alone. */
int bootstrap_apply(struct kube_client *client, struct err *err) MUST_CHECK;

#endif
