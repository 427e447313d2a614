#include "dial.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#define KEEPALIVE_S 30

struct net_tls {
    SSL_CTX *ctx;
    char *server_name;
    bool insecure;
};

struct net_conn {
    int fd;
    SSL *ssl;
};

/* --- a socket under OpenSSL that never raises SIGPIPE --- */

static int bio_write(BIO *b, const char *p, int n)
{
    BIO_clear_retry_flags(b);
    ssize_t put = send((int)(intptr_t)BIO_get_data(b), p, (size_t)n, MSG_NOSIGNAL);
    if (put < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(b);
    return (int)put;
}

static int bio_read(BIO *b, char *p, int n)
{
    BIO_clear_retry_flags(b);
    ssize_t got = recv((int)(intptr_t)BIO_get_data(b), p, (size_t)n, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(b);
    if (got == 0)
        BIO_set_flags(b, BIO_FLAGS_IN_EOF);
    return (int)got;
}

static long bio_ctrl(BIO *b, int cmd, long n, void *p)
{
    if (cmd == BIO_CTRL_EOF)
        return BIO_test_flags(b, BIO_FLAGS_IN_EOF) != 0;
    return cmd == BIO_CTRL_FLUSH || cmd == BIO_CTRL_DUP;
}

static BIO_METHOD *method; /* written once, below */

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "coracle socket");
    if (!method)
        abort(); /* out of memory */
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_ctrl(method, bio_ctrl);
}

static BIO *socket_bio(int fd)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_method);
    BIO *b = BIO_new(method);
    if (!b)
        abort(); /* out of memory */
    BIO_set_data(b, (void *)(intptr_t)fd);
    BIO_set_init(b, 1);
    return b;
}

static const char *openssl_reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    return text ? text : "unknown reason";
}

/* --- TLS settings --- */

static BIO *open_pem(const char *file, struct str pem)
{
    return pem.n ? BIO_new_mem_buf(pem.p, (int)pem.n) : BIO_new_file(file, "r");
}

static int load_cas(struct net_tls *t, const struct net_tls_options *o, struct err *err)
{
    int n = 0;
    if (!o->ca_pem.n && !o->ca_file) {
        SSL_CTX_set_default_verify_paths(t->ctx);
        return 0;
    }
    BIO *bio = open_pem(o->ca_file, o->ca_pem);
    X509_STORE *store = SSL_CTX_get_cert_store(t->ctx);
    X509 *cert;
    while (bio && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        n += X509_STORE_add_cert(store, cert);
        X509_free(cert);
    }
    BIO_free(bio);
    ERR_clear_error(); /* the end of the file is one */
    if (n == 0)
        return err_set(err, ERR_BAD_REQUEST, "no CA certificate in %s", o->ca_pem.n ? "the given data" : o->ca_file);
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    return 0;
}

