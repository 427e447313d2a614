/*
 * service.h - the shape of an ECSService and of what belongs to it: the one place that knows which member stands where.
 *
 * Pure. Documents live in the arena; strings handed in are copied. Times are seconds since 1970.
 *
 *     ECSService            spec    what was asked, with the names of the API's Service; private: clusterName,
 *                                   clientToken, request (hash of CreateService's input)
 *                           status  status, runningCount, pendingCount, events (newest first), deployments (PRIMARY
 *                                   first); private: steady, blocked, lastCompletedRevision, eventsMade,
 *                                   deploymentsMade, inactiveAt
 *     a deployment          the API's Deployment; private: x (struct service_x, and what the scheduler adds)
 *     ECSServiceRevision    name = its id; spec = the API's ServiceRevision; private: serviceName. Never changed.
 *     ECSServiceDeployment  name = its id; spec {serviceName, clusterName, deployment, number}; status = the API's
 *                           ServiceDeployment
 *
 * A deployment begins with an ECSServiceRevision that is written first, and then with one write of the ECSService. The
 * scheduler persists all that it must not forget in the ECSService. An ECSServiceDeployment only follows
 * (service_deployment_follow): it can be made anew from the service (service_deployment_new) when it is missing.
 */
#ifndef ECS_MAP_SERVICE_H
#define ECS_MAP_SERVICE_H

#include "api/doc.h"

#define SERVICE_EVENTS_MAX 100
#define SERVICE_DEPLOYMENTS_MAX 50 /* live ones of a service */

/* --- names --- */
#define SERVICE_DEPLOYMENT_ID_LEN 21
struct service_ids { /* of one new deployment */
    char deployment[sizeof("ecs-svc/") + 19];
    char revision[20];                                      /* 19 digits */
    char service_deployment[SERVICE_DEPLOYMENT_ID_LEN + 1]; /* lower case: it is an object's name too */
};
void service_ids_from(const uint64_t random[4], struct service_ids *ret);

/* The ARN of a service with another type: "service-revision" and its id behind it. */
struct doc *service_arn_of(struct arena *a, const struct doc *service, const char *type, struct str id);

/* Do two specs differ in what a revision fixes, so that the second needs a deployment? */
bool service_revision_differs(const struct doc *spec, const struct doc *other);
/* What tasks of a service's spec, a revision or a deployment run on: the launchType, or that of the strategy's
 * providers (EC2 or FARGATE). */
struct str service_runs_on(const struct doc *spec);

/* --- an ECSService --- */
/* ACTIVE, without deployments. spec becomes part of it. */
struct doc *service_new(struct arena *a, const char *ns, const char *object_name, struct doc *spec);
/* A service takes the place of an INACTIVE one of its name: what is counted goes on. Before its first deployment. */
void service_succeed(struct arena *a, struct doc *service, const struct doc *former);
static inline struct str service_name(const struct doc *service)
{
    return doc_str(doc_path(service, "spec.serviceName"));
}
static inline struct str service_status(const struct doc *service)
{
    return doc_str(doc_path(service, "status.status"));
}
static inline int64_t service_desired(const struct doc *service)
{
    return doc_int_or(doc_path(service, "spec.desiredCount"), 0);
}
static inline bool service_is_daemon(const struct doc *service)
{
    return str_is(doc_str(doc_path(service, "spec.schedulingStrategy")), "DAEMON");
}
/* Percentages and switches of spec.deploymentConfiguration, with the API's defaults. */
struct service_limits {
    int64_t min_percent, max_percent;
    bool breaker, rollback;
};
struct service_limits service_limits(const struct doc *service);

/* What DescribeServices shows: the API's Service, without private members. */
struct doc *service_view(struct arena *a, const struct doc *service, bool with_tags);

/* As the first of the events; the oldest beyond SERVICE_EVENTS_MAX go. */
void service_add_event(struct arena *a, struct doc *service, struct str message, int64_t now_s);

