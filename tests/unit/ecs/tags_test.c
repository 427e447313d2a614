#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/limits.h"
#include "ecs/map/fault.h"
#include "ecs/map/settings.h"
#include "ecs/map/tags.h"
#include "map_doc.h"

static int setup(void **state)
{
    *state = arena_new(LIMIT_DOC_ARENA);
    return 0;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

static const struct {
    const char *tags, *message; /* NULL: fine */
} checks[] = {
    {"[]", NULL},
    {"[{'key':'a'},{'key':'A','value':'x'}]", NULL},
    {"[{'key':'a'},{'key':'b'},{'key':'a','value':'x'}]", "Duplicate tag keys"},
    {"[{'key':'aws:x'}]", "aws: prefixed"},
    {"[{'key':'AwS:x'}]", "aws: prefixed"},
    {"[{'key':'x','value':'aws:x'}]", "aws: prefixed"},
    {"[{'key':'awsx','value':'aws'}]", NULL},
    {"[{'key':'','value':'x'}]", "can not be empty"},
};

static void test_check(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        struct err err = ERR_INIT;
        int r = tags_check(doc_of(*state, checks[i].tags), &err);

        if ((r < 0) != (checks[i].message != NULL) || (r < 0 && !strstr(err.msg, checks[i].message)))
            fail_msg("%s: %d %s", checks[i].tags, r, err.msg);
    }
}

static void assert_is(struct arena *a, const struct doc *got, const char *quoted)
{
    struct doc *whole = doc_object(a);

    doc_set(whole, "tags", doc_clone(a, got, true));
    assert_doc(a, whole, "tags", quoted);
}

static void test_merge(void **state)
{
    struct doc *have = doc_of(*state, "[{'key':'a','value':'1'},{'key':'aws:ecs:x','value':'y'}]"), *got;
    struct err err = ERR_INIT;

    assert_int_equal(tags_merge(*state, have, doc_of(*state, "[{'key':'b'},{'key':'a','value':'2'}]"), &got, &err), 0);
    assert_is(*state, got, "[{'key':'a','value':'2'},{'key':'aws:ecs:x','value':'y'},{'key':'b','value':''}]");
    assert_int_equal(tags_without(*state, got, doc_of(*state, "['a','nix']"), &got, &err), 0);
    assert_is(*state, got, "[{'key':'aws:ecs:x','value':'y'},{'key':'b','value':''}]");
    assert_int_equal(tags_without(*state, got, doc_of(*state, "['aws:ecs:x']"), &got, &err), -1);
}

/* 50 of one's own, whatever ECS adds. */
static void test_limit(void **state)
{
    struct doc *full = doc_of(*state, "[{'key':'aws:x'}]"), *got;
    struct err err = ERR_INIT;

    for (int i = 0; i < TAGS_MAX; i++) {
        struct doc *t = doc_object(*state);
        doc_set(t, "key", doc_printf(*state, "k%d", i));
        doc_append(full, t);
    }
    assert_int_equal(tags_merge(*state, full, doc_of(*state, "[{'key':'k7','value':'x'}]"), &got, &err), 0);
    assert_int_equal(doc_count(got), TAGS_MAX + 1);
    assert_int_equal(tags_merge(*state, full, doc_of(*state, "[{'key':'more'}]"), &got, &err), -1);
    assert_string_equal(ecs_fault_code(&err), "LimitExceededException");
}

static const struct {
    const char *name, *value, *message;
} values[] = {
    {"containerInsights", "enhanced", NULL},
    {"containerInsights", "on", "Valid values: enabled, disabled, enhanced."},
    {"taskLongArnFormat", "enabled", NULL},
    {"taskLongArnFormat", "disabled", "only ARNs in the long format"},
    {"guardDutyActivate", "on", "managed by AWS"},
    {"fargateTaskRetirementWaitPeriod", "14", NULL},
    {"fargateTaskRetirementWaitPeriod", "", "Valid values: 0, 7, 14."},
};

static void test_settings(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct err err = ERR_INIT;
        int r = setting_check(setting_find(str_of(values[i].name)), str_of(values[i].value), &err);

        if ((r < 0) != (values[i].message != NULL) || (r < 0 && !strstr(err.msg, values[i].message)))
            fail_msg("%s=%s: %d %s", values[i].name, values[i].value, r, err.msg);
    }
    assert_null(setting_find(STR("nix")));
    for (size_t i = 1; i < settings_n; i++)
        assert_true(strcmp(settings_table[i - 1].name, settings_table[i].name) < 0);
}

static void test_principals(void **state)
{
    static const struct {
        const char *arn;
        bool valid;
    } arns[] = {
        {"arn:aws:iam::123456789012:root", true},
        {"arn:aws:iam::123456789012:user/a/b", true},
        {"arn:aws:iam::123456789012:role/x", true},
        {"arn:aws:iam::123456789012:role/", false},
        {"arn:aws:iam::1234567890123:root", false},
        {"arn:aws:iam::123456789012", false},
        {"arn:aws:sts::123456789012:assumed-role/x", false},
        {"nix", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(arns); i++)
        if (setting_principal_valid(str_of(arns[i].arn), STR("123456789012")) != arns[i].valid)
            fail_msg("%s", arns[i].arn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),    cmocka_unit_test(test_merge),      cmocka_unit_test(test_limit),
        cmocka_unit_test(test_settings), cmocka_unit_test(test_principals),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
