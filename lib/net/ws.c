#include "ws.h"

#include "base/parse.h"

#include <openssl/evp.h>
#include <wslay/wslay.h>

#define KEY_LEN 24 /* base64 of 16 bytes */
#define HIGH_WATER (256 * KIB)

struct ws {
    struct http_tunnel *tunnel; /* NULL before on_open */
    wslay_event_context_ptr w;
    const struct ws_ops *ops;
    void *ctx;
    size_t message_max;
    struct buf in; /* received and not yet parsed: filled when paused only */
    size_t in_at;
    struct str feed; /* what wslay reads from now */
    bool paused, closing, busy, full;
};

bool ws_wanted(const struct http_request *r)
{
    return str_is(r->method, "GET") && str_ieq(http_upgrade_wanted(r), STR("websocket")) &&
           str_is(http_header(r, "sec-websocket-version"), "13") && http_header(r, "sec-websocket-key").n == KEY_LEN;
}

const char *ws_choose(const struct http_request *r, const char *const *supported, size_t n)
{
    struct str list, item;
    for (size_t at = 0; http_header_next(r, "sec-websocket-protocol", &at, &list);)
        while (str_split(&list, ',', &item))
            for (size_t i = 0; i < n; i++)
                if (str_is(str_trim(item), supported[i]))
                    return supported[i];
    return NULL;
}

/* --- wslay's side --- */

