/*
 * What connections cost the server: 1,000 idle ones of HTTP/1.1 and of HTTP/2 over TLS, and 300 watches on one HTTP/2
 * connection. The server is a child process, whose resident memory is read. Then h2load, if it is there, for the rates.
 */
#include "testhttp/echo_server.h"
#include "testhttp/raw.h"

#include "base/file.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define CONNECTIONS 1000
#define WATCHES 300

static void serve(const char *dir, int ready)
{
    struct err err = ERR_INIT;
    struct tls_options tls;
    char paths[3][256];
    echo_server_pki(dir, &tls, paths);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    struct echo_server *s = echo_server_new(&(struct http_limits){.idle_ms = 600000}, &tls, 2, 0, &err);
    if (!s) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    uint16_t port = echo_server_port(s, true);
    if (write(ready, &port, sizeof(port)) != sizeof(port))
        exit(1);
    int sig;
    sigwait(&set, &sig);
    echo_server_free(s);
    exit(0);
}

static size_t resident(pid_t pid)
{
    char path[64];
    size_t pages = 0;
    snprintf(path, sizeof(path), "/proc/%d/statm", pid);
    FILE *f = fopen(path, "re");
    if (!f || fscanf(f, "%*u %zu", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages * 4096;
}

static SSL *dial(SSL_CTX *ctx, uint16_t port, bool h2)
{
    SSL *ssl = SSL_new(ctx);
    SSL_set_fd(ssl, raw_connect(port));
    SSL_set_alpn_protos(ssl, h2 ? (const unsigned char *)"\2h2" : (const unsigned char *)"\10http/1.1", h2 ? 3 : 9);
    if (SSL_connect(ssl) != 1)
        exit(1);
    return ssl;
}

static void say(SSL *ssl, const struct buf *b)
{
    if (SSL_write(ssl, b->data, (int)b->len) != (int)b->len)
        exit(1);
}

/* Waits for the answer (any bytes that contain text). */
static void hear(SSL *ssl, const char *text)
{
    struct buf got = BUF_INIT(1 << 20);
    char chunk[4096];
    while (raw_count(&got, text) == 0) {
        int n = SSL_read(ssl, chunk, sizeof(chunk));
        if (n <= 0)
            exit(1);
        buf_add(&got, chunk, (size_t)n);
    }
    buf_release(&got);
}

static void idle_connections(SSL_CTX *ctx, pid_t server, uint16_t port, bool h2)
{
    SSL *all[CONNECTIONS];
    struct buf b = BUF_INIT(4096);
    if (h2) {
        h2_preface(&b);
        h2_get(&b, 1, "/hello", H2_END_STREAM | H2_END_HEADERS);
    } else {
        buf_puts(&b, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    size_t before = resident(server);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        all[i] = dial(ctx, port, h2);
        say(all[i], &b);
        hear(all[i], "hello\n");
    }
    printf("%-44s %8.1f KiB each\n",
           h2 ? "1,000 idle HTTP/2 connections over TLS" : "1,000 idle HTTP/1.1 connections over TLS",
           (double)(resident(server) - before) / 1024 / CONNECTIONS);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        close(SSL_get_fd(all[i]));
        SSL_free(all[i]);
    }
    buf_release(&b);
}

static void watches(SSL_CTX *ctx, pid_t server, uint16_t port)
{
    struct buf b = BUF_INIT(1 << 20);
    h2_preface(&b);
    h2_get(&b, 1, "/hello", H2_END_STREAM | H2_END_HEADERS);
    SSL *ssl = dial(ctx, port, true);
    say(ssl, &b);
    hear(ssl, "hello\n");
    size_t before = resident(server);
    buf_clear(&b);
    for (uint32_t i = 1; i <= WATCHES; i++)
        h2_get(&b, 2 * i + 1, "/watch", H2_END_STREAM | H2_END_HEADERS);
    h2_get(&b, 2 * WATCHES + 3, "/hello", H2_END_STREAM | H2_END_HEADERS);
    say(ssl, &b);
    hear(ssl, "hello\n");
    printf("%-44s %8.1f KiB each\n", "300 watches on one HTTP/2 connection",
           (double)(resident(server) - before) / 1024 / WATCHES);
    close(SSL_get_fd(ssl));
    SSL_free(ssl);
    buf_release(&b);
}

static void rate(const char *what, const char *options, uint16_t port, const char *target)
{
    char command[512];
    snprintf(command, sizeof(command), "h2load %s 'https://127.0.0.1:%u%s' 2>/dev/null | sed -n 's/^finished in //p'",
             options, port, target);
    printf("%-44s ", what);
    fflush(stdout);
    if (system(command) != 0)
        printf("h2load is missing\n");
}

int main(void)
{
    char dir[] = "/tmp/http-bench-XXXXXX";
    int fds[2];
    uint16_t port;
    if (!mkdtemp(dir) || pipe(fds) < 0)
        return 1;
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){4096, 4096});
    pid_t server = fork();
    if (server == 0)
        serve(dir, fds[1]);
    if (server < 0 || read(fds[0], &port, sizeof(port)) != sizeof(port))
        return 1;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    printf("%-44s %8.1f MiB\n", "server (16 MiB of it the shared body)", (double)resident(server) / 1048576);
    watches(ctx, server, port); /* first: afterwards there is freed memory to take from */
    idle_connections(ctx, server, port, false);
    idle_connections(ctx, server, port, true);
    rate("small GET, HTTP/1.1, 20 connections", "--h1 -n 100000 -c 20", port, "/hello");
    rate("small GET, HTTP/2, 20 connections x 20", "-n 300000 -c 20 -m 20", port, "/hello");
    rate("50 MB bodies, HTTP/1.1, 5 connections", "--h1 -n 50 -c 5", port, "/big?n=50000000");
    rate("50 MB bodies, HTTP/2, 5 connections", "-n 50 -c 5", port, "/big?n=50000000");
    SSL_CTX_free(ctx);
    kill(server, SIGTERM);
    waitpid(server, NULL, 0);
    struct err err = ERR_INIT;
    return file_remove_tree(dir, &err) < 0;
}
