#include "rest.h"

#include "api/json.h"
#include "api/status.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/parse.h"
#include "client/wire.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>

#define TOKEN_CHECK_NS (60 * NS_PER_S)

struct kube_client {
    struct kube_client *view_of; /* all but the time limit is that one's; NULL = a client of its own */
    struct http_client *http;
    int timeout_ms;
    char *token_file;
    struct kube_client *parent; /* asks for our tokens; NULL = the kubeconfig's credentials are ours */
    char *account_ns, *account;
    int64_t token_until;  /* mono: when to ask for the next one */
    pthread_mutex_t lock; /* guards the token's times */
    int64_t token_checked;
    struct timespec token_mtime;
};

static int read_token(struct kube_client *c, struct err *err)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(64 * KIB);
    struct stat st;

    if (stat(c->token_file, &st) < 0)
        return err_errno(err, errno, "cannot read the token file %s", c->token_file);
    if (st.st_mtim.tv_sec == c->token_mtime.tv_sec && st.st_mtim.tv_nsec == c->token_mtime.tv_nsec)
        return 0;
    if (file_read(c->token_file, &b, err) < 0)
        return -1;
    _cleanup_(freep) char *token = str_dup(str_trim(buf_str(&b)));
    http_client_set_token(c->http, token);
    c->token_mtime = st.st_mtim;
    return 0;
}

int kube_client_new(const struct kubeconfig *k, const struct kube_client_options *o, struct kube_client **ret,
                    struct err *err)
{
    _cleanup_(kube_client_freep) struct kube_client *c = xcalloc(1, sizeof(*c));
    struct http_client_options ho = {
        .base_url = k->server,
        .ca_pem = str_of(k->ca_pem),
        .cert_pem = str_of(k->cert_pem),
        .key_pem = str_of(k->key_pem),
        .tls_server_name = k->server_name,
        .insecure_skip_tls_verify = k->insecure,
        .bearer_token = k->token,
        .user_agent = o->user_agent,
        .max_idle = o->max_idle ? o->max_idle : 8,
        .connect_timeout_ms = (int)((o->dial_timeout_ns ? o->dial_timeout_ns : 5 * NS_PER_S) / NS_PER_MS),
    };

    pthread_mutex_init(&c->lock, NULL);
    c->timeout_ms = (int)((o->timeout_ns ? o->timeout_ns : 30 * NS_PER_S) / NS_PER_MS);
    if (http_client_new(&ho, &c->http, err) < 0)
        return -1;
    if (k->token_file) {
        c->token_file = xstrdup(k->token_file);
        if (read_token(c, err) < 0)
            return -1;
        c->token_checked = clock_mono(&clock_system);
    }
    *ret = TAKE(c);
    return 0;
}

struct kube_client *kube_client_free(struct kube_client *c)
{
    if (!c)
        return NULL;
    if (!c->view_of)
        http_client_free(c->http);
    free(c->token_file);
    free(c->account_ns);
    free(c->account);
    pthread_mutex_destroy(&c->lock);
    free(c);
    return NULL;
}

/* --- tokens --- */

#define TOKEN_LIFE_S 3600
#define TOKEN_RETRY_NS NS_PER_S

int kube_client_new_account(const struct kubeconfig *config, const struct kube_client_options *o,
                            struct kube_client *parent, const char *ns, const char *account, struct kube_client **ret,
                            struct err *err)
{
    const struct kubeconfig bare = {.server = config->server,
                                    .server_name = config->server_name,
                                    .insecure = config->insecure,
                                    .ca_pem = config->ca_pem};
    struct kube_client *c;

    if (kube_client_new(&bare, o, &c, err) < 0)
        return -1;
    c->parent = parent;
    c->account_ns = xstrdup(ns);
    c->account = xstrdup(account);
    *ret = c;
    return 0;
}

