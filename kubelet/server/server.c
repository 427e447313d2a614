#include "kubelet/server/internal.h"

#include "api/doc.h"
#include "api/json.h"
#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "kubelet/manager.h"
#include "net/pki.h"
#include "net/worker_pool.h"

#include <stdarg.h>

#define POOL_THREADS 32
#define POOL_QUEUE 256

struct route {
    const char *name; /* first part of the path */
    const char *methods;
    const char *subresource; /* of nodes, for the access review */
    void (*handle)(struct call *c);
};

static const struct route routes[] = {
    {"containerLogs", "GET", "proxy", handle_logs}, {"exec", "GET POST", "proxy", handle_exec},
    {"attach", "GET POST", "proxy", handle_attach}, {"portForward", "GET POST", "proxy", handle_port_forward},
    {"run", "POST", "proxy", handle_run},           {"pods", "GET", "proxy", handle_pods},
    {"runningpods", "GET", "proxy", handle_pods},   {"stats", "GET", "stats", handle_summary},
    {"metrics", "GET", "metrics", handle_metrics},
};

/* --- answering --- */

void call_text(struct call *c, int status, const char *fmt, ...)
{
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(LIMIT_SMALL_FILE);
    const struct http_header type = HTTP_HEADER("content-type", "text/plain; charset=utf-8");
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    http_respond(c->r, status, &type, 1, buf_str(&text));
}

void call_error(struct call *c, const struct err *err)
{
    call_text(c, err_http(err->code), "%s\n", err->msg);
}

const char *call_query(const struct call *c, const char *name)
{
    for (size_t i = 0; i < c->n_query; i++)
        if (strcmp(c->query[i].name, name) == 0)
            return c->query[i].value;
    return NULL;
}

bool call_query_true(const struct call *c, const char *name)
{
    const char *v = call_query(c, name);
    bool b = false;
    return v && parse_bool(str_of(v), &b) && b;
}

struct kube_object *call_pod(struct call *c, const char *uid)
{
    struct kube_object *o = pod_manager_find(c->s->k->manager, c->parts[0], c->parts[1]);
    if (o && (!uid || strcmp(kstr(o->meta->uid), uid) == 0))
        return o;
    kube_object_unref(o);
    call_text(c, 404, "pod \"%s\" in namespace \"%s\" does not exist\n", c->parts[1], c->parts[0]);
    return NULL;
}

/* --- taking a request apart --- */

static const char *decode(struct arena *a, struct str s, bool plus)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_URL + 1);
    if (!percent_decode(&b, s, plus) || !buf_ok(&b) || (b.data && memchr(b.data, '\0', b.len)))
        return NULL;
    return arena_str(a, buf_str(&b)).p;
}

/* The route's name and the parts behind it; NULL when the path is not one of ours. */
static const char *split_path(struct call *c)
{
    struct str rest = c->r->path, part;
    const char *first = NULL;
    while (str_split(&rest, '/', &part)) {
        if (part.n == 0)
            continue;
        const char *text = decode(c->a, part, false);
        if (!text || c->n_parts == PARTS_MAX)
            return NULL;
        if (!first)
            first = text;
        else
            c->parts[c->n_parts++] = text;
    }
    return first;
}

static bool split_query(struct call *c)
{
    struct str rest = c->r->query, item, name;
    while (rest.n && str_split(&rest, '&', &item)) {
        if (!item.n)
            continue;
        if (c->n_query == QUERY_MAX)
            return false;
        (void)str_split(&item, '=', &name);
        struct query_item *q = &c->query[c->n_query];
        q->name = decode(c->a, name, true);
        q->value = decode(c->a, item.p ? item : STR(""), true);
        if (!q->name || !q->value)
            return false;
        c->n_query++;
    }
    return true;
}

/* --- who may --- */

static bool in_group(const struct http_peer *p, const char *group)
{
    for (size_t i = 0; i < p->n_organizations; i++)
        if (str_is(p->organizations[i], group))
            return true;
    return false;
}

