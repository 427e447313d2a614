/*
 * store.h - the one flow that every kind takes to be created, updated and deleted.
 *
 * Blocking; runs on workers. Errors are worded for the user, with Status details in op->arena. Documents are in the
 * served version and belong to op->arena. Objects returned carry a reference for the caller.
 */
#ifndef APISERVER_REGISTRY_STORE_H
#define APISERVER_REGISTRY_STORE_H

#include "apiserver/registry/strategy.h"
#include "apiserver/storage/storage.h"

/* obj is complete but for what the server sets. op->ns is the request's namespace; op->name is ignored. */
int store_create(struct op *op, struct doc *obj, struct storage_object **ret, struct err *err) MUST_CHECK;

/* Makes the new object from the present one, which it must not change: called again with a newer one when somebody
 * else was faster. */
typedef int (*store_transform)(void *ctx, struct op *op, const struct doc *old, struct doc **ret, struct err *err);
/* op->sub tells main object and status apart. create_missing is called for ERR_NOT_FOUND where the strategy allows it.
 */
int store_update(struct op *op, store_transform transform, void *ctx, struct storage_object **ret,
                 struct err *err) MUST_CHECK;
/* PUT of an object that does not exist: obj when the strategy creates on update. */
int store_update_or_create(struct op *op, store_transform transform, void *ctx, struct doc *obj,
                           struct storage_object **ret, struct err *err) MUST_CHECK;

/* *ret is the object as it is now (or was when it went), *ret_gone whether it is removed. options may be adjusted. */
int store_delete(struct op *op, struct delete_options *options, struct storage_object **ret, bool *ret_gone,
                 struct err *err) MUST_CHECK;

/* The object, asked from etcd when `fresh` (else when the cache has none); ERR_NOT_FOUND worded. */
int store_get(struct op *op, bool fresh, struct doc **ret, struct storage_object **ret_object,
              struct err *err) MUST_CHECK;

/* The stored object under key: from the cache unless *ret_fresh, asked from etcd when it is not there (*ret_fresh is
 * then set). What a write decides on it must hold when the write is refused: then read again with *ret_fresh true. */
int store_read(struct op *op, struct str key, struct storage_object **ret, bool *ret_fresh, struct err *err) MUST_CHECK;

/* A document in the shape of the stored one is written as the new state under `expect`; for registry-internal writers
 * (bindings, evictions). No strategy, no validation. */
int store_write(struct op *op, struct doc *obj, int64_t expect, struct storage_object **ret,
                struct err *err) MUST_CHECK;

#endif
