#include "ecs/map/service_parts.h"

#include "base/map.h"
#include "ecs/map/capacity.h"

#include <stdio.h>

/* What a revision fixes: these members of a service start a deployment when they change, and come back with it. */
const char *const service_revision_members[SERVICE_REVISION_MEMBERS] = {
    "taskDefinition",       "capacityProviderStrategy", "launchType",
    "platformVersion",      "platformFamily",           "loadBalancers",
    "serviceRegistries",    "networkConfiguration",     "serviceConnectConfiguration",
    "volumeConfigurations", "vpcLatticeConfigurations",
};
/* Of them, what a Deployment shows. */
static const char *const deployment_members[] = {
    "taskDefinition",
    "capacityProviderStrategy",
    "launchType",
    "platformVersion",
    "platformFamily",
    "networkConfiguration",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
};

/* Returns whether the number was another one. */
static bool set_int(struct arena *a, struct doc *d, const char *key, int64_t v)
{
    int64_t old;

    if (doc_to_int(doc_get(d, key), &old) && old == v)
        return false;
    doc_set(d, key, doc_int(a, v));
    return true;
}

/* --- names --- */

static uint64_t digits19(uint64_t random) /* from 10^18, below 2^63 */
{
    const uint64_t least = 1000000000000000000u;

    return least + random % ((UINT64_C(1) << 63) - least);
}

void service_ids_from(const uint64_t random[4], struct service_ids *ret)
{
    static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    uint64_t low = random[2], high = random[3];

    snprintf(ret->deployment, sizeof(ret->deployment), "ecs-svc/%llu", (unsigned long long)digits19(random[0]));
    snprintf(ret->revision, sizeof(ret->revision), "%llu", (unsigned long long)digits19(random[1]));
    for (size_t i = 0; i < SERVICE_DEPLOYMENT_ID_LEN; i++) {
        uint64_t *from = i < SERVICE_DEPLOYMENT_ID_LEN / 2 ? &low : &high;
        ret->service_deployment[i] = alphabet[*from % 36];
        *from /= 36;
    }
    ret->service_deployment[SERVICE_DEPLOYMENT_ID_LEN] = '\0';
}

struct doc *service_arn_of(struct arena *a, const struct doc *service, const char *type, struct str id)
{
    struct str arn = doc_str(doc_path(service, "spec.serviceArn"));
    const char *at = memmem(arn.p, arn.n, ":service/", 9);
    size_t before = at ? (size_t)(at - arn.p) + 1 : 0;
    struct str rest = str_from(arn, before + (at ? sizeof("service") - 1 : 0));

    return doc_printf(a, STR_FMT "%s" STR_FMT "/" STR_FMT, (int)before, arn.p, type, STR_ARG(rest), STR_ARG(id));
}

bool service_revision_differs(const struct doc *spec, const struct doc *other)
{
    for (size_t i = 0; i < SERVICE_REVISION_MEMBERS; i++)
        if (!doc_equal(doc_get(spec, service_revision_members[i]), doc_get(other, service_revision_members[i])))
            return true;
    return false;
}

struct str service_runs_on(const struct doc *spec)
{
    const struct doc *first = doc_at(doc_get(spec, "capacityProviderStrategy"), 0);
    struct str type = doc_str(doc_get(spec, "launchType"));

    if (!first)
        return type.n ? type : STR("EC2");
    return capacity_built_in(doc_str(doc_get(first, "capacityProvider"))) == CAPACITY_FARGATE ? STR("FARGATE")
                                                                                              : STR("EC2");
}

/* --- an ECSService --- */

struct doc *service_new(struct arena *a, const char *ns, const char *object_name, struct doc *spec)
{
    struct doc *o = doc_object(a), *metadata = doc_need_object(a, o, "metadata"), *status;

