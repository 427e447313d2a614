#include "ecs/map/service_rules.h"

#include "ecs/map/fault.h"
#include "ecs/map/placement.h"
#include "ecs/map/service.h"
#include "ecs/map/tags.h"
#include "ecs/map/taskdef.h"

#define CONSTRAINTS_MAX 10
#define STRATEGIES_MAX 5
#define PERCENT_MAX 100000

struct rules {
    struct arena *a;
    const struct doc *input;
    const struct service_wish *w;
    struct doc *spec;
    bool daemon, fargate, awsvpc;
};

static struct rules rules_of(struct arena *a, const struct doc *input, const struct service_wish *w, struct doc *spec)
{
    return (struct rules){.a = a,
                          .input = input,
                          .w = w,
                          .spec = spec,
                          .daemon = str_is(doc_str(doc_get(spec, "schedulingStrategy")), "DAEMON"),
                          .fargate = str_is(w->runs_on, "FARGATE"),
                          .awsvpc = str_is(doc_str(doc_get(w->definition, "networkMode")), "awsvpc")};
}

static void set_str(struct rules *r, const char *key, struct str s)
{
    doc_set(r->spec, key, doc_string(r->a, s));
}

static void copy_given(struct rules *r, const char *const *members, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct doc *v = doc_get(r->input, members[i]);
        if (v)
            doc_set(r->spec, members[i], doc_clone(r->a, v, true));
    }
}

/* --- what is not there --- */

static int refuse_deployments(const struct doc *input, struct err *err)
{
    const struct doc *c = doc_get(input, "deploymentConfiguration");
    struct str controller = doc_str(doc_path(input, "deploymentController.type"));
    struct str strategy = doc_str(doc_get(c, "strategy"));

    if (controller.n && !str_is(controller, "ECS"))
        return ecs_fault(err, ECS_INVALID, "The deployment controller " STR_FMT " is not supported yet.",
                         STR_ARG(controller));
    if (strategy.n && !str_is(strategy, "ROLLING"))
        return ecs_fault(err, ECS_INVALID, "The deployment strategy " STR_FMT " is not supported yet.",
                         STR_ARG(strategy));
    if (doc_count(doc_get(c, "lifecycleHooks")))
        return ecs_fault(err, ECS_INVALID, "lifecycleHooks are not supported with the ROLLING deployment strategy.");
    if (doc_int_or(doc_get(c, "bakeTimeInMinutes"), 0) > 0)
        return ecs_fault(err, ECS_INVALID, "bakeTimeInMinutes is not supported yet.");
    if (doc_true(doc_path(c, "alarms.enable")))
        return ecs_fault(err, ECS_INVALID, "Deployment alarms are not supported yet.");
    return 0;
}

static int refuse(const struct doc *input, struct err *err)
{
    static const char *const lists[] = {"serviceRegistries", "volumeConfigurations", "vpcLatticeConfigurations"};

    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (doc_count(doc_get(input, lists[i])))
            return ecs_fault(err, ECS_INVALID, "%s is not supported yet.", lists[i]);
    if (doc_true(doc_path(input, "serviceConnectConfiguration.enabled")))
        return ecs_fault(err, ECS_INVALID, "serviceConnectConfiguration is not supported yet.");
    return refuse_deployments(input, err);
}

static int check_port(const struct doc *container, const struct doc *balancer, struct err *err)
{
    int64_t port = doc_int_or(doc_get(balancer, "containerPort"), 0);

    doc_foreach (doc_get(container, "portMappings"), p)
        if (doc_int_or(doc_get(p, "containerPort"), 0) == port)
            return 0;
    return ecs_fault(err, ECS_INVALID, "The container " STR_FMT " did not have a container port %lld defined.",
                     STR_ARG(doc_str(doc_get(container, "name"))), (long long)port);
}

/* There are no load balancers, so a target group that has one cannot be named. */
static int check_balancers(struct rules *r, struct err *err)
{
    doc_foreach (doc_get(r->input, "loadBalancers"), b) {
        struct str name = doc_str(doc_get(b, "containerName")), group = doc_str(doc_get(b, "targetGroupArn"));
        const struct doc *container = taskdef_container(r->w->definition, name);
        if (!container)
            return ecs_fault(err, ECS_INVALID, "The container " STR_FMT " does not exist in the task definition.",
                             STR_ARG(name));
        if (check_port(container, b, err) < 0)
            return -1;
        if (group.n)
            return ecs_fault(err, ECS_INVALID,
                             "The target group with targetGroupArn " STR_FMT
                             " does not have an associated load balancer.",
                             STR_ARG(group));
        return ecs_fault(err, ECS_INVALID, "The load balancer " STR_FMT " does not exist.",
                         STR_ARG(doc_str(doc_get(b, "loadBalancerName"))));
    }
    return 0;
}

