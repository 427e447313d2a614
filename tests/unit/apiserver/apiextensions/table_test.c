#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "apiserver/apiextensions/table.h"

static void versions_in_order(void **state)
{
    (void)state;
    static const char *const order[] = {"v10",     "v2",        "v1",        "v11beta2", "v10beta3",
                                        "v3beta1", "v12alpha1", "v11alpha2", "foo1",     "foo10"};
    for (size_t i = 0; i + 1 < ARRAY_LEN(order); i++) {
        assert_true(table_compare_versions(str_of(order[i]), str_of(order[i + 1])) < 0);
        assert_true(table_compare_versions(str_of(order[i + 1]), str_of(order[i])) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(versions_in_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
