/*
 * services_room.h - inside the service scheduler: one round, and its parts.
 */
#ifndef ECS_CONTROLLERS_SERVICES_ROOM_H
#define ECS_CONTROLLERS_SERVICES_ROOM_H

#include "ecs/map/capacity.h"
#include "ecs/map/service_round.h"
#include "ecs/ops/instances.h"

/* The instances that serve one capacity provider ("" = all). */
struct pool {
    struct str provider;
    struct ecs_instance *v;
    struct placement_instance *p;
    size_t n;
};

struct task_start {
    const char *id;
    int64_t number;
    struct str provider;                 /* empty: by launch type */
    const struct ecs_instance *instance; /* NULL: Kubernetes' scheduler places it */
};

/* What new tasks of the primary are, and where they can go. */
struct places {
    struct doc *definition; /* object, NULL: it is gone */
    struct placement_request req;
    bool fargate;                /* by launch type: no instances */
    const struct doc *providers; /* the strategy, or NULL */
    struct capacity_count sheet[CAPACITY_STRATEGY_MAX];
    size_t n_sheet;
    struct ecs_instance *v; /* all instances of the cluster */
    struct placement_instance *p;
    size_t n;
    struct pool pools[CAPACITY_STRATEGY_MAX + 1];
    size_t n_pools;
};

/* After the tasks have been read. */
int places_init(struct places *x, const struct service_round *r, struct ecs_store *s, const char *cluster,
                const char *ns, struct err *err) MUST_CHECK;
/* The ACTIVE instances on which a DAEMON's tasks belong. */
int places_of_daemon(struct places *x, const struct service_round *r, struct str **ret, size_t *ret_n,
                     struct err *err) MUST_CHECK;
/* Chooses for one more task; instance: only that one (DAEMON), empty = any. 0; 1 when there is no room: *ret_event says
 * so; -1. */
int places_choose(struct places *x, const struct service_round *r, struct str instance, struct task_start *ret,
                  const char **ret_event, struct err *err) MUST_CHECK;

#endif
