/*
 * bootstrap.h - the objects that a cluster has from the start, and the upkeep of those that the apiserver itself looks
 * after: the service default/kubernetes with its endpoints, and the books of service addresses and ports.
 */
#ifndef APISERVER_BOOTSTRAP_H
#define APISERVER_BOOTSTRAP_H

#include "apiserver/registry/registry.h"

struct bootstrap_options {
    const char *advertise_address; /* of this server, for the endpoints of default/kubernetes */
    int64_t secure_port;
    bool reconcile_endpoints;
    void (*done)(void *ud); /* called once, when all first objects exist */
    void *ud;
};

struct bootstrap;

/* A thread that makes what is missing, tries again where etcd was away, then looks after it until it is stopped. */
int bootstrap_start(struct registry *g, const struct bootstrap_options *o, struct bootstrap **ret,
                    struct err *err) MUST_CHECK;
struct bootstrap *bootstrap_stop(struct bootstrap *b); /* returns NULL; accepts NULL */

#endif
