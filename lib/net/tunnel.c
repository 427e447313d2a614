/*
 * A connection behind a 101: bytes both ways, with credit for what the other side has not taken yet.
 */
#include "conn.h"

#define LOW_WATER (64 * KIB)
#define HIGH_WATER (256 * KIB)

struct http_tunnel {
    struct conn *conn;
    const struct http_tunnel_ops *ops;
    void *ctx;
    struct slice_queue out;
    size_t ahead; /* given to on_data and not consumed */
    bool full;    /* a write said so */
    bool opened, ending;
};

static void open_once(struct http_tunnel *t)
{
    if (t->opened)
        return;
    t->opened = true;
    t->ops->on_open(t->ctx, t);
}

static size_t input(struct conn *c, const char *p, size_t n)
{
    struct http_tunnel *t = c->state;
    open_once(t);
    if (t->ahead >= LIMIT_TUNNEL_WINDOW)
        return 0;
    n = MIN_OF(n, LIMIT_TUNNEL_WINDOW - t->ahead);
    t->ahead += n;
    t->ops->on_data(t->ctx, t, str_n(p, n));
    return n;
}

static bool wants_input(const struct conn *c)
{
    const struct http_tunnel *t = c->state;
    return t->ahead < LIMIT_TUNNEL_WINDOW;
}

static size_t produce(struct conn *c, char *to, size_t n)
{
    struct http_tunnel *t = c->state;
    open_once(t);
    size_t done = slice_queue_read(&t->out, to, n);
    if (t->out.bytes == 0)
        slice_queue_release(&t->out);
    if (t->full && t->out.bytes <= LOW_WATER && !c->dead) {
        t->full = false;
        t->ops->on_writable(t->ctx, t);
    }
    if (t->ending && t->out.bytes == 0)
        c->half_close = true;
    return done;
}

static void eof(struct conn *c)
{
    struct http_tunnel *t = c->state;
    open_once(t);
    t->ops->on_eof(t->ctx, t);
}

static void tick(struct conn *c, int64_t now)
{
    /* a terminal may be idle for hours: dead peers are found by TCP keepalive */
}

static void shut(struct conn *c)
{
    /* gets the whole grace time */
}

static bool stallable(const struct conn *c)
{
    return false;
}

static void tunnel_free(struct conn *c)
{
    struct http_tunnel *t = c->state;
    c->state = NULL;
    t->ops->on_close(t->ctx);
    slice_queue_release(&t->out);
    free(t);
}

const struct proto proto_tunnel = {
    .name = "tunnel",
    .input = input,
    .wants_input = wants_input,
    .produce = produce,
    .eof = eof,
    .drains = true,
    .tick = tick,
    .shutdown = shut,
    .stallable = stallable,
    .free = tunnel_free,
};

void tunnel_start(struct conn *c, struct slice_queue *head, const struct http_tunnel_ops *ops, void *ctx)
{
    struct http_tunnel *t = xcalloc(1, sizeof(*t));
    *t = (struct http_tunnel){.conn = c, .ops = ops, .ctx = ctx, .out = *head};
    *head = (struct slice_queue){0};
    c->proto = &proto_tunnel;
    c->state = t;
    conn_dirty(c);
}

bool http_tunnel_write(struct http_tunnel *t, struct str data)
{
    if (t->ending || t->conn->dead)
        return true;
    if (data.n) {
        struct shared_buf *b = shared_buf_copy(data);
        slice_queue_push(&t->out, b, shared_buf_str(b));
    }
    if (t->out.bytes > LIMIT_TUNNEL_BUFFER) {
        conn_limit_hit(t->conn);
        conn_close(t->conn);
    }
    conn_dirty(t->conn);
    t->full = t->full || t->out.bytes >= HIGH_WATER;
    return !t->full;
}

void http_tunnel_consume(struct http_tunnel *t, size_t n)
{
    t->ahead -= MIN_OF(n, t->ahead);
    conn_dirty(t->conn);
}

void http_tunnel_shutdown(struct http_tunnel *t)
{
    t->ending = true;
    conn_dirty(t->conn);
}

void http_tunnel_close(struct http_tunnel *t)
{
    t->ending = true;
    conn_close_flushed(t->conn);
}

struct loop *http_tunnel_loop(struct http_tunnel *t)
{
    return t->conn->t->loop;
}
