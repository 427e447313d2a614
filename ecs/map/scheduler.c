#include "ecs/map/scheduler.h"
#include "base/buf.h"

#define BACKOFF_FREE 2 /* failures in a row before the first wait */
#define BACKOFF_FIRST_S 10
#define EVENT_MAX (64 * 1024)

int64_t service_lower(int64_t desired, int64_t min_percent)
{
    return (desired * min_percent + 99) / 100;
}

int64_t service_upper(int64_t desired, int64_t max_percent)
{
    return desired * max_percent / 100;
}

int64_t service_breaker_threshold(int64_t desired)
{
    int64_t half = (desired + 1) / 2;

    return half < 3 ? 3 : half > 200 ? 200 : half;
}

/* --- texts --- */

static char *event_of(struct arena *a, struct str service, const char *what, const struct str *tasks, size_t n)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(EVENT_MAX);

    buf_printf(&b, "(service " STR_FMT ") has %s:", STR_ARG(service), what);
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, " (task " STR_FMT ")", STR_ARG(tasks[i]));
    buf_putc(&b, '.');
    return arena_strndup(a, buf_str(&b).p, b.len);
}

char *service_event_started(struct arena *a, struct str service, const struct str *tasks, size_t n)
{
    char *what = arena_printf(a, "started %zu tasks", n);

    return what ? event_of(a, service, what, tasks, n) : NULL;
}

char *service_event_stopped(struct arena *a, struct str service, const struct str *tasks, size_t n)
{
    char *what = arena_printf(a, "stopped %zu running tasks", n);

    return what ? event_of(a, service, what, tasks, n) : NULL;
}

char *service_event_unplaced(struct arena *a, struct str service, const char *reason)
{
    return arena_printf(a, "(service " STR_FMT ") was unable to place a task. Reason: %s.", STR_ARG(service), reason);
}

/* --- one plan --- */

struct counts {
    int64_t alive;   /* not stopping */
    int64_t healthy; /* of them */
    int64_t stopping;
};

struct planner {
    struct arena *a;
    const struct service_state *s;
    struct service_plan *plan;
    bool *stopped; /* by this plan, for each task */
    bool failed;   /* the primary may start nothing */
};

static struct service_action *add(struct planner *p, enum service_action_type type, struct str deployment)
{
    if (p->plan->n == SERVICE_ACTIONS_MAX)
        return NULL;
    struct service_action *act = &p->plan->v[p->plan->n++];
    *act = (struct service_action){.type = type, .deployment = deployment};
    return act;
}

static void add_text(struct planner *p, enum service_action_type type, struct str deployment, const char *text)
{
    struct service_action *act = add(p, type, deployment);

    if (act)
        act->text = text;
}

static bool is_alive(const struct planner *p, size_t i)
{
    return p->s->tasks[i].state != TASK_STOPPING && !p->stopped[i];
}

/* deployment empty: of all of them. */
static struct counts count(const struct planner *p, struct str deployment)
{
    struct counts c = {0};

    for (size_t i = 0; i < p->s->n_tasks; i++) {
        const struct service_task *t = &p->s->tasks[i];

        if (deployment.n > 0 && !str_eq(t->deployment, deployment))
            continue;
        c.alive += is_alive(p, i);
        c.healthy += is_alive(p, i) && t->state == TASK_HEALTHY;
        c.stopping += !is_alive(p, i);
    }
    return c;
}

static bool stop_task(struct planner *p, size_t i, const char *reason)
{
    struct service_action *act = add(p, ACTION_STOP, p->s->tasks[i].deployment);

    if (!act)
        return false;
    act->task = p->s->tasks[i].id;
    act->text = reason;
    p->stopped[i] = true;
    return true;
}

static const char *scaling_reason(struct planner *p, struct str deployment)
{
    return arena_printf(p->a, "Scaling activity initiated by (deployment " STR_FMT ")", STR_ARG(deployment));
}

/* Of the tasks that may go: those that are the least use first, the youngest of them first. */
static size_t victim(const struct planner *p, bool of_primary, bool healthy_too)
{
    size_t best = p->s->n_tasks;

    for (size_t i = 0; i < p->s->n_tasks; i++) {
        const struct service_task *t = &p->s->tasks[i], *b = best < p->s->n_tasks ? &p->s->tasks[best] : NULL;

        if (!is_alive(p, i) || str_eq(t->deployment, p->s->deployments[0].id) != of_primary ||
            (t->state == TASK_HEALTHY && !healthy_too))
            continue;
        if (!b || t->state < b->state || (t->state == b->state && t->created_s > b->created_s))
            best = i;
    }
    return best;
}

