#include "route.h"

#include "base/parse.h"

struct str aws_header(const struct sigv4_request *r, const char *name)
{
    for (size_t i = 0; i < r->n_headers; i++)
        if (str_ieq(r->headers[i].name, str_of(name)))
            return str_trim(r->headers[i].value);
    return (struct str){0};
}

static struct str before(struct str s, char sep)
{
    struct str first = s;

    return str_split(&s, sep, &first) ? str_trim(first) : s;
}

static bool is_form(const struct sigv4_request *r)
{
    return str_ieq(before(aws_header(r, "content-type"), ';'), STR("application/x-www-form-urlencoded"));
}

/* What stands behind the last dot, and before it. */
static struct str target_operation(struct str target, struct str *ret_prefix)
{
    size_t at = target.n;

    while (at && target.p[at - 1] != '.')
        at--;
    *ret_prefix = str_n(target.p, at ? at - 1 : 0);
    return str_from(target, at);
}

static enum aws_protocol guess_protocol(const struct sigv4_request *r, const struct aws_route *route)
{
    if (aws_header(r, "x-amz-target").p) {
        struct str type = before(aws_header(r, "content-type"), ';');
        return str_ieq(type, STR("application/x-amz-json-1.0")) ? AWS_JSON_1_0 : AWS_JSON_1_1;
    }
    return is_form(r) || params_get(&route->params, STR("Action")).p ? AWS_QUERY : AWS_REST_JSON;
}

int aws_route_begin(struct aws_call *call, const struct sigv4_request *r, struct aws_route *ret)
{
    bool target = aws_header(r, "x-amz-target").p != NULL, ok;
    struct str prefix;

    *ret = (struct aws_route){.protocol = AWS_REST_JSON};
    ok = params_read(call->arena, &ret->params, r->query);
    if (ok && is_form(r) && !target)
        ok = params_read(call->arena, &ret->params, r->body);
    params_sort(&ret->params);
    ret->protocol = guess_protocol(r, ret);
    ret->query_mode = str_ieq(aws_header(r, "x-amzn-query-mode"), STR("true"));
    if (target)
        ret->action = target_operation(aws_header(r, "x-amz-target"), &prefix);
    else if (ret->protocol == AWS_QUERY)
        ret->action = params_get(&ret->params, STR("Action"));
    return ok ? 0 : aws_error(call, "MalformedQueryString", "The query string is malformed.");
}

/* --- paths --- */

/* Takes segments off path and template in step; labels are noted. A label {name+} takes all that is left. */
static bool path_matches(const char *template, struct str path, struct aws_route *route)
{
    struct str want = str_of(template), part, have;

    route->n_labels = 0;
    if (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    while (str_split(&want, '/', &part)) {
        bool label = part.n > 2 && part.p[0] == '{';
        if (!path.p)
            return false;
        if (!label) {
            if (!str_split(&path, '/', &have) || !str_eq(have, part)) {
                if (part.n || path.n)
                    return false;
            }
            continue;
        }
        part = str_n(part.p + 1, part.n - 2);
        if (part.p[part.n - 1] == '+') {
            part.n--;
            have = path;
            path = (struct str){0};
        } else if (!str_split(&path, '/', &have)) {
            return false;
        }
        if (have.n == 0 || route->n_labels == ROUTE_LABELS_MAX)
            return false;
        route->labels[route->n_labels].name = part;
        route->labels[route->n_labels++].value = have;
    }
    return !path.p || path.n == 0;
}

static int find_path(struct aws_call *call, const struct sigv4_request *r, struct aws_route *route)
{
    const struct aws_service *s = route->service;
    struct aws_route found = {0};

    /* A template without labels wins over one with: of /tags/{arn} and /tags/all the second. */
    for (size_t i = 0; i < s->n_operations; i++) {
        struct aws_route it = *route;
        if (!str_is(r->method, s->operations[i].method) || !path_matches(s->operations[i].uri, r->path, &it) ||
            (found.op && found.n_labels <= it.n_labels))
            continue;
        it.op = &s->operations[i];
        found = it;
    }
    if (!found.op)
        return aws_error_status(call, 404, "UnknownOperationException",
                                "%s has no operation at " STR_FMT " " STR_FMT ".", s->title, STR_ARG(r->method),
                                STR_ARG(r->path));
    *route = found;
    return 0;
}

/* --- names --- */

static int find_target(struct aws_call *call, const struct sigv4_request *r, struct aws_route *route)
{
    const struct aws_service *s = route->service;
    struct str prefix = {0}, target = aws_header(r, "x-amz-target");

    (void)target_operation(target, &prefix);
    route->op = str_is(prefix, s->target_prefix) ? aws_operation_find(s, route->action) : NULL;
    if (route->op)
        return 0;
    return aws_error(call, "UnknownOperationException", "%s has no operation '" STR_FMT "'.", s->title,
                     STR_ARG(target));
}

static int find_action(struct aws_call *call, struct aws_route *route)
{
    const struct aws_service *s = route->service;
    struct str version = params_get(&route->params, STR("Version"));

    if (!route->action.p)
        return aws_error(call, "MissingAction", "The request does not name an action.");
    route->op = version.p && !str_is(version, s->version) ? NULL : aws_operation_find(s, route->action);
    if (route->op)
        return 0;
    return aws_error(call, "InvalidAction", "Could not find operation " STR_FMT " for version " STR_FMT,
                     STR_ARG(route->action), STR_ARG(version.p ? version : STR("NO_VERSION_SPECIFIED")));
}

static bool is_json(enum aws_protocol p)
{
    return p == AWS_JSON_1_0 || p == AWS_JSON_1_1;
}

static int unknown_service(struct aws_call *call, enum aws_protocol p, struct str name)
{
    static const char text[] = "The service '" STR_FMT "' is not served here.";

    return p == AWS_QUERY
               ? aws_error(call, "InvalidAction", text, STR_ARG(name))
               : aws_error_status(call, is_json(p) ? 400 : 404, "UnknownOperationException", text, STR_ARG(name));
}

int aws_route_find(struct aws_call *call, const struct sigv4_request *r, const struct aws_service_set *services,
                   struct str signing_name, struct aws_route *route)
{
    for (size_t i = 0; i < services->n && !route->service; i++)
        if (str_is(signing_name, services->v[i].signing_name))
            route->service = &services->v[i];
    if (!route->service)
        return unknown_service(call, route->protocol, signing_name);
    call->service = route->service->id;
    if (is_json(route->service->protocol) != is_json(route->protocol) ||
        (route->service->protocol == AWS_QUERY) != (route->protocol == AWS_QUERY))
        return aws_error_status(call, 404, "UnknownOperationException", "%s does not speak this protocol.",
                                route->service->title);
    if (is_json(route->protocol))
        return find_target(call, r, route);
    return route->protocol == AWS_QUERY ? find_action(call, route) : find_path(call, r, route);
}
