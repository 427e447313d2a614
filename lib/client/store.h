/*
 * store.h - the objects of an informer by key, and by the values of index functions. Others use informer.h.
 *
 * Thread-safe: one writer (the reflector), any readers. Handed-out objects are new references.
 */
#ifndef CLIENT_STORE_H
#define CLIENT_STORE_H

#include "client/informer.h"

#define STORE_INDEXES_MAX 8

struct store;

struct store *store_new(void);
struct store *store_free(struct store *s);
/* Only while the store is empty. The index' number. */
int store_add_index(struct store *s, informer_index_fn *fn);

/* Puts o (a reference is taken) in place of what had its key; returns the old one (the caller's now) or NULL. */
struct kube_object *store_set(struct store *s, struct kube_object *o) MUST_CHECK;
struct kube_object *store_take(struct store *s,
                               struct str key) MUST_CHECK; /* removes and hands over; NULL when absent */

struct kube_object *store_get(struct store *s, struct str key);
void store_list(struct store *s, struct kube_objects *ret);
void store_by_index(struct store *s, int index, struct str value, struct kube_objects *ret);
size_t store_count(struct store *s);
void store_each(struct store *s, void (*fn)(void *ctx, const struct kube_object *o), void *ctx);

#endif
