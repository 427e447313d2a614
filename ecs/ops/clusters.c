#include "base/clock.h"
#include "base/limits.h"
#include "ecs/ops/names.h"
#include "ecs/ops/ops.h"

#define NAMESPACE_TRIES 100 /* of 200 ms: a namespace of a deleted cluster may still be ending */

/* --- as the API shows a cluster --- */

struct counts {
    int64_t running, pending;
};

static int count_tasks(struct aws_call *c, const char *ns, struct counts *ret, struct err *err)
{
    struct doc *tasks;

    *ret = (struct counts){0};
    if (!*ns || ecs_store_count(store_of(c), ECS_TASK, ns) == 0)
        return 0;
    if (ecs_store_list(store_of(c), c->arena, ECS_TASK, ns, &tasks, err) < 0)
        return -1;
    doc_foreach (tasks, t) {
        struct str s = doc_str(doc_path(t, "status.lastStatus"));
        ret->running += str_is(s, "RUNNING");
        ret->pending += str_is(s, "PENDING") || str_is(s, "PROVISIONING") || str_is(s, "ACTIVATING");
    }
    return 0;
}

static void copy_members(struct arena *a, struct doc *to, const struct doc *from, const char *const *members)
{
    for (; *members; members++)
        if (doc_get(from, *members))
            doc_set(to, *members, doc_clone(a, doc_get(from, *members), true));
}

/* include NULL: everything. */
static int shown(struct aws_call *c, const struct doc *o, const struct doc *include, bool all, struct doc **ret,
                 struct err *err)
{
    static const char *const plain[] = {"clusterName", "capacityProviders", "defaultCapacityProviderStrategy",
                                        "serviceConnectDefaults", NULL};
    static const char *const settings[] = {"settings", NULL}, *const configuration[] = {"configuration", NULL},
                             *const tags[] = {"tags", NULL};
    const struct doc *spec = doc_get(o, "spec");
    struct doc *d = doc_object(c->arena);
    struct counts n;

    if (count_tasks(c, arena_str(c->arena, doc_str(doc_path(o, "status.namespace"))).p, &n, err) < 0)
        return -1;
    doc_set(d, "clusterArn", ecs_arn(c, "cluster/" STR_FMT, STR_ARG(doc_str(doc_get(spec, "clusterName")))));
    doc_set(d, "status", doc_string(c->arena, doc_str(doc_path(o, "status.status"))));
    doc_set(d, "registeredContainerInstancesCount", doc_int(c->arena, 0));
    doc_set(d, "runningTasksCount", doc_int(c->arena, n.running));
    doc_set(d, "pendingTasksCount", doc_int(c->arena, n.pending));
    doc_set(d, "activeServicesCount", doc_int(c->arena, 0));
    doc_set(d, "statistics", doc_array(c->arena));
    copy_members(c->arena, d, spec, plain);
    doc_set(d, "settings", doc_array(c->arena));
    doc_set(d, "tags", doc_array(c->arena));
    if (all || ecs_list_has(include, "SETTINGS"))
        copy_members(c->arena, d, spec, settings);
    if (all || ecs_list_has(include, "CONFIGURATIONS"))
        copy_members(c->arena, d, spec, configuration);
    if (all || ecs_list_has(include, "TAGS"))
        copy_members(c->arena, d, spec, tags);
    *ret = d;
    return 0;
}

static int show(struct aws_call *c, const struct doc *o, struct err *err)
{
    struct doc *d;

    if (shown(c, o, NULL, true, &d, err) < 0)
        return -1;
    doc_set(c->output, "cluster", d);
    return 0;
}

/* --- creating --- */

static struct doc *default_settings(struct arena *a)
{
    struct doc *list = doc_array(a), *s = doc_object(a);

    doc_set(s, "name", doc_string(a, STR("containerInsights")));
    doc_set(s, "value", doc_string(a, STR("disabled")));
    doc_append(list, s);
    return list;
}

static struct doc *new_cluster(struct arena *a, const struct doc *input, struct str name)
{
    static const char *const members[] = {"capacityProviders",
                                          "defaultCapacityProviderStrategy",
                                          "serviceConnectDefaults",
                                          "settings",
                                          "configuration",
                                          "tags",
                                          NULL};
    struct doc *o = ecs_object_new(a, NULL, ecs_object_label(a, "", name)), *spec = doc_need_object(a, o, "spec");

    doc_set(spec, "clusterName", doc_string(a, name));
    doc_set(spec, "capacityProviders", doc_array(a));
    doc_set(spec, "defaultCapacityProviderStrategy", doc_array(a));
    doc_set(spec, "settings", default_settings(a));
    copy_members(a, spec, input, members);
    doc_set_path(a, o, "status.status", doc_string(a, STR("ACTIVE")));
    doc_set_path(a, o, "status.namespace", doc_string(a, str_of(ecs_object_label(a, "ecs-", name))));
    return o;
}

