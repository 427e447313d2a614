/*
 * tasks.h - what the operations and the controllers of tasks and services all know about an ECSTask (new_task.h).
 */
#ifndef ECS_OPS_TASKS_H
#define ECS_OPS_TASKS_H

#include "ecs/map/pod.h"
#include "ecs/store/store.h"

const struct doc *ecs_task_of(const struct doc *object); /* the API's Task */
bool ecs_task_stopped(const struct doc *object);         /* lastStatus STOPPED */
/* May the service scheduler not scale this task in at that time (UpdateTaskProtection)? */
bool ecs_task_protected(const struct doc *object, int64_t now_s);
/* The host ports that were chosen, in the arena. */
int ecs_task_ports(struct arena *a, const struct doc *object, struct pod_port **ret, size_t *ret_n,
                   struct err *err) MUST_CHECK;
/* Asks the task to stop: desiredStatus STOPPED with that stopCode and reason; the task controller does the rest. One
 * that stops already keeps its first reason. ret may be NULL. */
struct task_stop {
    const char *code; /* UserInitiated, ServiceSchedulerInitiated, ... */
    struct str reason;
    int64_t now_s;
};
int ecs_task_ask_to_stop(struct ecs_store *s, struct arena *a, const char *ns, const char *id,
                         const struct task_stop *stop, struct doc **ret, struct err *err) MUST_CHECK;

#endif
