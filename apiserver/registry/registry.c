#include "apiserver/registry/registry.h"

#include <stdatomic.h>

#include "api/status.h"
#include "apiserver/auth/node_graph.h"
#include "apiserver/registry/codec.h"
#include "base/limits.h"

void registry_add_resources(struct registry *g)
{
    const struct resource *all;
    size_t n = resources(&all);
    for (size_t i = 0; i < n; i++) {
        _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_URL);
        if (codec_key(&all[i], g->etcd_prefix, STR(""), STR(""), &b))
            storage_add_resource(g->storage, buf_str(&b));
    }
}

const struct resource *registry_resource(const char *group, const char *name)
{
    const struct resource *all, *found = NULL;
    size_t n = resources(&all);
    for (size_t i = 0; i < n; i++) {
        const struct resource *r = &all[i];
        if (strcmp(r->group, group) != 0 || strcmp(r->name, name) != 0)
            continue;
        if (!found || (r->storage_version && strcmp(r->version, r->storage_version) == 0))
            found = r;
    }
    return found;
}

static int get_object(struct registry *g, struct arena *a, const struct resource *res, struct str ns, struct str name,
                      enum storage_at at, struct storage_object **ret, struct err *err)
{
    _cleanup_(buf_releasep) struct buf key = BUF_INIT(LIMIT_URL);
    if (!codec_key(res, g->etcd_prefix, ns, name, &key))
        return err_set(err, ERR_INTERNAL, "no such key");
    if (storage_get(g->storage, buf_str(&key), at, 0, ret, err) == 0)
        return 0;
    return err->code == ERR_NOT_FOUND ? status_not_found(err, a, str_of(res->group), str_of(res->name), name) : -1;
}

