#include "http_proxy.h"

#include "base/vec.h"
#include "client_pipe.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

/* --- joining two upgraded connections --- */

struct splice {
    struct http_client_tunnel *far; /* until the pipe takes it */
    struct client_pipe *pipe;
    struct http_tunnel *near;
    size_t unconsumed; /* of the client, while the pipe is full */
};

static void far_data(void *ctx, struct str data)
{
    struct splice *s = ctx;
    if (!http_tunnel_write(s->near, data))
        client_pipe_pause(s->pipe, true);
}

static void far_writable(void *ctx)
{
    struct splice *s = ctx;
    size_t n = s->unconsumed;
    s->unconsumed = 0;
    http_tunnel_consume(s->near, n);
}

static void far_eof(void *ctx)
{
    struct splice *s = ctx;
    http_tunnel_close(s->near); /* behind what is buffered */
}

static void near_open(void *ctx, struct http_tunnel *t)
{
    static const struct client_pipe_ops ops = {far_data, far_writable, far_eof};
    struct splice *s = ctx;
    struct err err = ERR_INIT;
    s->near = t;
    s->pipe = client_pipe_new(http_tunnel_loop(t), TAKE(s->far), &ops, s, &err);
    if (!s->pipe)
        http_tunnel_close(t);
}

static void near_data(void *ctx, struct http_tunnel *t, struct str data)
{
    struct splice *s = ctx;
    if (!s->pipe)
        return;
    if (client_pipe_write(s->pipe, data))
        http_tunnel_consume(t, data.n);
    else
        s->unconsumed += data.n;
}

static void near_eof(void *ctx, struct http_tunnel *t)
{
    struct splice *s = ctx;
    if (s->pipe)
        client_pipe_shutdown(s->pipe);
}

static void near_writable(void *ctx, struct http_tunnel *t)
{
    struct splice *s = ctx;
    if (s->pipe)
        client_pipe_pause(s->pipe, false);
}

static void near_close(void *ctx)
{
    struct splice *s = ctx;
    client_pipe_free(s->pipe);
    http_client_tunnel_free(s->far);
    free(s);
}

static const struct http_tunnel_ops splice_ops = {near_open, near_data, near_eof, near_writable, near_close};

/* --- the request that is passed on --- */

#define LINES_MAX 32

struct lines {
    struct buf text;
    const char *v[LINES_MAX];
    size_t n, at[LINES_MAX];
};

static void add_line(struct lines *l, const char *name, struct str value)
{
    if (l->n == LINES_MAX)
        return;
    l->at[l->n++] = l->text.len;
    buf_printf(&l->text, "%s: " STR_FMT, name, STR_ARG(value));
    buf_add(&l->text, "", 1);
}

static void request_lines(const struct http_request *r, struct lines *l)
{
    static const char *const passed[] = {
        "x-stream-protocol-version", "sec-websocket-key",        "sec-websocket-version",
        "sec-websocket-protocol",    "sec-websocket-extensions", "user-agent",
    };
    add_line(l, "Connection", STR("Upgrade"));
    add_line(l, "Upgrade", http_upgrade_wanted(r));
    for (size_t i = 0; i < ARRAY_LEN(passed); i++) {
        struct str value;
        for (size_t at = 0; http_header_next(r, passed[i], &at, &value);)
            add_line(l, passed[i], value);
    }
    for (size_t i = 0; i < l->n; i++)
        l->v[i] = l->text.data + l->at[i];
}

static size_t answer_fields(const struct http_client_response *answer, struct http_header *to)
{
    static const char *const passed[] = {"X-Stream-Protocol-Version", "Sec-WebSocket-Accept", "Sec-WebSocket-Protocol",
                                         "Sec-WebSocket-Extensions"};
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(passed); i++) {
        struct str value = http_client_header(&answer->headers, passed[i]);
        if (value.n)
            to[n++] = (struct http_header){str_of(passed[i]), value};
    }
    return n;
}

