/* Upgrades: one exchange on a connection of its own; after a 101 it is bytes. */
#include "http_client_internal.h"

#include <poll.h>
#include <sys/socket.h>

#define REFUSAL_MAX (1024 * 1024) /* bytes of an answer that is not 101 */

struct http_client_tunnel {
    struct http_client *client;
    struct net_conn *conn;
    pthread_mutex_t lock; /* one of reader and writer at a time in TLS */
    struct buf early;     /* came together with the 101 */
};

struct http_client_tunnel *http_client_tunnel_free(struct http_client_tunnel *t)
{
    if (!t)
        return NULL;
    net_conn_free(t->conn);
    buf_release(&t->early);
    pthread_mutex_destroy(&t->lock);
    http_client_free(t->client);
    free(t);
    return NULL;
}

int http_client_tunnel_fd(const struct http_client_tunnel *t)
{
    return net_conn_fd(t->conn);
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
        got = net_conn_recv(t->conn, p, n, err);
    }
    pthread_mutex_unlock(&t->lock);
    return got == NET_CONN_AGAIN ? HTTP_CLIENT_TUNNEL_AGAIN : got;
}

ssize_t http_client_tunnel_write(struct http_client_tunnel *t, const void *p, size_t n, struct err *err)
{
    pthread_mutex_lock(&t->lock);
    ssize_t put = net_conn_send(t->conn, p, n, err);
    pthread_mutex_unlock(&t->lock);
    return put == NET_CONN_AGAIN ? HTTP_CLIENT_TUNNEL_AGAIN : put;
}

static int wait_fd(struct http_client_tunnel *t, short events, int timeout_ms)
{
    struct pollfd p = {net_conn_fd(t->conn), events, 0};
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
    if (!net_conn_tls(t->conn))
        shutdown(net_conn_fd(t->conn), SHUT_WR);
}

/* --- the exchange before --- */

static bool take_refusal(void *user, const char *p, size_t n)
{
    struct buf *body = user;
    buf_add(body, p, n);
    return buf_ok(body);
}

static int exchange(struct http_client_tunnel *t, const struct http_client_request *r, struct http_client_response *ret,
                    struct err *err)
{
    const char *method = r->method ? r->method : "GET";
    struct http_wire w;
    http_wire_init(&w, t->conn, method, r->timeout_ms ? r->timeout_ms : 30000);
    w.on_body = take_refusal;
    w.user = &ret->body;
    int rc = http_wire_send(&w, t->client, r, method, r->path, err);
    if (rc == 0)
        while ((rc = http_wire_step(&w, err)) > 0)
            ;
    ret->status = w.status;
    ret->headers = w.headers;
    buf_init(&w.headers, 0);
    t->early = w.early;
    buf_init(&w.early, 0);
    http_wire_release(&w);
    return rc;
}

int http_client_upgrade(struct http_client *c, const struct http_client_request *r,
                        struct http_client_tunnel **ret_tunnel, struct http_client_response *ret, struct err *err)
{
    bool reused;
    *ret = (struct http_client_response){.body = BUF_INIT(REFUSAL_MAX)};
    *ret_tunnel = NULL;
    struct net_conn *conn = http_client_connect(c, true, &reused, err);
    if (!conn)
        return err_wrap(err, "%s", r->path);
    _cleanup_(http_client_tunnel_freep) struct http_client_tunnel *t = xcalloc(1, sizeof *t);
    t->client = http_client_ref(c);
    t->conn = conn;
    pthread_mutex_init(&t->lock, NULL);
    if (exchange(t, r, ret, err) < 0)
        return err_wrap(err, "%s", r->path);
    if (ret->status == 101)
        *ret_tunnel = TAKE(t);
    return 0;
}
