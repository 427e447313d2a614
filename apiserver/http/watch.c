/*
 * WATCH: a stream that pulls events from the storage's watch and frames them around encodings that all watchers share.
 * Lives on the connection's loop thread; the storage only wakes it.
 */
#include "api/status.h"
#include "apiserver/apiextensions/custom.h"
#include "apiserver/http/respond.h"
#include "apiserver/http/select.h"
#include "apiserver/http/table.h"
#include "apiserver/http/verbs.h"
#include "apiserver/metrics.h"
#include "apiserver/options.h"
#include "apiserver/registry/codec.h"
#include "base/limits.h"
#include "base/random.h"

struct watch {
    struct request *r; /* with a reference to its HTTP request */
    struct selection selection;
    struct storage_watch *events; /* NULL when opening failed: `failed` then says why */
    struct err failed;
    struct loop_timer timeout;
    struct custom_watcher custom; /* in the list of its definition, for custom resources */
    bool timed_out, done, columns_sent;
};

static const char *const TYPES[] = {
    [STORAGE_ADDED] = "ADDED",       [STORAGE_MODIFIED] = "MODIFIED", [STORAGE_DELETED] = "DELETED",
    [STORAGE_BOOKMARK] = "BOOKMARK", [STORAGE_ERROR] = "ERROR",
};

/* --- frames ------------------------------------------------------------------------------------------------------ */

static void push_copy(struct slice_queue *out, struct buf *b)
{
    struct shared_buf *owned = shared_buf_from(b);
    slice_queue_push(out, owned, shared_buf_str(owned));
}

static void put_varint(struct buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_putc(b, (char)(v | 0x80));
    buf_putc(b, (char)v);
}

static size_t varint_size(uint64_t v)
{
    size_t n = 1;
    for (; v >= 0x80; v >>= 7)
        n++;
    return n;
}

/* Length, then WatchEvent{type, RawExtension{raw}} up to where the object's bytes follow. */
static void proto_frame_head(struct buf *b, const char *type, size_t object_n)
{
    size_t raw = 1 + varint_size(object_n) + object_n;
    size_t type_n = strlen(type);
    size_t total = 2 + type_n + 1 + varint_size(raw) + raw;
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_putc(b, (char)(total >> shift));
    buf_putc(b, 1 << 3 | 2);
    put_varint(b, type_n);
    buf_puts(b, type);
    buf_putc(b, 2 << 3 | 2);
    put_varint(b, raw);
    buf_putc(b, 1 << 3 | 2);
    put_varint(b, object_n);
}

/* The beginnings of JSON frames never change. */
static const struct str JSON_HEADS[] = {
    [STORAGE_ADDED] = {"{\"type\":\"ADDED\",\"object\":", 25},
    [STORAGE_MODIFIED] = {"{\"type\":\"MODIFIED\",\"object\":", 28},
    [STORAGE_DELETED] = {"{\"type\":\"DELETED\",\"object\":", 27},
    [STORAGE_BOOKMARK] = {"{\"type\":\"BOOKMARK\",\"object\":", 28},
    [STORAGE_ERROR] = {"{\"type\":\"ERROR\",\"object\":", 25},
};

static void push_frame(struct watch *w, struct slice_queue *out, enum storage_event_type type,
                       struct shared_buf *owner_taken, struct str object)
{
    if (w->r->accept.encoding == ENC_PROTOBUF) {
        struct buf head = BUF_INIT(128);
        proto_frame_head(&head, TYPES[type], object.n);
        push_copy(out, &head);
        slice_queue_push(out, owner_taken, object);
        return;
    }
    slice_queue_push(out, NULL, JSON_HEADS[type]);
    slice_queue_push(out, owner_taken, object);
    slice_queue_push(out, NULL, STR("}\n"));
}

static void push_doc(struct watch *w, struct slice_queue *out, enum storage_event_type type, const struct doc *d)
{
    struct buf b = BUF_INIT(LIMIT_BODY);
    struct err ignored = ERR_INIT;
    if (!d || codec_write(d, w->r->accept.encoding, &b, &ignored) < 0) {
        buf_release(&b);
        return;
    }
    if (w->r->accept.encoding != ENC_PROTOBUF && b.len)
        b.len--; /* the line end belongs to the frame */
    struct shared_buf *owned = shared_buf_from(&b);
    push_frame(w, out, type, owned, shared_buf_str(owned));
}

