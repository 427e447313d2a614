#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/err.h"

#include <errno.h>
#include <string.h>

static void set_wrap_and_errno(void **state)
{
    struct err err = ERR_INIT;

    assert_int_equal(err_set(&err, ERR_NOT_FOUND, "no %s", "pod"), -1);
    err_wrap(&err, "reading %d", 7);
    assert_string_equal(err.msg, "reading 7: no pod");
    assert_int_equal(err.code, ERR_NOT_FOUND);
    err_errno(&err, ENOENT, "open %s", "x");
    assert_string_equal(err.msg, "open x: No such file or directory");
    assert_int_equal(err.sys, ENOENT);
}

static void cuts_at_a_character(void **state)
{
    struct err err = ERR_INIT;
    char text[2 * ERR_TEXT_MAX];

    for (size_t i = 0; i + 1 < sizeof(text); i += 2)
        memcpy(text + i, "\xC3\xA9", 2);
    text[sizeof(text) - 2] = '\0';
    err_set(&err, ERR_INTERNAL, "%s", text);
    assert_int_equal(strlen(err.msg) % 2, 0);
    err_set(&err, ERR_INTERNAL, "x%s", text);
    assert_int_equal(strlen(err.msg) % 2, 1);
}

static void codes_map(void **state)
{
    assert_int_equal(err_http(ERR_CONFLICT), 409);
    assert_string_equal(err_reason(ERR_EXPIRED), "Expired");
    assert_int_equal(err_from_http(404), ERR_NOT_FOUND);
    assert_int_equal(err_from_http(409), ERR_CONFLICT);
    assert_int_equal(err_from_http(410), ERR_EXPIRED);
    assert_int_equal(err_from_http(599), ERR_INTERNAL);
    assert_int_equal(err_from_grpc(14), ERR_UNAVAILABLE);
    assert_int_equal(err_from_grpc(99), ERR_SYSTEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_wrap_and_errno),
        cmocka_unit_test(cuts_at_a_character),
        cmocka_unit_test(codes_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