/* The namespace, made or found; one that is ending is waited for. */
static int need_namespace(struct ecs *e, const char *ns, struct err *err)
{
    _cleanup_(buf_releasep) struct buf body = BUF_INIT(4 * KIB);

    buf_printf(&body,
               "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"%s\",\"labels\":{\"" ECS_GROUP
               "/cluster\":\"true\"}}}",
               ns);
    for (int i = 0; i < NAMESPACE_TRIES; i++) {
        _cleanup_(buf_releasep) struct buf answer = BUF_INIT(MIB);
        _cleanup_(kube_object_unrefp) struct kube_object *o = NULL;
        if (kube_raw(ecs_store_client(e->store), "POST", "/api/v1/namespaces", "application/json", buf_str(&body), NULL,
                     &answer, err) == 0)
            return 0;
        if (err->code != ERR_ALREADY_EXISTS)
            return -1;
        err_clear(err);
        if (kube_get(ecs_store_client(e->store), &kube_namespaces, NULL, ns, &o, err) == 0 &&
            !o->meta->deletiontimestamp)
            return 0;
        if (err->code != ERR_OK && err->code != ERR_NOT_FOUND)
            return -1;
        err_clear(err);
        sleep_ns(200 * NS_PER_MS);
    }
    return err_set(err, ERR_UNAVAILABLE, "namespace %s is still ending", ns);
}

/* An INACTIVE cluster becomes the new one. */
static int revive(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    struct doc *fresh = ctx;

    if (!str_is(doc_str(doc_path(o, "status.status")), "INACTIVE"))
        return 0;
    doc_set(o, "spec", doc_clone(a, doc_get(fresh, "spec"), true));
    doc_set(o, "status", doc_clone(a, doc_get(fresh, "status"), true));
    return 1;
}

static int make_cluster(struct ecs *e, struct arena *a, const struct doc *input, struct str name, struct doc **ret,
                        struct err *err)
{
    struct doc *fresh = new_cluster(a, input, name);
    const char *object = ecs_object_name(fresh, a);

    if (need_namespace(e, arena_str(a, doc_str(doc_path(fresh, "status.namespace"))).p, err) < 0)
        return -1;
    if (ecs_store_create(e->store, a, ECS_CLUSTER, fresh, ret, err) == 0)
        return 0;
    if (err->code != ERR_ALREADY_EXISTS)
        return -1;
    err_clear(err);
    return ecs_store_modify(e->store, a, ECS_CLUSTER, NULL, object, revive, fresh, ret, err);
}

int ecs_bootstrap(struct ecs *e, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    struct doc *o;

    return make_cluster(e, a, doc_object(a), STR("default"), &o, err);
}

/* Only Fargate's providers are there without CreateCapacityProvider. */
static int check_providers(struct aws_call *c)
{
    doc_foreach (doc_get(c->input, "capacityProviders"), p)
        if (!str_is(doc_str(p), "FARGATE") && !str_is(doc_str(p), "FARGATE_SPOT"))
            return aws_error(c, "InvalidParameterException",
                             "The specified capacity provider '" STR_FMT
                             "' was not found. Specify a valid name and try again.",
                             STR_ARG(doc_str(p)));
    return 0;
}

