/*
 * HTTP/1.1 over libhttp-parser: one exchange at a time; what a pipelining client sends ahead waits in the connection.
 *
 * The parser is paused when the head of a message with a body is complete, so that the handler chooses what to do with
 * the body before a byte of it is parsed, and when a message is complete.
 */
#include "conn.h"

#include "base/parse.h"

#include <http_parser.h>
#include <stdio.h>

#define DISCARD_MAX (256 * KIB) /* of an unwanted body, to keep the connection; as Go's server */
#define CHUNK_ROOM 32           /* for the framing of a chunk */

enum h1_state {
    H1_HEAD,    /* between requests or in a head */
    H1_BODY,    /* the request was handed out, its body is not complete */
    H1_WAIT,    /* the message is complete, the response is not */
    H1_DISCARD, /* the response is complete, the rest of the body is thrown away */
};

struct h1 {
    http_parser parser;
    enum h1_state state;
    struct exchange *ex; /* NULL between requests, and in DISCARD */
    enum { PART_NONE, PART_NAME, PART_VALUE } part;
    struct str name, value; /* of the field being read, offsets into the head's bytes */
    bool head_done, message_done, keep_alive;
    bool responding, chunked;
    struct slice_queue out; /* heads; go before the body */
    size_t discarded;
    int64_t since;                            /* when this head began, or the connection became idle */
    bool served;                              /* at least one request */
    const struct http_tunnel_ops *tunnel_ops; /* to become a tunnel */
    void *tunnel_ctx;
};

static struct conn *conn_of(http_parser *p)
{
    return p->data;
}

static struct h1 *h1_of(http_parser *p)
{
    return conn_of(p)->state;
}

/* --- parser callbacks: they only collect --- */

static int check_size(struct h1 *h, struct conn *c)
{
    const struct http_limits *l = &c->t->core->limits;
    if (h->ex->head.target.n > l->url)
        h->ex->head.refused = 414;
    else if (h->ex->head.bytes.len > l->header_bytes + l->url || h->ex->head.fields.n > l->headers)
        h->ex->head.refused = 431;
    return h->ex->head.refused ? 1 : 0;
}

static int on_url(http_parser *p, const char *at, size_t n)
{
    struct h1 *h = h1_of(p);
    struct head *head = &h->ex->head;
    if (head->target.n == 0)
        head->target = head_text(head, at, n);
    else
        head_extend(head, &head->target, at, n);
    return check_size(h, conn_of(p));
}

static void end_field(struct h1 *h, struct conn *c)
{
    if (h->part != PART_NONE)
        head_add(&h->ex->head, &c->t->core->limits, h->name, h->value);
    h->part = PART_NONE;
}

static int on_name(http_parser *p, const char *at, size_t n)
{
    struct h1 *h = h1_of(p);
    if (h->head_done) /* trailers are read and dropped */
        return 0;
    if (h->part == PART_NAME) {
        head_extend(&h->ex->head, &h->name, at, n);
    } else {
        end_field(h, conn_of(p));
        h->part = PART_NAME;
        h->name = head_text(&h->ex->head, at, n);
        h->value = (struct str){(const char *)h->ex->head.bytes.len, 0};
    }
    return check_size(h, conn_of(p));
}

static int on_value(http_parser *p, const char *at, size_t n)
{
    struct h1 *h = h1_of(p);
    if (h->head_done)
        return 0;
    if (h->part == PART_VALUE) {
        head_extend(&h->ex->head, &h->value, at, n);
    } else {
        h->part = PART_VALUE;
        h->value = head_text(&h->ex->head, at, n);
    }
    return check_size(h, conn_of(p));
}

static bool announces_body(const http_parser *p)
{
    return (p->flags & F_CHUNKED) || (p->content_length > 0 && p->content_length != UINT64_MAX);
}

static int on_headers_complete(http_parser *p)
{
    struct h1 *h = h1_of(p);
    end_field(h, conn_of(p));
    h->head_done = true;
    h->keep_alive = http_should_keep_alive(p);
    if (announces_body(p))
        http_parser_pause(p, 1);
    return 0;
}

static int on_body(http_parser *p, const char *at, size_t n)
{
    struct h1 *h = h1_of(p);
    if (h->ex && h->ex->conn)
        exchange_body(h->ex, at, n);
    if (!h->ex || h->ex->body_mode == BODY_DISCARD)
        h->discarded += n;
    return 0;
}

static int on_message_complete(http_parser *p)
{
    h1_of(p)->message_done = true;
    http_parser_pause(p, 1);
    return 0;
}

