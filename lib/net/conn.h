/*
 * conn.h - inside lib/net: a server connection as layers (socket, TLS, protocol), and the exchanges on it.
 *
 *     loop_io -> conn (recv, TLS) -> proto->input -> exchange -> on_request
 *     socket  <- conn (send, TLS) <- proto->produce <- exchange's slices or pulled stream
 *
 * A protocol sees bytes in and bytes out and no socket, so it can be fuzzed bare (fd -1). Output is always pulled: a
 * connection with something to say is put on its thread's dirty list, and the before-sleep hook produces into one
 * buffer, encrypts and sends, until the socket is full; what a short send leaves is the only output kept per
 * connection.
 *
 * Everything here is the loop thread's own, apart from what is marked atomic. conn_close only marks; the connection is
 * taken apart at the end of the turn, when nothing of it is on the stack any more.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "http_server.h"
#include "tls_session.h"

#include <stdatomic.h>

#define CONN_CHUNK (64 * KIB) /* plaintext handled at a time */
#define CONN_OUT_MAX MIB      /* of ciphertext a peer may leave unread beyond what flow control holds back */

struct conn;
struct exchange;
struct response;

/* What connections of all threads share. */
struct http_core {
    struct http_limits limits; /* all set */
    void (*on_request)(void *user, struct http_request *r);
    void *user;
    _Atomic uint64_t next_id, accepted, refused, handshakes_failed, requests, limit_hits;
    atomic_size_t connections, active, bodies;
    atomic_bool stopping;
};
void http_limits_fill(struct http_limits *l); /* zeros become the values of limits.h */

struct http_thread {
    struct http_core *core;
    struct loop *loop;
    struct loop_hook hook;
    struct loop_timer sweep; /* time limits; armed while there are connections */
    struct loop_timer again; /* some are still dirty after their turn */
    struct list conns, dirty, dead;
    atomic_size_t n_conns;
    char *rx, *plain_in, *plain_out; /* CONN_CHUNK each */
    struct buf cipher;               /* output of TLS for the connection at hand */
    char date[32];
    int64_t date_at;
    void (*on_idle)(struct http_thread *t, void *arg); /* the last connection is gone */
    void *on_idle_arg;
};
void http_thread_init(struct http_thread *t, struct http_core *core, struct loop *loop);
void http_thread_release(struct http_thread *t); /* closes all connections; the loop must not be running */
const char *http_thread_date(struct http_thread *t);

struct proto {
    const char *name;
    size_t (*input)(struct conn *c, const char *p, size_t n); /* how much was taken; 0 = none now */
    bool (*wants_input)(const struct conn *c);                /* false: leave it in the socket */
    size_t (*produce)(struct conn *c, char *to, size_t n);    /* 0 = nothing to say now */
    void (*eof)(struct conn *c);                              /* the peer has ended its direction */
    void (*hangup)(struct conn *c);                           /* ... while we do not read (may be NULL) */
    bool drains;                               /* wants what the socket holds after both directions were shut */
    void (*tick)(struct conn *c, int64_t now); /* time limits */
    void (*shutdown)(struct conn *c);          /* the server stops: end politely */
    bool (*stallable)(const struct conn *c);   /* does the write stall limit apply now? */
    void (*free)(struct conn *c);              /* detaches its exchanges */
    void (*respond)(struct exchange *ex, struct response *r); /* takes what it needs out of r */
    void (*wake)(struct exchange *ex);                        /* the stream has more */
    void (*want_body)(struct exchange *ex);                   /* the handler has chosen how to take the body */
    void (*body_consumed)(struct exchange *ex, size_t n);
};
extern const struct proto proto_h1, proto_h2, proto_tunnel;

struct conn {
    struct loop_io io; /* fd -1: no socket, output goes to sink */
    struct http_thread *t;
    struct list link, dirty; /* link: in conns or dead */
    struct tls_session *tls; /* NULL in clear, or behind a finished handshake never */
    bool secure_ready;       /* the handshake is done (or there is none) */
    struct http_peer *peer;
    const struct proto *proto; /* NULL until the first bytes tell which */
    void *state;               /* the protocol's */
    struct buf pending;        /* plaintext the protocol has not taken yet */
    struct buf out;            /* what a short send has left */
    size_t out_at;
    struct buf *sink;
    int64_t opened, last_rx, last_tx;
    int64_t linger_until; /* != 0: everything is said, waiting for the peer to close */
    size_t bodies;        /* bytes of collected bodies */
    bool rdhup, rx_eof, eof_told, unwatched, close_flushed, half_close, half_closed, dead, input_busy;
};

