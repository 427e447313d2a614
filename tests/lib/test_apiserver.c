#include "test_apiserver.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/limits.h"
#include "net/http_client.h"
#include "net/pki.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static NORETURN void die(const char *what)
{
    fprintf(stderr, "test apiserver: %s\n", what);
    abort();
}

/* build/PRESET/bin/apiserver, seen from build/PRESET/tests/x or build/PRESET/bench/x. */
static void program_path(char out[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 32);
    if (n <= 0)
        die("no /proc/self/exe");
    out[n] = '\0';
    for (int up = 0; up < 2; up++)
        *strrchr(out, '/') = '\0';
    strcat(out, "/bin/apiserver");
}

bool test_apiserver_available(void)
{
    char path[PATH_MAX];
    program_path(path);
    return test_etcd_available() && access(path, X_OK) == 0;
}

static NORETURN void exec_apiserver(const struct test_apiserver *a)
{
    char path[PATH_MAX], port[16], certs[96], tokens[96], sa_key[96], ca[96], log[96];
    program_path(path);
    snprintf(port, sizeof port, "%d", a->port);
    snprintf(certs, sizeof certs, "%s/certs", a->dir);
    snprintf(tokens, sizeof tokens, "%s/tokens", a->dir);
    snprintf(sa_key, sizeof sa_key, "%s/sa.key", a->dir);
    snprintf(ca, sizeof ca, "%s/ca.crt", a->dir);
    snprintf(log, sizeof log, "%s/log", a->dir);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(fd, 1);
    dup2(fd, 2);
    execl(path, "apiserver", "--etcd-servers", a->etcd.url, "--secure-port", port, "--bind-address", "127.0.0.1",
          "--cert-dir", certs, "--token-auth-file", tokens, "--service-account-key-file", sa_key,
          "--service-account-signing-key-file", sa_key, "--service-account-issuer", "https://kubernetes.default.svc",
          "--service-cluster-ip-range", "10.96.0.0/16", "--authorization-mode", "Node,RBAC", "--client-ca-file", ca,
          (char *)NULL);
    _exit(127);
}

struct http_client *test_apiserver_client(const struct test_apiserver *a)
{
    struct http_client_options o = {.base_url = a->url,
                                    .ca_pem = buf_str(&a->ca_pem),
                                    .bearer_token = TEST_APISERVER_TOKEN,
                                    .insecure_skip_tls_verify = a->ca_pem.len == 0};
    struct http_client *c = NULL;
    struct err err = ERR_INIT;
    if (http_client_new(&o, &c, &err) < 0)
        die(err.msg);
    return c;
}

static bool is_ready(struct http_client *c)
{
    struct http_client_request q = {.path = "/readyz", .timeout_ms = 1000};
    struct http_client_response r;
    struct err err = ERR_INIT;
    bool ok = http_client_call(c, &q, &r, &err) == 0 && r.status == 200;
    http_client_response_release(&r);
    return ok;
}

static void load_ca(struct test_apiserver *a)
{
    char path[96];
    struct err err = ERR_INIT;
    buf_clear(&a->ca_pem);
    snprintf(path, sizeof path, "%s/certs/apiserver.crt", a->dir);
    if (file_read(path, &a->ca_pem, &err) < 0)
        die(err.msg);
}

void test_apiserver_restart(struct test_apiserver *a)
{
    buf_clear(&a->ca_pem);
    struct http_client *c = test_apiserver_client(a);
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0)
        exec_apiserver(a);
    a->pid = pid;
    for (int i = 0; !is_ready(c); i++) {
        if (i > 4000 || waitpid(pid, NULL, WNOHANG) == pid)
            die("the apiserver does not get ready: see its log");
        sleep_ns(5 * NS_PER_MS);
    }
    http_client_free(c);
    load_ca(a);
}

void test_apiserver_start(struct test_apiserver *a)
{
    char path[96];
    struct err err = ERR_INIT;
    struct pki_pair ca = {0};
    *a = (struct test_apiserver){.port = test_free_port()};
    buf_init(&a->ca_pem, 64 * KIB);
    test_etcd_start(&a->etcd);
    snprintf(a->dir, sizeof a->dir, "/tmp/coracle-test-apiserver-XXXXXX");
    if (!mkdtemp(a->dir))
        die("mkdtemp");
    snprintf(a->url, sizeof a->url, "https://127.0.0.1:%d", a->port);
    snprintf(path, sizeof path, "%s/tokens", a->dir);
    if (file_write(path, STR(TEST_APISERVER_TOKEN ",admin,1,\"system:masters\"\n"), 0600, &err) < 0 ||
        pki_ensure_key(a->dir, "sa", CRYPTO_EC_P256, NULL, &err) < 0)
        die(err.msg);
    if (pki_ensure_ca(a->dir, "ca", "test-ca", &ca, NULL, &err) < 0)
        die(err.msg);
    pki_pair_release(&ca);
    test_apiserver_restart(a);
}

void test_apiserver_kill(struct test_apiserver *a)
{
    if (a->pid <= 0)
        return;
    kill(a->pid, SIGKILL);
    waitpid(a->pid, NULL, 0);
    a->pid = 0;
}

/* Built with a sanitizer the apiserver tells what it finds in its log: that fails the test. */
static void check_log(const struct test_apiserver *a)
{
    char path[96];
    struct err err = ERR_INIT;
    _cleanup_(buf_releasep) struct buf log = BUF_INIT(64 * MIB);
    snprintf(path, sizeof path, "%s/log", a->dir);
    if (file_read(path, &log, &err) < 0)
        die(err.msg);
    const char *found = log.len ? strstr(log.data, "Sanitizer") : NULL;
    if (!found && log.len)
        found = strstr(log.data, "runtime error:");
    if (found) {
        fprintf(stderr, "%.6000s\n", found);
        die("a sanitizer found something in the apiserver");
    }
}

void test_apiserver_stop(struct test_apiserver *a)
{
    struct err err = ERR_INIT;
    test_apiserver_kill(a);
    check_log(a);
    test_etcd_stop(&a->etcd);
    if (strncmp(a->dir, "/tmp/coracle-test-apiserver-", 28) == 0 && file_remove_tree(a->dir, &err) < 0)
        fprintf(stderr, "test apiserver: %s\n", err.msg);
    buf_release(&a->ca_pem);
}
