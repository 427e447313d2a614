/* The gRPC client against servers that misbehave: a scripted HTTP/2 peer in the same process. */
#include "net/grpc.h"

#include "base/clock.h"
#include "base/limits.h"

#include <arpa/inet.h>
#include <nghttp2/nghttp2.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

/* --- the peer --- */

/* What it does to a call (h2 modes), or to a connection (the others). */
enum mode {
    OK,
    STATUS_ONLY,
    HTML,
    COMPRESSED,
    NO_MESSAGE,
    HALF_MESSAGE,
    LARGE,
    RESET,
    REFUSE_ONCE,
    GOAWAY_FIRST,
    MUTE,
    NOT_H2,
    CLOSE,
    SILENT
};

static struct peer {
    int fd, port;
    pthread_t thread;
    enum mode mode;
    atomic_int connections, calls;
    pthread_mutex_t lock;
    int open_fd; /* the connection being served */
} peer;

struct reply {
    const char *p;
    size_t n, at;
    bool trailers;
};

static const char hello[] = "\0\0\0\0\5hello";

static nghttp2_nv pair(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name), strlen(value), 0};
}

static ssize_t read_reply(nghttp2_session *s, int32_t id, uint8_t *to, size_t n, uint32_t *flags,
                          nghttp2_data_source *source, void *user)
{
    struct reply *r = source->ptr;
    n = MIN_OF(n, r->n - r->at);
    memcpy(to, r->p + r->at, n);
    r->at += n;
    if (r->at == r->n) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | (r->trailers ? NGHTTP2_DATA_FLAG_NO_END_STREAM : 0);
        if (r->trailers) {
            nghttp2_nv nv[] = {pair("grpc-status", "0")};
            nghttp2_submit_trailer(s, id, nv, 1);
        }
    }
    return (ssize_t)n;
}

static struct reply replies[4096]; /* one a call of the whole program: they outlive their streams */
static atomic_int n_replies;

static void send_reply(nghttp2_session *s, int32_t id, const char *p, size_t n, bool trailers)
{
    struct reply *r = &replies[atomic_fetch_add(&n_replies, 1)];
    nghttp2_nv nv[] = {pair(":status", "200"), pair("content-type", "application/grpc")};
    *r = (struct reply){p, n, 0, trailers};
    nghttp2_data_provider body = {.source.ptr = r, .read_callback = read_reply};
    nghttp2_submit_response(s, id, nv, 2, &body);
}

