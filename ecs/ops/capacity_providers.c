#include "ecs/map/capacity.h"
#include "ecs/map/fault.h"
#include "ecs/ops/names.h"
#include "ecs/ops/ops.h"

/* --- what a request's tasks run on --- */

struct look_up {
    struct aws_call *call;
    struct err err; /* why the store could not say */
};

static bool provider_known(void *ctx, struct str name)
{
    struct look_up *l = ctx;
    struct arena *a = l->call->arena;
    struct doc *o;

    if (l->err.code != ERR_OK || !ecs_valid_name(name, 255))
        return false;
    if (ecs_store_get(store_of(l->call), a, ECS_CAPACITY_PROVIDER, NULL, ecs_object_label(a, "", name), &o, &l->err) ==
        0)
        return str_is(doc_str(doc_path(o, "status.status")), "ACTIVE");
    if (l->err.code == ERR_NOT_FOUND)
        err_clear(&l->err);
    return false;
}

int ecs_check_strategy(struct aws_call *c, const struct doc *associated, const struct doc *strategy,
                       enum capacity_type *ret, struct err *err)
{
    struct look_up l = {.call = c};
    const struct capacity_scope scope = {.known = provider_known, .ctx = &l, .associated = associated};
    int r = capacity_check(strategy, &scope, ret, err);

    if (l.err.code != ERR_OK) {
        *err = l.err;
        return -1;
    }
    return r < 0 ? ecs_pass(c, err) : 0;
}

int ecs_check_cluster_providers(struct aws_call *c, struct err *err)
{
    const struct doc *names = doc_get(c->input, "capacityProviders"),
                     *strategy = doc_get(c->input, "defaultCapacityProviderStrategy");
    struct doc *none = doc_array(c->arena);
    struct look_up l = {.call = c};

    if (doc_count(names) > CAPACITY_STRATEGY_MAX)
        return aws_error(c, ECS_INVALID, "A cluster can have a maximum of %d capacity providers.",
                         CAPACITY_STRATEGY_MAX);
    doc_foreach (names, n)
        if (capacity_built_in(doc_str(n)) == CAPACITY_NONE && !provider_known(&l, doc_str(n))) {
            if (l.err.code == ERR_OK)
                return aws_error(c, ECS_INVALID,
                                 "The specified capacity provider '" STR_FMT
                                 "' was not found. Specify a valid name and try again.",
                                 STR_ARG(doc_str(n)));
            *err = l.err;
            return -1;
        }
    return ecs_check_strategy(c, names ? names : none, strategy, NULL, err);
}

int ecs_find_launch(struct aws_call *c, const struct ecs_cluster *cluster, struct ecs_launch *ret, struct err *err)
{
    const struct doc *strategy = doc_get(c->input, "capacityProviderStrategy"),
                     *spec = doc_get(cluster->object, "spec"), *associated = doc_get(spec, "capacityProviders");
    struct str type = in_str(c, "launchType");
    struct doc *none = doc_array(c->arena);
    enum capacity_type providers = CAPACITY_NONE;

    if (type.n && doc_count(strategy))
        return aws_error(
            c, ECS_INVALID,
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and "
            "try again.");
    if (!type.n && !doc_count(strategy))
        strategy = doc_get(spec, "defaultCapacityProviderStrategy");
    if (type.n || !doc_count(strategy)) {
        type = type.n ? type : STR("EC2");
        *ret = (struct ecs_launch){.launch_type = type, .runs_on = type};
        return 0;
    }
    if (ecs_check_strategy(c, associated ? associated : none, strategy, &providers, err) < 0)
        return -1;
    *ret = (struct ecs_launch){.strategy = capacity_filled(c->arena, strategy),
                               .runs_on = providers == CAPACITY_FARGATE ? STR("FARGATE") : STR("EC2")};
    return 0;
}

/* --- which providers there are --- */

static struct str status_of(const struct doc *o)
{
    return doc_str(doc_path(o, "status.status"));
}

