/*
 * HTTP/2 over libnghttp2's server session. Each stream is an exchange; its body is pulled by a data provider.
 *
 * nghttp2 guards itself against rapid resets, CONTINUATION floods and queues of acknowledgements that nobody reads;
 * here we bound header lists, streams, frames that carry nothing, and time.
 */
#include "conn.h"

#include "base/parse.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>

#define STREAM_WINDOW (256 * KIB)
#define CONN_WINDOW (4 * MIB)
#define DISCARD_MAX (4 * (int64_t)MIB) /* of an unwanted body, to spare the client a reset */
#define HEAD_CEILING 4                 /* times the limit: up to there a 431 is told, past it the stream is reset */
#define FIELDS_AT_ONCE 64

struct h2 {
    nghttp2_session *session;
    struct list exchanges;
    struct exchange *heading; /* whose header block is being received */
    int64_t heading_since;
    int64_t since; /* idle since, or opened */
    bool preface_seen, fatal, going;
    size_t control_frames; /* in the current second */
    int64_t control_second;
    char *to; /* produce's output */
    size_t to_n, to_at;
};

static struct exchange *exchange_of(struct h2 *h, int32_t stream_id)
{
    return nghttp2_session_get_stream_user_data(h->session, stream_id);
}

/* --- receiving --- */

static int on_begin_frame(nghttp2_session *s, const nghttp2_frame_hd *hd, void *user)
{
    static const bool carries_nothing[] = {
        [NGHTTP2_PRIORITY] = true,
        [NGHTTP2_RST_STREAM] = true,
        [NGHTTP2_SETTINGS] = true,
        [NGHTTP2_PING] = true,
    };
    struct conn *c = user;
    struct h2 *h = c->state;
    h->preface_seen = true;
    if (hd->type == NGHTTP2_DATA ? hd->length > 0 || (hd->flags & NGHTTP2_FLAG_END_STREAM)
                                 : hd->type >= ARRAY_LEN(carries_nothing) || !carries_nothing[hd->type])
        return 0;
    int64_t second = loop_now(c->t->loop) / NS_PER_S;
    if (second != h->control_second)
        h->control_frames = 0;
    h->control_second = second;
    if (++h->control_frames <= c->t->core->limits.control_frames_per_s)
        return 0;
    if (!h->fatal) {
        conn_limit_hit(c);
        nghttp2_session_terminate_session(s, NGHTTP2_ENHANCE_YOUR_CALM);
    }
    h->fatal = true;
    return 0;
}

static int on_begin_headers(nghttp2_session *s, const nghttp2_frame *frame, void *user)
{
    struct conn *c = user;
    struct h2 *h = c->state;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct exchange *ex = exchange_new(c);
    ex->stream_id = frame->hd.stream_id;
    ex->req.version = HTTP_2;
    list_push(&h->exchanges, &ex->link);
    h->heading = ex;
    h->heading_since = loop_now(c->t->loop);
    nghttp2_session_set_stream_user_data(s, ex->stream_id, ex);
    return 0;
}

static struct str *pseudo_field(struct head *head, const uint8_t *name, size_t n)
{
    static const char *const names[] = {":method", ":path", ":authority"};
    struct str *to[] = {&head->method, &head->target, &head->authority};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_is(str_n((const char *)name, n), names[i]))
            return to[i];
    return NULL;
}

static int on_header(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name, size_t name_n,
                     const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
    struct conn *c = user;
    struct h2 *h = c->state;
    struct exchange *ex = h->heading;
    if (!ex || ex->stream_id != frame->hd.stream_id) /* trailers are dropped */
        return 0;
    const struct http_limits *l = &c->t->core->limits;
    struct head *head = &ex->head;
    if (head->refused) {
        head->size += name_n + value_n + 32;
        if (head->size <= HEAD_CEILING * l->header_bytes)
            return 0;
        conn_limit_hit(c);
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    struct str *pseudo = name[0] == ':' ? pseudo_field(head, name, name_n) : NULL;
    if (pseudo && value_n > (pseudo == &head->target ? l->url : l->header_bytes)) {
        head->refused = pseudo == &head->target ? 414 : 431;
    } else if (pseudo) {
        *pseudo = head_text(head, (const char *)value, value_n);
    } else if (name[0] != ':') {
        if (name_n + value_n > l->header_bytes)
            head->refused = 431;
        else
            head_add(head, l, head_text(head, (const char *)name, name_n),
                     head_text(head, (const char *)value, value_n));
    }
    return 0;
}

static void head_complete(struct h2 *h, struct exchange *ex, bool end_stream)
{
    h->heading = NULL;
    int64_t size;
    ex->body_done = end_stream;
    ex->body_started = ex->body_last = loop_now(ex->t->loop);
    ex->req.has_body = !end_stream;
    if (exchange_head_done(ex) == 0) {
        struct str expect = http_header(&ex->req, "expect");
        if (expect.p && !str_ieq(expect, STR("100-continue")))
            ex->head.refused = 417;
        ex->expect_continue = expect.p;
        if (parse_int64(http_header(&ex->req, "content-length"), &size))
            ex->req.body_size = size;
        if (str_is(ex->req.method, "CONNECT"))
            ex->head.refused = 405;
    }
    exchange_dispatch(ex);
}

static int on_frame(nghttp2_session *s, const nghttp2_frame *frame, void *user)
{
    struct conn *c = user;
    struct h2 *h = c->state;
    struct exchange *ex = frame->hd.stream_id ? exchange_of(h, frame->hd.stream_id) : NULL;
    if (!ex)
        return 0;
    bool end_stream = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (frame->hd.type == NGHTTP2_HEADERS && ex == h->heading)
        head_complete(h, ex, end_stream);
    else if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) && end_stream)
        exchange_body_end(ex);
    return 0;
}

