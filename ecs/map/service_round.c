#include "ecs/map/service_round.h"

static bool is(const struct doc *d, const char *path, const char *value)
{
    return str_is(doc_str(doc_path(d, path)), value);
}

static int64_t int_at(const struct doc *d, const char *path)
{
    return doc_int_or(doc_path(d, path), 0);
}

static void set_int(struct arena *a, struct doc *d, const char *key, int64_t v)
{
    if (v || doc_get(d, key))
        doc_set(d, key, doc_int(a, v));
}

/* --- what a task says --- */

static bool ended_by_itself(const struct doc *object)
{
    return is(object, "status.stopCode", "TaskFailedToStart") ||
           is(object, "status.stopCode", "EssentialContainerExited");
}

void round_task_read(struct arena *a, const struct doc *o, struct round_task *ret)
{
    struct service_evidence e = {.number = int_at(o, "spec.number"),
                                 .created_s = int_at(o, "status.createdAt"),
                                 .started_s = int_at(o, "status.startedAt"),
                                 .asked = !ended_by_itself(o)};
    bool stopped = is(o, "status.lastStatus", "STOPPED");

    /* One that ends by itself is a failure from its first sign on, or its replacement would not wait. */
    if (stopped || (!e.asked && is(o, "status.desiredStatus", "STOPPED")))
        e.stopped_s = int_at(o, doc_path(o, "status.stoppingAt") ? "status.stoppingAt" : "status.stoppedAt");
    if (stopped && !e.stopped_s)
        e.stopped_s = e.created_s;
    *ret = (struct round_task){.id = arena_str(a, doc_str(doc_path(o, "metadata.name"))),
                               .deployment = arena_str(a, doc_str(doc_path(o, "spec.deployment"))),
                               .instance = arena_str(a, doc_str(doc_path(o, "spec.instance"))),
                               .provider = arena_str(a, doc_str(doc_path(o, "status.capacityProviderName"))),
                               .health = arena_str(a, doc_str(doc_path(o, "status.healthStatus"))),
                               .running = is(o, "status.lastStatus", "RUNNING"),
                               .stopping = is(o, "status.desiredStatus", "STOPPED"),
                               .stopped = stopped,
                               .e = e,
                               .protected_until_s = int_at(o, "spec.protection.expiresAt")};
}

static int64_t grace_ends(const struct service_round *r, const struct round_task *t)
{
    return t->e.started_s + int_at(r->service, "spec.healthCheckGracePeriodSeconds");
}

/* Before the grace period is over, failing checks say nothing. */
static enum service_health health_of(const struct service_round *r, const struct round_task *t, bool has_check)
{
    if (!has_check)
        return HEALTH_NO_CHECK;
    if (str_is(t->health, "HEALTHY"))
        return HEALTH_HEALTHY;
    return str_is(t->health, "UNHEALTHY") && r->now_s >= grace_ends(r, t) ? HEALTH_UNHEALTHY : HEALTH_UNKNOWN;
}

static void find_health(struct service_round *r)
{
    size_t k = 0;

    doc_foreach (service_deployments(r->service), d) {
        for (size_t i = 0; i < r->n_tasks; i++)
            if (str_eq(r->tasks[i].deployment, doc_str(doc_get(d, "id"))))
                r->tasks[i].e.health = health_of(r, &r->tasks[i], r->has_check[k]);
        k++;
    }
}

/* --- failures --- */

static bool listed(const struct doc *ids, struct str id)
{
    doc_foreach (ids, it)
        if (str_eq(doc_str(it), id))
            return true;
    return false;
}

/* Ids of tasks that are gone are of no use any more. */
static void prune(struct service_round *r, struct doc *counted)
{
    doc_foreach (counted, it) {
        bool there = false;

        for (size_t i = 0; i < r->n_tasks && !there; i++)
            there = str_eq(r->tasks[i].id, doc_str(it));
        if (!there)
            doc_unlink(counted, it);
    }
}

/* Too many to be kept one by one: all that stopped until now count as counted. */
static void bound(struct service_round *r, struct doc *deployment, struct doc *counted)
{
    struct doc *x = doc_need_object(r->a, deployment, "x");

    if (doc_count(counted) <= ROUND_COUNTED_MAX)
        return;
    doc_set(x, "countedUntil", doc_int(r->a, r->now_s));
    doc_set(x, "counted", doc_array(r->a));
}

