/*
 * definitions.h - completes DeleteTaskDefinitions: a revision in DELETE_IN_PROGRESS goes when the last task and service
 * that use it have gone. While none is being deleted it does nothing.
 */
#ifndef ECS_CONTROLLERS_DEFINITIONS_H
#define ECS_CONTROLLERS_DEFINITIONS_H

#include "ecs/controllers/controller.h"

struct definition_controller;

/* Before the store's start. */
struct definition_controller *definition_controller_new(struct ecs_store *store);
struct controller *definition_controller_base(struct definition_controller *d); /* to be started and stopped */
struct definition_controller *definition_controller_free(struct definition_controller *d);

#endif