/* A provider that was made. 0 found (in any status), 1 there is none, -1. */
static int find_provider(struct aws_call *c, struct str name_or_arn, struct doc **ret, struct err *err)
{
    struct str name = ecs_name_of(name_or_arn, "capacity-provider");

    if (!ecs_valid_name(name, 255))
        return 1;
    return ecs_store_find(store_of(c), c->arena, ECS_CAPACITY_PROVIDER, NULL, ecs_object_label(c->arena, "", name), ret,
                          err);
}

/* As the API shows it: of one that was made spec and status together. */
static struct doc *shown(struct aws_call *c, const struct doc *o, bool tags)
{
    static const char *const members[] = {"name", "autoScalingGroupProvider"}, *const state[] = {"status",
                                                                                                 "updateStatus",
                                                                                                 "updateStatusReason"};
    const struct doc *spec = doc_get(o, "spec"), *status = doc_get(o, "status");
    struct arena *a = c->arena;
    struct doc *d = doc_object(a);

    doc_set(d, "capacityProviderArn",
            ecs_arn(c, "capacity-provider/" STR_FMT, STR_ARG(doc_str(doc_get(spec, "name")))));
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (doc_get(spec, members[i]))
            doc_set(d, members[i], doc_clone(a, doc_get(spec, members[i]), true));
    for (size_t i = 0; i < ARRAY_LEN(state); i++)
        if (doc_get(status, state[i]))
            doc_set(d, state[i], doc_clone(a, doc_get(status, state[i]), true));
    doc_set(d, "type", doc_string(a, STR("EC2_AUTOSCALING")));
    doc_set(d, "tags", tags && doc_get(spec, "tags") ? doc_clone(a, doc_get(spec, "tags"), true) : doc_array(a));
    return d;
}

static struct doc *shown_built_in(struct aws_call *c, struct str name)
{
    struct doc *d = doc_object(c->arena);

    doc_set(d, "capacityProviderArn", ecs_arn(c, "capacity-provider/" STR_FMT, STR_ARG(name)));
    doc_set(d, "name", doc_string(c->arena, name));
    doc_set(d, "status", doc_string(c->arena, STR("ACTIVE")));
    doc_set(d, "type", doc_string(c->arena, name));
    doc_set(d, "tags", doc_array(c->arena));
    return d;
}

static int show(struct aws_call *c, const struct doc *o)
{
    doc_set(c->output, "capacityProvider", shown(c, o, true));
    return 0;
}

/* --- making and changing --- */

#define RESERVED_NAME                                                                                                  \
    "The specified capacity provider name is invalid. Up to 255 characters are allowed, including letters (upper and " \
    "lowercase), numbers, underscores, and hyphens. The name cannot be prefixed with \"aws\", \"ecs\", or "            \
    "\"fargate\". Specify a valid name and try again."

static bool name_allowed(struct str name)
{
    static const char *const prefixes[] = {"aws", "ecs", "fargate"};

    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (name.n >= strlen(prefixes[i]) && str_ieq(str_n(name.p, strlen(prefixes[i])), str_of(prefixes[i])))
            return false;
    return ecs_valid_name(name, 255);
}

/* What has no meaning without Auto Scaling groups is kept; what would need capacity of ECS's own is refused. */
static int refuse(struct aws_call *c)
{
    if (doc_get(c->input, "managedInstancesProvider"))
        return aws_error(c, ECS_INVALID, "managedInstancesProvider is not supported yet.");
    if (in_str(c, "cluster").n)
        return aws_error(c, ECS_INVALID,
                         "A cluster can only be specified for capacity providers of Managed Instances, which are not "
                         "supported yet.");
    return 0;
}

static void set_default(struct doc *o, const char *key, struct doc *value)
{
    if (!doc_get(o, key))
        doc_set(o, key, value);
}

