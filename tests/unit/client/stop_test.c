#include "client/stop.h"

#include "test.h"

#include <pthread.h>

static void count(void *arg)
{
    ++*(int *)arg;
}

static void hooks_run_once(void **state)
{
    _cleanup_(stop_freep) struct stop *s = stop_new();
    int kept = 0, removed = 0, late = 0;

    struct stop_hook *a = stop_on(s, count, &kept), *b = stop_on(s, count, &removed);
    stop_off(s, b);
    assert_false(stop_requested(s));
    assert_false(stop_wait(s, 1000));
    stop_request(s);
    stop_request(s);
    assert_int_equal(kept, 1);
    assert_int_equal(removed, 0);
    struct stop_hook *c = stop_on(s, count, &late);
    assert_int_equal(late, 1);
    assert_true(stop_wait(s, -1));
    stop_off(s, a);
    stop_off(s, c);
}

static void *wait_for_it(void *arg)
{
    return stop_wait(arg, -1) ? arg : NULL;
}

static void waiters_wake(void **state)
{
    _cleanup_(stop_freep) struct stop *s = stop_new();
    pthread_t t;
    void *got;

    pthread_create(&t, NULL, wait_for_it, s);
    stop_request(s);
    pthread_join(t, &got);
    assert_ptr_equal(got, s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hooks_run_once), cmocka_unit_test(waiters_wake)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
