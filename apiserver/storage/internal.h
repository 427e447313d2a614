/*
 * internal.h - what the implementations of storage.h share: the table of operations, objects, and the feed of changes
 * that a cache hangs on.
 */
#ifndef APISERVER_STORAGE_INTERNAL_H
#define APISERVER_STORAGE_INTERNAL_H

#include "storage.h"

#include "base/clock.h"

#include <pthread.h>

/* One change as the store tells it. Owns its references. */
struct storage_change {
    bool deleted;
    int64_t revision;
    struct storage_object *obj;  /* the new object; for a deletion an object with the key and an empty value */
    struct storage_object *prev; /* the object before; only when the feed was asked for it, or the cache knows it */
};

/* All changes of one message of the store; a revision is never split between two batches. */
struct storage_batch {
    struct storage_change *v;
    size_t n;
};
void storage_batch_release(struct storage_batch *b);

struct storage_feed;

typedef void (*storage_batch_fn)(void *user, struct storage_batch *taken);
typedef void (*storage_revision_fn)(void *user, int64_t revision, const struct err *err);

struct storage_ops {
    struct storage *(*close)(struct storage *s);
    void (*add_resource)(struct storage *s, struct str prefix);
    int (*wait_ready)(struct storage *s, int timeout_ms, struct err *err);
    bool (*ready)(struct storage *s);
    int (*ping)(struct storage *s, int timeout_ms, struct err *err);
    void (*when_current)(struct storage *s, storage_current_fn fn, void *user);
    int (*get)(struct storage *s, struct str key, enum storage_at at, int64_t revision, struct storage_object **ret,
               struct err *err);
    int (*list)(struct storage *s, const struct storage_list_options *o, struct storage_list *ret, struct err *err);
    int (*revision)(struct storage *s, int64_t *ret, struct err *err);
    int64_t (*seen_revision)(struct storage *s);
    int (*create)(struct storage *s, struct str key, struct str value, int64_t ttl_s, struct storage_object **ret,
                  struct err *err);
    int (*update)(struct storage *s, struct str key, int64_t expect, struct str value, int64_t ttl_s,
                  struct storage_object **ret, struct err *err);
    int (*remove)(struct storage *s, struct str key, int64_t expect, struct storage_object **ret, struct err *err);
    int (*watch)(struct storage *s, const struct storage_watch_options *o, struct storage_watch **ret, struct err *err);

    /* For a cache on top; NULL where there is none. */
    /* Hands on_batch all changes after `revision` of keys that start with `prefix` (empty = of all keys), on a thread
     * of its own, in order. The batch and its references are on_batch's. */
    int (*feed_open)(struct storage *s, struct str prefix, int64_t revision, bool want_prev, storage_batch_fn on_batch,
                     void *user, struct storage_feed **ret, struct err *err);
    /* Waits for the feed's end, returns -1: ERR_TIMEOUT: it goes on; ERR_EXPIRED: compacted; ERR_CANCELLED;
     * ERR_UNAVAILABLE: open another one. */
    int (*feed_wait)(struct storage_feed *f, int timeout_ms, struct err *err);
    void (*feed_cancel)(struct storage_feed *f); /* any thread: feed_wait returns */
    /* When it returns on_batch does not run any more. */
    struct storage_feed *(*feed_free)(struct storage_feed *f);
    /* storage_revision without waiting; fn runs on another thread. */
    void (*ask_revision)(struct storage *s, storage_revision_fn fn, void *user);
    int (*timeout_ms)(struct storage *s);
    const char *(*prefix)(struct storage *s); /* without a slash at the end */
};

struct storage {
    const struct storage_ops *ops;
};

/* An object with room for value_n bytes at *ret_value, which the caller fills before anybody else sees it. */
struct storage_object *storage_object_alloc(struct str key, size_t value_n, int64_t create_revision,
                                            int64_t mod_revision, char **ret_value);
/* The same key and value with another revision: what a DELETED event shows. */
struct storage_object *storage_object_at(const struct storage_object *o, int64_t mod_revision);

/* Upstream's words, the same from every implementation. */
int storage_err_not_found(struct err *err, struct str key);
int storage_err_exists(struct err *err, struct str key);
int storage_err_conflict(struct err *err, struct str key, int64_t expect, int64_t now);
int storage_err_future(struct err *err, int64_t wanted, int64_t current);
int storage_err_watch_too_old(struct err *err, int64_t wanted, int64_t oldest);

#define STORAGE_FUTURE_WAIT_MS 3000 /* how long a read waits for a revision that has not come yet */

#endif
