#include "apiserver/storage/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <cmocka.h>

static atomic_int freed;

static void count_free(void *p)
{
    atomic_fetch_add(&freed, 1);
    free(p);
}

static void test_slot_is_set_once(void **state)
{
    struct storage_object *o = storage_object_new(STR("k"), str_n("a\0b", 3), 4, 5);
    atomic_store(&freed, 0);
    assert_null(storage_object_slot(o, 2));
    char *first = xstrdup("first"), *second = xstrdup("second");
    assert_ptr_equal(storage_object_set_slot(o, 2, first, count_free), first);
    assert_ptr_equal(storage_object_set_slot(o, 2, second, count_free), first);
    assert_int_equal(atomic_load(&freed), 1);
    assert_ptr_equal(storage_object_slot(o, 2), first);
    storage_object_ref(o);
    storage_object_unref(o);
    assert_int_equal(atomic_load(&freed), 1);
    storage_object_unref(o);
    assert_int_equal(atomic_load(&freed), 2);
}

static void test_at_another_revision(void **state)
{
    _cleanup_(storage_object_unrefp) struct storage_object *o = storage_object_new(STR("k"), str_n("a\0b", 3), 4, 5),
                                                           *p = storage_object_at(o, 9);
    assert_int_equal(p->mod_revision, 9);
    assert_int_equal(p->create_revision, 4);
    assert_true(str_eq(p->value, o->value));
    assert_int_equal(p->value.p[p->value.n], 0);
}

static void *race(void *user)
{
    struct storage_object *o = user;
    for (unsigned i = 0; i < STORAGE_SLOTS; i++)
        assert_string_equal(storage_object_set_slot(o, i, xstrdup("same"), count_free), "same");
    storage_object_unref(o);
    return NULL;
}

static void test_threads(void **state)
{
    atomic_store(&freed, 0);
    for (int round = 0; round < 50; round++) {
        pthread_t t[4];
        struct storage_object *o = storage_object_new(STR("k"), STR("v"), 1, 1);
        for (int i = 0; i < 4; i++)
            assert_int_equal(pthread_create(&t[i], NULL, race, storage_object_ref(o)), 0);
        storage_object_unref(o);
        for (int i = 0; i < 4; i++)
            pthread_join(t[i], NULL);
    }
    assert_int_equal(atomic_load(&freed), 50 * 4 * STORAGE_SLOTS);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slot_is_set_once),
        cmocka_unit_test(test_at_another_revision),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
