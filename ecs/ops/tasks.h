/*
 * tasks.h - what the operations and the controllers of tasks and services all know about an ECSTask (new_task.h).
 */
#ifndef ECS_OPS_TASKS_H
#define ECS_OPS_TASKS_H

#include "ecs/map/pod.h"

const struct doc *ecs_task_of(const struct doc *object); /* the API's Task */
bool ecs_task_stopped(const struct doc *object);         /* lastStatus STOPPED */
/* May the service scheduler not scale this task in at that time (UpdateTaskProtection)? */
bool ecs_task_protected(const struct doc *object, int64_t now_s);
/* The host ports that were chosen, in the arena. */
int ecs_task_ports(struct arena *a, const struct doc *object, struct pod_port **ret, size_t *ret_n,
                   struct err *err) MUST_CHECK;

#endif
