/* The HTTP client against a scripted server in the same process, plain and over TLS. */
#include "net/http_client.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/list.h"
#include "net/crypto.h"
#include "net/pki.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

/* --- a server: for each request head it reads, it sends what `answer` says --- */

struct server;
struct conn {
    struct list link;
    struct server *server;
    int fd;
    SSL *ssl;
    int requests; /* on this connection */
    char head[8192];
};

struct server {
    int fd, port;
    SSL_CTX *tls;
    pthread_t thread;
    atomic_int connections;
    pthread_mutex_t lock; /* live */
    pthread_cond_t gone;
    struct list live;
    bool (*answer)(struct conn *c); /* false closes */
};

static void say(struct conn *c, const char *p, size_t n)
{
    while (n) {
        ssize_t put = c->ssl ? SSL_write(c->ssl, p, (int)n) : send(c->fd, p, n, MSG_NOSIGNAL);
        if (put <= 0)
            return;
        p += put;
        n -= (size_t)put;
    }
}

static void says(struct conn *c, const char *s)
{
    say(c, s, strlen(s));
}

static ssize_t hear(struct conn *c, char *p, size_t n)
{
    return c->ssl ? SSL_read(c->ssl, p, (int)n) : recv(c->fd, p, n, 0);
}

static bool read_head(struct conn *c)
{
    size_t n = 0;
    while (n + 1 < sizeof c->head) {
        if (hear(c, c->head + n, 1) != 1)
            return false;
        c->head[++n] = '\0';
        if (n >= 4 && memcmp(c->head + n - 4, "\r\n\r\n", 4) == 0)
            return true;
    }
    return false;
}

static void *serve_conn(void *user)
{
    struct conn *c = user;
    if (c->server->tls) {
        c->ssl = SSL_new(c->server->tls);
        SSL_set_fd(c->ssl, c->fd);
    }
    if (!c->ssl || SSL_accept(c->ssl) == 1) {
        while (read_head(c)) {
            c->requests++;
            if (!c->server->answer(c))
                break;
        }
    }
    struct server *s = c->server;
    SSL_free(c->ssl);
    pthread_mutex_lock(&s->lock);
    list_remove(&c->link);
    close(c->fd);
    pthread_cond_signal(&s->gone);
    pthread_mutex_unlock(&s->lock);
    free(c);
    return NULL;
}

static void *serve(void *user)
{
    struct server *s = user;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    for (;;) {
        int fd = accept(s->fd, NULL, NULL);
        pthread_t t;
        if (fd < 0)
            break;
        atomic_fetch_add(&s->connections, 1);
        struct conn *c = xcalloc(1, sizeof *c);
        c->server = s;
        c->fd = fd;
        pthread_mutex_lock(&s->lock);
        list_push(&s->live, &c->link);
        pthread_mutex_unlock(&s->lock);
        if (pthread_create(&t, &attr, serve_conn, c))
            abort();
    }
    pthread_attr_destroy(&attr);
    return NULL;
}

