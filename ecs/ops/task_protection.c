#include "ecs/map/fault.h"
#include "ecs/ops/ops.h"
#include "ecs/ops/tasks.h"

#define UPDATE_MAX 10
#define GET_MAX 100
#define MINUTES_USUAL 120
#define MINUTES_MAX 2880 /* two days */

struct protect {
    struct aws_call *call;
    struct ecs_cluster cluster;
    bool enable;
    int64_t expires_s;
    struct doc *protected; /* of the answer */
};

static bool of_service(const struct doc *object)
{
    return doc_str(doc_path(object, "spec.service")).n > 0;
}

static int set_protection(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    const struct protect *p = ctx;
    struct doc *spec = doc_get(o, "spec");

    if (!p->enable)
        return doc_remove(spec, "protection") != NULL;
    doc_set_path(a, spec, "protection.expiresAt", doc_int(a, p->expires_s));
    return 1;
}

static void answer(struct protect *p, const struct doc *o)
{
    struct arena *a = p->call->arena;
    struct doc *d = doc_append(p->protected, doc_object(a));
    bool on = ecs_task_protected(o, p->call->now_s);

    doc_set(d, "taskArn", doc_string(a, doc_str(doc_path(o, "status.taskArn"))));
    doc_set(d, "protectionEnabled", doc_bool(a, on));
    if (on)
        doc_set(d, "expirationDate", doc_int(a, doc_int_or(doc_path(o, "spec.protection.expiresAt"), 0)));
}

static void add_failure(struct protect *p, struct doc *arn, const char *reason, const char *detail)
{
    struct arena *a = p->call->arena;

    ecs_add_failure(p->call, arn, reason);
    if (detail)
        doc_set(doc_get(p->call->output, "failures")->last, "detail", doc_string(a, str_of(detail)));
}

/* The task, or a failure in the answer (1). */
static int find(struct protect *p, struct str id, struct doc **ret, struct err *err)
{
    struct aws_call *c = p->call;
    int got = ecs_find_task(c, &p->cluster, id, ret, err);

    if (got < 0)
        return -1;
    if (got > 0)
        add_failure(p,
                    str_starts(id, STR("arn:")) ? doc_string(c->arena, id)
                                                : ecs_arn(c, "task/%s/" STR_FMT, p->cluster.name, STR_ARG(id)),
                    "MISSING", NULL);
    else if (!of_service(*ret) || ecs_task_stopped(*ret))
        add_failure(p, doc_string(c->arena, doc_str(doc_path(*ret, "status.taskArn"))), "TASK_NOT_VALID",
                    ecs_task_stopped(*ret) ? "The task has stopped."
                                           : "The task is not part of a service: only such tasks can be protected.");
    else
        return 0;
    return 1;
}

static int begin(struct protect *p, struct aws_call *c, size_t max, struct err *err)
{
    *p = (struct protect){.call = c, .protected = doc_array(c->arena)};
    if (doc_count(doc_get(c->input, "tasks")) > max)
        return aws_error(c, ECS_INVALID, "There may be at most %zu tasks in one call.", max);
    if (ecs_find_cluster(c, in_str(c, "cluster"), &p->cluster, err) < 0)
        return -1;
    doc_set(c->output, "protectedTasks", p->protected);
    doc_need_array(c->arena, c->output, "failures");
    return 0;
}

int ecs_update_task_protection(struct aws_call *c, struct err *err)
{
    int64_t minutes = doc_int_or(doc_get(c->input, "expiresInMinutes"), MINUTES_USUAL);
    struct protect p;
    struct doc *o;

    if (!doc_count(doc_get(c->input, "tasks")))
        return aws_error(c, ECS_INVALID, "Tasks cannot be empty.");
    if (minutes < 1 || minutes > MINUTES_MAX)
        return aws_error(c, ECS_INVALID, "expiresInMinutes must be between 1 and %d.", MINUTES_MAX);
    if (begin(&p, c, UPDATE_MAX, err) < 0)
        return -1;
    p.enable = doc_true(doc_get(c->input, "protectionEnabled"));
    p.expires_s = c->now_s + minutes * 60;
    doc_foreach (doc_get(c->input, "tasks"), id) {
        int got = find(&p, doc_str(id), &o, err);
        if (got > 0)
            continue;
        if (got < 0 || ecs_store_modify(store_of(c), c->arena, ECS_TASK, p.cluster.ns, ecs_object_name(o, c->arena),
                                        set_protection, &p, &o, err) < 0)
            return -1;
        answer(&p, o);
    }
    return 0;
}

/* Without names: all that may be protected. */
static int get_all(struct protect *p, struct err *err)
{
    struct aws_call *c = p->call;
    struct doc *all;

    if (ecs_store_list(store_of(c), c->arena, ECS_TASK, p->cluster.ns, &all, err) < 0)
        return -1;
    doc_foreach (all, o)
        if (of_service(o) && !ecs_task_stopped(o) && p->protected->n < GET_MAX)
            answer(p, o);
    return 0;
}

int ecs_get_task_protection(struct aws_call *c, struct err *err)
{
    struct protect p;
    struct doc *o;

    if (begin(&p, c, GET_MAX, err) < 0)
        return -1;
    if (!doc_count(doc_get(c->input, "tasks")))
        return get_all(&p, err);
    doc_foreach (doc_get(c->input, "tasks"), id) {
        int got = find(&p, doc_str(id), &o, err);
        if (got < 0)
            return -1;
        if (got == 0)
            answer(&p, o);
    }
    return 0;
}
