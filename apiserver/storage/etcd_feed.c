/*
 * Changes as etcd's watch stream tells them, message by message, on the I/O thread of the watch connection: no other
 * thread has to be woken for an event.
 */
#include "base/vec.h"
#include "etcd_store.h"

struct storage_feed {
    struct grpc_stream *stream;
    storage_batch_fn on_batch;
    void *user;
    struct vec(struct storage_change) pending; /* fragments of one message */
    pthread_mutex_t lock;
    bool failed; /* what follows is not looked at */
    struct err err;
};

struct storage_feed *etcd_feed_free(struct storage_feed *f)
{
    if (!f)
        return NULL;
    grpc_stream_free(f->stream);
    struct storage_batch rest = {f->pending.v, f->pending.n};
    storage_batch_release(&rest);
    pthread_mutex_destroy(&f->lock);
    free(f);
    return NULL;
}

static void etcd_feed_freep(struct storage_feed **f)
{
    etcd_feed_free(*f);
}

static void take_event(struct storage_feed *f, const Mvccpb__Event *e)
{
    struct storage_change c = {.revision = e->kv->mod_revision,
                               .deleted = e->type == MVCCPB__EVENT__EVENT_TYPE__DELETE};
    if (e->prev_kv)
        c.prev = etcd_object(e->prev_kv);
    if (c.deleted && c.prev)
        c.obj = storage_object_at(c.prev, c.revision);
    else
        c.obj = etcd_object(e->kv);
    vec_push(&f->pending, c);
}

/* 1 = f->pending is a whole batch, 0 = go on, -1. */
static int take_response(struct storage_feed *f, const Etcdserverpb__WatchResponse *r, struct err *err)
{
    if (r->compact_revision > 0)
        return err_set(err, ERR_EXPIRED, "The resourceVersion for the provided watch is too old.");
    if (r->canceled)
        return err_set(err, ERR_UNAVAILABLE, "etcd ended the watch: %s", r->cancel_reason);
    for (size_t i = 0; i < r->n_events; i++)
        if (r->events[i]->kv)
            take_event(f, r->events[i]);
    return f->pending.n > 0 && !r->fragment;
}

static void fail(struct storage_feed *f, const struct err *err)
{
    pthread_mutex_lock(&f->lock);
    f->failed = true;
    f->err = *err;
    pthread_mutex_unlock(&f->lock);
    grpc_stream_cancel(f->stream);
}

static void on_message(void *user, struct str message)
{
    struct storage_feed *f = user;
    struct err err = ERR_INIT;
    int rc = -1;
    if (f->failed) /* written on this thread */
        return;
    Etcdserverpb__WatchResponse *r = etcdserverpb__watch_response__unpack(NULL, message.n, (const uint8_t *)message.p);
    if (r) {
        rc = take_response(f, r, &err);
        etcdserverpb__watch_response__free_unpacked(r, NULL);
    } else {
        err_set(&err, ERR_UNAVAILABLE, "etcd's watch message cannot be read");
    }
    if (rc < 0) {
        fail(f, &err);
    } else if (rc > 0) {
        struct storage_batch b = {f->pending.v, f->pending.n};
        f->pending.v = NULL;
        f->pending.n = f->pending.cap = 0;
        f->on_batch(f->user, &b);
    }
}

int etcd_feed_open(struct storage *s, struct str prefix, int64_t revision, bool want_prev, storage_batch_fn on_batch,
                   void *user, struct storage_feed **ret, struct err *err)
{
    Etcdserverpb__WatchRequest req = ETCDSERVERPB__WATCH_REQUEST__INIT;
    Etcdserverpb__WatchCreateRequest create = ETCDSERVERPB__WATCH_CREATE_REQUEST__INIT;
    _cleanup_(freep) char *room = xmalloc(prefix.n + 1);
    _cleanup_(etcd_feed_freep) struct storage_feed *f = xcalloc(1, sizeof *f);
    f->on_batch = on_batch;
    f->user = user;
    pthread_mutex_init(&f->lock, NULL);
    create.key = etcd_bytes(prefix.n ? prefix : str_n("\0", 1));
    create.range_end = etcd_bytes(etcd_prefix_end(prefix, room));
    create.start_revision = revision + 1;
    create.prev_kv = want_prev;
    create.fragment = true;
    req.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST;
    req.create_request = &create;
    /* f->stream is set before the first message can come: that needs the request. */
    if (grpc_stream_open_push(etcd_store_of(s)->etcd.watches, ETCD_WATCH, on_message, f, &f->stream, err) < 0 ||
        grpc_stream_send(f->stream, &req.base, err) < 0)
        return -1;
    *ret = TAKE(f);
    return 0;
}

int etcd_feed_wait(struct storage_feed *f, int timeout_ms, struct err *err)
{
    int rc = grpc_stream_wait(f->stream, timeout_ms, err);
    if (rc < 0 && err->code == ERR_TIMEOUT)
        return -1;
    pthread_mutex_lock(&f->lock);
    if (f->failed)
        *err = f->err;
    else if (rc >= 0)
        err_set(err, ERR_UNAVAILABLE, "etcd ended the watch stream");
    else
        etcd_err(err);
    pthread_mutex_unlock(&f->lock);
    return -1;
}

void etcd_feed_cancel(struct storage_feed *f)
{
    grpc_stream_cancel(f->stream);
}
