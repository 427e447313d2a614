#include "apiserver/http/discovery.h"
#include <stdio.h>

#include "apiserver/apiextensions/customs.h"
#include "apiserver/http/respond.h"
#include "base/limits.h"
#include "base/map.h"

#define LIMIT_DISCOVERY (4 * MIB)
#define AGGREGATED "application/json;g=apidiscovery.k8s.io;v=%s;as=APIGroupDiscoveryList"

struct discovery {
    struct map paths;                    /* "/apis/apps/v1" -> struct shared_buf */
    struct shared_buf *aggregated[2][2]; /* [core or the rest][v2 or v2beta1] */
};

static void unref_buf(void *p)
{
    shared_buf_unref(p);
}

/* --- building ----------------------------------------------------------------------------------------------------- */

static struct doc *text(struct arena *a, const char *s)
{
    return doc_string(a, str_of(s));
}

static struct doc *verb_list(struct arena *a, uint16_t verbs)
{
    static const uint16_t alphabetical[] = {VERB_CREATE, VERB_DELETE, VERB_DELETECOLLECTION, VERB_GET,
                                            VERB_LIST,   VERB_PATCH,  VERB_UPDATE,           VERB_WATCH};
    struct doc *list = doc_array(a);
    for (size_t i = 0; i < ARRAY_LEN(alphabetical); i++)
        if (verbs & alphabetical[i])
            doc_append(list, text(a, resource_verb_name(alphabetical[i])));
    return list;
}

static struct doc *words(struct arena *a, const char *comma_separated)
{
    struct doc *list = doc_array(a);
    struct str rest = str_of(comma_separated), word;
    while (str_split(&rest, ',', &word))
        if (word.n)
            doc_append(list, doc_string(a, word));
    return list;
}

static const char *group_version(struct arena *a, const char *group, const char *version)
{
    const char *gv = *group ? arena_printf(a, "%s/%s", group, version) : version;
    return gv ? gv : "";
}

static struct doc *typed(struct arena *a, const char *kind, const char *api_version)
{
    struct doc *d = doc_object(a);
    doc_set(d, "kind", text(a, kind));
    if (api_version)
        doc_set(d, "apiVersion", text(a, api_version));
    return d;
}

static struct doc *api_resource(struct arena *a, const struct resource *res, uint16_t verbs)
{
    struct doc *d = doc_object(a);
    doc_set(d, "name", text(a, res->name));
    doc_set(d, "singularName", text(a, res->singular));
    doc_set(d, "namespaced", doc_bool(a, res->namespaced));
    doc_set(d, "kind", text(a, res->kind));
    doc_set(d, "verbs", verb_list(a, verbs));
    if (*res->short_names)
        doc_set(d, "shortNames", words(a, res->short_names));
    if (*res->categories)
        doc_set(d, "categories", words(a, res->categories));
    if (res->storage_hash && *res->storage_hash)
        doc_set(d, "storageVersionHash", text(a, res->storage_hash));
    return d;
}

static struct doc *api_subresource(struct arena *a, const struct resource *res, const struct resource_sub *sub)
{
    struct doc *d = doc_object(a);
    doc_set(d, "name", doc_printf(a, "%s/%s", res->name, sub->name));
    doc_set(d, "singularName", text(a, ""));
    doc_set(d, "namespaced", doc_bool(a, res->namespaced));
    if (sub->kind_version &&
        (strcmp(sub->kind_group, res->group) != 0 || strcmp(sub->kind_version, res->version) != 0)) {
        doc_set(d, "group", text(a, sub->kind_group));
        doc_set(d, "version", text(a, sub->kind_version));
    }
    doc_set(d, "kind", text(a, sub->kind ? sub->kind : res->kind));
    doc_set(d, "verbs", verb_list(a, sub->verbs));
    return d;
}

static void add_resource(struct arena *a, struct doc *list, const struct resource *res, uint16_t verbs)
{
    doc_append(list, api_resource(a, res, verbs));
    for (size_t i = 0; i < res->n_subs; i++)
        doc_append(list, api_subresource(a, res, &res->subs[i]));
}

