#include "controllers/pods.h"

#include "make.h"
#include "test.h"

static struct arena *a;

static int setup(void **state)
{
    a = arena_new(64 << 20);
    return 0;
}

static int teardown(void **state)
{
    a = arena_free(a);
    return 0;
}

static void kinds_of_pods(void **state)
{
    Corev1__Pod *p = make_pod(a, "p", "n", "Running", 100);

    assert_true(pod_is_active(p));
    assert_false(pod_is_terminating(p));
    p->metadata->deletiontimestamp = make_time(a, 1);
    assert_false(pod_is_active(p));
    assert_true(pod_is_terminating(p));
    p->status->phase = (char *)"Succeeded";
    assert_false(pod_is_terminating(p));
    assert_true(pod_is_finished(p));
}

static void availability_needs_time(void **state)
{
    const Corev1__Pod *p = make_pod(a, "p", "n", "Running", 100);

    assert_true(pod_is_available(p, 0, T(100)));
    assert_false(pod_is_available(p, 10, T(109)));
    assert_true(pod_is_available(p, 10, T(110)));
    assert_false(pod_is_available(make_pod(a, "p", "n", "Running", 0), 0, T(1000)));
}

/* The first of the two must be the one to delete. */
static void assert_first(Corev1__Pod *first, Corev1__Pod *second, int related_first, int related_second)
{
    for (int swap = 0; swap < 2; swap++) {
        struct ranked_pod list[2] = {{NULL, first, related_first}, {NULL, second, related_second}};
        if (swap) {
            struct ranked_pod t = list[0];
            list[0] = list[1];
            list[1] = t;
        }
        pods_rank(list, 2, T(100000));
        assert_ptr_equal(list[0].pod, first);
    }
}

static void ranking(void **state)
{
    assert_first(make_pod(a, "a", NULL, "Pending", 0), make_pod(a, "b", "n", "Pending", 0), 0, 0);
    assert_first(make_pod(a, "a", "n", "Pending", 0), make_pod(a, "b", "n", "Unknown", 0), 0, 0);
    assert_first(make_pod(a, "a", "n", "Unknown", 0), make_pod(a, "b", "n", "Running", 0), 0, 0);
    assert_first(make_pod(a, "a", "n", "Running", 0), make_pod(a, "b", "n", "Running", 50), 0, 0);
    assert_first(make_pod(a, "a", "n", "Running", 50), make_pod(a, "b", "n", "Running", 50), 3,
                 2); /* the crowded node */
    assert_first(make_pod(a, "a", "n", "Running", 99990), make_pod(a, "b", "n", "Running", 50), 0,
                 0); /* ready for less long */

    Corev1__Pod *x = make_pod(a, "x", "n", "Running", 50), *y = make_pod(a, "y", "n", "Running", 50);
    x->metadata->creationtimestamp = make_time(a, 99990);
    y->metadata->creationtimestamp = make_time(a, 40);
    assert_first(x, y, 0, 0); /* younger */
    Corev1__ContainerStatus c = COREV1__CONTAINER_STATUS__INIT, *list[] = {&c};
    c.restartcount = 3;
    y->status->n_containerstatuses = 1, y->status->containerstatuses = list;
    assert_first(y, x, 0, 0); /* restarts weigh more than age */
    Metav1__ObjectMeta__AnnotationsEntry cost = METAV1__OBJECT_META__ANNOTATIONS_ENTRY__INIT, *costs[] = {&cost};
    cost.key = (char *)"controller.kubernetes.io/pod-deletion-cost", cost.value = (char *)"-5";
    x->metadata->n_annotations = 1, x->metadata->annotations = costs;
    assert_first(x, y, 0, 9); /* and the cost more than both */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_of_pods),
        cmocka_unit_test(availability_needs_time),
        cmocka_unit_test(ranking),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
