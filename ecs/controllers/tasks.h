/*
 * tasks.h - the controller that lives tasks: makes the pod of an ECSTask, follows it into the task's status, deletes it
 * when the task has to stop, and removes the task an hour after it stopped (the pod goes with it: the task owns it).
 *
 * Several gateways may run it at once: a pod bears the task's id as its name, so it cannot be made twice, and a status
 * is written against the version it was computed from.
 */
#ifndef ECS_CONTROLLERS_TASKS_H
#define ECS_CONTROLLERS_TASKS_H

#include "ecs/store/store.h"

struct task_controller;

/* Listens to the store: make it before ecs_store_start. */
struct task_controller *task_controller_new(struct ecs_store *store);
void task_controller_start(struct task_controller *t); /* after ecs_store_start */
/* Ends the workers; the store's threads must have ended. Returns NULL, accepts NULL. */
struct task_controller *task_controller_free(struct task_controller *t);

#endif
