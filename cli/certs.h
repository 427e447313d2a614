/*
 * certs.h - every certificate and kubeconfig of a cluster, from one table. Making them again is the renewal check.
 */
#ifndef CLI_CERTS_H
#define CLI_CERTS_H

#include "cluster.h"

/* Makes what is missing, does not fit or ends soon.
 * Server names cover the nodes' addresses and the API's ClusterIP. */
int certs_ensure(const struct cluster *c, struct err *err) MUST_CHECK;

#endif