/* --- each part of a service --- */

static int check_daemon(struct rules *r, struct err *err)
{
    if (!r->daemon)
        return 0;
    if (doc_get(r->input, "desiredCount"))
        return ecs_fault(err, ECS_INVALID,
                         "The daemon scheduling strategy does not support a desired count for services. Remove the "
                         "desired count value and try again.");
    if (doc_count(doc_get(r->input, "capacityProviderStrategy")))
        return ecs_fault(err, ECS_INVALID,
                         "Specifying a capacity provider strategy is not supported when you create a service using the "
                         "DAEMON scheduling strategy.");
    if (r->fargate)
        return ecs_fault(err, ECS_INVALID,
                         "The Fargate launch type does not support the DAEMON scheduling strategy. Change the launch "
                         "type or the scheduling strategy and try again.");
    if (doc_count(doc_get(r->spec, "placementStrategy")))
        return ecs_fault(err, ECS_INVALID,
                         "The daemon scheduling strategy does not support placement strategies. Remove the placement "
                         "strategy and try again");
    return 0;
}

static int set_desired(struct rules *r, struct err *err)
{
    const struct doc *given = doc_get(r->input, "desiredCount");
    int64_t n = doc_int_or(given ? given : doc_get(r->spec, "desiredCount"), r->daemon ? 0 : -1);

    if (!given && n < 0)
        return ecs_fault(err, ECS_INVALID, "Desired count can not be blank.");
    if (n < 0 || n > SERVICE_DESIRED_MAX)
        return ecs_fault(err, ECS_INVALID, "The desired count must be between 0 and %d.", SERVICE_DESIRED_MAX);
    doc_set(r->spec, "desiredCount", doc_int(r->a, n));
    return 0;
}

static int check_percents(struct rules *r, int64_t min, int64_t max, struct err *err)
{
    if (min < 0 || min > (r->daemon ? 100 : PERCENT_MAX) || max < 0 || max > PERCENT_MAX)
        return ecs_fault(err, ECS_INVALID, "minimumHealthyPercent and maximumPercent must be valid percentages.");
    if (r->daemon && max > 100)
        return ecs_fault(err, ECS_INVALID,
                         "The daemon scheduling strategy does not support values above 100 for maximumPercent on a "
                         "deployment configuration. Change the maximumPercent value to 100, and try again");
    if (max < 1 || max < min)
        return ecs_fault(err, ECS_INVALID, "maximumPercent must be at least 1 and at least minimumHealthyPercent.");
    if (r->daemon && min == 100)
        return ecs_fault(err, ECS_INVALID,
                         "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.");
    return 0;
}

/* Members that are not given keep their value, which is the default's at first. */
static int set_deployment_configuration(struct rules *r, struct err *err)
{
    struct doc *c = doc_need_object(r->a, r->spec, "deploymentConfiguration");
    struct doc *breaker = doc_need_object(r->a, c, "deploymentCircuitBreaker");

    if (!doc_get(breaker, "enable")) {
        doc_set(breaker, "enable", doc_bool(r->a, false));
        doc_set(breaker, "rollback", doc_bool(r->a, false));
    }
    if (!doc_get(c, "maximumPercent")) {
        doc_set(c, "maximumPercent", doc_int(r->a, r->daemon ? 100 : 200));
        doc_set(c, "minimumHealthyPercent", doc_int(r->a, r->daemon ? 0 : 100));
    }
    doc_foreach (doc_get(r->input, "deploymentConfiguration"), m)
        doc_set_str(c, doc_key(m), doc_clone(r->a, m, true));
    doc_set(c, "strategy", doc_string(r->a, STR("ROLLING")));
    doc_set(c, "bakeTimeInMinutes", doc_int(r->a, 0));
    return check_percents(r, doc_int_or(doc_get(c, "minimumHealthyPercent"), -1),
                          doc_int_or(doc_get(c, "maximumPercent"), -1), err);
}

/* What the API fills in of an awsvpcConfiguration. */
static void set_network(struct rules *r)
{
    static const char *const given[] = {"networkConfiguration"};
    struct doc *v;

    copy_given(r, given, ARRAY_LEN(given));
    v = doc_path(r->spec, "networkConfiguration.awsvpcConfiguration");
    if (!v)
        return;
    (void)doc_need_array(r->a, v, "securityGroups");
    if (!doc_get(v, "assignPublicIp"))
        doc_set(v, "assignPublicIp", doc_string(r->a, STR("DISABLED")));
}

