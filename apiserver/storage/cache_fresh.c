/* Consistent reads: one question to etcd serves all that wait at that moment; then they wait for the feed to get there.
 */
#include "cache.h"

void fresh_init(struct fresh *f)
{
    pthread_mutex_init(&f->lock, NULL);
    list_init(&f->collecting);
    list_init(&f->asking);
    list_init(&f->waiting);
    f->asked = false;
}

static void move_all(struct list *to, struct list *from)
{
    while (!list_empty(from)) {
        struct list *item = from->next;
        list_remove(item);
        list_push(to, item);
    }
}

/* Outside of the lock: fn may call back. */
static void tell_all(struct list *waiters, const struct err *err)
{
    while (!list_empty(waiters)) {
        struct fresh_waiter *w = list_first(waiters, struct fresh_waiter, link);
        list_remove(&w->link);
        w->fn(w->user, err);
        free(w);
    }
}

static void take_reached(struct list *waiters, int64_t revision, struct list *out)
{
    list_foreach (waiters, struct fresh_waiter, w, link) {
        if (w->revision > revision)
            continue;
        list_remove(&w->link);
        list_push(out, &w->link);
    }
}

static void take_late(struct list *waiters, int64_t now, struct list *out)
{
    list_foreach (waiters, struct fresh_waiter, w, link) {
        if (w->deadline > now)
            continue;
        list_remove(&w->link);
        list_push(out, &w->link);
    }
}

static void on_revision(void *user, int64_t revision, const struct err *err);

/* Under the lock: is there somebody to ask for, and nobody asking? Then the caller must call ask_revision. */
static bool begin_asking(struct fresh *f)
{
    if (f->asked || list_empty(&f->collecting))
        return false;
    move_all(&f->asking, &f->collecting);
    f->asked = true;
    return true;
}

static void on_revision(void *user, int64_t revision, const struct err *err)
{
    struct cache *c = user;
    struct fresh *f = &c->fresh;
    struct list reached, late;
    struct err ok = ERR_INIT, gone = *err;
    list_init(&reached);
    list_init(&late);
    pthread_mutex_lock(&f->lock);
    f->asked = false;
    if (err->code == ERR_OK) {
        list_foreach (&f->asking, struct fresh_waiter, w, link)
            w->revision = revision;
        move_all(&f->waiting, &f->asking);
        take_reached(&f->waiting, atomic_load(&c->revision), &reached);
    } else if (err->code == ERR_UNAVAILABLE) { /* the connection broke: ask again, as long as there is time */
        take_late(&f->asking, clock_mono(&clock_system), &late);
        move_all(&f->collecting, &f->asking);
    } else {
        move_all(&late, &f->asking);
    }
    bool again = begin_asking(f);
    pthread_mutex_unlock(&f->lock);
    tell_all(&reached, &ok);
    tell_all(&late, &gone);
    if (again)
        c->under->ops->ask_revision(c->under, on_revision, c);
}

static struct fresh_waiter *waiter_new(struct cache *c, int64_t revision, int timeout_ms, storage_current_fn fn,
                                       void *user)
{
    struct fresh_waiter *w = xcalloc(1, sizeof *w);
    w->revision = revision;
    w->deadline = clock_mono(&clock_system) + timeout_ms * NS_PER_MS;
    w->fn = fn;
    w->user = user;
    return w;
}

void cache_when_current(struct storage *s, storage_current_fn fn, void *user)
{
    struct cache *c = cache_of(s);
    struct fresh_waiter *w = waiter_new(c, 0, c->timeout_ms, fn, user);
    pthread_mutex_lock(&c->fresh.lock);
    list_push(&c->fresh.collecting, &w->link);
    bool ask = begin_asking(&c->fresh);
    pthread_mutex_unlock(&c->fresh.lock);
    if (ask)
        c->under->ops->ask_revision(c->under, on_revision, c);
}