int ecs_create_cluster(struct aws_call *c, struct err *err)
{
    struct str name = in_str(c, "clusterName");
    struct doc *o = NULL;

    name = name.n ? name : STR("default");
    if (!ecs_valid_name(name, 255))
        return aws_error(c, "InvalidParameterException", "Invalid cluster name.");
    if (check_providers(c) < 0)
        return -1;
    if (ecs_store_get(store_of(c), c->arena, ECS_CLUSTER, NULL, ecs_object_label(c->arena, "", name), &o, err) == 0 &&
        str_is(doc_str(doc_path(o, "status.status")), "ACTIVE"))
        return show(c, o, err); /* as it is: CreateCluster changes nothing of a cluster that exists */
    if (err->code != ERR_OK && err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    if (make_cluster(ecs_of(c), c->arena, c->input, name, &o, err) < 0)
        return -1;
    return show(c, o, err);
}

/* --- reading --- */

static int describe_one(struct aws_call *c, struct str name_or_arn, struct doc *clusters, struct err *err)
{
    struct str name = ecs_name_of(name_or_arn, "cluster");
    struct doc *o, *d;

    int r = ecs_valid_name(name, 255)
                ? ecs_store_get(store_of(c), c->arena, ECS_CLUSTER, NULL, ecs_object_label(c->arena, "", name), &o, err)
                : err_set(err, ERR_NOT_FOUND, "no name");
    if (r < 0 && err->code != ERR_NOT_FOUND)
        return -1;
    if (r < 0) {
        err_clear(err);
        bool arn = str_starts(name_or_arn, STR("arn:"));
        ecs_add_failure(c, arn ? doc_string(c->arena, name_or_arn) : ecs_arn(c, "cluster/" STR_FMT, STR_ARG(name)),
                        "MISSING");
        return 0;
    }
    if (shown(c, o, doc_get(c->input, "include"), false, &d, err) < 0)
        return -1;
    doc_append(clusters, d);
    return 0;
}

int ecs_describe_clusters(struct aws_call *c, struct err *err)
{
    const struct doc *names = doc_get(c->input, "clusters");
    struct doc *clusters = doc_array(c->arena);

    if (doc_count(names) > 100)
        return aws_error(c, "InvalidParameterException", "Clusters can not be more than 100.");
    doc_set(c->output, "clusters", clusters);
    doc_need_array(c->arena, c->output, "failures");
    if (!doc_count(names))
        return describe_one(c, STR("default"), clusters, err);
    doc_foreach (names, n)
        if (describe_one(c, doc_str(n), clusters, err) < 0)
            return -1;
    return 0;
}

int ecs_list_clusters(struct aws_call *c, struct err *err)
{
    struct doc *all, *arns = doc_array(c->arena);

    if (ecs_store_list(store_of(c), c->arena, ECS_CLUSTER, NULL, &all, err) < 0)
        return -1;
    doc_foreach (all, o)
        if (str_is(doc_str(doc_path(o, "status.status")), "ACTIVE"))
            doc_append(arns, ecs_arn(c, "cluster/" STR_FMT, STR_ARG(doc_str(doc_path(o, "spec.clusterName")))));
    return ecs_put_page(c, "clusterArns", arns, 100, err);
}

/* --- changing --- */

static int deactivate(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    doc_set_path(a, o, "status.status", doc_string(a, STR("INACTIVE")));
    return 1;
}

int ecs_delete_cluster(struct aws_call *c, struct err *err)
{
    struct ecs_cluster cluster;
    struct doc *tasks, *o;

    if (ecs_find_cluster(c, in_str(c, "cluster"), &cluster, err) < 0)
        return -1;
    if (ecs_store_list(store_of(c), c->arena, ECS_TASK, cluster.ns, &tasks, err) < 0)
        return -1;
    doc_foreach (tasks, t)
        if (!str_is(doc_str(doc_path(t, "status.lastStatus")), "STOPPED"))
            return aws_error(c, "ClusterContainsTasksException",
                             "The Cluster cannot be deleted while Tasks are active.");
    if (ecs_store_modify(store_of(c), c->arena, ECS_CLUSTER, NULL, ecs_object_name(cluster.object, c->arena),
                         deactivate, NULL, &o, err) < 0)
        return -1;
    if (kube_delete(ecs_store_client(store_of(c)), &kube_namespaces, NULL, cluster.ns, NULL, err) < 0 &&
        err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    return show(c, o, err);
}

static int change_settings(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    const struct aws_call *c = ctx;
    struct doc *settings = doc_need_array(a, doc_need_object(a, o, "spec"), "settings");

    doc_foreach (doc_get(c->input, "settings"), want) {
        struct doc *clone = doc_clone(a, want, true);
        bool placed = false;
        doc_foreach (settings, have)
            if (str_eq(doc_str(doc_get(have, "name")), doc_str(doc_get(want, "name")))) {
                doc_replace(settings, have, clone);
                placed = true;
                break;
            }
        if (!placed)
            doc_append(settings, clone);
    }
    return 1;
}

static int change_cluster(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    static const char *const members[] = {"configuration", "serviceConnectDefaults", NULL};
    const struct aws_call *c = ctx;

    copy_members(a, doc_need_object(a, o, "spec"), c->input, members);
    return doc_get(c->input, "settings") ? change_settings(ctx, a, o, err) : 1;
}

static int update(struct aws_call *c, ecs_store_change *change, struct err *err)
{
    struct ecs_cluster cluster;
    struct doc *o;

    if (ecs_find_cluster(c, in_str(c, "cluster"), &cluster, err) < 0)
        return -1;
    if (ecs_store_modify(store_of(c), c->arena, ECS_CLUSTER, NULL, ecs_object_name(cluster.object, c->arena), change, c,
                         &o, err) < 0)
        return -1;
    return show(c, o, err);
}

int ecs_update_cluster(struct aws_call *c, struct err *err)
{
    return update(c, change_cluster, err);
}

int ecs_update_cluster_settings(struct aws_call *c, struct err *err)
{
    return update(c, change_settings, err);
}
