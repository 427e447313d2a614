/* The server over HTTP/2, frame by frame, and under the known attacks. */
#include "testhttp/raw.h"
#include "testhttp/echo_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

static const struct http_limits quick = {.headers_ms = 300,
                                         .body_stall_ms = 300,
                                         .idle_ms = 600,
                                         .write_stall_ms = 500,
                                         .control_frames_per_s = 200,
                                         .streams = 10};

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

static int start(struct echo_server *s, struct buf *b)
{
    int fd = raw_connect(echo_server_port(s, false));
    assert_true(fd >= 0);
    buf_init(b, 64 << 20);
    h2_preface(b);
    return fd;
}

static void send_out(int fd, struct buf *b)
{
    (void)raw_send(fd, b->data, b->len);
    buf_clear(b);
}

static void test_exchange(void **state)
{
    struct echo_pair *f = *state;
    struct buf b;
    struct h2_frame frame;
    int fd = start(f->patient, &b);
    h2_get(&b, 1, "/hello", H2_END_STREAM | H2_END_HEADERS);
    h2_get(&b, 3, "/stream?n=3", H2_END_STREAM | H2_END_HEADERS);
    send_out(fd, &b);
    assert_true(h2_read_until(fd, &frame, H2_DATA, 1));
    assert_memory_equal(frame.data, "hello\n", 6);
    assert_int_equal(frame.flags, H2_END_STREAM);
    size_t n = 0;
    do {
        assert_true(h2_read_until(fd, &frame, H2_DATA, 3));
        n += frame.n;
    } while (!(frame.flags & H2_END_STREAM));
    assert_int_equal(n, 15);
    /* a body in pieces */
    h2_get(&b, 5, "/echo", H2_END_HEADERS); /* body goes with any method */
    h2_frame(&b, H2_DATA, 0, 5, "ab", 2);
    h2_frame(&b, H2_DATA, H2_END_STREAM, 5, "c", 1);
    send_out(fd, &b);
    assert_true(h2_read_until(fd, &frame, H2_DATA, 5));
    assert_memory_equal(frame.data, "abc", 3);
    close(fd);
    buf_release(&b);
}

/* Is the connection ended by the server (with or without GOAWAY)? */
static void expect_end(int fd, struct buf *b)
{
    send_out(fd, b);
    assert_true(raw_closed(fd));
    close(fd);
    buf_release(b);
}

static void still_serves(struct echo_server *s)
{
    struct buf b;
    struct h2_frame frame;
    int fd = start(s, &b);
    h2_get(&b, 1, "/hello", H2_END_STREAM | H2_END_HEADERS);
    send_out(fd, &b);
    assert_true(h2_read_until(fd, &frame, H2_DATA, 1));
    close(fd);
    buf_release(&b);
}

static void test_rapid_reset(void **state)
{
    struct echo_pair *f = *state;
    struct buf b;
    int fd = start(f->patient, &b);
    for (uint32_t i = 0; i < 20000; i++) {
        h2_get(&b, 2 * i + 1, "/hello", H2_END_STREAM | H2_END_HEADERS);
        h2_frame(&b, H2_RST_STREAM, 0, 2 * i + 1, "\0\0\0\x8", 4);
    }
    expect_end(fd, &b);
    still_serves(f->patient);
}

static void test_continuation_flood(void **state)
{
    struct echo_pair *f = *state;
    struct buf b;
    int fd = start(f->patient, &b);
    h2_get(&b, 1, "/hello", H2_END_STREAM);
    for (int i = 0; i < 10000; i++)
        h2_frame(&b, H2_CONTINUATION, 0, 1,
                 "\0\x01"
                 "a\x01"
                 "b",
                 5);
    expect_end(fd, &b);
    still_serves(f->patient);
}

static void test_control_floods(void **state)
{
    static const struct {
        uint8_t type;
        uint32_t stream, n;
    } table[] = {{H2_SETTINGS, 0, 0}, {H2_PING, 0, 8}, {H2_PRIORITY, 9, 5}};
    struct echo_pair *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct buf b;
        int fd = start(f->patient, &b);
        for (int k = 0; k < 100000; k++)
            h2_frame(&b, table[i].type, 0, table[i].stream, "\0\0\0\0\x01\0\0\0", table[i].n);
        expect_end(fd, &b);
    }
    struct buf b; /* empty DATA */
    int fd = start(f->patient, &b);
    h2_get(&b, 1, "/echo", H2_END_HEADERS);
    for (int k = 0; k < 100000; k++)
        h2_frame(&b, H2_DATA, 0, 1, "", 0);
    expect_end(fd, &b);
    still_serves(f->patient);
}

static void test_garbage(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } table[] = {
        {"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", 24},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x01\x01\x05\0\0\0\x01\xff\xff\xff\xff",
         37}, /* HEADERS before SETTINGS */
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0\xff\xff\xff\x01\x05\0\0\0\x01", 42}, /* frame too long */
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0\0\0\2\1\5\0\0\0\1\xff\xff", 44},     /* broken HPACK */
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0\0\0\4\10\0\0\0\0\0\0\0\0\0", 46}, /* zero WINDOW_UPDATE */
    };
    struct echo_pair *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        int fd = raw_connect(echo_server_port(f->quick, false));
        (void)raw_send(fd, table[i].bytes, table[i].n);
        assert_true(raw_closed(fd));
        close(fd);
    }
    still_serves(f->quick);
}

static uint8_t first_header_byte(int fd, uint32_t stream)
{
    struct h2_frame frame;
    assert_true(h2_read_until(fd, &frame, H2_HEADERS, stream));
    return frame.data[0];
}

