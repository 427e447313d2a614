/*
 * ws.h - WebSocket (RFC 6455) on an upgraded HTTP/1.1 request: messages instead of bytes.
 *
 * Fragments are joined, control frames answered (pings get their pong), messages are bounded; protocol errors close the
 * socket with the code the RFC wants. All calls and callbacks are on the request's loop thread, except ws_accept.
 */
#ifndef NET_WS_H
#define NET_WS_H

#include "http_server.h"

struct ws;

enum ws_type { WS_TEXT = 1, WS_BINARY = 2 };

struct ws_ops {
    void (*on_open)(void *ctx, struct ws *ws);
    void (*on_message)(void *ctx, struct ws *ws, enum ws_type type, struct str data);
    void (*on_writable)(void *ctx, struct ws *ws); /* drained after ws_send said "full" */
    void (*on_close)(void *ctx);                   /* exactly once, last; also when it never opened */
};

/* Is this a WebSocket handshake (GET, Upgrade: websocket, version 13, a key)? */
bool ws_wanted(const struct http_request *r);
/* The first of the client's Sec-WebSocket-Protocol values that is also in supported (preference is the client's, as
 * upstream does it); NULL when there is none. */
const char *ws_choose(const struct http_request *r, const char *const *supported, size_t n);
/* Finishes the request (see http_server.h). protocol may be NULL. A request that is no handshake is answered 400. */
void ws_accept(struct http_request *r, const char *protocol, size_t message_max, const struct ws_ops *ops, void *ctx);
bool ws_send(struct ws *ws, enum ws_type type, struct str data); /* false: full, wait for on_writable */
/* Stop and start taking in messages: back-pressure towards the client. */
void ws_pause(struct ws *ws, bool paused);
void ws_close(struct ws *ws, uint16_t code, struct str reason); /* the closing handshake; on_close follows */
struct loop *ws_loop(struct ws *ws);

#endif
