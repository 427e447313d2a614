/*
 * graph.h - who owns whom, over all objects of the cluster, as their ownerReferences say.
 *
 * A pure data structure: it is told what the informers see and says (through emit) which objects should be looked at
 * again. An owner need not be known: its dependents are. Not thread-safe; the collector holds a lock.
 */
#ifndef CONTROLLERS_GC_GRAPH_H
#define CONTROLLERS_GC_GRAPH_H

#include "base/vec.h"
#include "client/kinds.h"

#define FINALIZER_FOREGROUND "foregroundDeletion"
#define FINALIZER_ORPHAN "orphan"

struct graph;
struct graph *graph_new(void (*emit)(void *ctx, const char *uid), void *ctx);
struct graph *graph_free(struct graph *g);

void graph_observe(struct graph *g, const struct kube_object *o); /* new or changed */
void graph_forget(struct graph *g, const char *uid);              /* it is gone */

/* Where an object is, and its state when last seen. Strings are malloc'd: graph_place_release. */
struct graph_place {
    const struct kube_kind *kind;
    char *ns, *name, *uid;
    bool deleting;
    bool foreground; /* deleting, and waits for its dependents */
    bool blocks;     /* in a list of dependents: its reference has blockOwnerDeletion */
};
void graph_place_release(struct graph_place *p);
struct graph_places vec(struct graph_place);
void graph_places_release(struct graph_places *l);

bool graph_find(const struct graph *g, const char *uid, struct graph_place *ret);
void graph_dependents(const struct graph *g, const char *uid, struct graph_places *ret);
void graph_emit_owned(struct graph *g); /* all that have owners */
size_t graph_count(const struct graph *g);

#endif
