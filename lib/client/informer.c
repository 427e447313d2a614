#include "informer.h"

#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"
#include "base/vec.h"
#include "client/meta.h"
#include "client/store.h"

#include <pthread.h>

#define BACKOFF_MIN_NS (800 * NS_PER_MS)
#define BACKOFF_MAX_NS (30 * NS_PER_S)
#define LOG_EVERY_NS (5 * NS_PER_S)
#define STACK_BYTES (512 * 1024)
#define WATCH_MIN_S 300 /* a watch is renewed after 5 to 10 minutes, as upstream's reflector does */

struct informer {
    struct list link;
    struct informer_factory *f;
    const struct kube_kind *kind;
    struct informer_options o; /* strings owned */
    struct store *store;
    struct vec(struct informer_handler) handlers;
    pthread_t thread;
    bool started;
    bool synced;     /* atomic */
    char *revision;  /* where the watch goes on; NULL = list first */
    bool listed;     /* at least once */
    int64_t backoff; /* what the next failure waits */
};

struct informer_factory {
    struct kube_client *client;
    struct stop *stop;
    struct list informers;
    pthread_mutex_t lock; /* for the condition and the log: informers are made before the start */
    pthread_cond_t synced;
    int64_t told_at; /* mono: when a failure was logged last */
};

/* --- what happened, to the handlers --- */

/* A change in the store: old or new may be NULL, not both. Takes over both references. */
static void tell(struct informer *i, struct kube_object *old, struct kube_object *o)
{
    vec_foreach (&i->handlers, h) {
        if (!o && h->del)
            h->del(h->ctx, old);
        else if (o && old && h->update)
            h->update(h->ctx, old, o);
        else if (o && !old && h->add)
            h->add(h->ctx, o);
    }
    kube_object_unref(old);
    kube_object_unref(o);
}

static struct kube_object *transformed(struct informer *i, struct kube_object *o)
{
    return i->o.transform ? i->o.transform(o) : o;
}

static bool same_version(const struct kube_object *a, const struct kube_object *b)
{
    return strcmp(kstr(a->meta->resourceversion), kstr(b->meta->resourceversion)) == 0 &&
           strcmp(kstr(a->meta->uid), kstr(b->meta->uid)) == 0;
}

/* Takes over the reference. */
static void put(struct informer *i, struct kube_object *o, bool always_tell)
{
    o = transformed(i, o);
    struct kube_object *old = store_set(i->store, o);
    if (old && !always_tell && same_version(old, o)) {
        kube_object_unref(old);
        kube_object_unref(o);
        return;
    }
    tell(i, old, o);
}

/* The store becomes what the list says. Takes over the references of `listed`. */
static void replace(struct informer *i, struct kube_objects *listed)
{
    struct kube_objects before = {0};
    struct map there;

    map_init(&there, NULL);
    for (size_t n = 0; n < listed->n; n++)
        map_set(&there, listed->v[n]->key, listed->v[n]);
    store_list(i->store, &before);
    for (size_t n = 0; n < before.n; n++)
        if (!map_has(&there, before.v[n]->key)) {
            struct kube_object *last = store_take(i->store, before.v[n]->key);
            if (last)
                tell(i, last, NULL);
        }
    map_release(&there);
    kube_objects_release(&before);
    for (size_t n = 0; n < listed->n; n++)
        put(i, listed->v[n], false);
    listed->n = 0;
}

/* --- reflector --- */

static void set_revision(struct informer *i, const char *revision)
{
    if (i->revision && strcmp(i->revision, kstr(revision)) == 0)
        return;
    free(i->revision);
    i->revision = revision && *revision ? xstrdup(revision) : NULL;
}

static void mark_synced(struct informer *i)
{
    struct informer_factory *f = i->f;

    pthread_mutex_lock(&f->lock);
    __atomic_store_n(&i->synced, true, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&f->synced);
    pthread_mutex_unlock(&f->lock);
}

static int list(struct informer *i, struct err *err)
{
    _cleanup_(kube_objects_releasep) struct kube_objects got = {0};
    _cleanup_(freep) char *revision = NULL;
    /* The first list may come from the server's cache; one after 410 must be current, or it would go back in time. */
    struct kube_list_options o = {.ns = i->o.ns,
                                  .label_selector = i->o.label_selector,
                                  .field_selector = i->o.field_selector,
                                  .resource_version = i->listed ? NULL : "0"};

    if (kube_list(i->f->client, i->kind, &o, &got, &revision, err) < 0)
        return -1;
    replace(i, &got);
    set_revision(i, revision);
    i->listed = true;
    mark_synced(i);
    return 0;
}

