#include "ecs/controllers/leftovers.h"

#include "base/clock.h"
#include "base/limits.h"
#include "ecs/ops/definition_end.h"
#include "ecs/store/census.h"

#include <stdlib.h>

#define PAUSE_NS NS_PER_S /* many tasks stop together: one look for all */

/* Two keys: what they are about is found when they are worked on. */
#define DEFINITIONS "definitions"
#define INACTIVE "inactive"

struct leftover_controller {
    struct ecs_store *store;
    struct controller *base;
};

static void changed(void *ctx, enum ecs_kind_id k, struct str ns, struct str name)
{
    struct leftover_controller *l = ctx;

    if ((k == ECS_TASK || k == ECS_SERVICE || k == ECS_TASK_DEFINITION) &&
        ecs_census_has_deleting(ecs_store_census(l->store)))
        controller_add(l->base, STR(""), STR(DEFINITIONS), PAUSE_NS);
    if (k == ECS_CLUSTER || k == ECS_CAPACITY_PROVIDER)
        controller_add(l->base, STR(""), STR(INACTIVE), PAUSE_NS);
}

static void seed(void *ctx)
{
    struct leftover_controller *l = ctx;

    controller_add(l->base, STR(""), STR(DEFINITIONS), 0);
    controller_add(l->base, STR(""), STR(INACTIVE), 0);
}

static int end_definitions(struct leftover_controller *l, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    struct str *names;
    size_t n = ecs_census_deleting(ecs_store_census(l->store), a, &names);

    for (size_t i = 0; i < n && !controller_stops(l->base); i++)
        if (ecs_definition_end(l->store, names[i].p, err) < 0)
            return -1;
    return 0;
}

/* --- what is INACTIVE --- */

struct look {
    struct leftover_controller *controller;
    enum ecs_kind_id kind;
    int64_t now_s, next_s; /* when the next one is due; 0 = none */
};

static int see_inactive(void *ctx, const struct doc *o, struct err *err)
{
    struct look *l = ctx;
    int64_t due = doc_int_or(doc_path(o, "status.inactiveAt"), l->now_s) + LEFTOVERS_KEPT_S;

    if (!str_is(doc_str(doc_path(o, "status.status")), "INACTIVE") || controller_stops(l->controller->base))
        return 0;
    if (due > l->now_s) {
        l->next_s = l->next_s && l->next_s < due ? l->next_s : due;
        return 0;
    }
    if (ecs_store_delete_seen(l->controller->store, l->kind, o, err) == 0)
        return 0;
    if (err->code != ERR_CONFLICT) /* it has changed meanwhile: that change comes as a key */
        return -1;
    err_clear(err);
    return 0;
}

static int end_inactive(struct leftover_controller *l, struct err *err)
{
    static const enum ecs_kind_id kinds[] = {ECS_CLUSTER, ECS_CAPACITY_PROVIDER};
    struct look look = {.controller = l, .now_s = clock_wall(&clock_system) / NS_PER_S};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        look.kind = kinds[i];
        if (ecs_store_each(l->store, kinds[i], NULL, "\"INACTIVE\"", see_inactive, &look, err) < 0)
            return -1;
    }
    if (look.next_s)
        controller_add(l->base, STR(""), STR(INACTIVE), (look.next_s - look.now_s) * NS_PER_S);
    return 0;
}

static int sync_key(void *ctx, struct str key, struct err *err)
{
    return str_is(key, "/" DEFINITIONS) ? end_definitions(ctx, err) : end_inactive(ctx, err);
}

struct leftover_controller *leftover_controller_new(struct ecs_store *store)
{
    struct leftover_controller *l = xcalloc(1, sizeof(*l));

    l->store = store;
    l->base = controller_new(&(struct controller_options){.name = "ecs-leftovers",
                                                          .workers = 1,
                                                          .backoff_max_ns = 30 * NS_PER_S,
                                                          .sync = sync_key,
                                                          .seed = seed,
                                                          .ctx = l});
    ecs_store_on_change(store, changed, l);
    return l;
}

struct controller *leftover_controller_base(struct leftover_controller *l)
{
    return l->base;
}

struct leftover_controller *leftover_controller_free(struct leftover_controller *l)
{
    if (!l)
        return NULL;
    controller_free(l->base);
    free(l);
    return NULL;
}
