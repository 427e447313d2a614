#include "controllers/controller.h"

#include "test.h"

static void enabled(void **state)
{
    static const struct controller_def d = {.name = "deployment-controller", .alias = "deployment"};
    static const struct {
        struct flag_list list;
        bool want;
    } rows[] = {
        {{.n = 0}, true},
        {{{STR("*")}, 1}, true},
        {{{STR("*"), STR("-deployment-controller")}, 2}, false},
        {{{STR("-deployment"), STR("*")}, 2}, false},
        {{{STR("deployment")}, 1}, true},
        {{{STR("replicaset")}, 1}, false},
        {{{STR("-replicaset")}, 1}, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(controller_enabled(&rows[i].list, &d), rows[i].want);
}

static void the_table_is_whole(void **state)
{
    for (size_t i = 0; controller_table[i]; i++) {
        const struct controller_def *d = controller_table[i];
        assert_non_null(d->make);
        assert_non_null(d->unmake);
        assert_non_null(d->account);
        assert_true(d->sync || d->tick);
        assert_true(!d->sync || d->workers);
        assert_true(!d->tick || d->tick_ns > 0);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(d->name, controller_table[j]->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(enabled), cmocka_unit_test(the_table_is_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
