/* From a client through streaming to a kubelet: a fake one over TLS, which asks for our client certificate. */
#include "apiserver/streaming/kubelet_path.h"
#include "apiserver/streaming/streaming.h"
#include "base/file.h"
#include "net/worker_pool.h"
#include "testhttp/echo_server.h"
#include "testhttp/raw.h"
#include "testhttp/spdy_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

struct fixture {
    char dir[64], paths[3][256], cert[128], key[128];
    struct tls_context *tls;
    struct http_server *kubelet, *front;
    struct worker_pool *pool;
    struct streaming *streaming;
    char target[256]; /* what the kubelet was asked last */
    char opened[128]; /* the SPDY streams of the last exec */
};

/* --- the kubelet --- */

struct exec {
    struct fixture *f;
    struct spdy_peer *peer;
    struct buf out;
};

static void exec_open(void *ctx, struct http_tunnel *t)
{
}

static void exec_data(void *ctx, struct http_tunnel *t, struct str data)
{
    struct exec *e = ctx;
    assert_true(spdy_peer_input(e->peer, data));
    http_tunnel_consume(t, data.n);
    (void)http_tunnel_write(t, buf_str(&e->out));
    buf_clear(&e->out);
    snprintf(e->f->opened, sizeof(e->f->opened), "%s", spdy_peer_opened(e->peer));
}

static void exec_eof(void *ctx, struct http_tunnel *t)
{
    http_tunnel_close(t);
}

static void exec_writable(void *ctx, struct http_tunnel *t)
{
}

static void exec_close(void *ctx)
{
    struct exec *e = ctx;
    spdy_peer_free(e->peer);
    buf_release(&e->out);
    free(e);
}

static void echo_data(void *ctx, struct http_tunnel *t, struct str data)
{
    (void)http_tunnel_write(t, data);
    http_tunnel_consume(t, data.n);
}

static void echo_close(void *ctx)
{
}

static void on_kubelet_request(void *user, struct http_request *r)
{
    static const struct http_tunnel_ops exec_ops = {exec_open, exec_data, exec_eof, exec_writable, exec_close};
    static const struct http_tunnel_ops echo_ops = {exec_open, echo_data, exec_eof, exec_writable, echo_close};
    struct fixture *f = user;
    struct str version = http_header(r, "x-stream-protocol-version"), protocol = http_upgrade_wanted(r);
    const struct http_header fields[] = {{STR("X-Stream-Protocol-Version"), version}};
    str_copy(f->target, sizeof(f->target), r->target);
    if (!r->peer->verified) {
        http_respond(r, 401, NULL, 0, STR("who are you\n"));
    } else if (str_starts(r->path, STR("/containerLogs/ns/pod/c"))) {
        const struct http_header type = HTTP_HEADER("content-type", "text/plain");
        http_respond(r, 200, &type, 1, STR("one\ntwo\n"));
    } else if (!protocol.n) {
        http_respond(r, 400, NULL, 0, STR("container \"x\" is waiting to start\n"));
    } else if (str_is(version, "v4.channel.k8s.io")) {
        struct exec *e = xcalloc(1, sizeof(*e));
        *e = (struct exec){.f = f, .out = BUF_INIT(1 << 20)};
        e->peer = spdy_peer_new(3, &e->out);
        http_upgrade(r, "SPDY/3.1", fields, 1, &exec_ops, e);
    } else {
        http_upgrade(r, str_ieq(protocol, STR("websocket")) ? "websocket" : "SPDY/3.1", fields, version.p ? 1 : 0,
                     &echo_ops, NULL);
    }
}

/* --- the front: what the apiserver does --- */

struct job {
    struct fixture *f;
    struct http_request *r;
};

static void run(void *arg)
{
    struct job *job = arg;
    struct fixture *f = job->f;
    struct http_request *r = job->r;
    struct err err = ERR_INIT;
    struct streaming_target to = {"127.0.0.1", http_server_port(f->kubelet, 0), STR("ns"), STR("pod"), STR("c")};
    int rc = str_is(r->path, "/exec")          ? streaming_exec(f->streaming, r, &to, &err)
             : str_is(r->path, "/portforward") ? streaming_port_forward(f->streaming, r, &to, &err)
             : str_is(r->path, "/nolog") ? (to.pod = STR("other"), streaming_log(f->streaming, r, &to, NULL, 0, &err))
                                         : streaming_log(f->streaming, r, &to, NULL, 0, &err);
    if (rc < 0)
        http_respond(r, err_http(err.code), NULL, 0, str_of(err.msg));
    free(job);
}

