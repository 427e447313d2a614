#include "ecs/controllers/services_room.h"

#include "base/limits.h"
#include "base/log.h"
#include "ecs/ops/names.h"
#include "ecs/ops/new_task.h"
#include "ecs/ops/tasks.h"

/* --- after the write --- */

static const struct doc *propagated(const struct round *x)
{
    struct str from = doc_str(doc_path(x->r.service, "spec.propagateTags"));

    if (str_is(from, "SERVICE"))
        return doc_path(x->r.service, "spec.tags");
    return str_is(from, "TASK_DEFINITION") ? doc_path(x->places.definition, "status.tags") : NULL;
}

static const char *text_at(struct round *x, const char *path)
{
    return arena_str(x->r.a, doc_str(doc_path(x->r.service, path))).p;
}

static int make_task(struct round *x, const struct task_start *start, struct err *err)
{
    struct arena *a = x->r.a;
    const struct ecs_instance *at = start->instance;
    const char *launch = text_at(x, "spec.launchType");
    struct new_task t = {.region = x->c->region,
                         .account = x->c->account,
                         .cluster = text_at(x, "spec.clusterName"),
                         .ns = x->ns,
                         .definition = x->places.definition,
                         .id = start->id,
                         .launch_type = start->provider.n ? (at ? "EC2" : "FARGATE")
                                        : *launch         ? launch
                                                          : "EC2",
                         .capacity_provider = arena_str(a, start->provider).p,
                         .platform_version = text_at(x, "spec.platformVersion"),
                         .group = arena_str(a, x->places.req.group).p,
                         .started_by = arena_str(a, x->deployment).p,
                         .service = text_at(x, "spec.serviceName"),
                         .deployment = arena_str(a, x->deployment).p,
                         .number = start->number,
                         .instance = at ? at->name : NULL,
                         .instance_arn = at ? at->arn : NULL,
                         .node = at ? at->node : NULL,
                         .network = doc_path(x->r.service, "spec.networkConfiguration"),
                         .propagated = propagated(x),
                         .managed_tags = doc_true(doc_path(x->r.service, "spec.enableECSManagedTags")),
                         .now_s = x->r.now_s};

    return ecs_task_create(x->c->store, a, &t, NULL, err);
}

struct unstartable {
    struct round *round;
    const char *why;
};

/* The API server will not have the task, whenever it is asked: that is a failure to start too. */
static int note_unstartable(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    const struct unstartable *u = ctx;
    struct service_round r = {.a = a, .service = o, .now_s = u->round->r.now_s};
    struct doc *d = service_deployment_of(o, u->round->deployment);
    struct service_x x;

    if (!d)
        return 0;
    service_x_get(d, &x);
    x.failures_in_row++;
    x.last_failure_s = r.now_s;
    service_x_set(a, d, &x);
    doc_set(d, "failedTasks", doc_int(a, doc_int_or(doc_get(d, "failedTasks"), 0) + 1));
    service_round_unplaced(&r, service_event_unstartable(a, service_name(o), u->why));
    return 1;
}

static bool is_permanent(const struct err *err)
{
    return err->code == ERR_INVALID || err->code == ERR_BAD_REQUEST || err->code == ERR_TOO_LARGE;
}

int round_start_tasks(struct round *x, struct err *err)
{
    for (size_t i = 0; i < x->n_starts && !controller_stops(x->c->base); i++) {
        if (make_task(x, &x->starts[i], err) == 0)
            continue;
        if (err->code == ERR_ALREADY_EXISTS) {
            err_clear(err);
            continue;
        }
        if (!is_permanent(err))
            return err_wrap(err, "task %s", x->starts[i].id);
        struct unstartable u = {x, arena_strdup(x->r.a, err->msg)};
        err_clear(err);
        return ecs_store_modify(x->c->store, x->r.a, ECS_SERVICE, x->ns, x->name, note_unstartable, &u, NULL, err);
    }
    if (x->n_starts) {
        struct service_x sx;
        service_x_get(service_deployment_of(x->r.service, x->deployment), &sx);
        round_known(x, x->deployment, sx.started + 1);
    }
    return 0;
}

int round_stop_tasks(struct round *x, struct err *err)
{
    for (size_t i = 0; i < x->plan.n && !controller_stops(x->c->base); i++) {
        const struct service_action *act = &x->plan.v[i];
        struct task_stop stop = {"ServiceSchedulerInitiated", str_of(act->text), x->r.now_s};

        if (act->type != ACTION_STOP)
            continue;
        const char *id = arena_str(x->r.a, act->task).p;
        if (ecs_task_ask_to_stop(x->c->store, x->r.a, x->ns, id, &stop, NULL, err) < 0 && err->code != ERR_NOT_FOUND)
            return err_wrap(err, "stopping task %s", id);
        err_clear(err);
    }
    return 0;
}

/* --- tasks that nobody looks after --- */

struct orphans {
    struct round *round;
    size_t n;
};

static int stop_orphan(void *ctx, const struct doc *o, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    struct orphans *orphans = ctx;
    struct round *x = orphans->round;
    const char *deployment = arena_str(a, doc_str(doc_path(o, "spec.deployment"))).p;
    const char *reason = arena_printf(a, "Scaling activity initiated by (deployment %s)", deployment);
    struct task_stop stop = {"ServiceSchedulerInitiated", str_of(reason ? reason : ""), x->r.now_s};

    if (str_is(doc_str(doc_path(o, "status.desiredStatus")), "STOPPED") ||
        strcmp(ecs_object_label(a, "", doc_str(doc_path(o, "spec.service"))), x->name) != 0)
        return 0;
    orphans->n++;
    if (ecs_task_ask_to_stop(x->c->store, a, x->ns, ecs_object_name(o, a), &stop, NULL, err) < 0 &&
        err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    return 0;
}

int round_stop_orphans(struct round *x, struct err *err)
{
    struct orphans orphans = {x, 0};
    struct doc *there;

    if (round_get(x, ECS_SERVICE, x->ns, x->name, &there, err) < 0)
        return -1;
    x->r.now_s = clock_wall(&clock_system) / NS_PER_S;
    if (there || ecs_store_each(x->c->store, ECS_TASK, x->ns, "\"service\":", stop_orphan, &orphans, err) < 0)
        return there ? 0 : -1;
    if (orphans.n)
        log_info("a service is gone; its tasks are stopped", LOG_S("service", x->name), LOG_I("tasks", orphans.n));
    return 0;
}