    set_str(a, metadata, "name", str_of(object_name));
    set_str(a, metadata, "namespace", str_of(ns));
    doc_set(o, "spec", spec);
    status = doc_need_object(a, o, "status");
    set_str(a, status, "status", STR("ACTIVE"));
    doc_set(status, "runningCount", doc_int(a, 0));
    doc_set(status, "pendingCount", doc_int(a, 0));
    doc_set(status, "deployments", doc_array(a));
    doc_set(status, "events", doc_array(a));
    return o;
}

void service_succeed(struct arena *a, struct doc *service, const struct doc *former)
{
    copy_member(a, doc_need_object(a, service, "status"), doc_get(former, "status"), "deploymentsMade");
}

struct service_limits service_limits(const struct doc *service)
{
    const struct doc *c = doc_path(service, "spec.deploymentConfiguration");
    const struct doc *breaker = doc_get(c, "deploymentCircuitBreaker");
    bool daemon = service_is_daemon(service);

    return (struct service_limits){
        .min_percent = doc_int_or(doc_get(c, "minimumHealthyPercent"), daemon ? 0 : 100),
        .max_percent = doc_int_or(doc_get(c, "maximumPercent"), daemon ? 100 : 200),
        .breaker = doc_true(doc_get(breaker, "enable")),
        .rollback = doc_true(doc_get(breaker, "enable")) && doc_true(doc_get(breaker, "rollback")),
    };
}

/* The members of the API's Service, in its order: where they stand, and what is shown when they are absent. */
enum absent { LEFT_OUT, EMPTY_LIST, ZERO };
static const struct {
    const char *name;
    bool in_status;
    enum absent absent;
} view_members[] = {
    {"serviceArn", false, LEFT_OUT},
    {"serviceName", false, LEFT_OUT},
    {"clusterArn", false, LEFT_OUT},
    {"loadBalancers", false, EMPTY_LIST},
    {"serviceRegistries", false, EMPTY_LIST},
    {"status", true, LEFT_OUT},
    {"desiredCount", false, ZERO},
    {"runningCount", true, ZERO},
    {"pendingCount", true, ZERO},
    {"launchType", false, LEFT_OUT},
    {"capacityProviderStrategy", false, LEFT_OUT},
    {"platformVersion", false, LEFT_OUT},
    {"platformFamily", false, LEFT_OUT},
    {"taskDefinition", false, LEFT_OUT},
    {"deploymentConfiguration", false, LEFT_OUT},
    {"deployments", true, EMPTY_LIST},
    {"roleArn", false, LEFT_OUT},
    {"events", true, EMPTY_LIST},
    {"createdAt", false, LEFT_OUT},
    {"placementConstraints", false, EMPTY_LIST},
    {"placementStrategy", false, EMPTY_LIST},
    {"networkConfiguration", false, LEFT_OUT},
    {"healthCheckGracePeriodSeconds", false, ZERO},
    {"schedulingStrategy", false, LEFT_OUT},
    {"deploymentController", false, LEFT_OUT},
    {"createdBy", false, LEFT_OUT},
    {"enableECSManagedTags", false, LEFT_OUT},
    {"propagateTags", false, LEFT_OUT},
    {"enableExecuteCommand", false, LEFT_OUT},
    {"availabilityZoneRebalancing", false, LEFT_OUT},
    {"resourceManagementType", false, LEFT_OUT},
};

/* {arn, requestedTaskCount, runningTaskCount, pendingTaskCount} of a deployment's revision. */
struct doc *service_revision_summary(struct arena *a, const struct doc *service, const struct doc *deployment)
{
    struct doc *s = doc_object(a);
    struct service_x x;

    service_x_get(deployment, &x);
    doc_set(s, "arn", service_arn_of(a, service, "service-revision", x.revision));
    doc_set(s, "requestedTaskCount", doc_int(a, int_at(deployment, "desiredCount")));
    doc_set(s, "runningTaskCount", doc_int(a, int_at(deployment, "runningCount")));
    doc_set(s, "pendingTaskCount", doc_int(a, int_at(deployment, "pendingCount")));
    return s;
}

