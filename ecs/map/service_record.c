#include "ecs/map/service_parts.h"

#include "ecs/map/scheduler.h"

#define STATUS_REASON_BREAKER "Service deployment rolled back because the circuit breaker threshold was exceeded."
#define STATUS_REASON_ASKED "Service deployment rolled back because of a request to stop it."
#define STATUS_REASON_FAILED "Service deployment failed because the circuit breaker threshold was exceeded."
#define STATUS_REASON_STOPPED "Service deployment stopped because of a request to stop it."
#define STATUS_REASON_REPLACED "Service deployment stopped because a newer service deployment replaced it."
#define STATUS_REASON_DELETED "Service deployment stopped because the service was deleted."

/* What is kept beside a service: its revisions and service deployments. */

static struct doc *beside_new(struct arena *a, const struct doc *service, struct str name)
{
    struct doc *o = doc_object(a), *metadata = doc_need_object(a, o, "metadata");
    struct doc *spec = doc_need_object(a, o, "spec");

    set_str(a, metadata, "name", name);
    copy_member(a, metadata, doc_get(service, "metadata"), "namespace");
    copy_member(a, spec, doc_get(service, "spec"), "serviceName");
    return o;
}

static struct doc *images_of(struct arena *a, const struct doc *definition)
{
    struct doc *list = doc_array(a);

    doc_foreach (doc_get(definition, "containerDefinitions"), c) {
        struct doc *i = doc_object(a);
        set_str(a, i, "containerName", doc_str(doc_get(c, "name")));
        set_str(a, i, "image", doc_str(doc_get(c, "image")));
        doc_append(list, i);
    }
    return list;
}

struct doc *service_revision_new(struct arena *a, const struct doc *service, const struct doc *definition,
                                 const char *id, int64_t now_s)
{
    struct doc *o = beside_new(a, service, str_of(id)), *r = doc_get(o, "spec");
    const struct doc *spec = doc_get(service, "spec");

    doc_set(r, "serviceRevisionArn", service_arn_of(a, service, "service-revision", str_of(id)));
    copy_member(a, r, spec, "serviceArn");
    copy_member(a, r, spec, "clusterArn");
    for (size_t i = 0; i < SERVICE_REVISION_MEMBERS; i++)
        copy_member(a, r, spec, service_revision_members[i]);
    /* A service follows LATEST, what it has deployed keeps its version. */
    if (str_is(doc_str(doc_get(r, "platformVersion")), "LATEST"))
        set_str(a, r, "platformVersion", STR("1.4.0"));
    doc_set(r, "containerImages", images_of(a, definition));
    doc_set(r, "guardDutyEnabled", doc_bool(a, false));
    doc_set(r, "createdAt", doc_int(a, now_s));
    return o;
}

struct doc *service_deployment_new(struct arena *a, const struct doc *service, const struct doc *deployment,
                                   const struct doc *source)
{
    struct service_x x;
    struct doc *o, *spec, *status, *sources = doc_array(a);

    service_x_get(deployment, &x);
    o = beside_new(a, service, x.service_deployment);
    spec = doc_get(o, "spec");
    copy_member(a, spec, doc_get(service, "spec"), "clusterName");
    set_str(a, spec, "deployment", doc_str(doc_get(deployment, "id")));
    copy_member(a, spec, doc_get(deployment, "x"), "number");
    status = doc_need_object(a, o, "status");
    doc_set(status, "serviceDeploymentArn", service_arn_of(a, service, "service-deployment", x.service_deployment));
    copy_member(a, status, doc_get(service, "spec"), "serviceArn");
    copy_member(a, status, doc_get(service, "spec"), "clusterArn");
    copy_member(a, status, deployment, "createdAt");
    copy_member(a, status, deployment, "updatedAt");
    if (source)
        doc_append(sources, service_revision_summary(a, service, source));
    doc_set(status, "sourceServiceRevisions", sources);
    doc_set(status, "targetServiceRevision", service_revision_summary(a, service, deployment));
    set_str(a, status, "status", STR("PENDING"));
    copy_member(a, status, doc_get(service, "spec"), "deploymentConfiguration");
    return o;
}

bool service_deployment_ended(const struct doc *service_deployment)
{
    static const char *const ended[] = {"SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"};
    struct str status = doc_str(doc_path(service_deployment, "status.status"));

    for (size_t i = 0; i < ARRAY_LEN(ended); i++)
        if (str_is(status, ended[i]))
            return true;
    return false;
}

/* The deployment of a service deployment that is (not) its rollback. */
static const struct doc *part_of(const struct doc *service, struct str service_deployment, bool rollback)
{
    struct service_x x;

    doc_foreach (service_deployments(service), d) {
        service_x_get(d, &x);
        if (str_eq(x.service_deployment, service_deployment) && x.is_rollback == rollback)
            return d;
    }
    return NULL;
}

struct outcome {
    const char *status, *reason;
};

/* Why it is rolled back. What was rolled back may be gone by now; then it was told before. */
static const char *rollback_reason(const struct doc *status, const struct doc *target)
{
    struct service_x x;

    service_x_get(target, &x);
    return x.stopped || str_is(doc_str(doc_get(status, "statusReason")), STATUS_REASON_ASKED) ? STATUS_REASON_ASKED
                                                                                              : STATUS_REASON_BREAKER;
}

