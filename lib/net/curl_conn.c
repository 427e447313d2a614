#include "curl_conn.h"

#include "base/clock.h"

#include <openssl/ssl.h>
#include <pthread.h>

struct curl_conn {
    CURLM *multi;
    CURL *easy;
    struct curl_slist *connect_to;
    int fd;
    char text[CURL_ERROR_SIZE];
};

static void global_init(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

void curl_conn_global_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, global_init);
}

static enum err_code code_of(CURLcode rc)
{
    switch (rc) {
    case CURLE_OPERATION_TIMEDOUT:
        return ERR_TIMEOUT;
    case CURLE_ABORTED_BY_CALLBACK:
        return ERR_CANCELLED;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
        return ERR_UNAUTHORIZED;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return ERR_BAD_REQUEST;
    default:
        return ERR_UNAVAILABLE;
    }
}

int curl_conn_err(struct err *err, CURLcode rc, const char *what, const char *detail)
{
    return err_set(err, code_of(rc), "%s: %s", what, detail && *detail ? detail : curl_easy_strerror(rc));
}

/* HTTP_VERSION_2TLS was seen to crash with CONNECT_ONLY, so ALPN is set on the context, behind curl's back. */
static CURLcode set_alpn_h2(CURL *easy, void *ctx, void *user)
{
    static const unsigned char h2[] = {2, 'h', '2'};
    return SSL_CTX_set_alpn_protos(ctx, h2, sizeof h2) == 0 ? CURLE_OK : CURLE_SSL_CONNECT_ERROR;
}

static void set_pem(CURL *easy, CURLoption file, CURLoption blob, const char *path, struct str pem)
{
    struct curl_blob b = {(void *)(uintptr_t)pem.p, pem.n, CURL_BLOB_NOCOPY};
    if (pem.n)
        curl_easy_setopt(easy, blob, &b);
    else if (path)
        curl_easy_setopt(easy, file, path);
}

static void set_tls(CURL *easy, const struct curl_tls *tls)
{
    set_pem(easy, CURLOPT_CAINFO, CURLOPT_CAINFO_BLOB, tls->ca_file, tls->ca_pem);
    set_pem(easy, CURLOPT_SSLCERT, CURLOPT_SSLCERT_BLOB, tls->cert_file, tls->cert_pem);
    set_pem(easy, CURLOPT_SSLKEY, CURLOPT_SSLKEY_BLOB, tls->key_file, tls->key_pem);
    if (tls->ca_file || tls->ca_pem.n)
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* only the given CAs, not the system's too */
    if (tls->insecure) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (tls->alpn_h2)
        curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, set_alpn_h2);
}

int curl_conn_url(const char *url, const char *server_name, char **ret_url, struct curl_slist **ret_connect_to,
                  struct err *err)
{
    *ret_connect_to = NULL;
    if (!server_name) {
        *ret_url = xstrdup(url);
        return 0;
    }
    CURLU *u = curl_url();
    char *host = NULL, *port = NULL, *full = NULL;
    int rc = 0;
    if (!u || curl_url_set(u, CURLUPART_URL, url, 0) || curl_url_get(u, CURLUPART_HOST, &host, 0) ||
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) || curl_url_set(u, CURLUPART_HOST, server_name, 0) ||
        curl_url_get(u, CURLUPART_URL, &full, 0)) {
        rc = err_set(err, ERR_BAD_REQUEST, "bad URL %s or server name %s", url, server_name);
    } else {
        char *to = xasprintf("::%s:%s", host, port);
        size_t n = strlen(full);
        *ret_connect_to = curl_slist_append(NULL, to);
        *ret_url = xstrndup(full, n && full[n - 1] == '/' ? n - 1 : n); /* curl adds a slash for an empty path */
        free(to);
    }
    curl_free(host);
    curl_free(port);
    curl_free(full);
    curl_url_cleanup(u);
    return rc;
}

