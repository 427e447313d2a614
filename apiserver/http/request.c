#include "apiserver/http/request.h"

#include <stdatomic.h>

#include "api/status.h"
#include "apiserver/apiextensions/custom.h"
#include "apiserver/auth/authn.h"
#include "apiserver/auth/authz.h"
#include "apiserver/http/respond.h"
#include "apiserver/http/routes.h"
#include "apiserver/metrics.h"
#include "apiserver/options.h"
#include "apiserver/storage/storage.h"
#include "base/limits.h"
#include "base/log.h"
#include "net/worker_pool.h"

static void request_free(void *p)
{
    struct request *r = p;
    user_unref(r->user);
    custom_crd_unref(r->custom);
    struct arena *a = r->arena;
    arena_free(a); /* the request itself lives in it */
}

/* --- answering ------------------------------------------------------------------------------------------------- */

static struct str metric_verb(const struct request *r)
{
    static const char *const verbs[][2] = {
        {"get", "GET"},    {"list", "LIST"},   {"watch", "WATCH"},   {"create", "POST"},
        {"update", "PUT"}, {"patch", "PATCH"}, {"delete", "DELETE"}, {"deletecollection", "DELETECOLLECTION"},
    };
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (str_is(r->info.verb, verbs[i][0]))
            return str_of(verbs[i][1]);
    return STR("OTHER");
}

static const char *metric_scope(const struct request *r)
{
    if (!r->res)
        return "";
    return r->info.name.n ? "resource" : r->info.ns.n ? "namespace" : "cluster";
}

void request_answered(struct request *r, int status)
{
    if (atomic_exchange(&r->answered, 1))
        return;
    struct metrics *m = r->server->metrics;
    if (!(r->route.flags & ROUTE_LONG) && r->route.handle)
        metrics_inflight(m, r->route.flags & ROUTE_MUTATING, -1);
    int64_t took = clock_mono(r->server->clock) - r->http->started;
    struct metrics_request count = {
        .verb = metric_verb(r),
        .scope = metric_scope(r),
        .dry_run = r->dry_run,
        .code = status,
        .duration_ns = r->route.flags & ROUTE_LONG ? -1 : took,
    };
    if (r->res) {
        count.group = str_of(r->res->group);
        count.version = str_of(r->res->version);
        count.resource = str_of(r->res->name);
        count.subresource = str_of(r->sub ? r->sub->name : "");
    }
    metrics_count_request(m, &count);
    if (r->server->options->verbosity >= 4)
        log_info("request", LOG_STR("method", r->http->method), LOG_STR("target", r->http->target),
                 LOG_I("status", status), LOG_I("us", took / 1000), LOG_STR("user", r->user ? r->user->name : STR("")));
}

static void fail(struct request *r, const struct err *err)
{
    respond_error(r, err);
}

/* --- the last step: the handler -------------------------------------------------------------------------------- */

static void run(struct request *r)
{
    struct err err = ERR_INIT;
    struct http_request *http = http_request_ref(r->http);
    if (r->route.handle(r, &err) < 0)
        fail(r, &err);
    http_request_unref(http);
}

static void run_on_worker(void *arg)
{
    struct request *r = arg;
    r->on_worker = true;
    run(r);
}

static void post_run(struct loop_task *t)
{
    run(CONTAINER_OF(t, struct request, task));
}

static void to_loop(struct request *r)
{
    r->task.fn = post_run;
    if (!loop_post(http_request_loop(r->http), &r->task))
        http_abort(r->http);
}

static void busy(struct request *r)
{
    struct err err = ERR_INIT;
    status_too_many_requests(&err, r->arena, 1, "too many requests, please try again later");
    fail(r, &err);
}

void request_to_worker(struct request *r, void (*fn)(struct request *r))
{
    if (!worker_pool_submit(r->server->workers, (void (*)(void *))fn, r))
        busy(r);
}