static int on_data(nghttp2_session *s, uint8_t flags, int32_t stream_id, const uint8_t *p, size_t n, void *user)
{
    struct conn *c = user;
    struct exchange *ex = exchange_of(c->state, stream_id);
    size_t credit = ex ? exchange_body(ex, (const char *)p, n) : n;
    if (credit)
        nghttp2_session_consume(s, stream_id, credit);
    return 0;
}

static int on_stream_close(nghttp2_session *s, int32_t stream_id, uint32_t error, void *user)
{
    struct conn *c = user;
    struct h2 *h = c->state;
    struct exchange *ex = exchange_of(h, stream_id);
    if (!ex)
        return 0;
    if (h->heading == ex)
        h->heading = NULL;
    /* what is held for a handler that never asked goes back to the connection's window */
    size_t early = ex->body_mode == BODY_UNDECIDED ? ex->body.len : ex->body_ahead;
    if (early)
        nghttp2_session_consume_connection(s, early);
    nghttp2_session_set_stream_user_data(s, stream_id, NULL);
    exchange_end(ex, ex->ended && ex->out.bytes == 0 && !ex->aborted);
    if (list_empty(&h->exchanges))
        h->since = loop_now(c->t->loop);
    return 0;
}

static size_t input(struct conn *c, const char *p, size_t n)
{
    struct h2 *h = c->state;
    ssize_t used = h->fatal ? (ssize_t)n : nghttp2_session_mem_recv(h->session, (const uint8_t *)p, n);
    if (used < 0) {
        if (used == NGHTTP2_ERR_FLOODED || used == NGHTTP2_ERR_BAD_CLIENT_MAGIC)
            conn_limit_hit(c);
        conn_close(c);
        return n;
    }
    conn_dirty(c);
    return (size_t)used;
}

static bool wants_input(const struct conn *c)
{
    return true;
}

/* --- sending --- */

static ssize_t on_send(nghttp2_session *s, const uint8_t *p, size_t n, int flags, void *user)
{
    struct h2 *h = ((struct conn *)user)->state;
    size_t take = MIN_OF(n, h->to_n - h->to_at);
    if (take == 0)
        return NGHTTP2_ERR_WOULDBLOCK;
    memcpy(h->to + h->to_at, p, take);
    h->to_at += take;
    return (ssize_t)take;
}

static ssize_t on_read_body(nghttp2_session *s, int32_t stream_id, uint8_t *to, size_t n, uint32_t *flags,
                            nghttp2_data_source *source, void *user)
{
    struct exchange *ex = source->ptr;
    if (!exchange_pull(ex, n))
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* RST_STREAM */
    size_t take = MIN_OF(ex->out.bytes, n);
    ex->progress = loop_now(ex->t->loop);
    if (ex->ended && take == ex->out.bytes)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    else if (take == 0)
        return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    return (ssize_t)take;
}

/* A DATA frame goes into the output in one piece, straight from the slices. */
static int on_send_data(nghttp2_session *s, nghttp2_frame *frame, const uint8_t *head, size_t n,
                        nghttp2_data_source *source, void *user)
{
    struct h2 *h = ((struct conn *)user)->state;
    struct exchange *ex = source->ptr;
    if (h->to_n - h->to_at < 9 + n)
        return NGHTTP2_ERR_WOULDBLOCK;
    memcpy(h->to + h->to_at, head, 9); /* no padding: we never ask for it */
    h->to_at += 9 + slice_queue_read(&ex->out, h->to + h->to_at + 9, n);
    return 0;
}

