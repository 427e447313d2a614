#include "check.h"

#include "scheduler/queue.h"

#define S ((int64_t)1000000000)

struct fixture {
    struct queue q;
    struct sched_pod pods[20];
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    queue_init(&f->q);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    queue_release(&f->q);
    free(f);
    return 0;
}

static void test_priority_then_age(void **state)
{
    static const int32_t priority[] = {0, 5, 0, 9, 5};
    static const int order[] = {3, 1, 4, 0, 2};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(priority); i++) {
        f->pods[i].priority = priority[i];
        queue_add(&f->q, &f->pods[i], (int64_t)i + 1);
    }
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        assert_ptr_equal(queue_pop(&f->q), &f->pods[order[i]]);
    assert_null(queue_pop(&f->q));
}

static void test_backoff_doubles_up_to_ten_seconds(void **state)
{
    static const int64_t want[] = {1, 1, 2, 4, 8, 10, 10};

    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_int_equal(queue_backoff((int)i), want[i] * S);
    assert_int_equal(queue_backoff(1000000), 10 * S);
}

static void test_a_refused_pod_waits_for_what_its_plugins_care_about(void **state)
{
    struct fixture *f = *state;
    struct sched_pod *p = &f->pods[0];

    queue_add(&f->q, p, 1 * S);
    assert_ptr_equal(queue_pop(&f->q), p);
    queue_fail(&f->q, p, 1 << 3, 2 * S);
    assert_int_equal(p->state, POD_UNSCHEDULABLE);
    queue_move(&f->q, 1 << 2, 20 * S);
    assert_int_equal(p->state, POD_UNSCHEDULABLE);
    queue_move(&f->q, 1 << 3, 20 * S); /* its back-off is long over */
    assert_int_equal(p->state, POD_ACTIVE);
    assert_ptr_equal(queue_pop(&f->q), p);
    assert_int_equal(p->attempts, 2);
}

static void test_moved_too_soon_it_backs_off_first(void **state)
{
    struct fixture *f = *state;
    struct sched_pod *p = &f->pods[0];

    queue_add(&f->q, p, 1 * S);
    queue_pop(&f->q);
    queue_fail(&f->q, p, 1, 2 * S);
    queue_move(&f->q, ~(uint64_t)0, 2 * S + S / 2);
    assert_int_equal(p->state, POD_BACKOFF);
    assert_int_equal(queue_tick(&f->q, 2 * S + S / 2), 3 * S);
    assert_null(queue_pop(&f->q));
    assert_int_equal(queue_tick(&f->q, 3 * S), INT64_MAX);
    assert_ptr_equal(queue_pop(&f->q), p);
}

static void test_an_error_only_backs_off(void **state)
{
    struct fixture *f = *state;

    queue_add(&f->q, &f->pods[0], 1 * S);
    queue_pop(&f->q);
    queue_fail(&f->q, &f->pods[0], 0, 5 * S);
    assert_int_equal(f->pods[0].state, POD_BACKOFF);
    assert_int_equal(queue_tick(&f->q, 5 * S), 6 * S);
}

static void test_after_five_minutes_it_is_tried_again(void **state)
{
    struct fixture *f = *state;

    queue_add(&f->q, &f->pods[0], 1 * S);
    queue_pop(&f->q);
    queue_fail(&f->q, &f->pods[0], 1, 2 * S);
    assert_int_equal(queue_tick(&f->q, 3 * S), 302 * S);
    queue_tick(&f->q, 302 * S);
    assert_int_equal(f->pods[0].state, POD_ACTIVE);
}

static void test_a_changed_pod_tries_again(void **state)
{
    struct fixture *f = *state;
    struct sched_pod *p = &f->pods[0];

    queue_add(&f->q, p, 1 * S);
    queue_pop(&f->q);
    queue_fail(&f->q, p, 1, 2 * S);
    queue_add(&f->q, p, 10 * S);
    assert_int_equal(p->state, POD_ACTIVE);
    queue_add(&f->q, p, 10 * S); /* twice is once */
    queue_pop(&f->q);
    assert_null(queue_pop(&f->q));
}

/* Many pods in and out at random: the heaps must keep order and places. */
static void test_removal_from_anywhere(void **state)
{
    struct fixture *f = *state;
    unsigned seed = 7;

    for (int round = 0; round < 2000; round++) {
        seed = seed * 1103515245 + 12345;
        struct sched_pod *p = &f->pods[(seed >> 16) % ARRAY_LEN(f->pods)];
        switch ((seed >> 8) % 4) {
        case 0:
            p->priority = (int32_t)((seed >> 20) % 5);
            queue_remove(&f->q, p);
            p->state = POD_GATED;
            queue_add(&f->q, p, round + 1);
            break;
        case 1:
            queue_remove(&f->q, p);
            p->state = POD_GATED;
            break;
        case 2:
            queue_remove(&f->q, p);
            queue_fail(&f->q, p, 1, round * S);
            break;
        default:
            queue_move(&f->q, 1, round * S + 100 * S);
        }
        const struct pod_heap *heaps[] = {&f->q.active, &f->q.backoff, &f->q.unschedulable};
        for (size_t h = 0; h < ARRAY_LEN(heaps); h++)
            for (size_t i = 0; i < heaps[h]->n; i++) {
                assert_int_equal(heaps[h]->v[i]->heap_at, i);
                assert_false(i && heaps[h]->before(heaps[h]->v[i], heaps[h]->v[(i - 1) / 2]));
            }
    }
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {T(test_priority_then_age),
                                       T(test_backoff_doubles_up_to_ten_seconds),
                                       T(test_a_refused_pod_waits_for_what_its_plugins_care_about),
                                       T(test_moved_too_soon_it_backs_off_first),
                                       T(test_an_error_only_backs_off),
                                       T(test_after_five_minutes_it_is_tried_again),
                                       T(test_a_changed_pod_tries_again),
                                       T(test_removal_from_anywhere)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
