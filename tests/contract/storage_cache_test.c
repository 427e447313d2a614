/* What the watch cache does beyond the contract of every storage (storage_test.c), on a real etcd. */
#include "storage_fixture.h"

#include "apiserver/storage/compactor.h"
#include "apiserver/storage/etcd.h"

#include <stdatomic.h>
#include <stdio.h>

static void test_cache_sees_what_others_write(void **state)
{
    struct storage *other = open_store(true, NULL), *mine = fx.s;
    struct err err = ERR_INIT;
    for (int i = 0; i < 50; i++) {
        _cleanup_(storage_object_unrefp) struct storage_object *o = NULL, *any = NULL;
        char name[16];
        snprintf(name, sizeof name, "o%d", i);
        int64_t r = create(name, "1");
        assert_int_equal(storage_get(other, key_of(name), STORAGE_CONSISTENT, 0, &o, &err), 0);
        assert_int_equal(o->mod_revision, r);
        assert_true(storage_seen_revision(other) >= r);
        assert_int_equal(storage_get(other, key_of(name), STORAGE_ANY, 0, &any, &err), 0);
        assert_ptr_equal(o, any); /* the same object, not a copy */
    }
    fx.s = other;
    delete_key("o1", storage_seen_revision(other) - 48);
    fx.s = mine;
    struct storage_list l = list_of((struct storage_list_options){0});
    assert_int_equal(l.n, 49);
    storage_list_release(&l);
    storage_close(other);
}

