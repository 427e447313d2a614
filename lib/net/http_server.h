/*
 * http_server.h - HTTP/1.1 and HTTP/2 behind one request API, over TLS or in clear.
 *
 * The server owns its loop threads, its listeners and its connections. For each request it calls on_request on a loop
 * thread when the header fields are complete. The handler finishes every request it is given by exactly one of
 *
 *     http_respond, http_respond_slices, http_respond_stream, http_upgrade, ws_accept (ws.h), http_abort
 *
 * now or later, on this or any other thread. Until then the request stays valid for the handler, also when the client
 * has gone away (finishing it is then a no-op that cleans up). After that call the handler may not touch the request
 * any more, unless it took a reference of its own with http_request_ref.
 *
 * The fields of a request never change after on_request. Header names are lower case; values are as sent, without
 * surrounding white space; repeated fields are all kept in order; nothing is normalised. For HTTP/2 the :authority
 * appears as `authority` (for HTTP/1.1 the Host field) and "host" is looked up there.
 *
 * Every bound and time limit of http_limits is enforced before the handler is reached, with the status that says so
 * (400, 408, 413, 414, 417, 429, 431, 501, 505), or by closing where no answer can be given.
 */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include "base/limits.h"
#include "loop.h"
#include "shared_buf.h"
#include "tls.h"

struct http_server;

struct http_header {
    struct str name, value;
};
#define HTTP_HEADER(n, v) ((struct http_header){str_of(n), str_of(v)})

enum http_version { HTTP_1_0, HTTP_1_1, HTTP_2 };

struct http_request {
    struct str method;    /* "GET"; any token */
    struct str target;    /* as sent: path and query (or "*", "host:port") */
    struct str path;      /* raw: percent-encoded, dot segments and double slashes kept */
    struct str query;     /* raw, without '?' ; empty when there is none */
    struct str authority; /* host[:port] as sent; may be empty */
    enum http_version version;
    const struct http_header *headers;
    size_t n_headers;
    const struct http_peer *peer;
    int64_t started;   /* monotonic ns, when the header fields were complete */
    bool has_body;     /* a body is announced (it may still be empty) */
    int64_t body_size; /* Content-Length, -1 when not announced */
    void *user;        /* the handler's; user_free(user) is called when the last reference goes, on any thread */
    void (*user_free)(void *user);
};

/* The first field of that (lower-case) name; .p is NULL when there is none. */
struct str http_header(const struct http_request *r, const char *name);
/* All of them: start with *at = 0; false when there is no further one. */
bool http_header_next(const struct http_request *r, const char *name, size_t *at, struct str *ret);
/* Is the token an element of the comma-separated list in any field of that name? ASCII case-insensitive. */
bool http_header_has_token(const struct http_request *r, const char *name, const char *token);
/* Does the request ask for a protocol upgrade (Connection: upgrade)? Returns the Upgrade value, or an empty str. */
struct str http_upgrade_wanted(const struct http_request *r);

struct http_request *http_request_ref(struct http_request *r); /* any thread */
void http_request_unref(struct http_request *r);               /* any thread */
/* The loop of the request's connection, for timers and posted tasks. */
struct loop *http_request_loop(const struct http_request *r);
/* Has the client gone away, or the exchange ended? Any thread; for long work to stop early. */
bool http_request_gone(const struct http_request *r);
/* fn(arg) once on the loop thread when the client goes away before the response is complete; not called otherwise. Loop
 * thread only. One at a time; fn NULL takes it back. */
void http_request_on_gone(struct http_request *r, void (*fn)(void *arg), void *arg);

/* --- bodies: loop thread only, once a request, before finishing it. Without them the body is discarded. --- */

enum http_body_result { HTTP_BODY_OK, HTTP_BODY_TOO_LARGE, HTTP_BODY_GONE };

/* Collects the body up to limit bytes and calls fn exactly once on the loop thread (possibly before returning). The
 * bytes live as long as the request. After TOO_LARGE (answer 413; the connection is closed behind the answer where
 * needed) and GONE the handler still finishes the request. All collected bodies of a connection and of the server are
 * bounded together: past that the server itself answers 429 and fn gets HTTP_BODY_GONE. */
void http_request_collect(struct http_request *r, size_t limit,
                          void (*fn)(struct http_request *r, struct str body, enum http_body_result result));

/* Streams the body: fn(r, piece, false) for each piece, then fn(r, empty, true) at the end, or with piece.p == NULL
 * when the client has gone. No more than LIMIT_BODY_WINDOW bytes arrive that http_body_consume has not given back. */
void http_request_read(struct http_request *r, void (*fn)(struct http_request *r, struct str piece, bool end));
void http_body_consume(struct http_request *r, size_t n); /* loop thread */

/* --- responses: any thread. Header names should be lower case; Content-Length, Transfer-Encoding, Date and Connection
 * are the server's. Bodies for HEAD, 204 and 304 are not sent. --- */

void http_respond(struct http_request *r, int status, const struct http_header *headers, size_t n, struct str body);
/* The body is the slices one after the other; takes over one reference of each owner. The array is copied. */
void http_respond_slices(struct http_request *r, int status, const struct http_header *headers, size_t n,
                         const struct slice *slices, size_t n_slices);

