/*
 * status.h - what a task's pod says about the task: members of the API's Task, as DescribeTasks gives them.
 *
 * Pure. The task only goes forward: a state, a time stamp, a stop code once written stays. Times are seconds since
 * 1970.
 */
#ifndef ECS_MAP_STATUS_H
#define ECS_MAP_STATUS_H

#include "api/doc.h"
#include "ecs/map/pod.h"

struct task_observation {
    const struct doc *task; /* the Task as it was written last (at least createdAt, desiredStatus) */
    const struct doc *taskdef;
    const struct doc *pod;        /* NULL: no pod */
    bool pod_was_made;            /* with pod NULL: it has gone (node lost, deleted by hand) */
    const struct pod_port *ports; /* chosen host ports */
    size_t n_ports;
    int64_t now_s;
};

/* A copy of the task with lastStatus, desiredStatus, containers, stopCode, stoppedReason, startedAt, stoppedAt,
 * connectivity, healthStatus, attachments as they are now. */
int task_status(struct arena *a, const struct task_observation *o, struct doc **ret, struct err *err) MUST_CHECK;

/* Does the controller have to delete the pod (the task stops: asked for, or an essential container has exited)? */
bool task_must_stop_pod(const struct doc *task);

#endif
