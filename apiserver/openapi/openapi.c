#include "apiserver/openapi/openapi.h"

#include <malloc.h>
#include <stdio.h>

#include "api/json.h"
#include "apiserver/apiextensions/customs.h"
#include "apiserver/openapi/gnostic.h"
#include "apiserver/openapi/spec.h"
#include "base/limits.h"
#include "base/map.h"

#define OPENAPI_ARENA (64 * MIB)
#define OPENAPI_BODY (32 * MIB)
#define V2_PROTOBUF "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
/* What kubectl asks for. With its @ it is no media type: Go cannot parse it in an answer. */
#define V2_PROTOBUF_AT "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"

/* --- documents --- */

static struct doc *info(struct arena *a, const char *version)
{
    struct doc *d = doc_object(a);

    if (!d)
        return NULL;
    doc_set(d, "title", doc_string(a, STR("Kubernetes")));
    doc_set(d, "version", doc_printf(a, "v%s", version));
    return d;
}

/* What a document is about: everything, or one group and version. */
struct scope {
    bool all;
    struct str group, version;
    const struct customs_table *customs; /* NULL = none */
    const char *program;
};

struct custom_walk {
    struct spec *s;
    struct doc *paths, *definitions;
};

static void custom_paths(void *arg, const struct custom *c, bool terminating)
{
    const struct custom_walk *w = arg;
    (void)terminating;
    spec_paths(w->s, w->paths, &c->res);
}

static void custom_definitions(void *arg, const struct custom *c, bool terminating)
{
    const struct custom_walk *w = arg;
    (void)terminating;
    spec_custom_definitions(w->s, w->definitions, c);
}

static void each_custom(const struct scope *o, customs_visit visit, struct custom_walk *w)
{
    if (o->customs)
        customs_each(o->customs, o->all ? (struct str){NULL, 0} : o->group, o->version, visit, w);
}

static struct doc *build_paths(struct spec *s, const struct scope *o)
{
    struct custom_walk w = {s, doc_object(s->a), NULL};
    const struct resource *all;
    size_t n = resources(&all);

    for (size_t i = 0; w.paths && i < n; i++)
        if (o->all || (str_is(o->group, all[i].group) && str_is(o->version, all[i].version)))
            spec_paths(s, w.paths, &all[i]);
    if (w.paths)
        each_custom(o, custom_paths, &w);
    return w.paths;
}

/* Those of custom resources first: they mention built-in ones. */
static struct doc *build_definitions(struct spec *s, const struct scope *o)
{
    struct custom_walk w = {s, NULL, doc_object(s->a)};

    if (!w.definitions)
        return NULL;
    each_custom(o, custom_definitions, &w);
    struct doc *all = spec_definitions(s);
    doc_foreach (w.definitions, d)
        if (all)
            doc_set_str(all, doc_key(d), doc_clone(s->a, d, true));
    return all;
}

static struct doc *document(struct arena *a, bool v3, const struct scope *o)
{
    struct doc *d = doc_object(a), *components = doc_object(a);
    struct spec s;

    if (!d || !components || spec_init(&s, a, v3) < 0)
        return NULL;
    doc_set(d, v3 ? "openapi" : "swagger", doc_string(a, v3 ? STR("3.0.0") : STR("2.0")));
    doc_set(d, "info", info(a, o->program));
    doc_set(d, "paths", build_paths(&s, o));
    if (!v3) {
        doc_set(d, "definitions", build_definitions(&s, o));
        return d;
    }
    doc_set(components, "schemas", build_definitions(&s, o));
    doc_set(d, "components", components);
    return d;
}

/* --- hashes: of the program's version, the document's name, and what custom resources there are --- */

static uint64_t document_hash(const struct scope *o, struct str name)
{
    uint64_t seed = o->customs ? o->customs->hash : 0;

    return hash_bytes(o->program, strlen(o->program), hash_bytes(name.p, name.n, 36 + seed));
}

static bool set_etag(struct openapi_answer *ret, uint64_t hash, struct str if_none_match)
{
    snprintf(ret->etag, sizeof(ret->etag), "\"%016llX\"", (unsigned long long)hash);
    struct str rest = if_none_match, one;
    while (rest.p && str_split(&rest, ',', &one))
        if (str_is(str_trim(one), ret->etag) || str_is(str_trim(one), "*"))
            ret->not_modified = true;
    return ret->not_modified;
}

/* --- negotiation --- */

/* Does the Accept header ask for the type, by name or by a wildcard that stands for JSON? */
static bool accepts(struct str accept, struct str type, bool wildcard)
{
    struct str one, name;

    if (accept.n == 0)
        return wildcard;
    while (str_split(&accept, ',', &one)) {
        str_split(&one, ';', &name);
        name = str_trim(name);
        if (str_ieq(name, type) || (wildcard && (str_is(name, "*/*") || str_is(name, "application/*"))))
            return true;
    }
    return false;
}

static int not_acceptable(struct err *err)
{
    return err_set(err, ERR_NOT_ACCEPTABLE, "only the following media types are accepted: application/json");
}

/* --- answers --- */

static int finish(struct openapi_answer *ret, struct arena *a, const struct doc *d, bool protobuf, struct err *err)
{
    if (!d || arena_overflow(a))
        return err_set(err, ERR_INTERNAL, "no memory for the OpenAPI document");
    if (protobuf)
        gnostic_encode(&ret->body, d);
    else
        json_write(&ret->body, d);
    return buf_ok(&ret->body) ? 0 : err_set(err, ERR_INTERNAL, "no memory for the OpenAPI document");
}

