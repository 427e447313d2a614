#include "tls_session.h"

#include "base/limits.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>

#define SESSION_TIMEOUT_S 600 /* a resumed session keeps the verdict on its client certificate: not for long */

struct tls_context {
    char *cert_file, *key_file, *client_ca_file;
    bool no_h2;
    BIO_METHOD *bio;
    pthread_mutex_t lock;
    SSL_CTX *ssl; /* replaced by reload */
};

struct tls_session {
    SSL *ssl;
    const char *in;
    size_t in_n;
    struct buf *out;
    bool refused_cert; /* a verification step said no, whatever later steps said */
    bool failed;
};

static int err_tls(struct err *err, const char *what, const char *file)
{
    char text[256];
    ERR_error_string_n(ERR_peek_last_error(), text, sizeof(text));
    ERR_clear_error();
    return err_set(err, ERR_SYSTEM, "%s %s: %s", what, file, text);
}

/* --- the memory BIO: reads what tls_feed lent, writes to the thread's buffer --- */

static int bio_read(BIO *bio, char *to, int n)
{
    struct tls_session *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (s->in_n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t take = MIN_OF((size_t)n, s->in_n);
    memcpy(to, s->in, take);
    s->in += take;
    s->in_n -= take;
    return (int)take;
}

static int bio_write(BIO *bio, const char *p, int n)
{
    struct tls_session *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    buf_add(s->out, p, (size_t)n);
    return buf_ok(s->out) ? n : -1;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
    return cmd == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *bio_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "coracle");
    if (m) {
        BIO_meth_set_read(m, bio_read);
        BIO_meth_set_write(m, bio_write);
        BIO_meth_set_ctrl(m, bio_ctrl);
        BIO_meth_set_create(m, bio_create);
    }
    return m;
}

/* --- the context --- */

/* A bad client certificate does not end the handshake: the request is told apart from one without, and gets its 401. No
 * ticket is given for such a session. */
static int on_verify(int ok, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_session *s = SSL_get_app_data(ssl);
    if (!ok) {
        s->refused_cert = true;
        SSL_set_options(ssl, SSL_OP_NO_TICKET);
        SSL_set_num_tickets(ssl, 0);
    }
    return 1;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in, unsigned in_n,
                   void *arg)
{
    static const unsigned char both[] = "\x02h2\x08http/1.1", h1[] = "\x08http/1.1";
    const struct tls_context *c = arg;
    const unsigned char *ours = c->no_h2 ? h1 : both;
    unsigned n = c->no_h2 ? sizeof(h1) - 1 : sizeof(both) - 1;
    if (SSL_select_next_proto((unsigned char **)out, out_n, ours, n, in, in_n) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    return SSL_TLSEXT_ERR_OK;
}

static int load_client_cas(SSL_CTX *ssl, const char *file, struct err *err)
{
    if (!SSL_CTX_load_verify_file(ssl, file))
        return err_tls(err, "cannot load client CAs", file);
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(file);
    if (!names)
        return err_tls(err, "cannot read client CAs", file);
    SSL_CTX_set_client_CA_list(ssl, names);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, on_verify);
    return 0;
}

