#include "gateway.h"

#include "auth.h"
#include "decode.h"
#include "encode.h"
#include "validate.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"
#include "net/worker_pool.h"

#include <stdio.h>

#define CALL_ARENA_MAX (32 * MIB)
#define GRACE_MS 5000

struct row {
    aws_handler handler;
    void *context;
    void (*explain)(struct aws_call *call);
};

struct gateway {
    struct gateway_options o;
    struct map rows; /* "ecs.RunTask" -> struct row */
    struct worker_pool *pool;
    struct http_server *server;
};

/* --- one call --- */

static struct str row_key(char *text, size_t size, const char *service, const char *operation)
{
    int n = snprintf(text, size, "%s.%s", service, operation);
    return str_n(text, n < 0 || (size_t)n >= size ? 0 : (size_t)n);
}

static int not_implemented(struct aws_call *call)
{
    return aws_error(call, "UnknownOperationException", "The operation %s of %s is not implemented yet.",
                     call->operation, call->service);
}

/* Our own failures say nothing of our insides to the caller; the log has the rest. */
static int own_failure(struct aws_call *call, const struct aws_service *s, const struct err *err)
{
    bool busy = err_retriable(err->code);

    log_error("an operation failed", LOG_S("service", call->service), LOG_S("operation", call->operation),
              LOG_S("request", call->request_id), LOG_ERR(err));
    return aws_error_status(call, busy ? 503 : 500, s->server_code, "%s",
                            busy ? "The service is unavailable. Try again later."
                                 : "The service has met an internal error.");
}

static int run_handler(const struct gateway *g, struct aws_call *call, const struct aws_route *route)
{
    struct err err = ERR_INIT;
    char key[256];
    const struct row *row = map_get(&g->rows, row_key(key, sizeof(key), call->service, call->operation));

    if (!row)
        return not_implemented(call);
    call->context = row->context;
    int rc = row->handler(call, &err);
    if (rc == 0 && arena_overflow(call->arena))
        rc = err_set(&err, ERR_TOO_LARGE, "the arena of the call is full");
    if (rc < 0 && !call->fault && row->explain)
        row->explain(call);
    if (rc < 0 && !call->fault)
        own_failure(call, route->service, &err);
    return rc;
}

/* The name of an operation before anybody knows whether there is one, for the trail. */
static const char *requested(struct arena *a, const struct sigv4_request *r, const struct aws_route *route)
{
    if (route->action.n)
        return arena_strndup(a, route->action.p, MIN_OF(route->action.n, (size_t)256));
    return arena_printf(a, STR_FMT " %.*s", STR_ARG(r->method), (int)MIN_OF(r->path.n, (size_t)200), r->path.p);
}

static int run_call(const struct gateway *g, struct aws_call *call, const struct sigv4_request *r,
                    struct aws_route *route)
{
    const struct aws_service_set *services = &g->o.services;
    struct sigv4_claim claim = {0};
    struct doc *input = NULL;
    int rc = aws_route_begin(call, r, route);

    call->operation = requested(call->arena, r, route);
    if (rc == 0)
        rc = aws_authenticate(call, r, g->o.keys, route->protocol, &claim);
    if (rc == 0)
        rc = aws_route_find(call, r, services, claim.service, route);
    sigv4_claim_release(&claim);
    if (rc < 0)
        return -1;
    call->operation = route->op->name;
    if (aws_decode(call, r, route, &input) < 0 || aws_validate(call, route->service, route->op, input) < 0)
        return -1;
    call->input = input;
    call->output = doc_object(call->arena);
    return run_handler(g, call, route);
}

static void fill_answer(const struct aws_call *call, const struct aws_route *route, int rc, struct gateway_answer *ret)
{
    struct aws_answer a;

    if (rc == 0)
        aws_encode_output(call, route, &a);
    else
        aws_encode_fault(call, route, &a);
    ret->status = a.status;
    ret->content_type = a.content_type;
    if (a.error_header)
        snprintf(ret->error_type, sizeof(ret->error_type), "%s", a.error_code);
    if (a.error_code && route->query_mode)
        snprintf(ret->query_error, sizeof(ret->query_error), "%.100s;%s", a.error_code,
                 a.status >= 500 ? "Receiver" : "Sender");
    ret->body = a.body;
}

static void write_trail(struct gateway *g, const struct aws_call *call, const struct aws_route *route)
{
    const struct aws_fault *f = call->fault;
    bool read_only = !route->op || route->op->read_only;

    if (!audit_record(g->o.audit, call, route->service, read_only, f ? f->code : NULL, f ? f->message : NULL))
        log_error("the audit trail cannot be written", LOG_S("request", call->request_id));
}

void gateway_serve(struct gateway *g, const struct sigv4_request *r, const char *source_ip, struct gateway_answer *ret)
{
    struct arena *arena = arena_new(CALL_ARENA_MAX);
    struct aws_route route = {0};
    struct aws_call call = {.arena = arena,
                            .service = "",
                            .operation = "",
                            .region = g->o.region,
                            .account_id = g->o.account_id,
                            .request_id = ret->request_id,
                            .source_ip = source_ip,
                            .user_agent = aws_header(r, "user-agent"),
                            .now_ns = clock_wall(g->o.clock)};

    *ret = (struct gateway_answer){0};
    random_uuid(ret->request_id);
    call.now_s = call.now_ns / NS_PER_S;
    int rc = run_call(g, &call, r, &route);
    fill_answer(&call, &route, rc, ret);
    write_trail(g, &call, &route);
    arena_free(arena);
}

