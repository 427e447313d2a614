#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/arena.h"

static void aligned_and_distinct(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(1 << 20);
    char *last = NULL;

    for (size_t n = 1; n < 3000; n += 7) {
        char *p = arena_alloc(a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        memset(p, 0xAB, n);
        assert_ptr_not_equal(p, last);
        last = p;
    }
}

static void ceiling_is_sticky(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(64 * 1024);

    assert_non_null(arena_alloc(a, 1000));
    assert_null(arena_alloc(a, 1 << 20));
    assert_true(arena_overflow(a));
    assert_null(arena_calloc(a, SIZE_MAX / 2, 4));
    assert_null(arena_alloc(a, SIZE_MAX));
    arena_reset(a);
    assert_false(arena_overflow(a));
    assert_true(arena_used(a) <= 64 * 1024);
}

static void grows_in_place(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(1 << 20);
    char *p = arena_strdup(a, "abc");
    char *q = arena_grow(a, p, 4, 2000);

    assert_ptr_equal(p, q);
    char *other = arena_alloc(a, 8);
    assert_true(other >= q + 2000);
    q = arena_grow(a, q, 2000, 4000); /* something stands behind it now */
    assert_ptr_not_equal(p, q);
    assert_string_equal(q, "abc");
}

static void push_order(void *arg)
{
    char **at = arg;
    *(*at)++ = 'x';
}

static void handlers_run_once(void **state)
{
    char log[8] = "", *at = log;
    struct arena *a = arena_new(1 << 20);

    arena_defer(a, push_order, &at);
    arena_defer(a, push_order, &at);
    arena_reset(a);
    assert_string_equal(log, "xx");
    arena_free(a);
    assert_string_equal(log, "xx");
}

static void handlers_fit_past_the_ceiling(void **state)
{
    char log[8] = "", *at = log;
    struct arena *a = arena_new(16);

    arena_defer(a, push_order, &at);
    arena_free(a);
    assert_string_equal(log, "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aligned_and_distinct),
        cmocka_unit_test(ceiling_is_sticky),
        cmocka_unit_test(grows_in_place),
        cmocka_unit_test(handlers_run_once),
        cmocka_unit_test(handlers_fit_past_the_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
