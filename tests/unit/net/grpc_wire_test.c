#include "net/grpc_wire.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Three messages ("abc", "", "0123456789") in one stream. */
static struct str three(char out[28])
{
    grpc_prefix_write((unsigned char *)out, 3);
    memcpy(out + 5, "abc", 3);
    grpc_prefix_write((unsigned char *)out + 8, 0);
    grpc_prefix_write((unsigned char *)out + 13, 10);
    memcpy(out + 18, "0123456789", 10);
    return str_n(out, 28);
}

static void test_parser_in_pieces_of_any_size(void **state)
{
    char wire[28];
    struct str all = three(wire);
    static const char *const expect[] = {"abc", "", "0123456789"};
    for (size_t piece = 1; piece <= all.n; piece++) {
        struct grpc_parser p;
        struct err err = ERR_INIT;
        size_t got = 0;
        grpc_parser_init(&p, 100);
        for (size_t at = 0; at < all.n; at += piece) {
            struct str in = str_n(all.p + at, MIN_OF(piece, all.n - at));
            while (grpc_parser_feed(&p, &in, &err) == 1) {
                assert_true(got < 3);
                assert_string_equal(buf_str(&p.message).p, expect[got]);
                assert_int_equal(p.message.len, strlen(expect[got++]));
            }
            assert_int_equal(in.n, 0);
        }
        assert_int_equal(got, 3);
        assert_true(grpc_parser_idle(&p));
        grpc_parser_release(&p);
    }
}

static void test_parser_refuses(void **state)
{
    struct grpc_parser p;
    struct err err = ERR_INIT;
    struct str compressed = str_n("\1\0\0\0\1x", 6), large = str_n("\0\xff\xff\xff\xff", 5);
    grpc_parser_init(&p, 100);
    assert_int_equal(grpc_parser_feed(&p, &compressed, &err), -1);
    assert_int_equal(err.code, ERR_INTERNAL);
    grpc_parser_release(&p);
    grpc_parser_init(&p, 100);
    assert_int_equal(grpc_parser_feed(&p, &large, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    grpc_parser_release(&p);
}

static void test_timeout(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {{-5, "1m"},
                 {0, "1m"},
                 {1, "1m"},
                 {99999999, "99999999m"},
                 {100000000, "100000S"},
                 {100000001, "100001S"},
                 {(int64_t)99999999 * 1000 + 1, "1666667M"},
                 {INT64_MAX / 10000, "256204778H"}};
    for (size_t i = 0; i + 1 < ARRAY_LEN(cases); i++) {
        char out[GRPC_TIMEOUT_MAX];
        grpc_timeout_format(out, cases[i].ms);
        assert_string_equal(out, cases[i].text);
    }
    char out[GRPC_TIMEOUT_MAX];
    grpc_timeout_format(out, cases[7].ms); /* never more than eight digits */
    assert_string_equal(out, "99999999H");
}

static void test_message(void **state)
{
    char out[16];
    grpc_message_decode(out, sizeof out, STR("a%20b%2"));
    assert_string_equal(out, "a b%2");
    grpc_message_decode(out, sizeof out, STR("%e4%XX%00%"));
    assert_string_equal(out, "\xe4%XX %");
    grpc_message_decode(out, sizeof out, STR("0123456789abcdefghi"));
    assert_string_equal(out, "0123456789abcde");
}

static void test_target(void **state)
{
    struct grpc_target t;
    struct err err = ERR_INIT;
    assert_int_equal(grpc_target_parse(STR(" https://[::1]:2379/ "), &t, &err), 0);
    assert_true(t.address.tls);
    assert_string_equal(t.address.host, "::1");
    assert_string_equal(t.address.port, "2379");
    assert_string_equal(t.address.authority, "[::1]:2379");
    grpc_target_release(&t);
    static const char *const unix_sockets[] = {"unix:/run/c.sock", "unix:///run/c.sock"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(grpc_target_parse(str_of(unix_sockets[i]), &t, &err), 0);
        assert_string_equal(t.unix_socket, "/run/c.sock");
        assert_string_equal(t.address.authority, "localhost");
        grpc_target_release(&t);
    }
    assert_int_equal(grpc_target_parse(STR("unix:"), &t, &err), -1);
    assert_int_equal(grpc_target_parse(STR("http://user@host"), &t, &err), -1);
    assert_int_equal(grpc_target_parse(STR("localhost:2379"), &t, &err), -1);
}

static void test_http_status(void **state)
{
    assert_int_equal(grpc_status_of_http(503), 14);
    assert_int_equal(grpc_status_of_http(404), 12);
    assert_int_equal(grpc_status_of_http(418), 2);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parser_in_pieces_of_any_size),
        cmocka_unit_test(test_parser_refuses),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_target),
        cmocka_unit_test(test_http_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
