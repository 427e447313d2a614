/*
 * tasks.h - what the operations and the controller of tasks both know about an ECSTask: spec is how the task was asked
 * for ({cluster, definition, definitionObject, clientToken, ports}), status is the API's Task.
 */
#ifndef ECS_OPS_TASKS_H
#define ECS_OPS_TASKS_H

#include "ecs/map/pod.h"

const struct doc *ecs_task_of(const struct doc *object);
/* The host ports that were chosen, in the arena. */
int ecs_task_ports(struct arena *a, const struct doc *object, struct pod_port **ret, size_t *ret_n,
                   struct err *err) MUST_CHECK;

#endif