static void test_header_limit(void **state)
{
    struct echo_pair *f = *state;
    struct buf b, block = BUF_INIT(1 << 20);
    int fd = start(f->patient, &b);
    h2_get(&b, 1, "/headers", H2_END_STREAM); /* then 200 small fields: more than the limit */
    for (int i = 0; i < 200; i++)
        buf_add(&block,
                "\0\x01"
                "a\x01"
                "b",
                5);
    h2_frame(&b, H2_CONTINUATION, H2_END_HEADERS, 1, block.data, block.len);
    send_out(fd, &b);
    struct h2_frame frame;
    assert_true(h2_read_until(fd, &frame, H2_DATA, 1));
    assert_memory_equal(frame.data, "431 ", 4);
    h2_get(&b, 3, "/hello", H2_END_STREAM | H2_END_HEADERS); /* the connection goes on */
    send_out(fd, &b);
    assert_int_equal(first_header_byte(fd, 3), 0x88); /* :status 200 of the static table */
    close(fd);
    buf_release(&b);
    buf_release(&block);
}

static void test_time_limits(void **state)
{
    struct echo_pair *f = *state;
    struct buf b;
    struct h2_frame frame;
    int fd = raw_connect(echo_server_port(f->quick, false));
    raw_puts(fd, "PRI * HTTP/2.0\r\n\r\nSM"); /* half a preface */
    assert_true(raw_closed(fd));
    close(fd);
    fd = start(f->quick, &b); /* a header block that never ends */
    h2_get(&b, 1, "/hello", H2_END_STREAM);
    expect_end(fd, &b);
    fd = start(f->quick, &b); /* idle */
    expect_end(fd, &b);
    fd = start(f->quick, &b); /* a body that does not come */
    h2_get(&b, 1, "/echo", H2_END_HEADERS);
    h2_frame(&b, H2_DATA, 0, 1, "ab", 2);
    send_out(fd, &b);
    assert_true(h2_read_until(fd, &frame, H2_DATA, 1));
    assert_memory_equal(frame.data, "408 ", 4);
    close(fd);
    buf_release(&b);
    fd = start(f->quick, &b); /* a window that does not open */
    h2_get(&b, 1, "/big?n=1000000", H2_END_STREAM | H2_END_HEADERS);
    send_out(fd, &b);
    assert_true(h2_read_until(fd, &frame, H2_RST_STREAM, 1));
    close(fd);
    buf_release(&b);
}

static void test_stream_limit(void **state)
{
    struct echo_pair *f = *state;
    struct buf b;
    struct h2_frame frame;
    int fd = start(f->quick, &b);
    for (uint32_t i = 0; i < 11; i++)
        h2_get(&b, 2 * i + 1, "/never", H2_END_STREAM | H2_END_HEADERS);
    send_out(fd, &b);
    assert_true(h2_read_until(fd, &frame, H2_RST_STREAM, 21)); /* REFUSED_STREAM */
    close(fd);
    buf_release(&b);
}

static size_t resident_kib(void)
{
    size_t pages = 0, unused;
    FILE *f = fopen("/proc/self/statm", "re");
    assert_int_equal(fscanf(f, "%zu %zu", &unused, &pages), 2);
    fclose(f);
    return pages * 4;
}

/* 200 streams with a closed window share one body. */
static void test_closed_windows(void **state)
{
    struct echo_pair *f = *state;
    struct buf b;
    struct h2_frame frame;
    int fd = start(f->patient, &b);
    h2_frame(&b, H2_SETTINGS, 0, 0, "\0\x04\0\0\0\0", 6); /* INITIAL_WINDOW_SIZE 0 */
    size_t before = resident_kib();
    for (uint32_t i = 0; i < 200; i++)
        h2_get(&b, 2 * i + 1, "/big?n=100000000", H2_END_STREAM | H2_END_HEADERS);
    send_out(fd, &b);
    for (uint32_t i = 0; i < 200; i++)
        assert_true(h2_read_until(fd, &frame, H2_HEADERS, 0));
    assert_true(resident_kib() - before < 16 * 1024);
    close(fd);
    buf_release(&b);
}

static void test_early_answer(void **state)
{
    struct echo_pair *f = *state;
    struct buf b;
    struct h2_frame frame;
    int fd = start(f->patient, &b);
    h2_get(&b, 1, "/ignore", H2_END_HEADERS); /* no content-length: the rest is not waited for */
    send_out(fd, &b);
    assert_true(h2_read_until(fd, &frame, H2_RST_STREAM, 1));
    assert_memory_equal(frame.data, "\0\0\0\0", 4); /* NO_ERROR */
    close(fd);
    buf_release(&b);
}

static void test_graceful_stop(void **state)
{
    struct err err = ERR_INIT;
    struct echo_server *s = echo_server_new(NULL, NULL, 1, 0, &err);
    struct buf b;
    struct h2_frame frame;
    int fd = start(s, &b);
    h2_get(&b, 1, "/watch", H2_END_STREAM | H2_END_HEADERS);
    send_out(fd, &b);
    assert_true(h2_read_until(fd, &frame, H2_HEADERS, 1));
    http_server_stop(echo_server_http(s), 3000);
    assert_true(h2_read_until(fd, &frame, H2_DATA, 1));
    assert_int_equal(frame.flags, H2_END_STREAM);
    assert_int_equal(frame.n, 0);
    close(fd);
    echo_server_free(s);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exchange),
        cmocka_unit_test(test_rapid_reset),
        cmocka_unit_test(test_continuation_flood),
        cmocka_unit_test(test_control_floods),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_header_limit),
        cmocka_unit_test(test_time_limits),
        cmocka_unit_test(test_stream_limit),
        cmocka_unit_test(test_closed_windows),
        cmocka_unit_test(test_early_answer),
        cmocka_unit_test(test_graceful_stop),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
