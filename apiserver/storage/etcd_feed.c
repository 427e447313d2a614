/* Changes as etcd's watch stream tells them, message by message. */
#include "base/vec.h"
#include "etcd_store.h"

struct storage_feed {
    struct grpc_stream *stream;
    bool want_prev;
    struct vec(struct storage_change) pending; /* fragments of one message */
};

struct storage_feed *etcd_feed_free(struct storage_feed *f)
{
    if (!f)
        return NULL;
    struct storage_batch rest = {f->pending.v, f->pending.n};
    storage_batch_release(&rest);
    grpc_stream_free(f->stream);
    free(f);
    return NULL;
}

static void etcd_feed_freep(struct storage_feed **f)
{
    etcd_feed_free(*f);
}

int etcd_feed_open(struct storage *s, struct str prefix, int64_t revision, bool want_prev, struct storage_feed **ret,
                   struct err *err)
{
    Etcdserverpb__WatchRequest req = ETCDSERVERPB__WATCH_REQUEST__INIT;
    Etcdserverpb__WatchCreateRequest create = ETCDSERVERPB__WATCH_CREATE_REQUEST__INIT;
    _cleanup_(freep) char *room = xmalloc(prefix.n + 1);
    _cleanup_(etcd_feed_freep) struct storage_feed *f = xcalloc(1, sizeof *f);
    f->want_prev = want_prev;
    create.key = etcd_bytes(prefix.n ? prefix : str_n("\0", 1));
    create.range_end = etcd_bytes(etcd_prefix_end(prefix, room));
    create.start_revision = revision + 1;
    create.prev_kv = want_prev;
    create.fragment = true;
    req.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST;
    req.create_request = &create;
    if (grpc_stream_open(etcd_store_of(s)->etcd.watches, ETCD_WATCH, &f->stream, err) < 0 ||
        grpc_stream_send(f->stream, &req.base, err) < 0)
        return -1;
    *ret = TAKE(f);
    return 0;
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

int etcd_feed_next(struct storage_feed *f, int timeout_ms, struct storage_batch *ret, struct err *err)
{
    int rc = 0;
    while (rc == 0) {
        ProtobufCMessage *m = NULL;
        rc = grpc_stream_recv(f->stream, &etcdserverpb__watch_response__descriptor, timeout_ms, &m, err);
        if (rc == 0)
            return err_set(err, ERR_UNAVAILABLE, "etcd ended the watch stream");
        if (rc < 0)
            return etcd_err(err);
        rc = take_response(f, (const Etcdserverpb__WatchResponse *)m, err);
        protobuf_c_message_free_unpacked(m, NULL);
    }
    if (rc < 0)
        return -1;
    *ret = (struct storage_batch){f->pending.v, f->pending.n};
    f->pending.v = NULL;
    f->pending.n = f->pending.cap = 0;
    return 0;
}

void etcd_feed_cancel(struct storage_feed *f)
{
    grpc_stream_cancel(f->stream);
}
