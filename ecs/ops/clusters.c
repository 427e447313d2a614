#include "base/clock.h"
#include "base/limits.h"
#include "ecs/map/capacity.h"
#include "ecs/map/fault.h"
#include "ecs/ops/clusters.h"
#include "ecs/ops/instances.h"
#include "ecs/ops/names.h"
#include "ecs/ops/ops.h"
#include "ecs/store/census.h"

#define NAMESPACE_TRIES 100 /* of 200 ms: a namespace of a deleted cluster may still be ending */

/* --- as the API shows a cluster --- */

static void copy_members(struct arena *a, struct doc *to, const struct doc *from, const char *const *members)
{
    for (; *members; members++)
        if (doc_get(from, *members))
            doc_set(to, *members, doc_clone(a, doc_get(from, *members), true));
}

static void put_statistic(struct arena *a, struct doc *list, const char *before, const char *type, const char *behind,
                          int64_t value)
{
    struct doc *s = doc_object(a);

    doc_set(s, "name", doc_printf(a, "%s%s%s", before, type, behind));
    doc_set(s, "value", doc_printf(a, "%lld", (long long)value));
    doc_append(list, s);
}

static struct doc *statistics(struct arena *a, const struct ecs_task_counts *tasks,
                              const struct ecs_service_counts *services)
{
    static const char *const types[ECS_LAUNCHES] = {"EC2", "Fargate", "External"};
    struct doc *list = doc_array(a);

    for (int i = 0; i < ECS_LAUNCHES; i++)
        put_statistic(a, list, "running", types[i], "TasksCount", tasks->of[i].running);
    for (int i = 0; i < ECS_LAUNCHES; i++)
        put_statistic(a, list, "pending", types[i], "TasksCount", tasks->of[i].pending);
    for (int i = 0; i < ECS_LAUNCHES; i++)
        put_statistic(a, list, "active", types[i], "ServiceCount", services->of[i].active);
    for (int i = 0; i < ECS_LAUNCHES; i++)
        put_statistic(a, list, "draining", types[i], "ServiceCount", services->of[i].draining);
    return list;
}

/* Counts come from what the store keeps with its copies: nothing is read for them. */
static void put_counts(struct aws_call *c, struct doc *d, const struct doc *o, bool with_statistics)
{
    const char *ns = arena_str(c->arena, doc_str(doc_path(o, "status.namespace"))).p;
    struct ecs_store *store = store_of(c);
    struct ecs_task_counts tasks = {0};
    struct ecs_service_counts services = {0};
    int64_t instances = 0;

    if (*ns && str_is(doc_str(doc_path(o, "status.status")), "ACTIVE")) {
        tasks = ecs_count_tasks(store, ns);
        services = ecs_census_services(ecs_store_census(store), str_of(ns));
        instances = ecs_instances_count(store, ns);
    }
    doc_set(d, "registeredContainerInstancesCount", doc_int(c->arena, instances));
    doc_set(d, "runningTasksCount", doc_int(c->arena, tasks.running));
    doc_set(d, "pendingTasksCount", doc_int(c->arena, tasks.pending));
    doc_set(d, "activeServicesCount", doc_int(c->arena, services.active));
    doc_set(d, "statistics", with_statistics ? statistics(c->arena, &tasks, &services) : doc_array(c->arena));
}

/* What a cluster's object holds besides, each shown when it is asked for. */
static const struct {
    const char *include, *member;
    bool always_there; /* as an empty array, where the API has it */
} parts[] = {
    {"SETTINGS", "settings", true},
    {"CONFIGURATIONS", "configuration", false},
    {"TAGS", "tags", true},
};

/* Attachments would be scaling policies of Auto Scaling groups: there are none. */
static void put_attachments(struct arena *a, struct doc *d, const struct doc *spec)
{
    doc_set(d, "attachments", doc_array(a));
    if (doc_count(doc_get(spec, "capacityProviders")))
        doc_set(d, "attachmentsStatus", doc_string(a, STR("UPDATE_COMPLETE")));
}

/* all: whatever include says. */
static struct doc *shown(struct aws_call *c, const struct doc *o, const struct doc *include, bool all)
{
    static const char *const plain[] = {"clusterName", "capacityProviders", "defaultCapacityProviderStrategy",
                                        "serviceConnectDefaults", NULL};
    const struct doc *spec = doc_get(o, "spec");
    struct doc *d = doc_object(c->arena);

