/* Streaming reads: the thread that reads drives the connection; whoever cancels writes to an eventfd. */
#include "http_client_internal.h"

#include <errno.h>
#include <sys/eventfd.h>

struct http_client_stream {
    struct http_client *client;
    struct http_wire w;
    struct buf in; /* come, not yet read: what one step brings */
    int wake_fd;
    atomic_bool cancelled;
};

static bool take_piece(void *user, const char *p, size_t n)
{
    struct http_client_stream *s = user;
    buf_add(&s->in, p, n);
    return buf_ok(&s->in);
}

int http_client_stream_open(struct http_client *c, const struct http_client_request *r, struct http_client_stream **ret,
                            struct err *err)
{
    const char *method = r->method ? r->method : "GET";
    _cleanup_(http_client_stream_freep) struct http_client_stream *s = xcalloc(1, sizeof *s);
    bool reused;
    s->client = http_client_ref(c);
    buf_init(&s->in, MIB);
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->wake_fd < 0)
        return err_errno(err, errno, "eventfd");
    struct net_conn *conn = http_client_connect(c, true, &reused, err);
    if (!conn)
        return err_wrap(err, "%s", r->path);
    http_wire_init(&s->w, conn, method, r->timeout_ms ? r->timeout_ms : 30000);
    s->w.wake_fd = s->wake_fd;
    s->w.on_body = take_piece;
    s->w.user = s;
    if (http_wire_send(&s->w, c, r, method, r->path, err) < 0)
        return err_wrap(err, "%s", r->path);
    while (!s->w.headers_done)
        if (http_wire_step(&s->w, err) < 0)
            return err_wrap(err, "%s", r->path);
    *ret = TAKE(s);
    return 0;
}

int http_client_stream_status(const struct http_client_stream *s)
{
    return s->w.status;
}

struct str http_client_stream_header(const struct http_client_stream *s, const char *name)
{
    return http_client_header(&s->w.headers, name);
}

int http_client_stream_read(struct http_client_stream *s, int timeout_ms, struct buf *out, struct err *err)
{
    s->w.deadline = timeout_ms < 0 ? INT64_MAX : clock_mono(&clock_system) + timeout_ms * NS_PER_MS;
    for (;;) {
        if (atomic_load(&s->cancelled))
            return err_set(err, ERR_CANCELLED, "cancelled");
        if (s->in.len) {
            buf_str_add(out, buf_str(&s->in));
            buf_release(&s->in); /* the next piece may be an hour away */
            return buf_ok(out) ? 1 : err_set(err, ERR_TOO_LARGE, "no room for what the server sends");
        }
        int rc = http_wire_step(&s->w, err);
        if (rc < 0 || (rc == 0 && !s->in.len))
            return rc;
    }
}

void http_client_stream_cancel(struct http_client_stream *s)
{
    atomic_store(&s->cancelled, true);
    (void)eventfd_write(s->wake_fd, 1);
}

struct http_client_stream *http_client_stream_free(struct http_client_stream *s)
{
    if (!s)
        return NULL;
    if (s->w.conn && s->w.complete && s->w.keep_alive)
        http_client_keep(s->client, s->w.conn);
    else
        net_conn_free(s->w.conn);
    http_wire_release(&s->w);
    buf_release(&s->in);
    if (s->wake_fd >= 0)
        close(s->wake_fd);
    http_client_free(s->client);
    free(s);
    return NULL;
}
