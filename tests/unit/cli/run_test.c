#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cli/run.h"

static void takes_output_and_exit_code(void **state)
{
    struct err err = ERR_INIT;
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(1000);
    char *good[] = {"sh", "-c", "echo one; echo two >&2", NULL}, *bad[] = {"sh", "-c", "echo why; exit 3", NULL};

    assert_int_equal(run_wait(good, 10, &out, &err), 0);
    assert_string_equal(out.data, "one\ntwo\n");
    assert_int_equal(run_wait(bad, 10, NULL, &err), -1);
    assert_string_equal(err.msg, "sh: exit code 3: why");
}

static void ends_what_takes_too_long(void **state)
{
    struct err err = ERR_INIT;
    char *slow[] = {"sleep", "100", NULL};

    assert_int_equal(run_wait(slow, 1, NULL, &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
}

static void tells_of_a_missing_program(void **state)
{
    struct err err = ERR_INIT;

    assert_int_equal(run_line(&err, "no-such-program-%d x", 1), -1);
    assert_non_null(strstr(err.msg, "No such file"));
    assert_true(run_in_path("sh"));
    assert_false(run_in_path("no-such-program-1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(takes_output_and_exit_code),
                                       cmocka_unit_test(ends_what_takes_too_long),
                                       cmocka_unit_test(tells_of_a_missing_program)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