/* The cache is current, or could not get there; on any thread. */
static void on_current(void *user, const struct err *err)
{
    struct request *r = user;
    if (err->code != ERR_OK)
        fail(r, err);
    else if (loop_on_thread(http_request_loop(r->http)))
        run(r);
    else
        to_loop(r);
}

/* Must this read be current? GET and LIST without a resourceVersion. */
static bool wants_current(const struct request *r)
{
    return (r->route.flags & ROUTE_CURRENT) && !query_get(&r->query, "resourceVersion").n &&
           !query_get(&r->query, "continue").n;
}

static void body_collected(struct http_request *http, struct str body, enum http_body_result result)
{
    struct request *r = http->user;
    struct err err = ERR_INIT;
    if (result == HTTP_BODY_OK) {
        r->body = body;
        if (!worker_pool_submit(r->server->workers, run_on_worker, r))
            busy(r);
        return;
    }
    if (result == HTTP_BODY_TOO_LARGE)
        status_too_large(&err, "limit is %zu", LIMIT_BODY);
    else
        err_set(&err, ERR_BAD_REQUEST, "unexpected EOF");
    fail(r, &err);
}

static void dispatch_on_loop(struct loop_task *t)
{
    struct request *r = CONTAINER_OF(t, struct request, task);
    if (r->route.flags & ROUTE_BODY)
        http_request_collect(r->http, LIMIT_BODY, body_collected);
    else
        run(r);
}

/* The user may: hand the request to where its handler may run. */
static void dispatch(struct request *r)
{
    if (!(r->route.flags & ROUTE_LONG))
        metrics_inflight(r->server->metrics, r->route.flags & ROUTE_MUTATING, 1);
    bool here = loop_on_thread(http_request_loop(r->http));
    if (r->route.flags & (ROUTE_BODY | ROUTE_LOOP)) {
        r->task.fn = dispatch_on_loop;
        if (here)
            dispatch_on_loop(&r->task);
        else if (!loop_post(http_request_loop(r->http), &r->task))
            http_abort(r->http);
    } else if (wants_current(r)) {
        storage_when_current(r->server->storage, on_current, r);
    } else if (!here || (r->route.flags & ROUTE_INLINE)) {
        run(r);
    } else if (!worker_pool_submit(r->server->workers, run_on_worker, r)) {
        busy(r);
    }
}

void request_run(struct request *r)
{
    run(r);
}

/* --- may they? -------------------------------------------------------------------------------------------------- */

static void authorize(struct request *r)
{
    struct err err = ERR_INIT;
    struct authz_attributes attr = {
        .user = r->user,
        .verb = r->info.verb,
        .is_resource = r->info.is_resource,
        .ns = r->info.ns,
        .group = r->info.group,
        .version = r->info.version,
        .resource = r->info.resource,
        .subresource = r->info.subresource,
        .name = r->info.name,
        .path = r->info.path,
    };
    if (authz_require(r->server->authorizer, &attr, r->arena, &err) < 0) {
        fail(r, &err);
        return;
    }
    if (!r->route.handle) {
        if (r->info.is_resource) {
            routes_not_found(r, &err);
            fail(r, &err);
        } else {
            respond_text(r, 404, STR("404 page not found\n"));
        }
        return;
    }
    dispatch(r);
}

/* --- who is it? ------------------------------------------------------------------------------------------------- */

static bool has_impersonation(const struct http_request *http)
{
    return http_header(http, "impersonate-user").p || http_header(http, "impersonate-group").p ||
           http_header(http, "impersonate-uid").p;
}

#define IMPERSONATE_GROUPS_MAX 64

static int impersonate(struct request *r, struct err *err)
{
    struct authn_impersonation imp = {
        .user = http_header(r->http, "impersonate-user"),
        .uid = http_header(r->http, "impersonate-uid"),
    };
    struct str groups[IMPERSONATE_GROUPS_MAX], value;
    size_t at = 0;
    while (http_header_next(r->http, "impersonate-group", &at, &value)) {
        if (imp.n_groups == IMPERSONATE_GROUPS_MAX)
            return err_set(err, ERR_BAD_REQUEST, "too many Impersonate-Group headers");
        groups[imp.n_groups++] = value;
    }
    imp.groups = groups;
    struct user *as = NULL;
    if (authn_impersonate(r->server->authorizer, r->user, &imp, r->arena, &as, err) < 0)
        return -1;
    user_unref(r->user);
    r->user = as;
    return 0;
}

