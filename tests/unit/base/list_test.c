#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/list.h"

struct item {
    int v;
    struct list link;
};

static void keeps_order_and_removes(void **state)
{
    struct list head;
    struct item items[5];
    int sum = 0, last = -1;

    list_init(&head);
    assert_true(list_empty(&head));
    assert_null(list_first(&head, struct item, link));
    for (int i = 0; i < 5; i++) {
        items[i].v = i;
        list_push(&head, &items[i].link);
    }
    list_foreach (&head, struct item, it, link) {
        assert_true(it->v > last);
        last = it->v;
        if (it->v % 2)
            list_remove(&it->link);
    }
    list_foreach (&head, struct item, it, link)
        sum += it->v;
    assert_int_equal(sum, 0 + 2 + 4);
    list_remove(&items[1].link); /* again: harmless */
    assert_int_equal(list_first(&head, struct item, link)->v, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keeps_order_and_removes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