/* group with the API's defaults where it says nothing. */
static void fill_group(struct arena *a, struct doc *group)
{
    struct doc *scaling = doc_need_object(a, group, "managedScaling");

    set_default(scaling, "status", doc_string(a, STR("ENABLED")));
    set_default(scaling, "targetCapacity", doc_int(a, 100));
    set_default(scaling, "minimumScalingStepSize", doc_int(a, 1));
    set_default(scaling, "maximumScalingStepSize", doc_int(a, 10000));
    set_default(scaling, "instanceWarmupPeriod", doc_int(a, 300));
    set_default(group, "managedTerminationProtection", doc_string(a, STR("DISABLED")));
    set_default(group, "managedDraining", doc_string(a, STR("ENABLED")));
}

static int check_group(struct aws_call *c, const struct doc *group)
{
    const struct doc *scaling = doc_get(group, "managedScaling");

    if (str_is(doc_str(doc_get(group, "managedTerminationProtection")), "ENABLED") &&
        str_is(doc_str(doc_get(scaling, "status")), "DISABLED"))
        return aws_error(c, ECS_INVALID,
                         "The managed termination protection setting for the capacity provider is invalid. To enable "
                         "managed termination protection for a capacity provider, managed scaling must be enabled.");
    if (doc_int_or(doc_get(scaling, "minimumScalingStepSize"), 1) >
        doc_int_or(doc_get(scaling, "maximumScalingStepSize"), 10000))
        return aws_error(c, ECS_INVALID,
                         "The minimumScalingStepSize must not be larger than the maximumScalingStepSize.");
    return 0;
}

/* One that was deleted gives its name to the new one. */
static int revive(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    const struct doc *fresh = ctx;

    if (!str_is(status_of(o), "INACTIVE"))
        return ecs_fault(err, ECS_CLIENT,
                         "The specified capacity provider already exists. To change the configuration of an existing "
                         "capacity provider, update the capacity provider.");
    doc_set(o, "spec", doc_clone(a, doc_get(fresh, "spec"), true));
    doc_set(o, "status", doc_clone(a, doc_get(fresh, "status"), true));
    return 1;
}

int ecs_create_capacity_provider(struct aws_call *c, struct err *err)
{
    struct str name = in_str(c, "name");
    const char *object = ecs_object_label(c->arena, "", name);
    struct doc *o = ecs_object_new(c->arena, NULL, object), *spec = doc_need_object(c->arena, o, "spec"), *tags, *group;

    if (refuse(c) < 0)
        return -1;
    if (!name_allowed(name))
        return aws_error(c, ECS_INVALID, "%s", RESERVED_NAME);
    if (!doc_get(c->input, "autoScalingGroupProvider"))
        return aws_error(c, ECS_INVALID, "A capacity provider needs autoScalingGroupProvider.");
    if (ecs_input_tags(c, &tags, err) < 0)
        return -1;
    group = doc_clone(c->arena, doc_get(c->input, "autoScalingGroupProvider"), true);
    fill_group(c->arena, group);
    if (check_group(c, group) < 0)
        return -1;
    doc_set(spec, "name", doc_string(c->arena, name));
    doc_set(spec, "autoScalingGroupProvider", group);
    doc_set(spec, "tags", tags);
    doc_set_path(c->arena, o, "status.status", doc_string(c->arena, STR("ACTIVE")));
    if (ecs_store_put(store_of(c), c->arena, ECS_CAPACITY_PROVIDER, o, revive, o, NULL, err) < 0)
        return ecs_pass(c, err);
    return show(c, o);
}

static int unknown(struct aws_call *c)
{
    return aws_error(c, ECS_INVALID,
                     "The specified capacity provider does not exist. Specify a valid name or ARN and try again.");
}

/* The ACTIVE one that a member of the input names. */
static int find_active(struct aws_call *c, const char *member, const char *reserved, struct doc **ret, struct err *err)
{
    struct str name = in_str(c, member);

    if (capacity_built_in(ecs_name_of(name, "capacity-provider")) != CAPACITY_NONE)
        return aws_error(c, ECS_INVALID, "%s", reserved);
    int r = find_provider(c, name, ret, err);
    return r < 0 ? -1 : r > 0 || !str_is(status_of(*ret), "ACTIVE") ? unknown(c) : 0;
}

