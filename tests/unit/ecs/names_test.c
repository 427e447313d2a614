#include "ecs/ops/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void labels(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(1 << 20);
    char longest[256];

    assert_string_equal(ecs_object_label(a, "ecs-", STR("demo")), "ecs-demo");
    assert_string_equal(ecs_object_label(a, "", STR("web-2")), "web-2");
    const char *upper = ecs_object_label(a, "ecs-", STR("Demo")), *lower = ecs_object_label(a, "ecs-", STR("demo"));
    assert_string_not_equal(upper, lower);
    assert_string_not_equal(ecs_object_label(a, "", STR("a_b")), ecs_object_label(a, "", STR("a.b")));
    assert_string_equal(ecs_object_label(a, "", STR("a_b")), ecs_object_label(a, "", STR("a_b")));
    memset(longest, 'a', sizeof(longest));
    for (size_t n = 1; n <= 255; n++) {
        const char *got = ecs_object_label(a, "ecs-", str_n(longest, n));
        assert_true(strlen(got) <= ECS_NAME_MAX);
        assert_int_equal(strspn(got, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(got));
    }
    const char *dash = ecs_object_label(a, "", STR("-"));
    assert_true(dash[0] != '-' && dash[strlen(dash) - 1] != '-');
}

static void arns(void **state)
{
    assert_true(str_is(ecs_name_of(STR("demo"), "cluster"), "demo"));
    assert_true(str_is(ecs_name_of(STR("arn:aws:ecs:us-east-1:000000000000:cluster/demo"), "cluster"), "demo"));
    assert_true(str_is(ecs_name_of(STR("arn:aws:ecs:r:1:task/demo/0123"), "task"), "demo/0123"));
    assert_int_equal(ecs_name_of(STR("arn:aws:ecs:r:1:service/demo"), "cluster").n, 0);
    assert_int_equal(ecs_name_of(STR("arn:aws:ecs:r:1"), "cluster").n, 0);
    assert_int_equal(ecs_name_of(STR("arn:"), "cluster").n, 0);
    assert_int_equal(ecs_name_of(STR("arn:aws:ecs:r:1:cluster"), "cluster").n, 0);
}

static void revisions(void **state)
{
    struct str family;
    int64_t revision;

    assert_true(ecs_split_revision(STR("web:12"), &family, &revision));
    assert_true(str_is(family, "web"));
    assert_int_equal(revision, 12);
    assert_true(ecs_split_revision(STR("web"), &family, &revision));
    assert_int_equal(revision, 0);
    static const struct str bad[] = {{"web:", 4}, {"web:0", 5}, {"web:x", 5}, {":1", 2}, {"", 0}, {"web:1:2", 7}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(ecs_split_revision(bad[i], &family, &revision));
    assert_false(ecs_split_revision(STR("web:9999999999999999999999"), &family, &revision));
}

static void valid(void **state)
{
    assert_true(ecs_valid_name(STR("Web_1-a"), 255));
    assert_false(ecs_valid_name(STR(""), 255));
    assert_false(ecs_valid_name(STR("a/b"), 255));
    assert_false(ecs_valid_name(STR("a.b"), 255));
    assert_false(ecs_valid_name(STR("abc"), 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(labels), cmocka_unit_test(arns), cmocka_unit_test(revisions),
                                       cmocka_unit_test(valid)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
