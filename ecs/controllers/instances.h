/*
 * instances.h - the controller that keeps a ContainerInstance for each ACTIVE cluster and node (map/instance.h has the
 * rules) and follows the nodes into them. (What becomes of the tasks of a node that is gone: tasks.h.)
 *
 * Idempotent: an object's name follows from cluster and node, and every change is made against the version it was
 * computed from.
 */
#ifndef ECS_CONTROLLERS_INSTANCES_H
#define ECS_CONTROLLERS_INSTANCES_H

#include "ecs/controllers/controller.h"

struct instance_controller;

/* Listens to the store: make it before ecs_store_start. region and account stand in ARNs and must stay. */
struct instance_controller *instance_controller_new(struct ecs_store *store, const char *region, const char *account);
struct controller *instance_controller_base(struct instance_controller *c);
/* The base must have been stopped and the store's threads must have ended. Returns NULL, accepts NULL. */
struct instance_controller *instance_controller_free(struct instance_controller *c);

#endif
