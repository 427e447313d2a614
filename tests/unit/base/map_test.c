#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/map.h"

#include <stdio.h>

#define N 5000

static struct str key(char *out, size_t size, int i)
{
    snprintf(out, size, "key-%d", i);
    return str_of(out);
}

/* Against an array that says what should be there. */
static void agrees_with_a_model(void **state)
{
    struct map m;
    int *model = xcalloc(N, sizeof(int));
    char k[32];
    uint32_t r = 1;
    size_t count = 0;

    map_init(&m, NULL);
    for (int step = 0; step < 60000; step++) {
        r = r * 1664525 + 1013904223;
        int i = (int)(r >> 8) % N;
        if (r & 0x80000000u) {
            count += model[i] == 0;
            model[i] = step + 1;
            map_set(&m, key(k, sizeof(k), i), (void *)(intptr_t)(step + 1));
        } else {
            assert_int_equal(map_del(&m, key(k, sizeof(k), i)), model[i] != 0);
            count -= model[i] != 0;
            model[i] = 0;
        }
        assert_int_equal(m.n, count);
    }
    for (int i = 0; i < N; i++)
        assert_int_equal((intptr_t)map_get(&m, key(k, sizeof(k), i)), model[i]);
    size_t seen = 0;
    map_foreach (&m, e)
        seen++;
    assert_int_equal(seen, count);
    map_release(&m);
    free(model);
}

static void frees_values(void **state)
{
    struct map m;

    map_init(&m, free);
    map_set(&m, STR("a"), xstrdup("1"));
    map_set(&m, STR("a"), xstrdup("2"));
    map_set(&m, STR("b"), xstrdup("3"));
    _cleanup_(freep) char *b = map_take(&m, STR("b"));
    assert_string_equal(b, "3");
    assert_string_equal(map_gets(&m, "a"), "2");
    assert_false(map_has(&m, STR("b")));
    map_release(&m);
}

static void keys_are_bytes(void **state)
{
    struct map m;

    map_init(&m, NULL);
    map_set(&m, str_n("a\0b", 3), &m);
    assert_null(map_get(&m, STR("a")));
    assert_ptr_equal(map_get(&m, str_n("a\0b", 3)), &m);
    assert_null(map_get(&m, STR("")));
    map_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_a_model), cmocka_unit_test(frees_values),
                                       cmocka_unit_test(keys_are_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
