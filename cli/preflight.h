/*
 * preflight.h - what must be true before a cluster can start. Each failure is one line that says what to do.
 */
#ifndef CLI_PREFLIGHT_H
#define CLI_PREFLIGHT_H

#include "cluster.h"

int preflight_privilege(struct err *err) MUST_CHECK;
int preflight_programs(const struct cluster *c, struct err *err) MUST_CHECK;
/* Chooses free ports for etcd where none are kept from an earlier start, and checks that all ports are free. */
int preflight_ports(struct cluster *c, struct err *err) MUST_CHECK;

#endif
