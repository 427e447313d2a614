/*
 * test_etcd.h - a real etcd for a test: its own data folder under /tmp, free loopback ports, killed by its pid.
 */
#ifndef TESTS_TEST_ETCD_H
#define TESTS_TEST_ETCD_H

#include <stdbool.h>
#include <sys/types.h>

struct test_etcd {
    pid_t pid; /* 0 = not running */
    int client_port, peer_port;
    char dir[64], url[64];
    /* Before test_etcd_start_tls: a folder with ca.crt, server.crt, server.key; clients must show a certificate. */
    const char *tls_dir;
};

bool test_etcd_available(void); /* is there an etcd in PATH? */
/* All of them abort with a message when they fail: a test can do nothing without. */
void test_etcd_start(struct test_etcd *e); /* fresh data; waits until it answers */
void test_etcd_start_tls(struct test_etcd *e, const char *tls_dir);
void test_etcd_kill(struct test_etcd *e);    /* SIGKILL, reaped */
void test_etcd_restart(struct test_etcd *e); /* the same data and ports */
void test_etcd_stop(struct test_etcd *e);    /* kills, removes the data */
int test_free_port(void);

#endif
