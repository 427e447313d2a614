#include "controllers/deployment/rules.h"

#include "make.h"
#include "test.h"

static void a_new_set_gets_what_the_deployment_has(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 << 20);
    Metav1__ObjectMeta *d = make_meta(a, "default", "web"), *rs = make_meta(a, "default", "web-1");

    annotation_set(a, d, "kubernetes.io/change-cause", "new logo");
    annotation_set(a, d, "kubectl.kubernetes.io/last-applied-configuration", "{}");
    annotation_set(a, d, REVISION, "7");
    assert_true(annotate_new_set(a, d, rs, 3));
    assert_string_equal(meta_annotation(rs, "kubernetes.io/change-cause"), "new logo");
    assert_null(meta_annotation(rs, "kubectl.kubernetes.io/last-applied-configuration"));
    assert_int_equal(revision_of(rs), 3);
    assert_null(meta_annotation(rs, REVISION_HISTORY));
    assert_false(annotate_new_set(a, d, rs, 3)); /* nothing more to do */
    assert_false(annotate_new_set(a, d, rs, 2)); /* never back */
}

static void a_rollback_keeps_the_history(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 << 20);
    Metav1__ObjectMeta *d = make_meta(a, "default", "web"), *rs = make_meta(a, "default", "web-1");

    annotate_new_set(a, d, rs, 1);
    assert_true(annotate_new_set(a, d, rs, 4));
    assert_string_equal(meta_annotation(rs, REVISION_HISTORY), "1");
    assert_true(annotate_new_set(a, d, rs, 6));
    assert_string_equal(meta_annotation(rs, REVISION_HISTORY), "1,4");
    for (int i = 7; i < 2000; i++)
        annotate_new_set(a, d, rs, i);
    const char *h = meta_annotation(rs, REVISION_HISTORY);
    assert_true(strlen(h) <= 2000);
    assert_string_equal(h + strlen(h) - 9, "1997,1998"); /* the oldest fell off */
    annotation_set(a, rs, REVISION, "junk");
    assert_false(annotate_new_set(a, d, rs, 3000));
}

static void sizes(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 << 20);
    Metav1__ObjectMeta *rs = make_meta(a, "default", "web-1");
    Appsv1__Deployment *d = make_deployment(a, 4, make_text(a, "25%"), make_text(a, "25%"));
    int32_t n = 0;

    assert_false(annotation_int(rs, DESIRED_REPLICAS, &n));
    assert_true(annotate_sizes(a, d, rs));
    assert_true(annotation_int(rs, DESIRED_REPLICAS, &n));
    assert_int_equal(n, 4);
    assert_true(annotation_int(rs, MAX_REPLICAS, &n));
    assert_int_equal(n, 5);
    assert_false(annotate_sizes(a, d, rs));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_set_gets_what_the_deployment_has),
        cmocka_unit_test(a_rollback_keeps_the_history),
        cmocka_unit_test(sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
