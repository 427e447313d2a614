/* The server over HTTP/1.1: what it answers, and what it does to those who misbehave. */
#include "testhttp/raw.h"
#include "testhttp/echo_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

/* Time limits short enough for a test; nothing asserts that they are met to the millisecond. */
static const struct http_limits quick = {.headers_ms = 300,
                                         .body_stall_ms = 300,
                                         .idle_ms = 600,
                                         .write_stall_ms = 500,
                                         .handshake_ms = 300,
                                         .connection_bodies = 600 * 1024};

static int setup(void **state)
{
    static struct echo_pair pair;

    *state = &pair;
    return echo_pair_begin(&pair, &quick);
}

static int teardown(void **state)
{
    echo_pair_end(*state);
    return 0;
}

/* Sends text, reads to the end of the connection. */
static void talk(struct echo_server *s, struct str text, struct buf *out)
{
    int fd = raw_connect(echo_server_port(s, false));
    assert_true(fd >= 0);
    (void)raw_send(fd, text.p, text.n);
    shutdown(fd, SHUT_WR);
    assert_true(raw_read_all(fd, out));
    close(fd);
    buf_putc(out, '\0');
}

static void test_plain_exchanges(void **state)
{
    static const struct {
        const char *request, *starts, *ends;
    } table[] = {
        {"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n",
         "\r\n\r\nhello\n"},
        {"HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK", "content-length: 6\r\n\r\n"},
        {"GET /hello HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK", "connection: close\r\n\r\nhello\n"},
        {"GET /worker HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK", "worked\n"},
        {"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 Not Found", "no such path\n"},
        {"GET /headers?a=%2F&b HTTP/1.1\r\nHost: h:1\r\nX-Two: a\r\nx-two:  b \r\n\r\n", "HTTP/1.1 200",
         "\r\n\r\nGET /headers?a=%2F&b h:1\nhost=h:1\nx-two=a\nx-two=b\n"},
        {"GET http://other:9/headers?q HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200",
         "GET /headers?q other:9\nhost=h\n"},
        {"GET //hello/../hello HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404",
         "no such path\n"}, /* nothing is normalised */
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 200", "\r\n\r\nabc"},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;ext\r\nc\r\n0\r\nTrail: "
         "t\r\n\r\n",
         "HTTP/1.1 200", "\r\n\r\nabc"},
        {"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 200", "\r\n\r\n3\n"},
        {"GET /stream?n=2 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200",
         "\r\n\r\n5\r\nline\n\r\n5\r\nline\n\r\n0\r\n\r\n"},
        {"GET /stream?n=2 HTTP/1.0\r\nHost: x\r\n\r\n", "HTTP/1.1 200", "\r\n\r\nline\nline\n"},
    };
    struct echo_pair *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct buf out = BUF_INIT(1 << 20);
        int fd = raw_connect(echo_server_port(f->patient, false));
        raw_puts(fd, table[i].request);
        assert_true(raw_read_until(fd, &out, table[i].ends));
        assert_true(str_starts(buf_str(&out), str_of(table[i].starts)));
        close(fd);
        buf_release(&out);
    }
}

