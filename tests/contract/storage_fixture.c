#include "storage_fixture.h"

#include "apiserver/storage/etcd.h"

#include <stdio.h>

struct storage_fixture fx;

struct storage *open_store(bool cache, const struct storage_cache_options *co)
{
    struct storage_etcd_options o = {.servers = fx.etcd.url, .compact_every_ms = -1, .timeout_ms = 15000};
    struct storage *st = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(storage_etcd_open(&o, &st, &err), 0);
    if (cache)
        assert_int_equal(storage_cache_open(st, co, &st, &err), 0);
    return st;
}

int fx_begin(void **state)
{
    snprintf(fx.prefix, sizeof fx.prefix, "/registry/things%d/", ++fx.round_no);
    fx.s = open_store(fx.with_cache, NULL);
    storage_add_resource(fx.s, str_of(fx.prefix));
    return 0;
}

int fx_end(void **state)
{
    fx.s = storage_close(fx.s);
    return 0;
}

/* --- short hands --- */

struct str key_of(const char *name)
{
    static _Thread_local char key[128];
    snprintf(key, sizeof key, "%s%s", fx.prefix, name);
    return str_of(key);
}

int64_t create(const char *name, const char *value)
{
    struct err err = ERR_INIT;
    _cleanup_(storage_object_unrefp) struct storage_object *o = NULL;
    if (storage_create(fx.s, key_of(name), str_of(value), 0, &o, &err) < 0)
        fail_msg("create %s: %s", name, err.msg);
    return o->mod_revision;
}

int64_t update(const char *name, int64_t expect, const char *value)
{
    struct err err = ERR_INIT;
    _cleanup_(storage_object_unrefp) struct storage_object *o = NULL;
    if (storage_update(fx.s, key_of(name), expect, str_of(value), 0, &o, &err) < 0)
        fail_msg("update %s: %s", name, err.msg);
    return o->mod_revision;
}

int64_t delete_key(const char *name, int64_t expect)
{
    struct err err = ERR_INIT;
    _cleanup_(storage_object_unrefp) struct storage_object *o = NULL;
    if (storage_delete(fx.s, key_of(name), expect, &o, &err) < 0)
        fail_msg("delete %s: %s", name, err.msg);
    return o->mod_revision;
}

struct storage_list list_of(struct storage_list_options o)
{
    struct storage_list l;
    struct err err = ERR_INIT;
    o.prefix = str_of(fx.prefix);
    if (storage_list(fx.s, &o, &l, &err) < 0)
        fail_msg("list: %s", err.msg);
    return l;
}

void assert_names(const struct storage_list *l, const char *expect)
{
    char got[1024] = "";
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++)
        n += (size_t)snprintf(got + n, sizeof got - n, "%s%s=%s", i ? " " : "", l->v[i]->key.p + strlen(fx.prefix),
                              l->v[i]->value.p);
    assert_string_equal(got, expect);
}

/* The next event as text: "ADDED name=value". */
void assert_event(struct storage_watch *w, enum storage_event_type type, const char *expect, int64_t revision)
{
    struct storage_event e;
    char got[256] = "";
    if (!storage_watch_next(w, &e)) {
        assert_true(storage_watch_wait(w, 10000));
        assert_true(storage_watch_next(w, &e));
    }
    if (e.obj)
        snprintf(got, sizeof got, "%s=%s", e.obj->key.p + strlen(fx.prefix), e.obj->value.p);
    assert_int_equal(e.type, type);
    assert_string_equal(got, expect);
    if (revision)
        assert_int_equal(e.obj ? e.obj->mod_revision : e.revision, revision);
    storage_object_unref(e.obj);
}

struct storage_watch *watch_of(struct storage_watch_options o)
{
    struct storage_watch *w = NULL;
    struct err err = ERR_INIT;
    if (!o.prefix.n)
        o.prefix = str_of(fx.prefix);
    if (storage_watch(fx.s, &o, &w, &err) < 0)
        fail_msg("watch: %s", err.msg);
    return w;
}

bool begins_with(void *user, const struct storage_object *o)
{
    return o->value.n && o->value.p[0] == *(const char *)user;
}

void compact_to(int64_t revision)
{
    struct etcd raw;
    struct grpc_channel_options o = {.target = fx.etcd.url};
    struct err err = ERR_INIT;
    assert_int_equal(etcd_open(&raw, &o, 5000, &err), 0);
    assert_int_equal(etcd_compact(&raw, revision, &err), 0);
    etcd_close(&raw);
}

/* --- many at once --- */

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

void check_stream(struct storage_watch *w)
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
        assert_int_equal(sscanf(e.obj->key.p + strlen(fx.prefix), "w%d/o%d", &id, &i), 2);
        assert_int_equal(seen[id][i], (int)e.type);
        seen[id][i]++;
        storage_object_unref(e.obj);
        n++;
    }
    assert_false(storage_watch_wait(w, 50));
}

void start_writers(struct writer *w, atomic_int *done)
{
    for (int i = 0; i < WRITERS; i++) {
        w[i] = (struct writer){.id = i, .done = done};
        assert_int_equal(pthread_create(&w[i].thread, NULL, write_many, &w[i]), 0);
    }
}
