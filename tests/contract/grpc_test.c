/* The gRPC client against a real etcd, and against etcd's sudden death. */
#include "net/grpc.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "net/pki.h"
#include "testlib/test_etcd.h"

#include "etcd/methods.h"
#include "etcd/rpc.pb-c.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include <cmocka.h>

static struct test_etcd etcd;

static struct grpc_channel *channel(size_t max_message)
{
    struct grpc_channel_options o = {.target = etcd.url, .max_message = max_message};
    struct grpc_channel *ch = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(grpc_channel_new(&o, &ch, &err), 0);
    return ch;
}

static ProtobufCBinaryData bytes_of(const char *s)
{
    return (ProtobufCBinaryData){strlen(s), (uint8_t *)(uintptr_t)s};
}

static int put_bytes(struct grpc_channel *ch, const char *key, const void *p, size_t n, int deadline_ms,
                     int64_t *ret_revision, struct err *err)
{
    Etcdserverpb__PutRequest req = ETCDSERVERPB__PUT_REQUEST__INIT;
    ProtobufCMessage *m = NULL;
    req.key = bytes_of(key);
    req.value = (ProtobufCBinaryData){n, (uint8_t *)(uintptr_t)p};
    if (grpc_call(ch, ETCD_PUT, &req.base, &etcdserverpb__put_response__descriptor, deadline_ms, &m, err) < 0)
        return -1;
    if (ret_revision)
        *ret_revision = ((Etcdserverpb__PutResponse *)m)->header->revision;
    protobuf_c_message_free_unpacked(m, NULL);
    return 0;
}

static int put(struct grpc_channel *ch, const char *key, const char *value, struct err *err)
{
    return put_bytes(ch, key, value, strlen(value), 5000, NULL, err);
}

static Etcdserverpb__RangeResponse *range(struct grpc_channel *ch, const char *key, const char *end, int64_t revision,
                                          struct err *err)
{
    Etcdserverpb__RangeRequest req = ETCDSERVERPB__RANGE_REQUEST__INIT;
    ProtobufCMessage *m = NULL;
    req.key = bytes_of(key);
    req.range_end = bytes_of(end);
    req.revision = revision;
    if (grpc_call(ch, ETCD_RANGE, &req.base, &etcdserverpb__range_response__descriptor, 10000, &m, err) < 0)
        return NULL;
    return (Etcdserverpb__RangeResponse *)m;
}

static struct grpc_stream *watch(struct grpc_channel *ch, const char *key, const char *end, int64_t from)
{
    Etcdserverpb__WatchRequest req = ETCDSERVERPB__WATCH_REQUEST__INIT;
    Etcdserverpb__WatchCreateRequest create = ETCDSERVERPB__WATCH_CREATE_REQUEST__INIT;
    struct grpc_stream *st = NULL;
    struct err err = ERR_INIT;
    create.key = bytes_of(key);
    create.range_end = bytes_of(end);
    create.start_revision = from;
    req.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST;
    req.create_request = &create;
    assert_int_equal(grpc_stream_open(ch, ETCD_WATCH, &st, &err), 0);
    assert_int_equal(grpc_stream_send(st, &req.base, &err), 0);
    return st;
}

/* Reads events until `want` have come; checks that revisions rise. */
static size_t drain(struct grpc_stream *st, size_t want, int64_t *last)
{
    size_t n = 0;
    struct err err = ERR_INIT;
    while (n < want) {
        ProtobufCMessage *m = NULL;
        int rc = grpc_stream_recv(st, &etcdserverpb__watch_response__descriptor, 20000, &m, &err);
        if (rc != 1)
            fail_msg("after %zu events: %s", n, rc < 0 ? err.msg : "end");
        Etcdserverpb__WatchResponse *r = (Etcdserverpb__WatchResponse *)m;
        for (size_t i = 0; i < r->n_events; i++, n++) {
            assert_true(r->events[i]->kv->mod_revision > *last);
            *last = r->events[i]->kv->mod_revision;
        }
        protobuf_c_message_free_unpacked(m, NULL);
    }
    return n;
}

