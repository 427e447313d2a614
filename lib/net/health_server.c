#include "health_server.h"

#include "base/file.h"
#include "base/limits.h"
#include "net/http_server.h"
#include "net/pki.h"

#include <errno.h>
#include <stdio.h>

struct health_server {
    struct http_server *server;
    struct tls_context *tls;
    struct health_server_options o; /* metrics and user alone are used later */
};

static void respond(struct http_request *r, int status, struct str body)
{
    const struct http_header type = HTTP_HEADER("content-type", "text/plain; charset=utf-8");
    http_respond(r, status, &type, 1, body);
}

static bool is_local(const struct http_request *r)
{
    struct str a = str_of(r->peer->address);
    return str_starts(a, STR("127.")) || str_is(a, "::1");
}

static void on_request(void *user, struct http_request *r)
{
    const struct health_server *h = user;
    static const char *const health_paths[] = {"/healthz", "/livez", "/readyz"};

    for (size_t i = 0; i < ARRAY_LEN(health_paths); i++)
        if (str_is(r->path, health_paths[i])) {
            respond(r, 200, STR("ok"));
            return;
        }
    if (!str_is(r->path, "/metrics")) {
        respond(r, 404, STR("404 page not found\n"));
    } else if (!is_local(r)) {
        respond(r, 403, STR("metrics are for this host only\n"));
    } else {
        _cleanup_(buf_releasep) struct buf out = BUF_INIT(256 * KIB);
        h->o.metrics(h->o.user, &out);
        respond(r, 200, buf_str(&out));
    }
}

/* A certificate that lives in memory: its files are gone as soon as they are read. */
static int own_certificate(const char *name, struct tls_context **ret, struct err *err)
{
    const struct str names[] = {STR("localhost"), STR("127.0.0.1")};
    const struct pki_request req = {.common_name = name, .names = names, .n_names = 2, .usages = CRYPTO_CERT_SERVER};
    char dir[] = "/tmp/coracle-health-XXXXXX";
    struct pki_pair pair = {0};
    struct err ignored = ERR_INIT;

    if (!mkdtemp(dir))
        return err_errno(err, errno, "cannot make a temporary folder");
    _cleanup_(freep) char *cert = xasprintf("%s/tls.crt", dir), *key = xasprintf("%s/tls.key", dir);
    int rc = pki_self_signed(&req, &pair, err);
    if (rc == 0)
        rc = pki_save(dir, "tls", &pair, err);
    if (rc == 0) {
        *ret = tls_context_new(&(struct tls_options){.cert_file = cert, .key_file = key}, err);
        rc = *ret ? 0 : -1;
    }
    pki_pair_release(&pair);
    if (file_remove_tree(dir, &ignored) < 0 && rc == 0)
        rc = err_set(err, ERR_SYSTEM, "%s", ignored.msg);
    return rc;
}

static int load_certificate(const struct health_server_options *o, struct tls_context **ret, struct err *err)
{
    if (!o->cert_file || !o->key_file)
        return own_certificate(o->name, ret, err);
    *ret = tls_context_new(&(struct tls_options){.cert_file = o->cert_file, .key_file = o->key_file}, err);
    return *ret ? 0 : -1;
}

int health_server_start(const struct health_server_options *o, struct health_server **ret, struct err *err)
{
    _cleanup_(health_server_freep) struct health_server *h = xcalloc(1, sizeof(*h));

    h->o = *o;
    if (load_certificate(o, &h->tls, err) < 0)
        return -1;
    const struct http_listener listener = {.address = o->address, .port = o->port, .tls = h->tls};
    const struct http_server_options so = {
        .name = "health", .listeners = &listener, .n_listeners = 1, .threads = 1, .on_request = on_request, .user = h};
    h->server = http_server_new(&so, err);
    if (!h->server)
        return -1;
    *ret = TAKE(h);
    return 0;
}

struct health_server *health_server_free(struct health_server *h)
{
    if (!h)
        return NULL;
    if (h->server)
        http_server_free(h->server);
    tls_context_free(h->tls);
    free(h);
    return NULL;
}
