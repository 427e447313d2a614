#include "ecs/controllers/instances.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "client/meta.h"
#include "ecs/ops/instances.h"
#include "ecs/ops/tasks.h"

#define WORKERS 2
#define LOST_AFTER_S 15
#define NODE "node" /* keys: NODE/name, CLUSTER/name of the object */
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

static void changed(void *ctx, enum ecs_kind_id k, struct str ns, struct str name)
{
    struct instance_controller *c = ctx;

    (void)ns;
    if (k == ECS_NODE)
        controller_add(c->base, STR(NODE), name, 0);
    else if (k == ECS_CLUSTER)
        controller_add(c->base, STR(CLUSTER), name, 0);
}

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

static void seed(void *ctx)
{
    struct instance_controller *c = ctx;

    ecs_store_each_name(c->store, ECS_CLUSTER, NULL, add_cluster, c);
    ecs_store_each_name(c->store, ECS_NODE, NULL, add_node, c);
}

static int get_or_null(struct round *r, enum ecs_kind_id k, const char *name, struct doc **ret, struct err *err)
{
    *ret = NULL;
    if (ecs_store_get(r->store, r->arena, k, NULL, name, ret, err) == 0)
        return 0;
    *ret = NULL;
    if (err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    return 0;
}

/* --- the tasks of a node that is gone --- */

struct names {
    struct round *round;
    const char *node;
    struct doc *found; /* "namespace/name" */
    struct map seen;
};

static void remember(struct names *n, const struct doc *o)
{
    struct arena *a = n->round->arena;
    struct doc *key = doc_printf(a, STR_FMT "/" STR_FMT, STR_ARG(doc_str(doc_path(o, "metadata.namespace"))),
                                 STR_ARG(doc_str(doc_path(o, "metadata.name"))));

    if (key && !map_has(&n->seen, doc_str(key))) {
        map_set(&n->seen, doc_str(key), n);
        doc_append(n->found, key);
    }
}

static int task_there(void *ctx, const struct doc *o, struct err *err)
{
    struct names *n = ctx;

    (void)err;
    if (str_is(doc_str(doc_path(o, "spec.node")), n->node) && !ecs_task_stopped(o))
        remember(n, o);
    return 0;
}

static int pod_there(void *ctx, const struct doc *o, struct err *err)
{
    struct names *n = ctx;

    (void)err;
    if (str_is(doc_str(doc_path(o, "spec.nodeName")), n->node))
        remember(n, o);
    return 0;
}

static struct str reason_of(struct round *r, const char *ns, const struct doc *task)
{
    struct str id = doc_str(doc_path(task, "spec.instance"));
    struct doc *o;
    struct err err = ERR_INIT;

    if (!id.n)
        return STR("The host of the task terminated.");
    if (ecs_store_get(r->store, r->arena, ECS_CONTAINER_INSTANCE, ns, arena_str(r->arena, id).p, &o, &err) < 0)
        return STR("Host EC2 terminated.");
    return str_of(arena_printf(r->arena, "Host EC2 (instance " STR_FMT ") terminated.",
                               STR_ARG(doc_str(doc_path(o, "status.ec2InstanceId")))));
}

/* Nobody on the node is there to end it. */
static int end_task(struct round *r, const char *ns, const char *id, struct err *err)
{
    const struct kube_delete_options now = {.grace_period_s = 0};
    struct doc *task = NULL;

    if (ecs_store_get(r->store, r->arena, ECS_TASK, ns, id, &task, err) < 0 && err->code != ERR_NOT_FOUND)
        return -1;
    if (err->code == ERR_OK && !ecs_task_stopped(task)) {
        struct task_stop stop = {"TerminationNotice", reason_of(r, ns, task), r->from.now_s};
        if (ecs_task_ask_to_stop(r->store, r->arena, ns, id, &stop, NULL, err) < 0 && err->code != ERR_NOT_FOUND)
            return -1;
    }
    err_clear(err);
    if (kube_delete(ecs_store_client(r->store), &kube_pods, ns, id, &now, err) < 0 && err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    return 0;
}

static int end_tasks(struct round *r, const char *node, struct err *err)
{
    struct names n = {.round = r, .node = node, .found = doc_array(r->arena)};
    int rc;

    map_init(&n.seen, NULL);
    rc = ecs_store_each(r->store, ECS_TASK, NULL, node, task_there, &n, err);
    if (rc == 0)
        rc = ecs_store_each(r->store, ECS_POD, NULL, node, pod_there, &n, err);
    map_release(&n.seen);
    doc_foreach (n.found, key) {
        _cleanup_(freep) char *ns = NULL;
        char *id;

        if (rc < 0)
            break;
        key_split(doc_str(key), &ns, &id);
        log_info("the node of a task is gone", LOG_S("node", node), LOG_S("task", id));
        rc = end_task(r, ns, id, err);
    }
    return rc;
}

/* Is it gone? If it will be soon, the key comes back then. */
static bool is_lost(struct round *r, const char *name, const struct doc *node)
{
    int64_t since = node ? instance_lost_since(node) : 0, left = since + LOST_AFTER_S - r->from.now_s;

    if (!node || (since && left <= 0))
        return true;
    if (since)
        controller_add(r->controller->base, STR(NODE), str_of(name), left * NS_PER_S);
    return false;
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

static int ensure(struct round *r, const struct cluster *c, const struct doc *node, bool *ret_made, struct err *err)
{
    r->from.cluster = c->name;
    r->from.node = node;
    if (ecs_instance_ensure(r->store, r->arena, c->ns, &r->from, ret_made, err) == 0)
        return 0;
    if ((err->code != ERR_NOT_FOUND && err->code != ERR_FORBIDDEN) || !cluster_went(r, c))
        return err_wrap(err, "instance of cluster %s", c->name);
    err_clear(err);
    return 0;
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
    return is_lost(r, name, node) ? end_tasks(r, name, err) : 0;
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
