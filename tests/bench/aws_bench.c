/*
 * Signed describe-clusters requests: what one costs from bytes to answer, and over HTTP from eight connections. The
 * second is told for one core: requests for each second of CPU time that the gateway's process has used.
 *
 * Without arguments both are answered by a handler without a cluster behind it. `bench_aws PORT PID CLUSTER` asks a
 * gateway that runs (aws_cluster.sh), with the key of that script.
 */
#include "../lib/aws_signer.h"

#include "api/doc.h"
#include "base/file.h"
#include "base/parse.h"
#include "ecs/wire/gateway.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <signal.h>

#define ROUNDS 50000
#define CONNECTIONS 8

static NORETURN void die(const char *what)
{
    perror(what);
    exit(1);
}

static int describe(struct aws_call *call, struct err *err)
{
    struct doc *list = doc_array(call->arena), *c = doc_append(list, doc_object(call->arena));

    (void)err;
    doc_set(c, "clusterArn", doc_printf(call->arena, "arn:aws:ecs:%s:%s:cluster/demo", call->region, call->account_id));
    doc_set(c, "clusterName", doc_string(call->arena, STR("demo")));
    doc_set(c, "status", doc_string(call->arena, STR("ACTIVE")));
    doc_set(c, "runningTasksCount", doc_int(call->arena, 3));
    doc_set(call->output, "clusters", list);
    doc_set(call->output, "failures", doc_array(call->arena));
    return 0;
}

static const struct aws_operation rows[] = {{"ecs", "DescribeClusters", describe}};

struct bench {
    char dir[32], body[300];
    struct aws_keys *keys;
    struct audit *audit;
    struct gateway *gateway;
    struct aws_operation_table table;
    struct aws_signed request;
};

static void start(struct bench *b, const struct http_listener *listener)
{
    _cleanup_(freep) char *keys = xasprintf("%s/keys", b->dir), *trail = xasprintf("%s/audit", b->dir);
    struct err err = ERR_INIT;

    b->table = (struct aws_operation_table){rows, ARRAY_LEN(rows), NULL};
    const struct gateway_options o = {.listeners = listener,
                                      .n_listeners = listener ? 1 : 0,
                                      .region = "us-east-1",
                                      .account_id = "000000000000",
                                      .tables = &b->table,
                                      .n_tables = 1};
    struct gateway_options with = o;
    if (aws_keys_new(NULL, keys, "000000000000", &b->keys, &err) < 0 || audit_new(trail, &b->audit, &err) < 0)
        die(err.msg);
    with.keys = b->keys;
    with.audit = b->audit;
    if (gateway_new(&with, &b->gateway, &err) < 0)
        die(err.msg);
}

static void stop(struct bench *b)
{
    b->gateway = gateway_free(b->gateway);
    b->keys = aws_keys_free(b->keys);
    b->audit = audit_free(b->audit);
}

static void bench_serve(struct bench *b)
{
    struct gateway_answer a;

    start(b, NULL);
    int64_t from = clock_mono(&clock_system);
    for (int i = 0; i < ROUNDS; i++) {
        gateway_serve(b->gateway, &b->request.r, "127.0.0.1", &a);
        if (a.status != 200)
            die("not 200");
        buf_release(&a.body);
    }
    double us = (double)(clock_mono(&clock_system) - from) / 1e3 / ROUNDS;
    printf("%-48s %8.2f us, %8.0f/s\n", "one request, bytes to answer", us, 1e6 / us);
    stop(b);
}

/* The process that serves: tells its port, works until it is killed. */
static NORETURN void serve(struct bench *b, int out)
{
    const struct http_listener l = {.address = "127.0.0.1"};

    start(b, &l);
    uint16_t port = gateway_port(b->gateway, 0);
    if (write(out, &port, sizeof(port)) != sizeof(port))
        die("write");
    for (;;)
        pause();
}

static int dial(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        die("connect");
    return fd;
}

static void put_request(struct bench *b, struct buf *out)
{
    buf_puts(out, "POST / HTTP/1.1\r\n");
    for (size_t i = 0; i < b->request.r.n_headers; i++)
        buf_printf(out, STR_FMT ": " STR_FMT "\r\n", STR_ARG(b->request.headers[i].name),
                   STR_ARG(b->request.headers[i].value));
    buf_printf(out, "content-length: %zu\r\n\r\n" STR_FMT, b->request.r.body.n, STR_ARG(b->request.r.body));
}

