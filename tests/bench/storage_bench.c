/* The storage's speed on an etcd of its own: raw Txns, creates, time from put to event, fan-out, CPU a call. */
#include "apiserver/storage/etcd.h"
#include "apiserver/storage/storage.h"
#include "base/clock.h"
#include "testlib/test_etcd.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>

#define VALUE_SIZE 1500 /* a small pod in storage protobuf */
#define THREADS 64
#define RUN_NS (2 * NS_PER_S)

static char value[VALUE_SIZE];

static double now_s(void)
{
    return (double)clock_mono(&clock_system) / 1e9;
}

static double cpu_s(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static void die(const char *what, const struct err *err)
{
    fprintf(stderr, "%s: %s\n", what, err->msg);
    exit(1);
}

struct worker {
    pthread_t thread;
    struct etcd *etcd;
    struct storage *s;
    int id, run;
    int64_t until;
    long calls;
};

static void raw_create(struct etcd *e, struct str key)
{
    struct err err = ERR_INIT;
    Etcdserverpb__Compare cmp = ETCDSERVERPB__COMPARE__INIT, *cmps[] = {&cmp};
    Etcdserverpb__PutRequest put = ETCDSERVERPB__PUT_REQUEST__INIT;
    Etcdserverpb__RequestOp then = ETCDSERVERPB__REQUEST_OP__INIT, *thens[] = {&then};
    Etcdserverpb__TxnRequest txn = ETCDSERVERPB__TXN_REQUEST__INIT;
    Etcdserverpb__TxnResponse *r = NULL;
    cmp.key = put.key = etcd_bytes(key);
    cmp.target = ETCDSERVERPB__COMPARE__COMPARE_TARGET__MOD;
    cmp.target_union_case = ETCDSERVERPB__COMPARE__TARGET_UNION_MOD_REVISION;
    put.value = etcd_bytes(str_n(value, sizeof value));
    then.request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_PUT;
    then.request_put = &put;
    txn.compare = cmps;
    txn.success = thens;
    txn.n_compare = txn.n_success = 1;
    if (etcd_txn(e, &txn, etcd_deadline(e), &r, &err) < 0)
        die("txn", &err);
    etcdserverpb__txn_response__free_unpacked(r, NULL);
}

static void *work(void *user)
{
    struct worker *w = user;
    char key[96];
    while (clock_mono(&clock_system) < w->until) {
        struct err err = ERR_INIT;
        snprintf(key, sizeof key, "/registry/%s/default/bench-%d-%d-%ld", w->s ? "pods" : "raw", w->run, w->id,
                 w->calls++);
        if (!w->s)
            raw_create(w->etcd, str_of(key));
        else if (storage_create(w->s, str_of(key), str_n(value, sizeof value), 0, NULL, &err) < 0)
            die("create", &err);
    }
    return NULL;
}

static double rate(struct etcd *e, struct storage *s, int threads, int run, double *ret_cpu_us)
{
    struct worker w[THREADS];
    double start = now_s(), cpu = cpu_s();
    long calls = 0;
    for (int i = 0; i < threads; i++) {
        w[i] = (struct worker){.etcd = e, .s = s, .id = i, .run = run, .until = clock_mono(&clock_system) + RUN_NS};
        if (pthread_create(&w[i].thread, NULL, work, &w[i]))
            abort();
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(w[i].thread, NULL);
        calls += w[i].calls;
    }
    *ret_cpu_us = (cpu_s() - cpu) * 1e6 / (double)calls;
    return (double)calls / (now_s() - start);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static struct storage_watch *watch_now(struct storage *s, const char *prefix, size_t backlog)
{
    struct err err = ERR_INIT;
    struct storage_list l;
    struct storage_list_options lo = {.prefix = str_of(prefix)};
    struct storage_watch *w = NULL;
    if (storage_list(s, &lo, &l, &err) < 0)
        die("list", &err);
    struct storage_watch_options wo = {.prefix = str_of(prefix), .revision = l.revision, .backlog = backlog};
    storage_list_release(&l);
    if (storage_watch(s, &wo, &w, &err) < 0)
        die("watch", &err);
    return w;
}

static void put_to_event(struct storage *s)
{
    enum { N = 500 };
    static double us[N], back[N];
    struct storage_watch *w = watch_now(s, "/registry/latency/", 0);
    for (int i = 0; i < N; i++) {
        struct err err = ERR_INIT;
        struct storage_event e;
        char key[64];
        snprintf(key, sizeof key, "/registry/latency/k%d", i);
        double start = now_s();
        if (storage_create(s, str_of(key), str_n(value, sizeof value), 0, NULL, &err) < 0)
            die("create", &err);
        back[i] = (now_s() - start) * 1e6;
        while (!storage_watch_next(w, &e))
            storage_watch_wait(w, 1000);
        us[i] = (now_s() - start) * 1e6;
        storage_object_unref(e.obj);
    }
    storage_watch_free(w);
    qsort(us, N, sizeof us[0], by_value);
    qsort(back, N, sizeof back[0], by_value);
    printf("put to answer: median %.0f us, p99 %.0f us; put to watch event: median %.0f us, p99 %.0f us\n", back[N / 2],
           back[N * 99 / 100], us[N / 2], us[N * 99 / 100]);
}

static void fan_out(struct storage *s)
{
    enum { WATCHERS = 50, N = 1000 };
    struct storage_watch *w[WATCHERS];
    struct worker one = {.s = s};
    double start, cpu;
    long seen = 0;
    for (int i = 0; i < WATCHERS; i++)
        w[i] = watch_now(s, "/registry/fan/", 0);
    start = now_s();
    cpu = cpu_s();
    for (; one.calls < N; one.calls++) {
        struct err err = ERR_INIT;
        char key[64];
        snprintf(key, sizeof key, "/registry/fan/k%04ld", one.calls);
        if (storage_create(s, str_of(key), str_n(value, sizeof value), 0, NULL, &err) < 0)
            die("create", &err);
    }
    for (int i = 0; i < WATCHERS; i++) {
        int64_t last = 0;
        for (int n = 0; n < N;) {
            struct storage_event e;
            if (!storage_watch_next(w[i], &e)) {
                storage_watch_wait(w[i], 1000);
                continue;
            }
            if (e.type != STORAGE_ADDED || e.revision <= last || atoi(e.obj->key.p + 15) != n)
                abort(); /* lost, repeated or out of order */
            last = e.revision;
            storage_object_unref(e.obj);
            n++;
            seen++;
        }
        storage_watch_free(w[i]);
    }
    printf("%d watchers x %d events: %ld events, each once and in order, %.2f s, %.1f us of CPU a put\n", WATCHERS, N,
           seen, now_s() - start, (cpu_s() - cpu) * 1e6 / N);
}

struct async {
    struct grpc_channel *ch;
    struct str request;
    atomic_long left, done;
};

static void next_call(struct async *a);

static void on_done(void *user, struct str response, const struct err *err)
{
    struct async *a = user;
    if (err->code != ERR_OK)
        die("async call", err);
    next_call(a);
    atomic_fetch_add(&a->done, 1);
}

static void next_call(struct async *a)
{
    struct err err = ERR_INIT;
    if (atomic_fetch_sub(&a->left, 1) > 0 &&
        grpc_call_async(a->ch, ETCD_RANGE, a->request, 10000, on_done, a, &err) < 0)
        die("async call", &err);
}

static void cpu_a_call(struct etcd *e)
{
    enum { N = 40000 };
    Etcdserverpb__RangeRequest req = ETCDSERVERPB__RANGE_REQUEST__INIT;
    uint8_t packed[64];
    req.key = etcd_bytes(STR("/none"));
    req.serializable = true;
    struct async a = {.ch = e->calls};
    a.request = str_n((const char *)packed, etcdserverpb__range_request__pack(&req, packed));
    atomic_init(&a.left, N);
    double start = now_s(), cpu = cpu_s();
    for (int i = 0; i < 64; i++)
        next_call(&a);
    while (atomic_load(&a.done) < N)
        sleep_ns(NS_PER_MS);
    printf("gRPC client: %.1f us of CPU a call, %.0f calls/s at 64 in flight (serializable Range)\n",
           (cpu_s() - cpu) * 1e6 / N, N / (now_s() - start));
}

int main(void)
{
    struct test_etcd server;
    struct etcd e;
    struct storage *s = NULL;
    struct err err = ERR_INIT;
    double cpu;
    if (!test_etcd_available()) {
        printf("skipped: no /usr/bin/etcd\n");
        return 0;
    }
    memset(value, 'v', sizeof value);
    test_etcd_start(&server);
    struct grpc_channel_options g = {.target = server.url};
    struct storage_etcd_options o = {.servers = server.url, .compact_every_ms = -1};
    if (etcd_open(&e, &g, 10000, &err) < 0 || storage_etcd_open(&o, &s, &err) < 0 ||
        storage_cache_open(s, NULL, &s, &err) < 0 || storage_wait_ready(s, 10000, &err) < 0)
        die("open", &err);
    storage_add_resource(s, STR("/registry/pods/"));
    cpu_a_call(&e);
    double one = rate(&e, NULL, 1, 0, &cpu);
    printf("raw Txn, 1 in flight: %.0f/s\n", one);
    for (int run = 1; run <= 2; run++) {
        double raw = rate(&e, NULL, THREADS, run, &cpu);
        printf("raw Txn, %d in flight: %.0f/s, %.1f us of CPU a call\n", THREADS, raw, cpu);
        double create = rate(&e, s, THREADS, run, &cpu);
        printf("storage_create, %d in flight: %.0f/s, %.1f us of CPU a call with the cache fed; %.2f of raw\n", THREADS,
               create, cpu, create / raw);
    }
    put_to_event(s);
    fan_out(s);
    storage_close(s);
    etcd_close(&e);
    test_etcd_stop(&server);
    return 0;
}
