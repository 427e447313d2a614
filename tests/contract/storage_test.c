/* What every storage must do, on a real etcd: run over etcd itself and over the watch cache. */
#include "storage_fixture.h"

#include "apiserver/storage/etcd.h"

#include <stdatomic.h>
#include <stdio.h>

/* --- writes --- */

static void test_create_and_get(void **state)
{
    struct err err = ERR_INIT;
    _cleanup_(storage_object_unrefp) struct storage_object *o = NULL;
    int64_t r = create("ns/a", "one");
    assert_true(r > 0);
    assert_int_equal(storage_get(fx.s, key_of("ns/a"), STORAGE_CONSISTENT, 0, &o, &err), 0);
    assert_string_equal(o->value.p, "one");
    assert_int_equal(o->mod_revision, r);
    assert_int_equal(o->create_revision, r);
    assert_int_equal(storage_create(fx.s, key_of("ns/a"), STR("two"), 0, NULL, &err), -1);
    assert_int_equal(err.code, ERR_ALREADY_EXISTS);
    struct storage_object *none = NULL;
    assert_int_equal(storage_get(fx.s, key_of("ns/b"), STORAGE_CONSISTENT, 0, &none, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void test_any_bytes(void **state)
{
    struct err err = ERR_INIT;
    _cleanup_(storage_object_unrefp) struct storage_object *o = NULL;
    char bytes[256];
    for (int i = 0; i < 256; i++)
        bytes[i] = (char)i;
    assert_int_equal(storage_create(fx.s, key_of("a"), str_n(bytes, 256), 0, NULL, &err), 0);
    assert_int_equal(storage_create(fx.s, key_of("empty"), STR(""), 0, NULL, &err), 0);
    assert_int_equal(storage_get(fx.s, key_of("a"), STORAGE_CONSISTENT, 0, &o, &err), 0);
    assert_int_equal(o->value.n, 256);
    assert_memory_equal(o->value.p, bytes, 256);
}

static void test_too_large(void **state)
{
    struct err err = ERR_INIT;
    size_t n = 2 * MIB;
    _cleanup_(freep) char *p = xcalloc(1, n);
    assert_int_equal(storage_create(fx.s, key_of("big"), str_n(p, n), 0, NULL, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
}

static void test_update(void **state)
{
    struct err err = ERR_INIT;
    _cleanup_(storage_object_unrefp) struct storage_object *now = NULL;
    int64_t r1 = create("a", "1"), r2 = update("a", r1, "2");
    assert_true(r2 > r1);
    assert_int_equal(storage_update(fx.s, key_of("a"), r1, STR("3"), 0, &now, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(now->mod_revision, r2);
    assert_string_equal(now->value.p, "2");
    struct storage_object *none = NULL;
    assert_int_equal(storage_update(fx.s, key_of("b"), r1, STR("3"), 0, &none, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_null(none);
}

static void test_delete(void **state)
{
    struct err err = ERR_INIT;
    _cleanup_(storage_object_unrefp) struct storage_object *last = NULL, *now = NULL;
    int64_t r1 = create("a", "1"), r2 = update("a", r1, "2");
    assert_int_equal(storage_delete(fx.s, key_of("a"), r1, &now, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(now->mod_revision, r2);
    assert_int_equal(storage_delete(fx.s, key_of("a"), r2, &last, &err), 0);
    assert_true(last->mod_revision > r2);
    assert_string_equal(last->value.p, "2");
    assert_int_equal(storage_delete(fx.s, key_of("a"), r2, NULL, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    struct storage_object *none = NULL;
    assert_int_equal(storage_get(fx.s, key_of("a"), STORAGE_CONSISTENT, 0, &none, &err), -1);
}

static void test_keys_that_expire_share_a_lease(void **state)
{
    struct err err = ERR_INIT;
    struct etcd raw;
    struct grpc_channel_options o = {.target = fx.etcd.url};
    char room[128];
    for (int i = 0; i < 3; i++)
        assert_int_equal(storage_create(fx.s,
                                        key_of(i == 0   ? "a"
                                               : i == 1 ? "b"
                                                        : "c"),
                                        STR("x"), 3600, NULL, &err),
                         0);
    assert_int_equal(etcd_open(&raw, &o, 5000, &err), 0);
    Etcdserverpb__RangeRequest req = ETCDSERVERPB__RANGE_REQUEST__INIT;
    Etcdserverpb__RangeResponse *r = NULL;
    req.key = etcd_bytes(str_of(fx.prefix));
    req.range_end = etcd_bytes(etcd_prefix_end(str_of(fx.prefix), room));
    assert_int_equal(etcd_range(&raw, &req, etcd_deadline(&raw), &r, &err), 0);
    assert_int_equal(r->n_kvs, 3);
    assert_true(r->kvs[0]->lease != 0);
    assert_true(r->kvs[0]->lease == r->kvs[1]->lease && r->kvs[1]->lease == r->kvs[2]->lease);
    etcdserverpb__range_response__free_unpacked(r, NULL);
    etcd_close(&raw);
}

/* --- lists --- */

static void test_list(void **state)
{
    int64_t r = create("ns1/b", "2");
    r = create("ns1/a", "1");
    r = create("ns2/c", "3");
    struct err err = ERR_INIT;
    struct storage_list l = list_of((struct storage_list_options){0});
    assert_names(&l, "ns1/a=1 ns1/b=2 ns2/c=3");
    assert_true(l.revision >= r);
    assert_null(l.continue_token);
    storage_list_release(&l);

    struct storage_list_options one = {.prefix = key_of("ns1/")};
    assert_int_equal(storage_list(fx.s, &one, &l, &err), 0);
    assert_names(&l, "ns1/a=1 ns1/b=2");
    storage_list_release(&l);
    l = list_of((struct storage_list_options){.match = begins_with, .user = "3"});
    assert_names(&l, "ns2/c=3");
    storage_list_release(&l);
}

static void test_list_in_pages_is_one_snapshot(void **state)
{
    char name[16], token[1024];
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "k%d", i);
        create(name, "old");
    }
    struct storage_list l = list_of((struct storage_list_options){.limit = 2}), m;
    assert_names(&l, "k0=old k1=old");
    assert_non_null(l.continue_token);
    assert_int_equal(l.remaining, 3);
    snprintf(token, sizeof token, "%s", l.continue_token);
    int64_t revision = l.revision;
    update("k3", l.v[1]->mod_revision + 2, "new");
    create("k9", "new");
    m = list_of((struct storage_list_options){.limit = 2, .continue_token = str_of(token)});
    assert_names(&m, "k2=old k3=old");
    assert_int_equal(m.revision, revision);
    assert_int_equal(m.remaining, 1);
    snprintf(token, sizeof token, "%s", m.continue_token);
    storage_list_release(&m);
    m = list_of((struct storage_list_options){.limit = 2, .continue_token = str_of(token)});
    assert_names(&m, "k4=old");
    assert_null(m.continue_token);
    storage_list_release(&m);
    storage_list_release(&l);
}

static void test_list_pages_with_selector(void **state)
{
    create("a", "x1");
    create("b", "y");
    create("c", "x2");
    create("d", "x3");
    struct storage_list l = list_of((struct storage_list_options){.limit = 2, .match = begins_with, .user = "x"}), m;
    assert_names(&l, "a=x1 c=x2");
    assert_non_null(l.continue_token);
    assert_int_equal(l.remaining, -1);
    m = list_of((struct storage_list_options){
        .limit = 2, .match = begins_with, .user = "x", .continue_token = str_of(l.continue_token)});
    assert_names(&m, "d=x3");
    assert_null(m.continue_token);
    storage_list_release(&m);
    storage_list_release(&l);
}

static void test_list_at_a_revision(void **state)
{
    struct err err = ERR_INIT;
    int64_t r1 = create("a", "1"), r2 = create("b", "2"), r3 = update("a", r1, "3");
    struct storage_list l = list_of((struct storage_list_options){.at = STORAGE_EXACT, .revision = r2});
    assert_names(&l, "a=1 b=2");
    assert_int_equal(l.revision, r2);
    storage_list_release(&l);
    l = list_of((struct storage_list_options){.at = STORAGE_NOT_OLDER, .revision = r3});
    assert_names(&l, "a=3 b=2");
    assert_true(l.revision >= r3);
    storage_list_release(&l);
    struct storage_list_options o = {.prefix = str_of(fx.prefix), .at = STORAGE_EXACT, .revision = r3 + 1000};
    assert_int_equal(storage_list(fx.s, &o, &l, &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_int_equal(err.retry_after_s, 1);
    storage_list_release(&l);
}

static void test_compacted(void **state)
{
    struct err err = ERR_INIT;
    struct storage_list m;
    int64_t r1 = create("a", "1");
    create("b", "1");
    create("c", "1");
    struct storage_list l = list_of((struct storage_list_options){.limit = 1});
    assert_names(&l, "a=1");
    int64_t r2 = update("a", r1, "2");
    compact_to(r2);
    /* A cache that has not seen the update yet may well answer the old page; a read of the newest makes it catch up. */
    struct storage_list newest = list_of((struct storage_list_options){.limit = 1});
    assert_names(&newest, "a=2");
    storage_list_release(&newest);
    struct storage_list_options o = {
        .prefix = str_of(fx.prefix), .limit = 1, .continue_token = str_of(l.continue_token)};
    assert_int_equal(storage_list(fx.s, &o, &m, &err), -1);
    assert_int_equal(err.code, ERR_EXPIRED);
    assert_non_null(m.continue_token);
    struct storage_list k =
        list_of((struct storage_list_options){.limit = 1, .continue_token = str_of(m.continue_token)});
    assert_names(&k, "b=1");
    storage_list_release(&k);
    storage_list_release(&m);
    storage_list_release(&l);
    o = (struct storage_list_options){.prefix = str_of(fx.prefix), .at = STORAGE_EXACT, .revision = r1};
    assert_int_equal(storage_list(fx.s, &o, &m, &err), -1);
    assert_int_equal(err.code, ERR_EXPIRED);
    assert_string_equal(err.msg, "The resourceVersion for the provided list is too old.");
    storage_list_release(&m);
}

static void test_bad_continue_tokens(void **state)
{
    static const char *const bad[] = {
        "x",
        "!!!!",
        "e30",
        "eyJ2IjoidjEiLCJydiI6MSwic3RhcnQiOiJhIn0",                            /* another version */
        "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MCwic3RhcnQiOiJhIn0",            /* rv 0 */
        "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiIifQ",             /* no start */
        "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhLy4uLy4uL2IifQ", /* a/../../b */
        "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiIvYSJ9",           /* /a */
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = ERR_INIT;
        struct storage_list l;
        struct storage_list_options o = {.prefix = str_of(fx.prefix), .limit = 1, .continue_token = str_of(bad[i])};
        assert_int_equal(storage_list(fx.s, &o, &l, &err), -1);
        assert_int_equal(err.code, ERR_BAD_REQUEST);
        storage_list_release(&l);
    }
}

/* --- watches --- */

static void test_watch_from_the_state(void **state)
{
    int64_t r1 = create("a", "1"), r2 = create("b", "1");
    struct storage_list l = list_of((struct storage_list_options){0}); /* the cache is there now */
    storage_list_release(&l);
    struct storage_watch *w = watch_of((struct storage_watch_options){0});
    assert_event(w, STORAGE_ADDED, "a=1", r1);
    assert_event(w, STORAGE_ADDED, "b=1", r2);
    int64_t r3 = update("a", r1, "2"), r4 = create("c", "1"), r5 = delete_key("a", r3);
    assert_event(w, STORAGE_MODIFIED, "a=2", r3);
    assert_event(w, STORAGE_ADDED, "c=1", r4);
    assert_event(w, STORAGE_DELETED, "a=2", r5);
    int64_t r6 = create("a", "again");
    assert_event(w, STORAGE_ADDED, "a=again", r6);
    storage_watch_free(w);
}

static void test_watch_from_a_revision(void **state)
{
    create("a", "0");
    struct storage_list l = list_of((struct storage_list_options){0});
    int64_t r1 = create("x", "1"), r2 = update("x", r1, "2"), r3 = delete_key("x", r2), r4 = create("y", "1");
    struct storage_watch *w = watch_of((struct storage_watch_options){.revision = l.revision}),
                         *v = watch_of((struct storage_watch_options){.revision = r2});
    assert_event(w, STORAGE_ADDED, "x=1", r1);
    assert_event(w, STORAGE_MODIFIED, "x=2", r2);
    assert_event(w, STORAGE_DELETED, "x=2", r3);
    assert_event(w, STORAGE_ADDED, "y=1", r4);
    assert_event(v, STORAGE_DELETED, "x=2", r3);
    assert_event(v, STORAGE_ADDED, "y=1", r4);
    storage_list_release(&l);
    storage_watch_free(w);
    storage_watch_free(v);
}

static void test_watch_with_selector(void **state)
{
    int64_t r1 = create("a", "x"), r2 = create("b", "y");
    struct storage_list l = list_of((struct storage_list_options){0});
    struct storage_watch *w =
        watch_of((struct storage_watch_options){.match = begins_with, .user = "x", .revision = l.revision});
    int64_t r3 = update("a", r1, "x2"), r4 = update("a", r3, "y"), r5 = update("b", r2, "x"), r6 = create("c", "y");
    delete_key("c", r6);
    int64_t r7 = delete_key("b", r5);
    assert_event(w, STORAGE_MODIFIED, "a=x2", r3);
    assert_event(w, STORAGE_DELETED, "a=x2", r4); /* it left the selection: the version that was in it */
    assert_event(w, STORAGE_ADDED, "b=x", r5);
    assert_event(w, STORAGE_DELETED, "b=x", r7);
    storage_list_release(&l);
    storage_watch_free(w);
}

static void test_watch_of_one_object_and_of_a_namespace(void **state)
{
    int64_t r1 = create("ns/a", "1");
    create("ns/ab", "1");
    create("ns2/a", "1");
    struct storage_list l = list_of((struct storage_list_options){0});
    char one[128], ns[128];
    snprintf(one, sizeof one, "%sns/a", fx.prefix);
    snprintf(ns, sizeof ns, "%sns/", fx.prefix);
    struct storage_watch *w = watch_of((struct storage_watch_options){.prefix = str_of(one), .single = true}),
                         *v = watch_of((struct storage_watch_options){.prefix = str_of(ns), .revision = l.revision});
    assert_event(w, STORAGE_ADDED, "ns/a=1", r1);
    create("ns/abc", "1");
    int64_t r2 = update("ns/a", r1, "2");
    assert_event(w, STORAGE_MODIFIED, "ns/a=2", r2);
    assert_event(v, STORAGE_ADDED, "ns/abc=1", 0);
    assert_event(v, STORAGE_MODIFIED, "ns/a=2", r2);
    assert_false(storage_watch_wait(v, 20));
    storage_list_release(&l);
    storage_watch_free(w);
    storage_watch_free(v);
}

static void count_wake(void *user)
{
    atomic_fetch_add((atomic_int *)user, 1);
}

static void test_watch_wakes(void **state)
{
    atomic_int wakes = 0;
    struct storage_list l = list_of((struct storage_list_options){0});
    struct storage_watch *w =
        watch_of((struct storage_watch_options){.revision = l.revision, .wake = count_wake, .wake_user = &wakes});
    int64_t r = create("a", "1");
    assert_true(storage_watch_wait(w, 10000));
    for (int i = 0; i < 1000 && atomic_load(&wakes) == 0; i++)
        sleep_ns(NS_PER_MS);
    assert_int_equal(atomic_load(&wakes), 1);
    assert_event(w, STORAGE_ADDED, "a=1", r);
    storage_watch_free(w);
    storage_list_release(&l);
}

/* --- many at once --- */

static void run_many(int kills)
{
    struct storage_list l = list_of((struct storage_list_options){0});
    struct storage_watch *a = watch_of((struct storage_watch_options){.revision = l.revision, .backlog = EVENTS}),
                         *b = watch_of((struct storage_watch_options){.revision = l.revision, .backlog = EVENTS});
    struct writer w[WRITERS];
    atomic_int done = 0;
    start_writers(w, &done);
    for (int k = 1; k <= kills; k++) {
        while (atomic_load(&done) < k * WRITERS * OBJECTS / (kills + 1))
            sleep_ns(NS_PER_MS);
        test_etcd_kill(&fx.etcd);
        test_etcd_restart(&fx.etcd);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(w[i].thread, NULL);
    check_stream(a);
    check_stream(b);
    struct storage_watch *late = watch_of((struct storage_watch_options){.revision = l.revision, .backlog = EVENTS});
    check_stream(late);
    storage_watch_free(a);
    storage_watch_free(b);
    storage_watch_free(late);
    storage_list_release(&l);
    l = list_of((struct storage_list_options){0});
    assert_int_equal(l.n, WRITERS * OBJECTS / 2);
    storage_list_release(&l);
}

static void test_many_writers(void **state)
{
    run_many(0);
}

/* kill -9 of etcd loses and repeats nothing: no write fails, no event is missing or comes twice. */
static void test_etcd_killed_in_the_middle(void **state)
{
    run_many(3);
}

int main(void)
{
    static const struct CMUnitTest both[] = {
        T(test_create_and_get),
        T(test_any_bytes),
        T(test_too_large),
        T(test_update),
        T(test_delete),
        T(test_keys_that_expire_share_a_lease),
        T(test_list),
        T(test_list_in_pages_is_one_snapshot),
        T(test_list_pages_with_selector),
        T(test_list_at_a_revision),
        T(test_compacted),
        T(test_bad_continue_tokens),
        T(test_watch_from_the_state),
        T(test_watch_from_a_revision),
        T(test_watch_with_selector),
        T(test_watch_of_one_object_and_of_a_namespace),
        T(test_watch_wakes),
        T(test_many_writers),
        T(test_etcd_killed_in_the_middle),
    };

    if (!test_etcd_available()) {
        printf("skipped: no /usr/bin/etcd\n");
        return 0;
    }
    test_etcd_start(&fx.etcd);
    int failed = cmocka_run_group_tests_name("etcd", both, NULL, NULL);
    fx.with_cache = true;
    failed += cmocka_run_group_tests_name("cache on etcd", both, NULL, NULL);
    test_etcd_stop(&fx.etcd);
    return failed;
}