static struct service_failures failures_of(const struct doc *deployment)
{
    struct service_x x;

    service_x_get(deployment, &x);
    return (struct service_failures){.failed_tasks = int_at(deployment, "failedTasks"),
                                     .failures_in_row = x.failures_in_row,
                                     .last_failure_s = x.last_failure_s,
                                     .round_number = int_at(deployment, "x.roundNumber"),
                                     .healthy_created_s = int_at(deployment, "x.healthyCreatedAt"),
                                     .ran_created_s = int_at(deployment, "x.ranCreatedAt")};
}

static void keep_failures(struct service_round *r, struct doc *deployment, const struct service_failures *f)
{
    struct doc *own = doc_need_object(r->a, deployment, "x");
    struct service_x x;

    service_x_get(deployment, &x);
    x.failures_in_row = f->failures_in_row;
    x.last_failure_s = f->last_failure_s;
    service_x_set(r->a, deployment, &x);
    set_int(r->a, deployment, "failedTasks", f->failed_tasks);
    set_int(r->a, own, "roundNumber", f->round_number);
    set_int(r->a, own, "healthyCreatedAt", f->healthy_created_s);
    set_int(r->a, own, "ranCreatedAt", f->ran_created_s);
}

static void note_counted(struct service_round *r, struct doc *counted, const struct round_task *t)
{
    doc_append(counted, doc_string(r->a, t->id));
    if (!t->e.stopped_s)
        service_add_event(r->a, r->service, str_of(service_event_unhealthy(r->a, service_name(r->service), t->id)),
                          r->now_s);
}

static void count_deployment(struct service_round *r, struct doc *d)
{
    struct doc *counted = service_x_counted(r->a, d);
    struct service_evidence *v = arena_calloc(r->a, r->n_tasks + 1, sizeof(*v));
    size_t *of = arena_calloc(r->a, r->n_tasks + 1, sizeof(*of)), n = 0;
    struct service_failures f = failures_of(d);
    bool breaker = is(d, "rolloutState", "IN_PROGRESS");
    int64_t until = int_at(d, "x.countedUntil");

    prune(r, counted);
    for (size_t i = 0; v && of && i < r->n_tasks; i++) {
        const struct round_task *t = &r->tasks[i];

        if (!str_eq(t->deployment, doc_str(doc_get(d, "id"))))
            continue;
        v[n] = t->e;
        if (t->stopping && !t->e.stopped_s)
            v[n].health = HEALTH_UNKNOWN; /* it goes: whatever its checks say now */
        v[n].counted = listed(counted, t->id) || (t->e.stopped_s && t->e.stopped_s <= until);
        of[n++] = i;
    }
    bool *before = arena_calloc(r->a, n + 1, sizeof(*before));
    for (size_t i = 0; before && i < n; i++)
        before[i] = v[i].counted;
    service_count_failures(&f, v, n, breaker, int_at(d, "x.started"), r->now_s);
    for (size_t i = 0; before && i < n; i++)
        if (v[i].counted && !before[i])
            note_counted(r, counted, &r->tasks[of[i]]);
    keep_failures(r, d, &f);
    bound(r, d, counted);
}

void service_round_count(struct service_round *r)
{
    find_health(r);
    doc_foreach (service_deployments(r->service), d)
        count_deployment(r, d);
}

/* --- the state --- */

static const struct round_instance *instance_of(const struct service_round *r, struct str name)
{
    for (size_t i = 0; i < r->n_instances; i++)
        if (str_eq(r->instances[i].name, name))
            return &r->instances[i];
    return NULL;
}

static enum service_task_state state_of(const struct service_round *r, const struct round_task *t)
{
    bool healthy = t->e.health == HEALTH_HEALTHY ||
                   (t->e.health == HEALTH_NO_CHECK && r->now_s - t->e.started_s >= SERVICE_HEALTHY_AFTER_S);

    if (t->stopping)
        return TASK_STOPPING;
    return !t->running ? TASK_STARTING : healthy ? TASK_HEALTHY : TASK_RUNNING;
}

static struct service_task task_of(const struct service_round *r, const struct round_task *t)
{
    const struct round_instance *at = t->instance.n ? instance_of(r, t->instance) : NULL;
    struct service_task ret = {.id = t->id,
                               .deployment = t->deployment,
                               .instance = t->instance,
                               .zone = at ? at->zone : STR(""),
                               .state = state_of(r, t),
                               .unhealthy = t->running && t->e.health == HEALTH_UNHEALTHY,
                               .leaving = t->instance.n && (!at || at->draining),
                               .protected_until_s = t->protected_until_s,
                               .created_s = t->e.created_s};

