#include "check.h"

static void test_lookups_chain_through_absence(void **state)
{
    struct doc *d = parse(*state, "{\"a\":{\"b\":[1,{\"c\":\"x\"}]},\"n\":null}");

    assert_true(str_is(doc_str(doc_get(doc_at(doc_path(d, "a.b"), 1), "c")), "x"));
    assert_null(doc_path(d, "a.nope.deeper"));
    assert_null(doc_path(NULL, "a"));
    assert_null(doc_at(doc_path(d, "a.b"), 2));
    assert_int_equal(doc_count(doc_get(d, "n")), 0);
    assert_int_equal(doc_int_or(doc_at(doc_path(d, "a.b"), 0), 7), 1);
    assert_int_equal(doc_int_or(NULL, 7), 7);
}

static void test_integers_in_any_spelling(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t v;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"1.0", true, 1},
        {"1e3", true, 1000},
        {"1.5e1", true, 15},
        {"1500e-2", true, 15},
        {"1.5", false, 0},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"9223372036854775807.0", true, INT64_MAX},
        {"1e400", false, 0},
        {"0e99999", false, 0},
        {"123456789012345678901234567890e-20", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t v = 0;
        bool ok = doc_to_int(parse(*state, cases[i].text), &v);
        if (ok != cases[i].ok || (ok && v != cases[i].v))
            fail_msg("%s: %d %lld", cases[i].text, ok, (long long)v);
    }
}

static void test_members_are_set_replaced_removed(void **state)
{
    struct arena *a = *state;
    struct doc *d = doc_object(a);

    doc_set(d, "a", doc_int(a, 1));
    doc_set(d, "b", doc_string(a, STR("x")));
    doc_set(d, "a", doc_bool(a, true));
    assert_doc(a, d, "{\"a\":true,\"b\":\"x\"}");
    assert_non_null(doc_remove(d, "b"));
    assert_null(doc_remove(d, "b"));
    doc_set(d, "c", doc_null(a));
    assert_doc(a, d, "{\"a\":true,\"c\":null}");
    assert_true(doc_set_path(a, d, "s.t.u", doc_printf(a, "%d", 5)));
    assert_false(doc_set_path(a, d, "a.x", doc_null(a)));
    assert_doc(a, d, "{\"a\":true,\"c\":null,\"s\":{\"t\":{\"u\":\"5\"}}}");
    assert_non_null(doc_need_array(a, d, "c"));
    assert_null(doc_need_object(a, d, "c"));
}

static void test_arrays_grow_and_shrink_anywhere(void **state)
{
    struct arena *a = *state;
    struct doc *d = parse(a, "[1,2,3]");

    doc_insert_before(d, doc_at(d, 0), doc_int(a, 0));
    doc_insert_before(d, doc_at(d, 2), doc_int(a, 9));
    doc_insert_before(d, NULL, doc_int(a, 4));
    assert_doc(a, d, "[0,1,9,2,3,4]");
    assert_true(doc_unlink(d, doc_at(d, 5)));
    doc_append(d, doc_int(a, 5));
    assert_true(doc_unlink(d, doc_at(d, 0)));
    assert_false(doc_unlink(d, doc_int(a, 5)));
    doc_replace(d, doc_at(d, 4), doc_int(a, 6));
    doc_append(d, doc_int(a, 7));
    assert_doc(a, d, "[1,9,2,3,6,7]");
    doc_foreach (d, it)
        doc_unlink(d, it);
    assert_doc(a, d, "[]");
    doc_append(d, doc_int(a, 1));
    assert_doc(a, d, "[1]");
}

static void test_equal_by_value(void **state)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {
        {"1", "1.0", true},
        {"100", "1e2", true},
        {"0.1", "1e-1", true},
        {"0", "-0.0", true},
        {"0", "0e5", true},
        {"12", "1.2e1", true},
        {"12", "21", false},
        {"1", "-1", false},
        {"9007199254740993", "9007199254740992", false},
        {"9223372036854775808", "9223372036854775808.0", true},
        {"1e1000", "10e999", true},
        {"1e1000", "1e1001", false},
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true},
        {"{\"a\":1,\"b\":2}", "{\"a\":1,\"c\":2}", false},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
        {"[1,2]", "[2,1]", false},
        {"null", "false", false},
        {"\"1\"", "1", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (doc_equal(parse(*state, cases[i].a), parse(*state, cases[i].b)) != cases[i].equal)
            fail_msg("%s and %s", cases[i].a, cases[i].b);
}

static void test_sort_members(void **state)
{
    struct doc *d = parse(*state, "{\"c\":1,\"a\":{\"z\":1,\"y\":[{\"q\":1,\"p\":2}]},\"\":0,\"b\":3}");

    doc_sort_members(d, true);
    assert_doc(*state, d, "{\"\":0,\"a\":{\"y\":[{\"p\":2,\"q\":1}],\"z\":1},\"b\":3,\"c\":1}");
    doc_set(d, "d", doc_null(*state));
    assert_doc(*state, d, "{\"\":0,\"a\":{\"y\":[{\"p\":2,\"q\":1}],\"z\":1},\"b\":3,\"c\":1,\"d\":null}");
}

static void test_clone_stands_alone(void **state)
{
    char text[] = "{\"a\":[\"x\",1.5,{\"b\":null}]}";
    struct doc *d = parse(*state, text), *copy = doc_clone(*state, d, false);

    assert_true(doc_equal(d, copy));
    memset(text, ' ', sizeof(text) - 1);
    assert_doc(*state, copy, "{\"a\":[\"x\",1.5,{\"b\":null}]}");
}

static void test_overflow_is_sticky_and_harmless(void **state)
{
    struct arena *a = arena_new(4096);
    struct doc *d = doc_array(a);

    for (int i = 0; i < 1000; i++)
        doc_append(d, doc_int(a, i));
    assert_true(arena_overflow(a));
    assert_null(doc_clone(a, d, false));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(test_lookups_chain_through_absence),
        ARENA_TEST(test_integers_in_any_spelling),
        ARENA_TEST(test_members_are_set_replaced_removed),
        ARENA_TEST(test_arrays_grow_and_shrink_anywhere),
        ARENA_TEST(test_equal_by_value),
        ARENA_TEST(test_sort_members),
        ARENA_TEST(test_clone_stands_alone),
        ARENA_TEST(test_overflow_is_sticky_and_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