static void view_current(struct arena *a, struct doc *view, const struct doc *service)
{
    const struct doc *primary = service_primary(service);
    struct doc *revisions = doc_array(a);
    struct service_x x;

    service_x_get(primary, &x);
    if (x.service_deployment.n)
        doc_set(view, "currentServiceDeployment",
                service_arn_of(a, service, "service-deployment", x.service_deployment));
    doc_foreach (service_deployments(service), d)
        doc_append(revisions, service_revision_summary(a, service, d));
    doc_set(view, "currentServiceRevisions", revisions);
}

struct doc *service_view(struct arena *a, const struct doc *service, bool with_tags)
{
    struct doc *v = doc_object(a);

    for (size_t i = 0; i < ARRAY_LEN(view_members); i++) {
        const char *name = view_members[i].name;
        const struct doc *d = doc_get(doc_get(service, view_members[i].in_status ? "status" : "spec"), name);

        if (d)
            doc_set(v, name, doc_clone(a, d, true));
        else if (view_members[i].absent != LEFT_OUT)
            doc_set(v, name, view_members[i].absent == ZERO ? doc_int(a, 0) : doc_array(a));
    }
    doc_foreach (doc_get(v, "deployments"), d)
        (void)doc_remove(d, "x");
    view_current(a, v, service);
    if (with_tags) {
        const struct doc *tags = doc_path(service, "spec.tags");
        doc_set(v, "tags", tags ? doc_clone(a, tags, true) : doc_array(a));
    }
    return v;
}

/* A UUID that follows from what it is for: the same write made twice has the same ids. */
static struct doc *event_id(struct arena *a, const struct doc *service, int64_t number)
{
    struct str arn = doc_str(doc_path(service, "spec.serviceArn"));
    uint64_t seed = (uint64_t)number ^ (uint64_t)doc_int_or(doc_path(service, "spec.createdAt"), 0) << 24;
    uint64_t h = hash_bytes(arn.p, arn.n, seed), l = hash_bytes(arn.p, arn.n, ~seed);

    return doc_printf(a, "%08x-%04x-4%03x-a%03x-%012llx", (unsigned)(h >> 32), (unsigned)(h >> 16 & 0xffff),
                      (unsigned)(h & 0xfff), (unsigned)(l >> 48 & 0xfff),
                      (unsigned long long)(l & UINT64_C(0xffffffffffff)));
}

void service_add_event(struct arena *a, struct doc *service, struct str message, int64_t now_s)
{
    struct doc *status = doc_need_object(a, service, "status"), *events = doc_need_array(a, status, "events");
    struct doc *e = doc_object(a);
    int64_t number = int_at(status, "eventsMade") + 1;
    size_t i = 0;

    doc_set(status, "eventsMade", doc_int(a, number));
    doc_set(e, "id", event_id(a, service, number));
    doc_set(e, "createdAt", doc_int(a, now_s));
    set_str(a, e, "message", message);
    doc_insert_before(events, doc_at(events, 0), e);
    doc_foreach (events, it)
        if (i++ >= SERVICE_EVENTS_MAX)
            doc_unlink(events, it);
}

void service_set_desired(struct arena *a, struct doc *service, int64_t desired, int64_t now_s)
{
    struct doc *primary = service_primary(service);

    doc_set_path(a, service, "spec.desiredCount", doc_int(a, desired));
    if (primary && set_int(a, primary, "desiredCount", desired))
        doc_set(primary, "updatedAt", doc_int(a, now_s));
}

void service_drain(struct arena *a, struct doc *service, int64_t now_s)
{
    doc_set_path(a, service, "status.status", doc_string(a, STR("DRAINING")));
    service_set_desired(a, service, 0, now_s);
    doc_foreach (service_deployments(service), d) {
        if (set_int(a, d, "desiredCount", 0))
            doc_set(d, "updatedAt", doc_int(a, now_s));
        if (str_is(doc_str(doc_get(d, "rolloutState")), "IN_PROGRESS"))
            service_set_rollout(a, service, d, "FAILED", STR("The service was deleted."), now_s);
    }
}