static const char *verb_of(struct str method)
{
    static const char *const verbs[][2] = {{"GET", "get"},    {"HEAD", "get"},    {"POST", "create"},
                                           {"PUT", "update"}, {"PATCH", "patch"}, {"DELETE", "delete"}};
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (str_is(method, verbs[i][0]))
            return verbs[i][1];
    return "get";
}

static void review_body(struct buf *out, const struct call *c, const char *subresource)
{
    const struct http_peer *p = c->r->peer;
    buf_puts(out, "{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":\"SubjectAccessReview\",\"spec\":{\"user\":");
    json_write_string(out, p->common_name);
    buf_puts(out, ",\"groups\":[\"system:authenticated\"");
    for (size_t i = 0; i < p->n_organizations; i++) {
        buf_putc(out, ',');
        json_write_string(out, p->organizations[i]);
    }
    buf_printf(out, "],\"resourceAttributes\":{\"resource\":\"nodes\",\"subresource\":\"%s\",\"verb\":\"%s\",\"name\":",
               subresource, verb_of(c->r->method));
    json_write_string(out, str_of(c->s->k->config->node_name));
    buf_puts(out, "}}}");
}

static bool allowed(const struct call *c, const char *subresource)
{
    if (in_group(c->r->peer, "system:masters"))
        return true;
    _cleanup_(buf_releasep) struct buf body = BUF_INIT(LIMIT_HEADER_BYTES), answer = BUF_INIT(LIMIT_SMALL_FILE);
    struct err err = ERR_INIT;
    struct doc *d;
    review_body(&body, c, subresource);
    if (kube_raw(c->s->k->client, "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", "application/json",
                 buf_str(&body), NULL, &answer, &err) < 0) {
        log_warn("cannot ask whether a client may use the kubelet's API", LOG_ERR(&err));
        return false;
    }
    return json_parse(c->a, buf_str(&answer), NULL, &d, &err) == 0 &&
           doc_true(doc_get(doc_get(d, "status"), "allowed"));
}

/* --- routing --- */

static const struct route *find_route(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_LEN(routes); i++)
        if (strcmp(routes[i].name, name) == 0)
            return &routes[i];
    return NULL;
}

static void run_call(void *arg)
{
    struct call *c = arg;
    const struct route *route = find_route(split_path(c));
    if (!route)
        call_text(c, 404, "404 page not found\n");
    else if (!strstr(route->methods, str_is(c->r->method, "POST") ? "POST" : "GET"))
        call_text(c, 405, "Method Not Allowed\n");
    else if (!split_query(c))
        call_text(c, 400, "invalid query\n");
    else if (!allowed(c, route->subresource))
        call_text(c, 403, "Forbidden (user=" STR_FMT ", verb=%s, resource=nodes, subresource(s)=[%s])\n",
                  STR_ARG(c->r->peer->common_name), verb_of(c->r->method), route->subresource);
    else
        route->handle(c);
    http_request_unref(c->r);
    arena_free(c->a);
    free(c);
}

static void on_request(void *user, struct http_request *r)
{
    struct kubelet_server *s = user;
    static const struct http_header retry = {{"retry-after", 11}, {"1", 1}};
    if (str_is(r->path, "/healthz")) {
        http_respond(r, 200, NULL, 0, STR("ok"));
        return;
    }
    if (!r->peer->verified) {
        http_respond(r, 401, NULL, 0, STR("Unauthorized"));
        return;
    }
    struct call *c = xcalloc(1, sizeof(*c));
    c->s = s;
    c->r = http_request_ref(r);
    c->a = arena_new(LIMIT_DOC_ARENA);
    if (!worker_pool_submit(s->pool, run_call, c)) {
        arena_free(c->a);
        free(c);
        http_respond(r, 429, &retry, 1, STR("too many requests\n"));
        http_request_unref(r);
    }
}

