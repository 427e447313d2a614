/*
 * How many pods the apiserver creates with 64 in flight, against raw etcd Txns of the same size and number in flight in
 * the same run. Aim: half or more. Client, apiserver and etcd share the machine, so the CPU of each is told too.
 */
#include "apiserver/storage/etcd.h"
#include "base/clock.h"
#include "base/limits.h"
#include "net/dial.h"
#include "net/http_client.h"
#include "testapiserver/test_apiserver.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>

#define IN_FLIGHT 64
#define SLICE_NS (800 * NS_PER_MS) /* the two take turns in short slices: other load on the machine hits both alike */
#define SLICES 8
#define PATH "/api/v1/namespaces/default/pods"

static const char pod[] =
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\",\"labels\":{\"app\":\"bench\",\"tier\":"
    "\"web\"}},\"spec\":{\"containers\":[{\"name\":\"main\",\"image\":\"busybox:1.36\",\"command\":[\"sh\",\"-c\","
    "\"sleep 3600\"],\"ports\":[{\"containerPort\":8080}],\"env\":[{\"name\":\"A\",\"value\":\"1\"}],\"resources\":{"
    "\"requests\":{\"cpu\":\"100m\",\"memory\":\"64Mi\"},\"limits\":{\"cpu\":\"200m\",\"memory\":\"128Mi\"}}}]}}";

static struct test_apiserver api;
static struct etcd etcd;
static size_t stored_size;
static struct net_address address;
static struct net_tls *tls;

static NORETURN void die(const char *what, const char *text)
{
    fprintf(stderr, "%s: %s\n", what, text);
    test_apiserver_stop(&api);
    exit(1);
}

struct worker {
    pthread_t thread;
    struct net_conn *conn; /* NULL: raw Txns */
    int id, run;
    int64_t until;
    long calls;
};

/* A kept-alive TLS connection that costs the machine as little as possible: the apiserver is measured, not the client.
 */
static void send_all(struct net_conn *c, const char *p, size_t n)
{
    struct err err = ERR_INIT;
    while (n) {
        ssize_t put = net_conn_send(c, p, n, &err);
        if (put == -1)
            die("send", err.msg);
        if (put > 0) {
            p += put;
            n -= (size_t)put;
        }
    }
}

/* Reads one answer with a Content-Length; its status. */
static int read_answer(struct net_conn *c, struct buf *in)
{
    struct err err = ERR_INIT;
    buf_clear(in);
    for (;;) {
        const char *end = in->len ? memmem(in->data, in->len, "\r\n\r\n", 4) : NULL;
        const char *length = end ? strcasestr(in->data, "\r\ncontent-length:") : NULL;
        if (length && in->len >= (size_t)(end + 4 - in->data) + strtoul(length + 17, NULL, 10))
            return atoi(in->data + 9);
        if (!buf_reserve(in, 16384))
            die("answer", "too large");
        ssize_t n = net_conn_recv(c, in->data + in->len, 16384, &err);
        if (n == NET_CONN_AGAIN) {
            struct pollfd p = {net_conn_fd(c), POLLIN, 0};
            poll(&p, 1, 10000);
            continue;
        }
        if (n <= 0)
            die("receive", n ? err.msg : "closed");
        in->len += (size_t)n;
        in->data[in->len] = '\0';
    }
}

static void create_pod(struct net_conn *c, const char *name, struct buf *in)
{
    char body[1024], request[2048];
    int n = snprintf(body, sizeof body, pod, name);
    n = snprintf(request, sizeof request,
                 "POST " PATH " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " TEST_APISERVER_TOKEN
                 "\r\nContent-Type: application/json\r\nAccept: application/json\r\nContent-Length: %d\r\n\r\n%s",
                 n, body);
    send_all(c, request, (size_t)n);
    if (read_answer(c, in) != 201)
        die("create", in->data);
}

static struct net_conn *connect_api(void)
{
    struct net_conn_options o = {.address = &address, .tls = tls, .timeout_ms = 10000, .wake_fd = -1};
    struct net_conn *c = NULL;
    struct err err = ERR_INIT;
    if (net_conn_open(&o, &c, &err) < 0)
        die("connect", err.msg);
    return c;
}

static void raw_txn(const char *name)
{
    static const char zeros[16384];
    char key[128];
    struct err err = ERR_INIT;
    Etcdserverpb__Compare cmp = ETCDSERVERPB__COMPARE__INIT, *cmps[] = {&cmp};
    Etcdserverpb__PutRequest put = ETCDSERVERPB__PUT_REQUEST__INIT;
    Etcdserverpb__RequestOp then = ETCDSERVERPB__REQUEST_OP__INIT, *thens[] = {&then};
    Etcdserverpb__TxnRequest txn = ETCDSERVERPB__TXN_REQUEST__INIT;
    Etcdserverpb__TxnResponse *r = NULL;
    snprintf(key, sizeof key, "/raw/pods/default/%s", name);
    cmp.key = put.key = etcd_bytes(str_of(key));
    cmp.target = ETCDSERVERPB__COMPARE__COMPARE_TARGET__MOD;
    cmp.target_union_case = ETCDSERVERPB__COMPARE__TARGET_UNION_MOD_REVISION;
    put.value = etcd_bytes(str_n(zeros, MIN_OF(stored_size, sizeof zeros)));
    then.request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_PUT;
    then.request_put = &put;
    txn.compare = cmps;
    txn.success = thens;
    txn.n_compare = txn.n_success = 1;
    if (etcd_txn(&etcd, &txn, etcd_deadline(&etcd), &r, &err) < 0)
        die("txn", err.msg);
    etcdserverpb__txn_response__free_unpacked(r, NULL);
}

