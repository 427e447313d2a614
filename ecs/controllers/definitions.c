#include "ecs/controllers/definitions.h"

#include "base/clock.h"
#include "base/limits.h"
#include "ecs/ops/definition_end.h"
#include "ecs/store/census.h"

#include <stdlib.h>

#define PAUSE_NS NS_PER_S /* many tasks stop together: one look for all */

/* One key: the definitions that are being deleted are found when it is worked on. */
#define ALL STR("all")

struct definition_controller {
    struct ecs_store *store;
    struct controller *base;
};

static void changed(void *ctx, enum ecs_kind_id k, struct str ns, struct str name)
{
    struct definition_controller *d = ctx;

    if ((k == ECS_TASK || k == ECS_SERVICE || k == ECS_TASK_DEFINITION) &&
        ecs_census_has_deleting(ecs_store_census(d->store)))
        controller_add(d->base, STR(""), ALL, PAUSE_NS);
}

static void seed(void *ctx)
{
    struct definition_controller *d = ctx;

    controller_add(d->base, STR(""), ALL, 0);
}

static int sync_all(void *ctx, struct str key, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    struct definition_controller *d = ctx;
    struct str *names;
    size_t n = ecs_census_deleting(ecs_store_census(d->store), a, &names);

    for (size_t i = 0; i < n && !controller_stops(d->base); i++)
        if (ecs_definition_end(d->store, names[i].p, err) < 0)
            return -1;
    return 0;
}

struct definition_controller *definition_controller_new(struct ecs_store *store)
{
    struct definition_controller *d = xcalloc(1, sizeof(*d));

    d->store = store;
    d->base = controller_new(&(struct controller_options){.name = "ecs-definitions",
                                                          .workers = 1,
                                                          .backoff_max_ns = 30 * NS_PER_S,
                                                          .sync = sync_all,
                                                          .seed = seed,
                                                          .ctx = d});
    ecs_store_on_change(store, changed, d);
    return d;
}

struct controller *definition_controller_base(struct definition_controller *d)
{
    return d->base;
}

struct definition_controller *definition_controller_free(struct definition_controller *d)
{
    if (!d)
        return NULL;
    controller_free(d->base);
    free(d);
    return NULL;
}