/* spec.desiredCount, and the primary's. */
void service_set_desired(struct arena *a, struct doc *service, int64_t desired, int64_t now_s);
/* DeleteService: DRAINING with nothing desired; a rollout in progress ends as FAILED. */
void service_drain(struct arena *a, struct doc *service, int64_t now_s);
/* The last task has gone: INACTIVE, status.inactiveAt. */
void service_end(struct arena *a, struct doc *service, int64_t now_s);

/* --- its deployments --- */
static inline struct doc *service_deployments(const struct doc *service) /* the array */
{
    return doc_path(service, "status.deployments");
}
static inline struct doc *service_primary(const struct doc *service) /* NULL when there is none */
{
    return doc_at(service_deployments(service), 0);
}
struct doc *service_deployment_of(const struct doc *service, struct str id); /* "ecs-svc/N", else NULL */

struct service_x { /* private to the scheduler; strings are views */
    struct str revision, service_deployment;
    int64_t started; /* numbers of tasks given out: the next task is number `started` */
    int64_t failures_in_row, last_failure_s;
    bool is_rollback;
    bool stopped; /* by StopServiceDeployment: launches nothing any more */
};
void service_x_get(const struct doc *deployment, struct service_x *ret);
void service_x_set(struct arena *a, struct doc *deployment, const struct service_x *x);
/* deployment.x.counted: ids of stopped tasks that are in failedTasks already. */
struct doc *service_x_counted(struct arena *a, struct doc *deployment);

/* desiredCount is desired; sets updatedAt when a number changed. Returns whether. */
struct service_counts {
    int64_t desired, running, pending, failed;
};
bool service_set_counts(struct arena *a, struct doc *deployment, const struct service_counts *n, int64_t now_s);
/* rolloutState and its reason. COMPLETED of the primary becomes what a rollback goes back to. */
void service_set_rollout(struct arena *a, struct doc *service, struct doc *deployment, const char *state,
                         struct str reason, int64_t now_s);
/* Takes a deployment that has no task left out of the list. */
void service_retire(struct doc *service, struct str id);

/* A new PRIMARY of the revision (spec of its object) in front; the former one becomes ACTIVE. False, and nothing has
 * changed, when SERVICE_DEPLOYMENTS_MAX are live. */
bool service_deploy(struct arena *a, struct doc *service, const struct doc *revision, const struct service_ids *ids,
                    int64_t now_s) MUST_CHECK;
/* The same for a revision that was there before: spec goes back to it, the deployment counts as a rollback of the
 * present primary and belongs to its service deployment. Of ids only `deployment` is used. revision: the
 * ECSServiceRevision object. */
bool service_roll_back(struct arena *a, struct doc *service, const struct doc *revision, const struct service_ids *ids,
                       int64_t now_s) MUST_CHECK;
/* The id of the revision that a rollback goes to; empty when there is none, or it is the primary's. */
struct str service_rollback_revision(const struct doc *service);

/* --- what is kept beside a service --- */
/* An ECSServiceRevision of the service's spec. definition: the task definition's spec. */
struct doc *service_revision_new(struct arena *a, const struct doc *service, const struct doc *definition,
                                 const char *id, int64_t now_s);
/* The ECSServiceDeployment of a deployment that is in the service. source: the deployment it takes over from, or NULL.
 */
struct doc *service_deployment_new(struct arena *a, const struct doc *service, const struct doc *deployment,
                                   const struct doc *source);
/* Brings it up to what the service says now. True when something changed. To be called before a deployment is
 * retired. A service as it was before the service deployment began says nothing about it. */
bool service_deployment_follow(struct arena *a, struct doc *service_deployment, const struct doc *service,
                               int64_t now_s);
/* SUCCESSFUL, STOPPED, ROLLBACK_SUCCESSFUL, ROLLBACK_FAILED: it changes no more. */
bool service_deployment_ended(const struct doc *service_deployment);

#endif
