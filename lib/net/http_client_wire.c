/* One HTTP/1.1 exchange on a connection: the request written, the answer taken apart by http-parser. */
#include "http_client_internal.h"

#include "base/parse.h"

#include <poll.h>
#include <strings.h>

#define ROOM (64 * 1024)

/* --- the answer --- */

static struct http_wire *wire_of(http_parser *p)
{
    return p->data;
}

static int on_begin(http_parser *p)
{
    struct http_wire *w = wire_of(p);
    buf_clear(&w->headers);
    w->status = 0;
    w->in_value = false;
    return 0;
}

static int on_field(http_parser *p, const char *at, size_t n)
{
    struct http_wire *w = wire_of(p);
    if (w->in_value)
        buf_puts(&w->headers, "\r\n");
    w->in_value = false;
    buf_add(&w->headers, at, n);
    return !buf_ok(&w->headers);
}

static int on_value(http_parser *p, const char *at, size_t n)
{
    struct http_wire *w = wire_of(p);
    if (!w->in_value)
        buf_puts(&w->headers, ": ");
    w->in_value = true;
    buf_add(&w->headers, at, n);
    return !buf_ok(&w->headers);
}

static int on_headers(http_parser *p)
{
    struct http_wire *w = wire_of(p);
    if (w->in_value)
        buf_puts(&w->headers, "\r\n");
    w->status = (int)p->status_code;
    w->headers_done = w->status >= 200 || w->status == 101; /* others announce an answer to come */
    return w->head_request ? 1 : 0;                         /* 1: no body follows */
}

static int on_body(http_parser *p, const char *at, size_t n)
{
    struct http_wire *w = wire_of(p);
    w->refused = w->on_body && !w->on_body(w->user, at, n);
    return w->refused;
}

static int on_complete(http_parser *p)
{
    struct http_wire *w = wire_of(p);
    if (!w->headers_done)
        return 0;
    w->complete = true;
    w->keep_alive = http_should_keep_alive(p);
    http_parser_pause(p, 1);
    return 0;
}

static const http_parser_settings settings = {
    .on_message_begin = on_begin,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_headers,
    .on_body = on_body,
    .on_message_complete = on_complete,
};

void http_wire_init(struct http_wire *w, struct net_conn *conn, const char *method, int timeout_ms)
{
    *w = (struct http_wire){.conn = conn, .wake_fd = -1, .head_request = strcmp(method, "HEAD") == 0};
    w->deadline = clock_mono(&clock_system) + timeout_ms * NS_PER_MS;
    buf_init(&w->headers, LIMIT_HEADER_BYTES);
    buf_init(&w->early, ROOM);
    http_parser_init(&w->parser, HTTP_RESPONSE);
    w->parser.data = w;
}

void http_wire_release(struct http_wire *w)
{
    buf_release(&w->headers);
    buf_release(&w->early);
    free(w->room);
    w->room = NULL;
}

static int wait_socket(struct http_wire *w, short events, struct err *err)
{
    for (;;) {
        int64_t left = w->deadline == INT64_MAX ? 60000 : (w->deadline - clock_mono(&clock_system)) / NS_PER_MS + 1;
        if (left <= 0)
            return err_set(err, ERR_TIMEOUT, "no answer in time");
        struct pollfd fds[2] = {{net_conn_fd(w->conn), events, 0}, {w->wake_fd, POLLIN, 0}};
        int n = poll(fds, 2, (int)MIN_OF(left, 60000));
        if (n > 0 && fds[1].revents)
            return err_set(err, ERR_CANCELLED, "cancelled");
        if (n > 0)
            return 0;
    }
}

/* The connection has ended: for an answer without a length that is how it is complete. */
static int take_end(struct http_wire *w, struct err *err)
{
    if (w->headers_done) {
        http_parser_execute(&w->parser, &settings, NULL, 0);
        w->keep_alive = false;
        if (w->complete)
            return 0;
        return err_set(err, ERR_UNAVAILABLE, "the server closed the connection in the middle of its answer");
    }
    return err_set(err, ERR_UNAVAILABLE, "the server closed the connection without an answer");
}

