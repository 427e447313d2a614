#include "conn.h"

#include "base/parse.h"
#include "base/vec.h"

#include <stdio.h>

#define BODY_GRACE_NS (60 * NS_PER_S) /* before the average rate of a body counts */

/* --- header fields under construction --- */

struct str head_text(struct head *h, const char *p, size_t n)
{
    struct str s = {(const char *)h->bytes.len, n};
    buf_add(&h->bytes, p, n);
    return s;
}

void head_extend(struct head *h, struct str *last, const char *p, size_t n)
{
    buf_add(&h->bytes, p, n);
    last->n += n;
}

void head_add(struct head *h, const struct http_limits *l, struct str name, struct str value)
{
    h->size += name.n + value.n + 32;
    if (h->size > l->header_bytes || h->fields.n >= l->headers)
        h->refused = 431;
    if (h->refused)
        return;
    vec_push(&h->fields, (struct http_header){name, value});
}

void head_release(struct head *h)
{
    buf_release(&h->bytes);
    vec_release(&h->fields);
}

static struct str placed(const struct head *h, struct str offset)
{
    return (struct str){h->bytes.data + (size_t)offset.p, offset.n};
}

/* --- life --- */

struct exchange *exchange_new(struct conn *c)
{
    struct exchange *ex = xcalloc(1, sizeof(*ex));
    atomic_init(&ex->refs, 1);
    ex->t = c->t;
    ex->conn = c;
    ex->req.peer = http_peer_ref(c->peer);
    ex->req.body_size = -1;
    list_init(&ex->link);
    buf_init(&ex->head.bytes, c->t->core->limits.header_bytes + c->t->core->limits.url + CONN_CHUNK);
    buf_init(&ex->body, LIMIT_BODY_WINDOW + CONN_CHUNK);
    atomic_fetch_add_explicit(&c->t->core->active, 1, memory_order_relaxed);
    return ex;
}

static struct exchange *ref(struct exchange *ex)
{
    atomic_fetch_add_explicit(&ex->refs, 1, memory_order_relaxed);
    return ex;
}