static void test_pipelining(void **state)
{
    struct echo_pair *f = *state;
    struct buf out = BUF_INIT(1 << 20);
    int fd = raw_connect(echo_server_port(f->patient, false));
    raw_puts(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
                 "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
                 "GET /worker HTTP/1.1\r\nHost: x\r\n\r\n"
                 "POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345"
                 "GET /stream?n=2 HTTP/1.1\r\nHost: x\r\n\r\n"
                 "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_true(raw_read_all(fd, &out));
    close(fd);
    assert_int_equal(raw_count(&out, "HTTP/1.1 200 OK"), 5);
    assert_int_equal(raw_count(&out, "HTTP/1.1 403 Forbidden"), 1);
    assert_int_equal(raw_count(&out, "hello\n"), 2);
    buf_release(&out);
}

/* What is no HTTP or could be read in two ways gets one clear answer and the end of the connection. */
static void test_broken_requests(void **state)
{
    static const struct {
        const char *request;
        int status;
    } table[] = {
        {"garbage\r\n\r\n", 400},
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400}, /* TLS to the clear port */
        {"GET /hello\r\n\r\n", 505},
        {"GET /hello HTTP/2.5\r\nHost: x\r\n\r\n", 505},
        {"GET /hello HTTP/1.1\r\n\r\n", 400},
        {"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"GET /hello HTTP/1.1\r\nHost: x\r\nBad Name: v\r\n\r\n", 400},
        {"GET /hello HTTP/1.1\r\nHost: x\r\nName : v\r\n\r\n", 400},
        {"GET /hello HTTP/1.1\r\nHost: x\r\nName: v\x01\r\n\r\n", 400},
        {"GET /hel\x7flo HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
        {"POST /echo HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\nContent-Length: 3\r\n\r\nabc", 417},
        {"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 405},
    };
    struct echo_pair *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct buf out = BUF_INIT(1 << 20);
        char want[32];
        snprintf(want, sizeof(want), "HTTP/1.1 %d ", table[i].status);
        talk(f->patient, str_of(table[i].request), &out);
        if (!str_starts(buf_str(&out), str_of(want)))
            fail_msg("%s: got %.60s", table[i].request, out.data);
        assert_int_equal(raw_count(&out, "HTTP/1.1 "), 1);
        assert_int_equal(raw_count(&out, "connection: close\r\n"), 1);
        buf_release(&out);
    }
}

static void flood(struct echo_server *s, const char *start, const char *unit, size_t count, const char *want)
{
    struct buf in = BUF_INIT(16 << 20), out = BUF_INIT(1 << 20);
    buf_puts(&in, start);
    for (size_t i = 0; i < count; i++)
        buf_puts(&in, unit);
    buf_puts(&in, "\r\n\r\n");
    talk(s, buf_str(&in), &out);
    if (!str_starts(buf_str(&out), str_of(want)))
        fail_msg("%.40s x %zu: want %s, got %.60s", start, count, want, out.data);
    buf_release(&in);
    buf_release(&out);
}

static void test_header_limits(void **state)
{
    struct echo_pair *f = *state;
    flood(f->patient, "GET /hello HTTP/1.1\r\nHost: x", "\r\nA: b", 126, "HTTP/1.1 200");
    flood(f->patient, "GET /hello HTTP/1.1\r\nHost: x", "\r\nA: b", 200, "HTTP/1.1 431");
    flood(f->patient, "GET /hello HTTP/1.1\r\nHost: x\r\nA: ", "0123456789abcdef", 5000, "HTTP/1.1 431");
    flood(f->patient, "GET /hello HTTP/1.1\r\nHost: x\r\n", "0123456789abcdef", 60000, "HTTP/1.1 431");
    flood(f->patient, "GET /", "0123456789abcdef", 600, "HTTP/1.1 414");
    flood(f->patient, "GET /", "0123456789abcdef", 60000, "HTTP/1.1 414");
}

static void test_slow_head(void **state)
{
    struct echo_pair *f = *state;
    struct buf out = BUF_INIT(1 << 20);
    int fd = raw_connect(echo_server_port(f->quick, false));
    raw_puts(fd, "GET /hello HTTP/1.1\r\nHost");
    assert_true(raw_read_all(fd, &out)); /* the server ends it */
    assert_true(str_starts(buf_str(&out), STR("HTTP/1.1 408 ")));
    close(fd);
    fd = raw_connect(echo_server_port(f->quick, false)); /* never says anything */
    assert_true(raw_closed(fd));
    close(fd);
    fd = raw_connect(echo_server_port(f->quick, false)); /* idle after a request */
    raw_puts(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(raw_closed(fd));
    close(fd);
    buf_release(&out);
}

static void test_slow_body(void **state)
{
    static const char *const paths[] = {"/echo", "/read"};
    struct echo_pair *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct buf out = BUF_INIT(1 << 20), in = BUF_INIT(1024);
        int fd = raw_connect(echo_server_port(f->quick, false));
        buf_printf(&in, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", paths[i]);
        raw_puts(fd, in.data);
        assert_true(raw_read_all(fd, &out));
        assert_true(str_starts(buf_str(&out), STR("HTTP/1.1 408 ")));
        close(fd);
        buf_release(&in);
        buf_release(&out);
    }
}

static void test_slow_reader(void **state)
{
    struct echo_pair *f = *state;
    int fd = raw_connect_small(echo_server_port(f->quick, false));
    raw_puts(fd, "GET /big?n=100000000 HTTP/1.1\r\nHost: x\r\n\r\n");
    struct http_stats stats;
    do { /* until the server has given it up; the test's own time limit is the bound */
        sleep_ns(20 * NS_PER_MS);
        http_server_stats(echo_server_http(f->quick), &stats);
    } while (stats.requests_active > 0);
    struct buf out = BUF_INIT(100 << 20);
    assert_true(raw_read_all(fd, &out));
    assert_true(out.len < 100000000);
    buf_release(&out);
    close(fd);
}

static void test_expect_continue(void **state)
{
    struct echo_pair *f = *state;
    struct buf out = BUF_INIT(1 << 20);
    int fd = raw_connect(echo_server_port(f->patient, false));
    raw_puts(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_true(raw_read_until(fd, &out, "\r\n\r\n"));
    assert_string_equal(out.data, "HTTP/1.1 100 Continue\r\n\r\n");
    raw_puts(fd, "abc");
    assert_true(raw_read_until(fd, &out, "\r\n\r\nabc"));
    close(fd);
    buf_clear(&out);
    fd = raw_connect(echo_server_port(f->patient, false)); /* nobody wants the body: the answer comes instead */
    raw_puts(fd, "POST /ignore HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_true(raw_read_all(fd, &out));
    assert_true(str_starts(buf_str(&out), STR("HTTP/1.1 403 ")));
    close(fd);
    buf_release(&out);
}

static void test_too_large(void **state)
{
    struct echo_pair *f = *state;
    struct buf body = BUF_INIT(8 << 20), out = BUF_INIT(1 << 20);
    for (int i = 0; i < 400000; i++)
        buf_puts(&body, "0123456789");
    for (int chunked = 0; chunked < 2; chunked++) {
        buf_clear(&out);
        int fd = raw_connect(echo_server_port(f->patient, false));
        raw_puts(fd, chunked ? "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3d0900\r\n"
                             : "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n");
        (void)raw_send(fd, body.data, body.len); /* the answer must be readable even while we send */
        assert_true(raw_read_until(fd, &out, "too large\n"));
        assert_true(str_starts(buf_str(&out), STR("HTTP/1.1 413 ")));
        close(fd);
    }
    /* all bodies of a connection together */
    buf_clear(&out);
    int fd = raw_connect(echo_server_port(f->quick, false));
    raw_puts(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n");
    (void)raw_send(fd, body.data, 900000);
    assert_true(raw_read_until(fd, &out, "\r\n\r\n"));
    assert_true(str_starts(buf_str(&out), STR("HTTP/1.1 429 ")));
    close(fd);
    buf_release(&out);
    buf_release(&body);
}

static void test_h2c_upgrade_is_refused(void **state)
{
    struct echo_pair *f = *state;
    struct buf out = BUF_INIT(1 << 20);
    int fd = raw_connect(echo_server_port(f->patient, false));
    raw_puts(fd, "GET /tunnel HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                 "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n");
    assert_true(raw_read_until(fd, &out, "upgrade wanted\n"));
    assert_true(str_starts(buf_str(&out), STR("HTTP/1.1 400 ")));
    close(fd);
    buf_release(&out);
}

static size_t resident_kib(void)
{
    size_t pages = 0, unused;
    FILE *f = fopen("/proc/self/statm", "re");
    assert_int_equal(fscanf(f, "%zu %zu", &unused, &pages), 2);
    fclose(f);
    return pages * 4;
}

/* 200 readers that do not read share one body. */
static void test_shared_bodies(void **state)
{
    struct echo_pair *f = *state;
    int fds[200];
    size_t before = resident_kib();
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = raw_connect_small(echo_server_port(f->patient, false));
        raw_puts(fds[i], "GET /big?n=100000000 HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        char byte;
        assert_true(raw_read_n(fds[i], &byte, 1)); /* it is being answered */
    }
    assert_true(resident_kib() - before < 64 * 1024); /* copies would be 20 GB */
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
}

static void test_clients_that_leave(void **state)
{
    struct echo_pair *f = *state;
    size_t before = echo_server_gone(f->patient);
    int a = raw_connect(echo_server_port(f->patient, false)), b = raw_connect(echo_server_port(f->patient, false));
    int c = raw_connect(echo_server_port(f->patient, false));
    struct buf out = BUF_INIT(1 << 20);
    raw_puts(a, "GET /watch HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(raw_read_until(a, &out, "\r\n\r\n"));
    raw_puts(b, "GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
    raw_puts(c, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
    close(a);
    close(b);
    close(c);
    struct http_stats stats;
    do {
        sleep_ns(10 * NS_PER_MS);
        http_server_stats(echo_server_http(f->patient), &stats);
    } while (stats.requests_active > 0 || echo_server_gone(f->patient) == before);
    assert_int_equal(echo_server_gone(f->patient), before + 1);
    buf_release(&out);
}

static void test_tunnel(void **state)
{
    struct echo_pair *f = *state;
    struct buf out = BUF_INIT(8 << 20);
    int fd = raw_connect(echo_server_port(f->patient, false));
    raw_puts(
        fd,
        "POST /tunnel HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\nContent-Length: 0\r\n\r\nearly");
    assert_true(raw_read_until(fd, &out, "\r\n\r\nearly"));
    assert_true(str_starts(buf_str(&out), STR("HTTP/1.1 101 Switching Protocols\r\n")));
    buf_clear(&out);
    char block[10000];
    memset(block, 'b', sizeof(block));
    for (int i = 0; i < 100; i++) { /* more than any window */
        assert_true(raw_send(fd, block, sizeof(block)));
        if (i % 10 == 9)
            for (size_t want = (size_t)(i + 1) * sizeof(block); out.len < want;) {
                char chunk[65536];
                ssize_t n = recv(fd, chunk, sizeof(chunk), 0);
                assert_true(n > 0);
                buf_add(&out, chunk, (size_t)n);
            }
    }
    shutdown(fd, SHUT_WR);
    assert_true(raw_read_all(fd, &out)); /* our end is mirrored */
    assert_int_equal(out.len, 1000000);
    close(fd);
    buf_release(&out);
}

static void test_graceful_stop(void **state)
{
    struct err err = ERR_INIT;
    struct echo_server *s = echo_server_new(NULL, NULL, 2, 0, &err);
    assert_non_null(s);
    struct buf out = BUF_INIT(1 << 20), idle_out = BUF_INIT(1 << 20);
    int watch = raw_connect(echo_server_port(s, false)), idle = raw_connect(echo_server_port(s, false));
    raw_puts(watch, "GET /watch HTTP/1.1\r\nHost: x\r\n\r\n");
    raw_puts(idle, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(raw_read_until(watch, &out, "\r\n\r\n"));
    assert_true(raw_read_until(idle, &idle_out, "hello\n"));
    http_server_stop(echo_server_http(s), 5000);
    assert_true(raw_read_all(watch, &out));
    assert_true(str_ends(buf_str(&out), STR("\r\n\r\n0\r\n\r\n"))); /* ended, not cut off */
    assert_true(raw_closed(idle));
    close(watch);
    close(idle);
    echo_server_free(s);
    buf_release(&out);
    buf_release(&idle_out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_exchanges), cmocka_unit_test(test_pipelining),
        cmocka_unit_test(test_broken_requests), cmocka_unit_test(test_header_limits),
        cmocka_unit_test(test_slow_head),       cmocka_unit_test(test_slow_body),
        cmocka_unit_test(test_slow_reader),     cmocka_unit_test(test_expect_continue),
        cmocka_unit_test(test_too_large),       cmocka_unit_test(test_h2c_upgrade_is_refused),
        cmocka_unit_test(test_shared_bodies),   cmocka_unit_test(test_clients_that_leave),
        cmocka_unit_test(test_tunnel),          cmocka_unit_test(test_graceful_stop),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