/* managedScaling is changed member by member, the rest as it is given. */
static int change_group(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    const struct aws_call *c = ctx;
    struct doc *group = doc_path(o, "spec.autoScalingGroupProvider");

    doc_foreach (doc_get(c->input, "autoScalingGroupProvider"), m) {
        if (!str_is(doc_key(m), "managedScaling")) {
            doc_set_str(group, doc_key(m), doc_clone(a, m, true));
            continue;
        }
        doc_foreach (m, s)
            doc_set_str(doc_need_object(a, group, "managedScaling"), doc_key(s), doc_clone(a, s, true));
    }
    if (check_group(ctx, group) < 0)
        return err_set(err, ERR_BAD_REQUEST, "refused");
    doc_set_path(a, o, "status.updateStatus", doc_string(a, STR("UPDATE_COMPLETE")));
    return 1;
}

int ecs_update_capacity_provider(struct aws_call *c, struct err *err)
{
    struct doc *o;

    if (refuse(c) < 0 ||
        find_active(c, "name", "The specified capacity provider is reserved and cannot be updated.", &o, err) < 0)
        return -1;
    if (!doc_get(c->input, "autoScalingGroupProvider"))
        return aws_error(c, ECS_INVALID, "autoScalingGroupProvider is needed to update a capacity provider.");
    if (ecs_store_modify(store_of(c), c->arena, ECS_CAPACITY_PROVIDER, NULL, ecs_object_name(o, c->arena), change_group,
                         c, &o, err) < 0)
        return -1;
    return show(c, o);
}

/* --- deleting --- */

static bool strategy_has(const struct doc *strategy, struct str name)
{
    doc_foreach (strategy, item)
        if (str_eq(doc_str(doc_get(item, "capacityProvider")), name))
            return true;
    return false;
}

static int in_cluster(struct aws_call *c, struct str name, struct err *err)
{
    struct doc *clusters;

    if (ecs_store_list(store_of(c), c->arena, ECS_CLUSTER, NULL, &clusters, err) < 0)
        return -1;
    doc_foreach (clusters, o)
        if (str_is(status_of(o), "ACTIVE"))
            doc_foreach (doc_path(o, "spec.capacityProviders"), p)
                if (str_eq(doc_str(p), name))
                    return aws_error(
                        c, ECS_CLIENT,
                        "The capacity provider cannot be deleted because it is associated with cluster: " STR_FMT
                        ". Remove the capacity provider from the cluster and try again.",
                        STR_ARG(doc_str(doc_path(o, "spec.clusterName"))));
    return 0;
}

int ecs_provider_in_use(struct aws_call *c, const char *ns, struct str name, bool *ret, struct err *err)
{
    struct doc *services, *tasks;

    *ret = false;
    if (ecs_store_list(store_of(c), c->arena, ECS_SERVICE, ns, &services, err) < 0)
        return -1;
    doc_foreach (services, s)
        if (!str_is(status_of(s), "INACTIVE") && strategy_has(doc_path(s, "spec.capacityProviderStrategy"), name))
            *ret = true;
    if (*ret)
        return 0;
    if (ecs_store_list(store_of(c), c->arena, ECS_TASK, ns, &tasks, err) < 0)
        return -1;
    doc_foreach (tasks, t)
        if (!str_is(doc_str(doc_path(t, "status.lastStatus")), "STOPPED") &&
            str_eq(doc_str(doc_path(t, "status.capacityProviderName")), name))
            *ret = true;
    return 0;
}

static int deactivate(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    const struct aws_call *c = ctx;

    doc_set_path(a, o, "status.status", doc_string(a, STR("INACTIVE")));
    doc_set_path(a, o, "status.updateStatus", doc_string(a, STR("DELETE_COMPLETE")));
    doc_set_path(a, o, "status.inactiveAt", doc_int(a, c->now_s));
    return 1;
}