void exchange_unref(struct exchange *ex)
{
    if (atomic_fetch_sub_explicit(&ex->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (ex->req.user_free)
        ex->req.user_free(ex->req.user);
    http_peer_unref((struct http_peer *)ex->req.peer);
    head_release(&ex->head);
    buf_release(&ex->body);
    slice_queue_release(&ex->out);
    free(ex);
}

/* Collected bytes stay counted until the exchange has ended. */
static void release_held(struct exchange *ex)
{
    ex->conn->bodies -= ex->body_held;
    atomic_fetch_sub_explicit(&ex->t->core->bodies, ex->body_held, memory_order_relaxed);
    ex->body_held = 0;
}

static void tell_body(struct exchange *ex, enum http_body_result result)
{
    void (*fn)(struct http_request *, struct str, enum http_body_result) = ex->on_body;
    ex->on_body = NULL;
    if (fn)
        fn(&ex->req, result == HTTP_BODY_OK ? buf_str(&ex->body) : (struct str){"", 0}, result);
}

static void tell_piece(struct exchange *ex, struct str piece, bool end)
{
    void (*fn)(struct http_request *, struct str, bool) = ex->on_piece;
    if (end)
        ex->on_piece = NULL;
    if (fn)
        fn(&ex->req, piece, end);
}

static void close_stream(struct exchange *ex, bool complete)
{
    const struct http_stream_ops *ops = TAKE(ex->ops);
    if (ops)
        ops->close(ex->ops_ctx, complete);
}

void exchange_end(struct exchange *ex, bool complete)
{
    if (!ex->conn)
        return;
    release_held(ex);
    ex->conn = NULL;
    ex->complete = complete;
    list_remove(&ex->link);
    atomic_store(&ex->gone, true);
    atomic_fetch_sub_explicit(&ex->t->core->active, 1, memory_order_relaxed);
    close_stream(ex, complete);
    if (!complete || !ex->body_done) {
        tell_body(ex, HTTP_BODY_GONE);
        tell_piece(ex, (struct str){NULL, 0}, true);
    }
    void (*on_gone)(void *) = TAKE(ex->on_gone);
    if (on_gone && !complete)
        on_gone(ex->on_gone_arg);
    exchange_unref(ex);
}

/* --- the head --- */

static bool token_char(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool valid_field(struct str name, struct str value)
{
    for (size_t i = 0; i < name.n; i++)
        if (!token_char((unsigned char)name.p[i]))
            return false;
    for (size_t i = 0; i < value.n; i++)
        if (((unsigned char)value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] == 127)
            return false;
    return name.n > 0;
}

static bool valid_target(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 127)
            return false;
    return s.n > 0;
}

static void split_target(struct http_request *r)
{
    struct str s = r->target;
    const char *scheme = s.n && s.p[0] != '/' ? memmem(s.p, s.n, "://", 3) : NULL;
    if (scheme) { /* absolute form: its authority counts, not the Host field */
        struct str rest = str_from(s, (size_t)(scheme - s.p) + 3);
        size_t n = 0;
        while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
            n++;
        r->authority = str_n(rest.p, n);
        s = str_from(rest, n);
        if (s.n == 0 || s.p[0] != '/')
            s = s.n ? s : STR("/");
    }
    const char *q = memchr(s.p, '?', s.n);
    r->path = q ? str_n(s.p, (size_t)(q - s.p)) : s;
    r->query = q ? str_from(s, (size_t)(q - s.p) + 1) : (struct str){s.p + s.n, 0};
}

int exchange_head_done(struct exchange *ex)
{
    struct head *h = &ex->head;
    struct http_request *r = &ex->req;
    if (!buf_ok(&h->bytes) && !h->refused)
        h->refused = 431;
    if (h->target.n > ex->t->core->limits.url)
        h->refused = 414;
    if (h->refused)
        return h->refused;
    buf_putc(&h->bytes, '\0'); /* so that data is never NULL */
    vec_foreach (&h->fields, f) {
        f->name = placed(h, f->name);
        f->value = str_trim(placed(h, f->value));
        for (size_t i = 0; i < f->name.n; i++)
            if (f->name.p[i] >= 'A' && f->name.p[i] <= 'Z')
                ((char *)f->name.p)[i] |= 0x20;
        if (!valid_field(f->name, f->value))
            return h->refused = 400;
    }
    r->headers = h->fields.v;
    r->n_headers = h->fields.n;
    r->method = placed(h, h->method);
    r->target = placed(h, h->target);
    r->authority = h->authority.n ? placed(h, h->authority) : http_header(r, "host");
    if (!valid_target(r->target))
        return h->refused = 400;
    split_target(r);
    ex->no_body = str_is(r->method, "HEAD");
    r->started = loop_now(ex->t->loop);
    return 0;
}

void exchange_dispatch(struct exchange *ex)
{
    if (ex->head.refused) {
        conn_limit_hit(ex->conn);
        exchange_refuse(ex, ex->head.refused);
        return;
    }
    struct http_core *core = ex->t->core;
    atomic_fetch_add_explicit(&core->requests, 1, memory_order_relaxed);
    ex->handed = true;
    ref(ex);
    core->on_request(core->user, &ex->req);
}

void exchange_refuse(struct exchange *ex, int status)
{
    if (ex->answered || !ex->conn)
        return;
    char text[64];
    int n = snprintf(text, sizeof(text), "%d %s\n", status, http_status_text(status));
    struct http_header fields[] = {HTTP_HEADER("content-type", "text/plain; charset=utf-8"),
                                   HTTP_HEADER("retry-after", "1")};
    struct response r = {.status = status, .headers = fields, .n_headers = status == 429 || status == 503 ? 2 : 1};
    struct shared_buf *b = shared_buf_copy(str_n(text, (size_t)n));
    slice_queue_push(&r.body, b, shared_buf_str(b));
    ex->answered = true;
    ex->body_mode = BODY_DISCARD;
    ex->conn->proto->respond(ex, &r);
    response_drop(&r);
    tell_body(ex, HTTP_BODY_GONE);
    tell_piece(ex, (struct str){NULL, 0}, true);
}

/* --- bodies --- */

static bool hold(struct exchange *ex, size_t n)
{
    const struct http_limits *l = &ex->t->core->limits;
    if (ex->conn->bodies + n > l->connection_bodies ||
        atomic_load_explicit(&ex->t->core->bodies, memory_order_relaxed) + n > l->server_bodies)
        return false;
    ex->conn->bodies += n;
    ex->body_held += n;
    atomic_fetch_add_explicit(&ex->t->core->bodies, n, memory_order_relaxed);
    return true;
}

static void collect(struct exchange *ex, const char *p, size_t n)
{
    if (ex->body.len + n > ex->body_limit) {
        ex->body_mode = BODY_DISCARD;
        ex->body_refused = true;
        tell_body(ex, HTTP_BODY_TOO_LARGE);
    } else if (!hold(ex, n)) {
        conn_limit_hit(ex->conn);
        exchange_refuse(ex, 429);
    } else {
        buf_add(&ex->body, p, n);
    }
}

size_t exchange_body(struct exchange *ex, const char *p, size_t n)
{
    ex->body_last = loop_now(ex->t->loop);
    ex->body_seen += n;
    switch (ex->body_mode) {
    case BODY_UNDECIDED:
        buf_add(&ex->body, p, n);
        return 0;
    case BODY_COLLECT:
        collect(ex, p, n);
        return n;
    case BODY_READ:
        ex->body_ahead += n;
        tell_piece(ex, str_n(p, n), false);
        return 0;
    case BODY_DISCARD:
        break;
    }
    return n;
}

void exchange_body_end(struct exchange *ex)
{
    ex->body_done = true;
    if (ex->body_mode == BODY_COLLECT)
        tell_body(ex, HTTP_BODY_OK);
    else if (ex->body_mode == BODY_READ)
        tell_piece(ex, STR(""), true);
}

bool exchange_body_stalled(const struct exchange *ex, int64_t now)
{
    if (ex->body_done || ex->body_mode == BODY_UNDECIDED || ex->answered)
        return false;
    if (ex->body_mode == BODY_READ && ex->body_ahead) /* it is us who hold it up */
        return false;
    if (now - ex->body_last > ex->t->core->limits.body_stall_ms * NS_PER_MS)
        return true;
    int64_t took = now - ex->body_started - BODY_GRACE_NS;
    return took > 0 && took / NS_PER_S * LIMIT_BODY_MIN_RATE > (int64_t)ex->body_seen;
}

/* The handler has chosen: what came before goes the chosen way now. */
static void take_early_body(struct exchange *ex, enum body_mode mode)
{
    ex->body_mode = mode;
    ex->body_started = ex->body_last = loop_now(ex->t->loop);
    struct buf early = ex->body;
    buf_init(&ex->body, ex->body_limit);
    bool done = ex->body_done;
    if (early.len) {
        ex->body_seen -= early.len;
        size_t credit = exchange_body(ex, early.data, early.len);
        if (credit && ex->conn)
            ex->conn->proto->body_consumed(ex, credit);
    }
    buf_release(&early);
    if (!ex->conn || ex->body_mode != mode)
        return;
    if (done)
        exchange_body_end(ex);
    else
        ex->conn->proto->want_body(ex);
}

void http_request_collect(struct http_request *r, size_t limit,
                          void (*fn)(struct http_request *r, struct str body, enum http_body_result result))
{
    struct exchange *ex = (struct exchange *)r;
    ex->on_body = fn;
    ex->body_limit = limit;
    if (!ex->conn || ex->answered || ex->body_mode != BODY_UNDECIDED) {
        tell_body(ex, HTTP_BODY_GONE);
    } else if (r->body_size > (int64_t)limit) { /* told before a byte of it is taken */
        ex->body_mode = BODY_DISCARD;
        ex->body_refused = true;
        tell_body(ex, HTTP_BODY_TOO_LARGE);
    } else {
        take_early_body(ex, BODY_COLLECT);
    }
}

void http_request_read(struct http_request *r, void (*fn)(struct http_request *r, struct str piece, bool end))
{
    struct exchange *ex = (struct exchange *)r;
    ex->on_piece = fn;
    if (!ex->conn || ex->answered || ex->body_mode != BODY_UNDECIDED)
        tell_piece(ex, (struct str){NULL, 0}, true);
    else
        take_early_body(ex, BODY_READ);
}

void http_body_consume(struct http_request *r, size_t n)
{
    struct exchange *ex = (struct exchange *)r;
    n = MIN_OF(n, ex->body_ahead);
    ex->body_ahead -= n;
    if (ex->conn && n)
        ex->conn->proto->body_consumed(ex, n);
}

/* --- responses --- */

void response_drop(struct response *r)
{
    slice_queue_release(&r->body);
    if (r->ops)
        r->ops->close(r->ctx, false);
    r->ops = NULL;
    if (r->tunnel_ops)
        r->tunnel_ops->on_close(r->ctx);
    r->tunnel_ops = NULL;
}

void exchange_start(struct exchange *ex, struct response *r)
{
    ex->progress = loop_now(ex->t->loop);
    slice_queue_release(&ex->out);
    ex->out = r->body;
    r->body = (struct slice_queue){0};
    ex->ops = TAKE(r->ops);
    ex->ops_ctx = r->ctx;
    ex->ended = !ex->ops;
    ex->no_body = ex->no_body || r->status == 204 || r->status == 304;
    if (ex->no_body) {
        slice_queue_release(&ex->out);
        ex->ended = true;
    }
}

bool exchange_pull(struct exchange *ex, size_t want)
{
    while (!ex->ended && !ex->waiting && ex->out.bytes < want) {
        size_t before = ex->out.bytes;
        switch (ex->ops->pull(ex->ops_ctx, &ex->out, want - before)) {
        case HTTP_PULL_MORE:
            if (ex->out.bytes == before)
                ex->waiting = true; /* a stream that gives nothing is waiting, whatever it says */
            break;
        case HTTP_PULL_WAIT:
            ex->waiting = true;
            break;
        case HTTP_PULL_END:
            ex->ended = true;
            break;
        case HTTP_PULL_ABORT:
            ex->aborted = true;
            return false;
        }
    }
    return true;
}

/* Loop thread: the handler's one answer. */
static void answer(struct exchange *ex, struct response *r)
{
    if (ex->conn && !ex->answered && !ex->conn->dead) {
        struct conn *c = ex->conn;
        ex->answered = true;
        if (ex->body_mode == BODY_UNDECIDED) { /* not wanted: the early part goes, the rest is discarded */
            ex->body_mode = BODY_DISCARD;
            size_t early = ex->body.len;
            buf_release(&ex->body);
            if (early)
                c->proto->body_consumed(ex, early);
        }
        c->proto->respond(ex, r);
        conn_dirty(c);
    }
    response_drop(r);
    exchange_unref(ex);
}

/* A copy of r that owns its header fields, in one allocation; the queue and the stream move. */
static struct response *response_move(struct response *r)
{
    size_t bytes = r->protocol ? strlen(r->protocol) + 1 : 0;
    for (size_t i = 0; i < r->n_headers; i++)
        bytes += r->headers[i].name.n + r->headers[i].value.n;
    struct response *copy = xmalloc(sizeof(*copy) + r->n_headers * sizeof(struct http_header) + bytes);
    *copy = *r;
    struct http_header *fields = (struct http_header *)(copy + 1);
    char *p = (char *)(fields + r->n_headers);
    copy->headers = fields;
    for (size_t i = 0; i < r->n_headers; i++) {
        struct str name = r->headers[i].name, value = r->headers[i].value;
        fields[i] = (struct http_header){{p, name.n}, {p + name.n, value.n}};
        p = (char *)memcpy(p, name.p, name.n) + name.n;
        p = (char *)memcpy(p, value.p, value.n) + value.n;
    }
    if (r->protocol)
        copy->protocol = memcpy(p, r->protocol, strlen(r->protocol) + 1);
    return copy;
}

static void on_answer(struct loop_task *task)
{
    struct exchange *ex = CONTAINER_OF(task, struct exchange, answer_task);
    struct response *r = TAKE(ex->posted);
    answer(ex, r);
    free(r);
}

static void finish(struct http_request *req, struct response *r)
{
    struct exchange *ex = (struct exchange *)req;
    if (loop_on_thread(ex->t->loop)) {
        answer(ex, r);
        return;
    }
    ex->posted = response_move(r);
    ex->answer_task.fn = on_answer;
    if (!loop_post(ex->t->loop, &ex->answer_task))
        on_answer(&ex->answer_task); /* the server is gone: only cleans up */
}

void http_respond(struct http_request *req, int status, const struct http_header *headers, size_t n, struct str body)
{
    struct response r = {.status = status, .headers = headers, .n_headers = n};
    if (body.n) {
        struct shared_buf *b = shared_buf_copy(body);
        slice_queue_push(&r.body, b, shared_buf_str(b));
    }
    finish(req, &r);
}

void http_respond_slices(struct http_request *req, int status, const struct http_header *headers, size_t n,
                         const struct slice *slices, size_t n_slices)
{
    struct response r = {.status = status, .headers = headers, .n_headers = n};
    for (size_t i = 0; i < n_slices; i++)
        slice_queue_push(&r.body, slices[i].owner, slices[i].bytes);
    finish(req, &r);
}

void http_respond_stream(struct http_request *req, int status, const struct http_header *headers, size_t n,
                         const struct http_stream_ops *ops, void *ctx)
{
    struct response r = {RESPONSE_STREAM, .status = status, .headers = headers, .n_headers = n, .ops = ops, .ctx = ctx};
    finish(req, &r);
}

void http_upgrade(struct http_request *req, const char *protocol, const struct http_header *headers, size_t n,
                  const struct http_tunnel_ops *ops, void *ctx)
{
    struct response r = {RESPONSE_UPGRADE,     .status = 101,     .headers = headers, .n_headers = n,
                         .protocol = protocol, .tunnel_ops = ops, .ctx = ctx};
    finish(req, &r);
}

void http_abort(struct http_request *req)
{
    struct response r = {RESPONSE_ABORT};
    finish(req, &r);
}

static void wake(struct exchange *ex)
{
    if (!ex->conn || !ex->answered || !ex->waiting)
        return;
    ex->waiting = false;
    ex->progress = loop_now(ex->t->loop);
    ex->conn->proto->wake(ex);
    conn_dirty(ex->conn);
}

static void on_wake(struct loop_task *task)
{
    struct exchange *ex = CONTAINER_OF(task, struct exchange, wake_task);
    atomic_store(&ex->wake_posted, false);
    wake(ex);
    exchange_unref(ex);
}

void http_response_wake(struct http_request *r)
{
    struct exchange *ex = (struct exchange *)r;
    if (loop_on_thread(ex->t->loop)) {
        wake(ex);
        return;
    }
    if (atomic_load(&ex->gone) || atomic_exchange(&ex->wake_posted, true))
        return;
    ref(ex);
    ex->wake_task.fn = on_wake;
    if (!loop_post(ex->t->loop, &ex->wake_task))
        exchange_unref(ex);
}