static int make_account(const struct kube_client *c, struct err *err)
{
    Metav1__ObjectMeta m = METAV1__OBJECT_META__INIT;
    Corev1__ServiceAccount sa = COREV1__SERVICE_ACCOUNT__INIT;

    m.name = c->account, m.namespace_ = c->account_ns;
    sa.metadata = &m;
    int r = kube_create(c->parent, &kube_service_accounts, c->account_ns, &sa.base, NULL, err);
    return r < 0 && err->code == ERR_ALREADY_EXISTS ? 0 : r;
}

static int ask_for_token(const struct kube_client *c, char **ret, struct err *err)
{
    const struct kube_token_request q = {
        .ns = c->account_ns, .service_account = c->account, .expiration_s = TOKEN_LIFE_S};
    int64_t expires;

    if (kube_token(c->parent, &q, ret, &expires, err) == 0)
        return 0;
    if (err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    if (make_account(c, err) < 0)
        return -1;
    err_clear(err);
    return kube_token(c->parent, &q, ret, &expires, err);
}

/* Under the lock: requests of this client wait, for without a token they would fail anyway. */
static void renew_account_token(struct kube_client *c, int64_t now)
{
    struct err err = ERR_INIT;
    char *token = NULL;

    if (now < c->token_until)
        return;
    if (ask_for_token(c, &token, &err) < 0) {
        log_warn("no token for the service account", LOG_S("account", c->account), LOG_ERR(&err));
        c->token_until = now + TOKEN_RETRY_NS;
        return;
    }
    http_client_set_token(c->http, token);
    explicit_bzero(token, strlen(token));
    free(token);
    c->token_until = now + (int64_t)TOKEN_LIFE_S * 4 / 5 * NS_PER_S;
}

static void check_token_file(struct kube_client *c, int64_t now)
{
    struct err ignored = ERR_INIT; /* the old token is tried on: the server says what is wrong with it */

    if (now - c->token_checked <= TOKEN_CHECK_NS)
        return;
    c->token_checked = now;
    (void)!read_token(c, &ignored);
}

struct kube_client *kube_client_with_timeout(struct kube_client *parent, int64_t timeout_ns)
{
    struct kube_client *c = xcalloc(1, sizeof(*c));

    pthread_mutex_init(&c->lock, NULL);
    c->view_of = parent;
    c->timeout_ms = (int)(timeout_ns / NS_PER_MS);
    return c;
}

struct http_client *rest_http(struct kube_client *c)
{
    if (c->view_of)
        return rest_http(c->view_of);
    if (!c->token_file && !c->parent)
        return c->http;
    pthread_mutex_lock(&c->lock);
    int64_t now = clock_mono(&clock_system);
    if (c->parent)
        renew_account_token(c, now);
    else
        check_token_file(c, now);
    pthread_mutex_unlock(&c->lock);
    return c->http;
}

int rest_timeout_ms(const struct kube_client *c)
{
    return c->timeout_ms;
}

static enum err_code code_of(int http, const char *reason)
{
    for (enum err_code c = ERR_INTERNAL; c <= ERR_SYSTEM; c++)
        if (err_http(c) == http && strcmp(err_reason(c), reason) == 0)
            return c;
    for (enum err_code c = ERR_INTERNAL; c <= ERR_SYSTEM; c++)
        if (*reason && strcmp(err_reason(c), reason) == 0)
            return c;
    return err_from_http(http);
}

static int from_status(const Metav1__Status *s, int http, struct err *err)
{
    int code = s->has_code && s->code ? s->code : http;

    err_set(err, code_of(code, kstr(s->reason)), "%s", *kstr(s->message) ? s->message : "unknown error");
    if (s->details && s->details->has_retryafterseconds)
        err->retry_after_s = s->details->retryafterseconds;
    return -1;
}

static int status_error(struct str raw, int http, struct err *err)
{
    Metav1__Status *s = metav1__status__unpack(NULL, raw.n, (const uint8_t *)raw.p);

    if (!s)
        return err_set(err, err_from_http(http), "the server answered %d with a broken Status", http);
    from_status(s, http, err);
    metav1__status__free_unpacked(s, NULL);
    return -1;
}

int rest_error_status(struct str raw, struct err *err)
{
    return status_error(raw, 500, err);
}

int rest_error(int http, struct str body, struct err *err)
{
    struct wire_envelope e;

    if (wire_open(body, &e) && str_is(e.kind, "Status"))
        return status_error(e.raw, http, err);
    if (body.n && body.p[0] == '{') {
        _cleanup_(arena_freep) struct arena *a = arena_new(16 * MIB);
        struct err bad = ERR_INIT;
        struct doc *d;
        if (json_parse(a, body, NULL, &d, &bad) == 0) {
            status_to_err(a, http, d, err);
            err->detail = NULL; /* its memory ends here */
            return -1;
        }
    }
    struct str text = str_trim(str_n(body.p, MIN_OF(body.n, (size_t)256)));
    return err_set(err, err_from_http(http), "the server answered %d: " STR_FMT, http, STR_ARG(text));
}

int rest_call(struct kube_client *c, const struct rest_request *r, struct http_client_response *ret, struct err *err)
{
    char accept[256], type[128];
    const char *headers[2] = {accept, type};
    struct http_client_request req = {
        .method = r->method,
        .path = r->path,
        .headers = headers,
        .n_headers = r->content_type ? 2 : 1,
        .body = r->body,
        .timeout_ms = c->timeout_ms,
        .max_response = r->max_response,
    };

    snprintf(accept, sizeof(accept), "Accept: %s", r->accept ? r->accept : REST_PROTOBUF);
    snprintf(type, sizeof(type), "Content-Type: %s", r->content_type ? r->content_type : "");
    if (http_client_call(rest_http(c), &req, ret, err) < 0)
        return -1;
    return ret->status >= 400 ? rest_error(ret->status, buf_str(&ret->body), err) : 0;
}

void rest_path(struct buf *out, const struct kube_kind *k, const char *ns, const char *name, const char *sub)
{
    buf_puts(out, *k->group ? "/apis/" : "/api/");
    if (*k->group) {
        buf_puts(out, k->group);
        buf_putc(out, '/');
    }
    buf_puts(out, k->version);
    if (k->namespaced && *kstr(ns)) {
        buf_puts(out, "/namespaces/");
        percent_encode(out, str_of(ns));
    }
    buf_putc(out, '/');
    buf_puts(out, k->resource);
    if (*kstr(name)) {
        buf_putc(out, '/');
        percent_encode(out, str_of(name));
    }
    if (*kstr(sub)) {
        buf_putc(out, '/');
        buf_puts(out, sub);
    }
}

void rest_query(struct buf *path, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    buf_putc(path, path->data && strchr(path->data, '?') ? '&' : '?');
    buf_puts(path, name);
    buf_putc(path, '=');
    percent_encode(path, str_of(value));
}

void rest_query_int(struct buf *path, const char *name, int64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)value);
    rest_query(path, name, text);
}

const char *rest_group_version(const struct kube_kind *k, char out[128])
{
    snprintf(out, 128, "%s%s%s", k->group, *k->group ? "/" : "", k->version);
    return out;
}

const char *rest_accept(const struct kube_kind *k, bool list, bool watch)
{
#define META(kind, more) REST_PROTOBUF ";as=" kind ";g=meta.k8s.io;v=v1" more "," REST_PROTOBUF more
    if (watch)
        return k->metadata_only ? META("PartialObjectMetadata", ";stream=watch") : REST_PROTOBUF ";stream=watch";
    if (!k->metadata_only)
        return REST_PROTOBUF;
    return list ? META("PartialObjectMetadataList", "") : META("PartialObjectMetadata", "");
#undef META
}