static void pass_on(struct http_request *r, struct http_client_tunnel *far, const struct http_client_response *answer)
{
    struct http_header fields[8];
    char protocol[64];
    if (!far) {
        struct str type = http_client_header(&answer->headers, "Content-Type");
        fields[0] = (struct http_header){STR("content-type"), type};
        http_respond(r, answer->status, fields, type.n ? 1 : 0, buf_str(&answer->body));
        return;
    }
    struct splice *s = xcalloc(1, sizeof(*s));
    s->far = far;
    struct str upgrade = http_client_header(&answer->headers, "Upgrade");
    if (!str_copy(protocol, sizeof(protocol), upgrade.n ? upgrade : http_upgrade_wanted(r)))
        protocol[0] = '\0';
    http_upgrade(r, protocol, fields, answer_fields(answer, fields), &splice_ops, s);
}

int http_proxy_upgrade(struct http_request *r, struct http_client *c, const char *path, struct err *err)
{
    struct lines lines = {.text = BUF_INIT(LIMIT_HEADER_BYTES)};
    char method[16];
    struct http_client_tunnel *far = NULL;
    struct http_client_response answer = {0};
    if (!str_copy(method, sizeof(method), r->method))
        return err_set(err, ERR_METHOD_NOT_ALLOWED, "method too long");
    request_lines(r, &lines);
    const struct http_client_request request = {
        .method = method, .path = path, .headers = lines.v, .n_headers = lines.n, .max_response = MIB};
    int rc = http_client_upgrade(c, &request, &far, &answer, err);
    if (rc == 0)
        pass_on(r, far, &answer);
    http_client_response_release(&answer);
    buf_release(&lines.text);
    return rc;
}

/* --- streamed answers --- */

#define AHEAD_MAX (256 * KIB) /* read from the other side before the client has taken it */
#define PUMP_STACK (256 * KIB)
#define ERROR_TEXT 1024

struct http_proxy {
    pthread_mutex_t lock;
    pthread_cond_t idle;
    size_t running, max;
};

struct pump {
    struct http_proxy *proxy;
    struct http_request *r;
    struct http_client_stream *from;
    atomic_int refs; /* the thread's and the response's */
    pthread_mutex_t lock;
    pthread_cond_t room;
    struct buf ready;
    bool ended, failed, closed;
};

struct http_proxy *http_proxy_new(size_t max_streams)
{
    struct http_proxy *p = xcalloc(1, sizeof(*p));
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->idle, NULL);
    p->max = max_streams ? max_streams : LIMIT_PROXY_STREAMS;
    return p;
}

struct http_proxy *http_proxy_free(struct http_proxy *p)
{
    if (!p)
        return NULL;
    pthread_mutex_lock(&p->lock);
    while (p->running)
        pthread_cond_wait(&p->idle, &p->lock);
    pthread_mutex_unlock(&p->lock);
    pthread_cond_destroy(&p->idle);
    pthread_mutex_destroy(&p->lock);
    free(p);
    return NULL;
}

static bool slot_take(struct http_proxy *p)
{
    pthread_mutex_lock(&p->lock);
    bool ok = p->running < p->max;
    p->running += ok;
    pthread_mutex_unlock(&p->lock);
    return ok;
}

static void slot_give(struct http_proxy *p)
{
    pthread_mutex_lock(&p->lock);
    if (--p->running == 0)
        pthread_cond_broadcast(&p->idle);
    pthread_mutex_unlock(&p->lock);
}

static void pump_unref(struct pump *p)
{
    if (atomic_fetch_sub(&p->refs, 1) != 1)
        return;
    struct http_proxy *proxy = p->proxy;
    http_client_stream_free(p->from);
    http_request_unref(p->r);
    buf_release(&p->ready);
    pthread_cond_destroy(&p->room);
    pthread_mutex_destroy(&p->lock);
    free(p);
    slot_give(proxy);
}

/* Hands a piece over; false when nobody wants more. */
static bool pump_put(struct pump *p, struct buf *piece, int rc)
{
    pthread_mutex_lock(&p->lock);
    while (p->ready.len > AHEAD_MAX && !p->closed)
        pthread_cond_wait(&p->room, &p->lock);
    buf_str_add(&p->ready, buf_str(piece));
    p->ended = rc <= 0;
    p->failed = rc < 0;
    bool go_on = !p->closed && !p->ended;
    pthread_mutex_unlock(&p->lock);
    buf_clear(piece);
    http_response_wake(p->r);
    return go_on;
}

