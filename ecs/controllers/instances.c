#include "ecs/controllers/instances.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "client/meta.h"
#include "ecs/ops/clusters.h"
#include "ecs/ops/instances.h"

#define WORKERS 2
#define GONE_NS NS_PER_S /* several go at a time */
#define NODE "node"      /* keys: NODE/name, CLUSTER/name of the object */
#define CLUSTER "cluster"

struct instance_controller {
    struct ecs_store *store;
    struct controller *base;
    const char *region, *account;
};

struct round {
    struct instance_controller *controller;
    struct ecs_store *store;
    struct arena *arena;
    struct instance_origin from; /* region, account, now_s; cluster and node of the step */
};

static void add_node(void *ctx, struct str ns, struct str name)
{
    struct instance_controller *c = ctx;

    (void)ns;
    controller_add(c->base, STR(NODE), name, 0);
}

static void add_cluster(void *ctx, struct str ns, struct str name)
{
    struct instance_controller *c = ctx;

    (void)ns;
    controller_add(c->base, STR(CLUSTER), name, 0);
}

static void add_cluster_later(void *ctx, struct str ns, struct str name)
{
    struct instance_controller *c = ctx;

    (void)ns;
    controller_add(c->base, STR(CLUSTER), name, GONE_NS);
}

static void changed(void *ctx, enum ecs_kind_id k, struct str ns, struct str name)
{
    struct instance_controller *c = ctx;

    if (k == ECS_NODE)
        add_node(c, ns, name);
    else if (k == ECS_CLUSTER)
        add_cluster(c, ns, name);
    else if (k == ECS_CONTAINER_INSTANCE && !ecs_usage_has_instance(ecs_store_usage(c->store), ns, name))
        ecs_store_each_name(c->store, ECS_CLUSTER, NULL, add_cluster_later, c); /* somebody deleted it: make it anew */
}

static void seed(void *ctx)
{
    struct instance_controller *c = ctx;

    ecs_store_each_name(c->store, ECS_CLUSTER, NULL, add_cluster, c);
    ecs_store_each_name(c->store, ECS_NODE, NULL, add_node, c);
}

static int get_or_null(struct round *r, enum ecs_kind_id k, const char *name, struct doc **ret, struct err *err)
{
    return ecs_store_find(r->store, r->arena, k, NULL, name, ret, err) < 0 ? -1 : 0;
}

/* --- a cluster's instance on a node --- */

struct cluster {
    const char *name, *ns, *object;
};

static bool active_cluster(struct arena *a, const struct doc *o, struct cluster *ret)
{
    if (!str_is(doc_str(doc_path(o, "status.status")), "ACTIVE"))
        return false;
    *ret = (struct cluster){.name = arena_str(a, doc_str(doc_path(o, "spec.clusterName"))).p,
                            .ns = arena_str(a, doc_str(doc_path(o, "status.namespace"))).p,
                            .object = arena_str(a, doc_str(doc_path(o, "metadata.name"))).p};
    return true;
}

/* A cluster may be deleted while we are at it: then its namespace takes nothing any more. */
static bool cluster_went(struct round *r, const struct cluster *c)
{
    struct err err = ERR_INIT;
    struct doc *o;
    struct cluster now;

    return ecs_store_get(r->store, r->arena, ECS_CLUSTER, NULL, c->object, &o, &err) < 0 ||
           !active_cluster(r->arena, o, &now);
}

/* Somebody deleted the namespace of a cluster that is ACTIVE, with all that was in it: the cluster can be used again.
 */
static int make_namespace(struct round *r, const struct cluster *c, struct err *err)
{
    if (ecs_make_namespace(r->store, c->ns, err) < 0)
        return -1;
    log_warn("the namespace of a cluster had gone, and is made anew", LOG_S("namespace", c->ns));
    return 0;
}

static int ensure(struct round *r, const struct cluster *c, const struct doc *node, bool *ret_made, struct err *err)
{
    r->from.cluster = c->name;
    r->from.node = node;
    if (ecs_instance_ensure(r->store, r->arena, c->ns, &r->from, ret_made, err) == 0)
        return 0;
    if (err->code != ERR_NOT_FOUND && err->code != ERR_FORBIDDEN)
        return err_wrap(err, "instance of cluster %s", c->name);
    bool missing = err->code == ERR_NOT_FOUND;
    if (cluster_went(r, c)) {
        err_clear(err);
        return 0;
    }
    if (!missing)
        return err_wrap(err, "instance of cluster %s", c->name);
    err_clear(err);
    if (make_namespace(r, c, err) < 0)
        return err_wrap(err, "namespace of cluster %s", c->name);
    return ecs_instance_ensure(r->store, r->arena, c->ns, &r->from, ret_made, err);
}