    doc_set(d, "clusterArn", ecs_arn(c, "cluster/" STR_FMT, STR_ARG(doc_str(doc_get(spec, "clusterName")))));
    doc_set(d, "status", doc_string(c->arena, doc_str(doc_path(o, "status.status"))));
    put_counts(c, d, o, ecs_list_has(include, "STATISTICS"));
    copy_members(c->arena, d, spec, plain);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        const struct doc *value = doc_get(spec, parts[i].member);
        if (value && (all || ecs_list_has(include, parts[i].include)))
            doc_set(d, parts[i].member, doc_clone(c->arena, value, true));
        else if (parts[i].always_there)
            doc_set(d, parts[i].member, doc_array(c->arena));
    }
    if (ecs_list_has(include, "ATTACHMENTS") || (all && doc_count(doc_get(spec, "capacityProviders"))))
        put_attachments(c->arena, d, spec);
    return d;
}

static int show(struct aws_call *c, const struct doc *o)
{
    doc_set(c->output, "cluster", shown(c, o, NULL, true));
    return 0;
}

/* --- creating --- */

#define INSIGHTS "containerInsights"
#define INSTANCES_AT_ONCE 20 /* made with the cluster; the controller makes the others */

/* settings with those of the request set on top. */
static void set_settings(struct arena *a, struct doc *settings, const struct doc *wanted)
{
    doc_foreach (wanted, want) {
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
}

static struct doc *default_settings(struct arena *a, struct str insights)
{
    struct doc *list = doc_array(a), *s = doc_object(a);

    doc_set(s, "name", doc_string(a, STR(INSIGHTS)));
    doc_set(s, "value", doc_string(a, insights));
    doc_append(list, s);
    return list;
}

/* insights: of the cluster when the input does not say. */
static struct doc *new_cluster(struct arena *a, const struct doc *input, struct str name, struct str insights,
                               struct doc *tags)
{
    static const char *const members[] = {"capacityProviders", "serviceConnectDefaults", "configuration", NULL};
    struct doc *o = ecs_object_new(a, NULL, ecs_object_label(a, "", name)), *spec = doc_need_object(a, o, "spec");

    doc_set(spec, "clusterName", doc_string(a, name));
    doc_set(spec, "capacityProviders", doc_array(a));
    doc_set(spec, "defaultCapacityProviderStrategy",
            capacity_filled(a, doc_get(input, "defaultCapacityProviderStrategy")));
    doc_set(spec, "settings", default_settings(a, insights));
    set_settings(a, doc_get(spec, "settings"), doc_get(input, "settings"));
    doc_set(spec, "tags", tags);
    copy_members(a, spec, input, members);
    doc_set_path(a, o, "status.status", doc_string(a, STR("ACTIVE")));
    doc_set_path(a, o, "status.namespace", doc_string(a, str_of(ecs_object_label(a, "ecs-", name))));
    return o;
}

int ecs_make_namespace(struct ecs_store *s, const char *ns, struct err *err)
{
    _cleanup_(buf_releasep) struct buf body = BUF_INIT(4 * KIB), answer = BUF_INIT(MIB);

    buf_printf(&body,
               "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"%s\",\"labels\":{\"" ECS_GROUP
               "/cluster\":\"true\"}}}",
               ns);
    return kube_raw(ecs_store_client(s), "POST", "/api/v1/namespaces", "application/json", buf_str(&body), NULL,
                    &answer, err);
}

/* The namespace, made or found; one that is ending is waited for. */
static int need_namespace(struct ecs *e, const char *ns, struct err *err)
{
    for (int i = 0; i < NAMESPACE_TRIES; i++) {
        _cleanup_(kube_object_unrefp) struct kube_object *o = NULL;
        if (ecs_make_namespace(e->store, ns, err) == 0)
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

static int make_cluster(struct ecs *e, struct arena *a, struct doc *fresh, struct doc **ret, struct err *err)
{
    if (need_namespace(e, arena_str(a, doc_str(doc_path(fresh, "status.namespace"))).p, err) < 0)
        return -1;
    return ecs_store_put(e->store, a, ECS_CLUSTER, fresh, revive, fresh, ret, err);
}

int ecs_bootstrap(struct ecs *e, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    struct doc *o;

    return make_cluster(e, a, new_cluster(a, NULL, STR("default"), STR("disabled"), doc_array(a)), &o, err);
}

/* What all requests about clusters may bring. */
static int check_settings(struct aws_call *c)
{
    static const char *const values[] = {"enabled", "disabled", "enhanced"};

    doc_foreach (doc_get(c->input, "settings"), s) {
        struct str value = doc_str(doc_get(s, "value"));
        bool known = false;
        for (size_t i = 0; i < ARRAY_LEN(values); i++)
            known = known || str_is(value, values[i]);
        if (!str_is(doc_str(doc_get(s, "name")), INSIGHTS) || !known)
            return aws_error(c, ECS_INVALID,
                             "Invalid cluster setting. The values of containerInsights are enabled, disabled and "
                             "enhanced.");
    }
    return 0;
}

int ecs_create_cluster(struct aws_call *c, struct err *err)
{
    struct str name = in_str(c, "clusterName"), insights;
    struct doc *o = NULL, *tags;

    name = name.n ? name : STR("default");
    if (!ecs_valid_name(name, 255))
        return aws_error(c, ECS_INVALID, "Invalid cluster name.");
    if (check_settings(c) < 0 || ecs_check_cluster_providers(c, err) < 0 || ecs_input_tags(c, &tags, err) < 0)
        return -1;
    if (ecs_store_get(store_of(c), c->arena, ECS_CLUSTER, NULL, ecs_object_label(c->arena, "", name), &o, err) == 0 &&
        str_is(doc_str(doc_path(o, "status.status")), "ACTIVE"))
        return show(c, o); /* as it is: CreateCluster changes nothing of a cluster that exists */
    if (err->code != ERR_OK && err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    if (ecs_setting_value(c, INSIGHTS, &insights, err) < 0 ||
        make_cluster(ecs_of(c), c->arena, new_cluster(c->arena, c->input, name, insights, tags), &o, err) < 0)
        return -1;
    const char *ns = arena_str(c->arena, doc_str(doc_path(o, "status.namespace"))).p;
    const struct instance_origin from = {
        .region = c->region, .account = c->account_id, .cluster = arena_str(c->arena, name).p, .now_s = c->now_s};
    if (ecs_instances_begin(store_of(c), c->arena, ns, &from, INSTANCES_AT_ONCE, err) < 0)
        return -1;
    return show(c, o);
}

/* --- reading --- */

static int describe_one(struct aws_call *c, struct str name_or_arn, struct doc *clusters, struct err *err)
{
    struct str name = ecs_name_of(name_or_arn, "cluster");
    struct doc *o;

    int r = 1;
    if (ecs_valid_name(name, 255))
        r = ecs_store_find(store_of(c), c->arena, ECS_CLUSTER, NULL, ecs_object_label(c->arena, "", name), &o, err);
    if (r < 0)
        return -1;
    if (r > 0) {
        bool arn = str_starts(name_or_arn, STR("arn:"));
        ecs_add_failure(c, arn ? doc_string(c->arena, name_or_arn) : ecs_arn(c, "cluster/" STR_FMT, STR_ARG(name)),
                        "MISSING");
        return 0;
    }
    doc_append(clusters, shown(c, o, doc_get(c->input, "include"), false));
    return 0;
}

int ecs_describe_clusters(struct aws_call *c, struct err *err)
{
    const struct doc *names = doc_get(c->input, "clusters");
    struct doc *clusters = doc_array(c->arena);

    if (doc_count(names) > 100)
        return aws_error(c, ECS_INVALID, "Clusters can not be more than 100.");
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
    const struct aws_call *c = ctx;

    if (str_is(doc_str(doc_path(o, "status.status")), "INACTIVE"))
        return 0;
    doc_set_path(a, o, "status.status", doc_string(a, STR("INACTIVE")));
    doc_set_path(a, o, "status.inactiveAt", doc_int(a, c->now_s));
    return 1;
}

/* What keeps a cluster from being deleted. */
static int check_empty(struct aws_call *c, const struct ecs_cluster *cluster)
{
    struct ecs_service_counts services = ecs_census_services(ecs_store_census(store_of(c)), str_of(cluster->ns));

    if (services.active + services.draining > 0)
        return aws_error(c, "ClusterContainsServicesException",
                         "The Cluster cannot be deleted while Services are active.");
    if (ecs_count_tasks(store_of(c), cluster->ns).live > 0)
        return aws_error(c, "ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.");
    if (ecs_instances_block_delete(store_of(c), cluster->ns))
        return aws_error(c, "ClusterContainsContainerInstancesException",
                         "The Cluster cannot be deleted while Container Instances are active or draining.");
    return 0;
}

/* The object stays, INACTIVE, so that the cluster can be described; its namespace goes with all that is in it. */
int ecs_delete_cluster(struct aws_call *c, struct err *err)
{
    struct ecs_cluster cluster;
    struct doc *o;

    if (ecs_find_cluster(c, in_str(c, "cluster"), &cluster, err) < 0 || check_empty(c, &cluster) < 0)
        return -1;
    if (ecs_store_modify(store_of(c), c->arena, ECS_CLUSTER, NULL, ecs_object_name(cluster.object, c->arena),
                         deactivate, c, &o, err) < 0)
        return -1;
    if (kube_delete(ecs_store_client(store_of(c)), &kube_namespaces, NULL, cluster.ns, NULL, err) < 0 &&
        err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    return show(c, o);
}

static int change_cluster(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    static const char *const members[] = {"configuration", "serviceConnectDefaults", NULL};
    const struct aws_call *c = ctx;
    struct doc *spec = doc_need_object(a, o, "spec");

    copy_members(a, spec, c->input, members);
    set_settings(a, doc_need_array(a, spec, "settings"), doc_get(c->input, "settings"));
    return 1;
}

static int change_settings(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    const struct aws_call *c = ctx;

    set_settings(a, doc_need_array(a, doc_need_object(a, o, "spec"), "settings"), doc_get(c->input, "settings"));
    return 1;
}

static int change_providers(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    const struct aws_call *c = ctx;
    struct doc *spec = doc_need_object(a, o, "spec");

    doc_set(spec, "capacityProviders", doc_clone(a, doc_get(c->input, "capacityProviders"), true));
    doc_set(spec, "defaultCapacityProviderStrategy",
            capacity_filled(a, doc_get(c->input, "defaultCapacityProviderStrategy")));
    return 1;
}

static int update(struct aws_call *c, const struct ecs_cluster *cluster, ecs_store_change *change, struct err *err)
{
    struct doc *o;

    if (ecs_store_modify(store_of(c), c->arena, ECS_CLUSTER, NULL, ecs_object_name(cluster->object, c->arena), change,
                         c, &o, err) < 0)
        return -1;
    return show(c, o);
}

int ecs_update_cluster(struct aws_call *c, struct err *err)
{
    struct ecs_cluster cluster;

    if (check_settings(c) < 0 || ecs_find_cluster(c, in_str(c, "cluster"), &cluster, err) < 0)
        return -1;
    return update(c, &cluster, change_cluster, err);
}

int ecs_update_cluster_settings(struct aws_call *c, struct err *err)
{
    struct ecs_cluster cluster;

    if (check_settings(c) < 0 || ecs_find_cluster(c, in_str(c, "cluster"), &cluster, err) < 0)
        return -1;
    return update(c, &cluster, change_settings, err);
}

/* One that goes must not be in use by a service or task of the cluster. */
static int check_removed(struct aws_call *c, const struct ecs_cluster *cluster, struct err *err)
{
    const struct doc *wanted = doc_get(c->input, "capacityProviders");
    bool used;

    doc_foreach (doc_path(cluster->object, "spec.capacityProviders"), p) {
        if (ecs_list_has(wanted, arena_str(c->arena, doc_str(p)).p))
            continue;
        if (ecs_provider_in_use(c, cluster->ns, doc_str(p), &used, err) < 0)
            return -1;
        if (used)
            return aws_error(c, "ResourceInUseException",
                             "The specified capacity provider is in use and cannot be removed.");
    }
    return 0;
}

int ecs_put_cluster_capacity_providers(struct aws_call *c, struct err *err)
{
    struct ecs_cluster cluster;

    if (ecs_find_cluster(c, in_str(c, "cluster"), &cluster, err) < 0 || ecs_check_cluster_providers(c, err) < 0 ||
        check_removed(c, &cluster, err) < 0)
        return -1;
    return update(c, &cluster, change_providers, err);
}
