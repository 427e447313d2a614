/*
 * What every storage must do, on a real etcd: run over etcd itself and over the watch cache. Some tests are for the
 * cache alone.
 */
#include "apiserver/storage/storage.h"

#include "apiserver/storage/compactor.h"
#include "apiserver/storage/etcd.h"
#include "base/clock.h"
#include "base/limits.h"
#include "testlib/test_etcd.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include <cmocka.h>

static struct test_etcd etcd;
static struct storage *s;
static bool with_cache;
static int round_no;
static char prefix[64]; /* of this test's resource */

static struct storage *open_store(bool cache, const struct storage_cache_options *co)
{
    struct storage_etcd_options o = {.servers = etcd.url, .compact_every_ms = -1, .timeout_ms = 15000};
    struct storage *st = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(storage_etcd_open(&o, &st, &err), 0);
    if (cache)
        assert_int_equal(storage_cache_open(st, co, &st, &err), 0);
    return st;
}

static int begin(void **state)
{
    snprintf(prefix, sizeof prefix, "/registry/things%d/", ++round_no);
    s = open_store(with_cache, NULL);
    storage_add_resource(s, str_of(prefix));
    return 0;
}

static int end(void **state)
{
    s = storage_close(s);
    return 0;
}

/* --- short hands --- */

static struct str key_of(const char *name)
{
    static _Thread_local char key[128];
    snprintf(key, sizeof key, "%s%s", prefix, name);
    return str_of(key);
}

static int64_t create(const char *name, const char *value)
{
    struct err err = ERR_INIT;
    _cleanup_(storage_object_unrefp) struct storage_object *o = NULL;
    if (storage_create(s, key_of(name), str_of(value), 0, &o, &err) < 0)
        fail_msg("create %s: %s", name, err.msg);
    return o->mod_revision;
}

static int64_t update(const char *name, int64_t expect, const char *value)
{
    struct err err = ERR_INIT;
    _cleanup_(storage_object_unrefp) struct storage_object *o = NULL;
    if (storage_update(s, key_of(name), expect, str_of(value), 0, &o, &err) < 0)
        fail_msg("update %s: %s", name, err.msg);
    return o->mod_revision;
}

static int64_t delete_key(const char *name, int64_t expect)
{
    struct err err = ERR_INIT;
    _cleanup_(storage_object_unrefp) struct storage_object *o = NULL;
    if (storage_delete(s, key_of(name), expect, &o, &err) < 0)
        fail_msg("delete %s: %s", name, err.msg);
    return o->mod_revision;
}

static struct storage_list list_of(struct storage_list_options o)
{
    struct storage_list l;
    struct err err = ERR_INIT;
    o.prefix = str_of(prefix);
    if (storage_list(s, &o, &l, &err) < 0)
        fail_msg("list: %s", err.msg);
    return l;
}

static void assert_names(const struct storage_list *l, const char *expect)
{
    char got[1024] = "";
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++)
        n += (size_t)snprintf(got + n, sizeof got - n, "%s%s=%s", i ? " " : "", l->v[i]->key.p + strlen(prefix),
                              l->v[i]->value.p);
    assert_string_equal(got, expect);
}

/* The next event as text: "ADDED name=value". */
static void assert_event(struct storage_watch *w, enum storage_event_type type, const char *expect, int64_t revision)
{
    struct storage_event e;
    char got[256] = "";
    if (!storage_watch_next(w, &e)) {
        assert_true(storage_watch_wait(w, 10000));
        assert_true(storage_watch_next(w, &e));
    }
    if (e.obj)
        snprintf(got, sizeof got, "%s=%s", e.obj->key.p + strlen(prefix), e.obj->value.p);
    assert_int_equal(e.type, type);
    assert_string_equal(got, expect);
    if (revision)
        assert_int_equal(e.obj ? e.obj->mod_revision : e.revision, revision);
    storage_object_unref(e.obj);
}

static struct storage_watch *watch_of(struct storage_watch_options o)
{
    struct storage_watch *w = NULL;
    struct err err = ERR_INIT;
    if (!o.prefix.n)
        o.prefix = str_of(prefix);
    if (storage_watch(s, &o, &w, &err) < 0)
        fail_msg("watch: %s", err.msg);
    return w;
}

