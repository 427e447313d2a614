/*
 * service_round.h - between the objects and the scheduler: what a service's tasks and instances say, counted into the
 * service, as a state for service_plan; and what a plan changes in the service.
 *
 * Pure: documents in, documents changed. The caller reads the objects, writes the service once, and then starts and
 * stops tasks. Beside what service.h names it keeps in the service:
 *
 *     a deployment's x     healthyCreatedAt, ranCreatedAt, roundNumber, countedUntil (service_failures; the end of
 * `counted`) status.said          {deployment, steadyAt, blockedAt, throttledAt, unplaced, unplacedAt}
 */
#ifndef ECS_MAP_SERVICE_ROUND_H
#define ECS_MAP_SERVICE_ROUND_H

#include "ecs/map/scheduler.h"
#include "ecs/map/service.h"

#define ROUND_COUNTED_MAX 500 /* ids kept of one deployment */

/* What is looked at of one ECSTask. */
struct round_task {
    struct str id, deployment, instance, provider;
    bool running, stopping, stopped;
    struct service_evidence e; /* health: HEALTH_NO_CHECK until service_round_begin knows better */
    struct str health;         /* healthStatus */
    int64_t protected_until_s;
};
/* Strings are copied into the arena. */
void round_task_read(struct arena *a, const struct doc *object, struct round_task *ret);

struct round_instance {
    struct str name, zone;
    bool draining;
};

struct service_round {
    struct arena *a;
    struct doc *service; /* changed in place */
    int64_t now_s;
    struct round_task *tasks; /* of the service, stopped ones too */
    size_t n_tasks;
    const bool *has_check;                  /* for each deployment: has an essential container a health check? */
    const struct round_instance *instances; /* ACTIVE and DRAINING ones */
    size_t n_instances;
    const struct str *daemon_instances; /* where a DAEMON's tasks belong */
    size_t n_daemon_instances;
};

/* Counts the failures, and says which tasks failed their health checks. */
void service_round_count(struct service_round *r);
/* The state as it is then. */
int service_round_state(struct service_round *r, struct service_state *ret, struct err *err) MUST_CHECK;

/* Everything of the plan that is a change of the service, without ACTION_START and ACTION_ROLLBACK. may_retire tells
 * whether a deployment may leave the list. A rollback comes after it: deployment ids are still those of the state. */
void service_round_apply(struct service_round *r, const struct service_state *s, const struct service_plan *plan,
                         bool (*may_retire)(void *ctx, const struct doc *deployment), void *ctx);
/* An event about tasks that cannot be started: not again within 6 hours, unless another one or a success was between.
 * text NULL: a task could be placed. */
void service_round_unplaced(struct service_round *r, const char *text);
/* Numbers for n tasks of the primary; returns the first. Their ids: service_round_task_id. */
int64_t service_round_reserve(struct service_round *r, int64_t n);
/* What the id of a task follows from. */
const char *service_round_task_key(struct arena *a, const struct doc *service, struct str deployment, int64_t number);
/* runningCount, pendingCount and the same of the deployments; `starts` tasks of the primary are about to be made. */
void service_round_numbers(struct service_round *r, const struct service_plan *plan, int64_t starts);

#endif
