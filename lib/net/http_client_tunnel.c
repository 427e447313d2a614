/* Upgrades: the request is written and the answer read by hand on a connection of curl's; after a 101 it is bytes. */
#include "base/parse.h"
#include "http_client_internal.h"

#include <poll.h>
#include <strings.h>
#include <sys/socket.h>

#define REFUSAL_MAX (1024 * 1024) /* bytes of an answer that is not 101 */

struct http_client_tunnel {
    struct http_client *client;
    struct curl_conn *conn;
    bool is_tls;
    pthread_mutex_t lock; /* one of reader and writer at a time in curl */
    struct buf early;     /* came together with the 101 */
};

struct http_client_tunnel *http_client_tunnel_free(struct http_client_tunnel *t)
{
    if (!t)
        return NULL;
    curl_conn_free(t->conn);
    buf_release(&t->early);
    pthread_mutex_destroy(&t->lock);
    http_client_free(t->client);
    free(t);
    return NULL;
}

int http_client_tunnel_fd(const struct http_client_tunnel *t)
{
    return curl_conn_fd(t->conn);
}

/* --- bytes --- */

ssize_t http_client_tunnel_read(struct http_client_tunnel *t, void *p, size_t n, struct err *err)
{
    ssize_t got;
    pthread_mutex_lock(&t->lock);
    if (t->early.len) {
        got = (ssize_t)MIN_OF(n, t->early.len);
        memcpy(p, t->early.data, (size_t)got);
        buf_consume(&t->early, (size_t)got);
    } else {
        got = curl_conn_recv(t->conn, p, n, err);
    }
    pthread_mutex_unlock(&t->lock);
    return got == CURL_CONN_AGAIN ? HTTP_CLIENT_TUNNEL_AGAIN : got;
}

ssize_t http_client_tunnel_write(struct http_client_tunnel *t, const void *p, size_t n, struct err *err)
{
    pthread_mutex_lock(&t->lock);
    ssize_t put = curl_conn_send(t->conn, p, n, err);
    pthread_mutex_unlock(&t->lock);
    return put == CURL_CONN_AGAIN ? HTTP_CLIENT_TUNNEL_AGAIN : put;
}

static int wait_fd(struct http_client_tunnel *t, short events, int timeout_ms)
{
    struct pollfd p = {curl_conn_fd(t->conn), events, 0};
    return poll(&p, 1, timeout_ms) > 0;
}

int http_client_tunnel_wait_readable(struct http_client_tunnel *t, int timeout_ms)
{
    pthread_mutex_lock(&t->lock);
    bool early = t->early.len > 0;
    pthread_mutex_unlock(&t->lock);
    return early || wait_fd(t, POLLIN, timeout_ms);
}

int http_client_tunnel_write_all(struct http_client_tunnel *t, const void *p, size_t n, int timeout_ms, struct err *err)
{
    const char *at = p;
    while (n) {
        ssize_t put = http_client_tunnel_write(t, at, n, err);
        if (put == -1)
            return -1;
        if (put == HTTP_CLIENT_TUNNEL_AGAIN) {
            if (!wait_fd(t, POLLOUT, timeout_ms))
                return err_set(err, ERR_TIMEOUT, "the other side does not read");
            continue;
        }
        at += put;
        n -= (size_t)put;
    }
    return 0;
}

void http_client_tunnel_shutdown_write(struct http_client_tunnel *t)
{
    if (!t->is_tls)
        shutdown(curl_conn_fd(t->conn), SHUT_WR);
}

/* --- the request --- */

static int write_request(struct http_client_tunnel *t, const struct http_client_request *r, int timeout_ms,
                         struct err *err)
{
    struct http_client *c = t->client;
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(LIMIT_HEADER_BYTES + LIMIT_BODY);
    _cleanup_(freep) char *token = http_client_token(c);
    const char *host = strstr(c->original_url, "://") + 3;
    if (r->path[0] != '/' || strpbrk(r->path, " \r\n"))
        return err_set(err, ERR_BAD_REQUEST, "not a request path: %s", r->path);
    buf_printf(&out, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\n", r->method ? r->method : "GET", r->path, host,
               c->user_agent);
    if (token)
        buf_printf(&out, "Authorization: Bearer %s\r\n", token);
    for (size_t i = 0; i < r->n_headers; i++) {
        if (strpbrk(r->headers[i], "\r\n"))
            return err_set(err, ERR_BAD_REQUEST, "line break in a header");
        buf_printf(&out, "%s\r\n", r->headers[i]);
    }
    if (r->body.n || (r->method && strcmp(r->method, "POST") == 0))
        buf_printf(&out, "Content-Length: %zu\r\n", r->body.n);
    buf_puts(&out, "\r\n");
    buf_str_add(&out, r->body);
    if (!buf_ok(&out))
        return err_set(err, ERR_TOO_LARGE, "the request is too large");
    return http_client_tunnel_write_all(t, out.data, out.len, timeout_ms, err);
}

/* --- the answer --- */

struct reader {
    struct http_client_tunnel *t;
    struct buf in;
    int64_t until;
};

/* Appends what comes next to in. 1, 0 = end, -1. */
static int read_more(struct reader *r, struct err *err)
{
    char piece[16384];
    for (;;) {
        ssize_t n = http_client_tunnel_read(r->t, piece, sizeof piece, err);
        if (n == 0 || n == -1)
            return (int)n;
        if (n > 0) {
            buf_add(&r->in, piece, (size_t)n);
            return buf_ok(&r->in) ? 1 : err_set(err, ERR_TOO_LARGE, "the answer is too large");
        }
        int64_t left = r->until - clock_mono(&clock_system);
        if (left <= 0 || !wait_fd(r->t, POLLIN, (int)(left / NS_PER_MS) + 1))
            return err_set(err, ERR_TIMEOUT, "no answer in time");
    }
}

