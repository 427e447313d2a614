#include "echo_server.h"

#include "base/parse.h"
#include "net/pki.h"
#include "net/worker_pool.h"
#include "net/ws.h"

#include <stdatomic.h>
#include <stdio.h>

#define BIG (16 * MIB)

struct echo_server {
    struct http_server *http;
    struct tls_context *tls;
    struct worker_pool *pool;
    struct shared_buf *big;
    atomic_size_t gone;
};

static int64_t query_n(const struct http_request *r)
{
    int64_t n = 0;
    if (r->query.n > 2)
        (void)parse_int64(str_from(r->query, 2), &n);
    return n;
}

static void hello(struct echo_server *s, struct http_request *r)
{
    const struct http_header type = HTTP_HEADER("content-type", "text/plain");
    http_respond(r, 200, &type, 1, STR("hello\n"));
}

static void run_worker(void *arg)
{
    http_respond(arg, 200, NULL, 0, STR("worked\n"));
}

static void worker(struct echo_server *s, struct http_request *r)
{
    if (!worker_pool_submit(s->pool, run_worker, r))
        http_respond(r, 429, NULL, 0, STR("busy\n"));
}

static void big(struct echo_server *s, struct http_request *r)
{
    size_t n = MIN_OF((size_t)query_n(r), 64 * BIG), count = 0;
    struct slice slices[65];
    for (; n; count++) {
        size_t take = MIN_OF(n, (size_t)BIG);
        slices[count] = (struct slice){shared_buf_ref(s->big), str_n(shared_buf_str(s->big).p, take)};
        n -= take;
    }
    http_respond_slices(r, 200, NULL, 0, slices, count);
}

/* --- streams --- */

struct stream {
    struct echo_server *s;
    struct http_request *r;
    struct loop_timer timer;
    int64_t left;
    bool ready;
};

static enum http_pull stream_pull(void *ctx, struct slice_queue *out, size_t want)
{
    struct stream *st = ctx;
    if (st->left == 0)
        return HTTP_PULL_END;
    if (!st->ready)
        return HTTP_PULL_WAIT;
    st->ready = false;
    st->left--;
    slice_queue_push(out, NULL, STR("line\n"));
    loop_timer_set(http_request_loop(st->r), &st->timer, NS_PER_MS);
    return HTTP_PULL_MORE;
}

static void stream_close(void *ctx, bool complete)
{
    struct stream *st = ctx;
    if (!complete)
        st->s->gone++;
    loop_timer_cancel(http_request_loop(st->r), &st->timer);
    http_request_unref(st->r);
    free(st);
}

static void stream_timer(struct loop_timer *t)
{
    struct stream *st = CONTAINER_OF(t, struct stream, timer);
    st->ready = true;
    http_response_wake(st->r);
}

static void start_stream(struct echo_server *s, struct http_request *r, int64_t lines)
{
    static const struct http_stream_ops ops = {.pull = stream_pull, .close = stream_close};
    struct stream *st = xcalloc(1, sizeof(*st));
    *st =
        (struct stream){.s = s, .r = http_request_ref(r), .timer.fn = stream_timer, .left = lines, .ready = lines > 0};
    http_respond_stream(r, 200, NULL, 0, &ops, st);
}

static void stream(struct echo_server *s, struct http_request *r)
{
    start_stream(s, r, query_n(r));
}

static void watch(struct echo_server *s, struct http_request *r)
{
    start_stream(s, r, -1);
}

/* --- bodies --- */

static void echo_body(struct http_request *r, struct str body, enum http_body_result result)
{
    if (result == HTTP_BODY_TOO_LARGE)
        http_respond(r, 413, NULL, 0, STR("too large\n"));
    else
        http_respond(r, 200, NULL, 0, body);
}

static void echo(struct echo_server *s, struct http_request *r)
{
    http_request_collect(r, MIB, echo_body);
}

static void ignore(struct echo_server *s, struct http_request *r)
{
    http_respond(r, 403, NULL, 0, STR("no\n"));
}