static void push_error(struct watch *w, struct slice_queue *out, const struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    push_doc(w, out, STORAGE_ERROR, status_from_err(a, err));
    w->done = true;
}

/* An object with nothing but its type and the revision. */
static void push_bookmark(struct watch *w, struct slice_queue *out, const struct storage_event *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    const struct resource *res = w->r->res;
    bool meta_only = w->r->accept.shape == SHAPE_METADATA || w->r->accept.shape == SHAPE_METADATA_LIST;
    struct doc *d = doc_object(a), *meta = doc_object(a);
    const char *version = *res->group ? arena_printf(a, "%s/%s", res->group, res->version) : res->version;
    if (w->r->accept.shape == SHAPE_TABLE)
        version = "meta.k8s.io/v1";
    doc_set(d, "kind",
            doc_string(a, str_of(w->r->accept.shape == SHAPE_TABLE ? "Table"
                                 : meta_only                       ? "PartialObjectMetadata"
                                                                   : res->kind)));
    doc_set(d, "apiVersion", doc_string(a, str_of(meta_only ? "meta.k8s.io/v1" : version)));
    doc_set(meta, "resourceVersion", doc_printf(a, "%lld", (long long)e->revision));
    if (e->initial_end && w->r->accept.shape != SHAPE_TABLE) {
        struct doc *annotations = doc_object(a);
        doc_set(annotations, "k8s.io/initial-events-end", doc_string(a, STR("true")));
        doc_set(meta, "annotations", annotations);
    }
    doc_set(d, "metadata", meta);
    if (w->r->accept.shape == SHAPE_TABLE) {
        doc_set(d, "columnDefinitions", doc_array(a));
        doc_set(d, "rows", doc_array(a));
    }
    push_doc(w, out, STORAGE_BOOKMARK, d);
}

static int push_table(struct watch *w, struct slice_queue *out, const struct storage_event *e, struct err *err)
{
    struct buf b = BUF_INIT(LIMIT_BODY);
    if (table_write_event(w->r, e->obj, !w->columns_sent, &b, err) < 0) {
        buf_release(&b);
        return -1;
    }
    w->columns_sent = true;
    struct shared_buf *owned = shared_buf_from(&b);
    push_frame(w, out, e->type, owned, shared_buf_str(owned));
    return 0;
}

static int push_object(struct watch *w, struct slice_queue *out, const struct storage_event *e, struct err *err)
{
    struct encoded enc;
    if (w->r->accept.shape == SHAPE_TABLE)
        return push_table(w, out, e, err);
    bool meta_only = w->r->accept.shape == SHAPE_METADATA || w->r->accept.shape == SHAPE_METADATA_LIST;
    int result = meta_only ? codec_encoded_metadata(w->r->res, e->obj, w->r->accept.encoding, &enc, err)
                           : codec_encoded(w->r->res, e->obj, w->r->accept.encoding, &enc, err);
    if (result < 0)
        return -1;
    push_frame(w, out, e->type, enc.buf, enc.all);
    return 0;
}

static void push_event(struct watch *w, struct slice_queue *out, const struct storage_event *e)
{
    struct err err = ERR_INIT;
    if (e->type == STORAGE_BOOKMARK) {
        push_bookmark(w, out, e);
    } else if (e->type == STORAGE_ERROR) {
        err_set(&err, e->error, "%s", e->message ? e->message : "the watch has ended");
        push_error(w, out, &err);
    } else if (push_object(w, out, e, &err) < 0) {
        push_error(w, out, &err);
    }
}

/* --- the stream -------------------------------------------------------------------------------------------------- */

