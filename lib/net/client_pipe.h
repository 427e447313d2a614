/*
 * client_pipe.h - an upgraded client connection (http_client_tunnel) on an event loop, with back-pressure.
 *
 * The connection is made elsewhere, by blocking calls; from client_pipe_new on everything is on the loop's thread.
 */
#ifndef NET_CLIENT_PIPE_H
#define NET_CLIENT_PIPE_H

#include "http_client.h"
#include "loop.h"

struct client_pipe;

struct client_pipe_ops {
    void (*on_data)(void *ctx, struct str data);
    void (*on_writable)(void *ctx); /* the output has drained after a write said "full" */
    void (*on_eof)(void *ctx);      /* the other side has ended (or broken) the connection; called once */
};

/* Takes the tunnel over, also on failure. Callbacks come from the loop, never from inside a call. */
struct client_pipe *client_pipe_new(struct loop *l, struct http_client_tunnel *taken, const struct client_pipe_ops *ops,
                                    void *ctx, struct err *err) MUST_CHECK;
bool client_pipe_write(struct client_pipe *p, struct str data); /* copies; false = full, wait for on_writable */
void client_pipe_pause(struct client_pipe *p, bool paused);     /* stop reading: back-pressure */
/* Ends the connection (both directions: the protocols we carry know no half-close of TCP) behind what is buffered;
 * on_eof follows. */
void client_pipe_shutdown(struct client_pipe *p);
struct client_pipe *client_pipe_free(struct client_pipe *p); /* legal in its callbacks; returns NULL; accepts NULL */

#endif
