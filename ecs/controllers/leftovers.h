/*
 * leftovers.h - what has been deleted goes for good:
 *
 * - a task definition in DELETE_IN_PROGRESS when the last task and service that use it have gone (definition_end.h);
 * - the object of an INACTIVE cluster or capacity provider, which can be described until then, LEFTOVERS_KEPT_S after
 * it became that, unless the name was taken again.
 *
 * While there is nothing of that kind it does nothing.
 */
#ifndef ECS_CONTROLLERS_LEFTOVERS_H
#define ECS_CONTROLLERS_LEFTOVERS_H

#include "ecs/controllers/controller.h"

#define LEFTOVERS_KEPT_S ((int64_t)24 * 3600)

struct leftover_controller;

/* Before the store's start. */
struct leftover_controller *leftover_controller_new(struct ecs_store *store);
struct controller *leftover_controller_base(struct leftover_controller *l); /* to be started and stopped */
struct leftover_controller *leftover_controller_free(struct leftover_controller *l);

#endif