enum http_pull {
    HTTP_PULL_MORE,  /* ask again as soon as there is room; something must have been pushed, or it is taken for WAIT */
    HTTP_PULL_WAIT,  /* nothing (more) now: ask again after http_response_wake */
    HTTP_PULL_END,   /* the body is complete with what was pushed */
    HTTP_PULL_ABORT, /* break the response off so that the client notices */
};

struct http_stream_ops {
    bool
        patient; /* a client that has stopped reading may take its time (a person with a pager): no write stall limit */
    /* Loop thread: pushes slices of about `want` bytes (more is fine, nothing is lost) to out. */
    enum http_pull (*pull)(void *ctx, struct slice_queue *out, size_t want);
    /* Loop thread, exactly once, last call: all was handed over towards the socket, or it broke off. Also called when
     * the client was gone before the response started. */
    void (*close)(void *ctx, bool complete);
};
/* A body of unknown length, pulled as the client takes it (chunked on HTTP/1.1). */
void http_respond_stream(struct http_request *r, int status, const struct http_header *headers, size_t n,
                         const struct http_stream_ops *ops, void *ctx);
/* Says that a stream that answered WAIT has more. Any thread that holds a reference; cheap to call often. Harmless
 * after the end. */
void http_response_wake(struct http_request *r);

/* Finishes without an answer: resets the stream or closes the connection. */
void http_abort(struct http_request *r);

/* --- upgrades: a tunnel of bytes after a 101, HTTP/1.1 only --- */

struct http_tunnel; /* belongs to the loop thread, from on_open to on_close */

struct http_tunnel_ops {
    void (*on_open)(void *ctx, struct http_tunnel *t);
    /* Bytes arrived. At most LIMIT_TUNNEL_WINDOW bytes arrive ahead of http_tunnel_consume. */
    void (*on_data)(void *ctx, struct http_tunnel *t, struct str data);
    void (*on_eof)(void *ctx, struct http_tunnel *t);      /* the peer has ended its direction; writing still works */
    void (*on_writable)(void *ctx, struct http_tunnel *t); /* the output has drained after a write said "full" */
    void (*on_close)(void *ctx);                           /* exactly once, last; also when it never opened */
};
/* Answers 101 with "Upgrade: protocol" and the further fields. */
void http_upgrade(struct http_request *r, const char *protocol, const struct http_header *headers, size_t n,
                  const struct http_tunnel_ops *ops, void *ctx);
/* Loop thread. Copies; returns false when the peer takes slower than we write: wait for on_writable before writing more
 * (the bytes given are kept all the same, up to LIMIT_TUNNEL_BUFFER, past which the tunnel is closed). */
bool http_tunnel_write(struct http_tunnel *t, struct str data);
void http_tunnel_consume(struct http_tunnel *t, size_t n);
void http_tunnel_shutdown(struct http_tunnel *t); /* ends our direction behind what is buffered */
void http_tunnel_close(struct http_tunnel *t);    /* flushes what the socket takes now, closes; on_close follows */
struct loop *http_tunnel_loop(struct http_tunnel *t);

/* --- the server --- */

struct http_limits { /* 0 = the value of limits.h; times in milliseconds */
    size_t header_bytes, headers, url, streams, connections;
    size_t connection_bodies, server_bodies; /* collected bodies held at a time */
    int64_t handshake_ms, headers_ms, body_stall_ms, write_stall_ms, idle_ms;
    size_t control_frames_per_s; /* SETTINGS, PING, PRIORITY, RST_STREAM, empty DATA on one HTTP/2 connection */
};

struct http_listener {
    const char *address;     /* "0.0.0.0", "127.0.0.1", "::", a path beginning with '/' or "@" for a unix socket */
    uint16_t port;           /* 0 = any free one, see http_server_port */
    struct tls_context *tls; /* NULL = in clear (HTTP/1.1, and HTTP/2 with prior knowledge) */
};

struct http_server_options {
    const char *name; /* of the threads; NULL = "http" */
    const struct http_listener *listeners;
    size_t n_listeners;
    size_t threads; /* loop threads; 0 = 2 */
    struct http_limits limits;
    void (*on_request)(void *user, struct http_request *r);
    void *user;
};

struct http_stats {
    size_t connections, requests_active;
    uint64_t accepted, refused, handshakes_failed, requests, limit_hits;
};

/* Binds, listens and starts the threads; raises the process's soft limit of descriptors towards what limits.connections
 * needs. The tls contexts must outlive the server. */
struct http_server *http_server_new(const struct http_server_options *o, struct err *err) MUST_CHECK;
/* Stops accepting, tells clients to go (Connection: close, GOAWAY), lets running requests end for at most grace_ms,
 * then closes the rest. Blocks. Streams that wait (watches) are ended at once: http_stream_ops.close is called. */
void http_server_stop(struct http_server *s, int64_t grace_ms);
struct http_server *
http_server_free(struct http_server *s); /* http_server_stop(s, 0) when still running; returns NULL */
uint16_t http_server_port(const struct http_server *s, size_t listener);
size_t http_server_threads(const struct http_server *s);
struct loop *http_server_loop(struct http_server *s, size_t thread);
void http_server_stats(const struct http_server *s, struct http_stats *ret);

const char *http_status_text(int status);

#endif