static int get_live(struct registry *g, struct arena *a, const struct resource *res, struct str ns, struct str name,
                    struct storage_object **ret, struct err *err)
{
    if (get_object(g, a, res, ns, name, STORAGE_ANY, ret, err) == 0)
        return 0;
    if (err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    return get_object(g, a, res, ns, name, STORAGE_CONSISTENT, ret, err);
}

static int load(const struct resource *res, struct arena *a, struct storage_object *taken, struct doc **ret,
                struct err *err)
{
    arena_defer(a, (void (*)(void *))storage_object_unref, taken); /* the document looks into its bytes */
    return codec_load(res, a, taken, ret, err);
}

int registry_get(struct registry *g, struct arena *a, const struct resource *res, struct str ns, struct str name,
                 struct doc **ret, struct err *err)
{
    struct storage_object *o = NULL;
    if (get_object(g, a, res, ns, name, STORAGE_ANY, &o, err) < 0)
        return -1;
    return load(res, a, o, ret, err);
}

int registry_get_live(struct registry *g, struct arena *a, const struct resource *res, struct str ns, struct str name,
                      struct doc **ret, struct err *err)
{
    struct storage_object *o = NULL;
    if (get_live(g, a, res, ns, name, &o, err) < 0)
        return -1;
    return load(res, a, o, ret, err);
}

int registry_fields_live(struct registry *g, struct arena *a, const struct resource *res, struct str ns,
                         struct str name, const char *const *fields, size_t n, struct str *ret, struct err *err)
{
    _cleanup_(storage_object_unrefp) struct storage_object *o = NULL;
    if (get_live(g, a, res, ns, name, &o, err) < 0)
        return -1;
    const struct object_index *ix = codec_index(res, o);
    if (!ix)
        return err_set(err, ERR_INTERNAL, "cannot read %s \"" STR_FMT "\"", res->name, STR_ARG(name));
    for (size_t i = 0; i < n; i++)
        ret[i] = arena_str(a, codec_field_value(res, ix, str_of(fields[i])));
    return 0;
}

static int list_all(struct registry *g, const struct resource *res, struct str ns, struct storage_list *ret,
                    struct err *err)
{
    _cleanup_(buf_releasep) struct buf prefix = BUF_INIT(LIMIT_URL);
    if (!codec_key(res, g->etcd_prefix, ns, STR(""), &prefix))
        return err_set(err, ERR_INTERNAL, "no such key");
    const struct storage_list_options o = {.prefix = buf_str(&prefix), .at = STORAGE_ANY};
    return storage_list(g->storage, &o, ret, err);
}

int registry_each(struct registry *g, const struct resource *res, struct str ns,
                  bool (*visit)(void *arg, const struct doc *obj), void *arg, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    struct storage_list list;
    if (list_all(g, res, ns, &list, err) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; i < list.n && result == 0; i++) {
        struct doc *obj = NULL;
        result = codec_load(res, a, list.v[i], &obj, err);
        if (result == 0 && !visit(arg, obj))
            break;
        arena_reset(a);
    }
    storage_list_release(&list);
    return result;
}

int registry_each_index(struct registry *g, const struct resource *res, struct str ns,
                        bool (*visit)(void *arg, const struct object_index *ix), void *arg, struct err *err)
{
    struct storage_list list;
    if (list_all(g, res, ns, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < list.n; i++) {
        const struct object_index *ix = codec_index(res, list.v[i]);
        if (ix && !visit(arg, ix))
            break;
    }
    storage_list_release(&list);
    return 0;
}

struct op registry_op(struct registry *g, struct arena *a, const struct resource *res, struct str ns, struct str name)
{
    return (struct op){
        .registry = g,
        .arena = a,
        .res = res,
        .sub = "",
        .strategy = strategy_of(res),
        .ns = ns,
        .name = name,
        .now = clock_wall(g->clock),
    };
}

/* --- for authentication and authorization ------------------------------------------------------------------------ */

static int auth_get(void *ud, struct arena *a, const char *group, const char *resource, struct str ns, struct str name,
                    struct doc **ret, struct err *err)
{
    const struct resource *res = registry_resource(group, resource);
    if (!res)
        return err_set(err, ERR_NOT_FOUND, "no such resource");
    return registry_get(ud, a, res, ns, name, ret, err);
}

struct auth_visit {
    void (*visit)(void *arg, const struct doc *obj);
    void *arg;
};

static bool auth_visit(void *arg, const struct doc *obj)
{
    struct auth_visit *v = arg;
    v->visit(v->arg, obj);
    return true;
}

static int auth_list(void *ud, const char *group, const char *resource, void (*visit)(void *arg, const struct doc *obj),
                     void *arg, struct err *err)
{
    const struct resource *res = registry_resource(group, resource);
    struct auth_visit v = {visit, arg};
    if (!res)
        return err_set(err, ERR_NOT_FOUND, "no such resource");
    return registry_each(ud, res, STR(""), auth_visit, &v, err);
}

static uint64_t auth_generation(void *ud)
{
    const struct registry *g = ud;
    return atomic_load(&g->rbac_generation);
}

struct on_node {
    const struct resource *pods;
    struct str node;
};

static bool is_on_node(void *user, const struct storage_object *o)
{
    const struct on_node *n = user;
    const struct object_index *ix = codec_index(n->pods, o);
    return ix && str_eq(codec_field_value(n->pods, ix, STR("spec.nodeName")), n->node);
}

static bool pod_on_node_uses(struct registry *g, struct str node, const char *resource, struct str ns, struct str name)
{
    _cleanup_(buf_releasep) struct buf prefix = BUF_INIT(LIMIT_URL);
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    struct on_node n = {registry_resource("", "pods"), node};
    struct storage_list list;
    struct err err = ERR_INIT; /* what cannot be read is not used */
    bool uses = false;
    if (!ns.n || !codec_key(n.pods, g->etcd_prefix, ns, STR(""), &prefix))
        return false;
    struct storage_list_options o = {.prefix = buf_str(&prefix), .at = STORAGE_ANY, .match = is_on_node, .user = &n};
    if (storage_list(g->storage, &o, &list, &err) == 0)
        for (size_t i = 0; i < list.n && !uses; i++) {
            struct doc *pod = NULL;
            uses = codec_load(n.pods, a, list.v[i], &pod, &err) == 0 && node_graph_pod_uses(pod, resource, name);
            arena_reset(a);
        }
    storage_list_release(&list);
    return uses;
}

/* A volume is its claim's: a node may see it when one of its pods uses the claim. */
static bool auth_node_uses(void *ud, struct str node, const char *resource, struct str ns, struct str name)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    struct doc *volume = NULL;
    struct err err = ERR_INIT;
    if (strcmp(resource, "persistentvolumes") != 0)
        return pod_on_node_uses(ud, node, resource, ns, name);
    if (auth_get(ud, a, "", resource, STR(""), name, &volume, &err) < 0)
        return false;
    const struct doc *claim = doc_path(volume, "spec.claimRef");
    return pod_on_node_uses(ud, node, "persistentvolumeclaims", doc_str(doc_get(claim, "namespace")),
                            doc_str(doc_get(claim, "name")));
}

struct auth_store registry_auth_store(struct registry *g)
{
    return (struct auth_store){
        .ud = g, .get = auth_get, .list = auth_list, .rbac_generation = auth_generation, .node_uses = auth_node_uses};
}
