#include "api/json.h"
#include "base/limits.h"
#include "base/random.h"
#include "ecs/map/fault.h"
#include "ecs/ops/task_request.h"

#define COUNT_MAX 10
#define PLACE_TRIES 20
#define CONFLICT                                                                                                       \
    "The RunTask request could not be processed due to conflicts. The provided clientToken is already in use with a "  \
    "different RunTask request. The resourceIds are the existing task ARNs which are already associated with the "     \
    "clientToken."

/* One RunTask. */
struct run {
    struct task_request req;
    struct ecs_launch launch;
    struct capacity_count sheet[CAPACITY_STRATEGY_MAX]; /* of this call alone */
    size_t n_sheet;
    struct ecs_instance *instances; /* of the cluster; what this call places is taken off */
    struct placement_instance *room;
    size_t n;
    bool failed; /* the failures have been told */
};

/* --- the same call again --- */

/* With a clientToken the ids follow from it, so that the same call made twice, here or at another gateway, finds the
 * tasks it has made. */
static const char *task_id(struct run *r, int64_t i)
{
    struct arena *a = r->req.call->arena;
    struct str token = in_str(r->req.call, "clientToken");
    const char *text =
        token.n ? arena_printf(a, "%s\n%lld\n" STR_FMT, r->req.cluster.name, (long long)i, STR_ARG(token)) : NULL;

    return text ? ecs_task_id_of(a, str_of(text)) : ecs_task_random_id(a);
}

/* What tells this request from another with the same token. */
static int set_token(struct run *r, struct err *err)
{
    struct aws_call *c = r->req.call;
    struct str token = in_str(c, "clientToken");
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(LIMIT_BODY);
    struct doc *input = doc_clone(c->arena, c->input, true);

    if (!token.n)
        return 0;
    doc_remove(input, "clientToken");
    doc_sort_members(input, true);
    json_write(&text, input);
    if (!buf_ok(&text) || arena_overflow(c->arena))
        return err_set(err, ERR_TOO_LARGE, "the request is too large");
    r->req.task.client_token = arena_str(c->arena, token).p;
    r->req.task.request = ecs_task_id_of(c->arena, buf_str(&text));
    return 0;
}

/* The task that an earlier call with this token has made: 0, or 1 when there is none. */
static int find_made(struct run *r, int64_t i, struct doc **ret, struct err *err)
{
    struct aws_call *c = r->req.call;

    if (!r->req.task.client_token)
        return 1;
    return ecs_store_find(store_of(c), c->arena, ECS_TASK, r->req.cluster.ns, task_id(r, i), ret, err);
}

static int conflict(struct run *r, struct err *err)
{
    struct aws_call *c = r->req.call;
    struct doc *ids = doc_array(c->arena), *o;
    int got = 0;

    for (int64_t i = 0; i < COUNT_MAX && got == 0; i++) {
        if ((got = find_made(r, i, &o, err)) == 0)
            doc_append(ids, doc_string(c->arena, doc_str(doc_path(o, "status.taskArn"))));
    }
    if (got < 0)
        return -1;
    (void)aws_error(c, "ConflictException", CONFLICT);
    aws_error_member(c, "resourceIds", ids);
    return -1;
}

static int answer_made(struct run *r, int64_t i, struct err *err)
{
    struct doc *o;
    int got = find_made(r, i, &o, err);

    if (got != 0)
        return got;
    if (!str_is(doc_str(doc_path(o, "spec.request")), r->req.task.request))
        return conflict(r, err);
    task_request_answer(&r->req, o);
    return 0;
}

/* --- where --- */

static int prepare_instances(struct run *r, struct err *err)
{
    struct aws_call *c = r->req.call;
    const struct doc *constraints = doc_get(c->input, "placementConstraints"),
                     *strategy = doc_get(c->input, "placementStrategy");

    if (str_is(r->launch.runs_on, "FARGATE")) {
        if (doc_count(constraints))
            return aws_error(c, ECS_INVALID, "Placement constraints are not supported with FARGATE launch type.");
        if (doc_count(strategy))
            return aws_error(c, ECS_INVALID, "Placement strategies are not supported with FARGATE launch type.");
        return 0;
    }
    if (doc_count(constraints) > PLACEMENT_CONSTRAINTS_MAX || doc_count(strategy) > PLACEMENT_STRATEGIES_MAX)
        return aws_error(c, ECS_INVALID, "There may be at most %d placement constraints and %d placement strategies.",
                         PLACEMENT_CONSTRAINTS_MAX, PLACEMENT_STRATEGIES_MAX);
    if (placement_check(c->arena, constraints, strategy, err) < 0)
        return ecs_pass(c, err);
    return ecs_instances_observe(store_of(c), c->arena, r->req.cluster.name, r->req.cluster.ns, &r->instances, &r->room,
                                 &r->n, err);
}

/* The instances that serve a provider: copies, and the number of each in the whole. */
struct pool {
    struct ecs_instance *v;
    struct placement_instance *p;
    size_t n;
};

