/* The client, its pool of kept-alive connections, and whole requests. */
#include "http_client.h"

#include "base/parse.h"
#include "http_client_internal.h"

#include <poll.h>

/* --- life cycle --- */

struct http_client *http_client_ref(struct http_client *c)
{
    atomic_fetch_add(&c->refs, 1);
    return c;
}

struct http_client *http_client_free(struct http_client *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
        return NULL;
    for (size_t i = 0; i < c->n_idle; i++)
        net_conn_free(c->idle[i].conn);
    free(c->idle);
    net_address_release(&c->address);
    net_tls_free(c->tls);
    free(c->base_path);
    free(c->unix_socket);
    free(c->user_agent);
    free(c->token);
    pthread_mutex_destroy(&c->lock);
    free(c);
    return NULL;
}

static char *dup_or_null(const char *s)
{
    return s && *s ? xstrdup(s) : NULL;
}

/* "https://host:port/prefix/" -> address and "/prefix". */
static int parse_base(struct http_client *c, struct str url, struct err *err)
{
    const char *at = url.n ? memmem(url.p, url.n, "://", 3) : NULL;
    const char *slash = at ? memchr(at + 3, '/', (size_t)(url.p + url.n - at - 3)) : NULL;
    struct str path = slash ? str_from(url, (size_t)(slash - url.p)) : STR("");
    url.n -= path.n;
    while (path.n && path.p[path.n - 1] == '/')
        path.n--;
    c->base_path = str_dup(path);
    return net_address_parse(url, &c->address, err);
}

static int load_tls(struct http_client *c, const struct http_client_options *o, struct err *err)
{
    const struct net_tls_options tls = {
        .ca_pem = o->ca_pem,
        .cert_pem = o->cert_pem,
        .key_pem = o->key_pem,
        .server_name = o->tls_server_name,
        .insecure = o->insecure_skip_tls_verify,
    };
    return c->address.tls ? net_tls_new(&tls, &c->tls, err) : 0;
}

int http_client_new(const struct http_client_options *o, struct http_client **ret, struct err *err)
{
    _cleanup_(http_client_freep) struct http_client *c = xcalloc(1, sizeof *c);
    atomic_init(&c->refs, 1);
    pthread_mutex_init(&c->lock, NULL);
    c->unix_socket = dup_or_null(o->unix_socket);
    c->user_agent = xstrdup(o->user_agent ? o->user_agent : "coracle");
    c->token = dup_or_null(o->bearer_token);
    c->no_keepalive = o->no_keepalive;
    c->connect_timeout_ms = o->connect_timeout_ms ? o->connect_timeout_ms : 10000;
    c->max_idle = o->max_idle ? o->max_idle : 256;
    c->idle = xcalloc(c->max_idle, sizeof *c->idle);
    if (parse_base(c, str_of(o->base_url), err) < 0 || load_tls(c, o, err) < 0)
        return -1;
    *ret = TAKE(c);
    return 0;
}

void http_client_set_token(struct http_client *c, const char *token)
{
    char *fresh = dup_or_null(token), *old;
    pthread_mutex_lock(&c->lock);
    old = c->token;
    c->token = fresh;
    pthread_mutex_unlock(&c->lock);
    free(old);
}

char *http_client_token(struct http_client *c)
{
    pthread_mutex_lock(&c->lock);
    char *token = dup_or_null(c->token);
    pthread_mutex_unlock(&c->lock);
    return token;
}

/* --- connections --- */

/* Nothing may have come on an idle connection: what has is its end. */
static bool is_usable(const struct http_client_idle *i)
{
    struct pollfd p = {net_conn_fd(i->conn), POLLIN, 0};
    return clock_mono(&clock_system) - i->since < HTTP_CLIENT_IDLE_NS && poll(&p, 1, 0) == 0;
}

/* The one used last: the least likely to have gone stale. */
static struct net_conn *take_idle(struct http_client *c)
{
    for (;;) {
        pthread_mutex_lock(&c->lock);
        bool any = c->n_idle > 0;
        struct http_client_idle i = any ? c->idle[--c->n_idle] : (struct http_client_idle){0};
        pthread_mutex_unlock(&c->lock);
        if (!any || is_usable(&i))
            return i.conn;
        net_conn_free(i.conn);
    }
}

struct net_conn *http_client_connect(struct http_client *c, bool fresh, bool *ret_reused, struct err *err)
{
    struct net_conn_options o = {
        .address = &c->address,
        .unix_socket = c->unix_socket,
        .tls = c->tls,
        .timeout_ms = c->connect_timeout_ms,
        .wake_fd = -1,
    };
    struct net_conn *conn = fresh ? NULL : take_idle(c);
    *ret_reused = conn != NULL;
    if (!conn && net_conn_open(&o, &conn, err) < 0)
        return NULL;
    return conn;
}

