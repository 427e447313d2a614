/*
 * test_apiserver.h - the real apiserver program on a real etcd, for integration tests and benchmarks: data under /tmp,
 * free loopback ports, ended by pid.
 */
#ifndef TESTS_TEST_APISERVER_H
#define TESTS_TEST_APISERVER_H

#include "base/buf.h"
#include "testlib/test_etcd.h"

struct http_client;

#define TEST_APISERVER_TOKEN "test-token" /* of a user in system:masters */

struct test_apiserver {
    struct test_etcd etcd;
    pid_t pid;
    int port;
    char dir[64], url[64]; /* dir holds the CA for client certificates: pki_load(dir, "ca") */
    struct buf ca_pem;
};

bool test_apiserver_available(void); /* etcd, and the program beside the running test's build */
/* Abort with a message when they fail. start waits until /readyz says ok. */
void test_apiserver_start(struct test_apiserver *a);
void test_apiserver_kill(struct test_apiserver *a); /* SIGKILL, reaped */
void test_apiserver_restart(struct test_apiserver *a);
void test_apiserver_stop(struct test_apiserver *a); /* both, and the data */
struct http_client *test_apiserver_client(const struct test_apiserver *a);

#endif
