/* WebSocket messages, and TLS: half handshakes, and certificates that nobody vouches for. */
#include "testhttp/raw.h"
#include "testhttp/echo_server.h"

#include "base/file.h"
#include "net/http_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

struct fixture {
    struct echo_server *server;
    char dir[64], paths[3][256];
};

static int setup(void **state)
{
    static struct fixture f = {.dir = "/tmp/net-ws-test-XXXXXX"};
    static const struct http_limits limits = {.handshake_ms = 300};
    struct err err = ERR_INIT;
    struct tls_options tls;
    if (!mkdtemp(f.dir))
        return -1;
    echo_server_pki(f.dir, &tls, f.paths);
    f.server = echo_server_new(&limits, &tls, 2, 0, &err);
    *state = &f;
    return f.server ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct err err = ERR_INIT;
    f->server = echo_server_free(f->server);
    return file_remove_tree(f->dir, &err);
}

#define HANDSHAKE                                                                                                      \
    "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"        \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static int open_ws(struct fixture *f, const char *more, struct buf *head)
{
    int fd = raw_connect(echo_server_port(f->server, false));
    raw_puts(fd, HANDSHAKE);
    raw_puts(fd, more);
    raw_puts(fd, "\r\n");
    assert_true(raw_read_until(fd, head, "\r\n\r\n"));
    return fd;
}

static void send_frame(int fd, uint8_t head, const char *text)
{
    struct buf b = BUF_INIT(1024); /* masked with zeros */
    size_t n = strlen(text);
    buf_putc(&b, (char)head);
    buf_putc(&b, (char)(0x80 | n));
    buf_add(&b, "\0\0\0\0", 4);
    buf_add(&b, text, n);
    raw_send(fd, b.data, b.len);
    buf_release(&b);
}

static void expect_frame(int fd, const char *bytes, size_t n)
{
    char got[256];
    assert_true(raw_read_n(fd, got, n));
    assert_memory_equal(got, bytes, n);
}

static void test_messages(void **state)
{
    struct buf head = BUF_INIT(4096);
    int fd = open_ws(*state, "Sec-WebSocket-Protocol: other, v4.test\r\nSec-WebSocket-Protocol: v5.test\r\n", &head);
    assert_int_equal(raw_count(&head, "HTTP/1.1 101 "), 1);
    assert_int_equal(raw_count(&head, "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), 1);
    assert_int_equal(raw_count(&head, "sec-websocket-protocol: v4.test\r\n"), 1);
    send_frame(fd, 0x81, "text");
    expect_frame(fd, "\x81\x04text", 6);
    send_frame(fd, 0x02, "two "); /* fragments with a ping between */
    send_frame(fd, 0x89, "ping");
    send_frame(fd, 0x80, "parts");
    expect_frame(fd, "\x8a\x04ping", 6);
    expect_frame(fd, "\x82\x09two parts", 11);
    send_frame(fd, 0x88, "\x03\xe8");
    expect_frame(fd, "\x88\x02\x03\xe8", 4);
    assert_true(raw_closed(fd));
    close(fd);
    buf_release(&head);
}

static void test_bad_frames(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        uint8_t code; /* of 1000 + */
    } table[] = {
        {"\x81\x04text", 6, 2},                         /* not masked */
        {"\x83\x80\0\0\0\0", 6, 2},                     /* reserved opcode */
        {"\xc1\x81\0\0\0\0a", 7, 2},                    /* reserved bit */
        {"\x81\x81\0\0\0\0\xff", 7, 7},                 /* no UTF-8 */
        {"\x82\xff\0\0\0\0\0\x10\0\0\0\0\0\0x", 15, 9}, /* a message of 1 MiB announced: more than we take */
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct buf head = BUF_INIT(4096);
        uint8_t close_frame[4];
        int fd = open_ws(*state, "", &head);
        raw_send(fd, table[i].bytes, table[i].n);
        assert_true(raw_read_n(fd, close_frame, 4));
        assert_int_equal(close_frame[0], 0x88);
        assert_int_equal(close_frame[2] << 8 | close_frame[3], 1000 + table[i].code);
        close(fd);
        buf_release(&head);
    }
}

static void test_no_handshake(void **state)
{
    struct fixture *f = *state;
    struct buf out = BUF_INIT(4096);
    int fd = raw_connect(echo_server_port(f->server, false));
    raw_puts(fd, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: close\r\nUpgrade: websocket\r\n\r\n");
    assert_true(raw_read_all(fd, &out));
    assert_true(str_starts(buf_str(&out), STR("HTTP/1.1 400 ")));
    close(fd);
    buf_release(&out);
}

static void test_half_handshakes(void **state)
{
    struct fixture *f = *state;
    int silent = raw_connect(echo_server_port(f->server, true));
    int half = raw_connect(echo_server_port(f->server, true));
    int http = raw_connect(echo_server_port(f->server, true));
    raw_send(half, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11); /* a ClientHello that stops */
    raw_puts(http, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(raw_closed(silent));
    assert_true(raw_closed(half));
    assert_true(raw_closed(http));
    close(silent);
    close(half);
    close(http);
    struct http_stats stats;
    http_server_stats(echo_server_http(f->server), &stats);
    assert_true(stats.limit_hits >= 2);
    assert_true(stats.handshakes_failed >= 1);
}

static void read_pem(struct fixture *f, const char *name, struct buf *out)
{
    struct err err = ERR_INIT;
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    assert_int_equal(file_read(path, out, &err), 0);
}

static void test_client_certificates(void **state)
{
    static const struct {
        const char *pair, *answer;
    } table[] = {
        {NULL, "none -\n"},
        {"client", "verified alice dev\n"},
        {"forged", "unverified mallory system:masters\n"}, /* its claim means nothing */
        {"server", "unverified server\n"},                 /* signed by the CA, but not for clients */
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct err err = ERR_INIT;
        struct buf ca = BUF_INIT(65536), cert = BUF_INIT(65536), key = BUF_INIT(65536);
        char url[64], name[32];
        read_pem(f, "ca.crt", &ca);
        if (table[i].pair) {
            snprintf(name, sizeof(name), "%s.crt", table[i].pair);
            read_pem(f, name, &cert);
            snprintf(name, sizeof(name), "%s.key", table[i].pair);
            read_pem(f, name, &key);
        }
        snprintf(url, sizeof(url), "https://127.0.0.1:%u", echo_server_port(f->server, true));
        struct http_client *client = NULL;
        const struct http_client_options o = {.base_url = url,
                                              .ca_pem = buf_str(&ca),
                                              .cert_pem = buf_str(&cert),
                                              .key_pem = buf_str(&key),
                                              .no_keepalive = true};
        assert_int_equal(http_client_new(&o, &client, &err), 0);
        for (int again = 0; again < 2; again++) { /* the second may resume the first's session */
            struct http_client_response r;
            if (http_client_call(client, &(struct http_client_request){.path = "/whoami"}, &r, &err) < 0)
                fail_msg("%s", err.msg);
            assert_string_equal(r.body.data, table[i].answer);
            http_client_response_release(&r);
        }
        http_client_free(client);
        buf_release(&ca);
        buf_release(&cert);
        buf_release(&key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_bad_frames),
        cmocka_unit_test(test_no_handshake),
        cmocka_unit_test(test_half_handshakes),
        cmocka_unit_test(test_client_certificates),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
