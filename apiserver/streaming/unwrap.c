/* port-forward of kubectl 1.31 and later: SPDY inside WebSocket messages; here it is taken out of them. */
#include "apiserver/streaming/bridges.h"
#include "base/limits.h"
#include "net/client_pipe.h"
#include "net/ws.h"

#define MESSAGE_MAX MIB
#define CLOSE_NORMAL 1000

struct unwrap {
    struct http_client_tunnel *far; /* until the pipe takes it */
    struct client_pipe *pipe;
    struct ws *ws;
};

static void far_data(void *ctx, struct str data)
{
    struct unwrap *u = ctx;
    if (!ws_send(u->ws, WS_BINARY, data))
        client_pipe_pause(u->pipe, true);
}

static void far_writable(void *ctx)
{
    struct unwrap *u = ctx;
    ws_pause(u->ws, false);
}

static void far_eof(void *ctx)
{
    struct unwrap *u = ctx;
    ws_close(u->ws, CLOSE_NORMAL, STR(""));
}

static void near_open(void *ctx, struct ws *ws)
{
    static const struct client_pipe_ops ops = {far_data, far_writable, far_eof};
    struct unwrap *u = ctx;
    struct err err = ERR_INIT;
    u->ws = ws;
    u->pipe = client_pipe_new(ws_loop(ws), TAKE(u->far), &ops, u, &err);
    if (!u->pipe)
        ws_close(ws, 1011, STR("no connection to the kubelet"));
}

static void near_message(void *ctx, struct ws *ws, enum ws_type type, struct str data)
{
    struct unwrap *u = ctx;
    if (u->pipe && !client_pipe_write(u->pipe, data))
        ws_pause(ws, true);
}

static void near_writable(void *ctx, struct ws *ws)
{
    struct unwrap *u = ctx;
    if (u->pipe)
        client_pipe_pause(u->pipe, false);
}

static void near_close(void *ctx)
{
    struct unwrap *u = ctx;
    client_pipe_free(u->pipe);
    http_client_tunnel_free(u->far);
    free(u);
}

void bridge_port_forward(struct http_request *r, struct http_client_tunnel *taken)
{
    static const struct ws_ops ops = {near_open, near_message, near_writable, near_close};
    struct unwrap *u = xcalloc(1, sizeof(*u));
    u->far = taken;
    ws_accept(r, PORT_FORWARD_OVER_WS, MESSAGE_MAX, &ops, u);
}
