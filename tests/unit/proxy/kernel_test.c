/*
 * The rules in a real kernel, in a network namespace that this process makes for itself and that goes with it: two
 * endpoints on addresses of the loopback interface, which say who they are.
 */
#include "objects.h"
#include "proxy/nft.h"
#include "proxy/rules.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#define TRIES 40

static const struct rules_options options = {
    .cluster_cidr = "10.244.0.0/16", .masquerade_mark = 0x4000, .localhost_nodeports = true};

struct fixture {
    struct nft *nft;
    struct ruleset applied;
    bool skip;
};

static int listen_at(const char *ip, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, ip, &a.sin_addr);
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 100) < 0)
        return -1;
    return fd;
}

/* Answers every connection with the last digit of its own address; ends with the process. */
static void *serve(void *arg)
{
    int fd = (int)(intptr_t)arg;
    for (;;) {
        struct sockaddr_in own;
        socklen_t n = sizeof(own);
        int c = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        if (c < 0)
            continue;
        getsockname(c, (struct sockaddr *)&own, &n);
        char digit = (char)('0' + (ntohl(own.sin_addr.s_addr) & 0xff));
        (void)!write(c, &digit, 1);
        close(c);
    }
    return NULL;
}

static int setup(void **state)
{
    static struct fixture f;
    struct err err = ERR_INIT;
    *state = &f;
    if (unshare(CLONE_NEWNET) < 0) {
        f.skip = true;
        return 0;
    }
    /* everything else is local too: a namespace without a way out has no route to a cluster IP */
    if (system("ip link set lo up && ip addr add 10.244.1.1/32 dev lo && ip addr add 10.244.1.2/32 dev lo && "
               "ip addr add 192.0.2.7/32 dev lo && ip route add default dev lo && "
               "echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet") != 0)
        return -1;
    static const char *const ips[] = {"10.244.1.1", "10.244.1.2"};
    for (size_t i = 0; i < ARRAY_LEN(ips); i++) {
        pthread_t t;
        int fd = listen_at(ips[i], 8080);
        if (fd < 0 || pthread_create(&t, NULL, serve, (void *)(intptr_t)fd) != 0)
            return -1;
    }
    f.nft = nft_open(&err);
    return f.nft ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    ruleset_release(&f->applied);
    nft_close(f->nft);
    return 0;
}

/* What answers there: '1', '2', 'R' refused, 'T' nothing in time, 'E' other errors. */
static char ask(const char *ip, uint16_t port, int timeout_ms)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    char answer = 'E';
    int error = 0, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t n = sizeof(error);
    inet_pton(AF_INET, ip, &a.sin_addr);
    int rc = connect(fd, (struct sockaddr *)&a, sizeof(a));
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    if (rc < 0 && errno == EINPROGRESS) {
        if (poll(&p, 1, timeout_ms) == 0)
            answer = 'T';
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n);
    } else if (rc < 0) {
        error = errno;
    }
    p.events = POLLIN;
    if (error == ECONNREFUSED)
        answer = 'R';
    else if (answer != 'T' && !error && poll(&p, 1, timeout_ms) > 0 && read(fd, &answer, 1) != 1)
        answer = 'E';
    close(fd);
    return answer;
}

/* Asks often; returns the answers as a set of '1', '2' ... in the order of first sight. */
static const char *ask_often(const char *ip, uint16_t port, char seen[8])
{
    size_t n = 0;
    for (int i = 0; i < TRIES; i++) {
        char c = ask(ip, port, 5000);
        if (!memchr(seen, c, n) && n < 7)
            seen[n++] = c;
    }
    seen[n] = '\0';
    if (n == 2 && seen[0] == '2')
        memcpy(seen, "12", 2);
    return seen;
}

static void apply(struct fixture *f, const struct test_service *service, const char *endpoints, bool rebuild)
{
    struct kube_objects services = {0}, slices = {0};
    struct buf script = BUF_INIT(1 << 20);
    struct service_map map;
    struct ruleset wanted;
    struct err err = ERR_INIT;
    _cleanup_(arena_freep) struct arena *a = arena_new(1 << 20);
    if (service)
        add_service(&services, service);
    add_slice(&slices, "web", NULL, "TCP", 8080, endpoints);
    service_map_build(a, &services, &slices, "node-a", &map);
    rules_build(&map, &options, &wanted);
    if (rebuild)
        rules_rebuild(&options, &wanted, &script);
    else
        rules_diff(&f->applied, &wanted, &script);
    if (script.len && nft_apply(f->nft, script.data, &err) < 0)
        fail_msg("%s\n%s", err.msg, script.data);
    ruleset_release(&f->applied);
    f->applied = wanted;
    kube_objects_release(&services);
    kube_objects_release(&slices);
    buf_release(&script);
}

