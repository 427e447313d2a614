#include "apiserver/http/request_info.h"

#include "base/limits.h"
#include "base/parse.h"

#define PARTS_MAX 64 /* segments looked at; a longer path can only be a proxy path, whose tail stays in `rest` */

struct parts {
    struct str v[PARTS_MAX];
    size_t n;
    const char *end;
};

static const struct {
    const char *method, *verb;
} METHOD_VERBS[] = {
    {"GET", "get"}, {"HEAD", "get"}, {"POST", "create"}, {"PUT", "update"}, {"PATCH", "patch"}, {"DELETE", "delete"},
};

static struct str verb_of_method(struct str method)
{
    for (size_t i = 0; i < ARRAY_LEN(METHOD_VERBS); i++)
        if (str_is(method, METHOD_VERBS[i].method))
            return str_of(METHOD_VERBS[i].verb);
    return STR("");
}

static struct str lower(struct arena *a, struct str s)
{
    char *p = arena_strndup(a, s.p, s.n);
    if (!p)
        return STR("");
    for (size_t i = 0; i < s.n; i++)
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (char)(p[i] + ('a' - 'A'));
    return str_n(p, s.n);
}

static void split(struct str path, struct parts *ret)
{
    while (path.n && path.p[0] == '/')
        path = str_from(path, 1);
    while (path.n && path.p[path.n - 1] == '/')
        path.n--;
    ret->n = 0;
    ret->end = path.p + path.n;
    struct str part;
    while (ret->n < PARTS_MAX && str_split(&path, '/', &part))
        ret->v[ret->n++] = part;
}

static int decode_path(struct arena *a, struct str raw, struct str *ret, struct err *err)
{
    if (raw.n > LIMIT_URL)
        return err_set(err, ERR_BAD_REQUEST, "request path too long");
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_URL + 1);
    if (!percent_decode(&b, raw, false) || !buf_ok(&b))
        return err_set(err, ERR_BAD_REQUEST, "invalid URL escape in path");
    *ret = arena_str(a, buf_str(&b));
    return 0;
}

static bool is_namespace_subresource(struct str s)
{
    return str_is(s, "status") || str_is(s, "finalize");
}

/* The value that a field selector demands of metadata.name; empty when it demands none. */
static struct str name_of_selector(struct str selector)
{
    struct str term;
    while (str_split(&selector, ',', &term)) {
        struct str key = STR("metadata.name");
        if (!str_starts(term, key))
            continue;
        term = str_from(term, key.n);
        if (str_starts(term, STR("==")))
            return str_from(term, 2);
        if (str_starts(term, STR("=")))
            return str_from(term, 1);
    }
    return STR("");
}

static void refine_verb(const struct query *q, struct request_info *info)
{
    if (!info->name.n && str_is(info->verb, "get")) {
        info->name = name_of_selector(query_get(q, "fieldSelector"));
        info->verb = query_bool(q, "watch") ? STR("watch") : STR("list");
    } else if (!info->name.n && str_is(info->verb, "delete")) {
        info->verb = STR("deletecollection");
    }
}

/* From the version on: [watch|proxy] [namespaces NS] resource [name [subresource [rest]]] */
static int parse_resource(struct str method, const struct parts *p, size_t at, const struct query *q,
                          struct request_info *info, struct err *err)
{
    info->is_resource = true;
    info->version = p->v[at++];
    info->verb = verb_of_method(method);
    bool special = str_is(p->v[at], "watch") || str_is(p->v[at], "proxy");
    if (special) {
        if (p->n - at < 2)
            return err_set(err, ERR_BAD_REQUEST, "unable to determine kind and namespace from url, " STR_FMT,
                           STR_ARG(info->path));
        info->verb = p->v[at++];
    }
    if (str_is(p->v[at], "namespaces") && p->n - at > 1) {
        info->ns = p->v[at + 1];
        if (p->n - at > 2 && !is_namespace_subresource(p->v[at + 2]))
            at += 2;
    }
    info->n_parts = p->n - at;
    info->resource = p->v[at];
    if (info->n_parts >= 2)
        info->name = p->v[at + 1];
    if (info->n_parts >= 3 && !special)
        info->subresource = p->v[at + 2];
    if (info->n_parts >= 4)
        info->rest = str_n(p->v[at + 3].p, (size_t)(p->end - p->v[at + 3].p));
    refine_verb(q, info);
    return 0;
}

int request_info_parse(struct arena *a, struct str method, struct str raw_path, const struct query *q,
                       struct request_info *ret, struct err *err)
{
    struct request_info info = {0};
    if (decode_path(a, raw_path, &info.path, err) < 0)
        return -1;
    info.verb = lower(a, method);
    struct parts parts;
    split(info.path, &parts);
    bool core = parts.n && str_is(parts.v[0], "api");
    bool grouped = parts.n && str_is(parts.v[0], "apis");
    size_t version_at = core ? 1 : 2;
    if ((core || grouped) && parts.n >= version_at + 2) {
        if (grouped)
            info.group = parts.v[1];
        if (parse_resource(method, &parts, version_at, q, &info, err) < 0)
            return -1;
    }
    *ret = info;
    return 0;
}