static const http_parser_settings settings = {
    .on_url = on_url,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* --- requests --- */

static void next_message(struct conn *c)
{
    struct h1 *h = c->state;
    http_parser_init(&h->parser, HTTP_REQUEST);
    h->parser.data = c;
    h->state = H1_HEAD;
    h->part = PART_NONE;
    h->head_done = h->message_done = h->responding = h->chunked = false;
    h->discarded = 0;
    h->since = loop_now(c->t->loop);
}

static size_t count_fields(const struct http_request *r, const char *name)
{
    struct str value;
    size_t n = 0;
    for (size_t at = 0; http_header_next(r, name, &at, &value);)
        n++;
    return n;
}

/* What the framing of the message must not leave open to two readings. */
static int check_framing(struct exchange *ex, const http_parser *p)
{
    const struct http_request *r = &ex->req;
    struct str encoding = http_header(r, "transfer-encoding"), expect = http_header(r, "expect");
    size_t hosts = count_fields(r, "host");
    if (p->http_major != 1 || p->http_minor > 1)
        return 505;
    if (hosts > 1 || (hosts == 0 && p->http_minor == 1) || count_fields(r, "content-length") > 1)
        return 400;
    if (encoding.p && (http_header(r, "content-length").p || p->http_minor == 0))
        return 400;
    if (encoding.p && (!str_ieq(encoding, STR("chunked")) || count_fields(r, "transfer-encoding") > 1))
        return 501;
    if (p->method == HTTP_CONNECT)
        return 405;
    if (expect.p && !str_ieq(expect, STR("100-continue")))
        return 417;
    ex->expect_continue = expect.p && p->http_minor == 1;
    return 0;
}

static void hand_out(struct conn *c)
{
    struct h1 *h = c->state;
    struct exchange *ex = h->ex;
    const char *method = http_method_str(h->parser.method);
    ex->head.method = head_text(&ex->head, method, strlen(method));
    h->served = true;
    h->state = h->message_done ? H1_WAIT : H1_BODY;
    ex->body_done = h->message_done;
    ex->body_started = ex->body_last = loop_now(c->t->loop);
    int refused = exchange_head_done(ex);
    ex->req.version = h->parser.http_minor == 1 ? HTTP_1_1 : HTTP_1_0;
    ex->req.has_body = !h->message_done;
    if (!h->message_done && !(h->parser.flags & F_CHUNKED))
        ex->req.body_size = (int64_t)h->parser.content_length;
    if (!refused)
        refused = check_framing(ex, &h->parser);
    if (refused)
        h->keep_alive = false;
    ex->head.refused = refused;
    exchange_dispatch(ex);
}

static void response_done(struct conn *c);

static void message_end(struct conn *c)
{
    struct h1 *h = c->state;
    if (h->state == H1_DISCARD) {
        next_message(c);
        return;
    }
    h->state = H1_WAIT;
    exchange_body_end(h->ex);
}

/* The bytes are no HTTP, or break a limit: one answer, then the end. */
static void refuse_bytes(struct conn *c)
{
    static const struct {
        enum http_errno error;
        int status;
    } table[] = {
        {HPE_HEADER_OVERFLOW, 431},
        {HPE_INVALID_VERSION, 505},
    };
    struct h1 *h = c->state;
    if (!h->ex) { /* in a body that nobody waits for any more */
        conn_close_flushed(c);
        return;
    }
    int status = h->ex->head.refused ? h->ex->head.refused : 400;
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].error == HTTP_PARSER_ERRNO(&h->parser))
            status = table[i].status;
    conn_limit_hit(c);
    h->keep_alive = false;
    h->state = H1_WAIT;
    if (h->ex->answered)
        conn_close(c);
    else
        exchange_refuse(h->ex, status);
}

static bool may_take(const struct h1 *h)
{
    if (h->state == H1_WAIT)
        return false;
    if (h->state != H1_BODY)
        return true;
    return h->ex->body_mode != BODY_UNDECIDED &&
           !(h->ex->body_mode == BODY_READ && h->ex->body_ahead >= LIMIT_BODY_WINDOW);
}

static size_t input(struct conn *c, const char *p, size_t n)
{
    struct h1 *h = c->state;
    if (!may_take(h))
        return 0;
    if (h->state == H1_HEAD && !h->ex) {
        h->ex = exchange_new(c);
        list_init(&h->ex->link);
        h->since = loop_now(c->t->loop);
    }
    if (h->state == H1_BODY && h->ex->body_mode == BODY_READ)
        n = MIN_OF(n, LIMIT_BODY_WINDOW - h->ex->body_ahead);
    size_t used = http_parser_execute(&h->parser, &settings, p, n);
    enum http_errno error = HTTP_PARSER_ERRNO(&h->parser);
    if (error == HPE_PAUSED)
        http_parser_pause(&h->parser, 0);
    if (error != HPE_OK && error != HPE_PAUSED) {
        refuse_bytes(c);
        return n;
    }
    if (h->state == H1_HEAD && h->head_done)
        hand_out(c);
    else if (h->message_done && h->state != H1_WAIT)
        message_end(c);
    if (h->discarded > DISCARD_MAX && h->state == H1_DISCARD)
        conn_close_flushed(c);
    return used;
}