static void take_event(struct informer *i, enum kube_watch_type type, struct kube_object *o)
{
    set_revision(i, o->meta->resourceversion);
    if (type == KUBE_WATCH_BOOKMARK) {
        kube_object_unref(o);
    } else if (type == KUBE_WATCH_DELETED) {
        struct kube_object *old = store_take(i->store, o->key);
        if (old) { /* the event's state is the newer last one */
            kube_object_unref(old);
            tell(i, transformed(i, o), NULL);
        } else {
            kube_object_unref(o);
        }
    } else {
        put(i, o, true);
    }
}

static void cancel_watch(void *w)
{
    kube_watch_cancel(w);
}

/* One watch from its opening to its end. 0 = ended in good order; go on from i->revision. */
static int watch(struct informer *i, struct err *err)
{
    struct kube_watch *w;
    struct kube_watch_options o = {.ns = i->o.ns,
                                   .label_selector = i->o.label_selector,
                                   .field_selector = i->o.field_selector,
                                   .resource_version = i->revision,
                                   .timeout_s = WATCH_MIN_S + (int64_t)random_below(WATCH_MIN_S)};
    enum kube_watch_type type;
    struct kube_object *obj;
    int r;

    if (kube_watch_open(i->f->client, i->kind, &o, &w, err) < 0)
        return -1;
    struct stop_hook *hook = stop_on(i->f->stop, cancel_watch, w);
    while ((r = kube_watch_next(w, &type, &obj, err)) > 0) {
        take_event(i, type, obj);
        i->backoff = BACKOFF_MIN_NS;
    }
    stop_off(i->f->stop, hook);
    kube_watch_free(w);
    return r;
}

static bool must_relist(const struct err *err)
{
    return err->code == ERR_EXPIRED || err->code == ERR_GONE || err->code == ERR_TOO_LARGE ||
           err->code == ERR_BAD_REQUEST || err->code == ERR_BAD_GATEWAY || err->code == ERR_INTERNAL;
}

/* True when it is time to end. */
static bool back_off(struct informer *i)
{
    int64_t ns = i->backoff + (int64_t)random_below((uint64_t)i->backoff);

    i->backoff = MIN_OF(i->backoff * 2, BACKOFF_MAX_NS);
    return stop_wait(i->f->stop, ns);
}

/* When the server goes away every informer fails: one line says it, the others are for debugging. */
static void log_failure(struct informer *i, const struct err *err, bool expired)
{
    struct informer_factory *f = i->f;
    int64_t now = clock_mono(&clock_system);

    pthread_mutex_lock(&f->lock);
    bool quiet = expired || (f->told_at && now - f->told_at < LOG_EVERY_NS);
    if (!quiet)
        f->told_at = now;
    pthread_mutex_unlock(&f->lock);
    LOG_AT(quiet ? LOG_DEBUG : LOG_WARN, "list or watch failed", LOG_S("resource", i->kind->resource), LOG_ERR(err));
}

static void *reflect(void *arg)
{
    struct informer *i = arg;

    while (!stop_requested(i->f->stop)) {
        struct err err = ERR_INIT;
        int r = i->revision ? watch(i, &err) : list(i, &err);
        if (stop_requested(i->f->stop))
            break;
        if (r == 0)
            continue;
        bool expired = err.code == ERR_EXPIRED || err.code == ERR_GONE;
        log_failure(i, &err, expired);
        if (err.code == ERR_NOT_FOUND && !i->listed)
            mark_synced(i); /* the server does not serve such things: there are none, and nobody may wait for them */
        if (must_relist(&err))
            set_revision(i, NULL);
        if (!(expired && i->backoff == BACKOFF_MIN_NS) && back_off(i))
            break;
        if (expired)
            i->backoff =
                MIN_OF(MAX_OF(i->backoff, BACKOFF_MIN_NS + 1), BACKOFF_MAX_NS); /* a second 410 in a row waits */
    }
    return NULL;
}

/* --- life --- */

struct informer_factory *informer_factory_new(struct kube_client *c, struct stop *stop)
{
    struct informer_factory *f = xcalloc(1, sizeof(*f));
    pthread_condattr_t attr;

    f->client = c;
    f->stop = stop;
    list_init(&f->informers);
    pthread_mutex_init(&f->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&f->synced, &attr);
    pthread_condattr_destroy(&attr);
    return f;
}

