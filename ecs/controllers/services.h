/*
 * services.h - the service scheduler: keeps the tasks of each ECSService as map/scheduler.h decides.
 *
 * One round looks at a service, its tasks and the cluster's instances, plans, writes the service once (all that must
 * not be forgotten, with the numbers of the tasks that are about to be made), and only then makes and stops tasks. The
 * id of a task follows from the service, the deployment and its number, and a number is given out once: a gateway that
 * is killed at any moment leaves numbers unused, but no task is ever made twice. A leader that was overtaken fails at
 * the write, which carries the version that it looked at. Then its ECSServiceDeployment follows, from what the service
 * says.
 *
 * An INACTIVE service goes an hour later, with what was kept beside it.
 */
#ifndef ECS_CONTROLLERS_SERVICES_H
#define ECS_CONTROLLERS_SERVICES_H

#include "ecs/controllers/controller.h"

struct service_controller;

/* Listens to the store: make it before ecs_store_start. region and account stand in ARNs and must stay. */
struct service_controller *service_controller_new(struct ecs_store *store, const char *region, const char *account);
struct controller *service_controller_base(struct service_controller *c);
/* The base must have been stopped and the store's threads must have ended. Returns NULL, accepts NULL. */
struct service_controller *service_controller_free(struct service_controller *c);

#endif