static bool begins_with(void *user, const struct storage_object *o)
{
    return o->value.n && o->value.p[0] == *(const char *)user;
}

/* --- writes --- */

static void test_create_and_get(void **state)
{
    struct err err = ERR_INIT;
    _cleanup_(storage_object_unrefp) struct storage_object *o = NULL;
    int64_t r = create("ns/a", "one");
    assert_true(r > 0);
    assert_int_equal(storage_get(s, key_of("ns/a"), STORAGE_CONSISTENT, 0, &o, &err), 0);
    assert_string_equal(o->value.p, "one");
    assert_int_equal(o->mod_revision, r);
    assert_int_equal(o->create_revision, r);
    assert_int_equal(storage_create(s, key_of("ns/a"), STR("two"), 0, NULL, &err), -1);
    assert_int_equal(err.code, ERR_ALREADY_EXISTS);
    struct storage_object *none = NULL;
    assert_int_equal(storage_get(s, key_of("ns/b"), STORAGE_CONSISTENT, 0, &none, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void test_any_bytes(void **state)
{
    struct err err = ERR_INIT;
    _cleanup_(storage_object_unrefp) struct storage_object *o = NULL;
    char bytes[256];
    for (int i = 0; i < 256; i++)
        bytes[i] = (char)i;
    assert_int_equal(storage_create(s, key_of("a"), str_n(bytes, 256), 0, NULL, &err), 0);
    assert_int_equal(storage_create(s, key_of("empty"), STR(""), 0, NULL, &err), 0);
    assert_int_equal(storage_get(s, key_of("a"), STORAGE_CONSISTENT, 0, &o, &err), 0);
    assert_int_equal(o->value.n, 256);
    assert_memory_equal(o->value.p, bytes, 256);
}

static void test_too_large(void **state)
{
    struct err err = ERR_INIT;
    size_t n = 2 * MIB;
    _cleanup_(freep) char *p = xcalloc(1, n);
    assert_int_equal(storage_create(s, key_of("big"), str_n(p, n), 0, NULL, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
}

static void test_update(void **state)
{
    struct err err = ERR_INIT;
    _cleanup_(storage_object_unrefp) struct storage_object *now = NULL;
    int64_t r1 = create("a", "1"), r2 = update("a", r1, "2");
    assert_true(r2 > r1);
    assert_int_equal(storage_update(s, key_of("a"), r1, STR("3"), 0, &now, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(now->mod_revision, r2);
    assert_string_equal(now->value.p, "2");
    struct storage_object *none = NULL;
    assert_int_equal(storage_update(s, key_of("b"), r1, STR("3"), 0, &none, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_null(none);
}

static void test_delete(void **state)
{
    struct err err = ERR_INIT;
    _cleanup_(storage_object_unrefp) struct storage_object *last = NULL, *now = NULL;
    int64_t r1 = create("a", "1"), r2 = update("a", r1, "2");
    assert_int_equal(storage_delete(s, key_of("a"), r1, &now, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(now->mod_revision, r2);
    assert_int_equal(storage_delete(s, key_of("a"), r2, &last, &err), 0);
    assert_true(last->mod_revision > r2);
    assert_string_equal(last->value.p, "2");
    assert_int_equal(storage_delete(s, key_of("a"), r2, NULL, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    struct storage_object *none = NULL;
    assert_int_equal(storage_get(s, key_of("a"), STORAGE_CONSISTENT, 0, &none, &err), -1);
}

static void test_keys_that_expire_share_a_lease(void **state)
{
    struct err err = ERR_INIT;
    struct etcd raw;
    struct grpc_channel_options o = {.target = etcd.url};
    char room[128];
    for (int i = 0; i < 3; i++)
        assert_int_equal(storage_create(s, key_of(i == 0 ? "a" : i == 1 ? "b" : "c"), STR("x"), 3600, NULL, &err), 0);
    assert_int_equal(etcd_open(&raw, &o, 5000, &err), 0);
    Etcdserverpb__RangeRequest req = ETCDSERVERPB__RANGE_REQUEST__INIT;
    Etcdserverpb__RangeResponse *r = NULL;
    req.key = etcd_bytes(str_of(prefix));
    req.range_end = etcd_bytes(etcd_prefix_end(str_of(prefix), room));
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
    assert_int_equal(storage_list(s, &one, &l, &err), 0);
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
    struct storage_list_options o = {.prefix = str_of(prefix), .at = STORAGE_EXACT, .revision = r3 + 1000};
    assert_int_equal(storage_list(s, &o, &l, &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_int_equal(err.retry_after_s, 1);
    storage_list_release(&l);
}

static void compact_to(int64_t revision)
{
    struct etcd raw;
    struct grpc_channel_options o = {.target = etcd.url};
    struct err err = ERR_INIT;
    assert_int_equal(etcd_open(&raw, &o, 5000, &err), 0);
    assert_int_equal(etcd_compact(&raw, revision, &err), 0);
    etcd_close(&raw);
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
    struct storage_list_options o = {.prefix = str_of(prefix), .limit = 1, .continue_token = str_of(l.continue_token)};
    assert_int_equal(storage_list(s, &o, &m, &err), -1);
    assert_int_equal(err.code, ERR_EXPIRED);
    assert_non_null(m.continue_token);
    struct storage_list k =
        list_of((struct storage_list_options){.limit = 1, .continue_token = str_of(m.continue_token)});
    assert_names(&k, "b=1");
    storage_list_release(&k);
    storage_list_release(&m);
    storage_list_release(&l);
    o = (struct storage_list_options){.prefix = str_of(prefix), .at = STORAGE_EXACT, .revision = r1};
    assert_int_equal(storage_list(s, &o, &m, &err), -1);
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
        struct storage_list_options o = {.prefix = str_of(prefix), .limit = 1, .continue_token = str_of(bad[i])};
        assert_int_equal(storage_list(s, &o, &l, &err), -1);
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
    snprintf(one, sizeof one, "%sns/a", prefix);
    snprintf(ns, sizeof ns, "%sns/", prefix);
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

#define WRITERS 8
#define OBJECTS 60

struct writer {
    pthread_t thread;
    int id;
    atomic_int *done;
};

/* create, update, delete of each object: three events. */
static void *write_many(void *user)
{
    struct writer *w = user;
    for (int i = 0; i < OBJECTS; i++) {
        char name[32];
        snprintf(name, sizeof name, "w%d/o%03d", w->id, i);
        int64_t r = create(name, "1");
        r = update(name, r, "2");
        if (i % 2)
            delete_key(name, r);
        atomic_fetch_add(w->done, 1);
    }
    return NULL;
}

#define EVENTS (WRITERS * (OBJECTS * 2 + OBJECTS / 2))

/* Each event once, in order of revisions, and for each object ADDED, MODIFIED, (DELETED). */
static void check_stream(struct storage_watch *w)
{
    unsigned char seen[WRITERS][OBJECTS] = {{0}};
    int64_t last = 0;
    for (int n = 0; n < EVENTS;) {
        struct storage_event e;
        int id, i;
        if (!storage_watch_next(w, &e)) {
            if (!storage_watch_wait(w, 20000))
                fail_msg("only %d of %d events came", n, EVENTS);
            continue;
        }
        if (e.type == STORAGE_ERROR)
            fail_msg("after %d events: %s", n, e.message);
        assert_true(e.revision > last);
        last = e.revision;
        assert_int_equal(sscanf(e.obj->key.p + strlen(prefix), "w%d/o%d", &id, &i), 2);
        assert_int_equal(seen[id][i], (int)e.type);
        seen[id][i]++;
        storage_object_unref(e.obj);
        n++;
    }
    assert_false(storage_watch_wait(w, 50));
}

static void start_writers(struct writer *w, atomic_int *done)
{
    for (int i = 0; i < WRITERS; i++) {
        w[i] = (struct writer){.id = i, .done = done};
        assert_int_equal(pthread_create(&w[i].thread, NULL, write_many, &w[i]), 0);
    }
}

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
        test_etcd_kill(&etcd);
        test_etcd_restart(&etcd);
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

/* --- the cache alone --- */

static void test_cache_sees_what_others_write(void **state)
{
    struct storage *other = open_store(true, NULL), *mine = s;
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
    s = other;
    delete_key("o1", storage_seen_revision(other) - 48);
    s = mine;
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
    assert_int_equal(storage_get(s, key_of("a"), STORAGE_NOT_OLDER, r + 100000, &o, &err), -1);
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
    storage_close(s);
    s = open_store(true, &o);
    storage_add_resource(s, str_of(prefix));
    int64_t r[8] = {create("a", "0")};
    struct storage_list l = list_of((struct storage_list_options){0});
    for (int i = 1; i < 8; i++)
        r[i] = update("a", r[i - 1], "1");
    storage_list_release(&l);
    l = list_of((struct storage_list_options){0});
    struct storage_watch *w = NULL;
    struct storage_watch_options wo = {.prefix = str_of(prefix), .revision = r[2]};
    assert_int_equal(storage_watch(s, &wo, &w, &err), -1);
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
    storage_close(s);
    s = open_store(true, &o);
    storage_add_resource(s, str_of(prefix));
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
    struct storage *fresh = open_store(true, NULL), *mine = s;
    assert_int_equal(storage_wait_ready(fresh, 10000, &err), 0);
    s = fresh;
    storage_add_resource(s, str_of(prefix)); /* later than the objects */
    struct storage_list l = list_of((struct storage_list_options){.at = STORAGE_ANY});
    assert_int_equal(l.n, 1203);
    for (size_t i = 0; i < l.n; i++) {
        snprintf(name, sizeof name, "n%04zu", i);
        assert_string_equal(l.v[i]->key.p + strlen(prefix), name);
    }
    storage_list_release(&l);
    storage_close(fresh);
    s = mine;
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
    struct storage *direct = open_store(false, NULL), *mine = s;
    /* A burst in one breath with the compaction: the feed is cut by the kill before it can follow. */
    test_etcd_kill(&etcd);
    test_etcd_restart(&etcd);
    s = direct;
    int64_t r = update("a", ra, "2");
    for (int i = 0; i < 20; i++)
        r = update("a", r, "3");
    delete_key("gone", ra + 1);
    int64_t now = create("b", "1");
    compact_to(now);
    s = mine;
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
    assert_int_equal(storage_get(s, key_of("a"), STORAGE_NOT_OLDER, r, &o, &err), 0);
    storage_object_unref(o);
    for (int i = 0; i < 5000 && !storage_ready(s); i++)
        sleep_ns(NS_PER_MS);
    assert_true(storage_ready(s));
    test_etcd_kill(&etcd);
    assert_int_equal(storage_get(s, key_of("a"), STORAGE_ANY, 0, &o, &err), 0);
    storage_object_unref(o);
    assert_int_equal(storage_ping(s, 50, &err), -1);
    for (int i = 0; i < 2000 && storage_ready(s); i++)
        sleep_ns(NS_PER_MS);
    assert_false(storage_ready(s));
    test_etcd_restart(&etcd);
    assert_int_equal(storage_get(s, key_of("a"), STORAGE_CONSISTENT, 0, &o, &err), 0);
    storage_object_unref(o);
    for (int i = 0; i < 5000 && !storage_ready(s); i++)
        sleep_ns(NS_PER_MS);
    assert_true(storage_ready(s));
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
        storage_when_current(s, on_current, &c);
    for (int i = 0; i < 10000 && atomic_load(&c.calls) < 1000; i++)
        sleep_ns(NS_PER_MS);
    assert_int_equal(atomic_load(&c.calls), 1000);
    assert_int_equal(atomic_load(&c.failures), 0);
    assert_int_equal(storage_get(s, key_of("a"), STORAGE_ANY, 0, &o, &err), 0);
    assert_int_equal(o->mod_revision, r);
    storage_object_unref(o);
}

static void test_compactor_steps(void **state)
{
    struct etcd raw;
    struct grpc_channel_options o = {.target = etcd.url};
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
    struct storage_list_options lo = {.prefix = str_of(prefix), .at = STORAGE_EXACT, .revision = first - 1};
    assert_int_equal(storage_list(s, &lo, &l, &err), -1);
    assert_int_equal(err.code, ERR_EXPIRED);
    storage_list_release(&l);
    etcd_close(&raw);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

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
    static const struct CMUnitTest cache_only[] = {
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
    test_etcd_start(&etcd);
    int failed = cmocka_run_group_tests_name("etcd", both, NULL, NULL);
    with_cache = true;
    failed += cmocka_run_group_tests_name("cache on etcd", both, NULL, NULL);
    failed += cmocka_run_group_tests_name("cache alone", cache_only, NULL, NULL);
    test_etcd_stop(&etcd);
    return failed;
}
