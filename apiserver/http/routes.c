#include "apiserver/http/routes.h"

#include "api/status.h"
#include "apiserver/apiextensions/customs.h"
#include "apiserver/http/discovery.h"
#include "apiserver/http/health.h"
#include "apiserver/http/respond.h"
#include "apiserver/http/subresources.h"
#include "apiserver/http/verbs.h"

#define READ (ROUTE_INLINE | ROUTE_CURRENT)
#define WRITE (ROUTE_BODY | ROUTE_MUTATING)

/* --- resources ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *verb;
    struct route route;
} VERBS[] = {
    {"get", {verb_get, READ}},
    {"list", {verb_list, READ}},
    {"watch", {verb_watch, READ | ROUTE_LOOP | ROUTE_LONG}},
    {"create", {verb_create, WRITE}},
    {"update", {verb_update, WRITE}},
    {"patch", {verb_patch, WRITE}},
    {"delete", {verb_delete, WRITE}},
    {"deletecollection", {verb_deletecollection, WRITE}},
};

/* Subresources whose body is the object itself, and those that are something else. "" = any resource. */
static const struct {
    const char *resource, *sub, *verb;
    struct route route;
} SUBRESOURCES[] = {
    {"", "status", "get", {verb_get, READ}},
    {"", "status", "update", {verb_update, WRITE}},
    {"", "status", "patch", {verb_patch, WRITE}},
    {"", "scale", "get", {sub_scale_get, 0}},
    {"", "scale", "update", {sub_scale_update, WRITE}},
    {"", "scale", "patch", {sub_scale_patch, WRITE}},
    {"namespaces", "finalize", "update", {verb_update, WRITE}},
    {"pods", "binding", "create", {sub_binding, WRITE}},
    {"pods", "eviction", "create", {sub_eviction, WRITE}},
    {"pods", "ephemeralcontainers", "get", {verb_get, READ}},
    {"pods", "ephemeralcontainers", "update", {verb_update, WRITE}},
    {"pods", "ephemeralcontainers", "patch", {verb_patch, WRITE}},
    {"pods", "resize", "get", {verb_get, READ}},
    {"pods", "resize", "update", {verb_update, WRITE}},
    {"pods", "resize", "patch", {verb_patch, WRITE}},
    {"certificatesigningrequests", "approval", "get", {verb_get, READ}},
    {"certificatesigningrequests", "approval", "update", {verb_update, WRITE}},
    {"certificatesigningrequests", "approval", "patch", {verb_patch, WRITE}},
    {"serviceaccounts", "token", "create", {sub_token, WRITE}},
    {"pods", "log", "get", {sub_log, ROUTE_LONG}},
    {"pods", "exec", "get", {sub_exec, ROUTE_LONG}},
    {"pods", "exec", "create", {sub_exec, ROUTE_LONG}},
    {"pods", "attach", "get", {sub_attach, ROUTE_LONG}},
    {"pods", "attach", "create", {sub_attach, ROUTE_LONG}},
    {"pods", "portforward", "get", {sub_port_forward, ROUTE_LONG}},
    {"pods", "portforward", "create", {sub_port_forward, ROUTE_LONG}},
};

/* Resources that are answered without a store. */
static const struct {
    const char *resource, *verb;
    struct route route;
} VIRTUAL[] = {
    {"bindings", "create", {sub_binding, WRITE}},
    {"tokenreviews", "create", {review_create, ROUTE_BODY}},
    {"subjectaccessreviews", "create", {review_create, ROUTE_BODY}},
    {"localsubjectaccessreviews", "create", {review_create, ROUTE_BODY}},
    {"selfsubjectaccessreviews", "create", {review_create, ROUTE_BODY}},
    {"selfsubjectrulesreviews", "create", {review_create, ROUTE_BODY}},
    {"selfsubjectreviews", "create", {review_create, ROUTE_BODY}},
    {"componentstatuses", "get", {component_statuses, 0}},
    {"componentstatuses", "list", {component_statuses, 0}},
};

static void find_sub(struct request *r)
{
    for (size_t i = 0; i < ARRAY_LEN(SUBRESOURCES); i++) {
        if (*SUBRESOURCES[i].resource && strcmp(SUBRESOURCES[i].resource, r->res->name) != 0)
            continue;
        if (strcmp(SUBRESOURCES[i].sub, r->sub->name) == 0 && str_is(r->info.verb, SUBRESOURCES[i].verb)) {
            r->route = SUBRESOURCES[i].route;
            return;
        }
    }
}