/* Where rows of custom resources are added. */
struct target {
    struct arena *a;
    struct doc *list;
};

/* Nothing new comes into what is being deleted. */
static uint16_t custom_verbs(const struct custom *c, bool terminating)
{
    return terminating ? c->res.verbs & (uint16_t) ~(VERB_CREATE | VERB_UPDATE | VERB_PATCH) : c->res.verbs;
}

static void add_custom(void *arg, const struct custom *c, bool terminating)
{
    const struct target *to = arg;
    add_resource(to->a, to->list, &c->res, custom_verbs(c, terminating));
}

static struct doc *resource_list(struct arena *a, const struct customs_table *customs, const char *group,
                                 const char *version)
{
    struct doc *d = typed(a, "APIResourceList", *group ? "v1" : NULL), *list = doc_array(a);
    doc_set(d, "groupVersion", text(a, group_version(a, group, version)));
    const struct resource *all;
    size_t n = resources(&all);
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i].group, group) == 0 && strcmp(all[i].version, version) == 0)
            add_resource(a, list, &all[i], all[i].verbs);
    struct target to = {a, list};
    customs_each(customs, str_of(group), str_of(version), add_custom, &to);
    doc_set(d, "resources", list);
    return d;
}

static struct doc *version_entry(struct arena *a, const char *group, const char *version)
{
    struct doc *d = doc_object(a);
    doc_set(d, "groupVersion", text(a, group_version(a, group, version)));
    doc_set(d, "version", text(a, version));
    return d;
}

static struct doc *group_entry(struct arena *a, const struct resource_group *g, bool with_type)
{
    struct doc *d = with_type ? typed(a, "APIGroup", "v1") : doc_object(a), *versions = doc_array(a);
    doc_set(d, "name", text(a, g->group));
    for (size_t i = 0; i < g->n_versions; i++)
        doc_append(versions, version_entry(a, g->group, g->versions[i]));
    doc_set(d, "versions", versions);
    doc_set(d, "preferredVersion", version_entry(a, g->group, g->versions[0]));
    return d;
}

static struct doc *response_kind(struct arena *a, const char *group, const char *version, const char *kind)
{
    struct doc *d = doc_object(a);
    doc_set(d, "group", text(a, group));
    doc_set(d, "version", text(a, version));
    doc_set(d, "kind", text(a, kind));
    return d;
}

static struct doc *aggregated_resource(struct arena *a, const struct resource *res, uint16_t verbs)
{
    struct doc *d = doc_object(a), *subs = doc_array(a);
    doc_set(d, "resource", text(a, res->name));
    doc_set(d, "responseKind", response_kind(a, res->group, res->version, res->kind));
    doc_set(d, "scope", text(a, res->namespaced ? "Namespaced" : "Cluster"));
    doc_set(d, "singularResource", text(a, res->singular));
    doc_set(d, "verbs", verb_list(a, verbs));
    if (*res->short_names)
        doc_set(d, "shortNames", words(a, res->short_names));
    if (*res->categories)
        doc_set(d, "categories", words(a, res->categories));
    for (size_t i = 0; i < res->n_subs; i++) {
        const struct resource_sub *sub = &res->subs[i];
        struct doc *s = doc_object(a);
        doc_set(s, "subresource", text(a, sub->name));
        doc_set(s, "responseKind",
                response_kind(a, sub->kind_version ? sub->kind_group : res->group,
                              sub->kind_version ? sub->kind_version : res->version, sub->kind ? sub->kind : res->kind));
        doc_set(s, "verbs", verb_list(a, sub->verbs));
        doc_append(subs, s);
    }
    if (doc_count(subs))
        doc_set(d, "subresources", subs);
    return d;
}

static void add_aggregated_custom(void *arg, const struct custom *c, bool terminating)
{
    const struct target *to = arg;
    doc_append(to->list, aggregated_resource(to->a, &c->res, custom_verbs(c, terminating)));
}

