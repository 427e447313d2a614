/* The watch cache's life: loading, the feed that keeps it current, and what happens when the feed breaks. */
#include "cache.h"

#include "base/limits.h"
#include "base/log.h"

#define FEED_TICK_MS 500
#define TRIM_NS (15 * NS_PER_S)
#define RETRY_FIRST_NS (10 * NS_PER_MS)
#define RETRY_MAX_NS (500 * NS_PER_MS)

/* --- resources --- */

static struct resource *resource_new(const struct cache *c, struct str prefix, int64_t floor)
{
    struct resource *r = xcalloc(1, sizeof *r);
    r->prefix = str_dup(prefix);
    r->changed = floor;
    history_init(&r->history, c->history_max, floor);
    list_init(&r->watches);
    return r;
}

static void resource_free(void *p)
{
    struct resource *r = p;
    keyset_release(&r->objects);
    history_release(&r->history);
    free(r->prefix);
    free(r);
}

struct resource *cache_resource(struct cache *c, struct str key)
{
    struct resource *r;
    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] == '/' && i > 0 && (r = map_get(&c->resources, str_n(key.p, i + 1))))
            return r;
    return c->other;
}

/* Objects and watches of the new resource may be among the unknown ones. */
static void move_from_other(struct cache *c, struct resource *r, struct str prefix)
{
    size_t n;
    struct storage_object **v = cache_collect(c->other, prefix, prefix, SIZE_MAX, &n);
    for (size_t i = 0; i < n; i++) {
        storage_object_unref(keyset_remove(&c->other->objects, v[i]->key));
        storage_object_unref(keyset_put(&r->objects, v[i]));
    }
    free(v);
    pthread_mutex_lock(&c->watch_lock);
    list_foreach (&c->other->watches, struct storage_watch, w, link) {
        if (!str_starts(str_n(w->prefix, w->prefix_n), prefix))
            continue;
        list_remove(&w->link);
        list_push(&r->watches, &w->link);
    }
    pthread_mutex_unlock(&c->watch_lock);
}

static void add_resource(struct storage *s, struct str prefix)
{
    struct cache *c = cache_of(s);
    pthread_rwlock_wrlock(&c->lock);
    if (!map_has(&c->resources, prefix)) {
        struct resource *r = resource_new(c, prefix, atomic_load(&c->revision));
        map_set(&c->resources, prefix, r);
        move_from_other(c, r, prefix);
    }
    pthread_rwlock_unlock(&c->lock);
}

/* --- loading --- */

static bool is_stopping(struct cache *c)
{
    pthread_mutex_lock(&c->feed_lock);
    bool stopping = c->stopping;
    pthread_mutex_unlock(&c->feed_lock);
    return stopping;
}

/* False when the cache is being closed. */
static bool pause_ns(struct cache *c, int64_t ns)
{
    int64_t until = clock_mono(&clock_system) + ns;
    struct timespec ts = {until / NS_PER_S, until % NS_PER_S};
    pthread_mutex_lock(&c->feed_lock);
    while (!c->stopping && pthread_cond_timedwait(&c->feed_cond, &c->feed_lock, &ts) == 0)
        ;
    bool go_on = !c->stopping;
    pthread_mutex_unlock(&c->feed_lock);
    return go_on;
}

/* All objects, page by page at one revision. */
static int fetch_all(struct cache *c, struct keyset *all, int64_t *ret_revision, struct err *err)
{
    _cleanup_(freep) char *token = NULL;
    do {
        struct storage_list page;
        struct storage_list_options o = {
            .prefix = str_of(c->prefix), .limit = LIMIT_LIST_PAGE, .continue_token = str_of(token)};
        int rc = c->under->ops->list(c->under, &o, &page, err);
        free(token);
        token = TAKE(page.continue_token);
        *ret_revision = page.revision;
        for (size_t i = 0; i < page.n; i++)
            storage_object_unref(keyset_put(all, storage_object_ref(page.v[i])));
        storage_list_release(&page);
        if (rc < 0)
            return -1;
    } while (token && !is_stopping(c));
    return 0;
}

static void empty_resource(struct resource *r, size_t history_max, int64_t revision)
{
    keyset_release(&r->objects);
    history_release(&r->history);
    history_init(&r->history, history_max, revision);
    r->changed = revision;
}

/* Puts the loaded objects in place of what was there. Watches cannot go on: what happened meanwhile is not known. */
static void replace_contents(struct cache *c, const struct keyset *all, int64_t revision)
{
    struct keyset_cursor at = {0, 0};
    struct storage_object *o;
    pthread_rwlock_wrlock(&c->lock);
    map_foreach (&c->resources, e)
        empty_resource(e->value, c->history_max, revision);
    empty_resource(c->other, c->history_max, revision);
    for (; (o = keyset_at(all, at)); keyset_next(all, &at))
        storage_object_unref(keyset_put(&cache_resource(c, o->key)->objects, storage_object_ref(o)));
    cache_fail_watches(c);
    atomic_store(&c->revision, revision);
    pthread_mutex_lock(&c->watch_lock);
    c->handed_out = revision;
    pthread_mutex_unlock(&c->watch_lock);
    pthread_rwlock_unlock(&c->lock);
}

