/* HTTP/2 under the gRPC client: nghttp2 fed from, and drained to, a net_conn. */
#include "grpc_internal.h"

#include "base/limits.h"
#include "base/parse.h"

static struct grpc_call *call_of(nghttp2_session *s, int32_t stream_id)
{
    return nghttp2_session_get_stream_user_data(s, stream_id);
}

/* --- what comes in --- */

static int on_header(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name, size_t name_n,
                     const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
    struct grpc_call *c = call_of(s, frame->hd.stream_id);
    struct str n = str_n((const char *)name, name_n), v = str_n((const char *)value, value_n);
    int64_t number;
    if (!c)
        return 0;
    if (str_is(n, ":status") && parse_range(v, 100, 999, &number))
        c->http_status = (int)number;
    else if (str_is(n, "content-type"))
        c->is_grpc = str_starts(v, STR("application/grpc"));
    else if (str_is(n, "grpc-status"))
        c->grpc_status = parse_range(v, 0, 16, &number) ? (int)number : 2;
    else if (str_is(n, "grpc-message"))
        grpc_message_decode(c->text, sizeof c->text, v);
    return 0;
}

/* A receiver that does not come holds the server back: then bytes are not given back to the stream's window. */
static bool receiver_lags(struct grpc_call *c)
{
    if (!c->is_stream)
        return false;
    pthread_mutex_lock(&c->lock);
    bool lags = c->queued > GRPC_QUEUE_HIGH;
    c->holding = c->holding || lags;
    pthread_mutex_unlock(&c->lock);
    return lags;
}

static int on_data(nghttp2_session *s, uint8_t flags, int32_t stream_id, const uint8_t *data, size_t n, void *user)
{
    struct grpc_channel *ch = user;
    struct grpc_call *c = call_of(s, stream_id);
    struct str in = str_n((const char *)data, n);
    struct err err = ERR_INIT;
    int rc;
    nghttp2_session_consume_connection(s, n);
    if (!c || !c->is_grpc || c->got_message)
        return 0; /* an HTML page or its like: only the status counts; of a unary call only the first message */
    while ((rc = grpc_parser_feed(&c->in, &in, &err)) == 1) {
        if (c->is_stream)
            grpc_call_deliver(c);
        else
            c->got_message = true;
        if (c->got_message)
            break;
    }
    if (rc < 0) {
        grpc_session_reset(ch, c, &err);
        return 0;
    }
    c->withheld += n;
    if (!receiver_lags(c))
        grpc_session_consume(ch, c);
    return 0;
}

void grpc_session_consume(struct grpc_channel *ch, struct grpc_call *c)
{
    if (ch->session && c->stream_id > 0 && c->withheld)
        nghttp2_session_consume_stream(ch->session, c->stream_id, c->withheld);
    c->withheld = 0;
}

static void status_of(struct grpc_call *c, uint32_t h2_error, struct err *err)
{
    if (c->grpc_status > 0) {
        err_set(err, err_from_grpc(c->grpc_status), "%s", c->text[0] ? c->text : "the server gave no message");
    } else if (c->grpc_status == 0) {
        if (!c->is_stream && !c->got_message)
            err_set(err, ERR_INTERNAL, "the server ended the call without a response");
    } else if (h2_error) {
        err_set(err, h2_error == NGHTTP2_CANCEL ? ERR_CANCELLED : ERR_UNAVAILABLE, "stream ended: %s",
                nghttp2_http2_strerror(h2_error));
    } else {
        err_set(err, err_from_grpc(grpc_status_of_http(c->http_status)), "not a gRPC answer: HTTP status %d",
                c->http_status);
    }
}

static int on_close(nghttp2_session *s, int32_t stream_id, uint32_t h2_error, void *user)
{
    struct grpc_channel *ch = user;
    struct grpc_call *c = call_of(s, stream_id);
    struct err err = ERR_INIT;
    if (!c)
        return 0;
    c->stream_id = -1;
    if (h2_error == NGHTTP2_REFUSED_STREAM && !c->is_stream && c->refused++ < GRPC_MAX_REFUSED) {
        c->sent_at = 0; /* the server has not looked at it: send it again */
        list_remove(&c->link);
        list_push(&ch->waiting, &c->link);
        return 0;
    }
    status_of(c, h2_error, &err);
    grpc_call_finish(c, &err);
    return 0;
}

static int on_frame(nghttp2_session *s, const nghttp2_frame *frame, void *user)
{
    struct grpc_channel *ch = user;
    int32_t id = frame->hd.stream_id;
    if (frame->hd.type == NGHTTP2_GOAWAY)
        ch->draining = true;
    /* The server's trailers end a call even while our side is open: close that side too. */
    if (id > 0 && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) && call_of(s, id) &&
        nghttp2_session_get_stream_local_close(s, id) == 0)
        nghttp2_submit_rst_stream(s, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
    return 0;
}

/* --- what goes out --- */

