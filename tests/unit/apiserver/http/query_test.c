#include "apiserver/http/query.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void decodes(void **state)
{
    (void)state;
    struct arena *a = arena_new(MIB);
    struct query q;
    struct err err = ERR_INIT;
    assert_int_equal(query_parse(a, STR("a=1&b=x%20y+z&a=2&c&&d="), &q, &err), 0);
    assert_int_equal(q.n, 5);
    assert_true(str_is(query_get(&q, "a"), "1"));
    assert_true(str_is(query_get(&q, "b"), "x y z"));
    assert_true(query_has(&q, "c") && !query_has(&q, "e"));
    assert_true(query_bool(&q, "a") && query_bool(&q, "c") && !query_bool(&q, "e"));
    arena_free(a);
}

static void numbers(void **state)
{
    (void)state;
    struct arena *a = arena_new(MIB);
    struct query q;
    struct err err = ERR_INIT;
    bool set = true;
    int64_t v = 0;
    assert_int_equal(query_parse(a, STR("n=42&bad=4x&empty="), &q, &err), 0);
    assert_int_equal(query_int(&q, "n", &set, &v, &err), 0);
    assert_true(set && v == 42);
    assert_int_equal(query_int(&q, "empty", &set, &v, &err), 0);
    assert_false(set);
    assert_int_equal(query_int(&q, "bad", &set, &v, &err), -1);
    arena_free(a);
}

static void bounds(void **state)
{
    (void)state;
    struct arena *a = arena_new(MIB);
    struct query q;
    struct err err = ERR_INIT;
    char many[2 * QUERY_MAX + 2];
    memset(many, '&', sizeof(many));
    assert_int_equal(query_parse(a, str_n(many, sizeof(many)), &q, &err), -1);
    assert_int_equal(query_parse(a, STR("a=%2"), &q, &err), -1);
    assert_int_equal(query_parse(a, STR(""), &q, &err), 0);
    assert_int_equal(q.n, 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(decodes), cmocka_unit_test(numbers), cmocka_unit_test(bounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
