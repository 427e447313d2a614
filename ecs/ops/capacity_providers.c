#include "ecs/map/capacity.h"
#include "ecs/map/fault.h"
#include "ecs/ops/names.h"
#include "ecs/ops/ops.h"

/* --- what a request's tasks run on --- */

struct look_up {
    struct aws_call *call;
    struct err err; /* why the store could not say */
};

static bool provider_known(void *ctx, struct str name)
{
    struct look_up *l = ctx;
    struct arena *a = l->call->arena;
    struct doc *o;

    if (l->err.code != ERR_OK || !ecs_valid_name(name, 255))
        return false;
    if (ecs_store_get(store_of(l->call), a, ECS_CAPACITY_PROVIDER, NULL, ecs_object_label(a, "", name), &o, &l->err) ==
        0)
        return str_is(doc_str(doc_path(o, "status.status")), "ACTIVE");
    if (l->err.code == ERR_NOT_FOUND)
        err_clear(&l->err);
    return false;
}

int ecs_check_strategy(struct aws_call *c, const struct doc *associated, const struct doc *strategy,
                       enum capacity_type *ret, struct err *err)
{
    struct look_up l = {.call = c};
    const struct capacity_scope scope = {.known = provider_known, .ctx = &l, .associated = associated};
    int r = capacity_check(strategy, &scope, ret, err);

    if (l.err.code != ERR_OK) {
        *err = l.err;
        return -1;
    }
    return r < 0 ? ecs_pass(c, err) : 0;
}

int ecs_find_launch(struct aws_call *c, const struct ecs_cluster *cluster, struct ecs_launch *ret, struct err *err)
{
    const struct doc *strategy = doc_get(c->input, "capacityProviderStrategy"),
                     *spec = doc_get(cluster->object, "spec"), *associated = doc_get(spec, "capacityProviders");
    struct str type = in_str(c, "launchType");
    struct doc *none = doc_array(c->arena);
    enum capacity_type providers = CAPACITY_NONE;

    if (type.n && doc_count(strategy))
        return aws_error(
            c, ECS_INVALID,
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and "
            "try again.");
    if (!type.n && !doc_count(strategy))
        strategy = doc_get(spec, "defaultCapacityProviderStrategy");
    if (type.n || !doc_count(strategy)) {
        type = type.n ? type : STR("EC2");
        *ret = (struct ecs_launch){.launch_type = type, .runs_on = type};
        return 0;
    }
    if (ecs_check_strategy(c, associated ? associated : none, strategy, &providers, err) < 0)
        return -1;
    *ret = (struct ecs_launch){.strategy = capacity_filled(c->arena, strategy),
                               .runs_on = providers == CAPACITY_FARGATE ? STR("FARGATE") : STR("EC2")};
    return 0;
}
