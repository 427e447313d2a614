/*
 * How many pods a second the apiserver creates with 64 requests in flight, beside what raw etcd Txns of the same size
 * reach in the same run. Starts etcd and the apiserver itself. Aim: half of etcd's rate.
 */
#include "apiserver/storage/storage.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "net/http_client.h"
#include "testlib/test_etcd.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>

#define THREADS 64
#define RUN_NS (4 * NS_PER_S)
#define TOKEN "bench-token"

static const char POD[] =
    "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"generateName\":\"bench-\",\"labels\":{\"app\":\"bench\"}},"
    "\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"busybox\",\"command\":[\"sleep\",\"3600\"],\"resources\":{"
    "\"requests\":{\"cpu\":\"100m\",\"memory\":\"64Mi\"}},\"env\":[{\"name\":\"A\",\"value\":\"b\"}]}]}}";

struct bench {
    struct storage *etcd;
    struct http_client *api;
    size_t value_n;
    atomic_int next;
    atomic_long done, failed;
    int64_t until;
};

static void die(const char *what, const struct err *err)
{
    fprintf(stderr, "%s: %s\n", what, err ? err->msg : "");
    exit(1);
}

static int call(struct http_client *c, const char *method, const char *path, const char *body, struct err *err)
{
    static const char *const headers[] = {"Content-Type: application/json"};
    const struct http_client_request req = {
        .method = method, .path = path, .headers = headers, .n_headers = 1, .body = str_of(body)};
    struct http_client_response r;
    int result = http_client_call(c, &req, &r, err);
    int status = result == 0 ? r.status : -1;
    if (status >= 400)
        err_set(err, ERR_INTERNAL, "%d %.*s", status, (int)r.body.len, r.body.data ? r.body.data : "");
    http_client_response_release(&r);
    return status;
}

static void *raw(void *arg)
{
    struct bench *b = arg;
    char *value = xcalloc(1, b->value_n);
    memset(value, 'v', b->value_n);
    while (clock_mono(&clock_system) < b->until) {
        struct err err = ERR_INIT;
        char key[64];
        int n = snprintf(key, sizeof(key), "/registry/bench/%d", b->next++);
        if (storage_create(b->etcd, str_n(key, (size_t)n), str_n(value, b->value_n), 0, NULL, &err) < 0)
            die("etcd", &err);
        b->done++;
    }
    free(value);
    return NULL;
}

static void *create(void *arg)
{
    struct bench *b = arg;
    while (clock_mono(&clock_system) < b->until) {
        struct err err = ERR_INIT;
        if (call(b->api, "POST", "/api/v1/namespaces/default/pods", POD, &err) != 201) {
            if (!b->failed++)
                fprintf(stderr, "create: %s\n", err.msg);
            continue;
        }
        b->done++;
    }
    return NULL;
}

static double run(struct bench *b, void *(*fn)(void *))
{
    pthread_t threads[THREADS];
    int64_t begin = clock_mono(&clock_system);
    b->done = 0;
    b->until = begin + RUN_NS;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, fn, b))
            die("thread", NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return (double)b->done / ((double)(clock_mono(&clock_system) - begin) / 1e9);
}

static pid_t start_apiserver(const struct test_etcd *etcd, int port, const char *program)
{
    struct err err = ERR_INIT;
    char tokens[128], flags[4][160];
    snprintf(tokens, sizeof(tokens), "%s/tokens.csv", etcd->dir);
    if (file_write(tokens, str_of(TOKEN ",admin,1,\"system:masters\"\n"), 0600, &err) < 0)
        die("tokens", &err);
    snprintf(flags[0], sizeof(flags[0]), "--etcd-servers=%s", etcd->url);
    snprintf(flags[1], sizeof(flags[1]), "--secure-port=%d", port);
    snprintf(flags[2], sizeof(flags[2]), "--cert-dir=%s", etcd->dir);
    snprintf(flags[3], sizeof(flags[3]), "--token-auth-file=%s", tokens);
    pid_t pid = fork();
    if (pid == 0) {
        execl(program, program, flags[0], flags[1], flags[2], flags[3], "--bind-address=127.0.0.1",
              "--authorization-mode=RBAC", (char *)NULL);
        _exit(127);
    }
    return pid;
}

static void wait_ready(struct http_client *c)
{
    for (int i = 0; i < 500; i++) {
        struct err err = ERR_INIT;
        if (call(c, "GET", "/readyz", "", &err) == 200)
            return;
        sleep_ns(20 * NS_PER_MS);
    }
    die("the apiserver does not become ready", NULL);
}

static size_t stored_size(struct bench *b)
{
    struct storage_list list;
    struct err err = ERR_INIT;
    const struct storage_list_options o = {.prefix = STR("/registry/pods/"), .limit = 1};
    if (storage_list(b->etcd, &o, &list, &err) < 0 || !list.n)
        die("no pod", &err);
    size_t n = list.v[0]->value.n;
    storage_list_release(&list);
    return n;
}

int main(int argc, char **argv)
{
    const char *program = argc > 1 ? argv[1] : "build/release/bin/apiserver";
    struct test_etcd etcd = {0};
    struct bench b = {0};
    struct err err = ERR_INIT;
    char url[64];
    int port = test_free_port();
    test_etcd_start(&etcd);
    pid_t pid = start_apiserver(&etcd, port, program);
    snprintf(url, sizeof(url), "https://127.0.0.1:%d", port);
    const struct http_client_options co = {
        .base_url = url, .insecure_skip_tls_verify = true, .bearer_token = TOKEN, .max_idle = THREADS};
    const struct storage_etcd_options so = {.servers = etcd.url};
    if (http_client_new(&co, &b.api, &err) < 0 || storage_etcd_open(&so, &b.etcd, &err) < 0)
        die("open", &err);
    wait_ready(b.api);
    if (call(b.api, "POST", "/api/v1/namespaces/default/serviceaccounts", "{\"metadata\":{\"name\":\"default\"}}",
             &err) != 201 ||
        call(b.api, "POST", "/api/v1/namespaces/default/pods", POD, &err) != 201)
        die("first pod", &err);
    b.value_n = stored_size(&b);
    double etcd_rate = run(&b, raw), api_rate = run(&b, create);
    printf("stored pod                     %zu bytes\n", b.value_n);
    printf("raw etcd Txn, %d in flight     %.0f/s\n", THREADS, etcd_rate);
    printf("create pod, %d in flight       %.0f/s  (%.0f%%), %ld failed\n", THREADS, api_rate,
           100 * api_rate / etcd_rate, (long)b.failed);
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    http_client_free(b.api);
    storage_close(b.etcd);
    test_etcd_stop(&etcd);
    return 0;
}
