#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/limits.h"
#include "ecs/map/fault.h"
#include "ecs/map/overrides.h"
#include "map_doc.h"

#define WEB "{'containerDefinitions':[{'name':'web','cpu':10,'memory':64}]}"

static const struct {
    const char *overrides; /* NULL: none */
    bool fargate;
    const char *text; /* a part of the refusal, NULL: taken */
} cases[] = {
    {NULL, false, NULL},
    {"{}", false, NULL},
    {"{'containerOverrides':[{'name':'web','command':['a'],'cpu':0,'memory':4}]}", false, NULL},
    {"{'containerOverrides':[{'name':'nix'}]}", false,
     "Override for container named nix is not a container in the TaskDefinition."},
    {"{'containerOverrides':[{'command':['a']}]}", false, "Override for container named "},
    {"{'containerOverrides':[{'name':'web','memory':3}]}", false, "setting for container 'web'"},
    {"{'containerOverrides':[{'name':'web','cpu':-1}]}", false, "setting for container 'web'"},
    {"{'containerOverrides':[{'name':'web','memory':64,'memoryReservation':65}]}", false, "'memoryReservation'"},
    {"{'containerOverrides':[{'name':'web','environmentFiles':[{}]}]}", false, "environmentFiles is not supported"},
    {"{'cpu':'256','memory':'512'}", true, NULL},
    {"{'cpu':'1 vCPU','memory':'2GB'}", true, NULL},
    {"{'cpu':'256','memory':'4096'}", true, "No Fargate configuration exists for given values: 256 CPU, 4096 memory"},
    {"{'cpu':'256','memory':'4096'}", false, NULL},
    {"{'cpu':'much'}", false, "'cpu'"},
    {"{'memory':'much'}", false, "'memory'"},
    {"{'ephemeralStorage':{'sizeInGiB':21}}", true, NULL},
    {"{'ephemeralStorage':{'sizeInGiB':20}}", true, "ephemeralStorage"},
    {"{'ephemeralStorage':{'sizeInGiB':201}}", true, "ephemeralStorage"},
    {"{'ephemeralStorage':{'sizeInGiB':21}}", false, "ephemeralStorage"},
};

static void overrides_are_checked(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
        struct err err = ERR_INIT;
        int rc = overrides_check(doc_of(a, WEB), cases[i].overrides ? doc_of(a, cases[i].overrides) : NULL,
                                 cases[i].fargate, &err);

        if ((rc < 0) != (cases[i].text != NULL) || (cases[i].text && !strstr(err.msg, cases[i].text)))
            fail_msg("%s: %d %s", cases[i].overrides, rc, err.msg);
        if (rc < 0)
            assert_non_null(ecs_fault_code(&err));
    }
}

static void long_ones_are_refused(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *o = doc_of(a, "{'containerOverrides':[{'name':'web','command':[]}]}");
    char *text = arena_calloc(a, OVERRIDES_BYTES_MAX + 1, 1);
    struct err err = ERR_INIT;

    assert_non_null(text);
    memset(text, 'x', OVERRIDES_BYTES_MAX);
    doc_append(doc_get(doc_get(o, "containerOverrides")->first, "command"), doc_string(a, str_of(text)));
    assert_int_equal(overrides_check(doc_of(a, WEB), o, false, &err), -1);
    assert_string_equal(err.msg, "Container Overrides length must be at most 8192");
}

static void groups_and_platforms_are_checked(void **state)
{
    struct err err = ERR_INIT;
    char long_name[STARTED_BY_MAX + 2] = "";

    memset(long_name, 'x', STARTED_BY_MAX + 1);
    assert_int_equal(task_names_check(STR("batch"), str_n(long_name, STARTED_BY_MAX), &err), 0);
    assert_int_equal(task_names_check(STR("batch"), str_of(long_name), &err), -1);
    assert_int_equal(task_names_check(STR("service:web"), STR(""), &err), -1);
    assert_int_equal(task_names_check(STR("family:web"), STR(""), &err), -1);
    assert_int_equal(task_platform_check(STR(""), false, &err), 0);
    assert_int_equal(task_platform_check(STR("LATEST"), true, &err), 0);
    assert_int_equal(task_platform_check(STR("LATEST"), false, &err), -1);
    assert_int_equal(task_platform_check(STR("2.0"), true, &err), -1);
    assert_string_equal(ecs_fault_code(&err), "PlatformUnknownException");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overrides_are_checked),
        cmocka_unit_test(long_ones_are_refused),
        cmocka_unit_test(groups_and_platforms_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