static const struct test_service web = {
    .name = "web", .cluster_ip = "10.96.0.10", .external_ip = "198.51.100.7", .port = 80, .node_port = 30080};

static void test_services(void **state)
{
    struct fixture *f = *state;
    char seen[8];
    if (f->skip)
        skip();
    apply(f, &web, "10.244.1.1 10.244.1.2", true);
    assert_true(nft_has_table(f->nft));
    assert_string_equal(ask_often("10.96.0.10", 80, seen), "12");
    assert_string_equal(ask_often("198.51.100.7", 80, seen), "12");
    assert_string_equal(ask_often("192.0.2.7", 30080, seen), "12");
    assert_string_equal(ask_often("127.0.0.1", 30080, seen), "12");
    assert_int_equal(ask("10.96.0.10", 81, 5000), 'R'); /* another port of its address */
    assert_int_equal(ask("192.0.2.7", 80, 5000), 'R');  /* the port is the service's, the address is not */
}

static void test_changes(void **state)
{
    struct fixture *f = *state;
    char seen[8];
    if (f->skip)
        skip();
    apply(f, &web, "10.244.1.2", false);
    assert_string_equal(ask_often("10.96.0.10", 80, seen), "2");
    apply(f, &web, "10.244.1.2!", false); /* nobody is ready: told at once */
    assert_int_equal(ask("10.96.0.10", 80, 5000), 'R');
    assert_int_equal(ask("192.0.2.7", 30080, 5000), 'R');
    assert_int_equal(ask("127.0.0.1", 30080, 5000), 'R');
    apply(f, &web, "10.244.1.1", false);
    assert_string_equal(ask_often("10.96.0.10", 80, seen), "1");
    assert_string_equal(ask_often("192.0.2.7", 30080, seen), "1");
    struct test_service moved = web;
    moved.node_port = 30081;
    apply(f, &moved, "10.244.1.1", false);
    assert_string_equal(ask_often("192.0.2.7", 30081, seen), "1");
    assert_int_equal(ask("192.0.2.7", 30080, 5000), 'R');
    apply(f, NULL, "10.244.1.1", false); /* the service is gone, and all of it */
    assert_int_equal(f->applied.chains.n + f->applied.elements.n, 0);
    assert_int_equal(ask("192.0.2.7", 30081, 5000), 'R');
}

static void test_affinity(void **state)
{
    struct fixture *f = *state;
    char seen[8];
    if (f->skip)
        skip();
    struct test_service sticky = web;
    sticky.affinity = "ClientIP";
    apply(f, &sticky, "10.244.1.1 10.244.1.2", false);
    assert_int_equal(strlen(ask_often("10.96.0.10", 80, seen)), 1);
    assert_true(seen[0] == '1' || seen[0] == '2');
}

/* Somebody has flushed everything: a difference cannot be applied, the whole can; and cleaning up is fine twice. */
static void test_lost_and_cleaned(void **state)
{
    struct fixture *f = *state;
    struct buf script = BUF_INIT(4096);
    struct err err = ERR_INIT;
    char seen[8];
    if (f->skip)
        skip();
    assert_int_equal(nft_apply(f->nft, "flush ruleset", &err), 0);
    assert_false(nft_has_table(f->nft));
    assert_int_equal(nft_apply(f->nft, "flush chain ip kube-proxy services", &err), -1);
    apply(f, &web, "10.244.1.1", true);
    assert_string_equal(ask_often("10.96.0.10", 80, seen), "1");
    rules_cleanup(&script);
    assert_int_equal(nft_apply(f->nft, script.data, &err), 0);
    assert_int_equal(nft_apply(f->nft, script.data, &err), 0);
    assert_false(nft_has_table(f->nft));
    buf_release(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_services),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_affinity),
        cmocka_unit_test(test_lost_and_cleaned),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