static void test_unary(void **state)
{
    struct err err = ERR_INIT;
    _cleanup_(grpc_channel_freep) struct grpc_channel *ch = channel(0);
    assert_false(grpc_channel_connected(ch));
    assert_int_equal(put(ch, "u/a", "1", &err), 0);
    assert_int_equal(put(ch, "u/b", "", &err), 0);
    assert_true(grpc_channel_connected(ch));
    Etcdserverpb__RangeResponse *r = range(ch, "u/", "u0", 0, &err);
    assert_non_null(r);
    assert_int_equal(r->n_kvs, 2);
    assert_memory_equal(r->kvs[0]->key.data, "u/a", 3);
    etcdserverpb__range_response__free_unpacked(r, NULL);
}

static void test_errors(void **state)
{
    struct err err = ERR_INIT;
    _cleanup_(grpc_channel_freep) struct grpc_channel *ch = channel(0);
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(1000);
    assert_int_equal(grpc_call_bytes(ch, "/etcdserverpb.KV/Nothing", STR(""), 1000, &out, &err), -1);
    assert_int_equal(err.code, ERR_UNIMPLEMENTED);
    assert_int_equal(grpc_call_bytes(ch, ETCD_PUT, STR("\x0a\xff"), 1000, &out, &err), -1);
    assert_int_equal(put(ch, "e/a", "1", &err), 0);
    assert_null(range(ch, "e/", "e0", 1000000, &err));
    assert_int_equal(err.code, ERR_EXPIRED);
    assert_non_null(strstr(err.msg, "future revision"));
    assert_int_equal(put(ch, "", "1", &err), -1);
    assert_int_equal(err.code, ERR_BAD_REQUEST);
}

static void test_bad_targets(void **state)
{
    static const char *const bad[] = {"",      "127.0.0.1:1", "ftp://x",    "http://",
                                      "unix:", "http://a b",  "http://a/b", "http://a,,"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct grpc_channel_options o = {.target = bad[i]};
        struct grpc_channel *ch = NULL;
        struct err err = ERR_INIT;
        assert_int_equal(grpc_channel_new(&o, &ch, &err), -1);
        assert_int_equal(err.code, ERR_BAD_REQUEST);
    }
}

#define THREADS 16
#define PUTS 200

struct putter {
    struct grpc_channel *ch;
    int id, failed;
    atomic_int *done;
    bool keep_trying;
};

static void *put_many(void *user)
{
    struct putter *p = user;
    for (int i = 0; i < PUTS; i++) {
        char key[32];
        struct err err = ERR_INIT;
        snprintf(key, sizeof key, "m/%02d/%04d", p->id, i);
        while (put(p->ch, key, key, &err) < 0) {
            p->failed++;
            if (!p->keep_trying || p->failed > 10000)
                break;
        }
        atomic_fetch_add(p->done, 1);
    }
    return NULL;
}

static void run_putters(struct grpc_channel *ch, bool keep_trying, struct putter *p, pthread_t *t, atomic_int *done)
{
    for (int i = 0; i < THREADS; i++) {
        p[i] = (struct putter){ch, i, 0, done, keep_trying};
        assert_int_equal(pthread_create(&t[i], NULL, put_many, &p[i]), 0);
    }
}

static void assert_all_there(struct grpc_channel *ch)
{
    struct err err = ERR_INIT;
    Etcdserverpb__RangeResponse *r = range(ch, "m/", "m0", 0, &err);
    assert_non_null(r);
    assert_int_equal(r->n_kvs, THREADS * PUTS);
    etcdserverpb__range_response__free_unpacked(r, NULL);
}

static void test_many_threads(void **state)
{
    _cleanup_(grpc_channel_freep) struct grpc_channel *ch = channel(0);
    struct putter p[THREADS];
    pthread_t t[THREADS];
    atomic_int done = 0;
    run_putters(ch, false, p, t, &done);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(p[i].failed, 0);
    }
    assert_all_there(ch);
}

static void test_killed_in_the_middle_of_calls(void **state)
{
    _cleanup_(grpc_channel_freep) struct grpc_channel *ch = channel(0);
    struct putter p[THREADS];
    pthread_t t[THREADS];
    atomic_int done = 0;
    run_putters(ch, true, p, t, &done);
    for (int kills = 1; kills <= 2; kills++) {
        while (atomic_load(&done) < kills * 500)
            sleep_ns(NS_PER_MS);
        test_etcd_kill(&etcd);
        test_etcd_restart(&etcd);
    }
    int failed = 0;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
        failed += p[i].failed;
    }
    print_message("%d calls in flight were told of the loss\n", failed);
    assert_all_there(ch);
}

