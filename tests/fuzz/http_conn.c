#include "http_conn.h"

#include "net/conn.h"

static void on_body(struct http_request *r, struct str body, enum http_body_result result)
{
    http_respond(r, result == HTTP_BODY_TOO_LARGE ? 413 : 200, NULL, 0, body);
}

static void on_piece(struct http_request *r, struct str piece, bool end)
{
    http_body_consume(r, piece.n);
    if (end)
        http_respond(r, 200, NULL, 0, STR("read"));
}

static enum http_pull pull(void *ctx, struct slice_queue *out, size_t want)
{
    int *left = ctx;
    if ((*left)-- == 0)
        return HTTP_PULL_END;
    slice_queue_push(out, NULL, STR("a piece"));
    return HTTP_PULL_MORE;
}

static void stream_close(void *ctx, bool complete)
{
    free(ctx);
}

static void tunnel_open(void *ctx, struct http_tunnel *t)
{
}

static void tunnel_data(void *ctx, struct http_tunnel *t, struct str data)
{
    (void)http_tunnel_write(t, data);
    http_tunnel_consume(t, data.n);
}

static void tunnel_eof(void *ctx, struct http_tunnel *t)
{
    http_tunnel_close(t);
}

static void tunnel_close(void *ctx)
{
}

/* The length of the path chooses what is done with the request. */
static void on_request(void *user, struct http_request *r)
{
    static const struct http_stream_ops stream = {.pull = pull, .close = stream_close};
    static const struct http_tunnel_ops tunnel = {tunnel_open, tunnel_data, tunnel_eof, tunnel_open, tunnel_close};
    switch (r->path.n % 6) {
    case 0:
        http_request_collect(r, 100, on_body);
        break;
    case 1:
        http_respond(r, 200, r->headers, r->n_headers, r->query);
        break;
    case 2:
        http_request_read(r, on_piece);
        break;
    case 3:
        http_upgrade(r, "any", NULL, 0, &tunnel, NULL);
        break;
    case 4: {
        int *left = xmalloc(sizeof(*left));
        *left = 3;
        http_respond_stream(r, 200, NULL, 0, &stream, left);
        break;
    }
    default:
        http_abort(r);
    }
}

void fuzz_connection(const char *prefix, size_t prefix_n, const uint8_t *data, size_t size)
{
    static struct http_thread *t; /* one loop for all runs: making it is slow */
    static struct http_core core;
    struct err err = ERR_INIT;
    if (!t) {
        http_limits_fill(&core.limits);
        core.on_request = on_request;
        struct loop *loop = loop_new(NULL, &err);
        if (!loop)
            abort();
        t = xcalloc(1, sizeof(*t));
        http_thread_init(t, &core, loop);
    }
    if (size == 0)
        return;
    /* how the bytes are cut */
    size_t step = data[0] ? data[0] : 65536;
    struct buf sink = BUF_INIT(64 * MIB);
    struct conn *c = conn_new(t, -1, NULL, http_peer_new(1));
    c->sink = &sink;
    if (prefix_n)
        conn_take(c, prefix, prefix_n);
    for (size_t at = 1; at < size && core.connections; at += step) {
        conn_take(c, (const char *)data + at, MIN_OF(step, size - at));
        loop_turn(t->loop); /* may free c */
    }
    if (core.connections)
        conn_close(c);
    loop_turn(t->loop);
    if (core.connections || core.active || core.bodies)
        abort(); /* something was forgotten */
    buf_release(&sink);
}
