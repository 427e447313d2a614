/*
 * services_room.h - inside the service scheduler: one round, and its parts.
 */
#ifndef ECS_CONTROLLERS_SERVICES_ROOM_H
#define ECS_CONTROLLERS_SERVICES_ROOM_H

#include "base/map.h"
#include "ecs/controllers/controller.h"
#include "ecs/map/capacity.h"
#include "ecs/map/service_round.h"
#include "ecs/ops/instances.h"

#include <pthread.h>

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

struct service_controller {
    struct ecs_store *store;
    struct controller *base;
    const char *region, *account;
    pthread_mutex_t placing; /* from looking at the instances until the tasks stand there */
    pthread_mutex_t lock;    /* of known */
    struct map known; /* "NS/NAME\nDEPLOYMENT" -> numbers whose tasks this process has made, or looked for, + 1 */
};

/* One round, of one service. */
struct round {
    struct service_controller *c;
    const char *ns, *name;
    struct service_round r;
    /* What the write decides is carried out after it. */
    struct service_plan plan;
    struct places places;
    struct task_start *starts;
    size_t n_starts;
    struct str deployment; /* of the starts */
    bool follow_first;     /* a deployment is done, but its record does not say so yet */
    bool unplaced;
    bool placing; /* it holds the lock */
    bool wrote;
    int64_t gone_s; /* when an INACTIVE service is to be removed; 0: it is not INACTIVE */
};

/* Of the round's cluster (ns) or of none (NULL). *ret NULL when there is no such object. */
int round_get(struct round *x, enum ecs_kind_id k, const char *ns, const char *name, struct doc **ret,
              struct err *err) MUST_CHECK;
const char *round_task_id(struct round *x, struct str deployment, int64_t number);
/* Sets it unless 0, and returns it. */
int64_t round_known(struct round *x, struct str deployment, int64_t set);

/* --- services_observe.c: what the round looks at, into x->r and x->places; in this order --- */
int round_observe_tasks(struct round *x, struct err *err) MUST_CHECK;
int round_observe_definitions(struct round *x, struct err *err) MUST_CHECK;
/* Takes the lock of those who place tasks. */
int round_observe_instances(struct round *x, struct err *err) MUST_CHECK;
void round_unlock(struct round *x);

/* --- services_act.c: what the write has decided --- */
int round_start_tasks(struct round *x, struct err *err) MUST_CHECK;
int round_stop_tasks(struct round *x, struct err *err) MUST_CHECK;
/* The object of a service was deleted: nobody would stop its tasks any more. */
int round_stop_orphans(struct round *x, struct err *err) MUST_CHECK;

#endif