static ssize_t read_body(nghttp2_session *s, int32_t stream_id, uint8_t *to, size_t n, uint32_t *flags,
                         nghttp2_data_source *source, void *user)
{
    struct grpc_call *c = source->ptr;
    size_t left = c->out.len - c->sent_at;
    if (left == 0 && !c->out_end) {
        c->out_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    n = MIN_OF(n, left);
    if (n)
        memcpy(to, c->out.data + c->sent_at, n);
    c->sent_at += n;
    if (c->sent_at == c->out.len) {
        if (c->out_end)
            *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (c->is_stream) {
            buf_clear(&c->out);
            c->sent_at = 0;
        }
    }
    return (ssize_t)n;
}

static nghttp2_nv pair(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name), strlen(value),
                        NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

void grpc_session_submit(struct grpc_channel *ch, struct grpc_call *c)
{
    const struct grpc_target *t = &ch->targets[ch->target_at];
    nghttp2_nv nv[9];
    size_t n = 0;
    nv[n++] = pair(":method", "POST");
    nv[n++] = pair(":scheme", t->address.tls ? "https" : "http");
    nv[n++] = pair(":path", c->path);
    nv[n++] = pair(":authority", ch->authority ? ch->authority : t->address.authority);
    nv[n++] = pair("te", "trailers");
    nv[n++] = pair("content-type", "application/grpc");
    nv[n++] = pair("user-agent", "grpc-c-coracle");
    if (c->deadline) {
        grpc_timeout_format(c->timeout_text, (c->deadline - grpc_now()) / NS_PER_MS);
        nv[n++] = pair("grpc-timeout", c->timeout_text);
    }
    nghttp2_data_provider body = {.source.ptr = c, .read_callback = read_body};
    int32_t id = nghttp2_submit_request(ch->session, NULL, nv, n, &body, c);
    list_remove(&c->link);
    if (id < 0) { /* stream ids used up, or GOAWAY: the next connection takes it */
        ch->draining = true;
        list_push(&ch->waiting, &c->link);
        return;
    }
    c->stream_id = id;
    list_push(&ch->running, &c->link);
}

void grpc_session_resume(struct grpc_channel *ch, struct grpc_call *c)
{
    if (!c->out_deferred || c->stream_id <= 0)
        return;
    c->out_deferred = false;
    nghttp2_session_resume_data(ch->session, c->stream_id);
}

void grpc_session_reset(struct grpc_channel *ch, struct grpc_call *c, const struct err *why)
{
    if (ch->session && c->stream_id > 0)
        nghttp2_submit_rst_stream(ch->session, NGHTTP2_FLAG_NONE, c->stream_id, NGHTTP2_CANCEL);
    grpc_call_finish(c, why);
}

int grpc_session_ping(struct grpc_channel *ch)
{
    return nghttp2_submit_ping(ch->session, NGHTTP2_FLAG_NONE, NULL);
}

/* --- the session --- */

static int new_session(struct grpc_channel *ch)
{
    nghttp2_session_callbacks *cb;
    nghttp2_option *opt;
    if (nghttp2_session_callbacks_new(&cb))
        return -1;
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    int rc = nghttp2_option_new(&opt);
    if (rc == 0) {
        nghttp2_option_set_no_auto_window_update(opt, 1);
        nghttp2_option_set_no_closed_streams(opt, 1);
        nghttp2_option_set_peer_max_concurrent_streams(opt, 100);
        rc = nghttp2_session_client_new2(&ch->session, cb, ch, opt);
        nghttp2_option_del(opt);
    }
    nghttp2_session_callbacks_del(cb);
    return rc;
}

int grpc_session_start(struct grpc_channel *ch, struct err *err)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, GRPC_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 64 * 1024},
    };
    if (new_session(ch) || nghttp2_submit_settings(ch->session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings)) ||
        nghttp2_session_set_local_window_size(ch->session, NGHTTP2_FLAG_NONE, 0, GRPC_CONN_WINDOW))
        return err_set(err, ERR_SYSTEM, "cannot set up an HTTP/2 session");
    return 0;
}

/* Sends what is in ch->out. 1 = all, 0 = the socket is full. */
static int flush(struct grpc_channel *ch, struct err *err)
{
    size_t at = 0;
    while (at < ch->out.len) {
        ssize_t n = net_conn_send(ch->conn, ch->out.data + at, ch->out.len - at, err);
        if (n == -1)
            return -1;
        if (n == NET_CONN_AGAIN)
            break;
        at += (size_t)n;
    }
    buf_consume(&ch->out, at);
    ch->want_write = ch->out.len > 0;
    return !ch->want_write;
}

int grpc_session_send(struct grpc_channel *ch, struct err *err)
{
    for (;;) {
        const uint8_t *p;
        ssize_t n = 0;
        while (ch->out.len < GRPC_SEND_BATCH && (n = nghttp2_session_mem_send(ch->session, &p)) > 0)
            buf_add(&ch->out, p, (size_t)n);
        if (n < 0 || !buf_ok(&ch->out))
            return err_set(err, ERR_UNAVAILABLE, "HTTP/2: %s", nghttp2_strerror((int)n));
        if (ch->out.len == 0)
            return 0;
        int rc = flush(ch, err);
        if (rc <= 0)
            return rc;
    }
}

int grpc_session_recv(struct grpc_channel *ch, struct err *err)
{
    for (int rounds = 0; rounds < 16; rounds++) {
        ssize_t n = net_conn_recv(ch->conn, ch->recv_buf, GRPC_RECV_SIZE, err);
        ch->more_to_read = n > 0;
        if (n == NET_CONN_AGAIN)
            return 0;
        if (n == 0)
            return err_set(err, ERR_UNAVAILABLE, "the server closed the connection");
        if (n < 0)
            return -1;
        ch->last_recv = grpc_now();
        ch->ping_sent = 0;
        ch->heard = true;
        ssize_t used = nghttp2_session_mem_recv(ch->session, (uint8_t *)ch->recv_buf, (size_t)n);
        if (used < 0)
            return err_set(err, ERR_UNAVAILABLE, "HTTP/2: %s", nghttp2_strerror((int)used));
    }
    return 0;
}