struct conn *conn_new(struct http_thread *t, int fd, struct tls_context *tls, struct http_peer *peer);
void conn_take(struct conn *c, const char *p, size_t n); /* plaintext in */
void conn_dirty(struct conn *c);                         /* there may be output, or room for pending input */
void conn_close(struct conn *c);                         /* now, without flushing */
void conn_close_flushed(struct conn *c);                 /* behind the output; lingers so that the peer can read it */
void conn_limit_hit(struct conn *c);                     /* counts */

/* peers */
struct http_peer *http_peer_new(uint64_t id);
struct http_peer *http_peer_ref(struct http_peer *p);
void http_peer_unref(struct http_peer *p);

/* --- exchanges: one request and its response --- */

struct head { /* header fields under construction; p of each str is an offset into bytes until head_finish */
    struct buf bytes;
    struct vec_headers {
        struct http_header *v;
        size_t n, cap;
    } fields;
    struct str method, target, authority;
    size_t size; /* counted as HTTP/2 does: name + value + 32 */
    int refused; /* the status that says what is wrong, 0 = fine */
};
/* Appends bytes and returns them as an offset str. */
struct str head_text(struct head *h, const char *p, size_t n);
void head_extend(struct head *h, struct str *last, const char *p, size_t n); /* `last` must be the newest text */
void head_add(struct head *h, const struct http_limits *l, struct str name, struct str value);
void head_release(struct head *h);

enum body_mode { BODY_UNDECIDED, BODY_COLLECT, BODY_READ, BODY_DISCARD };

struct exchange {
    struct http_request req; /* first */
    atomic_uint refs;
    atomic_bool gone;
    struct http_thread *t;
    struct conn *conn; /* NULL when detached */
    struct list link;  /* of the connection */
    int32_t stream_id;
    struct head head;

    enum body_mode body_mode;
    bool body_done, body_refused, expect_continue;
    struct buf body;
    size_t body_limit, body_held; /* held: counted in conn->bodies and core->bodies */
    size_t body_seen, body_ahead; /* ahead: read mode, given and not consumed */
    int64_t body_started, body_last;
    void (*on_body)(struct http_request *r, struct str body, enum http_body_result result);
    void (*on_piece)(struct http_request *r, struct str piece, bool end);
    void (*on_gone)(void *arg);
    void *on_gone_arg;

    bool handed;   /* on_request was called: the handler holds a reference until it finishes */
    bool answered; /* a response was begun, by the handler or by the server */
    bool complete; /* ... and is all written */
    bool no_body;  /* HEAD, 204, 304 */
    bool waiting;  /* the stream said WAIT */
    bool ended;    /* all slices are in out */
    bool aborted;
    int64_t progress; /* the last time the peer took something of the response */
    struct slice_queue out;
    const struct http_stream_ops *ops; /* NULL when there is no stream (any more) */
    void *ops_ctx;

    struct response *posted;
    struct loop_task answer_task, wake_task;
    atomic_bool wake_posted;
};

struct exchange *exchange_new(struct conn *c);
void exchange_unref(struct exchange *ex);
/* The header fields are complete: fills req from head. 0, or the status to refuse with. */
int exchange_head_done(struct exchange *ex);
void exchange_dispatch(struct exchange *ex); /* calls on_request, or answers head.refused */
/* Body bytes. Whoever may not take them now keeps them in ex->body (HTTP/2) or does not call (HTTP/1). Returns how many
 * may be credited to the peer at once. */
size_t exchange_body(struct exchange *ex, const char *p, size_t n);
void exchange_body_end(struct exchange *ex);
/* The server answers by itself (a limit, a broken request). */
void exchange_refuse(struct exchange *ex, int status);
/* Fills out from the stream until it holds about want bytes; false when the response must be broken off. */
bool exchange_pull(struct exchange *ex, size_t want);
/* The response is all written (or never will be): drops the connection's reference. */
void exchange_end(struct exchange *ex, bool complete);
/* Body stalled or too slow at `now`? */
bool exchange_body_stalled(const struct exchange *ex, int64_t now);

enum response_kind { RESPONSE_WHOLE, RESPONSE_STREAM, RESPONSE_UPGRADE, RESPONSE_ABORT };
struct response {
    enum response_kind kind;
    int status;
    const struct http_header *headers;
    size_t n_headers;
    struct slice_queue body;
    const struct http_stream_ops *ops;
    const char *protocol;
    const struct http_tunnel_ops *tunnel_ops;
    void *ctx;
};
/* Moves body and stream into ex; common to all protocols. */
void exchange_start(struct exchange *ex, struct response *r);
void response_drop(struct response *r); /* tells stream and tunnel that they are closed */

/* tunnel.c: turns an HTTP/1.1 connection into a tunnel behind the 101 given in head. */
void tunnel_start(struct conn *c, struct slice_queue *head, const struct http_tunnel_ops *ops, void *ctx);

void h1_start(struct conn *c);
void h2_start(struct conn *c);

#endif