static struct authn_request credentials(const struct request *r)
{
    const struct http_peer *peer = r->http->peer;
    struct authn_request a = {.authorization = http_header(r->http, "authorization")};
    int64_t now = clock_wall(r->server->clock) / NS_PER_S;
    if (peer && peer->verified && peer->not_before <= now && now <= peer->not_after) {
        a.has_cert = true;
        a.cert_cn = peer->common_name;
        a.cert_orgs = peer->organizations;
        a.n_cert_orgs = peer->n_organizations;
        a.cert_fingerprint = str_n((const char *)peer->sha256, sizeof(peer->sha256));
    }
    return a;
}

/* A certificate that was shown and does not verify is refused, whatever else is shown. */
static bool bad_certificate(const struct request *r)
{
    const struct http_peer *peer = r->http->peer;
    return peer && peer->presented && !peer->verified && !http_header(r->http, "authorization").n;
}

static void identified(struct request *r)
{
    struct err err = ERR_INIT;
    if (has_impersonation(r->http) && impersonate(r, &err) < 0) {
        fail(r, &err);
        return;
    }
    authorize(r);
}

static void authenticate_on_worker(void *arg)
{
    struct request *r = arg;
    struct err err = ERR_INIT;
    struct authn_request cred = credentials(r);
    if (authn_authenticate(r->server->authn, &cred, &r->user, &err) < 0) {
        fail(r, &err);
        return;
    }
    identified(r);
}

/* --anonymous-auth: who shows nothing is somebody all the same. */
static void be_anonymous(struct request *r)
{
    const struct str groups[] = {STR("system:unauthenticated")};
    r->user = user_new(STR("system:anonymous"), STR(""), groups, ARRAY_LEN(groups), NULL, 0);
    identified(r);
}

static void authenticate(struct request *r)
{
    struct authn_request cred = credentials(r);
    struct err err = ERR_INIT;
    if (r->server->options->anonymous_auth && !cred.has_cert && !cred.authorization.n && !bad_certificate(r)) {
        be_anonymous(r);
        return;
    }
    if (bad_certificate(r) || (!cred.has_cert && !cred.authorization.n)) {
        status_unauthorized(&err);
        fail(r, &err);
        return;
    }
    r->user = authn_cached(r->server->authn, &cred);
    if (r->user)
        identified(r);
    else if (!worker_pool_submit(r->server->workers, authenticate_on_worker, r))
        busy(r);
}

/* --- the beginning ---------------------------------------------------------------------------------------------- */

static struct request *request_new(struct apiserver *server, struct http_request *http)
{
    struct arena *a = arena_new(LIMIT_DOC_ARENA);
    struct request *r = arena_new_of(a, struct request);
    if (!r)
        abort(); /* a fresh arena has room for this */
    r->server = server;
    r->http = http;
    r->arena = a;
    http->user = r;
    http->user_free = request_free;
    return r;
}

static bool is_dry_run(const struct query *q)
{
    return str_is(query_get(q, "dryRun"), "All");
}

void request_begin(void *apiserver, struct http_request *http)
{
    struct request *r = request_new(apiserver, http);
    struct err err = ERR_INIT;
    if (query_parse(r->arena, http->query, &r->query, &err) < 0 ||
        request_info_parse(r->arena, http->method, http->path, &r->query, &r->info, &err) < 0) {
        fail(r, &err);
        return;
    }
    r->dry_run = is_dry_run(&r->query);
    routes_find(r);
    if (r->route.flags & ROUTE_PUBLIC)
        dispatch(r);
    else
        authenticate(r);
}