static void read_piece(struct http_request *r, struct str piece, bool end)
{
    size_t *n = r->user;
    *n += piece.n;
    http_body_consume(r, piece.n);
    if (!end)
        return;
    char text[32];
    snprintf(text, sizeof(text), "%zu\n", *n);
    http_respond(r, 200, NULL, 0, str_of(text));
}

static void read_body(struct echo_server *s, struct http_request *r)
{
    r->user = xcalloc(1, sizeof(size_t));
    r->user_free = free;
    http_request_read(r, read_piece);
}

static void whoami(struct echo_server *s, struct http_request *r)
{
    const struct http_peer *p = r->peer;
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(4096);
    buf_printf(&b, "%s %s",
               p->verified    ? "verified"
               : p->presented ? "unverified"
                              : "none",
               p->common_name.p ? p->common_name.p : "-");
    for (size_t i = 0; i < p->n_organizations; i++)
        buf_printf(&b, " " STR_FMT, STR_ARG(p->organizations[i]));
    buf_putc(&b, '\n');
    http_respond(r, 200, NULL, 0, buf_str(&b));
}

static void headers(struct echo_server *s, struct http_request *r)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(MIB);
    buf_printf(&b, STR_FMT " " STR_FMT "?" STR_FMT " " STR_FMT "\n", STR_ARG(r->method), STR_ARG(r->path),
               STR_ARG(r->query), STR_ARG(r->authority));
    for (size_t i = 0; i < r->n_headers; i++)
        buf_printf(&b, STR_FMT "=" STR_FMT "\n", STR_ARG(r->headers[i].name), STR_ARG(r->headers[i].value));
    http_respond(r, 200, NULL, 0, buf_str(&b));
}

static void free_request_later(void *arg)
{
    http_abort(arg); /* the client has gone: finishing it is all that is left */
}

static void never(struct echo_server *s, struct http_request *r)
{
    http_request_on_gone(r, free_request_later, r);
}

/* --- upgrades --- */

static void tunnel_open(void *ctx, struct http_tunnel *t)
{
}

static void tunnel_data(void *ctx, struct http_tunnel *t, struct str data)
{
    (void)http_tunnel_write(t, data);
    http_tunnel_consume(t, data.n);
}

static void tunnel_eof(void *ctx, struct http_tunnel *t)
{
    http_tunnel_shutdown(t);
}

static void tunnel_writable(void *ctx, struct http_tunnel *t)
{
}

static void tunnel_close(void *ctx)
{
}

static void tunnel(struct echo_server *s, struct http_request *r)
{
    static const struct http_tunnel_ops ops = {tunnel_open, tunnel_data, tunnel_eof, tunnel_writable, tunnel_close};
    if (http_upgrade_wanted(r).n == 0)
        http_respond(r, 400, NULL, 0, STR("upgrade wanted\n"));
    else
        http_upgrade(r, "echo", NULL, 0, &ops, NULL);
}

static void ws_open(void *ctx, struct ws *ws)
{
}

static void ws_message(void *ctx, struct ws *ws, enum ws_type type, struct str data)
{
    (void)ws_send(ws, type, data);
}

static void ws_writable(void *ctx, struct ws *ws)
{
}

static void ws_closed(void *ctx)
{
}

static void websocket(struct echo_server *s, struct http_request *r)
{
    static const struct ws_ops ops = {ws_open, ws_message, ws_writable, ws_closed};
    static const char *const protocols[] = {"v5.test", "v4.test"};
    ws_accept(r, ws_choose(r, protocols, ARRAY_LEN(protocols)), 64 * KIB, &ops, NULL);
}

static void on_request(void *user, struct http_request *r)
{
    static const struct {
        const char *path;
        void (*fn)(struct echo_server *s, struct http_request *r);
    } routes[] = {
        {"/hello", hello}, {"/worker", worker}, {"/big", big},        {"/stream", stream}, {"/watch", watch},
        {"/echo", echo},   {"/ignore", ignore}, {"/read", read_body}, {"/whoami", whoami}, {"/headers", headers},
        {"/never", never}, {"/tunnel", tunnel}, {"/ws", websocket},
    };
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        if (str_is(r->path, routes[i].path)) {
            routes[i].fn(user, r);
            return;
        }
    http_respond(r, 404, NULL, 0, STR("no such path\n"));
}

