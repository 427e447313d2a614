#include "test_etcd.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

static NORETURN void die(const char *what)
{
    fprintf(stderr, "test etcd: %s: %s\n", what, strerror(errno));
    abort();
}

static struct sockaddr_in loopback(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

int test_free_port(void)
{
    struct sockaddr_in a = loopback(0);
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) < 0 || getsockname(fd, (struct sockaddr *)&a, &n) < 0)
        die("no free port");
    close(fd);
    return ntohs(a.sin_port);
}

bool test_etcd_available(void)
{
    return access("/usr/bin/etcd", X_OK) == 0;
}

static NORETURN void exec_etcd(const struct test_etcd *e)
{
    char peer[64], cluster[80];
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    snprintf(peer, sizeof peer, "http://127.0.0.1:%d", e->peer_port);
    snprintf(cluster, sizeof cluster, "t=%s", peer);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(null, 0);
    dup2(null, 1);
    dup2(null, 2);
    const char *argv[40] = {"etcd",        "--name",
                            "t",           "--data-dir",
                            e->dir,        "--listen-client-urls",
                            e->url,        "--advertise-client-urls",
                            e->url,        "--listen-peer-urls",
                            peer,          "--initial-advertise-peer-urls",
                            peer,          "--initial-cluster",
                            cluster,       "--unsafe-no-fsync",
                            "--logger",    "zap",
                            "--log-level", "error"};
    char ca[128], cert[128], key[128];
    if (e->tls_dir) {
        size_t n = 0;
        while (argv[n])
            n++;
        snprintf(ca, sizeof ca, "--trusted-ca-file=%s/ca.crt", e->tls_dir);
        snprintf(cert, sizeof cert, "--cert-file=%s/server.crt", e->tls_dir);
        snprintf(key, sizeof key, "--key-file=%s/server.key", e->tls_dir);
        argv[n++] = ca;
        argv[n++] = cert;
        argv[n++] = key;
        argv[n++] = "--client-cert-auth";
    }
    execv("/usr/bin/etcd", (char *const *)(uintptr_t)argv);
    _exit(127);
}

static bool accepts(int port)
{
    struct sockaddr_in a = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

void test_etcd_restart(struct test_etcd *e)
{
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0)
        exec_etcd(e);
    e->pid = pid;
    for (int i = 0; i < 1500; i++) {
        if (accepts(e->client_port))
            return;
        if (waitpid(pid, NULL, WNOHANG) == pid) {
            errno = ECHILD;
            die("etcd ended at once");
        }
        sleep_ns(10 * NS_PER_MS);
    }
    die("etcd does not listen");
}

void test_etcd_start(struct test_etcd *e)
{
    test_etcd_start_tls(e, NULL);
}

void test_etcd_start_tls(struct test_etcd *e, const char *tls_dir)
{
    *e = (struct test_etcd){.client_port = test_free_port(), .peer_port = test_free_port(), .tls_dir = tls_dir};
    snprintf(e->dir, sizeof e->dir, "/tmp/coracle-test-etcd-XXXXXX");
    if (!mkdtemp(e->dir))
        die("mkdtemp");
    snprintf(e->url, sizeof e->url, "http%s://127.0.0.1:%d", tls_dir ? "s" : "", e->client_port);
    test_etcd_restart(e);
}

void test_etcd_kill(struct test_etcd *e)
{
    if (e->pid <= 0)
        return;
    kill(e->pid, SIGKILL);
    waitpid(e->pid, NULL, 0);
    e->pid = 0;
}

void test_etcd_stop(struct test_etcd *e)
{
    struct err err = ERR_INIT;
    test_etcd_kill(e);
    if (strncmp(e->dir, "/tmp/coracle-test-etcd-", 23) == 0 && file_remove_tree(e->dir, &err) < 0)
        fprintf(stderr, "test etcd: %s\n", err.msg);
}
