/* The calls as their users see them: unary (blocking or not) and streams. */
#include "grpc.h"

#include "base/limits.h"
#include "grpc_internal.h"

#include <linux/futex.h>
#include <protobuf-c/protobuf-c.h>
#include <sys/syscall.h>

/* --- a call's life --- */

struct grpc_call *grpc_call_ref(struct grpc_call *c)
{
    atomic_fetch_add(&c->refs, 1);
    return c;
}

void grpc_call_unref(struct grpc_call *c)
{
    if (atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    while (!list_empty(&c->queue)) {
        struct grpc_message *m = list_first(&c->queue, struct grpc_message, link);
        list_remove(&m->link);
        free(m);
    }
    pthread_mutex_lock(&c->ch->lock);
    c->ch->n_calls--;
    pthread_mutex_unlock(&c->ch->lock);
    grpc_channel_unref(c->ch);
    buf_release(&c->out);
    grpc_parser_release(&c->in);
    if (c->is_stream) {
        pthread_mutex_destroy(&c->lock);
        pthread_cond_destroy(&c->cond);
    }
    free(c->path);
    free(c);
}

static bool take_place(struct grpc_channel *ch)
{
    pthread_mutex_lock(&ch->lock);
    bool ok = ch->n_calls < GRPC_MAX_CALLS;
    ch->n_calls += ok;
    pthread_mutex_unlock(&ch->lock);
    return ok;
}

static void cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

static struct grpc_call *call_new(struct grpc_channel *ch, const char *path, bool is_stream, struct err *err)
{
    if (!take_place(ch)) {
        err_set(err, ERR_TOO_MANY_REQUESTS, "more than %d calls at once", GRPC_MAX_CALLS);
        return NULL;
    }
    struct grpc_call *c = xcalloc(1, sizeof *c);
    atomic_init(&c->refs, 1);
    atomic_fetch_add(&ch->refs, 1);
    c->ch = ch;
    c->path = xstrdup(path);
    c->is_stream = is_stream;
    c->grpc_status = -1;
    list_init(&c->link);
    list_init(&c->queue);
    buf_init(&c->out, is_stream ? ch->max_message * 2 : ch->max_message + GRPC_PREFIX);
    grpc_parser_init(&c->in, ch->max_message);
    if (is_stream) {
        pthread_mutex_init(&c->lock, NULL);
        cond_init(&c->cond);
    }
    return c;
}

void grpc_call_deliver(struct grpc_call *c)
{
    struct str s = buf_str(&c->in.message);
    if (c->on_message) {
        c->on_message(c->user, s);
        return;
    }
    struct grpc_message *m = xmalloc(sizeof *m + s.n);
    m->n = s.n;
    if (s.n)
        memcpy(m->bytes, s.p, s.n);
    if (c->in.message.cap > (size_t)1 << 20)
        buf_release(&c->in.message); /* one large message should not keep its room */
    pthread_mutex_lock(&c->lock);
    list_push(&c->queue, &m->link);
    c->queued += m->n + GRPC_PREFIX;
    pthread_mutex_unlock(&c->lock);
    pthread_cond_signal(&c->cond);
}

void grpc_call_finish(struct grpc_call *c, const struct err *err)
{
    if (c->ended)
        return;
    c->ended = true;
    list_remove(&c->link);
    if (c->is_stream) {
        pthread_mutex_lock(&c->lock);
        c->over = true;
        c->over_err = *err;
        pthread_cond_signal(&c->cond);
        pthread_mutex_unlock(&c->lock);
    } else {
        c->done(c, err);
    }
    /* nghttp2 still knows a call whose stream is being reset: it must forget it. */
    if (c->stream_id > 0 && c->ch->session)
        nghttp2_session_set_stream_user_data(c->ch->session, c->stream_id, NULL);
    grpc_call_unref(c);
}

/* Frames one message at the end of b. */
static int frame(struct buf *b, struct str bytes, const ProtobufCMessage *m, struct err *err)
{
    unsigned char prefix[GRPC_PREFIX];
    size_t n = m ? protobuf_c_message_get_packed_size(m) : bytes.n;
    if (!buf_reserve(b, n + GRPC_PREFIX))
        return err_set(err, ERR_TOO_LARGE, "message of %zu bytes is larger than the limit of %zu", n, b->max);
    grpc_prefix_write(prefix, n);
    buf_add(b, prefix, sizeof prefix);
    if (m) {
        protobuf_c_message_pack(m, (uint8_t *)b->data + b->len);
        b->len += n;
        b->data[b->len] = '\0';
    } else {
        buf_str_add(b, bytes);
    }
    return 0;
}

/* --- unary --- */

static struct grpc_call *unary_new(struct grpc_channel *ch, const char *path, struct str bytes,
                                   const ProtobufCMessage *m, int deadline_ms, struct err *err)
{
    struct grpc_call *c = call_new(ch, path, false, err);
    if (!c)
        return NULL;
    if (frame(&c->out, bytes, m, err) < 0) {
        grpc_call_unref(c);
        return NULL;
    }
    c->out_end = true;
    if (deadline_ms > 0)
        c->deadline = grpc_now() + deadline_ms * NS_PER_MS;
    return c;
}

static void tell_user(struct grpc_call *c, const struct err *err)
{
    c->user_done(c->user, buf_str(&c->in.message), err);
}

int grpc_call_async(struct grpc_channel *ch, const char *path, struct str request, int deadline_ms, grpc_done_fn done,
                    void *user, struct err *err)
{
    struct grpc_call *c = unary_new(ch, path, request, NULL, deadline_ms, err);
    if (!c)
        return -1;
    c->done = tell_user;
    c->user_done = done;
    c->user = user;
    if (!grpc_channel_post(ch, GRPC_START, c, NULL))
        return err_set(err, ERR_CANCELLED, "the channel is closed");
    return 0;
}

/* I/O thread. in.message stays in the call, for the caller to take. */
static void wake_caller(struct grpc_call *c, const struct err *err)
{
    if (err->code != ERR_OK)
        *c->answer_err = *err;
    atomic_store_explicit(&c->answered, 1, memory_order_release);
    syscall(SYS_futex, &c->answered, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void sleep_until_answered(struct grpc_call *c)
{
    while (!atomic_load_explicit(&c->answered, memory_order_acquire))
        syscall(SYS_futex, &c->answered, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static int call_and_wait(struct grpc_channel *ch, const char *path, struct str bytes, const ProtobufCMessage *m,
                         int deadline_ms, struct buf *ret, struct err *err)
{
    struct err result = ERR_INIT;
    struct grpc_call *c = unary_new(ch, path, bytes, m, deadline_ms, err);
    if (!c)
        return -1;
    c->done = wake_caller;
    c->answer_err = &result;
    if (!grpc_channel_post(ch, GRPC_START, grpc_call_ref(c), NULL)) {
        grpc_call_unref(c);
        return err_set(err, ERR_CANCELLED, "the channel is closed");
    }
    sleep_until_answered(c);
    *ret = c->in.message;
    buf_init(&c->in.message, 0);
    grpc_call_unref(c);
    if (result.code == ERR_OK)
        return 0;
    *err = result;
    return -1;
}

int grpc_call_bytes(struct grpc_channel *ch, const char *path, struct str request, int deadline_ms, struct buf *ret,
                    struct err *err)
{
    _cleanup_(buf_releasep) struct buf response = BUF_INIT(0);
    if (call_and_wait(ch, path, request, NULL, deadline_ms, &response, err) < 0)
        return -1;
    buf_str_add(ret, buf_str(&response));
    return buf_ok(ret) ? 0
                       : err_set(err, ERR_TOO_LARGE, "response of %zu bytes is larger than its bound", response.len);
}

static int unpack(const ProtobufCMessageDescriptor *type, struct str bytes, ProtobufCMessage **ret, struct err *err)
{
    *ret = protobuf_c_message_unpack(type, NULL, bytes.n, (const uint8_t *)bytes.p);
    return *ret ? 0 : err_set(err, ERR_INTERNAL, "the server's message is not a %s", type->name);
}

int grpc_call(struct grpc_channel *ch, const char *path, const ProtobufCMessage *request,
              const ProtobufCMessageDescriptor *type, int deadline_ms, ProtobufCMessage **ret, struct err *err)
{
    _cleanup_(buf_releasep) struct buf response = BUF_INIT(0);
    if (call_and_wait(ch, path, STR(""), request, deadline_ms, &response, err) < 0)
        return -1;
    return unpack(type, buf_str(&response), ret, err);
}

/* --- streams --- */

/* The public name of a stream is its call: the stream's owner holds one of the references. */
static struct grpc_call *call_of(struct grpc_stream *st)
{
    return (struct grpc_call *)(void *)st;
}

static int open_stream(struct grpc_channel *ch, const char *path, grpc_message_fn on_message, void *user,
                       struct grpc_stream **ret, struct err *err)
{
    struct grpc_call *c = call_new(ch, path, true, err);
    if (!c)
        return -1;
    c->on_message = on_message;
    c->user = user;
    if (!grpc_channel_post(ch, GRPC_START, grpc_call_ref(c), NULL)) {
        grpc_call_unref(c);
        return err_set(err, ERR_CANCELLED, "the channel is closed");
    }
    *ret = (struct grpc_stream *)(void *)c;
    return 0;
}

int grpc_stream_open(struct grpc_channel *ch, const char *path, struct grpc_stream **ret, struct err *err)
{
    return open_stream(ch, path, NULL, NULL, ret, err);
}

int grpc_stream_open_push(struct grpc_channel *ch, const char *path, grpc_message_fn on_message, void *user,
                          struct grpc_stream **ret, struct err *err)
{
    return open_stream(ch, path, on_message, user, ret, err);
}

static int stream_send(struct grpc_call *c, struct str bytes, const ProtobufCMessage *m, struct err *err)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(c->ch->max_message + GRPC_PREFIX);
    pthread_mutex_lock(&c->lock);
    bool over = c->over;
    if (over)
        *err = c->over_err;
    pthread_mutex_unlock(&c->lock);
    if (over)
        return err->code != ERR_OK ? -1 : err_set(err, ERR_CANCELLED, "the server has ended the stream");
    if (frame(&b, bytes, m, err) < 0)
        return -1;
    if (!grpc_channel_post(c->ch, GRPC_SEND, grpc_call_ref(c), &b))
        return err_set(err, ERR_CANCELLED, "the channel is closed");
    return 0;
}

int grpc_stream_send(struct grpc_stream *st, const ProtobufCMessage *message, struct err *err)
{
    return stream_send(call_of(st), STR(""), message, err);
}

int grpc_stream_send_bytes(struct grpc_stream *st, struct str message, struct err *err)
{
    return stream_send(call_of(st), message, NULL, err);
}

void grpc_stream_close_send(struct grpc_stream *st)
{
    (void)grpc_channel_post(call_of(st)->ch, GRPC_CLOSE_SEND, grpc_call_ref(call_of(st)), NULL);
}

static bool wait_until(struct grpc_call *c, int64_t until)
{
    if (until == INT64_MAX)
        return pthread_cond_wait(&c->cond, &c->lock) == 0;
    struct timespec ts = {until / NS_PER_S, until % NS_PER_S};
    return pthread_cond_timedwait(&c->cond, &c->lock, &ts) == 0;
}

/* 1 = *ret is the caller's to free, 0 = end, -1. */
static int take_message(struct grpc_call *c, int timeout_ms, struct grpc_message **ret, struct err *err)
{
    int64_t until = timeout_ms < 0 ? INT64_MAX : grpc_now() + timeout_ms * NS_PER_MS;
    int rc = 1;
    bool consume = false;
    pthread_mutex_lock(&c->lock);
    while (list_empty(&c->queue) && !c->over && !c->cancelled)
        if (!wait_until(c, until))
            break;
    if (c->cancelled) {
        rc = err_set(err, ERR_CANCELLED, "cancelled");
    } else if (!list_empty(&c->queue)) {
        *ret = list_first(&c->queue, struct grpc_message, link);
        list_remove(&(*ret)->link);
        c->queued -= (*ret)->n + GRPC_PREFIX;
        consume = c->holding && c->queued < GRPC_QUEUE_LOW;
        c->holding = c->holding && !consume;
    } else if (c->over) {
        rc = c->over_err.code == ERR_OK ? 0 : -1;
        if (rc < 0)
            *err = c->over_err;
    } else {
        rc = err_set(err, ERR_TIMEOUT, "no message within %d ms", timeout_ms);
    }
    pthread_mutex_unlock(&c->lock);
    if (consume)
        (void)grpc_channel_post(c->ch, GRPC_CONSUME, grpc_call_ref(c), NULL);
    return rc;
}

int grpc_stream_recv(struct grpc_stream *st, const ProtobufCMessageDescriptor *type, int timeout_ms,
                     ProtobufCMessage **ret, struct err *err)
{
    _cleanup_(freep) struct grpc_message *m = NULL;
    int rc = take_message(call_of(st), timeout_ms, &m, err);
    if (rc != 1)
        return rc;
    return unpack(type, str_n(m->bytes, m->n), ret, err) < 0 ? -1 : 1;
}

int grpc_stream_recv_bytes(struct grpc_stream *st, int timeout_ms, struct buf *ret, struct err *err)
{
    _cleanup_(freep) struct grpc_message *m = NULL;
    int rc = take_message(call_of(st), timeout_ms, &m, err);
    if (rc != 1)
        return rc;
    buf_add(ret, m->bytes, m->n);
    return buf_ok(ret) ? 1 : err_set(err, ERR_TOO_LARGE, "message of %zu bytes is larger than its bound", m->n);
}

int grpc_stream_wait(struct grpc_stream *st, int timeout_ms, struct err *err)
{
    struct grpc_message *none = NULL; /* nothing is ever queued on a pushed stream */
    return take_message(call_of(st), timeout_ms, &none, err);
}

void grpc_stream_cancel(struct grpc_stream *st)
{
    struct grpc_call *c = call_of(st);
    pthread_mutex_lock(&c->lock);
    c->cancelled = true;
    pthread_cond_signal(&c->cond);
    pthread_mutex_unlock(&c->lock);
    (void)grpc_channel_post(c->ch, GRPC_CANCEL, grpc_call_ref(c), NULL);
}

struct grpc_stream *grpc_stream_free(struct grpc_stream *st)
{
    if (!st)
        return NULL;
    struct grpc_call *c = call_of(st);
    grpc_stream_cancel(st);
    if (c->on_message) { /* it may be running: the end comes behind it */
        pthread_mutex_lock(&c->lock);
        while (!c->over)
            pthread_cond_wait(&c->cond, &c->lock);
        pthread_mutex_unlock(&c->lock);
    }
    grpc_call_unref(c);
    return NULL;
}