static void *pump_main(void *arg)
{
    struct pump *p = arg;
    struct buf piece = BUF_INIT(2 * AHEAD_MAX);
    struct err err = ERR_INIT;
    int rc;
    do
        rc = http_client_stream_read(p->from, -1, &piece, &err);
    while (pump_put(p, &piece, rc));
    buf_release(&piece);
    pump_unref(p);
    return NULL;
}

static enum http_pull pump_pull(void *ctx, struct slice_queue *out, size_t want)
{
    struct pump *p = ctx;
    enum http_pull result = HTTP_PULL_MORE;
    pthread_mutex_lock(&p->lock);
    if (p->ready.len) {
        struct shared_buf *b = shared_buf_from(&p->ready);
        slice_queue_push(out, b, shared_buf_str(b));
        pthread_cond_signal(&p->room);
    } else {
        result = p->failed ? HTTP_PULL_ABORT : p->ended ? HTTP_PULL_END : HTTP_PULL_WAIT;
    }
    pthread_mutex_unlock(&p->lock);
    return result;
}

static void pump_close(void *ctx, bool complete)
{
    struct pump *p = ctx;
    pthread_mutex_lock(&p->lock);
    p->closed = true;
    pthread_cond_signal(&p->room);
    pthread_mutex_unlock(&p->lock);
    http_client_stream_cancel(p->from);
    pump_unref(p);
}

static int refusal(struct http_client_stream *from, struct err *err)
{
    struct buf text = BUF_INIT(MIB);
    struct err ignored = ERR_INIT;
    while (text.len < ERROR_TEXT && http_client_stream_read(from, 5000, &text, &ignored) > 0)
        ;
    struct str message = str_trim(buf_str(&text));
    err_set(err, err_from_http(http_client_stream_status(from)), STR_FMT, (int)MIN_OF(message.n, (size_t)ERROR_TEXT),
            message.p);
    buf_release(&text);
    return -1;
}

static int start_pump(struct pump *p, struct err *err)
{
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, PUMP_STACK);
    int rc = pthread_create(&thread, &attr, pump_main, p);
    pthread_attr_destroy(&attr);
    return rc ? err_errno(err, rc, "cannot start a thread") : 0;
}

static void answer_stream(struct pump *p, const struct http_header *headers, size_t n)
{
    /* patient: a person may have stopped the output in a pager */
    static const struct http_stream_ops ops = {.patient = true, .pull = pump_pull, .close = pump_close};
    struct http_header all[32];
    struct str type = http_client_stream_header(p->from, "Content-Type");
    size_t k = 0;
    if (type.n)
        all[k++] = (struct http_header){STR("content-type"), type};
    for (size_t i = 0; i < n && k < ARRAY_LEN(all); i++)
        all[k++] = headers[i];
    http_respond_stream(p->r, 200, all, k, &ops, p);
}

int http_proxy_stream(struct http_proxy *proxy, struct http_request *r, struct http_client *c, const char *path,
                      const struct http_header *headers, size_t n, struct err *err)
{
    if (!slot_take(proxy))
        return err_set(err, ERR_TOO_MANY_REQUESTS, "too many streams are open, try again later");
    struct http_client_stream *from = NULL;
    int rc = http_client_stream_open(c, &(struct http_client_request){.path = path}, &from, err);
    if (rc == 0 && http_client_stream_status(from) >= 400)
        rc = refusal(from, err);
    if (rc < 0) {
        http_client_stream_free(from);
        slot_give(proxy);
        return -1;
    }
    struct pump *p = xcalloc(1, sizeof(*p));
    *p = (struct pump){.proxy = proxy, .r = http_request_ref(r), .from = from, .ready = BUF_INIT(4 * AHEAD_MAX)};
    atomic_init(&p->refs, 2);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->room, NULL);
    if (start_pump(p, err) < 0) {
        atomic_store(&p->refs, 1);
        pump_unref(p);
        return -1;
    }
    answer_stream(p, headers, n);
    return 0;
}
