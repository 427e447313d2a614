/*
 * taskdef_rules.h - the parts of taskdef_normalise: containers, what depends on what, what is derived. Not for others.
 */
#ifndef ECS_MAP_TASKDEF_RULES_H
#define ECS_MAP_TASKDEF_RULES_H

#include "ecs/map/taskdef.h"

enum task_network { NETWORK_BRIDGE, NETWORK_HOST, NETWORK_AWSVPC };
enum task_network taskdef_network(const struct doc *taskdef);
bool taskdef_requires(const struct doc *taskdef, const char *compatibility); /* in requiresCompatibilities */

/* Each container's own fields: refusals, then defaults. */
int taskdef_containers(struct arena *a, struct doc *taskdef, struct err *err) MUST_CHECK;
/* dependsOn between the containers. */
int taskdef_dependencies(const struct doc *containers, struct err *err) MUST_CHECK;
/* Port collisions between the containers. */
int taskdef_port_rules(const struct doc *containers, enum task_network network, struct err *err) MUST_CHECK;
void taskdef_derive(struct arena *a, struct doc *taskdef); /* compatibilities, requiresAttributes */

#endif