static int load(struct cache *c, struct err *err)
{
    struct keyset all = {0};
    int64_t revision = 0;
    int rc = fetch_all(c, &all, &revision, err);
    if (rc == 0 && !is_stopping(c))
        replace_contents(c, &all, revision);
    keyset_release(&all);
    fresh_advance(c);
    return rc;
}

/* --- the feed --- */

/* Puts one change into its resource; NULL when it is none of ours. Under lock. */
static struct resource *apply_change(struct cache *c, struct storage_change *change, int64_t now)
{
    struct str key = change->obj->key;
    if (!str_starts(key, str_of(c->prefix)) || change->revision <= atomic_load(&c->revision))
        return NULL;
    struct resource *r = cache_resource(c, key);
    if (change->deleted) {
        change->prev = keyset_remove(&r->objects, key);
        if (!change->prev)
            return NULL;
        storage_object_unref(change->obj);
        change->obj = storage_object_at(change->prev, change->revision);
    } else {
        change->prev = keyset_put(&r->objects, storage_object_ref(change->obj));
    }
    history_push(&r->history, change, now);
    r->changed = change->revision;
    return r;
}

/* On the feed's thread, which is the only one that changes contents while the feed runs. */
static void apply(void *user, struct storage_batch *b)
{
    struct cache *c = user;
    _cleanup_(freep) struct resource **resources = xcalloc(b->n, sizeof *resources);
    int64_t now = clock_mono(&clock_system);
    pthread_rwlock_wrlock(&c->lock);
    for (size_t i = 0; i < b->n; i++)
        resources[i] = apply_change(c, &b->v[i], now);
    atomic_store(&c->revision, MAX_OF(atomic_load(&c->revision), b->v[b->n - 1].revision));
    pthread_rwlock_unlock(&c->lock);
    cache_dispatch(c, resources, b);
    storage_batch_release(b);
    fresh_advance(c);
}

/* Objects whose last reference goes here are freed under the lock: a few thousand at most, once in a while. */
static void trim_histories(struct cache *c, int64_t now)
{
    if (now < c->next_trim)
        return;
    c->next_trim = now + TRIM_NS;
    pthread_rwlock_wrlock(&c->lock);
    map_foreach (&c->resources, e)
        history_trim(&((struct resource *)e->value)->history, now);
    history_trim(&c->other->history, now);
    pthread_rwlock_unlock(&c->lock);
}

static void tick(struct cache *c)
{
    int64_t now = clock_mono(&clock_system);
    fresh_advance(c);
    trim_histories(c, now);
    if (now < c->next_bookmark)
        return;
    c->next_bookmark = now + c->bookmark_ns;
    cache_bookmarks(c);
}

static void set_feed(struct cache *c, struct storage_feed *f)
{
    pthread_mutex_lock(&c->feed_lock);
    c->feed = f;
    if (f && c->stopping)
        c->under->ops->feed_cancel(f);
    pthread_mutex_unlock(&c->feed_lock);
    atomic_store(&c->live, f != NULL);
}

/* Lets changes be applied until the feed ends; err says why. */
static void follow(struct cache *c, struct err *err)
{
    const struct storage_ops *under = c->under->ops;
    struct storage_feed *f = NULL;
    int tick_ms = (int)MIN_OF(FEED_TICK_MS, MAX_OF(c->bookmark_ns / NS_PER_MS, 1));
    if (under->feed_open(c->under, STR(""), atomic_load(&c->revision), false, apply, c, &f, err) < 0)
        return;
    set_feed(c, f);
    do {
        tick(c);
        (void)under->feed_wait(f, tick_ms, err);
    } while (err->code == ERR_TIMEOUT);
    set_feed(c, NULL);
    under->feed_free(f);
}

/* Waits until etcd answers, in steps short enough for a quick close. False when the cache is being closed. */
static bool wait_for_etcd(struct cache *c)
{
    struct err err = ERR_INIT;
    while (!is_stopping(c)) {
        if (c->under->ops->ping(c->under, FEED_TICK_MS, &err) == 0)
            return true;
        fresh_advance(c);
        if (!pause_ns(c, RETRY_FIRST_NS))
            break;
    }
    return false;
}

/* Is it the store we know? One whose revision has gone back was restored from a backup, or replaced. */
static bool same_store(struct cache *c)
{
    struct err err = ERR_INIT;
    int64_t revision;
    return wait_for_etcd(c) && c->under->ops->revision(c->under, &revision, &err) == 0 &&
           revision >= atomic_load(&c->revision);
}

static void *cache_main(void *user)
{
    struct cache *c = user;
    int64_t retry = RETRY_FIRST_NS;
    bool loaded = false;
    while (wait_for_etcd(c)) {
        struct err err = ERR_INIT;
        if (!loaded && load(c, &err) < 0) {
            log_warn("cannot load the objects from etcd, will try again", LOG_ERR(&err));
            pause_ns(c, retry);
            retry = MIN_OF(retry * 2, RETRY_MAX_NS);
            continue;
        }
        retry = RETRY_FIRST_NS;
        follow(c, &err);
        if (is_stopping(c))
            break;
        log_warn("the watch on etcd ended, opening it again", LOG_ERR(&err));
        loaded = err.code != ERR_EXPIRED && same_store(c);
    }
    return NULL;
}

