/*
 * tasks.h - the controller that lives tasks: makes the pod of an ECSTask, follows it into the task's status, deletes it
 * when the task has to stop, and removes the task an hour after it stopped (the pod goes with it: the task owns it).
 *
 * Even two gateways that both believe to lead do no harm: a pod bears the task's id as its name, so it cannot be made
 * twice, and a status is written against the version it was computed from.
 */
#ifndef ECS_CONTROLLERS_TASKS_H
#define ECS_CONTROLLERS_TASKS_H

#include "ecs/controllers/controller.h"

struct task_controller;

/* Listens to the store: make it before ecs_store_start. */
struct task_controller *task_controller_new(struct ecs_store *store);
/* To be started and stopped (leading.h); it stays with t. */
struct controller *task_controller_base(struct task_controller *t);
/* It and the store's threads must have been stopped. Returns NULL, accepts NULL. */
struct task_controller *task_controller_free(struct task_controller *t);

#endif
