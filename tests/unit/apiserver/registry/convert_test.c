#include "apiserver/registry/convert.h"

#include "api/json.h"
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

/* There and back again is the same object. */
static void round_trip(const char *group, const char *version, const char *resource, const char *served,
                       const char *stored)
{
    struct arena *a = arena_new(MIB);
    const struct resource *res = resource_find(str_of(group), str_of(version), str_of(resource));
    assert_non_null(res);
    assert_false(convert_is_storage_version(res));
    struct doc *d = parse(a, served);
    convert_to_storage(res, a, d);
    assert_true(doc_equal(d, parse(a, stored)));
    convert_from_storage(res, a, d);
    assert_true(doc_equal(d, parse(a, served)));
    arena_free(a);
}

static void events(void **state)
{
    (void)state;
    round_trip("events.k8s.io", "v1", "events",
               "{\"apiVersion\":\"events.k8s.io/v1\",\"kind\":\"Event\",\"note\":\"n\",\"regarding\":{\"name\":\"p\"},"
               "\"deprecatedCount\":2,\"reportingController\":\"c\"}",
               "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"message\":\"n\",\"involvedObject\":{\"name\":\"p\"},"
               "\"count\":2,\"reportingComponent\":\"c\"}");
}

static void autoscalers(void **state)
{
    (void)state;
    round_trip(
        "autoscaling", "v1", "horizontalpodautoscalers",
        "{\"apiVersion\":\"autoscaling/v1\",\"kind\":\"HorizontalPodAutoscaler\",\"spec\":{\"maxReplicas\":3,"
        "\"targetCPUUtilizationPercentage\":60}}",
        "{\"apiVersion\":\"autoscaling/v2\",\"kind\":\"HorizontalPodAutoscaler\",\"spec\":{\"maxReplicas\":3,"
        "\"metrics\":[{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\",\"target\":{\"type\":\"Utilization\","
        "\"averageUtilization\":60}}}]}}");
}

static void other_metrics_travel_in_annotations(void **state)
{
    (void)state;
    struct arena *a = arena_new(MIB);
    const struct resource *res = resource_find(STR("autoscaling"), STR("v1"), STR("horizontalpodautoscalers"));
    const char *stored =
        "{\"apiVersion\":\"autoscaling/v2\",\"spec\":{\"metrics\":[{\"type\":\"Resource\",\"resource\":{"
        "\"name\":\"memory\",\"target\":{\"type\":\"Utilization\",\"averageUtilization\":5}}}]},"
        "\"metadata\":{\"annotations\":{}}}";
    struct doc *d = parse(a, stored);
    convert_from_storage(res, a, d);
    assert_null(doc_path(d, "spec.metrics"));
    assert_int_equal(doc_count(doc_path(d, "metadata.annotations")), 1);
    convert_to_storage(res, a, d);
    assert_true(doc_equal(d, parse(a, stored)));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(events), cmocka_unit_test(autoscalers),
                                       cmocka_unit_test(other_metrics_travel_in_annotations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