static struct doc *aggregated_group(struct arena *a, const struct customs_table *customs,
                                    const struct resource_group *g)
{
    struct doc *d = doc_object(a), *meta = doc_object(a), *versions = doc_array(a);
    if (*g->group)
        doc_set(meta, "name", text(a, g->group));
    doc_set(meta, "creationTimestamp", doc_null(a));
    doc_set(d, "metadata", meta);
    const struct resource *all;
    size_t n = resources(&all);
    for (size_t v = 0; v < g->n_versions; v++) {
        struct doc *version = doc_object(a), *list = doc_array(a);
        doc_set(version, "version", text(a, g->versions[v]));
        for (size_t i = 0; i < n; i++)
            if (strcmp(all[i].group, g->group) == 0 && strcmp(all[i].version, g->versions[v]) == 0)
                doc_append(list, aggregated_resource(a, &all[i], all[i].verbs));
        struct target to = {a, list};
        customs_each(customs, str_of(g->group), str_of(g->versions[v]), add_aggregated_custom, &to);
        doc_set(version, "resources", list);
        doc_set(version, "freshness", text(a, "Current"));
        doc_append(versions, version);
    }
    doc_set(d, "versions", versions);
    return d;
}

static struct shared_buf *written(const struct doc *d)
{
    struct buf b = BUF_INIT(LIMIT_DISCOVERY);
    json_write(&b, d);
    buf_putc(&b, '\n');
    return shared_buf_from(&b);
}

static void keep(struct discovery *d, struct arena *a, const char *path, const struct doc *body)
{
    map_set(&d->paths, str_of(path), written(body));
    arena_reset(a);
}

/* Built-in groups in their order, then those that have custom resources only. */
struct group_list {
    struct resource_group *v;
    size_t n;
};

static void add_custom_group(struct arena *a, struct group_list *l, const struct customs_group *g)
{
    const char **versions = arena_calloc(a, g->n_versions, sizeof(*versions));
    for (size_t i = 0; i < l->n; i++)
        if (str_is(g->group, l->v[i].group)) /* custom resources in a built-in group: in its versions only */
            return;
    for (size_t i = 0; versions && i < g->n_versions; i++)
        versions[i] = arena_strndup(a, g->versions[i].p, g->versions[i].n);
    if (versions)
        l->v[l->n++] = (struct resource_group){arena_strndup(a, g->group.p, g->group.n), versions,
                                               (uint8_t)MIN_OF(g->n_versions, (size_t)UINT8_MAX)};
}

static struct group_list all_groups(struct arena *a, const struct customs_table *customs)
{
    const struct resource_group *built_in;
    size_t n = resource_groups(&built_in);
    struct group_list l = {arena_calloc(a, n + customs->n_groups, sizeof(*l.v)), 0};
    for (size_t i = 0; l.v && i < n; i++)
        l.v[l.n++] = built_in[i];
    for (size_t i = 0; l.v && i < customs->n_groups; i++)
        add_custom_group(a, &l, &customs->groups[i]);
    return l;
}

static void build_group(struct discovery *d, struct arena *a, const struct customs_table *customs,
                        const struct resource_group *g)
{
    char path[512];
    for (size_t v = 0; v < g->n_versions; v++) {
        snprintf(path, sizeof(path), *g->group ? "/apis/%s/%s" : "/api%s/%s", g->group, g->versions[v]);
        keep(d, a, path, resource_list(a, customs, g->group, g->versions[v]));
    }
    if (*g->group) {
        snprintf(path, sizeof(path), "/apis/%s", g->group);
        keep(d, a, path, group_entry(a, g, true));
    }
}

static void build_roots(struct discovery *d, struct arena *a, const struct customs_table *customs,
                        const struct group_list *groups)
{
    struct doc *list = typed(a, "APIGroupList", "v1"), *entries = doc_array(a);
    for (size_t i = 0; i < groups->n; i++)
        if (*groups->v[i].group)
            doc_append(entries, group_entry(a, &groups->v[i], false));
    doc_set(list, "groups", entries);
    keep(d, a, "/apis", list);
    for (int beta = 0; beta < 2; beta++)
        for (int rest = 0; rest < 2; rest++) {
            struct doc *all =
                typed(a, "APIGroupDiscoveryList", beta ? "apidiscovery.k8s.io/v2beta1" : "apidiscovery.k8s.io/v2");
            struct doc *items = doc_array(a);
            doc_set(all, "metadata", doc_object(a));
            for (size_t i = 0; i < groups->n; i++)
                if ((*groups->v[i].group != '\0') == (rest == 1))
                    doc_append(items, aggregated_group(a, customs, &groups->v[i]));
            doc_set(all, "items", items);
            d->aggregated[rest][beta] = written(all);
            arena_reset(a);
        }
}

