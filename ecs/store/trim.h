/*
 * trim.h - what of an object is kept in memory: the members that somebody reads, not what only the API server needs.
 *
 * Pure. Paths are member names joined by dots; an array on the way stands for each of its elements.
 */
#ifndef ECS_STORE_TRIM_H
#define ECS_STORE_TRIM_H

#include "api/doc.h"

#define ECS_TRIM_PATHS_MAX 40
#define ECS_TRIM_TYPES_MAX 4

struct ecs_trim {
    bool keep; /* true: only these members and all below them; false: everything but these */
    const char *paths[ECS_TRIM_PATHS_MAX];      /* NULL behind the last one; none: everything is kept */
    const char *conditions[ECS_TRIM_TYPES_MAX]; /* of status.conditions only these types; none: all */
};

/* A copy that shares the bytes of strings and keys with o. */
struct doc *ecs_trimmed(struct arena *a, const struct ecs_trim *t, const struct doc *o);

#endif
