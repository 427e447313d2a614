#include "controllers/gc/kinds.h"

#include "api/resources.h"
#include "test.h"

static void every_resource_once(void **state)
{
    struct all_kinds *k = all_kinds_new(VERB_LIST | VERB_WATCH | VERB_DELETE);

    assert_true(all_kinds_count(k) > 40);
    for (size_t i = 0; i < all_kinds_count(k); i++) {
        const struct kube_kind *x = all_kinds_at(k, i);
        assert_string_not_equal(x->resource, "events");
        for (size_t j = 0; j < i; j++)
            assert_false(strcmp(x->group, all_kinds_at(k, j)->group) == 0 &&
                         strcmp(x->resource, all_kinds_at(k, j)->resource) == 0);
    }
    all_kinds_free(k);
}

static void finds_by_group_and_kind(void **state)
{
    struct all_kinds *k = all_kinds_new(VERB_LIST);

    assert_ptr_equal(all_kinds_find(k, STR("apps/v1"), STR("ReplicaSet")), &kube_replica_sets);
    assert_ptr_equal(all_kinds_find(k, STR("v1"), STR("Pod")), &kube_pods);
    assert_ptr_equal(all_kinds_find(k, STR("apps/v1beta1"), STR("Deployment")), &kube_deployments);
    assert_null(all_kinds_find(k, STR("apps/v1"), STR("Pod")));
    assert_null(all_kinds_find(k, STR("example.com/v1"), STR("Thing")));
    const struct kube_kind *job = all_kinds_find(k, STR("batch/v1"), STR("Job"));
    assert_non_null(job);
    assert_true(job->metadata_only);
    const struct kube_kind *m = all_kinds_metadata(k, &kube_pods);
    assert_true(m->metadata_only && m->namespaced);
    assert_string_equal(m->resource, "pods");
    all_kinds_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_resource_once),
                                       cmocka_unit_test(finds_by_group_and_kind)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
