/*
 * watcher.h - one watch as its reader sees it: initial objects, then a bounded queue of events. The writer's side (the
 * cache's feed thread, or the thread of an etcd watch) pushes changes; filtering and selector transitions happen here.
 */
#ifndef APISERVER_STORAGE_WATCHER_H
#define APISERVER_STORAGE_WATCHER_H

#include "base/list.h"
#include "internal.h"

struct storage_watch {
    /* The implementation's: set before the watch is handed out. detach stops pushes; the watcher is freed after it. */
    void (*detach)(struct storage_watch *w);
    void *owner;
    struct list link;

    char *prefix;
    size_t prefix_n;
    struct storage_watch_options o; /* o.prefix is not used */
    int64_t from;                   /* changes up to here are not for this watch; guarded by the writer's side */

    pthread_mutex_t lock;
    pthread_cond_t cond;
    struct storage_object **initial;
    size_t n_initial, initial_at;
    bool initial_end; /* the bookmark behind the initial objects is still to be given */
    int64_t initial_revision;
    struct storage_event *ring;
    size_t cap, head, n;
    int64_t bookmark; /* revision to tell when the queue is empty; 0 = none */
    bool muted;       /* not handed out yet: nobody to wake */
    bool failed, failure_told;
    enum err_code failure;
    const char *failure_text;
};

struct storage_watch *watcher_new(const struct storage_watch_options *o);
/* Takes the array and its references: what the reader gets first. Before the watch is handed out. */
void watcher_set_initial(struct storage_watch *w, struct storage_object **taken, size_t n, int64_t revision);
void watcher_unmute(struct storage_watch *w); /* last step before the watch is handed out */
bool watcher_wants(const struct storage_watch *w, struct str key);
bool watcher_matches(const struct storage_watch *w, const struct storage_object *o);

/* For changes in order. Past the backlog the watch fails. */
void watcher_push(struct storage_watch *w, const struct storage_change *c);
void watcher_bookmark(struct storage_watch *w, int64_t revision);
void watcher_fail(struct storage_watch *w, enum err_code code, const char *static_text);

#endif