static int serve_v2(struct str accept, struct str if_none_match, struct scope o, struct openapi_answer *ret,
                    struct err *err)
{
    bool protobuf = accepts(accept, STR(V2_PROTOBUF_AT), false) || accepts(accept, STR(V2_PROTOBUF), false);

    if (!protobuf && !accepts(accept, STR("application/json"), true))
        return not_acceptable(err);
    ret->content_type = protobuf ? V2_PROTOBUF : "application/json";
    if (set_etag(ret, document_hash(&o, protobuf ? STR("v2 protobuf") : STR("v2")), if_none_match))
        return 0;
    _cleanup_(arena_freep) struct arena *a = arena_new(OPENAPI_ARENA);
    o.all = true;
    return finish(ret, a, document(a, false, &o), protobuf, err);
}

static void index_entry(struct arena *a, struct doc *paths, const char *name, const struct scope *o)
{
    struct doc *d = doc_object(a);

    if (!d || !name)
        return;
    doc_set(d, "serverRelativeURL",
            doc_printf(a, "/openapi/v3/%s?hash=%016llX", name, (unsigned long long)document_hash(o, str_of(name))));
    doc_set(paths, name, d);
}

static int serve_index(struct str if_none_match, const struct scope *o, struct openapi_answer *ret, struct err *err)
{
    if (set_etag(ret, document_hash(o, STR("v3")), if_none_match))
        return 0;
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *d = doc_object(a), *paths = doc_object(a);
    const struct resource_group *groups;
    size_t n = resource_groups(&groups);

    for (size_t i = 0; paths && i < n; i++)
        for (size_t v = 0; v < groups[i].n_versions; v++)
            index_entry(a, paths,
                        arena_printf(a, "%s%s/%s", groups[i].group[0] ? "apis/" : "api", groups[i].group,
                                     groups[i].versions[v]),
                        o);
    for (size_t i = 0; paths && o->customs && i < o->customs->n_groups; i++)
        for (size_t v = 0; v < o->customs->groups[i].n_versions; v++)
            index_entry(a, paths,
                        arena_printf(a, "apis/" STR_FMT "/" STR_FMT, STR_ARG(o->customs->groups[i].group),
                                     STR_ARG(o->customs->groups[i].versions[v])),
                        o);
    if (d && paths)
        doc_set(d, "paths", paths);
    return finish(ret, a, d, false, err);
}

static bool is_custom_group(const struct customs_table *t, struct str group, struct str version)
{
    for (size_t i = 0; t && i < t->n_groups; i++)
        for (size_t v = 0; v < t->groups[i].n_versions; v++)
            if (str_eq(group, t->groups[i].group) && str_eq(version, t->groups[i].versions[v]))
                return true;
    return false;
}

/* "api/v1" or "apis/apps/v1"; false when that is not served */
static bool find_group(struct str name, struct scope *o)
{
    const struct resource_group *groups;
    size_t n = resource_groups(&groups);
    struct str head;

    o->version = name;
    if (!str_split(&o->version, '/', &head) || (!str_is(head, "api") && !str_is(head, "apis")))
        return false;
    if (str_is(head, "apis") && (!str_split(&o->version, '/', &o->group) || o->group.n == 0))
        return false;
    for (size_t i = 0; o->version.p && i < n; i++)
        for (size_t v = 0; v < groups[i].n_versions; v++)
            if (str_is(o->group, groups[i].group) && str_is(o->version, groups[i].versions[v]))
                return true;
    return is_custom_group(o->customs, o->group, o->version);
}

static int serve_group(struct str name, struct str hash, struct str if_none_match, struct scope o,
                       struct openapi_answer *ret, struct err *err)
{
    char want[20];

    if (!find_group(name, &o))
        return err_set(err, ERR_NOT_FOUND, "the server could not find the requested resource");
    uint64_t h = document_hash(&o, name);
    snprintf(want, sizeof(want), "%016llX", (unsigned long long)h);
    if (str_is(hash, want))
        ret->cacheable = "public, immutable";
    if (set_etag(ret, h, if_none_match))
        return 0;
    _cleanup_(arena_freep) struct arena *a = arena_new(OPENAPI_ARENA);
    return finish(ret, a, document(a, true, &o), false, err);
}

int openapi_serve(struct str path, struct str hash, struct str accept, struct str if_none_match, const char *version,
                  const struct customs_table *customs, struct openapi_answer *ret, struct err *err)
{
    const struct scope o = {.group = STR(""), .version = STR(""), .customs = customs, .program = version};
    struct openapi_answer answer = {.content_type = "application/json", .body = BUF_INIT(OPENAPI_BODY)};
    int r;

    if (str_ends(path, STR("/")))
        path.n--;
    if (str_is(path, "/openapi/v2"))
        r = serve_v2(accept, if_none_match, o, &answer, err);
    else if (!accepts(accept, STR("application/json"), true))
        r = not_acceptable(err);
    else if (str_is(path, "/openapi/v3"))
        r = serve_index(if_none_match, &o, &answer, err);
    else if (str_starts(path, STR("/openapi/v3/")))
        r = serve_group(str_from(path, 12), hash, if_none_match, o, &answer, err);
    else
        r = err_set(err, ERR_NOT_FOUND, "the server could not find the requested resource");
    if (answer.body.len > MIB / 4) /* rare and large: give what it took back to the system, not to malloc */
        malloc_trim(0);
    if (r < 0) {
        buf_release(&answer.body);
        return -1;
    }
    *ret = answer;
    return 0;
}
