/*
 * 1,000 ConfigMaps created by 32 clients at once and watched by 50 watchers, through the real apiserver and etcd: every
 * watcher sees each exactly once, in the order of their resourceVersions.
 */
#include "net/http_client.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/parse.h"
#include "testapiserver/test_apiserver.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include <cmocka.h>

#define CLIENTS 32
#define WATCHERS 50
#define OBJECTS 1000
#define PATH "/api/v1/namespaces/default/configmaps"

static struct test_apiserver api;

struct creator {
    pthread_t thread;
    struct http_client *http;
    int id;
    char label[16];
    int failed;
};

static void *create_share(void *user)
{
    struct creator *c = user;
    const char *headers[] = {"Content-Type: application/json"};
    for (int i = c->id; i < OBJECTS; i += CLIENTS) {
        char body[256];
        struct err err = ERR_INIT;
        struct http_client_response r;
        snprintf(body, sizeof body,
                 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"%s-%04d\",\"labels\":{\"run\":"
                 "\"%s\"}},\"data\":{\"i\":\"%d\"}}",
                 c->label, i, c->label, i);
        struct http_client_request q = {
            .method = "POST", .path = PATH, .headers = headers, .n_headers = 1, .body = str_of(body)};
        int rc = http_client_call(c->http, &q, &r, &err);
        if (rc < 0 || r.status != 201) {
            if (c->failed++ == 0)
                print_message("create %d: %d %s\n", i, r.status, rc < 0 ? err.msg : buf_str(&r.body).p);
        }
        http_client_response_release(&r);
    }
    return NULL;
}

struct watcher {
    pthread_t thread;
    struct http_client *http;
    char label[16], version[32];
    int seen[OBJECTS], total, bad;
    int64_t last;
};

/* The value of "key":"..." in one event's JSON. */
static bool find_text(struct str line, const char *key, char *out, size_t size)
{
    char pattern[64];
    snprintf(pattern, sizeof pattern, "\"%s\":\"", key);
    const char *at = memmem(line.p, line.n, pattern, strlen(pattern));
    if (!at)
        return false;
    at += strlen(pattern);
    const char *end = memchr(at, '"', (size_t)(line.p + line.n - at));
    return end && str_copy(out, size, str_n(at, (size_t)(end - at)));
}

static void take_event(struct watcher *w, struct str line)
{
    char type[16] = "", version[32] = "", i[16] = "";
    int64_t revision = 0, index = -1;
    find_text(line, "type", type, sizeof type);
    find_text(line, "resourceVersion", version, sizeof version);
    find_text(line, "i", i, sizeof i);
    parse_int64(str_of(version), &revision);
    if (strcmp(type, "ADDED") != 0 || revision <= w->last || !parse_range(str_of(i), 0, OBJECTS - 1, &index)) {
        if (w->bad++ == 0)
            print_message("unexpected event: " STR_FMT "\n", STR_ARG(line));
        return;
    }
    w->last = revision;
    w->seen[index]++;
    w->total++;
    str_copy(w->version, sizeof w->version, str_of(version));
}

/* Takes whole lines off the front of the buffer. */
static void take_lines(struct watcher *w, struct buf *in)
{
    const char *nl;
    while (in->len && (nl = memchr(in->data, '\n', in->len))) {
        size_t n = (size_t)(nl - in->data);
        take_event(w, str_n(in->data, n));
        buf_consume(in, n + 1);
    }
}

/* One watch request until all is seen, or the stream ends, or nothing comes for long. True: go on with another. */
static bool watch_once(struct watcher *w)
{
    char path[256];
    struct err err = ERR_INIT;
    _cleanup_(http_client_stream_freep) struct http_client_stream *st = NULL;
    _cleanup_(buf_releasep) struct buf in = BUF_INIT(4 * MIB);
    snprintf(path, sizeof path, PATH "?watch=true&labelSelector=run%%3D%s&resourceVersion=%s", w->label, w->version);
    struct http_client_request q = {.path = path};
    if (http_client_stream_open(w->http, &q, &st, &err) < 0) {
        sleep_ns(10 * NS_PER_MS);
        return true;
    }
    if (http_client_stream_status(st) != 200) {
        w->bad++;
        return false;
    }
    while (w->total < OBJECTS && !w->bad) {
        int rc = http_client_stream_read(st, 30000, &in, &err);
        take_lines(w, &in);
        if (rc <= 0)
            return err.code != ERR_TIMEOUT;
    }
    return false;
}

static void *watch_all(void *user)
{
    struct watcher *w = user;
    int64_t until = clock_mono(&clock_system) + 60 * NS_PER_S;
    while (watch_once(w) && clock_mono(&clock_system) < until)
        ;
    return NULL;
}

static void list_version(struct http_client *http, char *out, size_t size)
{
    struct err err = ERR_INIT;
    struct http_client_response r;
    struct http_client_request q = {.path = PATH "?limit=1"};
    assert_int_equal(http_client_call(http, &q, &r, &err), 0);
    assert_int_equal(r.status, 200);
    assert_true(find_text(buf_str(&r.body), "resourceVersion", out, size));
    http_client_response_release(&r);
}

static void run(const char *label)
{
    static struct watcher w[WATCHERS];
    struct creator c[CLIENTS];
    struct http_client *http = test_apiserver_client(&api);
    char version[32];
    list_version(http, version, sizeof version);
    for (int i = 0; i < WATCHERS; i++) {
        w[i] = (struct watcher){.http = http};
        snprintf(w[i].label, sizeof w[i].label, "%s", label);
        snprintf(w[i].version, sizeof w[i].version, "%s", version);
        assert_int_equal(pthread_create(&w[i].thread, NULL, watch_all, &w[i]), 0);
    }
    int64_t start = clock_mono(&clock_system);
    for (int i = 0; i < CLIENTS; i++) {
        c[i] = (struct creator){.http = http, .id = i};
        snprintf(c[i].label, sizeof c[i].label, "%s", label);
        assert_int_equal(pthread_create(&c[i].thread, NULL, create_share, &c[i]), 0);
    }
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(c[i].thread, NULL);
        assert_int_equal(c[i].failed, 0);
    }
    int64_t created = clock_mono(&clock_system);
    for (int i = 0; i < WATCHERS; i++)
        pthread_join(w[i].thread, NULL);
    print_message("%d creates in %lld ms, all watchers done after %lld ms\n", OBJECTS,
                  (long long)((created - start) / NS_PER_MS),
                  (long long)((clock_mono(&clock_system) - start) / NS_PER_MS));
    for (int i = 0; i < WATCHERS; i++) {
        assert_int_equal(w[i].bad, 0);
        assert_int_equal(w[i].total, OBJECTS);
        for (int o = 0; o < OBJECTS; o++)
            assert_int_equal(w[i].seen[o], 1);
    }
    http_client_free(http);
}

static void test_each_once_in_order(void **state)
{
    run("plain");
}

static int setup(void **state)
{
    test_apiserver_start(&api);
    return 0;
}

static int teardown(void **state)
{
    test_apiserver_stop(&api);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_once_in_order),
    };
    if (!test_apiserver_available()) {
        printf("skipped: no etcd, or no apiserver beside the test\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
