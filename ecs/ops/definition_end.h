/*
 * definition_end.h - the end of a task definition that is being deleted.
 *
 * A revision in DELETE_IN_PROGRESS goes when no task that has not stopped and no service uses it: one that runs, one
 * that a deployment of the service starts tasks of, one that the service may roll back to. DeleteTaskDefinitions tries
 * at once, the controller whenever tasks and services change.
 */
#ifndef ECS_OPS_DEFINITION_END_H
#define ECS_OPS_DEFINITION_END_H

#include "ecs/store/store.h"

/* Deletes the TaskDefinition object of that name if it is time; harmless otherwise. */
int ecs_definition_end(struct ecs_store *s, const char *object, struct err *err) MUST_CHECK;

#endif
