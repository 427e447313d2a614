/*
 * leading.h - of several gateways one runs the controllers: the holder of a Lease.
 *
 * Who loses the Lease stops its controllers and runs for it again; the process and its API go on. A gateway that starts
 * where another one was (the same host, address and port) is taken for the same one and leads at once; on one host a
 * dead holder is not waited for either. Otherwise a dead one's Lease runs out after 15 s.
 *
 * The controllers must bear two leaders for a moment all the same (a process may be stopped for a minute between a
 * check and a write): each of their writes is made against the version it was computed from, or makes an object whose
 * name follows from what it is for.
 */
#ifndef ECS_CONTROLLERS_LEADING_H
#define ECS_CONTROLLERS_LEADING_H

#include "client/component.h"
#include "ecs/controllers/controller.h"

struct leading;

struct leading_options {
    struct kube_client *client;
    const struct leader_election *election; /* .elect false: they run from the start to the end */
    const char *place;                      /* host, address and port that this gateway listens on by now */
    struct controller *const *controllers;  /* started in this order, stopped in the other */
    size_t n_controllers;
    struct stop *stop;
};
/* After ecs_store_start, with the port bound. Starts a thread; options and what they point to must stay. */
int leading_start(const struct leading_options *o, struct leading **ret, struct err *err) MUST_CHECK;
/* After the stop was requested: returns when the controllers have ended and the Lease is given back. Returns NULL,
 * accepts NULL. */
struct leading *leading_free(struct leading *l);
static inline void leading_freep(struct leading **l)
{
    leading_free(*l);
}

#endif
