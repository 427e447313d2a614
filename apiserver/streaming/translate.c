/*
 * exec and attach of clients that speak v5.channel.k8s.io: WebSocket messages that begin with a channel number, towards
 * a kubelet (and a runtime behind it) that speaks SPDY. Message 255 + channel closes that channel: stdin's half-close,
 * which v4 cannot say and the reason why v5 is not passed through.
 */
#include "apiserver/streaming/bridges.h"
#include "base/limits.h"
#include "net/client_pipe.h"
#include "net/spdy.h"
#include "net/ws.h"

#define MESSAGE_MAX MIB
#define CLOSE_NORMAL 1000
#define CLOSE_INTERNAL 1011
#define OUT_MAX (2 * MESSAGE_MAX)

enum channel { STDIN, STDOUT, STDERR, ERROR, RESIZE, N_CHANNELS, CLOSE_SIGNAL = 255 };

struct translate {
    struct http_client_tunnel *far; /* until the pipe takes it */
    struct client_pipe *pipe;
    struct ws *ws;
    struct spdy *spdy;
    struct buf out; /* of spdy, on its way to the pipe */
    struct exec_wants wants;
    uint32_t streams[N_CHANNELS]; /* 0 = not wanted */
    bool ended[N_CHANNELS];       /* the far side has said all on it */
    bool full;                    /* the client takes slower than the far side writes */
};

/* --- towards the kubelet --- */

static void flush(struct translate *t)
{
    if (!client_pipe_write(t->pipe, buf_str(&t->out)))
        ws_pause(t->ws, true);
    bool lost = !buf_ok(&t->out);
    buf_clear(&t->out);
    if (lost)
        ws_close(t->ws, CLOSE_INTERNAL, STR("too much output"));
}

static void open_streams(struct translate *t)
{
    const struct {
        enum channel channel;
        const char *type;
        bool wanted;
    } table[] = {
        /* in the order in which upstream's client opens them */
        {ERROR, "error", true},           {STDIN, "stdin", t->wants.in},    {STDOUT, "stdout", t->wants.out},
        {STDERR, "stderr", t->wants.err}, {RESIZE, "resize", t->wants.tty},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct spdy_header header = {STR("streamtype"), str_of(table[i].type)};
        if (table[i].wanted)
            t->streams[table[i].channel] = spdy_open(t->spdy, &header, 1);
    }
    flush(t);
}

static void near_message(void *ctx, struct ws *ws, enum ws_type type, struct str data)
{
    struct translate *t = ctx;
    if (data.n == 0 || !t->spdy)
        return;
    unsigned channel = (unsigned char)data.p[0];
    data = str_from(data, 1);
    if (channel == CLOSE_SIGNAL && data.n == 1) {
        channel = (unsigned char)data.p[0];
        if (channel == STDIN && t->streams[STDIN])
            spdy_send(t->spdy, t->streams[STDIN], STR(""), true);
    } else if ((channel == STDIN || channel == RESIZE) && t->streams[channel] && data.n) {
        spdy_send(t->spdy, t->streams[channel], data, false);
    }
    flush(t);
}

/* --- towards the client --- */

static enum channel channel_of(const struct translate *t, uint32_t stream)
{
    for (int i = 0; i < N_CHANNELS; i++)
        if (t->streams[i] == stream)
            return (enum channel)i;
    return N_CHANNELS;
}

static void send_channel(struct translate *t, enum channel channel, struct str data)
{
    _cleanup_(buf_releasep) struct buf message = BUF_INIT(MESSAGE_MAX);
    buf_putc(&message, (char)channel);
    buf_str_add(&message, data);
    if (!ws_send(t->ws, WS_BINARY, buf_str(&message)))
        t->full = true;
}

static bool all_said(const struct translate *t)
{
    static const enum channel outputs[] = {STDOUT, STDERR, ERROR};
    for (size_t i = 0; i < ARRAY_LEN(outputs); i++)
        if (t->streams[outputs[i]] && !t->ended[outputs[i]])
            return false;
    return true;
}

static void spdy_reply(void *ctx, uint32_t stream)
{
    /* data follows by itself */
}

static void spdy_data(void *ctx, uint32_t stream, struct str data, bool fin)
{
    struct translate *t = ctx;
    enum channel channel = channel_of(t, stream);
    if (channel == N_CHANNELS)
        return;
    if (data.n)
        send_channel(t, channel, data);
    if (!fin)
        return;
    t->ended[channel] = true;
    if (all_said(t))
        ws_close(t->ws, CLOSE_NORMAL, STR(""));
}

static void spdy_was_reset(void *ctx, uint32_t stream, uint32_t status)
{
    spdy_data(ctx, stream, STR(""), true);
}

static const struct spdy_ops spdy_callbacks = {spdy_reply, spdy_data, spdy_was_reset};

static void far_data(void *ctx, struct str data)
{
    struct translate *t = ctx;
    if (!t->spdy)
        return;
    struct err err = ERR_INIT;
    if (spdy_input(t->spdy, data, &err) < 0)
        ws_close(t->ws, CLOSE_INTERNAL, str_of(err.msg));
    flush(t);
    if (t->full)
        client_pipe_pause(t->pipe, true);
}

static void far_writable(void *ctx)
{
    struct translate *t = ctx;
    ws_pause(t->ws, false);
}

static void far_eof(void *ctx)
{
    struct translate *t = ctx;
    ws_close(t->ws, CLOSE_NORMAL, STR(""));
}

/* --- life --- */

static void near_open(void *ctx, struct ws *ws)
{
    static const struct client_pipe_ops ops = {far_data, far_writable, far_eof};
    struct translate *t = ctx;
    struct err err = ERR_INIT;
    t->ws = ws;
    t->pipe = client_pipe_new(ws_loop(ws), TAKE(t->far), &ops, t, &err);
    if (!t->pipe || spdy_new(&spdy_callbacks, t, &t->out, &t->spdy, &err) < 0) {
        ws_close(ws, CLOSE_INTERNAL, str_of(err.msg));
        return;
    }
    open_streams(t);
    /* An empty message tells the client that the connection stands. */
    send_channel(t, t->wants.out ? STDOUT : t->wants.err ? STDERR : ERROR, STR(""));
}

static void near_writable(void *ctx, struct ws *ws)
{
    struct translate *t = ctx;
    t->full = false;
    if (t->pipe)
        client_pipe_pause(t->pipe, false);
}

static void near_close(void *ctx)
{
    struct translate *t = ctx;
    client_pipe_free(t->pipe);
    http_client_tunnel_free(t->far);
    spdy_free(t->spdy);
    buf_release(&t->out);
    free(t);
}

void bridge_exec(struct http_request *r, struct http_client_tunnel *taken, const struct exec_wants *wants)
{
    static const struct ws_ops ops = {near_open, near_message, near_writable, near_close};
    struct translate *t = xcalloc(1, sizeof(*t));
    t->far = taken;
    t->wants = *wants;
    buf_init(&t->out, OUT_MAX);
    ws_accept(r, V5_PROTOCOL, MESSAGE_MAX, &ops, t);
}