static int take(struct http_wire *w, size_t n, struct err *err)
{
    size_t used = http_parser_execute(&w->parser, &settings, w->room, n);
    if (w->complete) {
        w->upgraded = w->parser.upgrade && w->status == 101;
        if (w->upgraded)
            buf_add(&w->early, w->room + used, n - used);
        else if (used < n)
            w->keep_alive = false; /* bytes that nobody asked for */
        return 0;
    }
    if (w->refused)
        return err_set(err, ERR_TOO_LARGE, "the answer is too large");
    if (!buf_ok(&w->headers))
        return err_set(err, ERR_TOO_LARGE, "the headers of the answer are too large");
    if (HTTP_PARSER_ERRNO(&w->parser) != HPE_OK)
        return err_set(err, ERR_UNAVAILABLE, "the answer is not HTTP: %s",
                       http_errno_description(HTTP_PARSER_ERRNO(&w->parser)));
    return 1;
}

int http_wire_step(struct http_wire *w, struct err *err)
{
    if (w->complete)
        return 0;
    for (;;) {
        if (!w->room)
            w->room = xmalloc(ROOM);
        ssize_t n = net_conn_recv(w->conn, w->room, ROOM, err);
        if (n == 0)
            return take_end(w, err);
        if (n > 0) {
            w->got_any = true;
            return take(w, (size_t)n, err);
        }
        if (n == -1)
            return -1;
        free(w->room); /* a program with many watches would hold one for each, for hours */
        w->room = NULL;
        if (wait_socket(w, POLLIN, err) < 0)
            return -1;
    }
}

/* --- the request --- */

static bool has_header(const struct http_client_request *r, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < r->n_headers; i++)
        if (strncasecmp(r->headers[i], name, n) == 0 && r->headers[i][n] == ':')
            return true;
    return false;
}

static bool path_is_sane(const char *path)
{
    if (path[0] != '/')
        return false;
    for (; *path; path++)
        if ((unsigned char)*path <= ' ' || *path == 127)
            return false;
    return true;
}

static int check(const struct http_client_request *r, const char *path, struct err *err)
{
    if (!path_is_sane(path))
        return err_set(err, ERR_BAD_REQUEST, "not a request path: %s", path);
    for (size_t i = 0; i < r->n_headers; i++)
        if (strpbrk(r->headers[i], "\r\n"))
            return err_set(err, ERR_BAD_REQUEST, "line break in a header");
    return 0;
}

static void write_head(struct buf *out, struct http_client *c, const struct http_client_request *r, const char *method,
                       const char *path)
{
    bool bodiless = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 || strcmp(method, "DELETE") == 0;
    buf_printf(out, "%s %s%s HTTP/1.1\r\n", method, c->base_path, path);
    if (!has_header(r, "Host"))
        buf_printf(out, "Host: %s\r\n", c->address.authority);
    if (!has_header(r, "User-Agent"))
        buf_printf(out, "User-Agent: %s\r\n", c->user_agent);
    if (!has_header(r, "Accept"))
        buf_puts(out, "Accept: */*\r\n");
    if (c->no_keepalive && !has_header(r, "Connection"))
        buf_puts(out, "Connection: close\r\n");
    if (!has_header(r, "Authorization")) {
        _cleanup_(freep) char *token = http_client_token(c);
        if (token)
            buf_printf(out, "Authorization: Bearer %s\r\n", token);
    }
    for (size_t i = 0; i < r->n_headers; i++) {
        buf_puts(out, r->headers[i]);
        buf_puts(out, "\r\n");
    }
    if (r->body.n || !bodiless)
        buf_printf(out, "Content-Length: %zu\r\n", r->body.n);
    buf_puts(out, "\r\n");
}

static int send_all(struct http_wire *w, struct str s, struct err *err)
{
    while (s.n) {
        ssize_t put = net_conn_send(w->conn, s.p, s.n, err);
        if (put == -1 || (put == NET_CONN_AGAIN && wait_socket(w, POLLOUT, err) < 0))
            return -1;
        if (put > 0) {
            w->sent_any = true;
            s = str_from(s, (size_t)put);
        }
    }
    return 0;
}

#define SEND_TOGETHER (16 * 1024) /* a small body goes with its head: one packet, one TLS record */

int http_wire_send(struct http_wire *w, struct http_client *c, const struct http_client_request *r, const char *method,
                   const char *path, struct err *err)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(LIMIT_HEADER_BYTES + LIMIT_URL + SEND_TOGETHER);
    if (check(r, path, err) < 0)
        return -1;
    write_head(&out, c, r, method, path);
    bool together = r->body.n <= SEND_TOGETHER;
    if (together)
        buf_str_add(&out, r->body);
    if (!buf_ok(&out))
        return err_set(err, ERR_TOO_LARGE, "the request's headers are too large");
    if (send_all(w, buf_str(&out), err) < 0)
        return -1;
    return together ? 0 : send_all(w, r->body, err);
}