    if (ret.state == TASK_RUNNING && t->e.health == HEALTH_NO_CHECK)
        ret.due_s = t->e.started_s + SERVICE_HEALTHY_AFTER_S;
    else if (ret.state == TASK_RUNNING && str_is(t->health, "UNHEALTHY"))
        ret.due_s = grace_ends(r, t);
    return ret;
}

static struct service_deployment deployment_of(const struct doc *d)
{
    struct service_x x;

    service_x_get(d, &x);
    return (struct service_deployment){.id = doc_str(doc_get(d, "id")),
                                       .rollout = is(d, "rolloutState", "COMPLETED") ? ROLLOUT_COMPLETED
                                                  : is(d, "rolloutState", "FAILED")  ? ROLLOUT_FAILED
                                                                                     : ROLLOUT_IN_PROGRESS,
                                       .failed_tasks = int_at(d, "failedTasks"),
                                       .failures_in_row = x.failures_in_row,
                                       .last_failure_s = x.last_failure_s,
                                       .is_rollback = x.is_rollback,
                                       .stopped = x.stopped};
}

/* What was said of another primary is not said yet of this one. */
static struct service_said said_of(const struct doc *service)
{
    const struct doc *said = doc_path(service, "status.said");

    if (!str_eq(doc_str(doc_get(said, "deployment")), doc_str(doc_get(service_primary(service), "id"))))
        return (struct service_said){0};
    return (struct service_said){.steady_s = int_at(said, "steadyAt"),
                                 .blocked_s = int_at(said, "blockedAt"),
                                 .throttled_s = int_at(said, "throttledAt")};
}

int service_round_state(struct service_round *r, struct service_state *ret, struct err *err)
{
    const struct doc *all = service_deployments(r->service);
    struct service_deployment *deployments = arena_calloc(r->a, doc_count(all) + 1, sizeof(*deployments));
    struct service_task *tasks = arena_calloc(r->a, r->n_tasks + 1, sizeof(*tasks));
    struct service_limits limits = service_limits(r->service);
    size_t n = 0, k = 0;

    if (!deployments || !tasks)
        return err_set(err, ERR_TOO_LARGE, "the service has too many tasks");
    doc_foreach (all, d)
        deployments[k++] = deployment_of(d);
    for (size_t i = 0; i < r->n_tasks; i++)
        if (!r->tasks[i].stopped)
            tasks[n++] = task_of(r, &r->tasks[i]);
    *ret = (struct service_state){.name = service_name(r->service),
                                  .daemon = service_is_daemon(r->service),
                                  .deleted = !str_is(service_status(r->service), "ACTIVE"),
                                  .desired = service_desired(r->service),
                                  .min_percent = limits.min_percent,
                                  .max_percent = limits.max_percent,
                                  .breaker = limits.breaker,
                                  .rollback = limits.rollback,
                                  .has_completed = service_rollback_revision(r->service).n > 0,
                                  .deployments = deployments,
                                  .n_deployments = k,
                                  .tasks = tasks,
                                  .n_tasks = n,
                                  .instances = r->daemon_instances,
                                  .n_instances = r->n_daemon_instances,
                                  .said = said_of(r->service),
                                  .now_s = r->now_s};
    return 0;
}

/* --- what a plan changes --- */

static void say(struct service_round *r, const char *text)
{
    if (text)
        service_add_event(r->a, r->service, str_of(text), r->now_s);
}

/* A crash between the write and the stop makes the same plan come again: each stop is told once. */
static bool told(const struct service_round *r, struct str task)
{
    doc_foreach (doc_path(r->service, "status.events"), e) {
        struct str text = doc_str(doc_get(e, "message"));

        if (memmem(text.p, text.n, " running tasks: (task ", 22) && memmem(text.p, text.n, task.p, task.n))
            return true;
    }
    return false;
}

static void say_stops(struct service_round *r, const struct service_plan *plan)
{
    struct str ids[SERVICE_ACTIONS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < plan->n; i++)
        if (plan->v[i].type == ACTION_STOP && !told(r, plan->v[i].task))
            ids[n++] = plan->v[i].task;
    if (n)
        say(r, service_event_stopped(r->a, service_name(r->service), ids, n));
}

