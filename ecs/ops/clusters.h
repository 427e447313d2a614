/*
 * clusters.h - what the operations on clusters and the controllers share.
 */
#ifndef ECS_OPS_CLUSTERS_H
#define ECS_OPS_CLUSTERS_H

#include "ecs/store/store.h"

/* Makes the namespace of a cluster. ERR_ALREADY_EXISTS: it is there, or is just ending. */
int ecs_make_namespace(struct ecs_store *s, const char *ns, struct err *err) MUST_CHECK;

#endif