static bool wants_input(const struct conn *c)
{
    return may_take(c->state);
}

/* --- responses --- */

static bool sane_field(const struct http_header *f)
{
    return !memchr(f->name.p, '\n', f->name.n) && !memchr(f->value.p, '\n', f->value.n) &&
           !memchr(f->name.p, '\r', f->name.n) && !memchr(f->value.p, '\r', f->value.n);
}

static void put_fields(struct buf *b, const struct response *r)
{
    buf_printf(b, "HTTP/1.1 %d %s\r\n", r->status, http_status_text(r->status));
    for (size_t i = 0; i < r->n_headers; i++) {
        if (!sane_field(&r->headers[i]))
            continue;
        buf_str_add(b, r->headers[i].name);
        buf_puts(b, ": ");
        buf_str_add(b, r->headers[i].value);
        buf_puts(b, "\r\n");
    }
}

static void queue_head(struct h1 *h, struct buf *b)
{
    struct shared_buf *owner = shared_buf_from(b);
    slice_queue_push(&h->out, owner, shared_buf_str(owner));
}

/* Can the next request follow on this connection? */
static bool stays_open(const struct h1 *h, const struct exchange *ex)
{
    if (!h->keep_alive || atomic_load_explicit(&ex->t->core->stopping, memory_order_relaxed))
        return false;
    if (ex->body_done)
        return true;
    /* a refused or unwanted body is read to its end only if that is near */
    return !ex->expect_continue && ex->req.body_size >= 0 &&
           ex->req.body_size - (int64_t)ex->body_seen <= (int64_t)DISCARD_MAX;
}

/* The 101 is queued; the protocol changes in produce, when nothing of this one is on the stack. */
static void upgrade(struct exchange *ex, struct response *r)
{
    struct h1 *h = ex->conn->state;
    struct buf b = BUF_INIT(LIMIT_HEADER_BYTES);
    put_fields(&b, r);
    buf_printf(&b, "upgrade: %s\r\nconnection: Upgrade\r\n\r\n", r->protocol);
    queue_head(h, &b);
    h->tunnel_ops = TAKE(r->tunnel_ops);
    h->tunnel_ctx = r->ctx;
}

static size_t switch_to_tunnel(struct conn *c, char *to, size_t n)
{
    struct h1 *h = c->state;
    struct slice_queue head = h->out;
    const struct http_tunnel_ops *ops = TAKE(h->tunnel_ops);
    void *ctx = h->tunnel_ctx;
    exchange_end(TAKE(h->ex), true);
    free(h);
    tunnel_start(c, &head, ops, ctx);
    return c->proto->produce(c, to, n);
}

static void respond(struct exchange *ex, struct response *r)
{
    struct conn *c = ex->conn;
    struct h1 *h = c->state;
    if (r->kind == RESPONSE_ABORT) {
        conn_close(c);
        return;
    }
    if (r->kind == RESPONSE_UPGRADE && h->state == H1_WAIT && ex->req.version == HTTP_1_1) {
        upgrade(ex, r);
        return;
    }
    struct response refused = {.status = 400};
    if (r->kind == RESPONSE_UPGRADE) /* not one that can be upgraded */
        r = &refused;
    size_t length = r->body.bytes;
    bool stream = r->kind == RESPONSE_STREAM;
    exchange_start(ex, r);
    h->keep_alive = stays_open(h, ex) && !(stream && ex->req.version == HTTP_1_0);
    h->chunked = stream && !ex->no_body && ex->req.version == HTTP_1_1;
    h->responding = true;
    struct buf b = BUF_INIT(LIMIT_HEADER_BYTES);
    put_fields(&b, r);
    buf_printf(&b, "date: %s\r\n", http_thread_date(c->t));
    if (h->chunked)
        buf_puts(&b, "transfer-encoding: chunked\r\n");
    else if (!stream && r->status != 204 && r->status != 304)
        buf_printf(&b, "content-length: %zu\r\n", length);
    buf_puts(&b, h->keep_alive ? "\r\n" : "connection: close\r\n\r\n");
    queue_head(h, &b);
    conn_dirty(c);
}

static void response_done(struct conn *c)
{
    struct h1 *h = c->state;
    bool body_done = h->ex->body_done;
    exchange_end(TAKE(h->ex), true);
    if (!h->keep_alive || (c->rx_eof && c->pending.len == 0)) {
        conn_close_flushed(c);
    } else if (body_done) {
        next_message(c);
    } else {
        h->state = H1_DISCARD;
        h->responding = false;
    }
}

