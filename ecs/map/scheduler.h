/*
 * scheduler.h - what the service scheduler does next: observed state of one service -> actions.
 *
 * Pure and repeatable: from the same state come the same actions, and a state in which the actions have been carried
 * out gives no more. The caller observes, calls service_plan, persists the counters, carries the actions out, and calls
 * again.
 */
#ifndef ECS_MAP_SCHEDULER_H
#define ECS_MAP_SCHEDULER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define SERVICE_HEALTHY_AFTER_S 40 /* RUNNING for so long, when there is no health check */
#define SERVICE_ACTIONS_MAX 64     /* of one plan; the next plan goes on */
#define SERVICE_BACKOFF_MAX_S 1620 /* 27 min */

enum service_task_state { TASK_STARTING, TASK_RUNNING, TASK_HEALTHY, TASK_STOPPING };
struct service_task { /* stopped tasks are not among them */
    struct str id, deployment, instance;
    enum service_task_state state;
    int64_t created_s;
};

enum service_rollout { ROLLOUT_IN_PROGRESS, ROLLOUT_COMPLETED, ROLLOUT_FAILED };
struct service_deployment { /* the first one of the service is PRIMARY */
    struct str id;          /* ecs-svc/N */
    enum service_rollout rollout;
    int64_t failed_tasks;    /* since it was made (the breaker's count) */
    int64_t failures_in_row; /* since a task of it was last RUNNING */
    int64_t last_failure_s;
    bool is_rollback;
};

struct service_state {
    struct str name;
    bool daemon, deleted; /* deleted: DRAINING, everything is stopped */
    int64_t desired;
    int64_t min_percent, max_percent;
    bool breaker, rollback;
    bool has_completed; /* there is a revision to roll back to, other than the primary's */
    const struct service_deployment *deployments;
    size_t n_deployments;
    const struct service_task *tasks;
    size_t n_tasks;
    const struct str *instances; /* DAEMON: the ACTIVE instances that meet the constraints */
    size_t n_instances;
    bool steady;  /* has_reached a steady state was said last */
    bool blocked; /* that the percentages allow no step was said last */
    int64_t now_s;
};

enum service_action_type {
    ACTION_START,    /* count tasks of the deployment (DAEMON: one, on the instance) */
    ACTION_STOP,     /* the task, with the reason */
    ACTION_COMPLETE, /* rolloutState COMPLETED with the reason */
    ACTION_FAIL,     /* rolloutState FAILED with the reason; no more launches */
    ACTION_ROLLBACK, /* make a new deployment of the last completed revision; text is the event to add with its id */
    ACTION_RETIRE,   /* the deployment, not PRIMARY, has no task left: INACTIVE */
    ACTION_EVENT,    /* text */
};
struct service_action {
    enum service_action_type type;
    struct str deployment, task, instance;
    int64_t count;
    const char *text; /* reason or event, complete */
};
struct service_plan {
    struct service_action v[SERVICE_ACTIONS_MAX];
    size_t n;
    bool steady, blocked; /* to be kept for the next plan */
    int64_t again_s;      /* look again at this time without any change (back-off); 0 = only on a change */
};

int service_plan(struct arena *a, const struct service_state *s, struct service_plan *ret, struct err *err) MUST_CHECK;

/* ceil(desired * min / 100) and floor(desired * max / 100). */
int64_t service_lower(int64_t desired, int64_t min_percent);
int64_t service_upper(int64_t desired, int64_t max_percent);
int64_t service_breaker_threshold(int64_t desired); /* half of it, from 3 to 200 */

/* Event texts, complete: "(service web) has started 2 tasks: (task a) (task b)." */
char *service_event_started(struct arena *a, struct str service, const struct str *tasks, size_t n);
char *service_event_stopped(struct arena *a, struct str service, const struct str *tasks, size_t n);
char *service_event_unplaced(struct arena *a, struct str service, const char *reason);

#endif
