#include "client/workqueue.h"

#include "test.h"

#include <stdio.h>

#include <pthread.h>
#include <stdatomic.h>

struct fake_clock {
    struct clock c;
    int64_t now;
};

static int64_t fake_now(const struct clock *c)
{
    return ((const struct fake_clock *)(const void *)c)->now;
}

static struct fake_clock *clock_of_test(void)
{
    static struct fake_clock f;
    f = (struct fake_clock){{fake_now, fake_now}, NS_PER_S};
    return &f;
}

static struct workqueue *queue(struct fake_clock *f)
{
    struct workqueue_options o = {.name = "test", .clock = &f->c};
    return workqueue_new(&o);
}

static void a_key_waits_once(void **state)
{
    struct workqueue *q = queue(clock_of_test());

    workqueue_add(q, STR("a"));
    workqueue_add(q, STR("b"));
    workqueue_add(q, STR("a"));
    assert_int_equal(workqueue_len(q), 2);
    char *k = workqueue_get(q);
    assert_string_equal(k, "a"); /* in order */
    workqueue_done(q, k);
    k = workqueue_get(q);
    assert_string_equal(k, "b");
    workqueue_done(q, k);
    assert_int_equal(workqueue_len(q), 0);
    workqueue_free(q);
}

static void a_key_at_work_comes_back_when_done(void **state)
{
    struct workqueue *q = queue(clock_of_test());

    workqueue_add(q, STR("a"));
    char *k = workqueue_get(q);
    workqueue_add(q, STR("a"));
    workqueue_add(q, STR("a"));
    assert_int_equal(workqueue_len(q), 0); /* nobody else may get it now */
    workqueue_done(q, k);
    assert_int_equal(workqueue_len(q), 1);
    k = workqueue_get(q);
    workqueue_done(q, k);
    assert_int_equal(workqueue_len(q), 0);
    workqueue_free(q);
}

static void delays_end_in_order_and_the_shorter_counts(void **state)
{
    struct fake_clock *f = clock_of_test();
    struct workqueue *q = queue(f);

    workqueue_add_after(q, STR("c"), 30);
    workqueue_add_after(q, STR("a"), 10);
    workqueue_add_after(q, STR("b"), 50);
    workqueue_add_after(q, STR("b"), 20); /* brought forward */
    workqueue_add_after(q, STR("a"), 99); /* does not put it off */
    static const char *const want[] = {"a", "b", "c"};
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        workqueue_tick(q);
        assert_int_equal(workqueue_len(q), 0);
        f->now += 10;
        workqueue_tick(q);
        assert_int_equal(workqueue_len(q), 1);
        char *k = workqueue_get(q);
        assert_string_equal(k, want[i]);
        workqueue_done(q, k);
    }
    workqueue_free(q);
}

static void failures_back_off_for_themselves(void **state)
{
    struct fake_clock *f = clock_of_test();
    struct workqueue *q = queue(f);
    int64_t delay = 5 * NS_PER_MS;

    for (int i = 0; i < 20; i++) {
        workqueue_add_rate_limited(q, STR("a"));
        assert_int_equal(workqueue_retries(q, STR("a")), i + 1);
        f->now += delay - 1;
        workqueue_tick(q);
        assert_int_equal(workqueue_len(q), 0);
        f->now += 1;
        workqueue_tick(q);
        assert_int_equal(workqueue_len(q), 1);
        workqueue_done(q, workqueue_get(q));
        delay = MIN_OF(delay * 2, 1000 * NS_PER_S);
    }
    workqueue_forget(q, STR("a"));
    assert_int_equal(workqueue_retries(q, STR("a")), 0);
    workqueue_add_rate_limited(q, STR("a"));
    f->now += 5 * NS_PER_MS;
    workqueue_tick(q);
    assert_int_equal(workqueue_len(q), 1);
    workqueue_free(q);
}

static void shutdown_wakes_and_refuses(void **state)
{
    struct workqueue *q = queue(clock_of_test());

    workqueue_add(q, STR("a"));
    workqueue_add_after(q, STR("b"), 10);
    workqueue_shutdown(q);
    workqueue_add(q, STR("c"));
    assert_null(workqueue_get(q));
    workqueue_free(q);
}

#define KEYS 50
#define ADDS 20000

struct race {
    struct workqueue *q;
    atomic_int busy[KEYS], done[KEYS], overlap, failed_once[KEYS];
};

static int count_sync(void *ctx, struct str key, struct err *err)
{
    struct race *r = ctx;
    int i = atoi(key.p);

    if (atomic_fetch_add(&r->busy[i], 1) != 0)
        atomic_fetch_add(&r->overlap, 1);
    atomic_fetch_add(&r->done[i], 1);
    atomic_fetch_sub(&r->busy[i], 1);
    if (i % 7 == 0 && atomic_fetch_add(&r->failed_once[i], 1) == 0)
        return err_set(err, ERR_CONFLICT, "once");
    return 0;
}

static void *add_many(void *arg)
{
    struct race *r = arg;
    char key[16];

    for (int i = 0; i < ADDS; i++) {
        snprintf(key, sizeof(key), "%d", i % KEYS);
        workqueue_add(r->q, str_of(key));
    }
    return NULL;
}

static void workers_never_share_a_key(void **state)
{
    static struct race r;
    struct workqueue_options o = {.name = "race"};
    pthread_t t[2];

    r = (struct race){.q = workqueue_new(&o)};
    struct workers *w = workers_start(r.q, 4, count_sync, &r);
    for (int i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, add_many, &r);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    for (int i = 0; i < KEYS; i += 7) /* the failed ones come back by themselves */
        while (atomic_load(&r.done[i]) < 2)
            sleep_ns(NS_PER_MS);
    while (workqueue_len(r.q))
        sleep_ns(NS_PER_MS);
    workqueue_shutdown(r.q);
    workers_join(w);
    for (int i = 0; i < KEYS; i++)
        assert_true(atomic_load(&r.done[i]) >= 1);
    assert_int_equal(atomic_load(&r.overlap), 0);
    workqueue_free(r.q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_waits_once),
        cmocka_unit_test(a_key_at_work_comes_back_when_done),
        cmocka_unit_test(delays_end_in_order_and_the_shorter_counts),
        cmocka_unit_test(failures_back_off_for_themselves),
        cmocka_unit_test(shutdown_wakes_and_refuses),
        cmocka_unit_test(workers_never_share_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
