#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/limits.h"
#include "ecs/map/regex.h"

static const struct {
    const char *pattern, *text;
    int want; /* -1: does not compile */
} rows[] = {
    {"t3.small", "t3.small", 1},
    {"3.s", "t3.small", 1},
    {"^3", "t3.small", 0},
    {"small$", "t3.small", 1},
    {"^$", "", 1},
    {"^$", "x", 0},
    {"", "anything", 1},
    {"a*", "", 1},
    {"a+", "", 0},
    {"^a+$", "aaa", 1},
    {"^ab?c$", "ac", 1},
    {"^ab?c$", "abbc", 0},
    {"^(ab)*$", "abab", 1},
    {"^(ab)*$", "aba", 0},
    {"^(?:a|bc)+$", "abca", 1},
    {"^(a|b|)c$", "c", 1},
    {"a|^b$|c", "xb", 0},
    {"[a-c]x", "bx", 1},
    {"[^a-c]x", "bx", 0},
    {"[]]", "]", 1},
    {"[^]]", "]", 0},
    {"[\\d.]+", "1.2", 1},
    {"^[\\w-]+$", "a-b_9", 1},
    {"^\\D\\S\\W$", "ab-", 1},
    {"\\.", "a", 0},
    {"\\s", "a b", 1},
    {"a.c", "a\nc", 1},
    {"^.*?b$", "aab", 1},
    {"((((a))))", "a", 1},
    {"x(", "x", -1},
    {"x)", "x", -1},
    {"[x", "x", -1},
    {"*", "x", -1},
    {"a**", "x", -1},
    {"a{2}", "aa", -1},
    {"(a)\\1", "aa", -1},
    {"a\\", "a", -1},
    {"(?=a)", "a", -1},
};

static void patterns_are_matched(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
        struct regex *r = regex_compile(a, str_of(rows[i].pattern));
        int got = r ? regex_matches(r, str_of(rows[i].text)) : -1;

        if (got != rows[i].want)
            fail_msg("%s on %s: %d", rows[i].pattern, rows[i].text, got);
        if (r) /* the room is clean again */
            assert_int_equal(regex_matches(r, str_of(rows[i].text)), rows[i].want);
    }
}

/* What a backtracking matcher would need years for. */
static void hard_patterns_cost_little(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    static char text[200], deep[2 * REGEX_DEPTH_MAX + 8];
    struct regex *r = regex_compile(a, STR("^(a|a|aa)*(a*)*(a?)*.*.*.*.*.*.*.*x$"));

    memset(text, 'a', sizeof(text));
    assert_non_null(r);
    assert_false(regex_matches(r, str_n(text, sizeof(text))));
    text[sizeof(text) - 1] = 'x';
    assert_true(regex_matches(r, str_n(text, sizeof(text))));
    memset(deep, '(', sizeof(deep));
    assert_null(regex_compile(a, str_n(deep, sizeof(deep))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_are_matched),
        cmocka_unit_test(hard_patterns_cost_little),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