/* Failures in a row wait 10 s, 20 s, 40 s ... up to 27 minutes. */
static int64_t backoff_until(const struct service_deployment *d)
{
    int64_t wait = BACKOFF_FIRST_S;

    if (d->failures_in_row <= BACKOFF_FREE)
        return 0;
    for (int64_t i = BACKOFF_FREE + 1; i < d->failures_in_row && wait < SERVICE_BACKOFF_MAX_S; i++)
        wait *= 2;
    return d->last_failure_s + MIN_OF(wait, (int64_t)SERVICE_BACKOFF_MAX_S);
}

static bool may_start(struct planner *p)
{
    int64_t until = backoff_until(&p->s->deployments[0]);

    if (p->failed)
        return false;
    if (until > p->s->now_s) {
        p->plan->again_s = until;
        return false;
    }
    return true;
}

/* --- the breaker --- */

static void check_breaker(struct planner *p)
{
    const struct service_deployment *d = &p->s->deployments[0];
    struct str name = p->s->name;

    p->failed = d->rollout == ROLLOUT_FAILED;
    if (p->failed || !p->s->breaker || d->rollout != ROLLOUT_IN_PROGRESS ||
        d->failed_tasks < service_breaker_threshold(p->s->desired))
        return;
    p->failed = true;
    add_text(p, ACTION_FAIL, d->id, "ECS deployment circuit breaker: tasks failed to start.");
    add_text(p, ACTION_EVENT, d->id,
             arena_printf(p->a,
                          "(service " STR_FMT ") (deployment " STR_FMT ") deployment failed: tasks failed to start.",
                          STR_ARG(name), STR_ARG(d->id)));
    if (p->s->rollback && p->s->has_completed && !d->is_rollback)
        add_text(p, ACTION_ROLLBACK, d->id,
                 arena_printf(p->a, "(service " STR_FMT ") rolling back to deployment ", STR_ARG(name)));
}

/* --- REPLICA --- */

static void stop_surplus(struct planner *p)
{
    const struct service_deployment *primary = &p->s->deployments[0];
    const char *reason = scaling_reason(p, primary->id);

    while (count(p, primary->id).alive > p->s->desired) {
        size_t i = victim(p, true, true);

        if (i == p->s->n_tasks || !stop_task(p, i, reason))
            return;
    }
}

/* Tasks of older deployments go as healthy ones of the primary come: never fewer healthy ones than the lower limit. A
 * failed deployment leaves the older tasks alone, but what is over desired goes. */
static void stop_older(struct planner *p)
{
    const char *reason = scaling_reason(p, p->s->deployments[0].id);
    int64_t lower = service_lower(p->s->desired, p->s->min_percent);

    for (;;) {
        struct counts all = count(p, STR(""));
        bool healthy_too = all.healthy > lower;
        size_t i = victim(p, false, healthy_too);

        if (i == p->s->n_tasks || (p->failed && all.alive <= p->s->desired) || !stop_task(p, i, reason))
            return;
    }
}

static void start_missing(struct planner *p)
{
    const struct service_deployment *primary = &p->s->deployments[0];
    struct counts mine = count(p, primary->id), all = count(p, STR(""));
    int64_t missing = p->s->desired - mine.alive;
    /* Stopping tasks still hold their place: ECS counts them against the upper limit. */
    int64_t room = service_upper(p->s->desired, p->s->max_percent) - all.alive - all.stopping;
    int64_t n = MIN_OF(missing, room);

    if (n > 0 && may_start(p)) {
        struct service_action *act = add(p, ACTION_START, primary->id);

        if (act)
            act->count = n;
    }
    p->plan->blocked =
        missing > 0 && n <= 0 && all.stopping == 0 && !p->failed && p->plan->n == 0 && all.healthy == all.alive;
    if (p->plan->blocked && !p->s->blocked)
        add_text(p, ACTION_EVENT, primary->id,
                 arena_printf(p->a,
                              "(service " STR_FMT ") was unable to stop or start tasks during a deployment because of "
                              "the service deployment configuration. Update the minimumHealthyPercent or "
                              "maximumPercent value and try again.",
                              STR_ARG(p->s->name)));
}