void curl_conn_setup(CURL *easy, const char *unix_socket, const struct curl_tls *tls, struct curl_slist *connect_to)
{
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    if (unix_socket)
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, unix_socket);
    if (connect_to)
        curl_easy_setopt(easy, CURLOPT_CONNECT_TO, connect_to);
    if (tls)
        set_tls(easy, tls);
}

struct curl_conn *curl_conn_free(struct curl_conn *c)
{
    if (!c)
        return NULL;
    if (c->multi && c->easy)
        curl_multi_remove_handle(c->multi, c->easy);
    if (c->easy)
        curl_easy_cleanup(c->easy);
    if (c->multi)
        curl_multi_cleanup(c->multi);
    curl_slist_free_all(c->connect_to);
    free(c);
    return NULL;
}

static void curl_conn_freep(struct curl_conn **c)
{
    curl_conn_free(*c);
}

/* Drives the handshake until it has ended. The result of the transfer, or CURLE_ABORTED_BY_CALLBACK. */
static CURLcode drive(struct curl_conn *c, const struct curl_conn_options *o)
{
    for (;;) {
        int running = 0, left;
        if (curl_multi_perform(c->multi, &running))
            return CURLE_COULDNT_CONNECT;
        const CURLMsg *m = curl_multi_info_read(c->multi, &left);
        if (m)
            return m->data.result;
        if (!running)
            return CURLE_COULDNT_CONNECT;
        struct curl_waitfd wake = {o->wake_fd, CURL_WAIT_POLLIN, 0};
        curl_multi_poll(c->multi, &wake, o->wake_fd >= 0, 100, NULL);
        if (o->tick && !o->tick(o->user))
            return CURLE_ABORTED_BY_CALLBACK;
    }
}

int curl_conn_open(const struct curl_conn_options *o, struct curl_conn **ret, struct err *err)
{
    curl_conn_global_init();
    _cleanup_(curl_conn_freep) struct curl_conn *c = xcalloc(1, sizeof *c);
    c->fd = -1;
    c->multi = curl_multi_init();
    c->easy = curl_easy_init();
    if (!c->multi || !c->easy)
        return err_set(err, ERR_SYSTEM, "cannot set up libcurl");
    _cleanup_(freep) char *url = NULL;
    if (curl_conn_url(o->url, o->tls ? o->tls->server_name : NULL, &url, &c->connect_to, err) < 0)
        return -1;
    curl_conn_setup(c->easy, o->unix_socket, o->tls, c->connect_to);
    curl_easy_setopt(c->easy, CURLOPT_URL, url);
    curl_easy_setopt(c->easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->text);
    curl_easy_setopt(c->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)o->timeout_ms);
    curl_multi_add_handle(c->multi, c->easy);
    CURLcode rc = drive(c, o);
    if (rc)
        return curl_conn_err(err, rc, o->unix_socket ? o->unix_socket : o->url, c->text);
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (curl_easy_getinfo(c->easy, CURLINFO_ACTIVESOCKET, &fd) || fd == CURL_SOCKET_BAD)
        return err_set(err, ERR_UNAVAILABLE, "%s: no socket", o->url);
    c->fd = fd;
    *ret = TAKE(c);
    return 0;
}

int curl_conn_fd(const struct curl_conn *c)
{
    return c->fd;
}

ssize_t curl_conn_recv(struct curl_conn *c, void *p, size_t n, struct err *err)
{
    size_t got = 0;
    CURLcode rc = curl_easy_recv(c->easy, p, n, &got);
    if (rc == CURLE_AGAIN)
        return CURL_CONN_AGAIN;
    if (rc)
        return err_set(err, ERR_UNAVAILABLE, "receiving: %s", curl_easy_strerror(rc));
    return (ssize_t)got;
}

ssize_t curl_conn_send(struct curl_conn *c, const void *p, size_t n, struct err *err)
{
    size_t sent = 0;
    CURLcode rc = curl_easy_send(c->easy, p, n, &sent);
    if (rc == CURLE_AGAIN)
        return CURL_CONN_AGAIN;
    if (rc)
        return err_set(err, ERR_UNAVAILABLE, "sending: %s", curl_easy_strerror(rc));
    return (ssize_t)sent;
}