void service_end(struct arena *a, struct doc *service, int64_t now_s)
{
    struct doc *status = doc_need_object(a, service, "status");

    set_str(a, status, "status", STR("INACTIVE"));
    doc_set(status, "inactiveAt", doc_int(a, now_s));
    doc_set(status, "runningCount", doc_int(a, 0));
    doc_set(status, "pendingCount", doc_int(a, 0));
    doc_set(status, "deployments", doc_array(a));
}

/* --- its deployments --- */

struct doc *service_deployment_of(const struct doc *service, struct str id)
{
    doc_foreach (service_deployments(service), d)
        if (str_eq(doc_str(doc_get(d, "id")), id))
            return d;
    return NULL;
}

void service_x_get(const struct doc *deployment, struct service_x *ret)
{
    const struct doc *x = doc_get(deployment, "x");

    *ret = (struct service_x){
        .revision = doc_str(doc_get(x, "revision")),
        .service_deployment = doc_str(doc_get(x, "serviceDeployment")),
        .started = int_at(x, "started"),
        .failures_in_row = int_at(x, "failuresInRow"),
        .last_failure_s = int_at(x, "lastFailureAt"),
        .is_rollback = doc_true(doc_get(x, "isRollback")),
        .stopped = doc_true(doc_get(x, "stopped")),
    };
}

void service_x_set(struct arena *a, struct doc *deployment, const struct service_x *x)
{
    struct doc *d = doc_need_object(a, deployment, "x");

    set_str(a, d, "revision", x->revision);
    set_str(a, d, "serviceDeployment", x->service_deployment);
    (void)set_int(a, d, "started", x->started);
    (void)set_int(a, d, "failuresInRow", x->failures_in_row);
    (void)set_int(a, d, "lastFailureAt", x->last_failure_s);
    doc_set(d, "isRollback", doc_bool(a, x->is_rollback));
    doc_set(d, "stopped", doc_bool(a, x->stopped));
}

struct doc *service_x_counted(struct arena *a, struct doc *deployment)
{
    return doc_need_array(a, doc_need_object(a, deployment, "x"), "counted");
}

bool service_set_counts(struct arena *a, struct doc *deployment, const struct service_counts *n, int64_t now_s)
{
    bool changed = set_int(a, deployment, "desiredCount", n->desired);

    changed |= set_int(a, deployment, "pendingCount", n->pending);
    changed |= set_int(a, deployment, "runningCount", n->running);
    changed |= set_int(a, deployment, "failedTasks", n->failed);
    if (changed)
        doc_set(deployment, "updatedAt", doc_int(a, now_s));
    return changed;
}

void service_set_rollout(struct arena *a, struct doc *service, struct doc *deployment, const char *state,
                         struct str reason, int64_t now_s)
{
    struct service_x x;

    set_str(a, deployment, "rolloutState", str_of(state));
    set_str(a, deployment, "rolloutStateReason", reason);
    doc_set(deployment, "updatedAt", doc_int(a, now_s));
    service_x_get(deployment, &x);
    if (str_is(str_of(state), "COMPLETED") && deployment == service_primary(service))
        doc_set_path(a, service, "status.lastCompletedRevision", doc_string_copy(a, x.revision));
}

void service_retire(struct doc *service, struct str id)
{
    struct doc *d = service_deployment_of(service, id);

    if (d)
        doc_unlink(service_deployments(service), d);
}

/* Those that are not needed: never started a task. */
static void drop_unstarted(struct doc *deployments)
{
    struct service_x x;

    doc_foreach (deployments, d) {
        service_x_get(d, &x);
        if (!x.started)
            doc_unlink(deployments, d);
    }
}

