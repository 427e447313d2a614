/*
 * grpc.h - a gRPC client: unary calls and streams, multiplexed on one HTTP/2 connection. Serves etcd, CRI and
 * containerd.
 *
 * A channel is one server (or one of several equal ones) and one I/O thread that owns the connection. It connects when
 * the first call comes, and again, with back-off, when the connection is lost. Every function below may be called from
 * any thread, except where noted. Requests go out, and responses come in, as packed protobuf messages; typed variants
 * take protobuf-c structs. Compression is not used.
 *
 * Calls wait for a connection until their deadline, unless the channel is fail_fast: then a failed connect attempt
 * fails them at once. A call whose request may have reached the server is never repeated here: it fails with
 * ERR_UNAVAILABLE and the caller, who knows whether that is safe, tries again.
 *
 * Errors: a server's status becomes err_from_grpc(status) with the server's message as text; connection loss is
 * ERR_UNAVAILABLE, a passed deadline ERR_TIMEOUT, a message past the bound ERR_TOO_LARGE, a freed channel
 * ERR_CANCELLED.
 *
 * Bounds: max_message a message (both directions), window sizes 4 MiB a stream and 16 MiB a connection, GRPC_MAX_CALLS
 * calls and streams at once a channel (ERR_TOO_MANY_REQUESTS).
 */
#ifndef NET_GRPC_H
#define NET_GRPC_H

#include "base/buf.h"
#include "base/err.h"

#define GRPC_MAX_CALLS 10000
#define GRPC_NO_DEADLINE 0

struct ProtobufCMessage;           /* of protobuf-c */
struct ProtobufCMessageDescriptor; /* of protobuf-c */
struct grpc_channel;
struct grpc_stream;

struct grpc_channel_options {
    /* "unix:/run/x.sock" (or "unix:///run/x.sock"), "http://127.0.0.1:2379", "https://10.0.0.1:2379"; several equal
     * servers are separated by commas and tried in turn when one cannot be reached. */
    const char *target;
    const char *ca_file, *cert_file, *key_file; /* https: PEM files; NULL = system's CAs, no client certificate */
    const char *server_name;                    /* https: name to verify instead of the host; NULL = the host */
    const char *authority;                      /* :authority; NULL = host:port, or "localhost" for unix sockets */
    size_t max_message;                         /* 0 = LIMIT_GRPC_MESSAGE */
    int connect_timeout_ms;                     /* 0 = 5000 */
    int backoff_max_ms;                         /* 0 = 2000; starts at 20 and doubles */
    int keepalive_ms;                           /* a PING when nothing came for so long, and no answer in the same time
                                                   again ends the connection; 0 = never */
    bool fail_fast;
};

/* Strings are copied. Starts the I/O thread, does not connect. */
int grpc_channel_new(const struct grpc_channel_options *options, struct grpc_channel **ret, struct err *err) MUST_CHECK;
/* Ends all calls and streams with ERR_CANCELLED, waits for the I/O thread. Streams must still be freed, before or after
 * (they hold a reference). Not from a callback. Returns NULL; accepts NULL. */
struct grpc_channel *grpc_channel_free(struct grpc_channel *ch);
static inline void grpc_channel_freep(struct grpc_channel **ch)
{
    grpc_channel_free(*ch);
}
/* True while a connection stands (it may be found dead by the next call). */
bool grpc_channel_connected(struct grpc_channel *ch);

/* --- unary ------------------------------------------------------------------------------------------------------ */

/* path is "/package.Service/Method". deadline_ms counts from now and is also told to the server; GRPC_NO_DEADLINE waits
 * for good. *ret is a struct of type `type`, to be freed with protobuf_c_message_free_unpacked(ret, NULL) or its own
 * free function. */
int grpc_call(struct grpc_channel *ch, const char *path, const struct ProtobufCMessage *request,
              const struct ProtobufCMessageDescriptor *type, int deadline_ms, struct ProtobufCMessage **ret,
              struct err *err) MUST_CHECK;
/* The same with bytes; the response is appended to `ret` (its ceiling applies too). */
int grpc_call_bytes(struct grpc_channel *ch, const char *path, struct str request, int deadline_ms, struct buf *ret,
                    struct err *err) MUST_CHECK;

/* Runs on the I/O thread, exactly once for each grpc_call_async that returned 0: it must be quick and may not block.
 * err->code is ERR_OK on success. response lives during the call only. */
typedef void (*grpc_done_fn)(void *user, struct str response, const struct err *err);
int grpc_call_async(struct grpc_channel *ch, const char *path, struct str request, int deadline_ms, grpc_done_fn done,
                    void *user, struct err *err) MUST_CHECK;

/* --- streams ---------------------------------------------------------------------------------------------------- */

/* Opens a stream; server streams send one message and then grpc_stream_close_send. A stream ends with its connection
 * (ERR_UNAVAILABLE): reopening, and from where, is the caller's. */
int grpc_stream_open(struct grpc_channel *ch, const char *path, struct grpc_stream **ret, struct err *err) MUST_CHECK;
int grpc_stream_send(struct grpc_stream *st, const struct ProtobufCMessage *message, struct err *err) MUST_CHECK;
int grpc_stream_send_bytes(struct grpc_stream *st, struct str message, struct err *err) MUST_CHECK;
void grpc_stream_close_send(struct grpc_stream *st); /* half-close: no more messages from us */

/* Waits for the next message, in order. 1 = *ret has it, 0 = the server ended the stream with status OK, -1 = error;
 * ERR_TIMEOUT when timeout_ms passed (the stream goes on; <0 waits for good), ERR_CANCELLED after grpc_stream_cancel. A
 * receiver that does not come holds the server back by flow control. One receiver at a time. */
int grpc_stream_recv(struct grpc_stream *st, const struct ProtobufCMessageDescriptor *type, int timeout_ms,
                     struct ProtobufCMessage **ret, struct err *err) MUST_CHECK;
int grpc_stream_recv_bytes(struct grpc_stream *st, int timeout_ms, struct buf *ret, struct err *err) MUST_CHECK;

/* A stream whose messages are pushed instead of received: on_message runs on the I/O thread, for each message in order;
 * all else of the channel waits for it, so it must be quick. message lives during the call only. The end is learnt by
 * grpc_stream_wait. grpc_stream_free waits for a callback that runs; not to be called from one (cancel may be). */
typedef void (*grpc_message_fn)(void *user, struct str message);
int grpc_stream_open_push(struct grpc_channel *ch, const char *path, grpc_message_fn on_message, void *user,
                          struct grpc_stream **ret, struct err *err) MUST_CHECK;
/* Waits until the stream has ended: 0 = with status OK, -1 = error; ERR_TIMEOUT when it still goes on. */
int grpc_stream_wait(struct grpc_stream *st, int timeout_ms, struct err *err) MUST_CHECK;

void grpc_stream_cancel(struct grpc_stream *st); /* from any thread: wakes a waiting receiver */
/* Cancels what still runs and frees; returns NULL; accepts NULL. No other thread may use st any more. */
struct grpc_stream *grpc_stream_free(struct grpc_stream *st);
static inline void grpc_stream_freep(struct grpc_stream **st)
{
    grpc_stream_free(*st);
}

#endif
