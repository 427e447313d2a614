/*
 * kill -9 of etcd and of the apiserver while 16 clients create ConfigMaps: no write that was acknowledged is lost.
 */
#include "net/http_client.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "testapiserver/test_apiserver.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include <cmocka.h>

#define CLIENTS 16
#define EACH 60
#define PATH "/api/v1/namespaces/default/configmaps"

static struct test_apiserver api;
static atomic_int created;

struct creator {
    pthread_t thread;
    struct http_client *http;
    int id, retried, unknown;
    const char *prefix;
};

/* Until it is there: 201, or 409 when the answer to an earlier attempt was lost. */
static void create_surely(struct creator *c, const char *name)
{
    const char *headers[] = {"Content-Type: application/json"};
    int64_t until = clock_mono(&clock_system) + 60 * NS_PER_S;
    char body[256];
    snprintf(body, sizeof body, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"%s\"}}", name);
    for (int tries = 0; clock_mono(&clock_system) < until; tries++) {
        struct err err = ERR_INIT;
        struct http_client_response r;
        struct http_client_request q = {.method = "POST",
                                        .path = PATH,
                                        .headers = headers,
                                        .n_headers = 1,
                                        .body = str_of(body),
                                        .timeout_ms = 20000};
        int rc = http_client_call(c->http, &q, &r, &err), status = r.status;
        http_client_response_release(&r);
        if (rc == 0 && status == 201)
            return;
        if (rc == 0 && status == 409 && tries > 0) {
            c->unknown++;
            return;
        }
        if (rc == 0 && status == 409)
            fail_msg("%s exists before it was ever sent", name);
        c->retried++;
        sleep_ns(10 * NS_PER_MS);
    }
    fail_msg("%s could not be created", name);
}

static void *create_many(void *user)
{
    struct creator *c = user;
    for (int i = 0; i < EACH; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s-%02d-%03d", c->prefix, c->id, i);
        create_surely(c, name);
        atomic_fetch_add(&created, 1);
    }
    return NULL;
}

/* How many objects named like this the apiserver lists. */
static int count(struct http_client *http, const char *prefix)
{
    char pattern[64];
    struct err err = ERR_INIT;
    struct http_client_response r;
    struct http_client_request q = {.path = PATH};
    int n = 0;
    snprintf(pattern, sizeof pattern, "\"name\":\"%s-", prefix);
    assert_int_equal(http_client_call(http, &q, &r, &err), 0);
    assert_int_equal(r.status, 200);
    for (const char *at = r.body.data; (at = strstr(at, pattern)); at++)
        n++;
    http_client_response_release(&r);
    return n;
}

static void kill_etcd(void)
{
    test_etcd_kill(&api.etcd);
    test_etcd_restart(&api.etcd);
}

static void kill_apiserver(void)
{
    test_apiserver_kill(&api);
    test_apiserver_restart(&api);
}

static void run(const char *prefix, void (*kill_one)(void))
{
    struct creator c[CLIENTS];
    struct http_client *http = test_apiserver_client(&api);
    atomic_store(&created, 0);
    for (int i = 0; i < CLIENTS; i++) {
        c[i] = (struct creator){.http = http, .id = i, .prefix = prefix};
        assert_int_equal(pthread_create(&c[i].thread, NULL, create_many, &c[i]), 0);
    }
    for (int k = 1; k <= 2; k++) {
        while (atomic_load(&created) < k * CLIENTS * EACH / 3)
            sleep_ns(NS_PER_MS);
        kill_one();
    }
    int retried = 0, unknown = 0;
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(c[i].thread, NULL);
        retried += c[i].retried;
        unknown += c[i].unknown;
    }
    print_message("%s: %d attempts failed, %d of them had been carried out\n", prefix, retried, unknown);
    assert_int_equal(count(http, prefix), CLIENTS * EACH);
    http_client_free(http);
}

static void test_etcd_is_killed(void **state)
{
    run("etcd", kill_etcd);
}

static void test_apiserver_is_killed(void **state)
{
    run("apiserver", kill_apiserver);
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
        cmocka_unit_test(test_etcd_is_killed),
        cmocka_unit_test(test_apiserver_is_killed),
    };
    if (!test_apiserver_available()) {
        printf("skipped: no etcd, or no apiserver beside the test\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
