#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/parse.h"

static void integers(void **state)
{
    int64_t i;
    uint64_t u;

    assert_true(parse_int64(STR("-9223372036854775808"), &i));
    assert_true(i == INT64_MIN);
    assert_false(parse_int64(STR("9223372036854775808"), &i));
    assert_true(parse_uint64(STR("18446744073709551615"), &u));
    assert_false(parse_uint64(STR("18446744073709551616"), &u));
    assert_false(parse_int64(STR(""), &i));
    assert_false(parse_int64(STR("-"), &i));
    assert_false(parse_int64(STR("+1"), &i));
    assert_false(parse_int64(STR("1 "), &i));
}

static void durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
        const char *canonical;
    } rows[] = {
        {"0", 0, "0s"},
        {"1h", 3600 * NS_PER_S, "1h0m0s"},
        {"1m30s", 90 * NS_PER_S, "1m30s"},
        {"250ms", 250 * NS_PER_MS, "250ms"},
        {"1.5s", 1500 * NS_PER_MS, "1.5s"},
        {"-2m", -120 * NS_PER_S, "-2m0s"},
        {"100us", 100000, "100\xC2\xB5s"},
        {"7ns", 7, "7ns"},
        {"1h0.5s", 3600 * NS_PER_S + 500 * NS_PER_MS, "1h0m0.5s"},
    };
    int64_t ns;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        _cleanup_(buf_releasep) struct buf b = BUF_INIT(100);
        assert_true(parse_duration(str_of(rows[i].text), &ns));
        assert_true(ns == rows[i].ns);
        format_duration(&b, ns);
        assert_string_equal(b.data, rows[i].canonical);
    }
    assert_false(parse_duration(STR("5"), &ns));
    assert_false(parse_duration(STR("1x"), &ns));
    assert_false(parse_duration(STR("s"), &ns));
    assert_false(parse_duration(STR(""), &ns));
}

static void base64_round_trips(void **state)
{
    unsigned char data[64];

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (unsigned char)(i * 37 + 200);
    for (size_t n = 0; n <= sizeof(data); n++) {
        _cleanup_(buf_releasep) struct buf text = BUF_INIT(1000), back = BUF_INIT(1000);
        _cleanup_(buf_releasep) struct buf url = BUF_INIT(1000), url_back = BUF_INIT(1000);
        base64_encode(&text, data, n);
        assert_true(base64_decode(&back, buf_str(&text)));
        assert_true(str_eq(buf_str(&back), str_n((char *)data, n)));
        base64url_encode(&url, data, n);
        assert_true(base64url_decode(&url_back, buf_str(&url)));
        assert_true(str_eq(buf_str(&url_back), str_n((char *)data, n)));
    }
}

static void base64_refuses(void **state)
{
    static const char *const bad[] = {"a", "ab", "abc", "ab=", "a===", "ab==c", "a*bc", "abcd="};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        _cleanup_(buf_releasep) struct buf b = BUF_INIT(100);
        assert_false(base64_decode(&b, str_of(bad[i])));
    }
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(100);
    assert_true(base64_decode(&b, STR("YW\nJj\r\n")));
    assert_string_equal(b.data, "abc");
}

static void percent(void **state)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(100), bad = BUF_INIT(100), enc = BUF_INIT(100);

    assert_true(percent_decode(&b, STR("a%2Fb+c%00"), true));
    assert_true(str_eq(buf_str(&b), str_n("a/b c\0", 6)));
    assert_false(percent_decode(&bad, STR("%2"), false));
    assert_false(percent_decode(&bad, STR("%zz"), false));
    percent_encode(&enc, STR("a b/~"));
    assert_string_equal(enc.data, "a%20b%2F~");
}

static void utf8(void **state)
{
    assert_true(utf8_valid(STR("h\xC3\xA9llo \xE2\x82\xAC \xF0\x9F\x98\x80")));
    assert_false(utf8_valid(STR("\xC0\x80")));
    assert_false(utf8_valid(STR("\xED\xA0\x80")));
    assert_false(utf8_valid(STR("\xF4\x90\x80\x80")));
    assert_false(utf8_valid(STR("\xE2\x82")));
    assert_false(utf8_valid(STR("\x80")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),       cmocka_unit_test(durations), cmocka_unit_test(base64_round_trips),
        cmocka_unit_test(base64_refuses), cmocka_unit_test(percent),   cmocka_unit_test(utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