static struct doc *new_deployment(struct arena *a, const struct doc *service, const struct doc *revision, struct str id,
                                  int64_t now_s)
{
    struct doc *d = doc_object(a);

    set_str(a, d, "id", id);
    set_str(a, d, "status", STR("PRIMARY"));
    doc_set(d, "desiredCount", doc_int(a, service_desired(service)));
    doc_set(d, "pendingCount", doc_int(a, 0));
    doc_set(d, "runningCount", doc_int(a, 0));
    doc_set(d, "failedTasks", doc_int(a, 0));
    doc_set(d, "createdAt", doc_int(a, now_s));
    doc_set(d, "updatedAt", doc_int(a, now_s));
    for (size_t i = 0; i < ARRAY_LEN(deployment_members); i++)
        copy_member(a, d, revision, deployment_members[i]);
    set_str(a, d, "rolloutState", STR("IN_PROGRESS"));
    doc_set(d, "rolloutStateReason", doc_printf(a, "ECS deployment " STR_FMT " in progress.", STR_ARG(id)));
    return d;
}

static bool put_in_front(struct arena *a, struct doc *service, const struct doc *revision, struct str id,
                         const struct service_x *x, int64_t now_s)
{
    struct doc *status = doc_need_object(a, service, "status"), *all = doc_need_array(a, status, "deployments");
    struct doc *former = doc_at(all, 0), *d;

    /* The call may have begun before the one that was written before it. */
    now_s = former ? MAX_OF(now_s, int_at(former, "createdAt")) : now_s;
    d = new_deployment(a, service, revision, id, now_s);
    service_x_set(a, d, x);
    doc_set(doc_get(d, "x"), "number", doc_int(a, int_at(status, "deploymentsMade") + 1));
    if (!x->is_rollback) /* what is rolled back still has to be reported */
        drop_unstarted(all);
    if (doc_count(all) >= SERVICE_DEPLOYMENTS_MAX)
        return false;
    if (former) {
        set_str(a, former, "status", STR("ACTIVE"));
        doc_set(former, "updatedAt", doc_int(a, now_s));
    }
    doc_insert_before(all, doc_at(all, 0), d);
    doc_set(status, "deploymentsMade", doc_int(a, int_at(status, "deploymentsMade") + 1));
    doc_set(status, "steady", doc_bool(a, false));
    doc_set(status, "blocked", doc_bool(a, false));
    return true;
}

bool service_deploy(struct arena *a, struct doc *service, const struct doc *revision, const struct service_ids *ids,
                    int64_t now_s)
{
    struct service_x x = {.revision = str_of(ids->revision), .service_deployment = str_of(ids->service_deployment)};

    return put_in_front(a, service, revision, str_of(ids->deployment), &x, now_s);
}

bool service_roll_back(struct arena *a, struct doc *service, const struct doc *revision, const struct service_ids *ids,
                       int64_t now_s)
{
    struct doc *spec = doc_need_object(a, service, "spec");
    const struct doc *from = doc_get(revision, "spec");
    struct service_x failed, x = {.revision = doc_str(doc_path(revision, "metadata.name")), .is_rollback = true};

    if (doc_count(service_deployments(service)) >= SERVICE_DEPLOYMENTS_MAX)
        return false;
    service_x_get(service_primary(service), &failed);
    x.service_deployment = failed.service_deployment;
    bool latest = str_is(doc_str(doc_get(spec, "platformVersion")), "LATEST");
    for (size_t i = 0; i < SERVICE_REVISION_MEMBERS; i++) {
        (void)doc_remove(spec, service_revision_members[i]);
        copy_member(a, spec, from, service_revision_members[i]);
    }
    if (latest && doc_get(spec, "platformVersion"))
        set_str(a, spec, "platformVersion", STR("LATEST"));
    return put_in_front(a, service, from, str_of(ids->deployment), &x, now_s);
}

struct str service_rollback_revision(const struct doc *service)
{
    struct str last = doc_str(doc_path(service, "status.lastCompletedRevision"));
    struct service_x x;

    service_x_get(service_primary(service), &x);
    return str_eq(last, x.revision) ? STR("") : last;
}