void fresh_advance(struct cache *c)
{
    struct fresh *f = &c->fresh;
    struct list reached, late;
    struct err ok = ERR_INIT, timeout = ERR_INIT;
    list_init(&reached);
    list_init(&late);
    pthread_mutex_lock(&f->lock);
    if (!list_empty(&f->waiting)) {
        take_reached(&f->waiting, atomic_load(&c->revision), &reached);
        take_late(&f->waiting, clock_mono(&clock_system), &late);
    }
    pthread_mutex_unlock(&f->lock);
    tell_all(&reached, &ok);
    if (!list_empty(&late)) {
        err_set(&timeout, ERR_TIMEOUT, "the cache did not become current in time");
        tell_all(&late, &timeout);
    }
}

void fresh_release(struct cache *c)
{
    struct fresh *f = &c->fresh;
    struct err closed = ERR_INIT;
    err_set(&closed, ERR_CANCELLED, "the storage was closed");
    tell_all(&f->collecting, &closed);
    tell_all(&f->asking, &closed);
    tell_all(&f->waiting, &closed);
    pthread_mutex_destroy(&f->lock);
}

/* --- the same, blocking --- */

struct blocker {
    atomic_int refs; /* the caller, and the waiter that will tell */
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool done;
    struct err err;
};

static void blocker_unref(struct blocker *b)
{
    if (atomic_fetch_sub(&b->refs, 1) != 1)
        return;
    pthread_cond_destroy(&b->cond);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

static void unblock(void *user, const struct err *err)
{
    struct blocker *b = user;
    pthread_mutex_lock(&b->lock);
    b->done = true;
    if (err->code != ERR_OK)
        b->err = *err;
    pthread_cond_signal(&b->cond);
    pthread_mutex_unlock(&b->lock);
    blocker_unref(b);
}

static struct blocker *blocker_new(void)
{
    struct blocker *b = xcalloc(1, sizeof *b);
    pthread_condattr_t attr;
    atomic_init(&b->refs, 2);
    pthread_mutex_init(&b->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&b->cond, &attr);
    pthread_condattr_destroy(&attr);
    return b;
}

static int block(struct blocker *b, int timeout_ms, struct err *err)
{
    int64_t until = clock_mono(&clock_system) + timeout_ms * NS_PER_MS;
    struct timespec ts = {until / NS_PER_S, until % NS_PER_S};
    int rc = 0;
    pthread_mutex_lock(&b->lock);
    while (!b->done && pthread_cond_timedwait(&b->cond, &b->lock, &ts) == 0)
        ;
    if (!b->done) {
        rc = err_set(err, ERR_TIMEOUT, "the cache did not become current in time");
    } else if (b->err.code != ERR_OK) {
        *err = b->err;
        rc = -1;
    }
    pthread_mutex_unlock(&b->lock);
    blocker_unref(b);
    return rc;
}

int cache_wait_current(struct cache *c, struct err *err)
{
    struct blocker *b = blocker_new();
    cache_when_current(&c->base, unblock, b);
    return block(b, c->timeout_ms, err);
}

int cache_wait_revision(struct cache *c, int64_t revision, int timeout_ms, struct err *err)
{
    if (atomic_load(&c->revision) >= revision && atomic_load(&c->revision) > 0)
        return 0;
    struct blocker *b = blocker_new();
    struct fresh_waiter *w = waiter_new(c, MAX_OF(revision, 1), timeout_ms, unblock, b);
    struct list reached;
    struct err ok = ERR_INIT;
    list_init(&reached);
    pthread_mutex_lock(&c->fresh.lock);
    list_push(&c->fresh.waiting, &w->link);
    take_reached(&c->fresh.waiting, atomic_load(&c->revision), &reached); /* it may have come in between */
    pthread_mutex_unlock(&c->fresh.lock);
    tell_all(&reached, &ok);
    return block(b, timeout_ms, err);
}