struct informer_factory *informer_factory_free(struct informer_factory *f)
{
    if (!f)
        return NULL;
    list_foreach (&f->informers, struct informer, i, link) {
        if (i->started)
            pthread_join(i->thread, NULL);
        store_free(i->store);
        vec_release(&i->handlers);
        free((char *)i->o.ns);
        free((char *)i->o.label_selector);
        free((char *)i->o.field_selector);
        free(i->revision);
        free(i);
    }
    pthread_cond_destroy(&f->synced);
    pthread_mutex_destroy(&f->lock);
    free(f);
    return NULL;
}

static bool same(const char *a, const char *b)
{
    return strcmp(kstr(a), kstr(b)) == 0;
}

struct informer *informer_of(struct informer_factory *f, const struct kube_kind *k, const struct informer_options *o)
{
    static const struct informer_options none = {0};

    o = o ? o : &none;
    list_foreach (&f->informers, struct informer, i, link)
        if (i->kind == k && same(i->o.ns, o->ns) && same(i->o.label_selector, o->label_selector) &&
            same(i->o.field_selector, o->field_selector) && i->o.transform == o->transform)
            return i;
    struct informer *i = xcalloc(1, sizeof(*i));
    i->f = f;
    i->kind = k;
    i->o = (struct informer_options){xstrdup(kstr(o->ns)), xstrdup(kstr(o->label_selector)),
                                     xstrdup(kstr(o->field_selector)), o->transform};
    i->store = store_new();
    i->backoff = BACKOFF_MIN_NS;
    list_push(&f->informers, &i->link);
    return i;
}

void informer_add_handler(struct informer *i, const struct informer_handler *h)
{
    if (i->started)
        abort(); /* it would miss what was told already */
    vec_push(&i->handlers, *h);
}

int informer_add_index(struct informer *i, informer_index_fn *fn)
{
    return store_add_index(i->store, fn);
}

void informer_factory_start(struct informer_factory *f)
{
    pthread_attr_t attr;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    list_foreach (&f->informers, struct informer, i, link) {
        if (i->started)
            continue;
        i->started = true;
        if (pthread_create(&i->thread, &attr, reflect, i) != 0)
            abort();
    }
    pthread_attr_destroy(&attr);
}

static bool all_synced(struct informer_factory *f)
{
    list_foreach (&f->informers, struct informer, i, link)
        if (i->started && !informer_synced(i))
            return false;
    return true;
}

static void wake_waiters(void *arg)
{
    struct informer_factory *f = arg;

    pthread_mutex_lock(&f->lock);
    pthread_cond_broadcast(&f->synced);
    pthread_mutex_unlock(&f->lock);
}

bool informer_factory_wait_synced(struct informer_factory *f, int64_t timeout_ns)
{
    int64_t until = clock_mono(&clock_system) + (timeout_ns < 0 ? 365 * 86400 * NS_PER_S : timeout_ns);
    struct timespec ts = {until / NS_PER_S, until % NS_PER_S};
    struct stop_hook *hook = stop_on(f->stop, wake_waiters, f);

    pthread_mutex_lock(&f->lock);
    while (!all_synced(f) && !stop_requested(f->stop))
        if (pthread_cond_timedwait(&f->synced, &f->lock, &ts) != 0)
            break;
    bool ok = all_synced(f) && !stop_requested(f->stop);
    pthread_mutex_unlock(&f->lock);
    stop_off(f->stop, hook);
    return ok;
}

bool informer_synced(const struct informer *i)
{
    return __atomic_load_n(&i->synced, __ATOMIC_ACQUIRE);
}

/* --- lookups --- */

struct kube_object *informer_get(struct informer *i, struct str key)
{
    return store_get(i->store, key);
}

struct kube_object *informer_get_ns(struct informer *i, const char *ns, const char *name)
{
    _cleanup_(freep) char *key = *kstr(ns) ? xasprintf("%s/%s", ns, name) : xstrdup(name);
    return store_get(i->store, str_of(key));
}

void informer_list(struct informer *i, struct kube_objects *ret)
{
    store_list(i->store, ret);
}

void informer_by_index(struct informer *i, int index, struct str value, struct kube_objects *ret)
{
    store_by_index(i->store, index, value, ret);
}

size_t informer_count(struct informer *i)
{
    return store_count(i->store);
}

void informer_each(struct informer *i, void (*fn)(void *, const struct kube_object *), void *ctx)
{
    store_each(i->store, fn, ctx);
}