/* --- DAEMON: one on each instance --- */

static bool instance_listed(const struct service_state *s, struct str instance)
{
    for (size_t i = 0; i < s->n_instances; i++) {
        if (str_eq(s->instances[i], instance))
            return true;
    }
    return false;
}

static void stop_daemons(struct planner *p)
{
    const struct service_state *s = p->s;
    const char *reason = scaling_reason(p, s->deployments[0].id);
    int64_t lower = service_lower((int64_t)s->n_instances, s->min_percent);

    for (size_t i = 0; i < s->n_tasks; i++) {
        bool older = !str_eq(s->tasks[i].deployment, s->deployments[0].id);
        bool kept = s->tasks[i].state == TASK_HEALTHY && count(p, STR("")).healthy <= lower;

        if (!is_alive(p, i))
            continue;
        if (!instance_listed(s, s->tasks[i].instance) || (older && !kept && !p->failed)) {
            if (!stop_task(p, i, reason))
                return;
        }
    }
}

static void start_daemons(struct planner *p)
{
    const struct service_state *s = p->s;

    for (size_t k = 0; k < s->n_instances; k++) {
        bool taken = false;

        for (size_t i = 0; i < s->n_tasks; i++) /* also one that stops: its place is not free yet */
            taken = taken || str_eq(s->tasks[i].instance, s->instances[k]);
        if (taken || !may_start(p))
            continue;
        struct service_action *act = add(p, ACTION_START, s->deployments[0].id);
        if (!act)
            return;
        act->count = 1;
        act->instance = s->instances[k];
    }
}

/* --- the end of deployments --- */

static void retire_older(struct planner *p)
{
    for (size_t k = 1; k < p->s->n_deployments; k++) {
        struct counts c = count(p, p->s->deployments[k].id);

        if (c.alive + c.stopping == 0)
            (void)add(p, ACTION_RETIRE, p->s->deployments[k].id);
    }
}

static void complete(struct planner *p, int64_t desired)
{
    const struct service_deployment *d = &p->s->deployments[0];
    struct counts mine = count(p, d->id), all = count(p, STR(""));
    struct str name = p->s->name;
    bool steady = mine.alive == desired && mine.healthy == desired && all.alive == desired && all.stopping == 0;

    if (steady && d->rollout == ROLLOUT_IN_PROGRESS && !p->failed) {
        add_text(p, ACTION_COMPLETE, d->id,
                 arena_printf(p->a, "ECS deployment " STR_FMT " completed.", STR_ARG(d->id)));
        add_text(p, ACTION_EVENT, d->id,
                 arena_printf(p->a, "(service " STR_FMT ") (deployment " STR_FMT ") deployment completed.",
                              STR_ARG(name), STR_ARG(d->id)));
    }
    if (steady && !p->s->steady)
        add_text(p, ACTION_EVENT, d->id,
                 arena_printf(p->a, "(service " STR_FMT ") has reached a steady state.", STR_ARG(name)));
    p->plan->steady = steady;
}

static void stop_all(struct planner *p)
{
    for (size_t i = 0; i < p->s->n_tasks; i++) {
        if (is_alive(p, i) && !stop_task(p, i, scaling_reason(p, p->s->tasks[i].deployment)))
            return;
    }
}

int service_plan(struct arena *a, const struct service_state *s, struct service_plan *ret, struct err *err)
{
    struct planner p = {.a = a, .s = s, .plan = ret, .stopped = arena_calloc(a, s->n_tasks + 1, sizeof(bool))};

    *ret = (struct service_plan){.steady = s->steady};
    if (!p.stopped)
        return err_set(err, ERR_TOO_LARGE, "the service has too many tasks");
    if (s->deleted || s->n_deployments == 0) {
        stop_all(&p);
        return 0;
    }
    check_breaker(&p);
    if (s->daemon) {
        stop_daemons(&p);
        start_daemons(&p);
    } else {
        stop_surplus(&p);
        stop_older(&p);
        start_missing(&p);
    }
    retire_older(&p);
    complete(&p, s->daemon ? (int64_t)s->n_instances : s->desired);
    return arena_overflow(a) ? err_set(err, ERR_TOO_LARGE, "the plan is too large") : 0;
}