/* The first certificate is ours, those behind it are its chain. */
static int load_cert(struct net_tls *t, const struct net_tls_options *o, struct err *err)
{
    BIO *bio = open_pem(o->cert_file, o->cert_pem);
    X509 *cert = bio ? PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL) : NULL, *ca;
    bool ok = cert && SSL_CTX_use_certificate(t->ctx, cert) == 1;
    X509_free(cert);
    while (ok && (ca = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
        if (!SSL_CTX_add0_chain_cert(t->ctx, ca))
            X509_free(ca);
    BIO_free(bio);
    ERR_clear_error();
    return ok ? 0 : err_set(err, ERR_BAD_REQUEST, "cannot read the client certificate");
}

static int load_key(struct net_tls *t, const struct net_tls_options *o, struct err *err)
{
    BIO *bio = open_pem(o->key_file, o->key_pem);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    bool ok = key && SSL_CTX_use_PrivateKey(t->ctx, key) == 1;
    EVP_PKEY_free(key);
    BIO_free(bio);
    ERR_clear_error();
    return ok ? 0 : err_set(err, ERR_BAD_REQUEST, "cannot use the client key with its certificate");
}

static void set_alpn(struct net_tls *t, const char *alpn)
{
    unsigned char wire[32];
    size_t n = strlen(alpn);
    if (n >= sizeof wire)
        abort();
    wire[0] = (unsigned char)n;
    memcpy(wire + 1, alpn, n);
    SSL_CTX_set_alpn_protos(t->ctx, wire, (unsigned)n + 1);
}

struct net_tls *net_tls_free(struct net_tls *t)
{
    if (!t)
        return NULL;
    SSL_CTX_free(t->ctx);
    free(t->server_name);
    free(t);
    return NULL;
}

static void net_tls_freep(struct net_tls **t)
{
    net_tls_free(*t);
}

int net_tls_new(const struct net_tls_options *o, struct net_tls **ret, struct err *err)
{
    _cleanup_(net_tls_freep) struct net_tls *t = xcalloc(1, sizeof *t);
    t->ctx = SSL_CTX_new(TLS_client_method());
    if (!t->ctx)
        return err_set(err, ERR_SYSTEM, "cannot set up TLS: %s", openssl_reason());
    SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(t->ctx,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(t->ctx, o->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    t->insecure = o->insecure;
    t->server_name = o->server_name && *o->server_name ? xstrdup(o->server_name) : NULL;
    if (!o->insecure && load_cas(t, o, err) < 0)
        return -1;
    if ((o->cert_pem.n || o->cert_file) && (load_cert(t, o, err) < 0 || load_key(t, o, err) < 0))
        return -1;
    if (o->alpn)
        set_alpn(t, o->alpn);
    *ret = TAKE(t);
    return 0;
}

/* --- addresses --- */

void net_address_release(struct net_address *a)
{
    free(a->host);
    free(a->port);
    free(a->authority);
    *a = (struct net_address){0};
}

static bool host_is_sane(struct str host)
{
    for (size_t i = 0; i < host.n; i++)
        if (host.p[i] <= ' ' || host.p[i] == 127 || strchr("/@?#\\", host.p[i]))
            return false;
    return host.n > 0;
}

int net_address_parse(struct str url, struct net_address *ret, struct err *err)
{
    bool tls = str_starts(url, STR("https://"));
    struct str all = str_from(url, tls ? 8 : 7), host = all, port = tls ? STR("443") : STR("80");
    if (!tls && !str_starts(url, STR("http://")))
        return err_set(err, ERR_BAD_REQUEST, "not an http or https URL: " STR_FMT, STR_ARG(url));
    if (!host_is_sane(all))
        return err_set(err, ERR_BAD_REQUEST, "URL has a bad host: " STR_FMT, STR_ARG(url));
    const char *bracket = all.p[0] == '[' ? memchr(all.p, ']', all.n) : NULL;
    const char *from = bracket ? bracket : all.p, *colon = memchr(from, ':', (size_t)(all.p + all.n - from));
    if (colon) {
        port = str_from(all, (size_t)(colon + 1 - all.p));
        host.n = (size_t)(colon - all.p);
    }
    if (bracket)
        host = str_n(all.p + 1, (size_t)(bracket - all.p) - 1);
    if (host.n == 0 || port.n == 0)
        return err_set(err, ERR_BAD_REQUEST, "URL has a bad host: " STR_FMT, STR_ARG(url));
    *ret = (struct net_address){str_dup(host), str_dup(port), str_dup(all), tls};
    return 0;
}

/* --- connecting --- */

struct attempt {
    const struct net_conn_options *o;
    int64_t deadline;
};

/* Waits until the socket is ready. */
static int wait_socket(const struct attempt *a, int fd, short events, struct err *err)
{
    for (;;) {
        int64_t left = (a->deadline - clock_mono(&clock_system)) / NS_PER_MS;
        if (left <= 0)
            return err_set(err, ERR_TIMEOUT, "no connection in time");
        struct pollfd fds[2] = {{fd, events, 0}, {a->o->wake_fd, POLLIN, 0}};
        int n = poll(fds, 2, (int)MIN_OF(left, a->o->tick ? 100 : 60000));
        if (n > 0 && fds[0].revents)
            return 0;
        if (a->o->tick && !a->o->tick(a->o->user))
            return err_set(err, ERR_CANCELLED, "connecting was given up");
    }
}

/* A watch reads for minutes without a byte: a peer whose host is gone is noticed after a minute, not after hours. */
static void tune_socket(int fd)
{
    static const int on = 1, idle = KEEPALIVE_S, interval = KEEPALIVE_S / 3, count = 3;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

/* A connected socket, or -1. */
static int connect_to(const struct attempt *a, const struct sockaddr *to, socklen_t n, struct err *err)
{
    int failure = 0;
    socklen_t failure_n = sizeof failure;
    _cleanup_(closep) int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_errno(err, errno, "socket");
    if (to->sa_family != AF_UNIX)
        tune_socket(fd);
    if (connect(fd, to, n) < 0) {
        if (errno != EINPROGRESS && errno != EAGAIN) {
            err_errno(err, errno, "connect");
            err->code = ERR_UNAVAILABLE;
            return -1;
        }
        if (wait_socket(a, fd, POLLOUT, err) < 0)
            return -1;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &failure_n) < 0 || failure) {
            err_errno(err, failure, "connect");
            err->code = ERR_UNAVAILABLE;
            return -1;
        }
    }
    return TAKE_FD(fd);
}

static int connect_unix(const struct attempt *a, struct err *err)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (!str_copy(to.sun_path, sizeof to.sun_path, str_of(a->o->unix_socket)))
        return err_set(err, ERR_BAD_REQUEST, "the path of the socket is too long");
    return connect_to(a, (const struct sockaddr *)&to, sizeof to, err);
}

static int connect_tcp(const struct attempt *a, struct err *err)
{
    const struct net_address *address = a->o->address;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *all = NULL;
    int rc = getaddrinfo(address->host, address->port, &hints, &all), fd = -1;
    if (rc)
        return err_set(err, ERR_UNAVAILABLE, "%s: %s", address->host, gai_strerror(rc));
    for (struct addrinfo *i = all; i && fd < 0; i = i->ai_next)
        fd = connect_to(a, i->ai_addr, i->ai_addrlen, err);
    freeaddrinfo(all);
    return fd;
}

static void expect_name(struct net_conn *c, const struct net_tls *t, const char *name)
{
    unsigned char ip[16];
    bool is_ip = inet_pton(AF_INET, name, ip) == 1 || inet_pton(AF_INET6, name, ip) == 1;
    if (!is_ip)
        SSL_set_tlsext_host_name(c->ssl, name);
    if (t->insecure)
        return;
    if (is_ip)
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(c->ssl), name);
    else
        SSL_set1_host(c->ssl, name);
}

