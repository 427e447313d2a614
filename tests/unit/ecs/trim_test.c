#include "api/json.h"
#include "ecs/store/kinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void trims(const struct ecs_trim *t, const char *text, const char *wanted)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(1 << 20);
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(1 << 16);
    struct err err = ERR_INIT;
    struct doc *o;

    assert_int_equal(json_parse(a, str_of(text), NULL, &o, &err), 0);
    json_write(&out, ecs_trimmed(a, t, o));
    assert_string_equal(out.data, wanted);
}

static void keeps_only_these(void **state)
{
    const struct ecs_trim t = {true, {"metadata.name", "status.list.a", "status.list.b.c", "spec"}};

    trims(&t,
          "{\"kind\":\"X\",\"metadata\":{\"name\":\"n\",\"names\":1,\"uid\":\"u\"},\"spec\":{\"x\":[1,{\"y\":2}]},"
          "\"status\":{\"list\":[{\"a\":1,\"z\":2,\"b\":{\"c\":3,\"d\":4}},7],\"other\":1}}",
          "{\"metadata\":{\"name\":\"n\"},\"spec\":{\"x\":[1,{\"y\":2}]},\"status\":{\"list\":[{\"a\":1,\"b\":{\"c\":3}"
          "},7]}}");
}

static void leaves_only_these_out(void **state)
{
    const struct ecs_trim t = {.paths = {"metadata.managedFields", "status.images"}};

    trims(&t, "{\"metadata\":{\"name\":\"n\",\"managedFields\":[{}]},\"status\":{\"images\":[1],\"imagesToo\":[2]}}",
          "{\"metadata\":{\"name\":\"n\"},\"status\":{\"imagesToo\":[2]}}");
}

static void keeps_the_conditions_that_somebody_reads(void **state)
{
    const struct ecs_trim t = {true, {"status.conditions.type", "status.conditions.status"}, {"A", "B"}};

    trims(
        &t,
        "{\"status\":{\"conditions\":[{\"type\":\"B\",\"status\":\"True\",\"reason\":\"r\"},{\"type\":\"C\"},{\"type\":"
        "\"A\"}]}}",
        "{\"status\":{\"conditions\":[{\"type\":\"B\",\"status\":\"True\"},{\"type\":\"A\"}]}}");
}

static void without_paths_all_stays(void **state)
{
    const struct ecs_trim t = {0};

    trims(&t, "{\"a\":{\"b\":[null,true]}}", "{\"a\":{\"b\":[null,true]}}");
}

/* The store finds objects by these. */
static void every_kind_keeps_who_it_is(void **state)
{
    for (int k = 0; k < ECS_KINDS; k++)
        trims(&ecs_kinds[k].trim,
              "{\"metadata\":{\"name\":\"n\",\"namespace\":\"s\",\"resourceVersion\":\"7\",\"managedFields\":[]}}",
              "{\"metadata\":{\"name\":\"n\",\"namespace\":\"s\",\"resourceVersion\":\"7\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_conditions_that_somebody_reads),
        cmocka_unit_test(keeps_only_these),
        cmocka_unit_test(leaves_only_these_out),
        cmocka_unit_test(without_paths_all_stays),
        cmocka_unit_test(every_kind_keeps_who_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
