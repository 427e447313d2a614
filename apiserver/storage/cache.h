/*
 * cache.h - the watch cache, shared by its parts: cache.c (life, loading, the feed), cache_read.c, cache_watch.c,
 * cache_fresh.c (who waits for which revision).
 *
 * One feed over ALL of etcd's keys, not only the prefix: then every revision of the store shows up as an event, and the
 * cache knows by itself when it has reached a revision. With a feed over the prefix it would need progress
 * notifications to learn that nothing concerns it, and etcd before 3.4.25 and 3.5.8 may send those ahead of the events
 * they vouch for. Keys outside of the prefix are dropped at once; there are hardly any (compact_rev_key).
 *
 * Locks, in this order: `lock` (contents and revision; readers shared, the feed thread exclusive while it applies a
 * batch) -> `watch_lock` (lists of watches; held while events are handed to them) -> a watch's own. `fresh.lock` stands
 * alone.
 *
 * Threads: the cache's own loads, opens the feed, and looks to the clock; changes are applied and handed out on the
 * feed's thread (the I/O thread of etcd's watch connection). They never work at the same time: loading comes when the
 * feed has been freed.
 */
#ifndef APISERVER_STORAGE_CACHE_H
#define APISERVER_STORAGE_CACHE_H

#include "base/map.h"
#include "history.h"
#include "internal.h"
#include "keyset.h"
#include "watcher.h"

#include <stdatomic.h>

struct resource {
    char *prefix; /* "" for keys of no known resource */
    struct keyset objects;
    struct history history;
    int64_t changed; /* nothing has changed after this revision */
    struct list watches;
};

/* Waits for a revision: to be asked for, or known. */
struct fresh_waiter {
    struct list link;
    int64_t revision, deadline;
    storage_current_fn fn;
    void *user;
};

struct fresh {
    pthread_mutex_t lock;
    struct list collecting; /* wait for the next question to etcd */
    struct list asking;     /* wait for the answer to the present one */
    struct list waiting;    /* know their revision, wait for the feed */
    bool asked;
};

struct cache {
    struct storage base;
    struct storage *under;
    char *prefix;
    size_t history_max;
    int64_t bookmark_ns;
    int timeout_ms;

    pthread_rwlock_t lock;
    struct map resources; /* by prefix */
    struct resource *other;
    _Atomic int64_t revision; /* written under lock; 0 until loaded */
    atomic_bool live;         /* loaded, and the feed stands */

    pthread_mutex_t watch_lock;
    int64_t handed_out; /* under watch_lock: the revision up to which watches have been given everything */
    struct fresh fresh;

    pthread_t thread;
    pthread_mutex_t feed_lock; /* feed, stopping */
    pthread_cond_t feed_cond;
    struct storage_feed *feed;
    bool stopping;
    int64_t next_bookmark, next_trim;
};

static inline struct cache *cache_of(struct storage *s)
{
    return CONTAINER_OF(s, struct cache, base);
}

/* The resource a key (or a list's prefix) belongs to. Under lock. */
struct resource *cache_resource(struct cache *c, struct str key);

/* cache_fresh.c */
void fresh_init(struct fresh *f);
void fresh_release(struct cache *c); /* fails all that still wait */
void cache_when_current(struct storage *s, storage_current_fn fn, void *user);
int cache_wait_current(struct cache *c, struct err *err) MUST_CHECK;
int cache_wait_revision(struct cache *c, int64_t revision, int timeout_ms, struct err *err) MUST_CHECK;
/* After the revision has risen, and from time to time: lets go whoever has what he waited for, or too long.
 */
void fresh_advance(struct cache *c);

/* cache_read.c */
int cache_get(struct storage *s, struct str key, enum storage_at at, int64_t revision, struct storage_object **ret,
              struct err *err);
int cache_list(struct storage *s, const struct storage_list_options *o, struct storage_list *ret, struct err *err);
/* References to all objects with the prefix from `start` on, at most max. Under lock. */
struct storage_object **cache_collect(const struct resource *r, struct str prefix, struct str start, size_t max,
                                      size_t *ret_n);

/* cache_watch.c */
int cache_watch(struct storage *s, const struct storage_watch_options *o, struct storage_watch **ret, struct err *err);
void cache_dispatch(struct cache *c, struct resource *const *resources, const struct storage_batch *b);
void cache_bookmarks(struct cache *c);
void cache_fail_watches(struct cache *c); /* under lock */

#endif
