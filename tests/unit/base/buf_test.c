#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/buf.h"

static void appends_and_terminates(void **state)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(1 << 16);

    buf_puts(&b, "ab");
    buf_putc(&b, 'c');
    buf_printf(&b, "-%d-%s", 42, "x");
    buf_int(&b, INT64_MIN);
    assert_true(buf_ok(&b));
    assert_string_equal(b.data, "abc-42-x-9223372036854775808");
    buf_consume(&b, 3);
    assert_string_equal(b.data, "-42-x-9223372036854775808");
}

static void fails_at_the_ceiling(void **state)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(10);

    buf_puts(&b, "0123456789");
    assert_true(buf_ok(&b));
    buf_putc(&b, 'x');
    assert_false(buf_ok(&b));
    assert_string_equal(b.data, "0123456789");
    buf_puts(&b, ""); /* stays failed */
    assert_false(buf_ok(&b));
    buf_clear(&b);
    assert_true(buf_ok(&b));
    buf_printf(&b, "%s", "01234567890");
    assert_false(buf_ok(&b));
}

static void long_printf(void **state)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(1 << 16);
    char text[3000];

    memset(text, 'y', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    buf_printf(&b, "<%s>", text);
    assert_int_equal(b.len, sizeof(text) + 1);
    assert_int_equal(b.data[b.len - 1], '>');
}

static void take_of_nothing_is_a_string(void **state)
{
    struct buf b = BUF_INIT(10);
    _cleanup_(freep) char *s = buf_take(&b);
    assert_string_equal(s, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_and_terminates),
        cmocka_unit_test(fails_at_the_ceiling),
        cmocka_unit_test(long_printf),
        cmocka_unit_test(take_of_nothing_is_a_string),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