/* One whole answer: its length is always the same, so the first one tells it. */
static void exchange(const int *fds, const struct buf *request, size_t *answer)
{
    char text[8192];

    for (int c = 0; c < CONNECTIONS; c++)
        if (write(fds[c], request->data, request->len) != (ssize_t)request->len)
            die("write");
    for (int c = 0; c < CONNECTIONS; c++) {
        size_t n = 0;
        do {
            ssize_t r = recv(fds[c], text + n, sizeof(text) - n, 0);
            if (r <= 0)
                die("recv");
            n += (size_t)r;
        } while (*answer && n < *answer);
        if (strncmp(text, "HTTP/1.1 200", 12) != 0)
            die("not 200");
        *answer = n;
    }
}

static double seconds_since(int64_t from)
{
    return (double)(clock_mono(&clock_system) - from) / 1e9;
}

/* All requests from eight connections to a gateway; the seconds that passed. */
static double ask(struct bench *b, uint16_t port)
{
    _cleanup_(buf_releasep) struct buf request = BUF_INIT(65536);
    int fds[CONNECTIONS];
    size_t answer = 0;

    put_request(b, &request);
    for (int c = 0; c < CONNECTIONS; c++)
        fds[c] = dial(port);
    int64_t from = clock_mono(&clock_system);
    for (int i = 0; i < ROUNDS / CONNECTIONS; i++)
        exchange(fds, &request, &answer);
    double s = seconds_since(from);
    for (int c = 0; c < CONNECTIONS; c++)
        close(fds[c]);
    return s;
}

static void tell(double s, double cpu)
{
    printf("%-48s %8.2f us, %8.0f/s on one core\n", "over HTTP, CPU time of the gateway", cpu * 1e6 / ROUNDS,
           ROUNDS / cpu);
    printf("%-48s %8.0f/s\n", "over HTTP, as it was", ROUNDS / s);
}

static void bench_http(struct bench *b)
{
    int pipe_fds[2];
    struct rusage used;
    uint16_t port;

    if (pipe(pipe_fds) < 0)
        die("pipe");
    pid_t pid = fork();
    if (pid == 0)
        serve(b, pipe_fds[1]);
    if (pid < 0 || read(pipe_fds[0], &port, sizeof(port)) != sizeof(port))
        die("fork");
    double s = ask(b, port);
    kill(pid, SIGKILL);
    if (wait4(pid, NULL, 0, &used) < 0)
        die("wait4");
    double cpu = (double)used.ru_utime.tv_sec + (double)used.ru_utime.tv_usec / 1e6 + (double)used.ru_stime.tv_sec +
                 (double)used.ru_stime.tv_usec / 1e6;
    tell(s, cpu);
}

/* Seconds of CPU time of a process: the 14th and 15th word of its stat, behind the name in parentheses. */
static double cpu_of(const char *pid)
{
    char path[64], text[1024] = "";
    unsigned long long user, system;

    snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    FILE *f = fopen(path, "re");
    if (!f || !fgets(text, sizeof(text), f))
        die(path);
    fclose(f);
    const char *at = strrchr(text, ')');
    if (!at || sscanf(at + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu", &user, &system) != 2)
        die(path);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static void bench_against(struct bench *b, const char *port_text, const char *pid)
{
    uint64_t port;

    if (!parse_uint64(str_of(port_text), &port) || port == 0 || port > UINT16_MAX)
        die("port");
    double before = cpu_of(pid), s = ask(b, (uint16_t)port);
    tell(s, cpu_of(pid) - before);
}

static void sign(struct bench *b, const char *cluster)
{
    const struct aws_signer signer = {"AKIAECSTEST000000001", "of-the-test", "ecs", NULL,
                                      clock_wall(&clock_system) / NS_PER_S};

    snprintf(b->body, sizeof(b->body), "{\"clusters\":[\"%s\"]}", cluster);
    aws_sign(&signer, "POST", "/", "", "application/x-amz-json-1.1",
             "AmazonEC2ContainerServiceV20141113.DescribeClusters", str_of(b->body), &b->request);
}

int main(int argc, char **argv)
{
    struct bench b = {.dir = "/tmp/aws-bench-XXXXXX"};
    struct err err = ERR_INIT;

    sign(&b, argc == 4 ? argv[3] : "demo");
    if (argc == 4) {
        bench_against(&b, argv[1], argv[2]);
        return 0;
    }
    if (!mkdtemp(b.dir))
        die("mkdtemp");
    _cleanup_(freep) char *keys = xasprintf("%s/keys", b.dir);
    if (file_write(keys, STR("[bench]\naws_access_key_id=AKIAECSTEST000000001\naws_secret_access_key=of-the-test\n"),
                   0600, &err) < 0)
        die(err.msg);
    bench_http(&b); /* first: it forks, which wants no threads */
    bench_serve(&b);
    return file_remove_tree(b.dir, &err) < 0;
}
