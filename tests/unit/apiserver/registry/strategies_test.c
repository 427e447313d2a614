#include "apiserver/registry/strategy.h"

#include "apiserver/registry/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* Every row of the table is about a resource that is served: a typing mistake would silently do nothing. */
static void rows_have_resources(void **state)
{
    (void)state;
    const struct resource *all;
    size_t n = resources(&all), found = 0;
    for (size_t i = 0; i < n; i++) {
        const struct strategy *s = strategy_of(&all[i]);
        if (!*s->resource)
            continue;
        assert_string_equal(s->resource, all[i].name);
        found++;
    }
    assert_true(found > 40);
}

static void flags(void **state)
{
    (void)state;
    static const struct {
        const char *group, *version, *resource;
        unsigned want;
    } cases[] = {
        {"", "v1", "pods", STRATEGY_STATUS | STRATEGY_GENERATION | STRATEGY_RETURN_DELETED},
        {"", "v1", "configmaps", 0},
        {"coordination.k8s.io", "v1", "leases", STRATEGY_CREATE_ON_UPDATE | STRATEGY_NEEDS_VERSION},
        {"policy", "v1", "poddisruptionbudgets", STRATEGY_STATUS | STRATEGY_GENERATION | STRATEGY_NEEDS_VERSION},
        {"events.k8s.io", "v1", "events", STRATEGY_CREATE_ON_UPDATE | STRATEGY_NO_GC | STRATEGY_TTL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct resource *r =
            resource_find(str_of(cases[i].group), str_of(cases[i].version), str_of(cases[i].resource));
        assert_non_null(r);
        assert_int_equal(strategy_of(r)->flags, cases[i].want);
    }
}

static void selectable_fields(void **state)
{
    (void)state;
    const struct resource *pods = resource_find(STR(""), STR("v1"), STR("pods"));
    const struct resource *nodes = resource_find(STR(""), STR("v1"), STR("nodes"));
    assert_true(codec_field_known(pods, STR("spec.nodeName")));
    assert_true(codec_field_known(pods, STR("metadata.namespace")));
    assert_false(codec_field_known(pods, STR("spec.foo")));
    assert_true(codec_field_known(nodes, STR("spec.unschedulable")));
    assert_false(codec_field_known(nodes, STR("metadata.namespace")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_have_resources), cmocka_unit_test(flags),
                                       cmocka_unit_test(selectable_fields)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
