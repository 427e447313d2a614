#include "check.h"

#include "base/clock.h"
#include "scheduler/binder.h"

#define NOW ((int64_t)1767323045 * NS_PER_S) /* 2026-01-02T03:04:05Z */

static void test_the_condition_is_written_once(void **state)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(MIB);
    struct kube_object *o = object_of(&kube_pods, "{\"metadata\":{\"name\":\"a\",\"generation\":2}}");

    assert_true(binder_condition_patch(o, "Unschedulable", "0/1 \"x\"", NOW, &out));
    assert_string_equal(out.data, "{\"status\":{\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\","
                                  "\"reason\":\"Unschedulable\",\"message\":"
                                  "\"0/1 "
                                  "\\\"x\\\"\",\"lastProbeTime\":null,\"lastTransitionTime\":\"2026-01-02T03:04:05Z\","
                                  "\"observedGeneration\":2}]}}");
    kube_object_unref(o);
}

static void test_the_transition_is_when_the_status_changed(void **state)
{
    static const char pod[] = "{\"metadata\":{\"name\":\"a\"},\"status\":{\"conditions\":[{\"type\":\"PodScheduled\","
                              "\"status\":\"%s\",\"reason\":"
                              "\"Unschedulable\",\"message\":\"m\",\"lastTransitionTime\":\"2025-01-01T00:00:00Z\"}]}}";
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(MIB);
    _cleanup_(freep) char *no = xasprintf(pod, "False"), *yes = xasprintf(pod, "True");
    struct kube_object *o = object_of(&kube_pods, no);

    assert_false(binder_condition_patch(o, "Unschedulable", "m", NOW, &out));
    assert_true(binder_condition_patch(o, "Unschedulable", "other", NOW, &out));
    assert_non_null(strstr(out.data, "\"lastTransitionTime\":\"2025-01-01T00:00:00Z\""));
    kube_object_unref(o);
    o = object_of(&kube_pods, yes);
    buf_clear(&out);
    assert_true(binder_condition_patch(o, "Unschedulable", "m", NOW, &out));
    assert_non_null(strstr(out.data, "\"lastTransitionTime\":\"2026-01-02T03:04:05Z\""));
    kube_object_unref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_condition_is_written_once),
                                       cmocka_unit_test(test_the_transition_is_when_the_status_changed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
