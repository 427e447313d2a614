#include "check.h"

#include <pthread.h>

#include "base/clock.h"
#include "scheduler/inbox.h"

static struct kube_object *pod(const char *name, const char *uid)
{
    _cleanup_(freep) char *json = xasprintf("{\"metadata\":{\"name\":\"%s\",\"uid\":\"%s\"}}", name, uid);
    return object_of(&kube_pods, json);
}

static void put(struct inbox *b, enum news what, const char *name, const char *uid)
{
    struct kube_object *o = uid ? pod(name, uid) : NULL;
    inbox_put(b, what, str_of(name), o, false);
    kube_object_unref(o);
}

static void test_the_newest_state_counts_in_the_first_place(void **state)
{
    struct inbox *b = inbox_new();

    put(b, NEWS_POD, "a", "1");
    put(b, NEWS_NODE, "a", "2"); /* another kind is another thing */
    put(b, NEWS_POD, "b", "3");
    put(b, NEWS_POD, "a", NULL);
    put(b, NEWS_POD, "b", "4");
    struct inbox_item *i = inbox_take(b, 0);
    assert_true(i->what == NEWS_POD && strcmp(i->key, "a") == 0 && !i->obj);
    i = inbox_item_free(i);
    assert_true(i->what == NEWS_NODE && strcmp(i->obj->meta->uid, "2") == 0);
    i = inbox_item_free(i);
    assert_string_equal(i->obj->meta->uid, "4");
    assert_null(inbox_item_free(i));
    assert_null(inbox_take(b, 0));
    put(b, NEWS_POD, "left", "5"); /* freed with it */
    inbox_free(b);
}

static void *producer(void *b)
{
    for (int i = 0; i < 2000; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%d", i % 50);
        put(b, NEWS_POD, name, i % 3 ? "u" : NULL);
    }
    put(b, NEWS_NODE, "end", "u");
    return NULL;
}

static void test_threads_put_while_one_takes(void **state)
{
    struct inbox *b = inbox_new();
    pthread_t threads[3];
    bool end = false;

    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, producer, b), 0);
    for (int rounds = 0; !end; rounds++) {
        assert_true(rounds < 100000);
        for (struct inbox_item *i = inbox_take(b, clock_mono(&clock_system) + 5 * NS_PER_S); i; i = inbox_item_free(i))
            end |= i->what == NEWS_NODE;
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    inbox_free(b);
}

static void *waker(void *b)
{
    inbox_wake(b);
    return NULL;
}

static void test_a_wake_ends_the_wait(void **state)
{
    struct inbox *b = inbox_new();
    pthread_t t;

    assert_int_equal(pthread_create(&t, NULL, waker, b), 0);
    assert_null(inbox_take(b, INT64_MAX));
    pthread_join(t, NULL);
    inbox_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_newest_state_counts_in_the_first_place),
                                       cmocka_unit_test(test_threads_put_while_one_takes),
                                       cmocka_unit_test(test_a_wake_ends_the_wait)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
