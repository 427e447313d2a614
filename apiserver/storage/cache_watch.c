/* Watches on the cache: attached at a revision, then handed every change by the feed thread. */
#include "cache.h"

static void detach(struct storage_watch *w)
{
    struct cache *c = w->owner;
    pthread_mutex_lock(&c->watch_lock);
    list_remove(&w->link);
    pthread_mutex_unlock(&c->watch_lock);
}

/* Changes after `from` that the history still has; they do not count as backlog. Under lock. */
static void replay(struct storage_watch *w, const struct history *h, int64_t from)
{
    for (size_t i = history_after(h, from); i < h->n; i++) {
        const struct storage_change *change = history_at(h, i);
        if (!watcher_wants(w, change->obj->key))
            continue;
        w->o.backlog++;
        watcher_push(w, change);
    }
}

/* Keeps what the watch wants to see. Outside of the lock: the watch is not yet handed out. */
static void set_initial(struct storage_watch *w, struct storage_object **v, size_t n, int64_t revision)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (watcher_wants(w, v[i]->key) && watcher_matches(w, v[i]))
            v[kept++] = v[i];
        else
            storage_object_unref(v[i]);
    }
    pthread_mutex_lock(&w->lock); /* the feed thread may be pushing already */
    watcher_set_initial(w, v, kept, revision);
    pthread_mutex_unlock(&w->lock);
}

int cache_watch(struct storage *s, const struct storage_watch_options *o, struct storage_watch **ret, struct err *err)
{
    struct cache *c = cache_of(s);
    bool initial = o->revision == 0 || o->initial_events;
    struct storage_object **v = NULL;
    size_t n = 0;
    int rc = 0;
    if (cache_wait_revision(c, 1, c->timeout_ms, err) < 0)
        return -1;
    struct storage_watch *w = watcher_new(o);
    pthread_rwlock_rdlock(&c->lock);
    struct resource *r = cache_resource(c, o->prefix);
    int64_t now = atomic_load(&c->revision);
    if (initial && o->revision > now)
        rc = storage_err_future(err, o->revision, now);
    else if (!initial && o->revision < r->history.floor)
        rc = storage_err_watch_too_old(err, o->revision, r->history.floor);
    if (rc == 0) {
        if (initial)
            v = cache_collect(r, o->prefix, o->prefix, SIZE_MAX, &n);
        else
            replay(w, &r->history, o->revision);
        w->from = MAX_OF(now, o->revision);
        w->owner = c;
        w->detach = detach;
        pthread_mutex_lock(&c->watch_lock);
        list_push(&r->watches, &w->link);
        pthread_mutex_unlock(&c->watch_lock);
    }
    pthread_rwlock_unlock(&c->lock);
    if (rc < 0) {
        storage_watch_free(w);
        return -1;
    }
    if (initial)
        set_initial(w, v, n, now);
    watcher_unmute(w);
    *ret = w;
    return 0;
}

void cache_dispatch(struct cache *c, struct resource *const *resources, const struct storage_batch *b)
{
    pthread_mutex_lock(&c->watch_lock);
    for (size_t i = 0; i < b->n; i++) {
        const struct storage_change *change = &b->v[i];
        if (!resources[i])
            continue;
        list_foreach (&resources[i]->watches, struct storage_watch, w, link) {
            if (change->revision > w->from && watcher_wants(w, change->obj->key))
                watcher_push(w, change);
        }
    }
    c->handed_out = b->v[b->n - 1].revision;
    pthread_mutex_unlock(&c->watch_lock);
}

static void each_watch(struct cache *c, void (*fn)(struct storage_watch *w, int64_t revision))
{
    pthread_mutex_lock(&c->watch_lock);
    int64_t revision = c->handed_out;
    map_foreach (&c->resources, e) {
        struct resource *r = e->value;
        list_foreach (&r->watches, struct storage_watch, w, link)
            fn(w, revision);
    }
    list_foreach (&c->other->watches, struct storage_watch, w, link)
        fn(w, revision);
    pthread_mutex_unlock(&c->watch_lock);
}

static void bookmark(struct storage_watch *w, int64_t revision)
{
    if (revision >= w->from)
        watcher_bookmark(w, revision);
}

void cache_bookmarks(struct cache *c)
{
    pthread_rwlock_rdlock(&c->lock); /* the map of resources may grow */
    each_watch(c, bookmark);
    pthread_rwlock_unlock(&c->lock);
}

static void fail(struct storage_watch *w, int64_t revision)
{
    watcher_fail(w, ERR_EXPIRED, "The resourceVersion for the provided watch is too old.");
}

void cache_fail_watches(struct cache *c)
{
    each_watch(c, fail);
}