static void on_front_request(void *user, struct http_request *r)
{
    struct fixture *f = user;
    struct job *job = xcalloc(1, sizeof(*job));
    *job = (struct job){f, r};
    assert_true(worker_pool_submit(f->pool, run, job));
}

static int setup(void **state)
{
    static struct fixture f = {.dir = "/tmp/streaming-test-XXXXXX"};
    struct err err = ERR_INIT;
    struct tls_options tls;
    assert_non_null(mkdtemp(f.dir));
    echo_server_pki(f.dir, &tls, f.paths);
    snprintf(f.cert, sizeof(f.cert), "%s/client.crt", f.dir);
    snprintf(f.key, sizeof(f.key), "%s/client.key", f.dir);
    f.tls = tls_context_new(&tls, &err);
    const struct http_listener tls_listener = {"127.0.0.1", 0, f.tls}, plain = {"127.0.0.1", 0, NULL};
    const struct http_server_options kubelet = {
        .listeners = &tls_listener, .n_listeners = 1, .threads = 1, .on_request = on_kubelet_request, .user = &f};
    const struct http_server_options front = {
        .listeners = &plain, .n_listeners = 1, .threads = 1, .on_request = on_front_request, .user = &f};
    const struct streaming_options o = {f.cert, f.key, f.paths[0]};
    f.pool = worker_pool_new(&(struct worker_pool_options){.threads = 2}, &err);
    f.streaming = streaming_new(&o, &err);
    f.kubelet = http_server_new(&kubelet, &err);
    f.front = http_server_new(&front, &err);
    *state = &f;
    return f.kubelet && f.front && f.streaming && f.pool ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct err err = ERR_INIT;
    http_server_stop(f->front, 0);
    worker_pool_free(f->pool);
    streaming_free(f->streaming);
    http_server_free(f->front);
    http_server_free(f->kubelet);
    tls_context_free(f->tls);
    return file_remove_tree(f->dir, &err);
}

/* --- tests --- */

