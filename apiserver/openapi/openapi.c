#include "apiserver/openapi/openapi.h"

#include <malloc.h>
#include <stdio.h>

#include "api/json.h"
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

/* All groups when group is NULL. */
static struct doc *build_paths(struct spec *s, const struct resource_group *group, struct str version)
{
    struct doc *paths = doc_object(s->a);
    const struct resource *all;
    size_t n = resources(&all);

    for (size_t i = 0; paths && i < n; i++)
        if (!group || (strcmp(all[i].group, group->group) == 0 && str_is(version, all[i].version)))
            spec_paths(s, paths, &all[i]);
    return paths;
}

static struct doc *document(struct arena *a, bool v3, const struct resource_group *group, struct str version,
                            const char *program)
{
    struct doc *d = doc_object(a), *components = doc_object(a);
    struct spec s;

    if (!d || !components || spec_init(&s, a, v3) < 0)
        return NULL;
    doc_set(d, v3 ? "openapi" : "swagger", doc_string(a, v3 ? STR("3.0.0") : STR("2.0")));
    doc_set(d, "info", info(a, program));
    doc_set(d, "paths", build_paths(&s, group, version));
    if (!v3) {
        doc_set(d, "definitions", spec_definitions(&s));
        return d;
    }
    doc_set(components, "schemas", spec_definitions(&s));
    doc_set(d, "components", components);
    return d;
}

/* --- hashes: of the program's version and the document's name --- */

static uint64_t document_hash(const char *version, struct str name)
{
    return hash_bytes(version, strlen(version), hash_bytes(name.p, name.n, 36));
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

static int serve_v2(struct str accept, struct str if_none_match, const char *version, struct openapi_answer *ret,
                    struct err *err)
{
    bool protobuf = accepts(accept, STR(V2_PROTOBUF_AT), false) || accepts(accept, STR(V2_PROTOBUF), false);

    if (!protobuf && !accepts(accept, STR("application/json"), true))
        return not_acceptable(err);
    ret->content_type = protobuf ? V2_PROTOBUF : "application/json";
    if (set_etag(ret, document_hash(version, protobuf ? STR("v2 protobuf") : STR("v2")), if_none_match))
        return 0;
    _cleanup_(arena_freep) struct arena *a = arena_new(OPENAPI_ARENA);
    return finish(ret, a, document(a, false, NULL, STR(""), version), protobuf, err);
}

static void index_entry(struct arena *a, struct doc *paths, const char *name, const char *version)
{
    struct doc *d = doc_object(a);

    if (!d || !name)
        return;
    doc_set(
        d, "serverRelativeURL",
        doc_printf(a, "/openapi/v3/%s?hash=%016llX", name, (unsigned long long)document_hash(version, str_of(name))));
    doc_set(paths, name, d);
}

static int serve_index(struct str if_none_match, const char *version, struct openapi_answer *ret, struct err *err)
{
    if (set_etag(ret, document_hash(version, STR("v3")), if_none_match))
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
                        version);
    if (d && paths)
        doc_set(d, "paths", paths);
    return finish(ret, a, d, false, err);
}

/* "api/v1" or "apis/apps/v1"; false when that is not served */
static bool find_group(struct str name, const struct resource_group **ret_group, struct str *ret_version)
{
    const struct resource_group *groups;
    size_t n = resource_groups(&groups);
    struct str head, group = STR(""), version = name;

    if (!str_split(&version, '/', &head) || (!str_is(head, "api") && !str_is(head, "apis")))
        return false;
    if (str_is(head, "apis") && (!str_split(&version, '/', &group) || group.n == 0))
        return false;
    for (size_t i = 0; version.p && i < n; i++)
        for (size_t v = 0; v < groups[i].n_versions; v++)
            if (str_is(group, groups[i].group) && str_is(version, groups[i].versions[v])) {
                *ret_group = &groups[i];
                *ret_version = version;
                return true;
            }
    return false;
}

static int serve_group(struct str name, struct str hash, struct str if_none_match, const char *version,
                       struct openapi_answer *ret, struct err *err)
{
    const struct resource_group *group;
    struct str group_version;
    char want[20];

    if (!find_group(name, &group, &group_version))
        return err_set(err, ERR_NOT_FOUND, "the server could not find the requested resource");
    uint64_t h = document_hash(version, name);
    snprintf(want, sizeof(want), "%016llX", (unsigned long long)h);
    if (str_is(hash, want))
        ret->cacheable = "public, immutable";
    if (set_etag(ret, h, if_none_match))
        return 0;
    _cleanup_(arena_freep) struct arena *a = arena_new(OPENAPI_ARENA);
    return finish(ret, a, document(a, true, group, group_version, version), false, err);
}

int openapi_serve(struct str path, struct str hash, struct str accept, struct str if_none_match, const char *version,
                  struct openapi_answer *ret, struct err *err)
{
    struct openapi_answer answer = {.content_type = "application/json", .body = BUF_INIT(OPENAPI_BODY)};
    int r;

    if (str_ends(path, STR("/")))
        path.n--;
    if (str_is(path, "/openapi/v2"))
        r = serve_v2(accept, if_none_match, version, &answer, err);
    else if (!accepts(accept, STR("application/json"), true))
        r = not_acceptable(err);
    else if (str_is(path, "/openapi/v3"))
        r = serve_index(if_none_match, version, &answer, err);
    else if (str_starts(path, STR("/openapi/v3/")))
        r = serve_group(str_from(path, 12), hash, if_none_match, version, &answer, err);
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