static struct outcome outcome_of(const struct doc *status, const struct doc *service, const struct doc *target,
                                 const struct doc *rollback)
{
    const struct doc *d = rollback ? rollback : target;
    struct str rollout = doc_str(doc_get(d, "rolloutState"));
    const char *back = rollback_reason(status, target);
    struct service_x x;

    service_x_get(target, &x);
    if (str_is(rollout, "COMPLETED"))
        return (struct outcome){rollback ? "ROLLBACK_SUCCESSFUL" : "SUCCESSFUL", rollback ? back : NULL};
    if (!str_is(service_status(service), "ACTIVE"))
        return (struct outcome){"STOPPED", STATUS_REASON_DELETED};
    if (str_is(rollout, "FAILED") && rollback)
        return (struct outcome){"ROLLBACK_FAILED", back};
    if (str_is(rollout, "FAILED"))
        return (struct outcome){"STOPPED", x.stopped ? STATUS_REASON_STOPPED : STATUS_REASON_FAILED};
    if (!d || d != service_primary(service))
        return (struct outcome){"STOPPED", STATUS_REASON_REPLACED};
    return (struct outcome){rollback ? "ROLLBACK_IN_PROGRESS" : "IN_PROGRESS", rollback ? back : NULL};
}

static void follow_breaker(struct arena *a, struct doc *status, const struct doc *service, const struct doc *target,
                           bool failed)
{
    struct doc *b = doc_need_object(a, status, "deploymentCircuitBreaker");
    struct service_limits limits = service_limits(service);
    struct str now = doc_str(doc_get(status, "status"));
    const char *is = !limits.breaker                                        ? "DISABLED"
                     : failed                                               ? "TRIGGERED"
                     : str_is(now, "IN_PROGRESS") || str_is(now, "PENDING") ? "MONITORING"
                                                                            : "MONITORING_COMPLETE";

    set_str(a, b, "status", str_of(is));
    if (target || !doc_get(b, "failureCount"))
        doc_set(b, "failureCount", doc_int(a, int_at(target, "failedTasks")));
    doc_set(b, "threshold", doc_int(a, limits.breaker ? service_breaker_threshold(service_desired(service)) : 0));
}

static void follow_rollback(struct arena *a, struct doc *status, const struct doc *service, const struct doc *rollback,
                            const char *reason)
{
    struct doc *r = doc_need_object(a, status, "rollback");
    struct service_x x;

    service_x_get(rollback, &x);
    set_str(a, r, "reason", str_of(reason));
    copy_member(a, r, rollback, "createdAt");
    doc_set(r, "startedAt", doc_remove(r, "createdAt"));
    doc_set(r, "serviceRevisionArn", service_arn_of(a, service, "service-revision", x.revision));
}

static void follow_counts(struct arena *a, struct doc *status, const struct doc *service, const struct doc *target)
{
    struct doc *sources = doc_array(a);

    if (target)
        doc_set(status, "targetServiceRevision", service_revision_summary(a, service, target));
    doc_foreach (doc_get(status, "sourceServiceRevisions"), old) {
        struct doc *s = doc_clone(a, old, true);
        doc_foreach (service_deployments(service), d)
            if (d != target &&
                str_eq(doc_str(doc_get(service_revision_summary(a, service, d), "arn")), doc_str(doc_get(old, "arn"))))
                s = service_revision_summary(a, service, d);
        doc_append(sources, s);
    }
    doc_set(status, "sourceServiceRevisions", sources);
}

bool service_deployment_follow(struct arena *a, struct doc *sd, const struct doc *service, int64_t now_s)
{
    struct str name = doc_str(doc_path(sd, "metadata.name"));
    const struct doc *target = part_of(service, name, false), *rollback = part_of(service, name, true);
    struct doc *status = doc_need_object(a, sd, "status"), *before = doc_clone(a, status, true);

    bool unknown = int_at(doc_get(service, "status"), "deploymentsMade") < int_at(doc_get(sd, "spec"), "number");
    if (service_deployment_ended(sd) || (unknown && !target && !rollback))
        return false;
    struct outcome now = outcome_of(status, service, target, rollback);
    struct str reason = str_of(now.reason);
    set_str(a, status, "status", str_of(now.status));
    if (now.reason)
        set_str(a, status, "statusReason", reason);
    follow_counts(a, status, service, target);
    follow_breaker(a, status, service, target,
                   str_is(reason, STATUS_REASON_BREAKER) || str_is(reason, STATUS_REASON_FAILED));
    if (rollback)
        follow_rollback(a, status, service, rollback, now.reason ? now.reason : STATUS_REASON_BREAKER);
    if (!doc_get(status, "startedAt"))
        doc_set(status, "startedAt", doc_int(a, now_s));
    if (service_deployment_ended(sd))
        doc_set(status, str_is(str_of(now.status), "STOPPED") ? "stoppedAt" : "finishedAt", doc_int(a, now_s));
    if (doc_equal(before, status))
        return false;
    doc_set(status, "updatedAt", doc_int(a, now_s));
    return true;
}