/* --- HTTP --- */

struct job {
    struct gateway *g;
    struct http_request *r;
    struct str body;
};

static void respond(struct http_request *r, const struct gateway_answer *a)
{
    struct http_header h[4];
    size_t n = 0;

    h[n++] = HTTP_HEADER("content-type", a->content_type);
    h[n++] = HTTP_HEADER("x-amzn-requestid", a->request_id);
    if (a->error_type[0])
        h[n++] = HTTP_HEADER("x-amzn-errortype", a->error_type);
    if (a->query_error[0])
        h[n++] = HTTP_HEADER("x-amzn-query-error", a->query_error);
    http_respond(r, a->status, h, n, buf_str(&a->body));
}

/* The view of the request that is signed: HTTP/2's authority is the host. */
static void work(void *arg)
{
    struct job *j = arg;
    struct http_request *r = j->r;
    struct sigv4_header headers[LIMIT_HEADERS + 1];
    struct sigv4_request s = {
        .method = r->method, .path = r->path, .query = r->query, .headers = headers, .body = j->body};
    struct gateway_answer a;

    for (size_t i = 0; i < r->n_headers && i < LIMIT_HEADERS; i++)
        headers[s.n_headers++] = (struct sigv4_header){r->headers[i].name, r->headers[i].value};
    if (!http_header(r, "host").p && r->authority.n)
        headers[s.n_headers++] = (struct sigv4_header){STR("host"), r->authority};
    gateway_serve(j->g, &s, r->peer->address, &a);
    respond(r, &a);
    buf_release(&a.body);
    free(j);
}

/* Before anything is known of the request: a plain answer that SDKs understand by its status and its type. */
static void refuse(struct http_request *r, int status, const char *type, const char *text)
{
    struct gateway_answer a = {.status = status, .content_type = "application/json", .body = BUF_INIT(KIB)};

    random_uuid(a.request_id);
    snprintf(a.error_type, sizeof(a.error_type), "%s", type);
    buf_printf(&a.body, "{\"__type\":\"%s\",\"message\":\"%s\"}", type, text);
    respond(r, &a);
    buf_release(&a.body);
}

static void on_body(struct http_request *r, struct str body, enum http_body_result result)
{
    struct gateway *g = r->user;

    if (result == HTTP_BODY_GONE) {
        http_abort(r);
        return;
    }
    if (result == HTTP_BODY_TOO_LARGE) {
        refuse(r, 413, "RequestEntityTooLargeException", "The request is larger than 1 MiB.");
        return;
    }
    struct job *j = xcalloc(1, sizeof(*j));
    *j = (struct job){g, r, body.p ? body : STR("")};
    if (!worker_pool_submit(g->pool, work, j)) {
        free(j);
        refuse(r, 429, "ThrottlingException", "Rate exceeded");
    }
}

static void on_request(void *user, struct http_request *r)
{
    if (str_is(r->path, "/healthz")) {
        const struct http_header type = HTTP_HEADER("content-type", "text/plain; charset=utf-8");
        http_respond(r, 200, &type, 1, STR("ok"));
        return;
    }
    r->user = user;
    http_request_collect(r, GATEWAY_BODY_MAX, on_body);
}

/* --- life --- */

static void index_tables(struct gateway *g)
{
    char key[256];

    map_init(&g->rows, free);
    for (size_t t = 0; t < g->o.n_tables; t++) {
        const struct aws_operation_table *table = &g->o.tables[t];
        for (size_t i = 0; i < table->n; i++) {
            struct row *row = xcalloc(1, sizeof(*row));
            *row = (struct row){table->rows[i].handler, table->context, table->explain};
            map_set(&g->rows, row_key(key, sizeof(key), table->rows[i].service, table->rows[i].name), row);
        }
    }
}

int gateway_new(const struct gateway_options *o, struct gateway **ret, struct err *err)
{
    _cleanup_(gateway_freep) struct gateway *g = xcalloc(1, sizeof(*g));

    g->o = *o;
    if (!g->o.clock)
        g->o.clock = &clock_system;
    if (!g->o.services.v)
        g->o.services = (struct aws_service_set){aws_services, aws_services_n};
    index_tables(g);
    if (o->n_listeners == 0) { /* no HTTP: gateway_serve only */
        *ret = TAKE(g);
        return 0;
    }
    g->pool = worker_pool_new(&(struct worker_pool_options){.name = "aws", .threads = o->workers}, err);
    if (!g->pool)
        return -1;
    const struct http_server_options so = {.name = "aws-http",
                                           .listeners = o->listeners,
                                           .n_listeners = o->n_listeners,
                                           .threads = o->threads ? o->threads : 1,
                                           .on_request = on_request,
                                           .user = g};
    g->server = http_server_new(&so, err);
    if (!g->server)
        return -1;
    *ret = TAKE(g);
    return 0;
}

/* The server first (no more requests), then the workers, which may still answer, then the server's memory. */
struct gateway *gateway_free(struct gateway *g)
{
    if (!g)
        return NULL;
    if (g->server)
        http_server_stop(g->server, GRACE_MS);
    worker_pool_free(g->pool);
    http_server_free(g->server);
    map_release(&g->rows);
    free(g);
    return NULL;
}

uint16_t gateway_port(const struct gateway *g, size_t listener)
{
    return http_server_port(g->server, listener);
}