static void on_health(void *user, struct http_request *r)
{
    if (str_is(r->path, "/healthz"))
        http_respond(r, 200, NULL, 0, STR("ok"));
    else
        http_respond(r, 404, NULL, 0, STR("404 page not found\n"));
}

/* --- life --- */

static int make_certificate(struct kubelet *k, char **ret_cert, char **ret_key, struct err *err)
{
    _cleanup_(freep) char *dir = xasprintf("%s/pki", k->config->root_dir);
    struct str names[NODE_ADDRESSES_MAX + 1];
    size_t n = 0;
    *ret_cert = xasprintf("%s/kubelet.crt", dir);
    *ret_key = xasprintf("%s/kubelet.key", dir);
    if (file_mkdirs(dir, 0700, err) < 0)
        return -1;
    if (file_exists(*ret_cert) && file_exists(*ret_key))
        return 0; /* the one of an earlier start */
    names[n++] = str_of(k->config->node_name);
    for (size_t i = 0; i < k->config->n_node_ips; i++)
        names[n++] = str_of(k->config->node_ips[i]);
    struct pki_request request = {
        .common_name = k->config->node_name, .names = names, .n_names = n, .usages = CRYPTO_CERT_SERVER};
    struct pki_pair pair = {0};
    int rc = pki_self_signed(&request, &pair, err);
    if (rc == 0)
        rc = pki_save(dir, "kubelet", &pair, err);
    pki_pair_release(&pair);
    return rc;
}

static int open_tls(struct kubelet_server *s, const struct server_options *o, struct err *err)
{
    _cleanup_(freep) char *cert = NULL, *key = NULL;
    struct tls_options t = {.cert_file = o->cert_file, .key_file = o->key_file, .client_ca_file = o->client_ca_file};
    if (!o->cert_file) {
        if (make_certificate(s->k, &cert, &key, err) < 0)
            return -1;
        t.cert_file = cert;
        t.key_file = key;
    }
    s->tls = tls_context_new(&t, err);
    return s->tls ? 0 : -1;
}

/* Probes of the kubelet itself; not worth failing for when another kubelet has the port. */
static void open_healthz(struct kubelet_server *s, uint16_t port)
{
    struct http_listener l = {.address = "127.0.0.1", .port = port};
    struct http_server_options o = {
        .name = "healthz", .listeners = &l, .n_listeners = 1, .threads = 1, .on_request = on_health};
    struct err err = ERR_INIT;
    if (!port)
        return;
    s->healthz = http_server_new(&o, &err);
    if (!s->healthz)
        log_warn("no healthz port", LOG_ERR(&err));
}

int server_start(struct kubelet *k, const struct server_options *o, struct kubelet_server **ret, struct err *err)
{
    struct kubelet_server *s = xcalloc(1, sizeof(*s));
    struct worker_pool_options pool = {.name = "kubelet-api", .threads = POOL_THREADS, .queue_max = POOL_QUEUE};
    s->k = k;
    s->pool = worker_pool_new(&pool, err);
    if (!s->pool || log_watcher_new(k, &s->logs, err) < 0 || open_tls(s, o, err) < 0) {
        server_free(s);
        return -1;
    }
    struct http_listener l = {.address = o->address, .port = o->port, .tls = s->tls};
    struct http_server_options http = {
        .name = "api", .listeners = &l, .n_listeners = 1, .threads = 1, .on_request = on_request, .user = s};
    s->http = http_server_new(&http, err);
    if (!s->http) {
        server_free(s);
        return -1;
    }
    open_healthz(s, o->healthz_port);
    *ret = s;
    return 0;
}

struct kubelet_server *server_free(struct kubelet_server *s)
{
    if (!s)
        return NULL;
    http_server_free(s->healthz);
    http_server_free(s->http);
    worker_pool_free(s->pool);
    log_watcher_free(s->logs);
    tls_context_free(s->tls);
    free(s);
    return NULL;
}