static ssize_t on_recv(wslay_event_context_ptr w, uint8_t *to, size_t n, int flags, void *user)
{
    struct ws *ws = user;
    if (ws->feed.n == 0 || ws->paused) {
        wslay_event_set_error(w, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    size_t take = MIN_OF(n, ws->feed.n);
    memcpy(to, ws->feed.p, take);
    ws->feed = str_from(ws->feed, take);
    return (ssize_t)take;
}

static ssize_t on_send(wslay_event_context_ptr w, const uint8_t *p, size_t n, int flags, void *user)
{
    struct ws *ws = user;
    ws->full = !http_tunnel_write(ws->tunnel, str_n((const char *)p, n)) || ws->full;
    return (ssize_t)n;
}

static void on_message(wslay_event_context_ptr w, const struct wslay_event_on_msg_recv_arg *arg, void *user)
{
    struct ws *ws = user;
    if (arg->opcode == WSLAY_TEXT_FRAME || arg->opcode == WSLAY_BINARY_FRAME)
        ws->ops->on_message(ws->ctx, ws, (enum ws_type)arg->opcode, str_n((const char *)arg->msg, arg->msg_length));
}

/* Sends what is queued; closes when the closing handshake is done. */
static void pump(struct ws *ws)
{
    if (ws->busy) /* parse does it behind the message at hand */
        return;
    if (wslay_event_want_write(ws->w) && wslay_event_send(ws->w) != 0)
        ws->closing = true;
    /* behind our close frame nothing is read any more; the server lingers while the peer says its own */
    bool over = wslay_event_get_close_sent(ws->w);
    if (over || ws->closing || (!wslay_event_want_read(ws->w) && !wslay_event_want_write(ws->w)))
        http_tunnel_close(ws->tunnel);
}

static void parse(struct ws *ws)
{
    if (ws->busy)
        return;
    ws->busy = true;
    if (wslay_event_want_read(ws->w) && wslay_event_recv(ws->w) != 0)
        ws->closing = true;
    ws->busy = false;
    pump(ws);
}

/* --- the tunnel's side --- */

static void tunnel_open(void *ctx, struct http_tunnel *t)
{
    struct ws *ws = ctx;
    ws->tunnel = t;
    ws->ops->on_open(ws->ctx, ws);
    pump(ws);
}

static void tunnel_data(void *ctx, struct http_tunnel *t, struct str data)
{
    struct ws *ws = ctx;
    if (ws->in.len == 0 && !ws->paused) {
        ws->feed = data;
        parse(ws);
        http_tunnel_consume(t, data.n - ws->feed.n);
        data = ws->feed;
        ws->feed = (struct str){0};
    }
    buf_str_add(&ws->in, data); /* bounded by the tunnel's window: it is not consumed */
}

static void tunnel_eof(void *ctx, struct http_tunnel *t)
{
    http_tunnel_close(t);
}

static void tunnel_writable(void *ctx, struct http_tunnel *t)
{
    struct ws *ws = ctx;
    ws->full = false;
    ws->ops->on_writable(ws->ctx, ws);
}

static void tunnel_close(void *ctx)
{
    struct ws *ws = ctx;
    ws->ops->on_close(ws->ctx);
    wslay_event_context_free(ws->w);
    buf_release(&ws->in);
    free(ws);
}

static const struct http_tunnel_ops tunnel_ops = {
    .on_open = tunnel_open,
    .on_data = tunnel_data,
    .on_eof = tunnel_eof,
    .on_writable = tunnel_writable,
    .on_close = tunnel_close,
};

/* --- the user's side --- */

static void accept_value(struct str key, struct buf *out)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[KEY_LEN + sizeof(guid)];
    unsigned char sha1[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    memcpy(text, key.p, KEY_LEN);
    memcpy(text + KEY_LEN, guid, sizeof(guid) - 1);
    EVP_Digest(text, KEY_LEN + sizeof(guid) - 1, sha1, &n, EVP_sha1(), NULL);
    base64_encode(out, sha1, n);
}

void ws_accept(struct http_request *r, const char *protocol, size_t message_max, const struct ws_ops *ops, void *ctx)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_recv,
        .send_callback = on_send,
        .on_msg_recv_callback = on_message,
    };
    struct ws *ws = xcalloc(1, sizeof(*ws));
    ws->ops = ops;
    ws->ctx = ctx;
    ws->message_max = message_max;
    buf_init(&ws->in, 2 * LIMIT_TUNNEL_WINDOW);
    if (!ws_wanted(r) || wslay_event_context_server_init(&ws->w, &callbacks, ws) != 0) {
        http_respond(r, 400, NULL, 0, STR("not a WebSocket handshake\n"));
        ops->on_close(ctx);
        free(ws);
        return;
    }
    wslay_event_config_set_max_recv_msg_length(ws->w, message_max);
    _cleanup_(buf_releasep) struct buf key = BUF_INIT(64);
    accept_value(http_header(r, "sec-websocket-key"), &key);
    const struct http_header fields[] = {
        {STR("sec-websocket-accept"), buf_str(&key)},
        HTTP_HEADER("sec-websocket-protocol", protocol),
    };
    http_upgrade(r, "websocket", fields, protocol ? 2 : 1, &tunnel_ops, ws);
}

bool ws_send(struct ws *ws, enum ws_type type, struct str data)
{
    struct wslay_event_msg msg = {(uint8_t)type, (const uint8_t *)data.p, data.n};
    (void)wslay_event_queue_msg(ws->w, &msg); /* refused once we are closing: nothing to say then */
    pump(ws);
    return !ws->full;
}

void ws_pause(struct ws *ws, bool paused)
{
    ws->paused = paused;
    if (paused || ws->busy || ws->in.len == 0)
        return;
    ws->feed = buf_str(&ws->in);
    parse(ws);
    size_t used = ws->in.len - ws->feed.n;
    ws->feed = (struct str){0};
    buf_consume(&ws->in, used);
    http_tunnel_consume(ws->tunnel, used);
}

void ws_close(struct ws *ws, uint16_t code, struct str reason)
{
    (void)wslay_event_queue_close(ws->w, code, (const uint8_t *)reason.p, MIN_OF(reason.n, (size_t)123));
    pump(ws);
}

struct loop *ws_loop(struct ws *ws)
{
    return http_tunnel_loop(ws->tunnel);
}