/* --- life --- */

struct echo_server *echo_server_new(const struct http_limits *limits, const struct tls_options *tls, size_t threads,
                                    uint16_t port, struct err *err)
{
    struct echo_server *s = xcalloc(1, sizeof(*s));
    char *bytes;
    s->big = shared_buf_new(BIG, &bytes);
    memset(bytes, 'x', BIG);
    s->pool = worker_pool_new(&(struct worker_pool_options){.threads = 4}, err);
    if (tls)
        s->tls = tls_context_new(tls, err);
    if (!s->pool || (tls && !s->tls))
        return echo_server_free(s);
    const struct http_listener listeners[] = {
        {.address = "127.0.0.1", .port = port},
        {.address = "127.0.0.1", .port = port ? (uint16_t)(port + 1) : 0, .tls = s->tls},
    };
    struct http_server_options o = {
        .listeners = listeners,
        .n_listeners = tls ? 2 : 1,
        .threads = threads,
        .on_request = on_request,
        .user = s,
    };
    if (limits)
        o.limits = *limits;
    s->http = http_server_new(&o, err);
    return s->http ? s : echo_server_free(s);
}

struct echo_server *echo_server_free(struct echo_server *s)
{
    if (!s)
        return NULL;
    if (s->http)
        http_server_stop(s->http, 100);
    worker_pool_free(s->pool);
    http_server_free(s->http);
    tls_context_free(s->tls);
    shared_buf_unref(s->big);
    free(s);
    return NULL;
}

struct http_server *echo_server_http(struct echo_server *s)
{
    return s->http;
}

uint16_t echo_server_port(const struct echo_server *s, bool tls)
{
    return http_server_port(s->http, tls ? 1 : 0);
}

size_t echo_server_gone(const struct echo_server *s)
{
    return ((struct echo_server *)s)->gone;
}

static void must(int rc, const struct err *err)
{
    if (rc == 0)
        return;
    fprintf(stderr, "%s\n", err->msg);
    abort();
}

void echo_server_pki(const char *dir, struct tls_options *ret, char paths[3][256])
{
    struct err err = ERR_INIT;
    struct pki_pair ca = {0}, self = {0};
    struct str org = STR("dev"), masters = STR("system:masters"), names[] = {STR("localhost"), STR("127.0.0.1")};
    struct pki_request server = {.common_name = "server", .names = names, .n_names = 2, .usages = CRYPTO_CERT_SERVER};
    struct pki_request client = {
        .common_name = "alice", .organizations = &org, .n_organizations = 1, .usages = CRYPTO_CERT_CLIENT};
    struct pki_request forged = {
        .common_name = "mallory", .organizations = &masters, .n_organizations = 1, .usages = CRYPTO_CERT_CLIENT};
    must(pki_ensure_ca(dir, "ca", "test-ca", &ca, NULL, &err), &err);
    must(pki_ensure(dir, "server", &ca, &server, NULL, &err), &err);
    must(pki_ensure(dir, "client", &ca, &client, NULL, &err), &err);
    must(pki_self_signed(&forged, &self, &err), &err);
    must(pki_save(dir, "forged", &self, &err), &err);
    pki_pair_release(&ca);
    pki_pair_release(&self);
    static const char *const files[] = {"ca.crt", "server.crt", "server.key"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        snprintf(paths[i], sizeof(paths[i]), "%s/%s", dir, files[i]);
    *ret = (struct tls_options){.cert_file = paths[1], .key_file = paths[2], .client_ca_file = paths[0]};
}

int echo_pair_begin(struct echo_pair *p, const struct http_limits *quick)
{
    struct err err = ERR_INIT;

    p->patient = echo_server_new(NULL, NULL, 2, 0, &err);
    p->quick = echo_server_new(quick, NULL, 1, 0, &err);
    return p->patient && p->quick ? 0 : -1;
}

void echo_pair_end(struct echo_pair *p)
{
    p->patient = echo_server_free(p->patient);
    p->quick = echo_server_free(p->quick);
}