static int set_platform(struct rules *r, struct err *err)
{
    static const char *const versions[] = {"LATEST", "1.4.0", "1.3.0", "1.2.0", "1.1.0", "1.0.0"};
    struct str given = doc_str(doc_get(r->input, "platformVersion"));
    bool known = !given.n;

    if (!r->fargate) {
        if (given.n)
            return ecs_fault(err, ECS_INVALID, "The platform version must be null when specifying an EC2 launch type.");
        (void)doc_remove(r->spec, "platformVersion");
        (void)doc_remove(r->spec, "platformFamily");
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(versions); i++)
        known = known || str_is(given, versions[i]);
    if (!known)
        return ecs_fault(err, "PlatformUnknownException", "The specified platform does not exist.");
    if (given.n || !doc_get(r->spec, "platformVersion"))
        set_str(r, "platformVersion", given.n ? given : STR("LATEST"));
    set_str(r, "platformFamily", STR("Linux"));
    return 0;
}

static int check_placement(struct rules *r, struct err *err)
{
    const struct doc *constraints = doc_get(r->spec, "placementConstraints"),
                     *strategy = doc_get(r->spec, "placementStrategy");

    if (r->fargate && doc_count(constraints))
        return ecs_fault(err, ECS_INVALID, "Placement constraints are not supported with FARGATE launch type.");
    if (r->fargate && doc_count(strategy))
        return ecs_fault(err, ECS_INVALID, "Placement strategies are not supported with FARGATE launch type.");
    if (doc_count(constraints) > CONSTRAINTS_MAX || doc_count(strategy) > STRATEGIES_MAX)
        return ecs_fault(err, ECS_INVALID, "There may be at most %d placement constraints and %d placement strategies.",
                         CONSTRAINTS_MAX, STRATEGIES_MAX);
    return placement_check(r->a, constraints, strategy, err);
}

static void set_launch(struct rules *r)
{
    (void)doc_remove(r->spec, "launchType");
    (void)doc_remove(r->spec, "capacityProviderStrategy");
    if (r->w->strategy)
        doc_set(r->spec, "capacityProviderStrategy", doc_clone(r->a, r->w->strategy, true));
    else
        set_str(r, "launchType", r->w->launch_type);
}

static int check_grace(struct rules *r, struct err *err)
{
    int64_t s = doc_int_or(doc_get(r->spec, "healthCheckGracePeriodSeconds"), 0);

    if (s < 0 || s > INT32_MAX)
        return ecs_fault(err, ECS_INVALID, "healthCheckGracePeriodSeconds must be between 0 and 2147483647.");
    return 0;
}

/* Everything that both calls set and check; spec has what is not to be changed. */
static int apply(struct rules *r, struct err *err)
{
    static const char *const given[] = {
        "placementConstraints", "placementStrategy",    "healthCheckGracePeriodSeconds", "enableECSManagedTags",
        "propagateTags",        "enableExecuteCommand", "availabilityZoneRebalancing",   "serviceConnectConfiguration",
    };

    if (refuse(r->input, err) < 0)
        return -1;
    copy_given(r, given, ARRAY_LEN(given));
    set_network(r);
    doc_set(r->spec, "taskDefinition", doc_string(r->a, doc_str(doc_get(r->w->definition, "taskDefinitionArn"))));
    set_launch(r);
    if (check_daemon(r, err) < 0 || set_desired(r, err) < 0 || set_platform(r, err) < 0 ||
        taskdef_check_launch(r->w->definition, r->w->runs_on, doc_get(r->spec, "networkConfiguration"), err) < 0 ||
        check_balancers(r, err) < 0 || set_deployment_configuration(r, err) < 0 || check_placement(r, err) < 0 ||
        check_grace(r, err) < 0)
        return -1;
    return arena_overflow(r->a) ? err_set(err, ERR_TOO_LARGE, "the service is too large") : 0;
}

/* --- CreateService --- */

/* Tasks with an interface of their own need the service-linked role; a role of the caller's is for load balancers. */
static int set_role(struct rules *r, struct err *err)
{
    struct str role = doc_str(doc_get(r->input, "role"));

    if (role.n && r->awsvpc)
        return ecs_fault(err, ECS_INVALID,
                         "You cannot specify an IAM role for services that require a service linked role.");
    if (role.n)
        return ecs_fault(err, ECS_INVALID, "You cannot specify an IAM role for services without a load balancer.");
    if (r->awsvpc)
        doc_set(r->spec, "roleArn",
                doc_printf(r->a, "arn:aws:iam::%s:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
                           r->w->account));
    return 0;
}