static void answer(nghttp2_session *s, int32_t id)
{
    static const char large[] = "\0\0\xff\xff\xff";
    nghttp2_nv status[] = {pair(":status", "200"), pair("content-type", "application/grpc"), pair("grpc-status", "5"),
                           pair("grpc-message", "no%20such%20thing")};
    nghttp2_nv html[] = {pair(":status", "503"), pair("content-type", "text/html")};
    int call = atomic_fetch_add(&peer.calls, 1);
    switch (peer.mode) {
    case OK:
        send_reply(s, id, hello, 10, true);
        break;
    case STATUS_ONLY:
        nghttp2_submit_response(s, id, status, 4, NULL);
        break;
    case HTML:
        nghttp2_submit_response(s, id, html, 2, NULL);
        break;
    case COMPRESSED:
        send_reply(s, id, "\1\0\0\0\1x", 6, true);
        break;
    case NO_MESSAGE:
        send_reply(s, id, "", 0, true);
        break;
    case HALF_MESSAGE:
        send_reply(s, id, hello, 8, true);
        break;
    case LARGE:
        send_reply(s, id, large, 5, true);
        break;
    case RESET:
        nghttp2_submit_rst_stream(s, NGHTTP2_FLAG_NONE, id, NGHTTP2_INTERNAL_ERROR);
        break;
    case REFUSE_ONCE:
        if (call == 0)
            nghttp2_submit_rst_stream(s, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
        else
            send_reply(s, id, hello, 10, true);
        break;
    case GOAWAY_FIRST: /* "I have looked at nothing": the call belongs on another connection */
        if (call == 0)
            nghttp2_submit_goaway(s, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0);
        else
            send_reply(s, id, hello, 10, true);
        break;
    default:
        break;
    }
}

static int on_frame(nghttp2_session *s, const nghttp2_frame *f, void *user)
{
    if ((f->hd.type == NGHTTP2_DATA || f->hd.type == NGHTTP2_HEADERS) && (f->hd.flags & NGHTTP2_FLAG_END_STREAM))
        answer(s, f->hd.stream_id);
    return 0;
}

static bool flush(nghttp2_session *s, int fd)
{
    const uint8_t *p;
    ssize_t n;
    while ((n = nghttp2_session_mem_send(s, &p)) > 0)
        if (send(fd, p, (size_t)n, MSG_NOSIGNAL) != n)
            return false;
    return n == 0 && (nghttp2_session_want_read(s) || nghttp2_session_want_write(s));
}

static void serve_h2(int fd)
{
    nghttp2_session_callbacks *cb;
    nghttp2_session *s;
    char room[16384];
    ssize_t n;
    nghttp2_session_callbacks_new(&cb);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_server_new(&s, cb, NULL);
    nghttp2_session_callbacks_del(cb);
    nghttp2_submit_settings(s, NGHTTP2_FLAG_NONE, NULL, 0);
    while (flush(s, fd) && (n = recv(fd, room, sizeof room, 0)) > 0)
        if (peer.mode != MUTE && nghttp2_session_mem_recv(s, (uint8_t *)room, (size_t)n) < 0)
            break;
    nghttp2_session_del(s);
}

static void serve_one(int fd)
{
    static const char text[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    char room[1024];
    atomic_fetch_add(&peer.connections, 1);
    if (peer.mode == NOT_H2)
        (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
    else if (peer.mode == SILENT)
        while (recv(fd, room, sizeof room, 0) > 0)
            ;
    else if (peer.mode != CLOSE)
        serve_h2(fd);
    if (peer.mode == GOAWAY_FIRST) { /* as servers close: a reset would take the GOAWAY away from who has not read it */
        shutdown(fd, SHUT_WR);
        while (recv(fd, room, sizeof room, 0) > 0)
            ;
    }
}

static void *peer_main(void *user)
{
    int fd;
    while ((fd = accept(peer.fd, NULL, NULL)) >= 0) {
        pthread_mutex_lock(&peer.lock);
        peer.open_fd = fd;
        pthread_mutex_unlock(&peer.lock);
        serve_one(fd);
        pthread_mutex_lock(&peer.lock);
        peer.open_fd = -1;
        close(fd);
        pthread_mutex_unlock(&peer.lock);
    }
    return NULL;
}

static void peer_start(enum mode mode)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t n = sizeof a;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer.mode = mode;
    peer.open_fd = -1;
    atomic_store(&peer.connections, 0);
    atomic_store(&peer.calls, 0);
    pthread_mutex_init(&peer.lock, NULL);
    peer.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(peer.fd, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(peer.fd, 16), 0);
    assert_int_equal(getsockname(peer.fd, (struct sockaddr *)&a, &n), 0);
    peer.port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&peer.thread, NULL, peer_main, NULL), 0);
}

static void peer_stop(void)
{
    pthread_mutex_lock(&peer.lock);
    shutdown(peer.fd, SHUT_RDWR);
    if (peer.open_fd >= 0)
        shutdown(peer.open_fd, SHUT_RDWR);
    pthread_mutex_unlock(&peer.lock);
    pthread_join(peer.thread, NULL);
    close(peer.fd);
    pthread_mutex_destroy(&peer.lock);
}

/* --- tests --- */

static struct grpc_channel *channel(struct grpc_channel_options o)
{
    char target[64];
    struct grpc_channel *ch = NULL;
    struct err err = ERR_INIT;
    snprintf(target, sizeof target, "http://127.0.0.1:%d", peer.port);
    o.target = target;
    assert_int_equal(grpc_channel_new(&o, &ch, &err), 0);
    return ch;
}

/* One call to a peer of that kind. */
static int call_peer(enum mode mode, struct grpc_channel_options o, int deadline_ms, struct buf *out, struct err *err)
{
    peer_start(mode);
    struct grpc_channel *ch = channel(o);
    int rc = grpc_call_bytes(ch, "/test.Service/Method", STR("question"), deadline_ms, out, err);
    grpc_channel_free(ch);
    peer_stop();
    return rc;
}