/* --- what is handed through --- */

static int wait_ready(struct storage *s, int timeout_ms, struct err *err)
{
    return cache_wait_revision(cache_of(s), 1, timeout_ms, err);
}

static bool ready(struct storage *s)
{
    struct cache *c = cache_of(s);
    return atomic_load(&c->revision) > 0 && atomic_load(&c->live);
}

static int ping(struct storage *s, int timeout_ms, struct err *err)
{
    struct storage *under = cache_of(s)->under;
    return under->ops->ping(under, timeout_ms, err);
}

static int revision(struct storage *s, int64_t *ret, struct err *err)
{
    struct storage *under = cache_of(s)->under;
    return under->ops->revision(under, ret, err);
}

static int64_t seen_revision(struct storage *s)
{
    return atomic_load(&cache_of(s)->revision);
}

static int create(struct storage *s, struct str key, struct str value, int64_t ttl_s, struct storage_object **ret,
                  struct err *err)
{
    struct storage *under = cache_of(s)->under;
    return under->ops->create(under, key, value, ttl_s, ret, err);
}

static int update(struct storage *s, struct str key, int64_t expect, struct str value, int64_t ttl_s,
                  struct storage_object **ret, struct err *err)
{
    struct storage *under = cache_of(s)->under;
    return under->ops->update(under, key, expect, value, ttl_s, ret, err);
}

static int remove_key(struct storage *s, struct str key, int64_t expect, struct storage_object **ret, struct err *err)
{
    struct storage *under = cache_of(s)->under;
    return under->ops->remove(under, key, expect, ret, err);
}

static int timeout_of(struct storage *s)
{
    return cache_of(s)->timeout_ms;
}

/* --- life --- */

static void cache_free(struct cache *c)
{
    map_release(&c->resources);
    resource_free(c->other);
    pthread_rwlock_destroy(&c->lock);
    pthread_mutex_destroy(&c->watch_lock);
    pthread_mutex_destroy(&c->feed_lock);
    pthread_cond_destroy(&c->feed_cond);
    free(c->prefix);
    free(c);
}

static struct storage *close_cache(struct storage *s)
{
    struct cache *c = cache_of(s);
    pthread_mutex_lock(&c->feed_lock);
    c->stopping = true;
    if (c->feed)
        c->under->ops->feed_cancel(c->feed);
    pthread_cond_signal(&c->feed_cond);
    pthread_mutex_unlock(&c->feed_lock);
    pthread_join(c->thread, NULL);
    storage_close(c->under); /* answers what was asked: nobody calls back any more */
    fresh_release(c);
    cache_free(c);
    return NULL;
}

static const struct storage_ops cache_ops = {
    .close = close_cache,
    .add_resource = add_resource,
    .wait_ready = wait_ready,
    .ready = ready,
    .ping = ping,
    .when_current = cache_when_current,
    .get = cache_get,
    .list = cache_list,
    .revision = revision,
    .seen_revision = seen_revision,
    .create = create,
    .update = update,
    .remove = remove_key,
    .watch = cache_watch,
    .timeout_ms = timeout_of,
};

/* Readers come without a break: the feed must not starve behind them. */
static void init_locks(struct cache *c)
{
    pthread_rwlockattr_t rw;
    pthread_condattr_t cond;
    pthread_rwlockattr_init(&rw);
    pthread_rwlockattr_setkind_np(&rw, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&c->lock, &rw);
    pthread_rwlockattr_destroy(&rw);
    pthread_mutex_init(&c->watch_lock, NULL);
    pthread_mutex_init(&c->feed_lock, NULL);
    pthread_condattr_init(&cond);
    pthread_condattr_setclock(&cond, CLOCK_MONOTONIC);
    pthread_cond_init(&c->feed_cond, &cond);
    pthread_condattr_destroy(&cond);
    fresh_init(&c->fresh);
}

int storage_cache_open(struct storage *under, const struct storage_cache_options *o, struct storage **ret,
                       struct err *err)
{
    struct cache *c = xcalloc(1, sizeof *c);
    c->base.ops = &cache_ops;
    c->under = under;
    c->prefix = xasprintf("%s/", under->ops->prefix(under));
    c->history_max = o && o->history ? o->history : LIMIT_WATCH_BACKLOG;
    c->bookmark_ns = (o && o->bookmark_ms ? o->bookmark_ms : 60000) * NS_PER_MS;
    c->next_bookmark = clock_mono(&clock_system) + c->bookmark_ns;
    c->timeout_ms = under->ops->timeout_ms(under);
    init_locks(c);
    map_init(&c->resources, resource_free);
    c->other = resource_new(c, STR(""), 0);
    int rc = pthread_create(&c->thread, NULL, cache_main, c);
    if (rc) {
        storage_close(under);
        fresh_release(c);
        cache_free(c);
        return err_errno(err, rc, "cannot start a thread");
    }
    *ret = &c->base;
    return 0;
}
