/*
 * http_client.h - an HTTP/1.1 client: whole requests, streaming reads (watches), and upgraded byte tunnels.
 *
 * A client is one set of connection settings (base URL, TLS, credentials) and a pool of kept-alive connections. All of
 * it may be used from any thread; each stream or tunnel by one reader (and for tunnels one writer) at a time. Calls
 * block the calling thread, no thread of our own is started.
 *
 * An HTTP status is a result, not an error: the functions fail only when no response came. Errors: ERR_UNAVAILABLE (no
 * connection, connection lost), ERR_TIMEOUT, ERR_TOO_LARGE (response past its bound), ERR_UNAUTHORIZED (the server's
 * certificate does not verify), ERR_CANCELLED.
 */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include "base/buf.h"
#include "base/err.h"

struct http_client;
struct http_client_stream;
struct http_client_tunnel;

struct http_client_options {
    const char *base_url;          /* "https://10.0.0.1:6443", no trailing slash; paths are appended as they are */
    const char *unix_socket;       /* connect here instead of to base_url's host */
    struct str ca_pem;             /* CAs to trust; empty = system's */
    struct str cert_pem, key_pem;  /* client certificate; empty = none */
    const char *tls_server_name;   /* verify (and send as SNI) this name instead of base_url's host */
    bool insecure_skip_tls_verify; /* probes and --insecure only */
    const char *bearer_token;      /* sent as Authorization; may be replaced by http_client_set_token */
    const char *user_agent;        /* NULL = "coracle" */
    int connect_timeout_ms;        /* 0 = 10000 */
    size_t max_idle;               /* connections kept for reuse; 0 = 256 */
    bool no_keepalive;             /* a connection a request (probes) */
};

int http_client_new(const struct http_client_options *options, struct http_client **ret, struct err *err) MUST_CHECK;
/* Streams and tunnels hold a reference; calls in flight must have ended. Returns NULL; accepts NULL. */
struct http_client *http_client_free(struct http_client *c);
static inline void http_client_freep(struct http_client **c)
{
    http_client_free(*c);
}
void http_client_set_token(struct http_client *c, const char *token); /* NULL removes it; for rotated tokens */

struct http_client_request {
    const char *method;         /* NULL = GET */
    const char *path;           /* path and query, already percent-encoded: "/api/v1/pods?limit=500" */
    const char *const *headers; /* complete lines "Name: value" */
    size_t n_headers;
    struct str body;     /* sent with Content-Length when not empty or when the method is not GET, HEAD or DELETE */
    int timeout_ms;      /* the whole exchange (streams: until the headers are there); 0 = 30000 */
    size_t max_response; /* 0 = LIMIT_RESPONSE */
    bool truncate;       /* past max_response: cut and stop instead of ERR_TOO_LARGE */
    int max_redirects;   /* followed within the same server; 0, and to others: an answer like any other */
};

struct http_client_response {
    int status;
    struct buf body;
    struct buf headers; /* "Name: value\r\n" lines of the final answer, without the status line */
};

/* The response is zeroed and filled; release it in every case. */
int http_client_call(struct http_client *c, const struct http_client_request *request, struct http_client_response *ret,
                     struct err *err) MUST_CHECK;
void http_client_response_release(struct http_client_response *r);
/* The (first) value of a header, case-insensitive; empty when absent. Lives as long as the response. */
struct str http_client_header(const struct buf *headers, const char *name);

/* --- streaming read ----------------------------------------------------------------------------------------------- */

/* Sends the request and waits for the headers; the body is then read piece by piece. A status of 400 or more is a
 * result too: read the body for the Status object. */
int http_client_stream_open(struct http_client *c, const struct http_client_request *request,
                            struct http_client_stream **ret, struct err *err) MUST_CHECK;
int http_client_stream_status(const struct http_client_stream *s);
struct str http_client_stream_header(const struct http_client_stream *s, const char *name);
/* Waits until there are bytes, then appends what has come (at most 256 KiB at a time) to `out`. 1 = got some, 0 = the
 * end of the body, -1 = error; ERR_TIMEOUT when nothing came in timeout_ms (<0 = wait for good; the stream goes on). */
int http_client_stream_read(struct http_client_stream *s, int timeout_ms, struct buf *out, struct err *err) MUST_CHECK;
void http_client_stream_cancel(
    struct http_client_stream *s); /* from any thread: a waiting read returns ERR_CANCELLED */
struct http_client_stream *http_client_stream_free(struct http_client_stream *s);
static inline void http_client_stream_freep(struct http_client_stream **s)
{
    http_client_stream_free(*s);
}

/* --- upgraded tunnel ---------------------------------------------------------------------------------------------- */

/* Sends the request (its headers must hold Connection: Upgrade and Upgrade: ...) on a connection of its own. When the
 * answer is 101 *ret_tunnel carries raw bytes, TLS included; any other answer leaves *ret_tunnel NULL and returns 0
 * with the whole response. Release the response in every case. */
int http_client_upgrade(struct http_client *c, const struct http_client_request *request,
                        struct http_client_tunnel **ret_tunnel, struct http_client_response *ret,
                        struct err *err) MUST_CHECK;

#define HTTP_CLIENT_TUNNEL_AGAIN (-2)
/* Never block. >0 = bytes moved, 0 = the other side has closed (read only), HTTP_CLIENT_TUNNEL_AGAIN = wait for the
 * descriptor first, -1 = error. Reader and writer may be different threads. */
ssize_t http_client_tunnel_read(struct http_client_tunnel *t, void *p, size_t n, struct err *err) MUST_CHECK;
ssize_t http_client_tunnel_write(struct http_client_tunnel *t, const void *p, size_t n, struct err *err) MUST_CHECK;
/* For poll or epoll, level-triggered: after AGAIN from read wait for input, from write for output. */
int http_client_tunnel_fd(const struct http_client_tunnel *t);
/* Blocking helpers: wait for input (1 ready, 0 timeout), and write everything. */
int http_client_tunnel_wait_readable(struct http_client_tunnel *t, int timeout_ms);
int http_client_tunnel_write_all(struct http_client_tunnel *t, const void *p, size_t n, int timeout_ms,
                                 struct err *err) MUST_CHECK;
void http_client_tunnel_shutdown_write(struct http_client_tunnel *t); /* plain TCP and unix sockets only: half-close */
struct http_client_tunnel *http_client_tunnel_free(struct http_client_tunnel *t);
static inline void http_client_tunnel_freep(struct http_client_tunnel **t)
{
    http_client_tunnel_free(*t);
}

#endif