/* Status line and headers go to ret, what follows stays in r->in. */
static int read_head(struct reader *r, struct http_client_response *ret, struct err *err)
{
    const char *end;
    int64_t status;
    while (!r->in.len || !(end = memmem(r->in.data, r->in.len, "\r\n\r\n", 4))) {
        if (r->in.len > LIMIT_HEADER_BYTES)
            return err_set(err, ERR_TOO_LARGE, "the answer's headers are too large");
        int rc = read_more(r, err);
        if (rc <= 0)
            return rc < 0 ? -1 : err_set(err, ERR_UNAVAILABLE, "the server closed the connection");
    }
    size_t head = (size_t)(end - r->in.data) + 4;
    const char *line_end = memmem(r->in.data, head, "\r\n", 2);
    struct str line = str_n(r->in.data, (size_t)(line_end - r->in.data));
    if (!str_starts(line, STR("HTTP/1.")) || line.n < 12 || !parse_range(str_n(line.p + 9, 3), 100, 999, &status))
        return err_set(err, ERR_UNAVAILABLE, "the answer is not HTTP/1.1");
    ret->status = (int)status;
    buf_init(&ret->headers, LIMIT_HEADER_BYTES);
    buf_add(&ret->headers, line_end + 2, head - line.n - 4);
    buf_consume(&r->in, head);
    return 0;
}

static int need(struct reader *r, size_t n, struct err *err)
{
    while (r->in.len < n) {
        int rc = read_more(r, err);
        if (rc <= 0)
            return rc < 0 ? -1 : err_set(err, ERR_UNAVAILABLE, "the server closed the connection");
    }
    return 0;
}

/* The size line of the next chunk, taken off the input. */
static int chunk_size(struct reader *r, size_t *ret, struct err *err)
{
    char *end;
    while (!r->in.len || !memmem(r->in.data, r->in.len, "\r\n", 2))
        if (need(r, r->in.len + 1, err) < 0)
            return -1;
    const char *line = memmem(r->in.data, r->in.len, "\r\n", 2);
    unsigned long long size = strtoull(r->in.data, &end, 16);
    if (end == r->in.data || size > REFUSAL_MAX)
        return err_set(err, ERR_UNAVAILABLE, "bad chunk in the answer");
    buf_consume(&r->in, (size_t)(line - r->in.data) + 2);
    *ret = (size_t)size;
    return 0;
}

static int read_chunks(struct reader *r, struct buf *body, struct err *err)
{
    for (;;) {
        size_t size = 0;
        if (chunk_size(r, &size, err) < 0)
            return -1;
        if (size == 0)
            return 0;
        if (need(r, size + 2, err) < 0)
            return -1;
        buf_add(body, r->in.data, size);
        if (!buf_ok(body))
            return err_set(err, ERR_TOO_LARGE, "the answer is too large");
        buf_consume(&r->in, size + 2);
    }
}

static int read_refusal(struct reader *r, struct http_client_response *ret, struct err *err)
{
    int64_t length;
    int rc = 1;
    buf_init(&ret->body, REFUSAL_MAX);
    if (str_ieq(http_client_header(&ret->headers, "Transfer-Encoding"), STR("chunked")))
        return read_chunks(r, &ret->body, err);
    if (parse_range(http_client_header(&ret->headers, "Content-Length"), 0, REFUSAL_MAX, &length)) {
        if (need(r, (size_t)length, err) < 0)
            return -1;
        buf_add(&ret->body, r->in.data, (size_t)length);
        return 0;
    }
    while (rc > 0)
        rc = read_more(r, err);
    buf_str_add(&ret->body, buf_str(&r->in));
    return rc;
}

static int exchange(struct http_client_tunnel *t, const struct http_client_request *r, struct http_client_response *ret,
                    struct err *err)
{
    int timeout_ms = r->timeout_ms ? r->timeout_ms : 30000;
    struct reader in = {t, BUF_INIT(REFUSAL_MAX + LIMIT_HEADER_BYTES),
                        clock_mono(&clock_system) + timeout_ms * NS_PER_MS};
    int rc = write_request(t, r, timeout_ms, err);
    if (rc == 0)
        rc = read_head(&in, ret, err);
    if (rc == 0 && ret->status != 101)
        rc = read_refusal(&in, ret, err);
    if (rc == 0 && ret->status == 101)
        t->early = in.in;
    else
        buf_release(&in.in);
    return rc;
}

int http_client_upgrade(struct http_client *c, const struct http_client_request *r,
                        struct http_client_tunnel **ret_tunnel, struct http_client_response *ret, struct err *err)
{
    struct curl_conn_options o = {
        .url = c->original_url,
        .unix_socket = c->unix_socket,
        .tls = c->is_tls ? &c->tls : NULL,
        .timeout_ms = c->connect_timeout_ms,
        .wake_fd = -1,
    };
    struct curl_conn *conn = NULL;
    *ret = (struct http_client_response){0};
    *ret_tunnel = NULL;
    if (curl_conn_open(&o, &conn, err) < 0)
        return -1;
    _cleanup_(http_client_tunnel_freep) struct http_client_tunnel *t = xcalloc(1, sizeof *t);
    t->client = http_client_ref(c);
    t->conn = conn;
    t->is_tls = c->is_tls;
    pthread_mutex_init(&t->lock, NULL);
    if (exchange(t, r, ret, err) < 0)
        return -1;
    if (ret->status == 101)
        *ret_tunnel = TAKE(t);
    return 0;
}