struct discovery *discovery_new(const struct customs_table *customs)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA), *names = arena_new(LIMIT_DOC_ARENA);
    struct discovery *d = xcalloc(1, sizeof(*d));
    struct group_list groups = all_groups(names, customs);
    map_init(&d->paths, unref_buf);
    for (size_t i = 0; i < groups.n; i++)
        build_group(d, a, customs, &groups.v[i]);
    build_roots(d, a, customs, &groups);
    return d;
}

struct discovery *discovery_free(struct discovery *d)
{
    if (d) {
        map_release(&d->paths);
        for (int i = 0; i < 4; i++)
            shared_buf_unref(d->aggregated[i / 2][i % 2]);
        free(d);
    }
    return NULL;
}

/* --- answering ---------------------------------------------------------------------------------------------------- */

static int answer_path(struct request *r, struct str path, struct err *err)
{
    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    _cleanup_(customs_table_unrefp) struct customs_table *table = customs_table(r->server->customs);
    struct shared_buf *b = map_get(&table->discovery->paths, path);
    (void)err;
    if (!b) {
        respond_text(r, 404, STR("404 page not found\n"));
        return 0;
    }
    if (respond_pretty(r)) {
        struct doc *d = NULL;
        if (json_parse(r->arena, shared_buf_str(b), NULL, &d, err) < 0)
            return -1;
        respond_json(r, 200, "application/json", d);
        return 0;
    }
    respond_shared(r, 200, "application/json", shared_buf_ref(b));
    return 0;
}

static int answer_aggregated(struct request *r, int rest, bool *ret_done, struct err *err)
{
    *ret_done = false;
    if (negotiate_accept(http_header(r->http, "accept"), NEGOTIATE_DISCOVERY, &r->accept, err) < 0) {
        err_clear(err); /* the plain document then, as upstream */
        return 0;
    }
    if (r->accept.shape != SHAPE_DISCOVERY)
        return 0;
    _cleanup_(customs_table_unrefp) struct customs_table *table = customs_table(r->server->customs);
    const char *type = arena_printf(r->arena, AGGREGATED, r->accept.beta ? "v2beta1" : "v2");
    respond_shared(r, 200, type ? type : "application/json",
                   shared_buf_ref(table->discovery->aggregated[rest][r->accept.beta]));
    *ret_done = true;
    return 0;
}

int discovery_api(struct request *r, struct err *err)
{
    bool done;
    if (answer_aggregated(r, 0, &done, err) < 0 || done)
        return done ? 0 : -1;
    struct doc *d = typed(r->arena, "APIVersions", NULL), *versions = doc_array(r->arena), *cidr = doc_object(r->arena);
    struct doc *addresses = doc_array(r->arena);
    doc_append(versions, text(r->arena, "v1"));
    doc_set(d, "versions", versions);
    doc_set(cidr, "clientCIDR", text(r->arena, "0.0.0.0/0"));
    doc_set(cidr, "serverAddress", doc_string(r->arena, r->http->authority));
    doc_append(addresses, cidr);
    doc_set(d, "serverAddressByClientCIDRs", addresses);
    respond_json(r, 200, "application/json", d);
    return 0;
}

int discovery_apis(struct request *r, struct err *err)
{
    bool done;
    if (answer_aggregated(r, 1, &done, err) < 0 || done)
        return done ? 0 : -1;
    return answer_path(r, STR("/apis"), err);
}

int discovery_group(struct request *r, struct err *err)
{
    return answer_path(r, r->info.path, err);
}

int discovery_version(struct request *r, struct err *err)
{
    return answer_path(r, r->info.path, err);
}
