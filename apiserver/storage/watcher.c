#include "watcher.h"

#include "base/limits.h"

#define RING_FIRST 16

struct storage_watch *watcher_new(const struct storage_watch_options *o)
{
    struct storage_watch *w = xcalloc(1, sizeof *w);
    pthread_condattr_t attr;
    w->o = *o;
    w->prefix = str_dup(o->prefix);
    w->prefix_n = o->prefix.n;
    if (!w->o.backlog)
        w->o.backlog = LIMIT_WATCH_BACKLOG;
    w->muted = true;
    list_init(&w->link);
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->cond, &attr);
    pthread_condattr_destroy(&attr);
    return w;
}

struct storage_watch *storage_watch_free(struct storage_watch *w)
{
    if (!w)
        return NULL;
    if (w->detach)
        w->detach(w);
    for (size_t i = w->initial_at; i < w->n_initial; i++)
        storage_object_unref(w->initial[i]);
    for (size_t i = 0; i < w->n; i++)
        storage_object_unref(w->ring[(w->head + i) & (w->cap - 1)].obj);
    free(w->initial);
    free(w->ring);
    free(w->prefix);
    pthread_cond_destroy(&w->cond);
    pthread_mutex_destroy(&w->lock);
    free(w);
    return NULL;
}

void watcher_set_initial(struct storage_watch *w, struct storage_object **taken, size_t n, int64_t revision)
{
    w->initial = taken;
    w->n_initial = n;
    w->initial_revision = revision;
    w->initial_end = w->o.initial_events;
}

bool watcher_wants(const struct storage_watch *w, struct str key)
{
    struct str prefix = str_n(w->prefix, w->prefix_n);
    return w->o.single ? str_eq(key, prefix) : str_starts(key, prefix);
}

bool watcher_matches(const struct storage_watch *w, const struct storage_object *o)
{
    return !w->o.match || w->o.match(w->o.user, o);
}

/* --- the writer's side --- */

static void ring_grow(struct storage_watch *w)
{
    size_t cap = w->cap ? w->cap * 2 : RING_FIRST;
    struct storage_event *ring = xcalloc(cap, sizeof *ring);
    for (size_t i = 0; i < w->n; i++)
        ring[i] = w->ring[(w->head + i) & (w->cap - 1)];
    free(w->ring);
    w->ring = ring;
    w->cap = cap;
    w->head = 0;
}

static bool nothing_waits(const struct storage_watch *w)
{
    return w->n == 0 && w->initial_at == w->n_initial && !w->initial_end && !w->bookmark &&
           (!w->failed || w->failure_told);
}

/* Under lock; tells whether the reader must be woken: it was told of everything before only if nothing waited. */
static void wake(struct storage_watch *w)
{
    bool muted = w->muted;
    pthread_mutex_unlock(&w->lock);
    pthread_cond_signal(&w->cond);
    if (w->o.wake && !muted)
        w->o.wake(w->o.wake_user);
}

static void fail_locked(struct storage_watch *w, enum err_code code, const char *text)
{
    if (w->failed)
        return;
    w->failed = true;
    w->failure = code;
    w->failure_text = text;
}

static void enqueue(struct storage_watch *w, const struct storage_event *e)
{
    pthread_mutex_lock(&w->lock);
    bool was_empty = nothing_waits(w);
    if (w->failed) {
        storage_object_unref(e->obj);
    } else if (w->n >= w->o.backlog) {
        storage_object_unref(e->obj);
        fail_locked(w, ERR_EXPIRED, "the watch fell too far behind");
    } else {
        if (w->n == w->cap)
            ring_grow(w);
        w->ring[(w->head + w->n++) & (w->cap - 1)] = *e;
    }
    w->bookmark = 0;
    if (was_empty)
        wake(w);
    else
        pthread_mutex_unlock(&w->lock);
}

void watcher_push(struct storage_watch *w, const struct storage_change *c)
{
    struct storage_event e = {.revision = c->revision};
    bool now = !c->deleted && watcher_matches(w, c->obj), before = c->prev && watcher_matches(w, c->prev);
    if (!now && !before)
        return;
    if (now) {
        e.type = before ? STORAGE_MODIFIED : STORAGE_ADDED;
        e.obj = storage_object_ref(c->obj);
    } else {
        e.type = STORAGE_DELETED;
        e.obj = c->deleted ? storage_object_ref(c->obj) : storage_object_at(c->prev, c->revision);
    }
    enqueue(w, &e);
}

void watcher_bookmark(struct storage_watch *w, int64_t revision)
{
    pthread_mutex_lock(&w->lock);
    bool was_empty = nothing_waits(w);
    if (w->o.bookmarks && !w->failed)
        w->bookmark = revision;
    if (was_empty && w->bookmark)
        wake(w);
    else
        pthread_mutex_unlock(&w->lock);
}

void watcher_fail(struct storage_watch *w, enum err_code code, const char *static_text)
{
    pthread_mutex_lock(&w->lock);
    bool was_empty = nothing_waits(w);
    fail_locked(w, code, static_text);
    if (was_empty)
        wake(w);
    else
        pthread_mutex_unlock(&w->lock);
}

void watcher_unmute(struct storage_watch *w)
{
    pthread_mutex_lock(&w->lock);
    w->muted = false;
    pthread_mutex_unlock(&w->lock);
}

/* --- the reader's side --- */

static bool next_locked(struct storage_watch *w, struct storage_event *ret)
{
    *ret = (struct storage_event){0};
    if (w->failed && w->failure_told)
        return false;
    if (w->initial_at < w->n_initial) {
        ret->type = STORAGE_ADDED;
        ret->obj = w->initial[w->initial_at++];
        ret->revision = ret->obj->mod_revision;
        return true;
    }
    if (w->initial_end) {
        w->initial_end = false;
        *ret = (struct storage_event){.type = STORAGE_BOOKMARK, .revision = w->initial_revision, .initial_end = true};
        return true;
    }
    if (w->n) {
        *ret = w->ring[w->head];
        w->head = (w->head + 1) & (w->cap - 1);
        w->n--;
        return true;
    }
    if (w->failed) {
        w->failure_told = true;
        *ret = (struct storage_event){.type = STORAGE_ERROR, .error = w->failure, .message = w->failure_text};
        return true;
    }
    if (w->bookmark) {
        *ret = (struct storage_event){.type = STORAGE_BOOKMARK, .revision = w->bookmark};
        w->bookmark = 0;
        return true;
    }
    return false;
}

bool storage_watch_next(struct storage_watch *w, struct storage_event *ret)
{
    pthread_mutex_lock(&w->lock);
    bool got = next_locked(w, ret);
    pthread_mutex_unlock(&w->lock);
    return got;
}

bool storage_watch_wait(struct storage_watch *w, int timeout_ms)
{
    int64_t until = clock_mono(&clock_system) + timeout_ms * NS_PER_MS;
    struct timespec ts = {until / NS_PER_S, until % NS_PER_S};
    pthread_mutex_lock(&w->lock);
    while (nothing_waits(w))
        if (pthread_cond_timedwait(&w->cond, &w->lock, &ts))
            break;
    bool ready = !nothing_waits(w);
    pthread_mutex_unlock(&w->lock);
    return ready;
}