/* Some clients take a reset behind a complete answer for a failure, so what is soon over is let come. A client that
 * then stalls meets the write stall limit. */
static bool is_near_end(const struct exchange *ex)
{
    return ex->req.body_size >= 0 && ex->req.body_size - (int64_t)ex->body_seen <= DISCARD_MAX;
}

static int on_frame_sent(nghttp2_session *s, const nghttp2_frame *frame, void *user)
{
    struct h2 *h = ((struct conn *)user)->state;
    bool response_end = (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
                        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
    struct exchange *ex = response_end ? exchange_of(h, frame->hd.stream_id) : NULL;
    if (ex && !ex->body_done && !is_near_end(ex)) /* the rest is of no use: stop the client sending it */
        nghttp2_submit_rst_stream(s, NGHTTP2_FLAG_NONE, ex->stream_id, NGHTTP2_NO_ERROR);
    return 0;
}

static size_t produce(struct conn *c, char *to, size_t n)
{
    struct h2 *h = c->state;
    h->to = to;
    h->to_n = n;
    h->to_at = 0;
    int rc = nghttp2_session_send(h->session);
    h->to = NULL;
    if (rc != 0)
        conn_close(c);
    else if (h->to_at == 0 && !nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session))
        conn_close_flushed(c);
    return h->to_at;
}

/* --- responses --- */

/* Names that HTTP/2 forbids in a response: the connection is not ours to describe. */
static bool connection_field(struct str name)
{
    static const char *const names[] = {"connection", "transfer-encoding", "upgrade", "keep-alive"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_is(name, names[i]))
            return true;
    return false;
}

static nghttp2_nv nv(const char *name, struct str value)
{
    return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value.p, strlen(name), value.n, NGHTTP2_NV_FLAG_NONE};
}

static size_t put_fields(nghttp2_nv *to, size_t max, const struct response *r, char (*lower)[64])
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_headers && n < max; i++) {
        const struct http_header *f = &r->headers[i];
        if (f->name.n >= sizeof(*lower) || connection_field(f->name))
            continue;
        for (size_t k = 0; k < f->name.n; k++) {
            char ch = f->name.p[k];
            lower[n][k] = ch >= 'A' && ch <= 'Z' ? (char)(ch | 0x20) : ch;
        }
        to[n] = (nghttp2_nv){(uint8_t *)lower[n], (uint8_t *)f->value.p, f->name.n, f->value.n, NGHTTP2_NV_FLAG_NONE};
        n++;
    }
    return n;
}

static void respond(struct exchange *ex, struct response *r)
{
    struct conn *c = ex->conn;
    struct h2 *h = c->state;
    struct response refused = {.status = 501}; /* upgrades exist on HTTP/1.1 only */
    if (r->kind == RESPONSE_UPGRADE)
        r = &refused;
    if (r->kind == RESPONSE_ABORT) {
        ex->aborted = true;
        nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, ex->stream_id, NGHTTP2_INTERNAL_ERROR);
        return;
    }
    nghttp2_nv fields[FIELDS_AT_ONCE + 3];
    char lower[FIELDS_AT_ONCE][64], status[16], length[24];
    snprintf(status, sizeof(status), "%d", r->status);
    size_t n = 0, body = r->body.bytes;
    fields[n++] = nv(":status", str_of(status));
    n += put_fields(fields + n, FIELDS_AT_ONCE, r, lower);
    fields[n++] = nv("date", str_of(http_thread_date(c->t)));
    if (r->kind == RESPONSE_WHOLE && r->status != 204 && r->status != 304) {
        snprintf(length, sizeof(length), "%zu", body);
        fields[n++] = nv("content-length", str_of(length));
    }
    exchange_start(ex, r);
    nghttp2_data_provider provider = {.source.ptr = ex, .read_callback = on_read_body};
    bool has_data = !ex->ended || ex->out.bytes;
    if (nghttp2_submit_response(h->session, ex->stream_id, fields, n, has_data ? &provider : NULL) != 0)
        nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, ex->stream_id, NGHTTP2_INTERNAL_ERROR);
    conn_dirty(c);
}

static void wake(struct exchange *ex)
{
    struct h2 *h = ex->conn->state;
    nghttp2_session_resume_data(h->session, ex->stream_id);
}

static void want_body(struct exchange *ex)
{
    struct h2 *h = ex->conn->state;
    if (!ex->expect_continue)
        return;
    ex->expect_continue = false;
    nghttp2_nv status = nv(":status", STR("100"));
    nghttp2_submit_headers(h->session, NGHTTP2_FLAG_NONE, ex->stream_id, NULL, &status, 1, NULL);
    conn_dirty(ex->conn);
}

