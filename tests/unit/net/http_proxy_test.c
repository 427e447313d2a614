/* Joining upgraded connections: more bytes than any window, both ways, with either side slow; and long answers. */
#include "net/http_proxy.h"
#include "net/worker_pool.h"
#include "testhttp/echo_server.h"
#include "testhttp/raw.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#define TOTAL (8 * MIB)

struct fixture {
    struct echo_server *far;
    struct http_server *front;
    struct http_client *client;
    struct http_proxy *proxy;
    struct worker_pool *pool;
};

struct job {
    struct fixture *f;
    struct http_request *r;
};

static void run(void *arg)
{
    struct job *j = arg;
    struct err err = ERR_INIT;
    char target[256];
    str_copy(target, sizeof(target), j->r->target);
    int rc = http_upgrade_wanted(j->r).n ? http_proxy_upgrade(j->r, j->f->client, target, &err)
                                         : http_proxy_stream(j->f->proxy, j->r, j->f->client, target, NULL, 0, &err);
    if (rc < 0)
        http_respond(j->r, err_http(err.code), NULL, 0, str_of(err.msg));
    free(j);
}

static void on_request(void *user, struct http_request *r)
{
    struct fixture *f = user;
    struct job *j = xcalloc(1, sizeof(*j));
    *j = (struct job){f, r};
    assert_true(worker_pool_submit(f->pool, run, j));
}

static int setup(void **state)
{
    static struct fixture f;
    struct err err = ERR_INIT;
    char url[64];
    f.far = echo_server_new(NULL, NULL, 1, 0, &err);
    f.pool = worker_pool_new(&(struct worker_pool_options){.threads = 2}, &err);
    f.proxy = http_proxy_new(2);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", echo_server_port(f.far, false));
    const struct http_listener plain = {"127.0.0.1", 0, NULL};
    const struct http_server_options o = {
        .listeners = &plain, .n_listeners = 1, .threads = 1, .on_request = on_request, .user = &f};
    f.front = http_server_new(&o, &err);
    *state = &f;
    return http_client_new(&(struct http_client_options){.base_url = url}, &f.client, &err) < 0 || !f.front ? -1 : 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    http_server_stop(f->front, 0);
    worker_pool_free(f->pool);
    http_proxy_free(f->proxy);
    http_server_free(f->front);
    http_client_free(f->client);
    echo_server_free(f->far);
    return 0;
}

static int ask(struct fixture *f, const char *text)
{
    int fd = raw_connect_small(http_server_port(f->front, 0));
    raw_puts(fd, text);
    return fd;
}

static int open_tunnel(struct fixture *f)
{
    struct buf head = BUF_INIT(4096);
    int fd = ask(
        f, "POST /tunnel HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\nContent-Length: 0\r\n\r\n!");
    assert_true(raw_read_until(fd, &head, "\r\n\r\n!"));
    assert_true(str_starts(buf_str(&head), STR("HTTP/1.1 101 ")));
    buf_release(&head);
    return fd;
}

struct sender {
    int fd;
    size_t n;
};

static void *send_all(void *arg)
{
    struct sender *s = arg;
    char block[65536];
    for (size_t at = 0; at < s->n; at += sizeof(block)) {
        for (size_t i = 0; i < sizeof(block); i++)
            block[i] = (char)((at + i) * 31 >> 3);
        if (!raw_send(s->fd, block, sizeof(block)))
            return NULL;
    }
    return s;
}

/* The client sends all it can while it reads slowly: every buffer between fills, nothing is lost, nothing grows. */
static void test_back_pressure(void **state)
{
    pthread_t thread;
    void *ok = NULL;
    static char got[TOTAL];
    struct sender s = {open_tunnel(*state), TOTAL};
    assert_int_equal(pthread_create(&thread, NULL, send_all, &s), 0);
    for (size_t at = 0; at < TOTAL; at += 65536) {
        assert_true(raw_read_n(s.fd, got + at, 65536));
        if (at % (16 * 65536) == 0)
            sleep_ns(2 * NS_PER_MS);
    }
    pthread_join(thread, &ok);
    assert_non_null(ok);
    for (size_t i = 0; i < TOTAL; i++)
        if (got[i] != (char)(i * 31 >> 3))
            fail_msg("byte %zu", i);
    close(s.fd);
}

/* Until no request is answered there any more (a client may keep its connection for the next). */
static void wait_quiet(struct http_server *s)
{
    struct http_stats stats;
    do {
        sleep_ns(5 * NS_PER_MS);
        http_server_stats(s, &stats);
    } while (stats.requests_active > 0);
}

/* Whoever leaves, the other side's connection goes too. */
static void test_ends(void **state)
{
    struct fixture *f = *state;
    int fd = open_tunnel(f);
    close(fd);
    struct http_stats front, far;
    do {
        sleep_ns(5 * NS_PER_MS);
        http_server_stats(f->front, &front);
        http_server_stats(echo_server_http(f->far), &far);
    } while (front.connections || far.connections);
}

static void test_refusal_is_passed_on(void **state)
{
    struct buf out = BUF_INIT(4096);
    int fd = ask(*state, "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    assert_true(raw_read_until(fd, &out, "no such path\n"));
    assert_true(str_starts(buf_str(&out), STR("HTTP/1.1 404 ")));
    close(fd);
    buf_release(&out);
}

static void test_streams(void **state)
{
    struct fixture *f = *state;
    struct buf out = BUF_INIT(64 << 20);
    int fd = ask(f, "GET /big?n=5000000 HTTP/1.0\r\nHost: x\r\n\r\n");
    assert_true(raw_read_all(fd, &out));
    const char *body = strstr(out.data, "\r\n\r\n");
    assert_int_equal(out.data + out.len - body, 4 + 5000000);
    close(fd);
    buf_clear(&out);
    int a = ask(f, "GET /watch HTTP/1.1\r\nHost: x\r\n\r\n"), b = ask(f, "GET /watch HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(raw_read_until(a, &out, "\r\n\r\n"));
    buf_clear(&out);
    assert_true(raw_read_until(b, &out, "\r\n\r\n"));
    buf_clear(&out);
    int c = ask(f, "GET /watch HTTP/1.1\r\nHost: x\r\n\r\n"); /* the third of two */
    assert_true(raw_read_until(c, &out, "\r\n\r\n"));
    assert_true(str_starts(buf_str(&out), STR("HTTP/1.1 429 ")));
    close(a); /* its place is free again, and the far side is told */
    close(b);
    close(c);
    wait_quiet(f->front);
    wait_quiet(echo_server_http(f->far));
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_refusal_is_passed_on),
        cmocka_unit_test(test_streams),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