static void server_start(struct server *s, bool (*answer)(struct conn *), SSL_CTX *tls)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t n = sizeof a;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *s = (struct server){.answer = answer, .tls = tls};
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->gone, NULL);
    list_init(&s->live);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(s->fd, 16), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &n), 0);
    s->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
    pthread_mutex_lock(&s->lock);
    list_foreach (&s->live, struct conn, c, link)
        shutdown(c->fd, SHUT_RDWR);
    while (!list_empty(&s->live))
        pthread_cond_wait(&s->gone, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

static struct http_client *client_of(struct server *s, struct http_client_options o)
{
    struct http_client *c = NULL;
    struct err err = ERR_INIT;
    char url[64];
    snprintf(url, sizeof url, "%s://127.0.0.1:%d/", s->tls ? "https" : "http", s->port);
    o.base_url = url;
    assert_int_equal(http_client_new(&o, &c, &err), 0);
    return c;
}

/* --- what it says --- */

static bool echo(struct conn *c)
{
    char out[9000], body[64] = "";
    const char *length = strcasestr(c->head, "Content-Length: ");
    int n = length ? atoi(length + 16) : 0;
    for (int got = 0; got < n;) {
        ssize_t r = hear(c, body + got, (size_t)(n - got));
        if (r <= 0)
            return false;
        got += (int)r;
    }
    snprintf(out, sizeof out, "HTTP/1.1 %s\r\nX-Test: one\r\nContent-Length: %zu\r\n\r\n%s%s",
             strstr(c->head, "/missing") ? "404 Not Found" : "200 OK", strlen(c->head) + strlen(body), c->head, body);
    says(c, out);
    return true;
}

static bool large(struct conn *c)
{
    static const char zeros[65536];
    says(c, "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n");
    for (int i = 0; i < 16; i++)
        say(c, zeros, sizeof zeros);
    return true;
}

static bool silent(struct conn *c)
{
    char p[1];
    (void)!hear(c, p, 1);
    return false;
}

static bool one_per_connection(struct conn *c)
{
    says(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    return false; /* without saying so: the client finds a dead connection in its pool */
}

static bool redirect(struct conn *c)
{
    if (strncmp(c->head, "GET /from ", 10) == 0)
        says(c, "HTTP/1.1 302 Found\r\nLocation: /to\r\nContent-Length: 0\r\n\r\n");
    else
        says(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere");
    return true;
}

static bool three_chunks(struct conn *c)
{
    says(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 3; i++) {
        says(c, "5\r\nhello\r\n");
        sleep_ns(5 * NS_PER_MS);
    }
    if (strstr(c->head, "GET /endless ")) {
        char p[1];
        (void)!hear(c, p, 1); /* until the client goes */
        return false;
    }
    says(c, "0\r\n\r\n");
    return true;
}

static bool flood(struct conn *c)
{
    static const char zeros[65536];
    says(c, "HTTP/1.1 200 OK\r\nContent-Length: 33554432\r\n\r\n");
    for (int i = 0; i < 512; i++)
        say(c, zeros, sizeof zeros);
    return false;
}

/* The path says which: each is an answer that no honest server gives. */
static bool broken(struct conn *c)
{
    char line[128];
    if (strstr(c->head, "/garbage"))
        says(c, "\x16\x03\x01 this is not HTTP\r\n\r\n");
    else if (strstr(c->head, "/cut"))
        says(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
    else if (strstr(c->head, "/chunk"))
        says(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n");
    else if (strstr(c->head, "/lengths"))
        says(c, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab");
    else if (strstr(c->head, "/headers"))
        for (int i = 0; i < 2000; i++) {
            snprintf(line, sizeof line, "%sX-Header-%d: %060d\r\n", i ? "" : "HTTP/1.1 200 OK\r\n", i, i);
            says(c, line);
        }
    return false;
}

static bool upgrade(struct conn *c)
{
    char p[256];
    ssize_t n;
    if (strstr(c->head, "/refused")) {
        says(c, "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n1\r\n!\r\n0\r\n\r\n");
        return false;
    }
    says(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: test\r\nConnection: Upgrade\r\n\r\nearly");
    while ((n = hear(c, p, sizeof p)) > 0)
        say(c, p, (size_t)n);
    return false;
}

/* --- tests --- */

static int get(struct http_client *c, const char *path, struct http_client_response *r, struct err *err)
{
    struct http_client_request q = {.path = path, .timeout_ms = 5000};
    return http_client_call(c, &q, r, err);
}

static void test_requests_share_a_connection(void **state)
{
    struct server s;
    struct err err = ERR_INIT;
    struct http_client_response r;
    server_start(&s, echo, NULL);
    _cleanup_(http_client_freep) struct http_client *c =
        client_of(&s, (struct http_client_options){.bearer_token = "secret", .user_agent = "me"});
    assert_int_equal(get(c, "/a%20b?x=1&x=2", &r, &err), 0);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.body.data, "GET /a%20b?x=1&x=2 HTTP/1.1\r\n"));
    assert_non_null(strstr(r.body.data, "Authorization: Bearer secret\r\n"));
    assert_non_null(strstr(r.body.data, "User-Agent: me\r\n"));
    assert_true(str_is(http_client_header(&r.headers, "x-test"), "one"));
    assert_true(str_is(http_client_header(&r.headers, "x-other"), ""));
    http_client_response_release(&r);

    const char *headers[] = {"Content-Type: application/json"};
    struct http_client_request q = {
        .method = "PATCH", .path = "/../p", .headers = headers, .n_headers = 1, .body = STR("{\"a\":\0051}")};
    assert_int_equal(http_client_call(c, &q, &r, &err), 0);
    assert_non_null(strstr(r.body.data, "PATCH /../p HTTP/1.1\r\n"));
    assert_non_null(strstr(r.body.data, "Content-Type: application/json\r\n"));
    assert_null(strcasestr(r.body.data, "Expect"));
    assert_non_null(strstr(r.body.data, "{\"a\":\0051}"));
    http_client_response_release(&r);

    http_client_set_token(c, NULL);
    q = (struct http_client_request){.method = "DELETE", .path = "/missing"};
    assert_int_equal(http_client_call(c, &q, &r, &err), 0);
    assert_int_equal(r.status, 404);
    assert_non_null(strstr(r.body.data, "DELETE /missing HTTP/1.1\r\n"));
    assert_null(strcasestr(r.body.data, "Authorization"));
    assert_null(strcasestr(r.body.data, "Content-"));
    http_client_response_release(&r);

    q = (struct http_client_request){.method = "POST", .path = "/empty"};
    assert_int_equal(http_client_call(c, &q, &r, &err), 0);
    assert_non_null(strstr(r.body.data, "Content-Length: 0\r\n"));
    http_client_response_release(&r);
    assert_int_equal(atomic_load(&s.connections), 1);
    server_stop(&s);
}

static void test_bad_requests(void **state)
{
    struct server s;
    struct err err = ERR_INIT;
    struct http_client_response r;
    const char *bad[] = {"Evil: a\r\nHost: b"};
    server_start(&s, echo, NULL);
    _cleanup_(http_client_freep) struct http_client *c = client_of(&s, (struct http_client_options){0}), *d = NULL;
    struct http_client_request q = {.path = "/", .headers = bad, .n_headers = 1};
    assert_int_equal(http_client_call(c, &q, &r, &err), -1);
    assert_int_equal(err.code, ERR_BAD_REQUEST);
    http_client_response_release(&r);
    assert_int_equal(get(c, "/a b", &r, &err), -1);
    http_client_response_release(&r);
    assert_int_equal(get(c, "@evil/", &r, &err), -1);
    http_client_response_release(&r);
    assert_int_equal(http_client_new(&(struct http_client_options){.base_url = "file:///etc/passwd"}, &d, &err), -1);
    server_stop(&s);
}

static void test_bounds(void **state)
{
    struct server s;
    struct err err = ERR_INIT;
    struct http_client_response r;
    server_start(&s, large, NULL);
    _cleanup_(http_client_freep) struct http_client *c = client_of(&s, (struct http_client_options){0});
    struct http_client_request q = {.path = "/", .max_response = 1000};
    assert_int_equal(http_client_call(c, &q, &r, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    http_client_response_release(&r);
    q.truncate = true;
    assert_int_equal(http_client_call(c, &q, &r, &err), 0);
    assert_int_equal(r.body.len, 1000);
    http_client_response_release(&r);
    assert_int_equal(get(c, "/", &r, &err), 0);
    assert_int_equal(r.body.len, MIB);
    http_client_response_release(&r);
    server_stop(&s);
}

static void test_broken_answers(void **state)
{
    static const struct {
        const char *path;
        enum err_code code;
    } cases[] = {{"/garbage", ERR_UNAVAILABLE}, {"/cut", ERR_UNAVAILABLE},   {"/chunk", ERR_UNAVAILABLE},
                 {"/lengths", ERR_UNAVAILABLE}, {"/headers", ERR_TOO_LARGE}, {"/nothing", ERR_UNAVAILABLE}};
    struct server s;
    server_start(&s, broken, NULL);
    _cleanup_(http_client_freep) struct http_client *c = client_of(&s, (struct http_client_options){0});
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        struct http_client_response r;
        struct http_client_stream *st = NULL;
        _cleanup_(buf_releasep) struct buf out = BUF_INIT(1000);
        struct http_client_request q = {.path = cases[i].path};
        int rc = get(c, cases[i].path, &r, &err);
        http_client_response_release(&r);
        if (rc == 0 || err.code != cases[i].code)
            fail_msg("%s: %s: %s", cases[i].path, err_name(err.code), err.msg);
        err_clear(&err); /* the same as a stream: when it opens at all, its end is an error */
        rc = http_client_stream_open(c, &q, &st, &err);
        while (rc == 0 && (rc = http_client_stream_read(st, 5000, &out, &err)) == 1)
            rc = 0;
        assert_int_equal(rc, -1);
        assert_int_equal(err.code, cases[i].code);
        http_client_stream_free(st);
    }
    server_stop(&s);
}

static void test_timeout_and_no_server(void **state)
{
    struct server s;
    struct err err = ERR_INIT;
    struct http_client_response r;
    server_start(&s, silent, NULL);
    _cleanup_(http_client_freep) struct http_client *c = client_of(&s, (struct http_client_options){0});
    struct http_client_request q = {.path = "/", .timeout_ms = 50};
    assert_int_equal(http_client_call(c, &q, &r, &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
    http_client_response_release(&r);
    server_stop(&s);
    assert_int_equal(get(c, "/", &r, &err), -1);
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    http_client_response_release(&r);
}

static void test_dead_connection_in_the_pool(void **state)
{
    struct server s;
    struct err err = ERR_INIT;
    struct http_client_response r;
    server_start(&s, one_per_connection, NULL);
    _cleanup_(http_client_freep) struct http_client *c = client_of(&s, (struct http_client_options){0});
    for (int i = 0; i < 20; i++) {
        assert_int_equal(get(c, "/", &r, &err), 0);
        assert_string_equal(r.body.data, "ok");
        http_client_response_release(&r);
    }
    server_stop(&s);
}

static void test_redirects(void **state)
{
    struct server s;
    struct err err = ERR_INIT;
    struct http_client_response r;
    server_start(&s, redirect, NULL);
    _cleanup_(http_client_freep) struct http_client *c = client_of(&s, (struct http_client_options){0});
    assert_int_equal(get(c, "/from", &r, &err), 0);
    assert_int_equal(r.status, 302);
    http_client_response_release(&r);
    struct http_client_request q = {.path = "/from", .max_redirects = 3};
    assert_int_equal(http_client_call(c, &q, &r, &err), 0);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body.data, "here");
    http_client_response_release(&r);
    server_stop(&s);
}

static void test_stream(void **state)
{
    struct server s;
    struct err err = ERR_INIT;
    _cleanup_(buf_releasep) struct buf got = BUF_INIT(1000);
    server_start(&s, three_chunks, NULL);
    _cleanup_(http_client_freep) struct http_client *c = client_of(&s, (struct http_client_options){0});
    struct http_client_request q = {.path = "/watch"};
    struct http_client_stream *st = NULL;
    int rc;
    assert_int_equal(http_client_stream_open(c, &q, &st, &err), 0);
    assert_int_equal(http_client_stream_status(st), 200);
    assert_true(str_is(http_client_stream_header(st, "Content-Type"), "application/json"));
    while ((rc = http_client_stream_read(st, 5000, &got, &err)) == 1)
        ;
    assert_int_equal(rc, 0);
    assert_string_equal(got.data, "hellohellohello");
    http_client_stream_free(st);
    server_stop(&s);
}

static void *cancel_soon(void *user)
{
    sleep_ns(20 * NS_PER_MS);
    http_client_stream_cancel(user);
    return NULL;
}

static void test_stream_cancel(void **state)
{
    struct server s;
    struct err err = ERR_INIT;
    pthread_t t;
    _cleanup_(buf_releasep) struct buf got = BUF_INIT(1000);
    server_start(&s, three_chunks, NULL);
    _cleanup_(http_client_freep) struct http_client *c = client_of(&s, (struct http_client_options){0});
    struct http_client_request q = {.path = "/endless"};
    _cleanup_(http_client_stream_freep) struct http_client_stream *st = NULL;
    int rc;
    assert_int_equal(http_client_stream_open(c, &q, &st, &err), 0);
    while (got.len < 15)
        assert_int_equal(http_client_stream_read(st, 5000, &got, &err), 1);
    assert_int_equal(http_client_stream_read(st, 10, &got, &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_int_equal(pthread_create(&t, NULL, cancel_soon, st), 0);
    while ((rc = http_client_stream_read(st, -1, &got, &err)) == 1)
        ;
    assert_int_equal(rc, -1);
    assert_int_equal(err.code, ERR_CANCELLED);
    pthread_join(t, NULL);
    server_stop(&s);
}

static void test_stream_of_a_flood(void **state)
{
    struct server s;
    struct err err = ERR_INIT;
    _cleanup_(buf_releasep) struct buf got = BUF_INIT(2 * MIB);
    size_t total = 0;
    int rc;
    server_start(&s, flood, NULL);
    _cleanup_(http_client_freep) struct http_client *c = client_of(&s, (struct http_client_options){0});
    struct http_client_request q = {.path = "/"};
    _cleanup_(http_client_stream_freep) struct http_client_stream *st = NULL;
    assert_int_equal(http_client_stream_open(c, &q, &st, &err), 0);
    while ((rc = http_client_stream_read(st, 5000, &got, &err)) == 1) {
        assert_true(got.len <= 512 * KIB); /* held back, not piled up */
        total += got.len;
        buf_clear(&got);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(total, 32 * MIB);
    server_stop(&s);
}

static void try_tunnel(struct http_client *c)
{
    struct err err = ERR_INIT;
    struct http_client_response r;
    struct http_client_tunnel *t = NULL;
    const char *headers[] = {"Connection: Upgrade", "Upgrade: test"};
    struct http_client_request q = {.method = "POST", .path = "/refused", .headers = headers, .n_headers = 2};
    char got[64] = "";
    size_t n = 0;
    assert_int_equal(http_client_upgrade(c, &q, &t, &r, &err), 0);
    assert_null(t);
    assert_int_equal(r.status, 403);
    assert_string_equal(r.body.data, "no!");
    http_client_response_release(&r);

    q.path = "/exec";
    assert_int_equal(http_client_upgrade(c, &q, &t, &r, &err), 0);
    assert_non_null(t);
    assert_true(str_is(http_client_header(&r.headers, "upgrade"), "test"));
    http_client_response_release(&r);
    assert_int_equal(http_client_tunnel_write_all(t, "hello", 5, 1000, &err), 0);
    while (n < 10) {
        ssize_t k = http_client_tunnel_read(t, got + n, sizeof got - n - 1, &err);
        if (k == HTTP_CLIENT_TUNNEL_AGAIN) {
            assert_int_equal(http_client_tunnel_wait_readable(t, 5000), 1);
            continue;
        }
        assert_true(k > 0);
        n += (size_t)k;
    }
    assert_string_equal(got, "earlyhello");
    http_client_tunnel_free(t);
}

static void test_tunnel(void **state)
{
    struct server s;
    server_start(&s, upgrade, NULL);
    _cleanup_(http_client_freep) struct http_client *c = client_of(&s, (struct http_client_options){0});
    try_tunnel(c);
    server_stop(&s);
}

/* --- TLS --- */

struct tls_fixture {
    struct pki_pair ca, server, client;
    struct buf ca_pem, cert_pem, key_pem;
    SSL_CTX *ctx;
};

static X509 *x509_of(const struct crypto_cert *cert)
{
    _cleanup_(buf_releasep) struct buf pem = BUF_INIT(64 * KIB);
    struct err err = ERR_INIT;
    assert_int_equal(crypto_cert_pem(cert, &pem, &err), 0);
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(x);
    return x;
}

static EVP_PKEY *pkey_of(const struct crypto_key *key)
{
    _cleanup_(buf_releasep) struct buf pem = BUF_INIT(64 * KIB);
    struct err err = ERR_INIT;
    assert_int_equal(crypto_key_private_pem(key, &pem, &err), 0);
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    EVP_PKEY *k = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(k);
    return k;
}

static void tls_setup(struct tls_fixture *f)
{
    struct err err = ERR_INIT;
    const struct str names[] = {STR("kubernetes.default")};
    struct pki_request server = {"server", NULL, 0, names, 1, CRYPTO_CERT_SERVER, 10};
    struct pki_request client = {"client", NULL, 0, NULL, 0, CRYPTO_CERT_CLIENT, 10};
    *f = (struct tls_fixture){
        .ca_pem = BUF_INIT(64 * KIB), .cert_pem = BUF_INIT(64 * KIB), .key_pem = BUF_INIT(64 * KIB)};
    assert_int_equal(pki_make_ca("test-ca", 10, &f->ca, &err), 0);
    assert_int_equal(pki_issue(&f->ca, &server, &f->server, &err), 0);
    assert_int_equal(pki_issue(&f->ca, &client, &f->client, &err), 0);
    assert_int_equal(crypto_cert_pem(f->ca.cert, &f->ca_pem, &err), 0);
    assert_int_equal(crypto_cert_pem(f->client.cert, &f->cert_pem, &err), 0);
    assert_int_equal(crypto_key_private_pem(f->client.key, &f->key_pem, &err), 0);
    f->ctx = SSL_CTX_new(TLS_server_method());
    X509 *cert = x509_of(f->server.cert), *ca = x509_of(f->ca.cert);
    EVP_PKEY *key = pkey_of(f->server.key);
    SSL_CTX_use_certificate(f->ctx, cert);
    SSL_CTX_use_PrivateKey(f->ctx, key);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(f->ctx), ca);
    SSL_CTX_set_verify(f->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    X509_free(cert);
    X509_free(ca);
    EVP_PKEY_free(key);
}

static void tls_release(struct tls_fixture *f)
{
    SSL_CTX_free(f->ctx);
    pki_pair_release(&f->ca);
    pki_pair_release(&f->server);
    pki_pair_release(&f->client);
    buf_release(&f->ca_pem);
    buf_release(&f->cert_pem);
    buf_release(&f->key_pem);
}

static int try_tls(struct server *s, struct http_client_options o, struct err *err)
{
    struct http_client_response r;
    _cleanup_(http_client_freep) struct http_client *c = client_of(s, o);
    int rc = get(c, "/x", &r, err);
    if (rc == 0) {
        assert_int_equal(r.status, 200);
        http_client_response_release(&r);
        rc = get(c, "/y", &r, err);
    }
    http_client_response_release(&r);
    return rc;
}

static void test_tls(void **state)
{
    struct server s;
    struct tls_fixture f;
    struct err err = ERR_INIT;
    tls_setup(&f);
    server_start(&s, echo, f.ctx);
    struct http_client_options good = {.ca_pem = buf_str(&f.ca_pem),
                                       .cert_pem = buf_str(&f.cert_pem),
                                       .key_pem = buf_str(&f.key_pem),
                                       .tls_server_name = "kubernetes.default"};
    assert_int_equal(try_tls(&s, good, &err), 0);
    assert_int_equal(atomic_load(&s.connections), 1);

    struct http_client_options o = good;
    o.tls_server_name = NULL; /* the certificate does not name 127.0.0.1 */
    assert_int_equal(try_tls(&s, o, &err), -1);
    assert_int_equal(err.code, ERR_UNAUTHORIZED);
    o.insecure_skip_tls_verify = true;
    assert_int_equal(try_tls(&s, o, &err), 0);
    o = good;
    o.ca_pem = (struct str){0};
    assert_int_equal(try_tls(&s, o, &err), -1);
    assert_int_equal(err.code, ERR_UNAUTHORIZED);
    o = good;
    o.cert_pem = o.key_pem = (struct str){0};
    assert_int_equal(try_tls(&s, o, &err), -1);
    server_stop(&s);

    server_start(&s, upgrade, f.ctx);
    struct http_client *c = client_of(&s, good);
    try_tunnel(c);
    http_client_free(c);
    server_stop(&s);
    tls_release(&f);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_share_a_connection),
        cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_broken_answers),
        cmocka_unit_test(test_timeout_and_no_server),
        cmocka_unit_test(test_dead_connection_in_the_pool),
        cmocka_unit_test(test_redirects),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_stream_cancel),
        cmocka_unit_test(test_stream_of_a_flood),
        cmocka_unit_test(test_tunnel),
        cmocka_unit_test(test_tls),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
