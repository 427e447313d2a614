#include "check.h"

#include "api/quantity.h"

static void test_canonical_form(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"0", "0"},
        {"0Ki", "0"},
        {"-0", "0"},
        {"1", "1"},
        {"100m", "100m"},
        {"0.1", "100m"},
        {"1.5", "1500m"},
        {"1000", "1k"},
        {"1500", "1500"},
        {"1000000", "1M"},
        {"1Ki", "1Ki"},
        {"1024Ki", "1Mi"},
        {"1.5Gi", "1536Mi"},
        {"0.5Ki", "512"},
        {"1000Ki", "1000Ki"},
        {"1023", "1023"},
        {"1e3", "1e3"},
        {"1E3", "1e3"},
        {"1E", "1E"},
        {"12e-3", "12e-3"},
        {"1.2e2", "120"},
        {"100e3", "100e3"},
        {"+5", "5"},
        {"-5m", "-5m"},
        {"1n", "1n"},
        {"0.1n", "1n"},
        {"-0.1n", "-1n"},
        {"0.0000000001", "1n"},
        {"1u", "1u"},
        {"1.0", "1"},
        {"01.500", "1500m"},
        {"9223372036854775807", "9223372036854775807"},
        {"9223372036854775808", "9223372036854775807"},
        {"9.3E", "9223372036854775807"},
        {"100Ei", "9223372036854775807"},
        {"1e100", "9223372036854775807"},
        {"8Ei", "9223372036854775807"},
        {"7Ei", "7Ei"},
        {"0.3Ki", "307200m"},
        {"1.1Ki", "1127"},
        {".5", "500m"},
        {"5.", "5"},
        {"1e0", "1"},
        {"123456789.123456789", "123456789123456789n"},
        {"1e-20", "1e-9"},
        {"00000000000000000000000000000000000000001", "1"},
        {"1.00000000000000000000000000000000000000001", "1000000001n"},
        {"0.5Mi", "512Ki"},
        {"100Mi", "100Mi"},
        {"0.1Ki", "102400m"},
        {"1m", "1m"},
        {"250M", "250M"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        struct quantity q, again;
        char out[QUANTITY_TEXT_MAX];

        if (quantity_parse(str_of(cases[i].in), &q, &err) < 0)
            fail_msg("%s: %s", cases[i].in, err.msg);
        quantity_format(&q, out);
        if (strcmp(out, cases[i].out) != 0)
            fail_msg("%s gave %s, not %s", cases[i].in, out, cases[i].out);
        assert_true(quantity_read(str_of(out), &again));
        if (q.format != QUANTITY_BINARY_SI)
            assert_int_equal(quantity_cmp(&q, &again), 0);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *in, *msg;
    } cases[] = {
        {"", "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"},
        {"abc", "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"},
        {"1 ", "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"},
        {"1.1.1", "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"},
        {"--1", "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"},
        {"1Kib", "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"},
        {".", "unable to parse numeric part of quantity"},
        {"1K", "unable to parse quantity's suffix"},
        {"1mi", "unable to parse quantity's suffix"},
        {"1e", "unable to parse quantity's suffix"},
        {"1e+", "unable to parse quantity's suffix"},
        {"1-3", "unable to parse quantity's suffix"},
        {"1Ki3", "unable to parse quantity's suffix"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        struct quantity q;
        if (quantity_parse(str_of(cases[i].in), &q, &err) == 0)
            fail_msg("%s was accepted", cases[i].in);
        assert_string_equal(err.msg, cases[i].msg);
    }
}

static struct quantity q_of(const char *s)
{
    struct quantity q = {0};
    assert_true(quantity_read(str_of(s), &q));
    return q;
}

static void test_values_round_away_from_zero(void **state)
{
    struct quantity q = q_of("1500m");

    assert_int_equal(quantity_value(&q), 2);
    assert_int_equal(quantity_milli(&q), 1500);
    q = q_of("-1500m");
    assert_int_equal(quantity_value(&q), -2);
    q = q_of("1u");
    assert_int_equal(quantity_milli(&q), 1);
    q = q_of("9E");
    assert_int_equal(quantity_milli(&q), INT64_MAX);
    q = q_of("256Mi");
    assert_int_equal(quantity_value(&q), 256 * 1024 * 1024);
}

static void test_arithmetic(void **state)
{
    struct quantity sum = {0}, y = q_of("512Mi");
    char out[QUANTITY_TEXT_MAX];

    for (int i = 0; i < 3; i++)
        quantity_add(&sum, &y);
    quantity_format(&sum, out);
    assert_string_equal(out, "1536Mi"); /* zero took the other's format */
    y = q_of("1Gi");
    quantity_sub(&sum, &y);
    quantity_format(&sum, out);
    assert_string_equal(out, "512Mi");
    assert_int_equal(quantity_cmp(&sum, &y), -1);
    assert_int_equal(quantity_sign(&sum), 1);
    y = quantity_of_milli(250, QUANTITY_DECIMAL_SI);
    quantity_format(&y, out);
    assert_string_equal(out, "250m");
    for (int i = 0; i < 200; i++)
        quantity_add(&y, &y); /* saturates */
    assert_int_equal(quantity_value(&y), INT64_MAX);
    quantity_format(&y, out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical_form),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_values_round_away_from_zero),
        cmocka_unit_test(test_arithmetic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
