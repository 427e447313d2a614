/*
 * grpc_internal.h - what the parts of the gRPC client share: grpc.c (the calls), grpc_channel.c (thread, connection,
 * reconnecting), grpc_session.c (HTTP/2).
 *
 * Threads: fields under "I/O thread" belong to the channel's thread alone. Other threads hand it commands through
 * grpc_channel_post. A call is referenced by the channel while it runs, and by the stream's owner.
 */
#ifndef NET_GRPC_INTERNAL_H
#define NET_GRPC_INTERNAL_H

#include "base/clock.h"
#include "base/list.h"
#include "dial.h"
#include "grpc.h"
#include "grpc_wire.h"

#include <nghttp2/nghttp2.h>
#include <pthread.h>
#include <stdatomic.h>

#define GRPC_STREAM_WINDOW (4 * 1024 * 1024)
#define GRPC_CONN_WINDOW (16 * 1024 * 1024)
#define GRPC_QUEUE_HIGH (2 * 1024 * 1024) /* bytes a stream's receiver may leave before the server is held back */
#define GRPC_QUEUE_LOW (512 * 1024)
#define GRPC_SEND_BATCH (64 * 1024)
#define GRPC_RECV_SIZE (256 * 1024)
#define GRPC_MAX_REFUSED 5 /* times a call that the server provably did not look at is sent again */

struct grpc_message {
    struct list link;
    size_t n;
    char bytes[];
};

struct grpc_call {
    atomic_int refs;
    struct grpc_channel *ch;
    char *path;
    bool is_stream;

    /* I/O thread */
    struct list link; /* in ch->waiting or ch->running */
    int32_t stream_id;
    int64_t deadline; /* mono ns, 0 = none */
    char timeout_text[GRPC_TIMEOUT_MAX];
    struct buf out; /* framed messages to send; sent_at .. len */
    size_t sent_at;
    bool out_end; /* nothing follows behind out */
    bool out_deferred;
    bool ended;
    int refused;
    struct grpc_parser in;
    size_t withheld; /* bytes not yet given back to the stream's window */
    int http_status, grpc_status;
    bool is_grpc;     /* content-type */
    bool got_message; /* unary: the response is whole */
    char text[512];

    /* unary: runs on the I/O thread when ended; may take in.message */
    void (*done)(struct grpc_call *c, const struct err *err);
    grpc_done_fn user_done;
    void *user;
    /* a blocking caller sleeps on this word (futex): one wake-up a call, and no lock to run into */
    atomic_int answered;
    struct err *answer_err; /* the caller's; written before answered */

    grpc_message_fn on_message; /* pushed streams, with user */

    /* streams, under lock */
    pthread_mutex_t lock;
    pthread_cond_t cond;
    struct list queue; /* struct grpc_message */
    size_t queued;     /* bytes */
    bool holding;      /* the I/O thread withholds window */
    bool over, cancelled;
    struct err over_err;
};

enum grpc_command_type { GRPC_START, GRPC_SEND, GRPC_CLOSE_SEND, GRPC_CANCEL, GRPC_CONSUME };

struct grpc_command {
    struct list link;
    enum grpc_command_type type;
    struct grpc_call *call; /* a reference */
    struct buf bytes;       /* GRPC_SEND: framed */
};

struct grpc_channel {
    atomic_int refs;
    struct grpc_target *targets;
    size_t n_targets, target_at;
    struct net_tls *tls; /* NULL when no target needs it */
    char *authority;
    size_t max_message;
    int connect_timeout_ms, backoff_max_ms;
    int64_t keepalive_ns;
    bool fail_fast;
    pthread_t thread;
    int wake_fd;
    atomic_bool connected;

    pthread_mutex_t lock;
    struct list commands;
    bool stopping, asleep;
    size_t n_calls;

    /* I/O thread */
    struct net_conn *conn;
    nghttp2_session *session;
    bool draining; /* GOAWAY came: no new calls on this connection */
    struct list waiting, running;
    int64_t next_deadline; /* a lower bound; 0 = none */
    int64_t next_attempt, backoff_ns;
    int64_t last_recv, ping_sent;
    bool heard;        /* the server has said something on this connection */
    bool want_write;   /* the socket was full */
    bool more_to_read; /* TLS may hold bytes that poll does not see */
    struct buf out;
    char *recv_buf;
    struct err last_err;
};

/* grpc.c */
struct grpc_call *grpc_call_ref(struct grpc_call *c);
void grpc_call_unref(struct grpc_call *c);
void grpc_call_finish(struct grpc_call *c, const struct err *err); /* I/O thread; drops the channel's reference */
void grpc_call_deliver(struct grpc_call *c);                       /* I/O thread: in.message is whole */

/* grpc_channel.c */
int64_t grpc_now(void);
/* Takes the reference to the call and the bytes; false when the channel has stopped (they are freed then). */
bool grpc_channel_post(struct grpc_channel *ch, enum grpc_command_type type, struct grpc_call *taken,
                       struct buf *bytes_taken);
void grpc_channel_unref(struct grpc_channel *ch);

/* grpc_session.c; all on the I/O thread */
int grpc_session_start(struct grpc_channel *ch, struct err *err) MUST_CHECK;
void grpc_session_submit(struct grpc_channel *ch, struct grpc_call *c);
/* Tells the server to forget the call, and finishes it. */
void grpc_session_reset(struct grpc_channel *ch, struct grpc_call *c, const struct err *why);
void grpc_session_resume(struct grpc_channel *ch, struct grpc_call *c); /* c->out has more */
void grpc_session_consume(struct grpc_channel *ch, struct grpc_call *c);
int grpc_session_ping(struct grpc_channel *ch);
/* Move bytes as far as the socket lets them. -1 = the connection is lost. */
int grpc_session_send(struct grpc_channel *ch, struct err *err) MUST_CHECK;
int grpc_session_recv(struct grpc_channel *ch, struct err *err) MUST_CHECK;

#endif