static void set_defaults(struct rules *r)
{
    set_str(r, "propagateTags", STR("NONE"));
    doc_set(r->spec, "enableECSManagedTags", doc_bool(r->a, false));
    doc_set(r->spec, "enableExecuteCommand", doc_bool(r->a, false));
    doc_set(r->spec, "placementConstraints", doc_array(r->a));
    doc_set(r->spec, "placementStrategy", doc_array(r->a));
    set_str(r, "availabilityZoneRebalancing", r->daemon ? STR("DISABLED") : STR("ENABLED"));
    set_str(r, "resourceManagementType", STR("CUSTOMER"));
    doc_set(doc_need_object(r->a, r->spec, "deploymentController"), "type", doc_string(r->a, STR("ECS")));
}

static void set_identity(struct rules *r)
{
    const struct service_wish *w = r->w;
    struct str name = doc_str(doc_get(r->input, "serviceName"));
    static const char *const given[] = {"clientToken"};
    const struct doc *tags = doc_get(r->input, "tags");

    set_str(r, "serviceName", name);
    set_str(r, "clusterName", str_of(w->cluster));
    doc_set(
        r->spec, "serviceArn",
        doc_printf(r->a, "arn:aws:ecs:%s:%s:service/%s/" STR_FMT, w->region, w->account, w->cluster, STR_ARG(name)));
    doc_set(r->spec, "clusterArn", doc_printf(r->a, "arn:aws:ecs:%s:%s:cluster/%s", w->region, w->account, w->cluster));
    doc_set(r->spec, "createdAt", doc_int(r->a, w->now_s));
    set_str(r, "createdBy", w->caller);
    copy_given(r, given, ARRAY_LEN(given));
    if (tags)
        doc_set(r->spec, "tags", tags_filled(r->a, tags));
}

int service_spec_create(struct arena *a, const struct doc *input, const struct service_wish *w, struct doc **ret,
                        struct err *err)
{
    struct str strategy = doc_str(doc_get(input, "schedulingStrategy"));
    struct doc *spec = doc_object(a);

    doc_set(spec, "schedulingStrategy", doc_string(a, strategy.n ? strategy : STR("REPLICA")));
    struct rules r = rules_of(a, input, w, spec);
    set_identity(&r);
    set_defaults(&r);
    if (tags_check(doc_get(input, "tags"), err) < 0 || apply(&r, err) < 0 || set_role(&r, err) < 0)
        return -1;
    *ret = spec;
    return 0;
}

/* --- UpdateService --- */

static int check_forced(struct rules *r, const struct doc *before, struct err *err)
{
    if (!doc_get(r->input, "capacityProviderStrategy") || doc_true(doc_get(r->input, "forceNewDeployment")) ||
        (doc_equal(doc_get(before, "capacityProviderStrategy"), doc_get(r->spec, "capacityProviderStrategy")) &&
         doc_equal(doc_get(before, "launchType"), doc_get(r->spec, "launchType"))))
        return 0;
    return ecs_fault(
        err, ECS_INVALID,
        "When switching from launch type to capacity provider strategy on an existing service, or making a "
        "change to a capacity provider strategy on a service that is already using one, you must force a "
        "new deployment.");
}

int service_spec_update(struct arena *a, const struct doc *spec, const struct doc *input, const struct service_wish *w,
                        struct doc **ret, bool *ret_deploys, struct err *err)
{
    struct doc *changed = doc_clone(a, spec, true);
    struct rules r = rules_of(a, input, w, changed);

    if (apply(&r, err) < 0 || check_forced(&r, spec, err) < 0)
        return -1;
    *ret = changed;
    *ret_deploys = doc_true(doc_get(input, "forceNewDeployment")) || service_revision_differs(spec, changed);
    return 0;
}

bool service_spec_same(struct arena *a, const struct doc *spec, const struct doc *other)
{
    static const char *const aside[] = {"createdAt", "createdBy", "clientToken", "request"};
    struct doc *x = doc_clone(a, spec, true), *y = doc_clone(a, other, true);
    bool daemon = str_is(doc_str(doc_get(spec, "schedulingStrategy")), "DAEMON");

    for (size_t i = 0; i < ARRAY_LEN(aside); i++) {
        (void)doc_remove(x, aside[i]);
        (void)doc_remove(y, aside[i]);
    }
    if (daemon) { /* the number of instances */
        (void)doc_remove(x, "desiredCount");
        (void)doc_remove(y, "desiredCount");
    }
    return doc_equal(x, y);
}
