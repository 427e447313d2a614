/*
 * controller.h - what a controller of the gateway hangs on: a queue of keys and the workers on it, which start when
 * this gateway leads and stop when it does not any more, any number of times.
 *
 * Keys are "NAMESPACE/NAME" (namespace empty for objects of the whole API server). Between a stop and the next start
 * nothing is kept: keys that are added are dropped, and a start begins with `seed`, which adds all that there is.
 * controller_add* may be called from any thread and do not block.
 */
#ifndef ECS_CONTROLLERS_CONTROLLER_H
#define ECS_CONTROLLERS_CONTROLLER_H

#include "client/workqueue.h"
#include "ecs/store/store.h"

struct controller;

struct controller_options {
    const char *name;
    int workers;
    int64_t backoff_max_ns;  /* of a key that fails */
    sync_fn *sync;           /* on a worker's thread */
    void (*seed)(void *ctx); /* on the thread that starts it, before the workers */
    void *ctx;
};
struct controller *controller_new(const struct controller_options *o);
/* It must have been stopped. Returns NULL, accepts NULL. */
struct controller *controller_free(struct controller *c);

/* One after the other, by one thread at a time. */
void controller_start(struct controller *c);
void controller_stop(struct controller *c); /* returns when no sync runs any more; harmless twice */
/* A sync that runs long looks at this between its writes: it is time to end. */
bool controller_stops(const struct controller *c);

void controller_add(struct controller *c, struct str ns, struct str name, int64_t delay_ns);
/* Adds the names of all objects of a kind, for a seed. */
void controller_add_all(struct controller *c, struct ecs_store *s, enum ecs_kind_id k, const char *ns);

#endif
