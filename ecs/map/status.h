/*
 * status.h - what a task's pod says about the task: members of the API's Task, as DescribeTasks gives them.
 *
 * Pure. The task only goes forward: a state, a time stamp, a stop code once written stays. Times are seconds since
 * 1970.
 *
 * States that are passed: PROVISIONING (awsvpc: until the pod has its address) PENDING, RUNNING (each container has
 * been started), STOPPING (the task is to stop, the pod is not over), DEPROVISIONING (awsvpc: nothing runs any more,
 * the pod is being taken away) STOPPED. ACTIVATING and DEACTIVATING belong to load balancers and are never seen.
 */
#ifndef ECS_MAP_STATUS_H
#define ECS_MAP_STATUS_H

#include "api/doc.h"
#include "ecs/map/pod.h"

struct task_observation {
    const struct doc *task; /* the Task as it was written last (at least createdAt, desiredStatus) */
    const struct doc *taskdef;
    const struct doc *pod;        /* as it was seen last; NULL: never */
    bool pod_gone;                /* there was a pod, and there is none any more */
    const char *host_lost;        /* the node is gone or has been silent for too long: why; else NULL */
    const struct pod_port *ports; /* chosen host ports */
    size_t n_ports;
    int64_t now_s;
};

/* A copy of the task with lastStatus, desiredStatus, containers, stopCode, stoppedReason, time stamps, connectivity,
 * healthStatus, attachments as they are now. *ret_again_s (may be NULL): look again then, even when nothing happens; 0
 * = no need to. */
int task_status(struct arena *a, const struct task_observation *o, struct doc **ret, int64_t *ret_again_s,
                struct err *err) MUST_CHECK;

/* The first state of a new task with that networkMode: PROVISIONING or PENDING. */
struct str task_first_state(struct str network_mode);

/* Does the controller have to delete the pod (the task stops: asked for, or an essential container has exited)? */
bool task_must_stop_pod(const struct doc *task);

#endif