static void test_cache_future_revision(void **state)
{
    struct err err = ERR_INIT;
    struct storage_object *o = NULL;
    int64_t r = create("a", "1");
    assert_int_equal(storage_get(fx.s, key_of("a"), STORAGE_NOT_OLDER, r + 100000, &o, &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_non_null(strstr(err.msg, "Too large resource version: "));
    assert_int_equal(err.retry_after_s, 1);
}

static void test_cache_slow_watch_is_closed(void **state)
{
    struct storage_list l = list_of((struct storage_list_options){0});
    struct storage_watch *w = watch_of((struct storage_watch_options){.revision = l.revision, .backlog = 5});
    int64_t r = create("a", "0");
    for (int i = 0; i < 10; i++)
        r = update("a", r, "1");
    struct storage_list m = list_of((struct storage_list_options){0}); /* all has been handed out */
    assert_event(w, STORAGE_ADDED, "a=0", 0);
    for (int i = 0; i < 4; i++)
        assert_event(w, STORAGE_MODIFIED, "a=1", 0);
    assert_event(w, STORAGE_ERROR, "", 0);
    struct storage_event e;
    assert_false(storage_watch_next(w, &e));
    storage_watch_free(w);
    storage_list_release(&l);
    storage_list_release(&m);
}

static void test_cache_history_has_an_end(void **state)
{
    struct storage_cache_options o = {.history = 4};
    struct err err = ERR_INIT;
    storage_close(fx.s);
    fx.s = open_store(true, &o);
    storage_add_resource(fx.s, str_of(fx.prefix));
    int64_t r[8] = {create("a", "0")};
    struct storage_list l = list_of((struct storage_list_options){0});
    for (int i = 1; i < 8; i++)
        r[i] = update("a", r[i - 1], "1");
    storage_list_release(&l);
    l = list_of((struct storage_list_options){0});
    struct storage_watch *w = NULL;
    struct storage_watch_options wo = {.prefix = str_of(fx.prefix), .revision = r[2]};
    assert_int_equal(storage_watch(fx.s, &wo, &w, &err), -1);
    assert_int_equal(err.code, ERR_EXPIRED);
    char text[128];
    snprintf(text, sizeof text, "too old resource version: %lld (%lld)", (long long)r[2], (long long)r[3]);
    assert_string_equal(err.msg, text);
    w = watch_of((struct storage_watch_options){.revision = r[3]});
    for (int i = 4; i < 8; i++)
        assert_event(w, STORAGE_MODIFIED, "a=1", r[i]);
    storage_watch_free(w);
    storage_list_release(&l);
}

static void test_cache_initial_events_and_bookmarks(void **state)
{
    struct storage_cache_options o = {.bookmark_ms = 20};
    storage_close(fx.s);
    fx.s = open_store(true, &o);
    storage_add_resource(fx.s, str_of(fx.prefix));
    int64_t r1 = create("a", "x");
    create("b", "y");
    struct storage_list l = list_of((struct storage_list_options){0});
    struct storage_watch *w = watch_of((struct storage_watch_options){
        .initial_events = true, .bookmarks = true, .match = begins_with, .user = "x", .revision = r1});
    struct storage_event e;
    assert_event(w, STORAGE_ADDED, "a=x", r1);
    assert_true(storage_watch_next(w, &e));
    assert_int_equal(e.type, STORAGE_BOOKMARK);
    assert_true(e.initial_end);
    assert_int_equal(e.revision, l.revision);
    assert_true(storage_watch_wait(w, 10000));
    assert_true(storage_watch_next(w, &e));
    assert_int_equal(e.type, STORAGE_BOOKMARK);
    assert_false(e.initial_end);
    assert_true(e.revision >= l.revision);
    int64_t r = create("c", "y"); /* not selected, but the bookmark tells of it */
    for (int i = 0; i < 500 && e.revision < r; i++) {
        assert_true(storage_watch_wait(w, 10000));
        assert_true(storage_watch_next(w, &e));
        assert_int_equal(e.type, STORAGE_BOOKMARK);
    }
    assert_true(e.revision >= r);
    storage_watch_free(w);
    storage_list_release(&l);
}

static void test_cache_pages_of_etcd(void **state)
{
    struct err err = ERR_INIT;
    char name[32];
    for (int i = 0; i < 1203; i++) { /* three pages */
        snprintf(name, sizeof name, "n%04d", (i * 7) % 1203);
        create(name, "v");
    }
    struct storage *fresh = open_store(true, NULL), *mine = fx.s;
    assert_int_equal(storage_wait_ready(fresh, 10000, &err), 0);
    fx.s = fresh;
    storage_add_resource(fx.s, str_of(fx.prefix)); /* later than the objects */
    struct storage_list l = list_of((struct storage_list_options){.at = STORAGE_ANY});
    assert_int_equal(l.n, 1203);
    for (size_t i = 0; i < l.n; i++) {
        snprintf(name, sizeof name, "n%04zu", i);
        assert_string_equal(l.v[i]->key.p + strlen(fx.prefix), name);
    }
    storage_list_release(&l);
    storage_close(fresh);
    fx.s = mine;
}

/* While the feed is away its revision is compacted: the cache loads anew, watches end with 410, nothing stale is left.
 */
static void test_cache_survives_compaction(void **state)
{
    int64_t ra = create("a", "1");
    create("gone", "1");
    struct storage_list l = list_of((struct storage_list_options){0});
    struct storage_watch *w = watch_of((struct storage_watch_options){.revision = l.revision});
    storage_list_release(&l);
    struct storage *direct = open_store(false, NULL), *mine = fx.s;
    /* A burst in one breath with the compaction: the feed is cut by the kill before it can follow. */
    test_etcd_kill(&fx.etcd);
    test_etcd_restart(&fx.etcd);
    fx.s = direct;
    int64_t r = update("a", ra, "2");
    for (int i = 0; i < 20; i++)
        r = update("a", r, "3");
    delete_key("gone", ra + 1);
    int64_t now = create("b", "1");
    compact_to(now);
    fx.s = mine;
    l = list_of((struct storage_list_options){0});
    assert_names(&l, "a=3 b=1");
    storage_list_release(&l);
    /* Either the feed was quick enough and the watch saw all of it, or it was told. Never silence. */
    struct storage_event e;
    int events = 0;
    do {
        while (!storage_watch_next(w, &e))
            assert_true(storage_watch_wait(w, 10000));
        events++;
        storage_object_unref(e.obj);
    } while (e.type != STORAGE_ERROR && events < 23);
    assert_true(e.type == STORAGE_ERROR ? e.error == ERR_EXPIRED : events == 23);
    storage_watch_free(w);
    storage_close(direct);
}

static void test_cache_fifty_watchers(void **state)
{
    struct storage_watch *w[50];
    struct storage_list l = list_of((struct storage_list_options){0});
    for (int i = 0; i < 50; i++)
        w[i] = watch_of((struct storage_watch_options){.revision = l.revision});
    storage_list_release(&l);
    struct writer writers[WRITERS];
    atomic_int done = 0;
    start_writers(writers, &done);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writers[i].thread, NULL);
    for (int i = 0; i < 50; i++) {
        check_stream(w[i]);
        storage_watch_free(w[i]);
    }
}

static void test_cache_answers_without_etcd(void **state)
{
    struct err err = ERR_INIT;
    struct storage_object *o = NULL;
    int64_t r = create("a", "1");
    assert_int_equal(storage_get(fx.s, key_of("a"), STORAGE_NOT_OLDER, r, &o, &err), 0);
    storage_object_unref(o);
    for (int i = 0; i < 5000 && !storage_ready(fx.s); i++)
        sleep_ns(NS_PER_MS);
    assert_true(storage_ready(fx.s));
    test_etcd_kill(&fx.etcd);
    assert_int_equal(storage_get(fx.s, key_of("a"), STORAGE_ANY, 0, &o, &err), 0);
    storage_object_unref(o);
    assert_int_equal(storage_ping(fx.s, 50, &err), -1);
    for (int i = 0; i < 2000 && storage_ready(fx.s); i++)
        sleep_ns(NS_PER_MS);
    assert_false(storage_ready(fx.s));
    test_etcd_restart(&fx.etcd);
    assert_int_equal(storage_get(fx.s, key_of("a"), STORAGE_CONSISTENT, 0, &o, &err), 0);
    storage_object_unref(o);
    for (int i = 0; i < 5000 && !storage_ready(fx.s); i++)
        sleep_ns(NS_PER_MS);
    assert_true(storage_ready(fx.s));
}

struct current {
    atomic_int calls, failures;
};

static void on_current(void *user, const struct err *err)
{
    struct current *c = user;
    atomic_fetch_add(&c->failures, err->code != ERR_OK);
    atomic_fetch_add(&c->calls, 1);
}

static void test_cache_when_current(void **state)
{
    struct current c = {0};
    struct err err = ERR_INIT;
    struct storage_object *o = NULL;
    int64_t r = create("a", "1");
    for (int i = 0; i < 1000; i++)
        storage_when_current(fx.s, on_current, &c);
    for (int i = 0; i < 10000 && atomic_load(&c.calls) < 1000; i++)
        sleep_ns(NS_PER_MS);
    assert_int_equal(atomic_load(&c.calls), 1000);
    assert_int_equal(atomic_load(&c.failures), 0);
    assert_int_equal(storage_get(fx.s, key_of("a"), STORAGE_ANY, 0, &o, &err), 0);
    assert_int_equal(o->mod_revision, r);
    storage_object_unref(o);
}

static void test_compactor_steps(void **state)
{
    struct etcd raw;
    struct grpc_channel_options o = {.target = fx.etcd.url};
    struct err err = ERR_INIT;
    int64_t va = 0, ra = 0, vb = 0, rb = 0;
    assert_int_equal(etcd_open(&raw, &o, 5000, &err), 0);
    assert_int_equal(compactor_step(&raw, &va, &ra, &err), 0);
    if (va > 1) /* an earlier run of this test left the key behind */
        assert_int_equal(compactor_step(&raw, &va, &ra, &err), 0);
    int64_t first = create("a", "1");
    assert_int_equal(compactor_step(&raw, &vb, &rb, &err), 0); /* another one, late: learns, does not compact */
    assert_int_equal(vb, va);
    assert_int_equal(compactor_step(&raw, &va, &ra, &err), 0);
    update("a", first, "2");
    assert_int_equal(compactor_step(&raw, &va, &ra, &err), 0); /* compacts to the revision of the step before */
    struct storage_list newest = list_of((struct storage_list_options){.limit = 1}); /* the cache is past it, too */
    storage_list_release(&newest);
    struct storage_list l;
    struct storage_list_options lo = {.prefix = str_of(fx.prefix), .at = STORAGE_EXACT, .revision = first - 1};
    assert_int_equal(storage_list(fx.s, &lo, &l, &err), -1);
    assert_int_equal(err.code, ERR_EXPIRED);
    storage_list_release(&l);
    etcd_close(&raw);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(test_cache_sees_what_others_write),
        T(test_cache_future_revision),
        T(test_cache_slow_watch_is_closed),
        T(test_cache_history_has_an_end),
        T(test_cache_initial_events_and_bookmarks),
        T(test_cache_pages_of_etcd),
        T(test_cache_survives_compaction),
        T(test_cache_fifty_watchers),
        T(test_cache_answers_without_etcd),
        T(test_cache_when_current),
        T(test_compactor_steps),
    };

    if (!test_etcd_available()) {
        printf("skipped: no /usr/bin/etcd\n");
        return 0;
    }
    test_etcd_start(&fx.etcd);
    fx.with_cache = true;
    int failed = cmocka_run_group_tests_name("cache", tests, NULL, NULL);
    test_etcd_stop(&fx.etcd);
    return failed;
}