static void find_virtual(struct request *r)
{
    for (size_t i = 0; i < ARRAY_LEN(VIRTUAL); i++)
        if (strcmp(VIRTUAL[i].resource, r->res->name) == 0 && str_is(r->info.verb, VIRTUAL[i].verb)) {
            r->route = VIRTUAL[i].route;
            return;
        }
}

static void find_verb(struct request *r)
{
    for (size_t i = 0; i < ARRAY_LEN(VERBS); i++)
        if (str_is(r->info.verb, VERBS[i].verb)) {
            r->route = VERBS[i].route;
            return;
        }
}

/* Does the path have the form that the verb needs: a name for one object, none for a collection? */
static bool well_formed(const struct request *r)
{
    bool named = r->info.n_parts >= 2;
    if (r->info.subresource.n)
        return true;
    if (str_is(r->info.verb, "create"))
        return !named;
    if (str_is(r->info.verb, "update") || str_is(r->info.verb, "patch"))
        return named;
    return true;
}

/* /api/v1/namespaces/X/pods of a namespaced kind, or none for one that is not. */
static bool scope_fits(const struct request *r)
{
    if (strcmp(r->res->name, "namespaces") == 0 || r->res->namespaced)
        return true;
    return !r->info.ns.n;
}

static void find_resource(struct request *r)
{
    r->res = resource_find(r->info.group, r->info.version, r->info.resource);
    if (!r->res && r->info.group.n)
        r->res = customs_find(r->server->customs, r->info.group, r->info.version, r->info.resource, &r->custom);
    if (r->custom && r->res->custom->warning)
        doc_warn(&r->warnings, r->res->custom->warning);
    if (!r->res || !scope_fits(r))
        return;
    if (strcmp(r->res->name, "namespaces") == 0)
        r->info.ns = STR("");
    if (r->info.subresource.n) {
        r->sub = resource_sub_find(r->res, r->info.subresource);
        if (r->sub)
            find_sub(r);
        return;
    }
    if (!(r->res->verbs & resource_verb(r->info.verb)) || !well_formed(r))
        return;
    if (r->res->key_prefix)
        find_verb(r);
    else
        find_virtual(r);
}

int routes_not_found(struct request *r, struct err *err)
{
    bool known = r->res && (!r->info.subresource.n || r->sub) && scope_fits(r);
    if (known)
        return err_set(err, ERR_METHOD_NOT_ALLOWED, "the server does not allow this method on the requested resource");
    return err_set(err, ERR_NOT_FOUND, "the server could not find the requested resource");
}

/* --- other paths ---------------------------------------------------------------------------------------------------
 */

enum match { EXACT, BELOW /* the path itself and everything under it */ };

static const struct {
    const char *path;
    enum match match;
    struct route route;
} PATHS[] = {
    {"/healthz", BELOW, {health_handle, ROUTE_PUBLIC}},
    {"/livez", BELOW, {health_handle, ROUTE_PUBLIC}},
    {"/readyz", BELOW, {health_handle, ROUTE_PUBLIC}},
    {"/version", EXACT, {version_handle, ROUTE_PUBLIC | ROUTE_INLINE}},
    {"/metrics", EXACT, {metrics_handle, 0}},
    {"/api", EXACT, {discovery_api, ROUTE_INLINE}},
    {"/api", BELOW, {discovery_version, ROUTE_INLINE}},
    {"/apis", EXACT, {discovery_apis, ROUTE_INLINE}},
    {"/apis", BELOW, {discovery_group, ROUTE_INLINE}},
    {"/openapi/v2", EXACT, {openapi_handle, 0}},
    {"/openapi/v3", BELOW, {openapi_handle, 0}},
    {"/.well-known/openid-configuration", EXACT, {openid_configuration, 0}},
    {"/openid/v1/jwks", EXACT, {openid_jwks, 0}},
};

static bool path_matches(struct str path, const char *want, enum match match)
{
    struct str w = str_of(want);
    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    if (str_eq(path, w))
        return true;
    return match == BELOW && str_starts(path, w) && path.p[w.n] == '/';
}

void routes_find(struct request *r)
{
    if (r->info.is_resource) {
        find_resource(r);
        return;
    }
    if (!str_is(r->http->method, "GET") && !str_is(r->http->method, "HEAD"))
        return;
    for (size_t i = 0; i < ARRAY_LEN(PATHS); i++)
        if (path_matches(r->info.path, PATHS[i].path, PATHS[i].match)) {
            r->route = PATHS[i].route;
            return;
        }
}