static void *work(void *user)
{
    struct worker *w = user;
    char name[64];
    _cleanup_(buf_releasep) struct buf in = BUF_INIT(MIB);
    while (clock_mono(&clock_system) < w->until) {
        snprintf(name, sizeof name, "bench-%d-%02d-%05ld", w->run, w->id, w->calls++);
        if (w->conn)
            create_pod(w->conn, name, &in);
        else
            raw_txn(name);
    }
    return NULL;
}

static double self_cpu_s(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static double process_cpu_s(pid_t pid)
{
    char path[64], line[1024];
    unsigned long user = 0, sys = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "re");
    if (!f || !fgets(line, sizeof line, f) ||
        sscanf(strrchr(line, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys) != 2)
        user = sys = 0;
    if (f)
        fclose(f);
    return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}

struct total {
    long calls;
    double s, cpu[3]; /* client, apiserver, etcd */
};

static void read_cpu(double cpu[3])
{
    cpu[0] = self_cpu_s();
    cpu[1] = process_cpu_s(api.pid);
    cpu[2] = process_cpu_s(api.etcd.pid);
}

static void run(bool create, int number, int in_flight, struct total *t)
{
    struct worker w[IN_FLIGHT];
    struct net_conn *conns[IN_FLIGHT] = {NULL};
    double before[3], after[3];
    for (int i = 0; create && i < in_flight; i++)
        conns[i] = connect_api();
    read_cpu(before);
    int64_t start = clock_mono(&clock_system);
    for (int i = 0; i < in_flight; i++) {
        w[i] = (struct worker){.conn = conns[i], .id = i, .run = number, .until = start + SLICE_NS};
        if (pthread_create(&w[i].thread, NULL, work, &w[i]))
            die("thread", "cannot start");
    }
    for (int i = 0; i < in_flight; i++) {
        pthread_join(w[i].thread, NULL);
        t->calls += w[i].calls;
    }
    t->s += (double)(clock_mono(&clock_system) - start) / 1e9;
    read_cpu(after);
    for (int i = 0; i < 3; i++)
        t->cpu[i] += after[i] - before[i];
    for (int i = 0; i < in_flight; i++)
        net_conn_free(conns[i]);
}

static double tell(const char *what, int in_flight, const struct total *t)
{
    double n = (double)t->calls / 1e6;
    printf("%-7s %2d in flight: %6.0f/s   CPU us each: client %5.1f, apiserver %5.1f, etcd %5.1f\n", what, in_flight,
           (double)t->calls / t->s, t->cpu[0] / n, t->cpu[1] / n, t->cpu[2] / n);
    return (double)t->calls / t->s;
}

/* Creates one pod, to know how large its stored form is. */
static void measure_size(void)
{
    _cleanup_(buf_releasep) struct buf in = BUF_INIT(MIB);
    struct net_conn *c = connect_api();
    Etcdserverpb__RangeRequest req = ETCDSERVERPB__RANGE_REQUEST__INIT;
    Etcdserverpb__RangeResponse *r = NULL;
    struct err err = ERR_INIT;
    create_pod(c, "first", &in);
    net_conn_free(c);
    req.key = etcd_bytes(STR("/registry/pods/default/first"));
    if (etcd_range(&etcd, &req, etcd_deadline(&etcd), &r, &err) < 0 || r->n_kvs != 1)
        die("range", err.msg);
    stored_size = r->kvs[0]->value.len;
    etcdserverpb__range_response__free_unpacked(r, NULL);
    printf("a stored pod has %zu bytes\n", stored_size);
}

static void wait_for_service_account(struct http_client *http)
{
    struct err err = ERR_INIT;
    struct http_client_response r;
    const char *headers[] = {"Content-Type: application/json"};
    struct http_client_request q = {
        .method = "POST",
        .path = "/api/v1/namespaces/default/serviceaccounts",
        .headers = headers,
        .n_headers = 1,
        .body = STR("{\"apiVersion\":\"v1\",\"kind\":\"ServiceAccount\",\"metadata\":{\"name\":\"default\"}}")};
    if (http_client_call(http, &q, &r, &err) < 0)
        die("service account", err.msg);
    if (r.status != 201 && r.status != 409)
        die("service account", r.body.data);
    http_client_response_release(&r);
}

int main(void)
{
    struct err err = ERR_INIT;
    if (!test_apiserver_available()) {
        printf("skipped: no etcd, or no apiserver beside the benchmark\n");
        return 0;
    }
    test_apiserver_start(&api);
    struct grpc_channel_options g = {.target = api.etcd.url};
    struct http_client *http = test_apiserver_client(&api);
    if (etcd_open(&etcd, &g, 10000, &err) < 0)
        die("etcd", err.msg);
    struct net_tls_options to = {.ca_pem = buf_str(&api.ca_pem)};
    if (net_address_parse(str_of(api.url), &address, &err) < 0 || net_tls_new(&to, &tls, &err) < 0)
        die("tls", err.msg);
    wait_for_service_account(http);
    measure_size();
    struct total one = {0}, raw = {0}, create = {0};
    run(true, 0, 1, &one);
    for (int i = 1; i <= SLICES; i++) {
        run(false, i, IN_FLIGHT, &raw);
        run(true, i, IN_FLIGHT, &create);
    }
    tell("create", 1, &one);
    double most = tell("raw Txn", IN_FLIGHT, &raw);
    printf("create at %.2f of raw\n", tell("create", IN_FLIGHT, &create) / most);
    http_client_free(http);
    net_tls_free(tls);
    net_address_release(&address);
    etcd_close(&etcd);
    test_apiserver_stop(&api);
    return 0;
}
