#include "apiserver/storage/keyset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define N 3000

static struct storage_object *object(int i, int64_t revision)
{
    char key[32];
    snprintf(key, sizeof key, "/k/%06d", i);
    return storage_object_new(str_of(key), STR("v"), revision, revision);
}

static void check_order(const struct keyset *k, size_t expect)
{
    struct keyset_cursor at = {0, 0};
    struct storage_object *o, *last = NULL;
    size_t n = 0;
    for (; (o = keyset_at(k, at)); keyset_next(k, &at)) {
        assert_int_equal(keyset_rank(k, at), n);
        if (last)
            assert_true(str_cmp(last->key, o->key) < 0);
        last = o;
        n++;
    }
    assert_int_equal(n, expect);
    assert_int_equal(k->n, expect);
}

/* step 1: in order; N - 1: backwards; others: scattered (coprime to N) */
static void fill(struct keyset *k, int step)
{
    for (int i = 0; i < N; i++)
        assert_null(keyset_put(k, object((int)((long)i * step % N), 1)));
    check_order(k, N);
}

static void test_any_order(void **state)
{
    static const int steps[] = {1, N - 1, 7, 1009};
    for (size_t s = 0; s < ARRAY_LEN(steps); s++) {
        struct keyset k = {0};
        fill(&k, steps[s]);
        for (int i = 0; i < N; i++) {
            char key[32];
            snprintf(key, sizeof key, "/k/%06d", i);
            assert_non_null(keyset_find(&k, str_of(key)));
        }
        assert_null(keyset_find(&k, STR("/k/")));
        assert_null(keyset_find(&k, STR("/k/000000x")));
        assert_null(keyset_find(&k, STR("/z")));
        keyset_release(&k);
    }
}

static void test_in_order_fills_chunks(void **state)
{
    struct keyset k = {0};
    fill(&k, 1);
    assert_true(k.n_chunks <= N / KEYSET_CHUNK + 1);
    keyset_release(&k);
}

static void test_replace_and_remove(void **state)
{
    struct keyset k = {0};
    fill(&k, 7);
    struct storage_object *old = keyset_put(&k, object(5, 2));
    assert_int_equal(old->mod_revision, 1);
    storage_object_unref(old);
    assert_int_equal(keyset_find(&k, STR("/k/000005"))->mod_revision, 2);
    for (int i = 0; i < N; i++) {
        char key[32];
        int id = (int)((long)i * 1009 % N);
        snprintf(key, sizeof key, "/k/%06d", id);
        storage_object_unref(keyset_remove(&k, str_of(key)));
        assert_null(keyset_remove(&k, str_of(key)));
        if (i % 500 == 0)
            check_order(&k, (size_t)(N - 1 - i));
    }
    assert_int_equal(k.n_chunks, 0);
    assert_null(keyset_put(&k, object(1, 1)));
    check_order(&k, 1);
    keyset_release(&k);
}

static void test_seek(void **state)
{
    struct keyset k = {0};
    assert_null(keyset_at(&k, keyset_seek(&k, STR("/k"))));
    fill(&k, 1009);
    assert_true(str_is(keyset_at(&k, keyset_seek(&k, STR("")))->key, "/k/000000"));
    assert_true(str_is(keyset_at(&k, keyset_seek(&k, STR("/k/000254x")))->key, "/k/000255"));
    assert_true(str_is(keyset_at(&k, keyset_seek(&k, STR("/k/000256")))->key, "/k/000256"));
    assert_null(keyset_at(&k, keyset_seek(&k, STR("/l"))));
    assert_int_equal(keyset_rank(&k, keyset_seek(&k, STR("/l"))), N);
    keyset_release(&k);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_in_order_fills_chunks),
        cmocka_unit_test(test_replace_and_remove),
        cmocka_unit_test(test_seek),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
