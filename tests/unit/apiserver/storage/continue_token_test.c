#include "apiserver/storage/continue_token.h"

#include "base/parse.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_upstream_form(void **state)
{
    _cleanup_(buf_releasep) struct buf token = BUF_INIT(1000), json = BUF_INIT(1000), start = BUF_INIT(1000);
    struct err err = ERR_INIT;
    int64_t revision;
    continue_token_encode(&token, 123, str_n("default/web\0", 12));
    assert_true(base64url_decode(&json, buf_str(&token)));
    assert_string_equal(json.data, "{\"v\":\"meta.k8s.io/v1\",\"rv\":123,\"start\":\"default/web\\u0000\"}");
    assert_int_equal(continue_token_decode(buf_str(&token), &revision, &start, &err), 0);
    assert_int_equal(revision, 123);
    assert_int_equal(start.len, 12);
    assert_memory_equal(start.data, "default/web\0", 12);
}

static void test_inconsistent(void **state)
{
    _cleanup_(buf_releasep) struct buf token = BUF_INIT(1000), start = BUF_INIT(1000);
    struct err err = ERR_INIT;
    int64_t revision;
    continue_token_encode(&token, -1, STR("a"));
    assert_int_equal(continue_token_decode(buf_str(&token), &revision, &start, &err), 0);
    assert_int_equal(revision, -1);
}

static void test_climbing_out(void **state)
{
    static const char *const starts[] = {"..", "../secrets/x", "a/../b", "./a", "a/.", "/etc", ""};
    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        _cleanup_(buf_releasep) struct buf token = BUF_INIT(1000), start = BUF_INIT(1000);
        struct err err = ERR_INIT;
        int64_t revision;
        continue_token_encode(&token, 5, str_of(starts[i]));
        assert_int_equal(continue_token_decode(buf_str(&token), &revision, &start, &err), -1);
        assert_int_equal(err.code, ERR_BAD_REQUEST);
        assert_int_equal(start.len, 0);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_upstream_form),
        cmocka_unit_test(test_inconsistent),
        cmocka_unit_test(test_climbing_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