/* One chunk, or as much of a plain body as there is; 0 when nothing can be said now. */
static size_t put_body(struct conn *c, char *to, size_t n)
{
    struct h1 *h = c->state;
    struct exchange *ex = h->ex;
    size_t room = h->chunked ? n - CHUNK_ROOM : n, at = 0;
    if (!exchange_pull(ex, room)) {
        conn_close(c);
        return 0;
    }
    size_t take = MIN_OF(ex->out.bytes, room);
    if (h->chunked && take)
        at += (size_t)snprintf(to, CHUNK_ROOM, "%zx\r\n", take);
    at += slice_queue_read(&ex->out, to + at, take);
    if (h->chunked && take) {
        memcpy(to + at, "\r\n", 2);
        at += 2;
    }
    if (ex->ended && ex->out.bytes == 0) {
        if (h->chunked) {
            memcpy(to + at, "0\r\n\r\n", 5);
            at += 5;
        }
        response_done(c);
    }
    return at;
}

static size_t produce(struct conn *c, char *to, size_t n)
{
    struct h1 *h = c->state;
    if (h->tunnel_ops)
        return switch_to_tunnel(c, to, n);
    size_t done = slice_queue_read(&h->out, to, n);
    if (h->out.bytes == 0)
        slice_queue_release(&h->out);
    while (h->ex && h->responding && !c->dead && n - done > 2 * (size_t)CHUNK_ROOM) {
        size_t put = put_body(c, to + done, n - done);
        done += put;
        if (put == 0)
            break;
    }
    return done;
}

static void wake(struct exchange *ex)
{
}

static void want_body(struct exchange *ex)
{
    struct h1 *h = ex->conn->state;
    if (ex->expect_continue) {
        ex->expect_continue = false;
        slice_queue_push(&h->out, NULL, STR("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    conn_dirty(ex->conn);
}

static void body_consumed(struct exchange *ex, size_t n)
{
    conn_dirty(ex->conn); /* what waits may go on */
}

/* --- the end of things --- */

static void eof(struct conn *c)
{
    struct h1 *h = c->state;
    if (h->state == H1_BODY || (h->ex && (h->ex->ops || h->ex->on_gone)))
        conn_close(c); /* a request cut off, or a watcher that has left */
    else if (h->state == H1_WAIT)
        h->keep_alive = false;
    else
        conn_close_flushed(c);
}

static void hangup(struct conn *c)
{
    struct h1 *h = c->state;
    if (h->ex && (h->ex->ops || h->ex->on_gone))
        conn_close(c);
}

static void tick(struct conn *c, int64_t now)
{
    struct h1 *h = c->state;
    const struct http_limits *l = &c->t->core->limits;
    if (h->state == H1_HEAD && h->ex && now - h->since > l->headers_ms * NS_PER_MS) {
        conn_limit_hit(c);
        h->keep_alive = false;
        h->state = H1_WAIT;
        exchange_refuse(h->ex, 408);
    } else if (h->state == H1_HEAD && !h->ex && now - h->since > (h->served ? l->idle_ms : l->headers_ms) * NS_PER_MS) {
        conn_close_flushed(c);
    } else if (h->state == H1_BODY && exchange_body_stalled(h->ex, now)) {
        conn_limit_hit(c);
        h->keep_alive = false;
        exchange_refuse(h->ex, 408);
    } else if (h->state == H1_DISCARD && now - c->last_rx > l->body_stall_ms * NS_PER_MS) {
        conn_close(c);
    }
}

static void shut(struct conn *c)
{
    struct h1 *h = c->state;
    h->keep_alive = false;
    if (!h->ex)
        conn_close_flushed(c);
    else if (h->ex->waiting)
        h->ex->ended = true; /* a watch ends properly: its client comes back elsewhere */
    conn_dirty(c);
}

static bool stallable(const struct conn *c)
{
    const struct h1 *h = c->state;
    return !h->ex || !h->ex->ops || !h->ex->ops->patient;
}

static void h1_free(struct conn *c)
{
    struct h1 *h = c->state;
    if (h->ex)
        exchange_end(TAKE(h->ex), false);
    if (h->tunnel_ops)
        h->tunnel_ops->on_close(h->tunnel_ctx);
    slice_queue_release(&h->out);
    free(h);
    c->state = NULL;
}

const struct proto proto_h1 = {
    .name = "http/1.1",
    .input = input,
    .wants_input = wants_input,
    .produce = produce,
    .eof = eof,
    .hangup = hangup,
    .tick = tick,
    .shutdown = shut,
    .stallable = stallable,
    .free = h1_free,
    .respond = respond,
    .wake = wake,
    .want_body = want_body,
    .body_consumed = body_consumed,
};

void h1_start(struct conn *c)
{
    c->proto = &proto_h1;
    c->state = xcalloc(1, sizeof(struct h1));
    next_message(c);
}