static int sync_node(struct round *r, const char *name, struct err *err)
{
    struct doc *node, *clusters;

    if (get_or_null(r, ECS_NODE, name, &node, err) < 0 ||
        ecs_store_list(r->store, r->arena, ECS_CLUSTER, NULL, &clusters, err) < 0)
        return -1;
    doc_foreach (clusters, o) {
        struct cluster c;
        bool made = false;

        if (!active_cluster(r->arena, o, &c))
            continue;
        if (node && ensure(r, &c, node, &made, err) < 0)
            return -1;
        if (!node || made) /* the cluster has to look for one whose node is no more */
            controller_add(r->controller->base, STR(CLUSTER), str_of(c.object), 0);
    }
    return 0;
}

/* --- a cluster's instances on nodes that are no more --- */

static int retire(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    const struct round *r = ctx;

    (void)err;
    return instance_renew(a, o, &r->from);
}

static int without_node(struct round *r, const struct cluster *c, const struct doc *instance, struct err *err)
{
    const char *id = arena_str(r->arena, doc_str(doc_path(instance, "metadata.name"))).p;
    int64_t at;

    r->from.node = NULL;
    if (!instance_expires(instance, &at)) {
        controller_add(r->controller->base, STR(CLUSTER), str_of(c->object), (int64_t)INSTANCE_KEPT_S * NS_PER_S);
        return ecs_store_modify(r->store, r->arena, ECS_CONTAINER_INSTANCE, c->ns, id, retire, r, NULL, err);
    }
    if (at <= r->from.now_s)
        return ecs_store_delete(r->store, ECS_CONTAINER_INSTANCE, c->ns, id, err);
    controller_add(r->controller->base, STR(CLUSTER), str_of(c->object), (at - r->from.now_s) * NS_PER_S);
    return 0;
}

static int sync_nodes_of(struct round *r, const struct cluster *c, struct map *uids, struct err *err)
{
    struct doc *nodes, *instances;

    if (ecs_store_list(r->store, r->arena, ECS_NODE, NULL, &nodes, err) < 0 ||
        ecs_store_list(r->store, r->arena, ECS_CONTAINER_INSTANCE, c->ns, &instances, err) < 0)
        return -1;
    doc_foreach (nodes, node) {
        if (controller_stops(r->controller->base))
            return 0;
        map_set(uids, doc_str(doc_path(node, "metadata.uid")), r);
        if (ensure(r, c, node, NULL, err) < 0)
            return -1;
    }
    doc_foreach (instances, o) {
        if (!map_has(uids, doc_str(doc_path(o, "spec.nodeUid"))) && without_node(r, c, o, err) < 0)
            return -1;
    }
    return 0;
}

static int sync_cluster(struct round *r, const char *name, struct err *err)
{
    struct cluster c;
    struct doc *o;
    struct map uids;

    if (get_or_null(r, ECS_CLUSTER, name, &o, err) < 0)
        return -1;
    if (!o || !active_cluster(r->arena, o, &c))
        return 0;
    r->from.cluster = c.name;
    map_init(&uids, NULL);
    int rc = sync_nodes_of(r, &c, &uids, err);
    map_release(&uids);
    return rc;
}

static int sync_key(void *ctx, struct str key, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_RESPONSE);
    _cleanup_(freep) char *type = NULL;
    struct instance_controller *c = ctx;
    char *name;

    key_split(key, &type, &name);
    struct round r = {
        .controller = c,
        .store = c->store,
        .arena = a,
        .from = {.region = c->region, .account = c->account, .now_s = clock_wall(&clock_system) / NS_PER_S}};
    return strcmp(type, NODE) == 0 ? sync_node(&r, name, err) : sync_cluster(&r, name, err);
}

/* --- the controller --- */

struct instance_controller *instance_controller_new(struct ecs_store *store, const char *region, const char *account)
{
    struct instance_controller *c = xcalloc(1, sizeof(*c));

    c->store = store;
    c->region = region;
    c->account = account;
    c->base = controller_new(&(struct controller_options){.name = "ecs-instances",
                                                          .workers = WORKERS,
                                                          .backoff_max_ns = 30 * NS_PER_S,
                                                          .sync = sync_key,
                                                          .seed = seed,
                                                          .ctx = c});
    ecs_store_on_change(store, changed, c);
    return c;
}

struct controller *instance_controller_base(struct instance_controller *c)
{
    return c->base;
}

struct instance_controller *instance_controller_free(struct instance_controller *c)
{
    if (!c)
        return NULL;
    controller_free(c->base);
    free(c);
    return NULL;
}
