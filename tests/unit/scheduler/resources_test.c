#include "check.h"

static const struct {
    const char *what, *spec;
    int64_t cpu, memory, nonzero_cpu, nonzero_memory;
} cases[] = {
    {"nothing asked for", "{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}", 0, 0, 200, 400 * 1024 * 1024},
    {"containers add up",
     "{\"containers\":[{\"name\":\"a\",\"resources\":{\"requests\":{\"cpu\":\"250m\",\"memory\":\"1Mi\"}}},{\"name\":"
     "\"b\",\"resources\":{\"requests\":{\"cpu\":"
     "\"1\"}}}]}",
     1250, 1 << 20, 1250, (1 << 20) + 200 * 1024 * 1024},
    {"the largest init container counts",
     "{\"initContainers\":[{\"name\":\"i\",\"resources\":{\"requests\":{\"cpu\":\"2\"}}},{\"name\":\"j\",\"resources\":"
     "{\"requests\":{\"cpu\":\"1\"}}}],"
     "\"containers\":[{\"name\":\"a\",\"resources\":{\"requests\":{\"cpu\":\"500m\",\"memory\":\"1\"}}}]}",
     2000, 1, 2000, 200 * 1024 * 1024},
    {"a sidecar stays beside what follows",
     "{\"initContainers\":[{\"name\":\"s\",\"restartPolicy\":\"Always\",\"resources\":{\"requests\":{\"cpu\":\"1\","
     "\"memory\":\"1\"}}},{\"name\":\"j\",\"resources\":"
     "{\"requests\":{\"cpu\":\"1500m\",\"memory\":\"1\"}}}],\"containers\":[{\"name\":\"a\",\"resources\":{"
     "\"requests\":{\"cpu\":\"500m\",\"memory\":\"1\"}}}]}",
     2500, 2, 2500, 2},
    {"the pod's own word and its overhead",
     "{\"resources\":{\"requests\":{\"cpu\":\"3\"}},\"overhead\":{\"cpu\":\"100m\"},\"containers\":[{\"name\":\"a\","
     "\"resources\":{\"requests\":{\"cpu\":\"500m\","
     "\"memory\":\"7\"}}}]}",
     3100, 7, 3100, 7},
};

static void test_pod_requests(void **state)
{
    struct cache *c = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(freep) char *json = xasprintf("{\"metadata\":{\"name\":\"p%zu\"},\"spec\":%s}", i, cases[i].spec);
        const struct sched_pod *p = put_pod(c, json);
        if (p->request.cpu_milli != cases[i].cpu || p->request.memory != cases[i].memory ||
            p->nonzero_cpu != cases[i].nonzero_cpu || p->nonzero_memory != cases[i].nonzero_memory)
            fail_msg("%s: %lld %lld %lld %lld", cases[i].what, (long long)p->request.cpu_milli,
                     (long long)p->request.memory, (long long)p->nonzero_cpu, (long long)p->nonzero_memory);
    }
}

static void test_other_resources_have_numbers(void **state)
{
    struct cache *c = *state;
    const struct sched_pod *p = put_pod(
        c, "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"a\",\"resources\":{\"requests\":{"
           "\"example.com/gpu\":\"2\"}}},"
           "{\"name\":\"b\",\"resources\":{\"requests\":{\"example.com/gpu\":\"1\",\"hugepages-2Mi\":\"4Mi\"}}}]}}");

    assert_int_equal(p->request.n, 2);
    assert_int_equal(resources_get(&p->request, resource_id(&c->names, "example.com/gpu")), 3);
    assert_int_equal(resources_get(&p->request, resource_id(&c->names, "hugepages-2Mi")), 4 << 20);
}

static void test_the_table_of_names_is_bounded(void **state)
{
    struct cache *c = *state;

    for (int i = 0; i < RESOURCE_NAMES_MAX; i++) {
        _cleanup_(freep) char *name = xasprintf("r%d", i);
        assert_int_equal(resource_id(&c->names, name), i);
    }
    assert_int_equal(resource_id(&c->names, "one-more"), -1);
    assert_int_equal(resource_id(&c->names, "r7"), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {CACHE_TEST(test_pod_requests), CACHE_TEST(test_other_resources_have_numbers),
                                       CACHE_TEST(test_the_table_of_names_is_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
