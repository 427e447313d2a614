/*
 * scheduler.h - what the service scheduler does next: observed state of one service -> actions.
 *
 * Pure and repeatable: from the same state come the same actions, and a state in which the actions have been carried
 * out gives no more. The caller observes, calls service_plan, persists the counters, carries the actions out, and calls
 * again.
 *
 * What holds for every plan: no healthy task is stopped when fewer than service_lower healthy ones would be left, and
 * nothing is started when there would be more than service_upper tasks that have not stopped. A task has to go when it
 * is of an older deployment, when its health checks fail, or when its instance is draining or gone; replacements are
 * started first as far as the upper limit allows.
 */
#ifndef ECS_MAP_SCHEDULER_H
#define ECS_MAP_SCHEDULER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define SERVICE_HEALTHY_AFTER_S 40 /* RUNNING for so long, when there is no health check */
#define SERVICE_BATCH_MAX 20       /* tasks that one plan starts, and that it stops: the next plan goes on */
#define SERVICE_ACTIONS_MAX 128    /* of one plan; the next plan goes on */
#define SERVICE_BACKOFF_MAX_S 1620 /* 27 min */
#define SERVICE_SAY_AGAIN_S 21600  /* an event whose cause stays is said again after 6 hours */

enum service_task_state { TASK_STARTING, TASK_RUNNING, TASK_HEALTHY, TASK_STOPPING };
struct service_task { /* stopped tasks are not among them */
    struct str id, deployment;
    struct str instance, zone; /* empty: unknown */
    enum service_task_state state;
    bool unhealthy;            /* its health checks fail; never with TASK_HEALTHY */
    bool leaving;              /* its instance is draining or gone */
    int64_t protected_until_s; /* not scaled in before, nor replaced by a deployment */
    int64_t due_s;             /* when it will count as healthy, or as unhealthy, by itself; 0: a change tells */
    int64_t created_s;
};

enum service_rollout { ROLLOUT_IN_PROGRESS, ROLLOUT_COMPLETED, ROLLOUT_FAILED };
struct service_deployment { /* the first one of the service is PRIMARY */
    struct str id;          /* ecs-svc/N */
    enum service_rollout rollout;
    int64_t failed_tasks;    /* in a row, for the breaker */
    int64_t failures_in_row; /* rounds of starts that failed, one after the other: for the back-off */
    int64_t last_failure_s;
    bool is_rollback;
    bool stopped; /* launches nothing any more, though it has not failed */
};

/* When an event was said whose cause may last; 0 = the cause is not there. */
struct service_said {
    int64_t steady_s, blocked_s, throttled_s;
};

struct service_state {
    struct str name;
    bool daemon, deleted; /* deleted: DRAINING, everything is stopped */
    int64_t desired;      /* REPLICA */
    int64_t min_percent, max_percent;
    bool breaker, rollback;
    bool has_completed; /* there is a revision to roll back to, other than the primary's */
    const struct service_deployment *deployments;
    size_t n_deployments;
    const struct service_task *tasks;
    size_t n_tasks;
    const struct str *instances; /* DAEMON: the ACTIVE instances that meet the constraints */
    size_t n_instances;
    struct service_said said;
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
    int64_t desired;          /* DAEMON: how many instances there are */
    struct service_said said; /* to be kept for the next plan */
    int64_t again_s;          /* look again at this time without any change; 0 = only on a change */
};

int service_plan(struct arena *a, const struct service_state *s, struct service_plan *ret, struct err *err) MUST_CHECK;

/* ceil(desired * min / 100), not above desired, and floor(desired * max / 100). */
int64_t service_lower(int64_t desired, int64_t min_percent);
int64_t service_upper(int64_t desired, int64_t max_percent);
int64_t service_breaker_threshold(int64_t desired); /* half of it, from 3 to 200 */

/* --- the count of failures of one deployment --- */

#define SERVICE_RAN_S 10 /* a task that ran for so long has started */

enum service_health { HEALTH_NO_CHECK, HEALTH_UNKNOWN, HEALTH_HEALTHY, HEALTH_UNHEALTHY };
struct service_evidence {                    /* what one task, stopped or not, tells of its deployment */
    int64_t number;                          /* which of the deployment's tasks it is */
    int64_t created_s, started_s, stopped_s; /* RUNNING; it ends, or has ended; 0 = not yet */
    enum service_health health;              /* now, or when it stopped */
    bool asked;                              /* it stopped because the scheduler, a user or its host's end wanted it */
    bool counted;                            /* as a failure, before */
};
struct service_failures { /* of a deployment; persisted */
    int64_t failed_tasks, failures_in_row, last_failure_s;
    int64_t round_number;                     /* tasks below it belong to rounds that are over */
    int64_t healthy_created_s, ran_created_s; /* the youngest task that has become healthy, that has run */
};
/* Adds what the tasks tell. Those that are failures and were not counted get `counted` set: the caller must remember
 * it. breaker: failed_tasks is counted (the rollout is in progress).
 *
 * failed_tasks: tasks that ended by themselves before they were healthy, or whose health checks fail; since a younger
 * task became healthy. failures_in_row: rounds in which a task ended by itself within SERVICE_RAN_S of its start; since
 * a younger task ran longer. A failure ends a round: all tasks that were started by then (numbers below `started`)
 * belong to it. */
void service_count_failures(struct service_failures *f, struct service_evidence *v, size_t n, bool breaker,
                            int64_t started, int64_t now_s);
/* Until when no task is started after such failures: the third round waits 10 s, the next 20 s ... up to 27 minutes. */
int64_t service_backoff_until(int64_t failures_in_row, int64_t last_failure_s);

/* --- texts of events, complete: "(service web) has started 2 tasks: (task a) (task b)." --- */
char *service_event_started(struct arena *a, struct str service, const struct str *tasks, size_t n);
char *service_event_stopped(struct arena *a, struct str service, const struct str *tasks, size_t n);
char *service_event_unhealthy(struct arena *a, struct str service, struct str task);
/* reason: of placement.h (RESOURCE:CPU ...) with the instance that failed last; no instances: reason NULL. */
char *service_event_unplaced(struct arena *a, struct str service, const char *reason, struct str instance);
/* The task could not be made at all, for the reason. */
char *service_event_unstartable(struct arena *a, struct str service, const char *reason);

#endif