int ecs_delete_capacity_provider(struct aws_call *c, struct err *err)
{
    struct doc *o;
    bool used;

    if (refuse(c) < 0 || find_active(c, "capacityProvider",
                                     "The specified capacity provider is reserved and cannot be deleted.", &o, err) < 0)
        return -1;
    struct str name = doc_str(doc_path(o, "spec.name"));
    if (in_cluster(c, name, err) < 0 || ecs_provider_in_use(c, NULL, name, &used, err) < 0)
        return -1;
    if (used)
        return aws_error(c, ECS_CLIENT,
                         "The capacity provider cannot be deleted because it is in use by services or tasks. Remove it "
                         "from the capacity provider strategy of all services and try again.");
    if (ecs_store_modify(store_of(c), c->arena, ECS_CAPACITY_PROVIDER, NULL, ecs_object_name(o, c->arena), deactivate,
                         c, &o, err) < 0)
        return -1;
    return show(c, o);
}

/* --- reading --- */

#define DESCRIBE_MAX 100
#define PAGE_MAX 10

static int describe_one(struct aws_call *c, struct str name_or_arn, bool tags, struct doc *list, struct err *err)
{
    struct str name = ecs_name_of(name_or_arn, "capacity-provider");
    struct doc *o;

    if (capacity_built_in(name) != CAPACITY_NONE) {
        doc_append(list, shown_built_in(c, name));
        return 0;
    }
    int r = find_provider(c, name_or_arn, &o, err);
    if (r < 0)
        return -1;
    if (r == 0)
        doc_append(list, shown(c, o, tags));
    else
        ecs_add_failure(c,
                        str_starts(name_or_arn, STR("arn:"))
                            ? doc_string(c->arena, name_or_arn)
                            : ecs_arn(c, "capacity-provider/" STR_FMT, STR_ARG(name_or_arn)),
                        "MISSING");
    return 0;
}

static int describe_all(struct aws_call *c, bool tags, struct doc *list, struct err *err)
{
    struct doc *all;

    if (ecs_store_list(store_of(c), c->arena, ECS_CAPACITY_PROVIDER, NULL, &all, err) < 0)
        return -1;
    doc_append(list, shown_built_in(c, STR("FARGATE")));
    doc_append(list, shown_built_in(c, STR("FARGATE_SPOT")));
    doc_foreach (all, o)
        if (str_is(status_of(o), "ACTIVE"))
            doc_append(list, shown(c, o, tags));
    return 0;
}

/* Only those of the cluster that the input names. */
static int keep_associated(struct aws_call *c, struct doc *list, struct err *err)
{
    struct ecs_cluster cluster;

    if (!in_str(c, "cluster").n)
        return 0;
    if (ecs_find_cluster(c, in_str(c, "cluster"), &cluster, err) < 0)
        return -1;
    const struct doc *names = doc_path(cluster.object, "spec.capacityProviders");
    doc_foreach (list, d)
        if (!ecs_list_has(names, arena_str(c->arena, doc_str(doc_get(d, "name"))).p))
            doc_unlink(list, d);
    return 0;
}

int ecs_describe_capacity_providers(struct aws_call *c, struct err *err)
{
    const struct doc *names = doc_get(c->input, "capacityProviders");
    bool tags = ecs_list_has(doc_get(c->input, "include"), "TAGS");
    struct doc *list = doc_array(c->arena);

    if (doc_count(names) > DESCRIBE_MAX)
        return aws_error(c, ECS_INVALID, "At most %d capacity providers can be described in one call.", DESCRIBE_MAX);
    doc_need_array(c->arena, c->output, "failures");
    doc_foreach (names, n)
        if (describe_one(c, doc_str(n), tags, list, err) < 0)
            return -1;
    if (!doc_count(names) && describe_all(c, tags, list, err) < 0)
        return -1;
    if (keep_associated(c, list, err) < 0)
        return -1;
    if (doc_count(names) && !doc_get(c->input, "maxResults")) {
        doc_set(c->output, "capacityProviders", list); /* all that were asked for */
        return 0;
    }
    return ecs_put_page_by(c, "capacityProviders", list, "name", PAGE_MAX, err);
}