void http_client_keep(struct http_client *c, struct net_conn *taken)
{
    pthread_mutex_lock(&c->lock);
    bool keep = !c->no_keepalive && c->n_idle < c->max_idle;
    if (keep)
        c->idle[c->n_idle++] = (struct http_client_idle){taken, clock_mono(&clock_system)};
    pthread_mutex_unlock(&c->lock);
    if (!keep)
        net_conn_free(taken);
}

/* --- whole requests --- */

struct sink {
    struct buf *body;
    bool truncate, full;
};

static bool take_body(void *user, const char *p, size_t n)
{
    struct sink *s = user;
    size_t room = s->body->max - s->body->len;
    s->full = n > room;
    buf_add(s->body, p, s->full && s->truncate ? room : n);
    return !s->full;
}

static void answer(struct http_wire *w, struct http_client_response *ret)
{
    ret->status = w->status;
    ret->headers = w->headers;
    buf_init(&w->headers, LIMIT_HEADER_BYTES);
}

/* May the request be sent once more? The kept connection was closed under it: nothing of an answer came, and the server
 * cannot have acted, or the request may be asked twice. */
static bool may_repeat(const struct http_wire *w, const char *method, bool reused, const struct err *err)
{
    bool repeatable = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    return reused && err->code == ERR_UNAVAILABLE && !w->got_any && (repeatable || !w->sent_any);
}

static int exchange(struct http_client *c, const struct http_client_request *r, const char *method, const char *path,
                    bool fresh, struct http_client_response *ret, bool *ret_again, struct err *err)
{
    struct sink sink = {&ret->body, r->truncate, false};
    struct http_wire w;
    bool reused;
    struct net_conn *conn = http_client_connect(c, fresh, &reused, err);
    *ret_again = false;
    if (!conn)
        return -1;
    http_wire_init(&w, conn, method, r->timeout_ms ? r->timeout_ms : 30000);
    w.on_body = take_body;
    w.user = &sink;
    int rc = http_wire_send(&w, c, r, method, path, err);
    if (rc == 0)
        while ((rc = http_wire_step(&w, err)) > 0)
            ;
    if (rc < 0 && sink.full && r->truncate) {
        err_clear(err);
        rc = 0;
    }
    *ret_again = rc < 0 && may_repeat(&w, method, reused, err);
    answer(&w, ret);
    if (w.complete && w.keep_alive)
        http_client_keep(c, conn);
    else
        net_conn_free(conn);
    http_wire_release(&w);
    return rc;
}

/* The path to go on with, malloc'd, when the answer sends us to another place of the same server. */
static char *redirect_of(const struct http_client *c, const struct http_client_response *r)
{
    struct str to = http_client_header(&r->headers, "Location");
    _cleanup_(freep) char *own = xasprintf("http%s://%s/", c->address.tls ? "s" : "", c->address.authority);
    bool is_redirect = (r->status >= 301 && r->status <= 303) || r->status == 307 || r->status == 308;
    if (!is_redirect)
        return NULL;
    if (str_starts(to, str_of(own)))
        to = str_from(to, strlen(own) - 1);
    return to.n && to.p[0] == '/' && !str_starts(to, STR("//")) ? str_dup(to) : NULL;
}

int http_client_call(struct http_client *c, const struct http_client_request *r, struct http_client_response *ret,
                     struct err *err)
{
    struct http_client_request now = *r;
    const char *method = r->method ? r->method : "GET";
    _cleanup_(freep) char *path = xstrdup(r->path);
    size_t max = r->max_response ? r->max_response : LIMIT_RESPONSE;
    *ret = (struct http_client_response){0};
    for (int hops = 0;; hops++) {
        bool again = false;
        http_client_response_release(ret);
        buf_init(&ret->body, max);
        int rc = exchange(c, &now, method, path, false, ret, &again, err);
        if (again) {
            http_client_response_release(ret);
            buf_init(&ret->body, max);
            err_clear(err);
            rc = exchange(c, &now, method, path, true, ret, &again, err);
        }
        char *next = rc == 0 && hops < r->max_redirects ? redirect_of(c, ret) : NULL;
        if (!next)
            return rc < 0 ? err_wrap(err, "%s", r->path) : 0;
        free(path);
        path = next;
        if (ret->status <= 303 && strcmp(method, "HEAD") != 0) {
            method = "GET";
            now.body = STR("");
        }
    }
}

void http_client_response_release(struct http_client_response *r)
{
    buf_release(&r->body);
    buf_release(&r->headers);
}

struct str http_client_header(const struct buf *headers, const char *name)
{
    struct str rest = buf_str(headers), line;
    while (rest.n && str_split(&rest, '\n', &line)) {
        struct str key;
        if (str_split(&line, ':', &key) && line.p && str_ieq(str_trim(key), str_of(name)))
            return str_trim(line);
    }
    return STR("");
}
