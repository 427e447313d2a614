/* Watches straight on etcd, without a cache: one etcd watch and one thread each. For tests and tools. */
#include "etcd_store.h"
#include "watcher.h"

#include <stdatomic.h>

#define REOPEN_NS (10 * NS_PER_MS)

struct direct {
    struct storage *s;
    struct storage_watch *w;
    pthread_t thread;
    pthread_mutex_t lock; /* feed, stopping */
    struct storage_feed *feed;
    bool stopping;
    int64_t revision; /* changes up to here have been pushed */
};

/* On the feed's thread; d->revision is read by ours when the feed has been freed. */
static void push_batch(void *user, struct storage_batch *b)
{
    struct direct *d = user;
    for (size_t i = 0; i < b->n; i++) {
        if (watcher_wants(d->w, b->v[i].obj->key))
            watcher_push(d->w, &b->v[i]);
        d->revision = b->v[i].revision;
    }
    storage_batch_release(b);
}

static void set_feed(struct direct *d, struct storage_feed *f)
{
    pthread_mutex_lock(&d->lock);
    d->feed = f;
    if (f && d->stopping)
        etcd_feed_cancel(f);
    pthread_mutex_unlock(&d->lock);
}

static bool is_stopping(struct direct *d)
{
    pthread_mutex_lock(&d->lock);
    bool stopping = d->stopping;
    pthread_mutex_unlock(&d->lock);
    return stopping;
}

/* Pushes until the feed ends; err says why. */
static void run_feed(struct direct *d, struct err *err)
{
    struct storage_feed *f = NULL;
    if (etcd_feed_open(d->s, str_n(d->w->prefix, d->w->prefix_n), d->revision, true, push_batch, d, &f, err) < 0)
        return;
    set_feed(d, f);
    (void)etcd_feed_wait(f, -1, err);
    set_feed(d, NULL);
    etcd_feed_free(f);
}

static void *direct_main(void *user)
{
    struct direct *d = user;
    while (!is_stopping(d)) {
        struct err err = ERR_INIT;
        run_feed(d, &err);
        if (err.code == ERR_EXPIRED) {
            watcher_fail(d->w, ERR_EXPIRED, "The resourceVersion for the provided watch is too old.");
            break;
        }
        sleep_ns(REOPEN_NS);
    }
    return NULL;
}

static void detach(struct storage_watch *w)
{
    struct direct *d = w->owner;
    pthread_mutex_lock(&d->lock);
    d->stopping = true;
    if (d->feed)
        etcd_feed_cancel(d->feed);
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->thread, NULL);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

/* The state now, as initial events. */
static int load_initial(struct direct *d, int64_t not_older, struct err *err)
{
    struct storage_watch *w = d->w;
    struct storage_list l;
    struct storage_list_options o = {
        .prefix = str_n(w->prefix, w->prefix_n),
        .at = not_older ? STORAGE_NOT_OLDER : STORAGE_CONSISTENT,
        .revision = not_older,
        .match = w->o.match,
        .user = w->o.user,
    };
    if (storage_list(d->s, &o, &l, err) < 0)
        return -1;
    size_t n = 0;
    for (size_t i = 0; i < l.n; i++) {
        if (watcher_wants(w, l.v[i]->key))
            l.v[n++] = l.v[i];
        else
            storage_object_unref(l.v[i]);
    }
    d->revision = l.revision;
    watcher_set_initial(w, TAKE(l.v), n, l.revision);
    free(l.continue_token);
    return 0;
}

int etcd_store_watch(struct storage *s, const struct storage_watch_options *o, struct storage_watch **ret,
                     struct err *err)
{
    struct direct *d = xcalloc(1, sizeof *d);
    d->s = s;
    d->w = watcher_new(o);
    d->revision = o->revision;
    int rc = o->revision == 0 || o->initial_events ? load_initial(d, o->revision, err) : 0;
    if (rc == 0) {
        pthread_mutex_init(&d->lock, NULL);
        rc = pthread_create(&d->thread, NULL, direct_main, d);
        if (rc) {
            pthread_mutex_destroy(&d->lock);
            rc = err_errno(err, rc, "cannot start a thread");
        }
    }
    if (rc < 0) {
        storage_watch_free(d->w);
        free(d);
        return -1;
    }
    d->w->owner = d;
    d->w->detach = detach;
    watcher_unmute(d->w);
    *ret = d->w;
    return 0;
}