static void test_each_misbehaviour(void **state)
{
    static const struct {
        enum mode mode;
        enum err_code code;
        const char *text;
    } cases[] = {
        {STATUS_ONLY, ERR_NOT_FOUND, "no such thing"},
        {HTML, ERR_UNAVAILABLE, "HTTP status 503"},
        {COMPRESSED, ERR_INTERNAL, "compressed"},
        {NO_MESSAGE, ERR_INTERNAL, "without a response"},
        {HALF_MESSAGE, ERR_INTERNAL, "without a response"},
        {LARGE, ERR_TOO_LARGE, "larger than the limit"},
        {RESET, ERR_UNAVAILABLE, "INTERNAL_ERROR"},
        {NOT_H2, ERR_UNAVAILABLE, "lost"},
        {CLOSE, ERR_UNAVAILABLE, "lost"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(buf_releasep) struct buf out = BUF_INIT(100);
        struct err err = ERR_INIT;
        assert_int_equal(call_peer(cases[i].mode, (struct grpc_channel_options){.max_message = MIB}, 5000, &out, &err),
                         -1);
        if (err.code != cases[i].code || !strstr(err.msg, cases[i].text))
            fail_msg("mode %d: %s: %s", (int)cases[i].mode, err_name(err.code), err.msg);
        assert_int_equal(out.len, 0);
    }
}

static void test_ok(void **state)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(100);
    struct err err = ERR_INIT;
    assert_int_equal(call_peer(OK, (struct grpc_channel_options){0}, 5000, &out, &err), 0);
    assert_string_equal(out.data, "hello");
}

/* The server says that it has not looked at the call: sending it again is safe, and the caller does not notice. */
static void test_refused_calls_are_sent_again(void **state)
{
    static const enum mode modes[] = {REFUSE_ONCE, GOAWAY_FIRST};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        _cleanup_(buf_releasep) struct buf out = BUF_INIT(100);
        struct err err = ERR_INIT;
        if (call_peer(modes[i], (struct grpc_channel_options){0}, 5000, &out, &err) < 0)
            fail_msg("mode %d: %s", (int)modes[i], err.msg);
        assert_string_equal(out.data, "hello");
        assert_int_equal(atomic_load(&peer.calls), 2);
    }
}

static void test_silence_ends_at_the_deadline(void **state)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(100);
    struct err err = ERR_INIT;
    assert_int_equal(call_peer(SILENT, (struct grpc_channel_options){0}, 100, &out, &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
}

static void test_keepalive_finds_a_dead_peer(void **state)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(100);
    struct err err = ERR_INIT;
    assert_int_equal(call_peer(MUTE, (struct grpc_channel_options){.keepalive_ms = 50}, GRPC_NO_DEADLINE, &out, &err),
                     -1);
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(err.msg, "PING"));
}

/* A server that takes connections and drops them must not be hammered. */
static void test_no_hammering(void **state)
{
    struct err err = ERR_INIT;
    peer_start(CLOSE);
    struct grpc_channel *ch = channel((struct grpc_channel_options){0});
    int64_t until = clock_mono(&clock_system) + 300 * NS_PER_MS;
    int calls = 0;
    while (clock_mono(&clock_system) < until) {
        _cleanup_(buf_releasep) struct buf out = BUF_INIT(100);
        assert_int_equal(grpc_call_bytes(ch, "/t/M", STR("x"), 5000, &out, &err), -1);
        calls++;
    }
    grpc_channel_free(ch);
    peer_stop();
    assert_true(atomic_load(&peer.connections) <= 25);
    assert_true(calls > 0);
}

static void test_streams_of_a_broken_peer(void **state)
{
    static const enum mode modes[] = {COMPRESSED, LARGE, RESET, STATUS_ONLY};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        _cleanup_(buf_releasep) struct buf out = BUF_INIT(100);
        struct err err = ERR_INIT;
        struct grpc_stream *st = NULL;
        peer_start(modes[i]);
        struct grpc_channel *ch = channel((struct grpc_channel_options){.max_message = MIB});
        assert_int_equal(grpc_stream_open(ch, "/t/M", &st, &err), 0);
        assert_int_equal(grpc_stream_send_bytes(st, STR("x"), &err), 0);
        grpc_stream_close_send(st);
        assert_int_equal(grpc_stream_recv_bytes(st, 5000, &out, &err), -1);
        assert_true(err.code != ERR_TIMEOUT);
        grpc_stream_free(st);
        grpc_channel_free(ch);
        peer_stop();
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ok),
        cmocka_unit_test(test_each_misbehaviour),
        cmocka_unit_test(test_refused_calls_are_sent_again),
        cmocka_unit_test(test_silence_ends_at_the_deadline),
        cmocka_unit_test(test_keepalive_finds_a_dead_peer),
        cmocka_unit_test(test_no_hammering),
        cmocka_unit_test(test_streams_of_a_broken_peer),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
