#include "apiserver/storage/history.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void push(struct history *h, int64_t revision)
{
    _cleanup_(storage_object_unrefp) struct storage_object *o = storage_object_new(STR("k"), STR("v"), 1, revision);
    struct storage_change c = {.revision = revision, .obj = o};
    history_push(h, &c, revision * NS_PER_S);
}

static void test_after(void **state)
{
    struct history h;
    history_init(&h, 100, 10);
    assert_int_equal(history_after(&h, 10), 0);
    push(&h, 12);
    push(&h, 12); /* one Txn may change two keys */
    push(&h, 15);
    assert_int_equal(history_after(&h, 10), 0);
    assert_int_equal(history_after(&h, 11), 0);
    assert_int_equal(history_after(&h, 12), 2);
    assert_int_equal(history_after(&h, 14), 2);
    assert_int_equal(history_after(&h, 15), 3);
    assert_int_equal(history_at(&h, 2)->revision, 15);
    assert_int_equal(h.floor, 10);
    history_release(&h);
}

static void test_oldest_goes_first(void **state)
{
    struct history h;
    history_init(&h, 50, 0);
    for (int64_t r = 1; r <= 500; r++)
        push(&h, r);
    assert_int_equal(h.n, 50);
    assert_int_equal(h.cap, 50);
    assert_int_equal(h.floor, 450);
    for (size_t i = 0; i < h.n; i++)
        assert_int_equal(history_at(&h, i)->revision, 451 + (int64_t)i);
    assert_int_equal(history_after(&h, 470), 20);
    history_release(&h);
}

static void test_old_ones_go(void **state)
{
    struct history h;
    history_init(&h, 1000, 0);
    for (int64_t r = 1; r <= 500; r++) /* one a second */
        push(&h, r);
    history_trim(&h, 500 * NS_PER_S);
    assert_int_equal(h.n, HISTORY_MIN);
    assert_int_equal(h.floor, 500 - HISTORY_MIN);
    history_release(&h);
    history_init(&h, 1000, 0);
    for (int64_t r = 1; r <= 200; r++)
        push(&h, r);
    history_trim(&h, 110 * NS_PER_S); /* 19 are too old */
    assert_int_equal(h.n, 181);
    assert_int_equal(h.floor, 19);
    assert_int_equal(history_after(&h, 19), 0);
    history_release(&h);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_after),
        cmocka_unit_test(test_oldest_goes_first),
        cmocka_unit_test(test_old_ones_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
