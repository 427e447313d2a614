/*
 * status_rules.h - the parts of task_status. Not for others.
 */
#ifndef ECS_MAP_STATUS_RULES_H
#define ECS_MAP_STATUS_RULES_H

#include "ecs/map/status.h"

/* What the containers together say about the task. */
struct verdict {
    bool started_all;      /* each has been started; false without a pod */
    bool seen_alive;       /* a container has run */
    bool essential_exited; /* one is STOPPED, ... */
    bool essential_ran;    /* ... and has been a process */
    bool health_known, unhealthy, health_unsure;
    struct str start_failure;     /* complete text, empty when none */
    int64_t first_start_s, end_s; /* of any container; the end of the first essential one; 0 = unknown */
};

struct derive {
    struct arena *a;
    const struct task_observation *o;
    struct doc *task;
    bool pod_over; /* nothing of the pod runs any more */
    int64_t again_s;
    struct verdict v;
};

/* Fills task.containers and the verdict. */
void status_containers(struct derive *d);
void status_again(struct derive *d, int64_t at_s); /* the earliest counts */

#endif