static void body_consumed(struct exchange *ex, size_t n)
{
    struct h2 *h = ex->conn->state;
    nghttp2_session_consume(h->session, ex->stream_id, n);
    conn_dirty(ex->conn);
}

/* --- the end of things --- */

static void eof(struct conn *c)
{
    conn_close(c);
}

static void go_away(struct conn *c)
{
    struct h2 *h = c->state;
    if (h->going)
        return;
    h->going = true;
    nghttp2_session_terminate_session(h->session, NGHTTP2_NO_ERROR);
    conn_dirty(c);
}

/* Has the peer left this response lying (a closed window) for too long? */
static bool write_stalled(const struct exchange *ex, int64_t now)
{
    return ex->answered && !ex->waiting && !(ex->ops && ex->ops->patient) &&
           now - ex->progress > ex->t->core->limits.write_stall_ms * NS_PER_MS;
}

static void tick(struct conn *c, int64_t now)
{
    struct h2 *h = c->state;
    const struct http_limits *l = &c->t->core->limits;
    if ((!h->preface_seen && now - c->opened > l->headers_ms * NS_PER_MS) ||
        (h->heading && now - h->heading_since > l->headers_ms * NS_PER_MS)) {
        conn_limit_hit(c);
        conn_close(c);
        return;
    }
    list_foreach (&h->exchanges, struct exchange, ex, link) {
        if (exchange_body_stalled(ex, now)) {
            conn_limit_hit(c);
            exchange_refuse(ex, 408);
        } else if (write_stalled(ex, now)) {
            conn_limit_hit(c);
            ex->progress = now;
            nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, ex->stream_id, NGHTTP2_CANCEL);
            conn_dirty(c);
        }
    }
    if (list_empty(&h->exchanges) && now - h->since > l->idle_ms * NS_PER_MS)
        go_away(c);
}

static void shut(struct conn *c)
{
    struct h2 *h = c->state;
    if (list_empty(&h->exchanges)) {
        go_away(c);
        return;
    }
    if (!h->going)
        nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(h->session),
                              NGHTTP2_NO_ERROR, NULL, 0);
    h->going = true;
    list_foreach (&h->exchanges, struct exchange, ex, link) {
        if (ex->answered && ex->waiting) { /* a watch ends properly: its client comes back elsewhere */
            ex->ended = true;
            ex->waiting = false;
            nghttp2_session_resume_data(h->session, ex->stream_id);
        }
    }
    conn_dirty(c);
}

static bool stallable(const struct conn *c)
{
    return true;
}

static void h2_free(struct conn *c)
{
    struct h2 *h = c->state;
    while (!list_empty(&h->exchanges))
        exchange_end(list_first(&h->exchanges, struct exchange, link), false);
    nghttp2_session_del(h->session);
    free(h);
    c->state = NULL;
}

const struct proto proto_h2 = {
    .name = "h2",
    .input = input,
    .wants_input = wants_input,
    .produce = produce,
    .eof = eof,
    .tick = tick,
    .shutdown = shut,
    .stallable = stallable,
    .free = h2_free,
    .respond = respond,
    .wake = wake,
    .want_body = want_body,
    .body_consumed = body_consumed,
};

static int open_session(struct conn *c, struct h2 *h, nghttp2_session_callbacks *cb, nghttp2_option *option)
{
    nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_sent);
    nghttp2_session_callbacks_set_send_callback(cb, on_send);
    nghttp2_session_callbacks_set_send_data_callback(cb, on_send_data);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_stream_reset_rate_limit(option, 2000, 200); /* clients that cancel many watches are no attack */
    if (nghttp2_session_server_new2(&h->session, cb, c, option) != 0)
        return -1;
    const struct http_limits *l = &c->t->core->limits;
    const nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t)l->streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)l->header_bytes},
    };
    if (nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, entries, ARRAY_LEN(entries)) != 0 ||
        nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, CONN_WINDOW) != 0)
        return -1;
    return 0;
}

void h2_start(struct conn *c)
{
    struct h2 *h = xcalloc(1, sizeof(*h));
    list_init(&h->exchanges);
    h->since = loop_now(c->t->loop);
    c->proto = &proto_h2;
    c->state = h;
    nghttp2_session_callbacks *cb = NULL;
    nghttp2_option *option = NULL;
    if (nghttp2_session_callbacks_new(&cb) != 0 || nghttp2_option_new(&option) != 0 ||
        open_session(c, h, cb, option) < 0)
        conn_close(c);
    nghttp2_session_callbacks_del(cb);
    nghttp2_option_del(option);
    conn_dirty(c);
}
