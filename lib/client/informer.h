/*
 * informer.h - a local, current copy of a resource: reflector + store + indexes + handlers.
 *
 * The reflector is one thread an informer: it lists, watches from the list's revision with bookmarks, resumes a broken
 * watch from the last revision seen, lists again after 410 Gone or Expired, and backs off (0.8 s doubling to 30 s, with
 * jitter) while the server is away; the store then keeps what it had. Level-triggered consumers put keys on a work
 * queue from the handlers and read the store in sync.
 *
 * Threads. Handlers run on the reflector's thread, one after another, in the order of the events, with no lock held;
 * the store already shows the new state when they run. They must not block (put a key on a queue). Lookups may come
 * from any thread and return new references to immutable objects. A handler may look into any informer. On a relist the
 * handlers get add/update/del for what differs only (an unchanged resourceVersion gives no call).
 *
 * Life: factory_new -> informer_of (as many as wanted; the same kind and selectors give the same informer) -> add
 * handlers and indexes -> factory_start -> factory_wait_synced. Handlers and indexes must be added before the start.
 * factory_free stops and joins all.
 */
#ifndef CLIENT_INFORMER_H
#define CLIENT_INFORMER_H

#include "client/kube_client.h"
#include "client/stop.h"

struct informer;
struct informer_factory;

struct informer_factory *informer_factory_new(struct kube_client *c, struct stop *stop);
struct informer_factory *informer_factory_free(struct informer_factory *f); /* the stop must have been requested */

struct informer_options {
    const char *ns, *label_selector, *field_selector; /* NULL = all */
    /* May replace the object before it is stored (to drop what nobody reads): returns a reference of which it took over
     * `o`. NULL = no. */
    struct kube_object *(*transform)(struct kube_object *o);
};
/* o may be NULL. Belongs to the factory. */
struct informer *informer_of(struct informer_factory *f, const struct kube_kind *k, const struct informer_options *o);

struct informer_handler {
    void *ctx;
    void (*add)(void *ctx, struct kube_object *o); /* any may be NULL; no reference is handed over */
    void (*update)(void *ctx, struct kube_object *old, struct kube_object *o);
    void (*del)(void *ctx, struct kube_object *last); /* the last known state */
};
void informer_add_handler(struct informer *i, const struct informer_handler *h); /* copied */

/* Emits the values under which an object is found; at most 16. */
typedef void informer_index_fn(const struct kube_object *o, void (*emit)(void *sink, struct str value), void *sink);
/* Returns the index' number for informer_by_index. The same function added twice is one index. */
int informer_add_index(struct informer *i, informer_index_fn *fn);
extern informer_index_fn informer_index_namespace;      /* metadata.namespace */
extern informer_index_fn informer_index_controller_uid; /* uid of the controller owner */
extern informer_index_fn informer_index_pod_node;       /* pods: spec.nodeName */

void informer_factory_start(struct informer_factory *f); /* may be called again after more informers were asked for */
/* False when the stop came first. timeout_ns <0: for ever. */
bool informer_factory_wait_synced(struct informer_factory *f, int64_t timeout_ns);
/* All objects of the first list are in the store and their add handlers have run; or the server does not serve the
 * resource (it is asked again from time to time). */
bool informer_synced(const struct informer *i);

/* Lookups: a new reference or NULL. */
struct kube_object *informer_get(struct informer *i, struct str key);
struct kube_object *informer_get_ns(struct informer *i, const char *ns, const char *name);
void informer_list(struct informer *i, struct kube_objects *ret); /* appends; in no order */
void informer_by_index(struct informer *i, int index, struct str value, struct kube_objects *ret);
size_t informer_count(struct informer *i);
/* Calls fn for every object under the store's lock, without taking references; fn must be quick and look into no
 * informer. */
void informer_each(struct informer *i, void (*fn)(void *ctx, const struct kube_object *o), void *ctx);

#endif
