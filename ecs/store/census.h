/*
 * census.h - how many services each namespace has, in which state and on what they run, and which task definitions are
 * being deleted, kept current from the store's copies.
 *
 * The store feeds it like usage.h, which counts the tasks. It keeps a few bytes of each service, no documents, so that
 * describing a cluster costs the same whatever it has. Thread-safe.
 */
#ifndef ECS_STORE_CENSUS_H
#define ECS_STORE_CENSUS_H

#include "api/doc.h"
#include "ecs/store/kinds.h"
#include "ecs/store/usage.h"

struct ecs_census;

struct ecs_census *ecs_census_new(void);
struct ecs_census *ecs_census_free(struct ecs_census *c); /* returns NULL, accepts NULL */

/* Objects of kinds that are not counted are ignored. */
void ecs_census_put(struct ecs_census *c, enum ecs_kind_id k, const struct doc *object);
void ecs_census_remove(struct ecs_census *c, enum ecs_kind_id k, struct str ns, struct str name);

/* Of a namespace. An INACTIVE service is not counted. */
struct ecs_service_counts {
    int64_t active, draining;
    struct {
        int64_t active, draining;
    } of[ECS_LAUNCHES];
};
struct ecs_service_counts ecs_census_services(struct ecs_census *c, struct str ns);

bool ecs_census_has_deleting(struct ecs_census *c); /* a task definition */
/* The objects' names of the task definitions in DELETE_IN_PROGRESS, in the arena; returns how many. */
size_t ecs_census_deleting(struct ecs_census *c, struct arena *a, struct str **ret);

#endif
