#include "apiserver/storage/watcher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static int wakes;

static void wake(void *user)
{
    wakes++;
}

static bool is_x(void *user, const struct storage_object *o)
{
    return o->value.n && o->value.p[0] == 'x';
}

static struct storage_watch *watch(struct storage_watch_options o)
{
    o.prefix = STR("/p/");
    o.wake = wake;
    struct storage_watch *w = watcher_new(&o);
    wakes = 0;
    watcher_unmute(w);
    return w;
}

/* before and now: values, NULL = absent */
static void push(struct storage_watch *w, int64_t revision, const char *before, const char *now)
{
    _cleanup_(storage_object_unrefp) struct storage_object *prev = NULL, *obj = NULL;
    if (before)
        prev = storage_object_new(STR("/p/a"), str_of(before), 1, revision - 1);
    obj = storage_object_new(STR("/p/a"), str_of(now ? now : before), 1, revision);
    struct storage_change c = {.deleted = !now, .revision = revision, .obj = obj, .prev = prev};
    watcher_push(w, &c);
}

static void expect(struct storage_watch *w, enum storage_event_type type, const char *value, int64_t revision)
{
    struct storage_event e;
    assert_true(storage_watch_next(w, &e));
    assert_int_equal(e.type, type);
    assert_int_equal(e.revision, revision);
    if (value) {
        assert_string_equal(e.obj->value.p, value);
        assert_int_equal(e.obj->mod_revision, revision);
    }
    storage_object_unref(e.obj);
}

static void expect_nothing(struct storage_watch *w)
{
    struct storage_event e;
    assert_false(storage_watch_next(w, &e));
    assert_false(storage_watch_wait(w, 0));
}

static void test_transitions(void **state)
{
    static const struct {
        const char *before, *now;
        int type; /* -1 = no event */
        const char *shown;
    } cases[] = {
        {NULL, "x1", STORAGE_ADDED, "x1"},    {NULL, "y", -1, NULL},
        {"x1", "x2", STORAGE_MODIFIED, "x2"}, {"x1", "y", STORAGE_DELETED, "x1"},
        {"y", "x1", STORAGE_ADDED, "x1"},     {"y", "z", -1, NULL},
        {"x1", NULL, STORAGE_DELETED, "x1"},  {"y", NULL, -1, NULL},
    };
    struct storage_watch *w = watch((struct storage_watch_options){.match = is_x});
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        push(w, 10 + (int64_t)i, cases[i].before, cases[i].now);
        if (cases[i].type >= 0)
            expect(w, (enum storage_event_type)cases[i].type, cases[i].shown, 10 + (int64_t)i);
        expect_nothing(w);
    }
    storage_watch_free(w);
}

static void test_keys(void **state)
{
    struct storage_watch *w = watch((struct storage_watch_options){0}), *one;
    assert_true(watcher_wants(w, STR("/p/a")));
    assert_false(watcher_wants(w, STR("/pp/a")));
    one = watch((struct storage_watch_options){.single = true});
    assert_true(watcher_wants(one, STR("/p/")));
    assert_false(watcher_wants(one, STR("/p/a")));
    storage_watch_free(w);
    storage_watch_free(one);
}

static void test_wakes_only_when_nothing_waited(void **state)
{
    struct storage_watch *w = watch((struct storage_watch_options){0});
    push(w, 2, NULL, "1");
    push(w, 3, "1", "2");
    push(w, 4, "2", "3");
    assert_int_equal(wakes, 1);
    expect(w, STORAGE_ADDED, "1", 2);
    push(w, 5, "3", "4");
    assert_int_equal(wakes, 1); /* the reader has not come to the end yet */
    for (int64_t r = 3; r <= 5; r++)
        expect(w, STORAGE_MODIFIED, NULL, r);
    expect_nothing(w);
    push(w, 6, "4", "5");
    assert_int_equal(wakes, 2);
    storage_watch_free(w); /* with an event left */
}

static void test_overflow_ends_it(void **state)
{
    struct storage_watch *w = watch((struct storage_watch_options){.backlog = 40});
    push(w, 2, NULL, "1");
    for (int64_t r = 3; r < 100; r++)
        push(w, r, "1", "1");
    expect(w, STORAGE_ADDED, "1", 2);
    for (int64_t r = 3; r < 42; r++)
        expect(w, STORAGE_MODIFIED, "1", r);
    struct storage_event e;
    assert_true(storage_watch_next(w, &e));
    assert_int_equal(e.type, STORAGE_ERROR);
    assert_int_equal(e.error, ERR_EXPIRED);
    expect_nothing(w);
    push(w, 100, "1", "1"); /* nothing follows */
    expect_nothing(w);
    storage_watch_free(w);
}

static void test_bookmarks(void **state)
{
    struct storage_watch *w = watch((struct storage_watch_options){.bookmarks = true}), *none;
    watcher_bookmark(w, 7);
    assert_int_equal(wakes, 1);
    push(w, 9, NULL, "1"); /* an event says more than the bookmark before it */
    expect(w, STORAGE_ADDED, "1", 9);
    expect_nothing(w);
    watcher_bookmark(w, 10);
    watcher_bookmark(w, 11);
    expect(w, STORAGE_BOOKMARK, NULL, 11);
    expect_nothing(w);
    storage_watch_free(w);
    none = watch((struct storage_watch_options){0});
    watcher_bookmark(none, 7);
    expect_nothing(none);
    storage_watch_free(none);
}

static void test_initial(void **state)
{
    struct storage_watch *w = watch((struct storage_watch_options){.initial_events = true});
    struct storage_object **v = xmalloc(2 * sizeof *v);
    v[0] = storage_object_new(STR("/p/a"), STR("1"), 1, 3);
    v[1] = storage_object_new(STR("/p/b"), STR("2"), 1, 2);
    watcher_set_initial(w, v, 2, 5);
    push(w, 6, "1", "3");
    expect(w, STORAGE_ADDED, "1", 3);
    expect(w, STORAGE_ADDED, "2", 2);
    struct storage_event e;
    assert_true(storage_watch_next(w, &e));
    assert_true(e.type == STORAGE_BOOKMARK && e.initial_end && e.revision == 5);
    expect(w, STORAGE_MODIFIED, "3", 6);
    expect_nothing(w);
    storage_watch_free(w);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transitions),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_wakes_only_when_nothing_waited),
        cmocka_unit_test(test_overflow_ends_it),
        cmocka_unit_test(test_bookmarks),
        cmocka_unit_test(test_initial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