static int ssl_ctx_load(const struct tls_context *c, SSL_CTX *ssl, struct err *err)
{
    static const unsigned char id[] = "coracle";
    SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ssl,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_cipher_list(ssl, "ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set_session_id_context(ssl, id, sizeof(id) - 1);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF); /* tickets only: no state here */
    SSL_CTX_set_timeout(ssl, SESSION_TIMEOUT_S);
    SSL_CTX_set_num_tickets(ssl, 1);
    SSL_CTX_set_alpn_select_cb(ssl, on_alpn, (void *)c);
    if (SSL_CTX_use_certificate_chain_file(ssl, c->cert_file) != 1)
        return err_tls(err, "cannot load certificate", c->cert_file);
    if (SSL_CTX_use_PrivateKey_file(ssl, c->key_file, SSL_FILETYPE_PEM) != 1)
        return err_tls(err, "cannot load key", c->key_file);
    if (SSL_CTX_check_private_key(ssl) != 1)
        return err_tls(err, "key does not fit the certificate", c->cert_file);
    return c->client_ca_file ? load_client_cas(ssl, c->client_ca_file, err) : 0;
}

int tls_context_reload(struct tls_context *c, struct err *err)
{
    SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
    if (!ssl)
        return err_tls(err, "cannot make a TLS context for", c->cert_file);
    if (ssl_ctx_load(c, ssl, err) < 0) {
        SSL_CTX_free(ssl);
        return -1;
    }
    pthread_mutex_lock(&c->lock);
    SSL_CTX *old = c->ssl;
    c->ssl = ssl;
    pthread_mutex_unlock(&c->lock);
    SSL_CTX_free(old); /* connections hold references of their own */
    return 0;
}

struct tls_context *tls_context_new(const struct tls_options *o, struct err *err)
{
    struct tls_context *c = xcalloc(1, sizeof(*c));
    pthread_mutex_init(&c->lock, NULL);
    c->cert_file = xstrdup(o->cert_file);
    c->key_file = xstrdup(o->key_file);
    c->client_ca_file = o->client_ca_file ? xstrdup(o->client_ca_file) : NULL;
    c->no_h2 = o->no_h2;
    c->bio = bio_method();
    if (!c->bio) {
        err_tls(err, "cannot set up TLS for", c->cert_file);
        return tls_context_free(c);
    }
    if (tls_context_reload(c, err) < 0)
        return tls_context_free(c);
    return c;
}

struct tls_context *tls_context_free(struct tls_context *c)
{
    if (!c)
        return NULL;
    SSL_CTX_free(c->ssl);
    BIO_meth_free(c->bio);
    pthread_mutex_destroy(&c->lock);
    free(c->cert_file);
    free(c->key_file);
    free(c->client_ca_file);
    free(c);
    return NULL;
}

/* --- sessions --- */

struct tls_session *tls_session_new(struct tls_context *c, struct buf *out)
{
    struct tls_session *s = xcalloc(1, sizeof(*s));
    s->out = out;
    pthread_mutex_lock(&c->lock);
    s->ssl = SSL_new(c->ssl);
    pthread_mutex_unlock(&c->lock);
    BIO *bio = s->ssl ? BIO_new(c->bio) : NULL;
    if (!bio) {
        tls_session_free(s);
        return NULL;
    }
    BIO_set_data(bio, s);
    SSL_set_bio(s->ssl, bio, bio);
    SSL_set_app_data(s->ssl, s);
    SSL_set_accept_state(s->ssl);
    return s;
}

void tls_session_free(struct tls_session *s)
{
    if (!s)
        return;
    SSL_free(s->ssl);
    free(s);
}

void tls_feed(struct tls_session *s, const char *p, size_t n)
{
    s->in = p;
    s->in_n = n;
}

static enum tls_state state_after(struct tls_session *s, int rc)
{
    switch (SSL_get_error(s->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        return TLS_WANT;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    default:
        ERR_clear_error();
        s->failed = true;
        return TLS_FAILED;
    }
}

enum tls_state tls_handshake(struct tls_session *s)
{
    int rc = SSL_do_handshake(s->ssl);
    return rc == 1 ? TLS_DONE : state_after(s, rc);
}

enum tls_state tls_read(struct tls_session *s, char *to, size_t n, size_t *ret_n)
{
    int rc = SSL_read_ex(s->ssl, to, n, ret_n);
    return rc == 1 ? TLS_DONE : state_after(s, rc);
}

int tls_write(struct tls_session *s, const char *p, size_t n)
{
    while (n) {
        size_t done = 0;
        if (s->failed || SSL_write_ex(s->ssl, p, n, &done) != 1) {
            ERR_clear_error();
            s->failed = true;
            return -1;
        }
        p += done;
        n -= done;
    }
    return 0;
}

void tls_close_notify(struct tls_session *s)
{
    if (!s->failed && SSL_shutdown(s->ssl) < 0)
        ERR_clear_error();
}

bool tls_is_h2(const struct tls_session *s)
{
    const unsigned char *p;
    unsigned n;
    SSL_get0_alpn_selected(s->ssl, &p, &n);
    return n == 2 && memcmp(p, "h2", 2) == 0;
}

/* --- who is it --- */

static struct str name_entry_text(X509_NAME_ENTRY *entry)
{
    unsigned char *utf8;
    int n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
    if (n < 0) {
        ERR_clear_error();
        return (struct str){xstrdup(""), 0};
    }
    struct str s = {xstrndup((const char *)utf8, (size_t)n), (size_t)n};
    OPENSSL_free(utf8);
    return s;
}

/* The last CN counts and all O do, as Go's x509 reads a subject. */
static void fill_names(X509 *cert, struct http_peer *peer)
{
    X509_NAME *subject = X509_get_subject_name(cert);
    int n = X509_NAME_entry_count(subject);
    struct str *orgs = xcalloc((size_t)n + 1, sizeof(*orgs));
    for (int i = 0; i < n; i++) {
        X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, i);
        int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
        if (nid == NID_organizationName) {
            orgs[peer->n_organizations++] = name_entry_text(entry);
        } else if (nid == NID_commonName) {
            free((char *)peer->common_name.p);
            peer->common_name = name_entry_text(entry);
        }
    }
    peer->organizations = orgs;
}

static int64_t asn1_seconds(const ASN1_TIME *t)
{
    struct tm tm;
    return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

void tls_peer_fill(struct tls_session *s, struct http_peer *peer)
{
    peer->tls = true;
    X509 *cert = SSL_get0_peer_certificate(s->ssl);
    unsigned char *der = NULL;
    int n = cert ? i2d_X509(cert, &der) : -1;
    if (n < 0) {
        ERR_clear_error();
        return;
    }
    peer->presented = true;
    peer->verified = !s->refused_cert && SSL_get_verify_result(s->ssl) == X509_V_OK;
    peer->der = (struct str){xmalloc((size_t)n), (size_t)n};
    memcpy((char *)peer->der.p, der, (size_t)n);
    OPENSSL_free(der);
    EVP_Digest(peer->der.p, peer->der.n, peer->sha256, NULL, EVP_sha256(), NULL);
    peer->not_before = asn1_seconds(X509_get0_notBefore(cert));
    peer->not_after = asn1_seconds(X509_get0_notAfter(cert));
    fill_names(cert, peer);
}

void tls_peer_release(struct http_peer *peer)
{
    free((char *)peer->der.p);
    free((char *)peer->common_name.p);
    for (size_t i = 0; i < peer->n_organizations; i++)
        free((char *)peer->organizations[i].p);
    free((struct str *)peer->organizations);
}