static int pool_of(struct run *r, struct str provider, struct pool *ret, struct err *err)
{
    struct arena *a = r->req.call->arena;

    *ret = (struct pool){r->instances, r->room, r->n};
    if (!provider.n)
        return 0;
    ret->v = arena_calloc(a, r->n + 1, sizeof(*ret->v));
    ret->p = arena_calloc(a, r->n + 1, sizeof(*ret->p));
    if (!ret->v || !ret->p)
        return err_set(err, ERR_TOO_LARGE, "too many instances");
    memcpy(ret->v, r->instances, r->n * sizeof(*ret->v));
    memcpy(ret->p, r->room, r->n * sizeof(*ret->p));
    ret->n = ecs_instances_of_provider(ret->v, ret->p, r->n, provider);
    return 0;
}

/* One failure for each instance, as ECS tells why none of them would do. */
static int tell_failures(struct run *r, const struct pool *pool, struct err *err)
{
    struct aws_call *c = r->req.call;
    const char **reasons = arena_calloc(c->arena, pool->n + 1, sizeof(*reasons));

    if (!reasons)
        return err_set(err, ERR_TOO_LARGE, "too many instances");
    if (r->failed)
        return 0;
    r->failed = true;
    if (placement_reasons(c->arena, pool->p, pool->n, &r->req.place, reasons, err) < 0)
        return ecs_pass(c, err);
    for (size_t i = 0; i < pool->n; i++)
        if (reasons[i])
            ecs_add_failure(c, doc_string_copy(c->arena, str_of(pool->v[i].arn)), reasons[i]);
    return 0;
}

static void take(struct run *r, const char *name)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->instances[i].name, name) == 0)
            placement_take(&r->room[i], &r->req.place);
}

/* 0 placed, 1 it was answered with failures (or with the task of an earlier call), -1. */
static int place(struct run *r, int64_t i, struct str provider, struct pool *pool, size_t *ret, struct err *err)
{
    struct aws_call *c = r->req.call;
    const char *reason;

    if (pool_of(r, provider, pool, err) < 0)
        return -1;
    r->req.place.random = random_below(UINT32_MAX);
    int got = placement_choose(c->arena, pool->p, pool->n, &r->req.place, ret, &reason, err);
    if (got < 0)
        return ecs_pass(c, err);
    if (got == 0)
        return 0;
    int made = answer_made(r, i, err);
    if (made <= 0)
        return made < 0 ? -1 : 1;
    if (!pool->n)
        return aws_error(c, ECS_INVALID, "No Container Instances were found in your %s.",
                         provider.n ? "capacity provider" : "cluster");
    return tell_failures(r, pool, err) < 0 ? -1 : 1;
}

/* --- the tasks --- */

static int make_task(struct run *r, int64_t i, struct err *err)
{
    struct arena *a = r->req.call->arena;
    struct str provider = capacity_next(r->launch.strategy, r->sheet, r->n_sheet);
    struct pool pool = {NULL, NULL, 0};
    bool fargate = str_is(r->launch.runs_on, "FARGATE");
    struct doc *o;
    size_t at = 0;

    int made = 0;
    for (int tries = 0; tries < PLACE_TRIES; tries++) {
        int got = fargate ? 0 : place(r, i, provider, &pool, &at, err);
        if (got != 0)
            return got < 0 ? -1 : 0;
        made = task_request_make(&r->req, task_id(r, i), fargate ? NULL : &pool.v[at], fargate ? NULL : &pool.p[at],
                                 arena_str(a, provider).p, &o, err);
        if (made >= 0 || err->code != ERR_CONFLICT)
            break;
        err_clear(err); /* another call took that room: look again */
        if (prepare_instances(r, err) < 0)
            return -1;
        made = err_set(err, ERR_UNAVAILABLE, "other calls take every room that is found");
    }
    if (made < 0)
        return -1;
    if (made > 0) {
        int got = answer_made(r, i, err);
        return got > 0 ? err_set(err, ERR_CONFLICT, "the task of a clientToken came and went") : got;
    }
    if (!fargate)
        take(r, pool.v[at].name);
    task_request_answer(&r->req, o);
    return 0;
}

int ecs_run_task(struct aws_call *c, struct err *err)
{
    int64_t count = doc_int_or(doc_get(c->input, "count"), 1);
    struct run *r = arena_new_of(c->arena, struct run);

    if (!r)
        return err_set(err, ERR_TOO_LARGE, "no memory for the call");
    if (count < 1 || count > COUNT_MAX)
        return aws_error(c, ECS_INVALID, "count must be between 1 and %d.", COUNT_MAX);
    if (task_request_begin(&r->req, c, err) < 0 || ecs_find_launch(c, &r->req.cluster, &r->launch, err) < 0 ||
        task_request_check(&r->req, r->launch.runs_on, err) < 0 || prepare_instances(r, err) < 0 ||
        set_token(r, err) < 0)
        return -1;
    r->n_sheet = capacity_sheet(r->launch.strategy, r->sheet);
    for (int64_t i = 0; i < count; i++)
        if (make_task(r, i, err) < 0)
            return -1;
    return 0;
}
