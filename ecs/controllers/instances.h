/*
 * instances.h - the controller that keeps a ContainerInstance for each ACTIVE cluster and node (map/instance.h has the
 * rules), follows the nodes into them, and ends the tasks of a node that is gone: it was deleted, or nobody has heard
 * from it for LOST_AFTER_S since Kubernetes said so. Such a task is asked to stop with ECS's reason, and its pod is
 * deleted by force: its kubelet can not do it.
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
