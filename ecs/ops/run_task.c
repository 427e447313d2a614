#include "ecs/map/fault.h"
#include "ecs/map/taskdef.h"
#include "ecs/ops/new_task.h"
#include "ecs/ops/ops.h"
#include "ecs/ops/tasks.h"

#define COUNT_MAX 10

/* What one RunTask has found out before it makes tasks. */
struct run {
    struct aws_call *call;
    struct ecs_cluster cluster;
    struct doc *definition; /* object */
    struct str launch_type;
};

/* What matters and is not there yet is refused by name. */
static int refuse(struct aws_call *c)
{
    static const char *const lists[] = {"placementConstraints", "placementStrategy", "volumeConfigurations"};

    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (doc_count(doc_get(c->input, lists[i])))
            return aws_error(c, ECS_INVALID, "%s is not supported yet.", lists[i]);
    if (doc_true(doc_get(c->input, "enableExecuteCommand")))
        return aws_error(c, ECS_INVALID, "enableExecuteCommand is not supported yet.");
    return 0;
}

static int launch_type_of(struct aws_call *c, struct str *ret)
{
    const struct doc *strategy = doc_get(c->input, "capacityProviderStrategy");

    *ret = in_str(c, "launchType");
    if (!doc_count(strategy))
        return 0;
    if (ret->n)
        return aws_error(c, ECS_INVALID,
                         "Specifying both a launch type and capacity provider strategy is not supported. "
                         "Remove one and try again.");
    doc_foreach (strategy, s) {
        struct str p = doc_str(doc_get(s, "capacityProvider"));
        if (!str_is(p, "FARGATE") && !str_is(p, "FARGATE_SPOT"))
            return aws_error(c, ECS_INVALID,
                             "The specified capacity provider '" STR_FMT
                             "' was not found. Specify a valid name and try again.",
                             STR_ARG(p));
    }
    *ret = STR("FARGATE");
    return 0;
}

static int prepare(struct run *r, struct err *err)
{
    struct aws_call *c = r->call;
    struct doc *tags;

    if (ecs_input_tags(c, &tags, err) < 0 || refuse(c) < 0 ||
        ecs_find_cluster(c, in_str(c, "cluster"), &r->cluster, err) < 0 || launch_type_of(c, &r->launch_type) < 0)
        return -1;
    int found = ecs_find_task_definition(c, in_str(c, "taskDefinition"), &r->definition, err);
    if (found < 0)
        return -1;
    if (found > 0)
        return aws_error(c, ECS_CLIENT, "TaskDefinition not found.");
    if (!str_is(doc_str(doc_path(r->definition, "status.status")), "ACTIVE"))
        return aws_error(c, ECS_CLIENT, "TaskDefinition is inactive");
    const struct doc *spec = doc_get(r->definition, "spec");
    if (taskdef_check_launch(spec, r->launch_type, doc_get(c->input, "networkConfiguration"), err) < 0)
        return ecs_pass(c, err);
    return 0;
}

/* With a clientToken the ids follow from it, so that the same call made twice, here or at another gateway, finds the
 * tasks it has made. */
static const char *task_id(struct run *r, int i)
{
    struct arena *a = r->call->arena;
    struct str token = in_str(r->call, "clientToken");
    const char *text = token.n ? arena_printf(a, "%s\n%d\n" STR_FMT, r->cluster.name, i, STR_ARG(token)) : NULL;

    return text ? ecs_task_id_of(a, str_of(text)) : ecs_task_random_id(a);
}

static const char *text_of(struct run *r, const char *member)
{
    return arena_str(r->call->arena, in_str(r->call, member)).p;
}

/* Makes it, or finds what an earlier call with the same token has made. */
static int make_task(struct run *r, int i, struct doc **ret, struct err *err)
{
    struct aws_call *c = r->call;
    struct new_task t = {.region = c->region,
                         .account = c->account_id,
                         .cluster = r->cluster.name,
                         .ns = r->cluster.ns,
                         .definition = r->definition,
                         .id = task_id(r, i),
                         .launch_type = arena_str(c->arena, r->launch_type).p,
                         .group = text_of(r, "group"),
                         .started_by = text_of(r, "startedBy"),
                         .client_token = text_of(r, "clientToken"),
                         .overrides = doc_get(c->input, "overrides"),
                         .network = doc_get(c->input, "networkConfiguration"),
                         .tags = doc_get(c->input, "tags"),
                         .now_s = c->now_s};

    if (ecs_task_create(store_of(c), c->arena, &t, ret, err) == 0)
        return 0;
    if (err->code != ERR_ALREADY_EXISTS)
        return -1;
    err_clear(err);
    return ecs_store_get(store_of(c), c->arena, ECS_TASK, r->cluster.ns, t.id, ret, err);
}

int ecs_run_task(struct aws_call *c, struct err *err)
{
    int64_t count = doc_int_or(doc_get(c->input, "count"), 1);
    struct run *r = arena_new_of(c->arena, struct run);
    struct doc *tasks = doc_array(c->arena), *o;

    if (!r)
        return err_set(err, ERR_TOO_LARGE, "no memory for the call");
    r->call = c;
    if (count < 1 || count > COUNT_MAX)
        return aws_error(c, ECS_INVALID, "count must be between 1 and %d.", COUNT_MAX);
    if (prepare(r, err) < 0)
        return -1;
    for (int i = 0; i < count; i++) {
        if (make_task(r, i, &o, err) < 0)
            return -1;
        doc_append(tasks, doc_clone(c->arena, ecs_task_of(o), true));
    }
    doc_set(c->output, "tasks", tasks);
    doc_need_array(c->arena, c->output, "failures");
    return 0;
}