static enum http_pull watch_pull(void *ctx, struct slice_queue *out, size_t want)
{
    struct watch *w = ctx;
    struct storage_event e;
    if (!w->events && !w->done)
        push_error(w, out, &w->failed);
    while (!w->done && !w->timed_out && out->bytes < want) {
        if (w->r->res->custom && custom_retired(w->r->res->custom))
            return HTTP_PULL_END; /* the client comes again, to the new schema or to a 404 */
        if (!storage_watch_next(w->events, &e))
            return HTTP_PULL_WAIT;
        push_event(w, out, &e);
        storage_object_unref(e.obj);
    }
    return w->done || w->timed_out ? HTTP_PULL_END : HTTP_PULL_MORE;
}

static void watch_close(void *ctx, bool complete)
{
    struct watch *w = ctx;
    (void)complete;
    struct http_request *http = w->r->http;
    loop_timer_cancel(http_request_loop(http), &w->timeout);
    storage_watch_free(w->events);
    if (w->r->res->custom)
        custom_watch_end(w->r->res->custom, &w->custom);
    metrics_watches(w->r->server->metrics, -1);
    free(w);
    http_request_unref(http);
}

static void watch_wake(void *user)
{
    http_response_wake(user);
}

static void watch_timeout(struct loop_timer *t)
{
    struct watch *w = CONTAINER_OF(t, struct watch, timeout);
    w->timed_out = true;
    http_response_wake(w->r->http);
}

static const struct http_stream_ops WATCH_OPS = {.pull = watch_pull, .close = watch_close};

static int timeout_of(const struct request *r, int64_t *ret_s, struct err *err)
{
    bool set;
    if (query_int(&r->query, "timeoutSeconds", &set, ret_s, err) < 0)
        return -1;
    int64_t shortest = r->server->options->min_request_timeout_s;
    if (!set || *ret_s <= 0)
        *ret_s = shortest + (int64_t)random_below((uint64_t)shortest);
    return 0;
}

static void open_events(struct watch *w, const struct read_options *o, struct str key, bool single)
{
    struct storage_watch_options wo = {
        .prefix = key,
        .single = single,
        .revision = o->revision,
        .initial_events = o->send_initial_events,
        .bookmarks = query_bool(&w->r->query, "allowWatchBookmarks"),
        .match = selection_everything(&w->selection) ? NULL : selection_matches,
        .user = &w->selection,
        .wake = watch_wake,
        .wake_user = w->r->http,
    };
    if (storage_watch(w->r->server->storage, &wo, &w->events, &w->failed) < 0)
        w->events = NULL;
}

int verb_watch(struct request *r, struct err *err)
{
    struct read_options o;
    struct selection s;
    struct str key;
    int64_t timeout_s;
    if (negotiate_accept(http_header(r->http, "accept"), request_negotiates(r, NEGOTIATE_LIST), &r->accept, err) < 0 ||
        read_options_parse(r, false, &o, err) < 0 || selection_parse(r, &s, err) < 0 ||
        timeout_of(r, &timeout_s, err) < 0 || (r->accept.shape == SHAPE_TABLE && table_check_query(r, err) < 0))
        return -1;
    bool single = s.name.n && (!r->res->namespaced || r->info.ns.n);
    if (request_key(r, r->info.ns, single ? s.name : STR(""), &key, err) < 0)
        return -1;
    if (!storage_ready(r->server->storage))
        return status_too_many_requests(err, r->arena, 1, "storage is (re)initializing");
    if (r->accept.encoding == ENC_YAML)
        r->accept.encoding = ENC_JSON;
    struct watch *w = xcalloc(1, sizeof(*w));
    w->r = r;
    w->selection = s;
    http_request_ref(r->http);
    metrics_watches(r->server->metrics, 1);
    open_events(w, &o, key, single);
    w->custom = (struct custom_watcher){.wake = watch_wake, .user = r->http};
    if (r->res->custom)
        custom_watch_begin(r->res->custom, &w->custom);
    w->timeout.fn = watch_timeout;
    loop_timer_set(http_request_loop(r->http), &w->timeout, timeout_s * NS_PER_S);
    struct http_header headers[RESPOND_HEADERS_MAX];
    size_t n = respond_headers(r, encoding_watch_type(r->accept.encoding), headers);
    request_answered(r, 200);
    http_respond_stream(r->http, 200, headers, n, &WATCH_OPS, w);
    return 0;
}
