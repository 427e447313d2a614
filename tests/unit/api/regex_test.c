#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "api/regex.h"
#include "base/limits.h"

static void matches(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool want;
    } cases[] = {
        {"", "", true},
        {"abc", "xabcx", true},
        {"^abc$", "xabc", false},
        {"^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$", "* * * * */5", true},
        {"^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$", "* * * *", false},
        {"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "a-b-c", true},
        {"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "a-", false},
        {"^a{2,3}$", "a", false},
        {"^a{2,3}$", "aaa", true},
        {"^a{2,3}$", "aaaa", false},
        {"^a{2}$", "aa", true},
        {"^(ab){2,}$", "ababab", true},
        {"^(ab){2,}$", "ab", false},
        {"a{,2}", "a{,2}", true}, /* no count: text */
        {"^(a|b|cd)+$", "abcda", true},
        {"^(a|b|cd)+$", "abc", false},
        {"(?i)^ABC$", "aBc", true},
        {"^(?:x|y)z$", "yz", true},
        {"^(?P<n>x)$", "x", true},
        {"^[^a-c]$", "d", true},
        {"^[^a-c]$", "b", false},
        {"^[]a]+$", "]a", true},
        {"^[\\w.-]+$", "a_b.c-d", true},
        {"^[[:alpha:]]+$", "abC", true},
        {"^[[:alpha:]]+$", "a1", false},
        {"^.$", "\n", false},
        {"(?s)^.$", "\n", true},
        {"(?m)^b$", "a\nb\nc", true},
        {"^b$", "a\nb\nc", false},
        {"\\bfoo\\b", "a foo b", true},
        {"\\bfoo\\b", "afoob", false},
        {"^\\x41\\x{42}\\.$", "AB.", true},
        {"^\\Qa.b\\E$", "a.b", true},
        {"^\\Qa.b\\E$", "axb", false},
        {"^\xc3\xa9.$", "\xc3\xa9\xe2\x82\xac", true},
        {"^[\xc3\xa0-\xc3\xaf]$", "\xc3\xa9", true},
        {"^a*?b+?c??$", "aab", true},
        {"^\\p{Lu}\\pL*$", "Abc", true},
        {"^\\P{L}$", "1", true},
        {"()*", "x", true},
        {"^(a*)*$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", false}, /* in no time */
        {"a|", "", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new(16 * MIB);
        const struct regex *r;
        struct err err = ERR_INIT;
        if (regex_compile(a, str_of(cases[i].pattern), &r, &err) < 0)
            fail_msg("%s: %s", cases[i].pattern, err.msg);
        if (regex_match(r, str_of(cases[i].text)) != cases[i].want)
            fail_msg("%s on %s: not %d", cases[i].pattern, cases[i].text, cases[i].want);
        arena_free(a);
    }
}

static void refuses(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"(a", "error parsing regexp: missing closing ): `(a`"},
        {"a)", "error parsing regexp: unexpected ): `a)`"},
        {"[a", "error parsing regexp: missing closing ]: `[a`"},
        {"*a", "error parsing regexp: missing argument to repetition operator: `*`"},
        {"a**", "error parsing regexp: invalid nested repetition operator: `*`"},
        {"[b-a]", "error parsing regexp: invalid character class range: `b-a`"},
        {"\\8", "error parsing regexp: invalid escape sequence: `\\8`"},
        {"a{2,1}", "error parsing regexp: invalid repeat count: `{2,1}`"},
        {"a{1001}", "error parsing regexp: invalid repeat count: `{1001}`"},
        {"(?=a)", "error parsing regexp: invalid or unsupported Perl syntax: `(?=`"},
        {"a\\", "error parsing regexp: trailing backslash at end of expression: ``"},
        {"((a{100}){100}){100}", "error parsing regexp: expression too large"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new(16 * MIB);
        const struct regex *r;
        struct err err = ERR_INIT;
        assert_int_equal(regex_compile(a, str_of(cases[i][0]), &r, &err), -1);
        assert_string_equal(err.msg, cases[i][1]);
        arena_free(a);
    }
}

/* What a backtracking matcher would need years for. */
static void hard_patterns_cost_little(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    const struct regex *r;
    struct err err = ERR_INIT;
    char text[200];

    memset(text, 'a', sizeof(text));
    assert_int_equal(regex_compile(a, STR("^(a|a|aa)*(a*)*(a?)*.*.*.*.*.*.*.*x$"), &r, &err), 0);
    assert_false(regex_match(r, str_n(text, sizeof(text))));
    text[sizeof(text) - 1] = 'x';
    assert_true(regex_match(r, str_n(text, sizeof(text))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(matches), cmocka_unit_test(hard_patterns_cost_little),
                                       cmocka_unit_test(refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
