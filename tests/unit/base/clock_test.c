#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/clock.h"

static void formats(void **state)
{
    char out[RFC3339_MAX];

    format_rfc3339(out, 0, 0);
    assert_string_equal(out, "1970-01-01T00:00:00Z");
    format_rfc3339(out, 951827696123456789, 6); /* a leap day */
    assert_string_equal(out, "2000-02-29T12:34:56.123456Z");
    format_rfc3339(out, -1, 9);
    assert_string_equal(out, "1969-12-31T23:59:59.999999999Z");
}

static void parses(void **state)
{
    int64_t s;
    int32_t ns;

    assert_true(parse_rfc3339(STR("2000-02-29T14:34:56.5+02:00"), &s, &ns));
    assert_int_equal(s, 951827696);
    assert_int_equal(ns, 500000000);
    assert_true(parse_rfc3339(STR("0001-01-01T00:00:00Z"), &s, &ns));
    assert_int_equal(s, -62135596800);
}

static void refuses(void **state)
{
    static const char *const bad[] = {"",
                                      "2000-02-30T00:00:00Z",
                                      "2000-13-01T00:00:00Z",
                                      "2000-01-01 00:00:00Z",
                                      "2000-01-01T24:00:00Z",
                                      "2000-01-01T00:00:00",
                                      "2000-01-01T00:00:00Zx",
                                      "2000-01-01T00:00:00.Z",
                                      "2000-01-01T00:00:00+25:00",
                                      "1900-02-29T00:00:00Z"};
    int64_t s;
    int32_t ns;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(parse_rfc3339(str_of(bad[i]), &s, &ns));
}

static void round_trip(void **state)
{
    char out[RFC3339_MAX];
    int64_t s;
    int32_t ns;

    for (int64_t day = -20000; day < 60000; day += 13) {
        format_rfc3339(out, day * 86400 * NS_PER_S, 0);
        assert_true(parse_rfc3339(str_of(out), &s, &ns));
        assert_int_equal(s, day * 86400);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats),
        cmocka_unit_test(parses),
        cmocka_unit_test(refuses),
        cmocka_unit_test(round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
