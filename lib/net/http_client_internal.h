/*
 * http_client_internal.h - what the parts of the HTTP client share: http_client.c (the client, whole requests),
 * http_client_wire.c (one exchange on a connection), http_client_stream.c, http_client_tunnel.c.
 */
#ifndef NET_HTTP_CLIENT_INTERNAL_H
#define NET_HTTP_CLIENT_INTERNAL_H

#include "base/clock.h"
#include "base/limits.h"
#include "dial.h"
#include "http_client.h"

#include <http_parser.h>
#include <pthread.h>
#include <stdatomic.h>

#define HTTP_CLIENT_IDLE_NS (60 * NS_PER_S) /* a connection that was not used for so long is not used again */

struct http_client_idle {
    struct net_conn *conn;
    int64_t since;
};

struct http_client {
    atomic_int refs;
    struct net_address address;
    char *base_path; /* of the base URL, mostly "" */
    char *unix_socket, *user_agent;
    struct net_tls *tls; /* NULL for http */
    bool no_keepalive;
    int connect_timeout_ms;
    size_t max_idle;

    pthread_mutex_t lock;
    char *token;
    struct http_client_idle *idle;
    size_t n_idle;
};

struct http_client *http_client_ref(struct http_client *c);
char *http_client_token(struct http_client *c); /* malloc'd or NULL */
/* A connection of our own: kept alive, or new (*ret_reused tells); NULL with err. */
struct net_conn *http_client_connect(struct http_client *c, bool fresh, bool *ret_reused, struct err *err);
void http_client_keep(struct http_client *c, struct net_conn *taken); /* for the next request */

/* One exchange. Body bytes go to on_body; false from it ends the exchange (`refused`). */
struct http_wire {
    struct net_conn *conn;
    int64_t deadline; /* mono ns; INT64_MAX = none */
    int wake_fd;      /* readable ends a wait with ERR_CANCELLED; -1 = none */
    bool (*on_body)(void *user, const char *p, size_t n);
    void *user;

    int status;
    struct buf headers; /* "Name: value\r\n" lines of the last answer */
    bool head_request, headers_done, complete, keep_alive, upgraded, refused;
    bool got_any;     /* a byte of an answer came */
    bool sent_any;    /* a byte of the request went out */
    struct buf early; /* after an upgrade: what came behind the answer */

    http_parser parser;
    bool in_value;
    char *room; /* for receiving; NULL while it waits */
};

void http_wire_init(struct http_wire *w, struct net_conn *conn, const char *method, int timeout_ms);
void http_wire_release(struct http_wire *w); /* not the connection */
int http_wire_send(struct http_wire *w, struct http_client *c, const struct http_client_request *r, const char *method,
                   const char *path, struct err *err) MUST_CHECK;
/* Waits for bytes, and takes what has come: 1 = something moved, 0 = the answer is complete, -1 = error; ERR_TIMEOUT
 * when the deadline passed, ERR_TOO_LARGE when the headers are too large. */
int http_wire_step(struct http_wire *w, struct err *err) MUST_CHECK;

#endif
