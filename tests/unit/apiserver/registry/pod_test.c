#include "apiserver/registry/strategy.h"

#include "api/json.h"
#include "apiserver/registry/meta.h"
#include "base/clock.h"
#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct doc *parse(struct arena *a, const char *text)
{
    struct doc *d = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(json_parse(a, str_of(text), NULL, &d, &err), 0);
    return d;
}

#define WITH(resources) "{\"spec\":{\"containers\":[{\"resources\":" resources "}]}}"

static void qos(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {WITH("{}"), "BestEffort"},
        {WITH("{\"limits\":{\"example.com/gpu\":\"1\"}}"), "BestEffort"},
        {WITH("{\"requests\":{\"cpu\":\"0\"}}"), "BestEffort"},
        {WITH("{\"requests\":{\"cpu\":\"1\"}}"), "Burstable"},
        {WITH("{\"requests\":{\"cpu\":\"1\",\"memory\":\"1Gi\"},\"limits\":{\"cpu\":\"1\",\"memory\":\"1Gi\"}}"),
         "Guaranteed"},
        {WITH(
             "{\"requests\":{\"cpu\":\"500m\",\"memory\":\"1Gi\"},\"limits\":{\"cpu\":\"0.5\",\"memory\":\"1024Mi\"}}"),
         "Guaranteed"},
        {WITH("{\"requests\":{\"cpu\":\"1\",\"memory\":\"1Gi\"},\"limits\":{\"cpu\":\"2\",\"memory\":\"1Gi\"}}"),
         "Burstable"},
        {"{\"spec\":{\"initContainers\":[{\"resources\":{\"requests\":{\"cpu\":\"1\"}}}],\"containers\":[{}]}}",
         "Burstable"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new(MIB);
        assert_string_equal(pod_qos_class(parse(a, cases[i][0])), cases[i][1]);
        arena_free(a);
    }
}

static void grace(void **state)
{
    (void)state;
    static const struct {
        const char *pod;
        bool has;
        int64_t asked, want;
    } cases[] = {
        {"{\"spec\":{\"nodeName\":\"n\",\"terminationGracePeriodSeconds\":30}}", false, 0, 30},
        {"{\"spec\":{\"nodeName\":\"n\",\"terminationGracePeriodSeconds\":30}}", true, 5, 5},
        {"{\"spec\":{\"nodeName\":\"n\",\"terminationGracePeriodSeconds\":30}}", true, 0, 0},
        {"{\"spec\":{\"nodeName\":\"n\",\"terminationGracePeriodSeconds\":-3}}", false, 0, 1},
        {"{\"spec\":{\"terminationGracePeriodSeconds\":30}}", false, 0, 0},
        {"{\"spec\":{\"nodeName\":\"n\",\"terminationGracePeriodSeconds\":30},\"status\":{\"phase\":\"Failed\"}}",
         false, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new(MIB);
        struct op op = {.arena = a};
        struct delete_options o = {.has_grace = cases[i].has, .grace = cases[i].asked};
        enum delete_step step = pod_delete_step(&op, parse(a, cases[i].pod), &o);
        assert_int_equal(o.grace, cases[i].want);
        assert_int_equal(step, cases[i].want ? DELETE_MARKED : DELETE_NOW);
        arena_free(a);
    }
}

static void beginnings(void **state)
{
    (void)state;
    struct arena *a = arena_new(MIB);
    struct op op = {.arena = a, .sub = ""};
    struct doc *d = parse(
        a,
        "{\"spec\":{\"containers\":[{}],\"schedulingGates\":[{\"name\":\"g\"}]},\"status\":{\"phase\":\"Running\"}}");
    pod_prepare_create(&op, d);
    assert_true(str_is(doc_str(doc_path(d, "status.phase")), "Pending"));
    assert_true(str_is(doc_str(doc_path(d, "status.qosClass")), "BestEffort"));
    assert_true(str_is(doc_str(doc_get(doc_at(doc_path(d, "status.conditions"), 0), "reason")), "SchedulingGated"));
    arena_free(a);
}

static void namespaces(void **state)
{
    (void)state;
    struct arena *a = arena_new(MIB);
    struct op op = {.arena = a, .sub = "", .now = NS_PER_S};
    struct delete_options o = {0};
    struct doc *d = parse(a, "{\"metadata\":{\"name\":\"x\"}}");
    namespace_prepare_create(&op, d);
    assert_true(str_is(doc_str(doc_path(d, "status.phase")), "Active"));
    assert_true(str_is(doc_str(doc_at(doc_path(d, "spec.finalizers"), 0)), "kubernetes"));
    assert_int_equal(namespace_delete_step(&op, d, &o), DELETE_MARKED);
    assert_true(meta_is_deleting(d));
    assert_true(str_is(doc_str(doc_path(d, "status.phase")), "Terminating"));
    assert_int_equal(namespace_delete_step(&op, d, &o), DELETE_PENDING);
    assert_false(namespace_gone_after_update(d));
    doc_remove(doc_get(d, "spec"), "finalizers");
    assert_true(namespace_gone_after_update(d));
    assert_int_equal(namespace_delete_step(&op, d, &o), DELETE_NOW);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(qos), cmocka_unit_test(grace), cmocka_unit_test(beginnings),
                                       cmocka_unit_test(namespaces)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