static void keep_said(struct service_round *r, const struct service_plan *plan)
{
    struct doc *status = doc_need_object(r->a, r->service, "status"), *said = doc_need_object(r->a, status, "said");

    doc_set(said, "deployment", doc_string_copy(r->a, doc_str(doc_get(service_primary(r->service), "id"))));
    set_int(r->a, said, "steadyAt", plan->said.steady_s);
    set_int(r->a, said, "blockedAt", plan->said.blocked_s);
    set_int(r->a, said, "throttledAt", plan->said.throttled_s);
}

void service_round_apply(struct service_round *r, const struct service_state *s, const struct service_plan *plan,
                         bool (*may_retire)(void *ctx, const struct doc *deployment), void *ctx)
{
    say_stops(r, plan);
    if (s->n_deployments > 0)
        keep_said(r, plan);
    for (size_t i = 0; i < plan->n; i++) {
        const struct service_action *act = &plan->v[i];
        struct doc *d = service_deployment_of(r->service, act->deployment);
        bool done = act->type == ACTION_COMPLETE, failed = act->type == ACTION_FAIL;

        if (act->type == ACTION_EVENT)
            say(r, act->text);
        else if (d && (done || failed))
            service_set_rollout(r->a, r->service, d, done ? "COMPLETED" : "FAILED", str_of(act->text), r->now_s);
        else if (d && act->type == ACTION_RETIRE && may_retire(ctx, d))
            service_retire(r->service, act->deployment);
    }
}

void service_round_unplaced(struct service_round *r, const char *text)
{
    struct doc *status = doc_need_object(r->a, r->service, "status"), *said = doc_need_object(r->a, status, "said");
    bool same = text && str_is(doc_str(doc_get(said, "unplaced")), text);

    if (!text) {
        (void)doc_remove(said, "unplaced");
        (void)doc_remove(said, "unplacedAt");
        return;
    }
    if (same && r->now_s - int_at(said, "unplacedAt") < SERVICE_SAY_AGAIN_S)
        return;
    doc_set(said, "unplaced", doc_string_copy(r->a, str_of(text)));
    doc_set(said, "unplacedAt", doc_int(r->a, r->now_s));
    say(r, text);
}

int64_t service_round_reserve(struct service_round *r, int64_t n)
{
    struct service_x x;

    service_x_get(service_primary(r->service), &x);
    int64_t first = x.started;
    x.started += n;
    service_x_set(r->a, service_primary(r->service), &x);
    return first;
}

const char *service_round_task_key(struct arena *a, const struct doc *service, struct str deployment, int64_t number)
{
    return arena_printf(a, STR_FMT "\n" STR_FMT "\n%lld", STR_ARG(doc_str(doc_path(service, "metadata.uid"))),
                        STR_ARG(deployment), (long long)number);
}

/* --- numbers --- */

static bool stopped_by(const struct service_plan *plan, struct str task)
{
    for (size_t i = 0; i < plan->n; i++)
        if (plan->v[i].type == ACTION_STOP && str_eq(plan->v[i].task, task))
            return true;
    return false;
}

void service_round_numbers(struct service_round *r, const struct service_plan *plan, int64_t starts)
{
    struct doc *status = doc_need_object(r->a, r->service, "status"), *primary = service_primary(r->service);
    int64_t running = 0, pending = 0;

    if (service_is_daemon(r->service) && str_is(service_status(r->service), "ACTIVE"))
        service_set_desired(r->a, r->service, plan->desired, r->now_s);
    doc_foreach (service_deployments(r->service), d) {
        struct service_counts n = {.pending = d == primary ? starts : 0, .failed = int_at(d, "failedTasks")};

        for (size_t i = 0; i < r->n_tasks; i++) {
            const struct round_task *t = &r->tasks[i];
            bool mine = str_eq(t->deployment, doc_str(doc_get(d, "id")));

            if (!mine || t->stopping || t->stopped || stopped_by(plan, t->id))
                continue;
            n.running += t->running;
            n.pending += !t->running;
        }
        n.desired = d == primary ? service_desired(r->service) : n.running + n.pending;
        service_set_counts(r->a, d, &n, r->now_s);
        running += n.running;
        pending += n.pending;
    }
    doc_set(status, "runningCount", doc_int(r->a, running));
    doc_set(status, "pendingCount", doc_int(r->a, pending));
}