static int handshake_error(struct net_conn *c, struct err *err)
{
    long verify = SSL_get_verify_result(c->ssl);
    if (verify != X509_V_OK)
        return err_set(err, ERR_UNAUTHORIZED, "the server's certificate: %s", X509_verify_cert_error_string(verify));
    return err_set(err, ERR_UNAVAILABLE, "TLS handshake: %s",
                   ERR_peek_last_error() ? openssl_reason() : "the server closed the connection");
}

static int handshake(struct net_conn *c, const struct attempt *a, struct err *err)
{
    const struct net_tls *t = a->o->tls;
    c->ssl = SSL_new(t->ctx);
    if (!c->ssl)
        return err_set(err, ERR_SYSTEM, "cannot set up TLS: %s", openssl_reason());
    BIO *bio = socket_bio(c->fd);
    SSL_set_bio(c->ssl, bio, bio);
    expect_name(c, t, t->server_name ? t->server_name : a->o->address->host);
    for (;;) {
        ERR_clear_error();
        int rc = SSL_connect(c->ssl);
        if (rc == 1)
            return 0;
        int why = SSL_get_error(c->ssl, rc);
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
            return handshake_error(c, err);
        if (wait_socket(a, c->fd, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, err) < 0)
            return -1;
    }
}

struct net_conn *net_conn_free(struct net_conn *c)
{
    if (!c)
        return NULL;
    if (c->ssl && SSL_is_init_finished(c->ssl)) {
        ERR_clear_error();
        SSL_shutdown(c->ssl); /* says goodbye; does not wait */
    }
    SSL_free(c->ssl);
    if (c->fd >= 0)
        close(c->fd);
    free(c);
    return NULL;
}

static void net_conn_freep(struct net_conn **c)
{
    net_conn_free(*c);
}

int net_conn_open(const struct net_conn_options *o, struct net_conn **ret, struct err *err)
{
    struct attempt a = {o, clock_mono(&clock_system) + o->timeout_ms * NS_PER_MS};
    const char *where = o->unix_socket ? o->unix_socket : o->address->authority;
    _cleanup_(net_conn_freep) struct net_conn *c = xcalloc(1, sizeof *c);
    c->fd = o->unix_socket ? connect_unix(&a, err) : connect_tcp(&a, err);
    if (c->fd < 0 || (o->tls && handshake(c, &a, err) < 0))
        return err_wrap(err, "%s", where);
    *ret = TAKE(c);
    return 0;
}

/* --- bytes --- */

int net_conn_fd(const struct net_conn *c)
{
    return c->fd;
}

bool net_conn_tls(const struct net_conn *c)
{
    return c->ssl != NULL;
}

static ssize_t tls_result(struct net_conn *c, int rc, const char *doing, struct err *err)
{
    switch (SSL_get_error(c->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return NET_CONN_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SSL:
        if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
            return 0; /* closed without a goodbye, as many do */
        return err_set(err, ERR_UNAVAILABLE, "%s: TLS: %s", doing, openssl_reason());
    default:
        return err_set(err, ERR_UNAVAILABLE, "%s: %s", doing, errno ? strerror(errno) : "the connection is lost");
    }
}

static ssize_t plain_result(ssize_t n, const char *doing, struct err *err)
{
    if (n >= 0)
        return n;
    if (errno == EAGAIN || errno == EINTR)
        return NET_CONN_AGAIN;
    err_errno(err, errno, "%s", doing);
    err->code = ERR_UNAVAILABLE;
    return -1;
}

ssize_t net_conn_recv(struct net_conn *c, void *p, size_t n, struct err *err)
{
    if (!c->ssl)
        return plain_result(recv(c->fd, p, n, 0), "receiving", err);
    ERR_clear_error();
    errno = 0;
    int rc = SSL_read(c->ssl, p, (int)MIN_OF(n, (size_t)1 << 30));
    return rc > 0 ? rc : tls_result(c, rc, "receiving", err);
}

ssize_t net_conn_send(struct net_conn *c, const void *p, size_t n, struct err *err)
{
    if (!c->ssl)
        return plain_result(send(c->fd, p, n, MSG_NOSIGNAL), "sending", err);
    ERR_clear_error();
    errno = 0;
    int rc = SSL_write(c->ssl, p, (int)MIN_OF(n, (size_t)1 << 30));
    ssize_t put = rc > 0 ? rc : tls_result(c, rc, "sending", err);
    return put == 0 ? err_set(err, ERR_UNAVAILABLE, "sending: the server closed the connection") : put;
}
