/*
 * bootstrap.h - the few API objects that a cluster of `coracle up` has beside those that every apiserver makes.
 *
 * Our controller-manager does all its work under its own name, while upstream's uses a service account a controller. So
 * the user system:kube-controller-manager is bound to the role of each controller that it runs, and to nothing else.
 */
#ifndef CLI_BOOTSTRAP_H
#define CLI_BOOTSTRAP_H

#include "client/kube_client.h"

/* Objects that are there already are left alone. */
int bootstrap_apply(struct kube_client *client, struct err *err) MUST_CHECK;

#endif