static void test_deadline(void **state)
{
    struct err err = ERR_INIT;
    _cleanup_(grpc_channel_freep) struct grpc_channel *ch = channel(0);
    assert_int_equal(put(ch, "d", "1", &err), 0);
    test_etcd_kill(&etcd);
    int64_t start = clock_mono(&clock_system);
    assert_int_equal(put_bytes(ch, "d", "2", 1, 150, NULL, &err), -1);
    assert_true(err.code == ERR_TIMEOUT || err.code == ERR_UNAVAILABLE);
    assert_int_equal(put_bytes(ch, "d", "2", 1, 150, NULL, &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_non_null(strstr(err.msg, "no connection"));
    assert_true(clock_mono(&clock_system) - start >= 150 * NS_PER_MS);
    test_etcd_restart(&etcd);
    assert_int_equal(put(ch, "d", "3", &err), 0);
}

static void test_fail_fast(void **state)
{
    char target[64];
    struct err err = ERR_INIT;
    _cleanup_(grpc_channel_freep) struct grpc_channel *ch = NULL;
    snprintf(target, sizeof target, "http://127.0.0.1:%d", test_free_port());
    struct grpc_channel_options o = {.target = target, .fail_fast = true};
    assert_int_equal(grpc_channel_new(&o, &ch, &err), 0);
    assert_int_equal(put_bytes(ch, "d", "2", 1, GRPC_NO_DEADLINE, NULL, &err), -1);
    assert_int_equal(err.code, ERR_UNAVAILABLE);
}

static void test_next_server_when_one_is_away(void **state)
{
    char target[128];
    struct err err = ERR_INIT;
    _cleanup_(grpc_channel_freep) struct grpc_channel *ch = NULL;
    snprintf(target, sizeof target, "http://127.0.0.1:%d,%s", test_free_port(), etcd.url);
    struct grpc_channel_options o = {.target = target};
    assert_int_equal(grpc_channel_new(&o, &ch, &err), 0);
    assert_int_equal(put(ch, "n", "1", &err), 0);
}

static void test_large_messages(void **state)
{
    struct err err = ERR_INIT;
    char key[32];
    _cleanup_(grpc_channel_freep) struct grpc_channel *ch = channel(0);
    _cleanup_(grpc_channel_freep) struct grpc_channel *small = channel(MIB);
    _cleanup_(freep) char *value = xcalloc(1, MIB);
    memset(value, 'v', MIB);
    for (int i = 0; i < 24; i++) {
        snprintf(key, sizeof key, "l/%d", i);
        assert_int_equal(put_bytes(ch, key, value, MIB, 5000, NULL, &err), 0);
    }
    Etcdserverpb__RangeResponse *r = range(ch, "l/", "l0", 0, &err); /* more than all windows */
    assert_non_null(r);
    assert_int_equal(r->n_kvs, 24);
    etcdserverpb__range_response__free_unpacked(r, NULL);
    assert_null(range(small, "l/", "l0", 0, &err));
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_int_equal(put_bytes(small, "l/x", value, MIB, 5000, NULL, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    r = range(small, "l/3", "l/30", 0, &err);
    assert_null(r); /* one value and its envelope pass the bound too */
    assert_int_equal(put(small, "l/y", "the channel still works", &err), 0);
}

static void test_watch_stream(void **state)
{
    struct err err = ERR_INIT;
    _cleanup_(grpc_channel_freep) struct grpc_channel *ch = channel(0);
    _cleanup_(grpc_stream_freep) struct grpc_stream *st = NULL;
    int64_t first, last;
    assert_int_equal(put_bytes(ch, "w/0", "0", 1, 5000, &first, &err), 0);
    st = watch(ch, "w/", "w0", first);
    for (int i = 1; i < 100; i++)
        assert_int_equal(put(ch, "w/x", "1", &err), 0);
    last = first - 1;
    assert_int_equal(drain(st, 100, &last), 100);
    ProtobufCMessage *m = NULL;
    assert_int_equal(grpc_stream_recv(st, &etcdserverpb__watch_response__descriptor, 20, &m, &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_int_equal(put(ch, "w/x", "2", &err), 0);
    assert_int_equal(drain(st, 1, &last), 1);
}

static void test_slow_receiver_is_held_back(void **state)
{
    struct err err = ERR_INIT;
    _cleanup_(grpc_channel_freep) struct grpc_channel *ch = channel(0);
    _cleanup_(grpc_stream_freep) struct grpc_stream *st = NULL;
    _cleanup_(freep) char *value = xcalloc(1, 512 * KIB);
    int64_t first, last;
    assert_int_equal(put_bytes(ch, "s/0", "0", 1, 5000, &first, &err), 0);
    st = watch(ch, "s/", "s0", first);
    for (int i = 1; i < 60; i++) /* 30 MB while nobody receives */
        assert_int_equal(put_bytes(ch, "s/x", value, 512 * KIB, 5000, NULL, &err), 0);
    last = first - 1;
    assert_int_equal(drain(st, 60, &last), 60);
}

static void test_killed_in_the_middle_of_a_stream(void **state)
{
    struct err err = ERR_INIT;
    _cleanup_(grpc_channel_freep) struct grpc_channel *ch = channel(0);
    int64_t first, last;
    assert_int_equal(put_bytes(ch, "k/0", "0", 1, 5000, &first, &err), 0);
    struct grpc_stream *st = watch(ch, "k/", "k0", first);
    last = first - 1;
    drain(st, 1, &last);
    test_etcd_kill(&etcd);
    ProtobufCMessage *m = NULL;
    assert_int_equal(grpc_stream_recv(st, &etcdserverpb__watch_response__descriptor, 5000, &m, &err), -1);
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    grpc_stream_free(st);
    st = watch(ch, "k/", "k0", last + 1); /* before the server is back */
    test_etcd_restart(&etcd);
    assert_int_equal(put(ch, "k/1", "1", &err), 0);
    drain(st, 1, &last);
    grpc_stream_free(st);
}

static void *cancel_soon(void *user)
{
    sleep_ns(20 * NS_PER_MS);
    grpc_stream_cancel(user);
    return NULL;
}

static void test_cancel(void **state)
{
    struct err err = ERR_INIT;
    _cleanup_(grpc_channel_freep) struct grpc_channel *ch = channel(0);
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(1000);
    pthread_t t;
    struct grpc_stream *st = watch(ch, "c/", "c0", 0);
    assert_int_equal(grpc_stream_recv_bytes(st, 5000, &out, &err), 1); /* "created" */
    assert_int_equal(pthread_create(&t, NULL, cancel_soon, st), 0);
    assert_int_equal(grpc_stream_recv_bytes(st, -1, &out, &err), -1);
    assert_int_equal(err.code, ERR_CANCELLED);
    pthread_join(t, NULL);
    grpc_stream_free(st);
}

static void test_half_close_ends_with_ok(void **state)
{
    struct err err = ERR_INIT;
    _cleanup_(grpc_channel_freep) struct grpc_channel *ch = channel(0);
    _cleanup_(grpc_stream_freep) struct grpc_stream *st = NULL;
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(1000);
    assert_int_equal(grpc_stream_open(ch, ETCD_LEASE_KEEP_ALIVE, &st, &err), 0);
    grpc_stream_close_send(st);
    assert_int_equal(grpc_stream_recv_bytes(st, 5000, &out, &err), 0);
    assert_int_equal(grpc_stream_send_bytes(st, STR("x"), &err), -1);
}

static void test_free_with_calls_open(void **state)
{
    struct err err = ERR_INIT;
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(1000);
    struct grpc_channel *ch = channel(0);
    struct grpc_stream *st = watch(ch, "f/", "f0", 0);
    assert_int_equal(grpc_stream_recv_bytes(st, 5000, &out, &err), 1);
    grpc_channel_free(ch);
    assert_int_equal(grpc_stream_recv_bytes(st, 5000, &out, &err), -1);
    assert_int_equal(err.code, ERR_CANCELLED);
    grpc_stream_free(st);
}

/* --- TLS --- */

static void make_certificates(const char *dir)
{
    struct err err = ERR_INIT;
    _cleanup_(pki_pair_release) struct pki_pair ca = {0};
    const struct str names[] = {STR("127.0.0.1")};
    struct pki_request server = {"etcd", NULL, 0, names, 1, CRYPTO_CERT_SERVER | CRYPTO_CERT_CLIENT, 10};
    struct pki_request client = {"client", NULL, 0, NULL, 0, CRYPTO_CERT_CLIENT, 10};
    assert_int_equal(pki_ensure_ca(dir, "ca", "etcd-ca", &ca, NULL, &err), 0);
    assert_int_equal(pki_ensure(dir, "server", &ca, &server, NULL, &err), 0);
    assert_int_equal(pki_ensure(dir, "client", &ca, &client, NULL, &err), 0);
}

static void test_tls(void **state)
{
    char dir[] = "/tmp/coracle-test-grpc-XXXXXX", ca[64], cert[64], key[64];
    struct test_etcd plain = etcd;
    struct err err = ERR_INIT;
    assert_non_null(mkdtemp(dir));
    make_certificates(dir);
    test_etcd_start_tls(&etcd, dir);
    snprintf(ca, sizeof ca, "%s/ca.crt", dir);
    snprintf(cert, sizeof cert, "%s/client.crt", dir);
    snprintf(key, sizeof key, "%s/client.key", dir);
    struct grpc_channel_options o = {.target = etcd.url, .ca_file = ca, .cert_file = cert, .key_file = key};
    struct grpc_channel *ch = NULL;
    struct putter p[THREADS];
    pthread_t t[THREADS];
    atomic_int done = 0;
    assert_int_equal(grpc_channel_new(&o, &ch, &err), 0);
    run_putters(ch, false, p, t, &done);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(p[i].failed, 0);
    }
    assert_all_there(ch);
    _cleanup_(freep) char *value = xcalloc(1, MIB); /* more than one TLS record, and than one read */
    for (int i = 0; i < 8; i++)
        assert_int_equal(put_bytes(ch, i % 2 ? "l/a" : "l/b", value, MIB, 5000, NULL, &err), 0);
    Etcdserverpb__RangeResponse *r = range(ch, "l/", "l0", 0, &err);
    assert_non_null(r);
    assert_int_equal(r->n_kvs, 2);
    etcdserverpb__range_response__free_unpacked(r, NULL);
    grpc_channel_free(ch);

    o.fail_fast = true;
    o.ca_file = NULL; /* nobody we know has signed the server's certificate */
    assert_int_equal(grpc_channel_new(&o, &ch, &err), 0);
    assert_int_equal(put(ch, "x", "1", &err), -1);
    assert_int_equal(err.code, ERR_UNAUTHORIZED);
    grpc_channel_free(ch);
    o = (struct grpc_channel_options){.target = etcd.url, .ca_file = ca}; /* and we are nobody to the server */
    assert_int_equal(grpc_channel_new(&o, &ch, &err), 0);
    assert_int_equal(put_bytes(ch, "x", "1", 1, 300, NULL, &err), -1);
    assert_true(err.code == ERR_UNAVAILABLE || err.code == ERR_TIMEOUT);
    grpc_channel_free(ch);
    test_etcd_stop(&etcd);
    assert_int_equal(file_remove_tree(dir, &err), 0);
    etcd = plain;
}

static int setup(void **state)
{
    test_etcd_start(&etcd);
    return 0;
}

static int teardown(void **state)
{
    test_etcd_stop(&etcd);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unary),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_bad_targets),
        cmocka_unit_test(test_many_threads),
        cmocka_unit_test(test_killed_in_the_middle_of_calls),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_fail_fast),
        cmocka_unit_test(test_next_server_when_one_is_away),
        cmocka_unit_test(test_large_messages),
        cmocka_unit_test(test_watch_stream),
        cmocka_unit_test(test_slow_receiver_is_held_back),
        cmocka_unit_test(test_killed_in_the_middle_of_a_stream),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_half_close_ends_with_ok),
        cmocka_unit_test(test_free_with_calls_open),
        cmocka_unit_test(test_tls),
    };
    if (!test_etcd_available()) {
        printf("skipped: no /usr/bin/etcd\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