static void test_paths(void **state)
{
    static const struct {
        const char *query, *path;
        bool in, out, err, tty;
    } table[] = {
        {"command=ls&command=-l%20a&stdout=true", "/exec/n/p/c?command=ls&command=-l%20a&output=1", false, true, false,
         false},
        {"command=sh&stdin=true&stdout=true&stderr=true&tty=true&container=c",
         "/exec/n/p/c?command=sh&input=1&output=1&tty=1", true, true, false, true},
        {"stderr=1&stdout=false&stdin=0", "/exec/n/p/c?error=1", false, false, true, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct buf out = BUF_INIT(4096);
        struct exec_wants w;
        struct err err = ERR_INIT;
        assert_int_equal(
            kubelet_exec_path(&out, "exec", STR("n"), STR("p"), STR("c"), str_of(table[i].query), &w, &err), 0);
        assert_string_equal(out.data, table[i].path);
        assert_true(w.in == table[i].in && w.out == table[i].out && w.err == table[i].err && w.tty == table[i].tty);
        buf_release(&out);
    }
    struct buf out = BUF_INIT(4096);
    struct exec_wants w;
    struct err err = ERR_INIT;
    assert_int_equal(kubelet_exec_path(&out, "exec", STR("n"), STR("p"), STR("c"), STR("command=ls"), &w, &err), -1);
    assert_string_equal(err.msg, "you must specify at least 1 of stdin, stdout, stderr");
    buf_clear(&out);
    kubelet_log_path(&out, STR("n"), STR("p"), STR("c"),
                     STR("container=c&follow=true&sinceTime=2020-01-01T00%3A00%3A00Z"));
    assert_string_equal(out.data, "/containerLogs/n/p/c?follow=true&sinceTime=2020-01-01T00%3A00%3A00Z");
    buf_release(&out);
}

static int ask(struct fixture *f, const char *text)
{
    int fd = raw_connect(http_server_port(f->front, 0));
    assert_true(fd >= 0);
    raw_puts(fd, text);
    return fd;
}

#define WS(target, protocol)                                                                                           \
    "GET " target " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"                              \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: " protocol    \
    "\r\n\r\n"

static void expect_bytes(int fd, const char *bytes, size_t n)
{
    char got[256];
    assert_true(raw_read_n(fd, got, n));
    assert_memory_equal(got, bytes, n);
}

static void read_head(int fd, struct buf *head)
{
    char byte;
    while (!raw_count(head, "\r\n\r\n") && raw_read_n(fd, &byte, 1))
        buf_putc(head, byte);
}

/* kubectl exec of 1.31 and later. */
static void test_v5_is_translated(void **state)
{
    struct fixture *f = *state;
    struct buf head = BUF_INIT(4096);
    int fd = ask(f, WS("/exec?command=cat&stdin=true&stdout=true", "v5.channel.k8s.io"));
    read_head(fd, &head);
    assert_int_equal(raw_count(&head, "HTTP/1.1 101 "), 1);
    assert_int_equal(raw_count(&head, "sec-websocket-protocol: v5.channel.k8s.io\r\n"), 1);
    expect_bytes(fd, "\x82\x01\x01", 3); /* stands */
    raw_send(fd, "\x82\x86\0\0\0\0\0hello", 12);
    expect_bytes(fd, "\x82\x06\x01hello", 8);
    raw_send(fd, "\x82\x82\0\0\0\0\xff\0", 8); /* stdin ends; the output does not */
    expect_bytes(fd, "\x82\x23\x03{\"metadata\":{},\"status\":\"Success\"}", 37);
    expect_bytes(fd, "\x88\x02\x03\xe8", 4);
    assert_true(raw_closed(fd));
    close(fd);
    assert_string_equal(f->target, "/exec/ns/pod/c?command=cat&input=1&output=1");
    assert_string_equal(f->opened, "error stdin stdout");
    buf_release(&head);
}

/* kubectl up to 1.30: the bytes pass. */
static void test_spdy_passes(void **state)
{
    struct fixture *f = *state;
    struct buf head = BUF_INIT(1 << 20);
    int fd = ask(f, "POST /exec?command=cat&stdin=true&stdout=true HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                    "Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v3.channel.k8s.io\r\nContent-Length: 0\r\n\r\n");
    read_head(fd, &head);
    assert_int_equal(raw_count(&head, "HTTP/1.1 101 "), 1);
    assert_int_equal(raw_count(&head, "v3.channel.k8s.io"), 1);
    char block[100000], back[sizeof(block)];
    memset(block, 'q', sizeof(block));
    for (int i = 0; i < 20; i++) {
        assert_true(raw_send(fd, block, sizeof(block)));
        assert_true(raw_read_n(fd, back, sizeof(back)));
        assert_memory_equal(block, back, sizeof(block));
    }
    close(fd);
    buf_release(&head);
}

static void test_port_forward_is_unwrapped(void **state)
{
    struct fixture *f = *state;
    struct buf head = BUF_INIT(4096);
    int fd = ask(f, WS("/portforward", "SPDY/3.1+portforward.k8s.io"));
    read_head(fd, &head);
    assert_int_equal(raw_count(&head, "HTTP/1.1 101 "), 1);
    raw_send(fd, "\x82\x85\0\0\0\0bytes", 11);
    expect_bytes(fd,
                 "\x82\x05"
                 "bytes",
                 7);
    close(fd);
    assert_string_equal(f->target, "/portForward/ns/pod");
    buf_release(&head);
}

static void expect_answer(struct fixture *f, const char *request, const char *starts, const char *ends)
{
    struct buf out = BUF_INIT(1 << 20);
    int fd = ask(f, request);
    assert_true(raw_read_until(fd, &out, ends));
    if (!str_starts(buf_str(&out), str_of(starts)))
        fail_msg("%s", out.data);
    close(fd);
    buf_release(&out);
}

static void test_logs_and_refusals(void **state)
{
    struct fixture *f = *state;
    expect_answer(f, "GET /log?follow=true HTTP/1.1\r\nHost: x\r\n\r\n",
                  "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n", "\r\n0\r\n\r\n");
    assert_string_equal(f->target, "/containerLogs/ns/pod/c?follow=true");
    expect_answer(f, "GET /nolog HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 ", "container \"x\" is waiting to start");
    expect_answer(f, "POST /exec?command=ls&stdout=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 400 ",
                  "Upgrade request required");
    expect_answer(f, "POST /exec?command=ls HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 400 ",
                  "at least 1 of");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_v5_is_translated),
        cmocka_unit_test(test_spdy_passes),
        cmocka_unit_test(test_port_forward_is_unwrapped),
        cmocka_unit_test(test_logs_and_refusals),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
