#include "ecs/map/scheduler.h"
#include "base/buf.h"

#define BACKOFF_FREE 2 /* failing rounds before the first wait */
#define BACKOFF_FIRST_S 10
#define EVENT_MAX (64 * 1024)
#define UNHEALTHY "Task failed container health checks"
#define SEE_GUIDE "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."

int64_t service_lower(int64_t desired, int64_t min_percent)
{
    return MIN_OF((desired * min_percent + 99) / 100, desired);
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

int64_t service_backoff_until(int64_t failures_in_row, int64_t last_failure_s)
{
    int64_t wait = BACKOFF_FIRST_S;

    if (failures_in_row <= BACKOFF_FREE)
        return 0;
    for (int64_t i = BACKOFF_FREE + 1; i < failures_in_row && wait < SERVICE_BACKOFF_MAX_S; i++)
        wait *= 2;
    return last_failure_s + MIN_OF(wait, (int64_t)SERVICE_BACKOFF_MAX_S);
}

/* --- failures --- */

static int64_t ran_for(const struct service_evidence *e, int64_t now_s)
{
    return e->started_s ? (e->stopped_s ? e->stopped_s : now_s) - e->started_s : -1;
}

static bool was_healthy(const struct service_evidence *e, int64_t now_s)
{
    return e->health == HEALTH_HEALTHY ||
           (e->health == HEALTH_NO_CHECK && ran_for(e, now_s) >= SERVICE_HEALTHY_AFTER_S);
}

/* A younger task than any before that has become healthy, or has run, ends the row of failures. */
static void note_success(struct service_failures *f, const struct service_evidence *v, size_t n, int64_t now_s)
{
    int64_t healthy = f->healthy_created_s, ran = f->ran_created_s;

    for (size_t i = 0; i < n; i++) {
        if (was_healthy(&v[i], now_s))
            healthy = MAX_OF(healthy, v[i].created_s);
        if (ran_for(&v[i], now_s) >= SERVICE_RAN_S)
            ran = MAX_OF(ran, v[i].created_s);
    }
    if (healthy > f->healthy_created_s)
        f->failed_tasks = 0;
    if (ran > f->ran_created_s)
        f->failures_in_row = 0;
    f->healthy_created_s = healthy;
    f->ran_created_s = ran;
}

void service_count_failures(struct service_failures *f, struct service_evidence *v, size_t n, bool breaker,
                            int64_t started, int64_t now_s)
{
    int64_t last = f->last_failure_s;
    bool new_round = false;

    note_success(f, v, n, now_s);
    for (size_t i = 0; i < n; i++) {
        struct service_evidence *e = &v[i];
        bool unhealthy = !e->stopped_s && e->health == HEALTH_UNHEALTHY;
        bool ended = e->stopped_s && !e->asked && !was_healthy(e, now_s);

        if (e->counted || (!unhealthy && !ended))
            continue;
        e->counted = true;
        f->failed_tasks += breaker;
        if (ended && ran_for(e, now_s) < SERVICE_RAN_S) {
            new_round = new_round || e->number >= f->round_number;
            last = MAX_OF(last, e->stopped_s);
        }
    }
    f->failures_in_row += new_round;
    if (new_round)
        f->round_number = started;
    f->last_failure_s = last;
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

char *service_event_unhealthy(struct arena *a, struct str service, struct str task)
{
    return arena_printf(a, "(service " STR_FMT ") (task " STR_FMT ") failed container health checks.", STR_ARG(service),
                        STR_ARG(task));
}

/* What the nearest instance lacks. */
static const struct {
    const char *reason, *text;
} lacks[] = {
    {"RESOURCE:CPU", "has insufficient CPU units available"},
    {"RESOURCE:MEMORY", "has insufficient memory available"},
    {"RESOURCE:PORTS", "is already using a port required by your task"},
    {"ATTRIBUTE", "is missing an attribute required by your task"},
    {"MEMBEROF_PLACEMENT", "encountered error \"MemberOf placement constraint unsatisfied.\""},
    {"DISTINCT_INSTANCE_PLACEMENT", "encountered error \"DistinctInstance placement constraint unsatisfied.\""},
};

char *service_event_unplaced(struct arena *a, struct str service, const char *reason, struct str instance)
{
    const char *lack = NULL;

    for (size_t i = 0; reason && i < ARRAY_LEN(lacks); i++)
        if (strcmp(reason, lacks[i].reason) == 0)
            lack = lacks[i].text;
    if (reason && !lack)
        lack = arena_printf(a, "encountered error \"%s\"", reason);
    if (!reason)
        return arena_printf(
            a,
            "(service " STR_FMT ") was unable to place a task because no container instance met all "
            "of its requirements. Reason: No Container Instances were found in your cluster. " SEE_GUIDE,
            STR_ARG(service));
    return arena_printf(a,
                        "(service " STR_FMT ") was unable to place a task because no container instance met all of "
                        "its requirements. The closest matching (container-instance " STR_FMT ") %s. " SEE_GUIDE,
                        STR_ARG(service), STR_ARG(instance), lack);
}

char *service_event_unstartable(struct arena *a, struct str service, const char *reason)
{
    size_t n = strlen(reason);

    return arena_printf(a, "(service " STR_FMT ") was unable to place a task. Reason: %s%s", STR_ARG(service), reason,
                        n && reason[n - 1] == '.' ? "" : ".");
}

/* --- one plan --- */

struct counts {
    int64_t alive;    /* not stopping */
    int64_t healthy;  /* of them */
    int64_t stopping; /* asked to stop, by this plan too */
    int64_t keepers;  /* alive ones of the primary that need not go */
    int64_t healthy_keepers;
};

/* How many alive tasks stand at the place of each task. */
struct places {
    size_t *of; /* task -> place */
    int64_t *alive;
};

struct planner {
    struct arena *a;
    const struct service_state *s;
    struct service_plan *plan;
    bool *stopped; /* by this plan, for each task */
    bool *placed;  /* DAEMON: its instance is one of those where a task belongs, for each task */
    bool failed;   /* the primary may start nothing, and takes over nothing */
    int64_t desired, lower, upper;
    int64_t started; /* by this plan */
    size_t n_stopped;
    struct counts c; /* kept current by stop_task */
    struct places zones, instances;
};

/* Tasks without a place stand each alone. */
static bool places_init(struct planner *p, struct places *ret, bool zones)
{
    size_t n = p->s->n_tasks, n_places = 0, *first = arena_calloc(p->a, n + 1, sizeof(*first));

    ret->of = arena_calloc(p->a, n + 1, sizeof(*ret->of));
    ret->alive = arena_calloc(p->a, n + 1, sizeof(*ret->alive));
    if (!first || !ret->of || !ret->alive)
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct service_task *t = p->s->tasks;
        struct str at = zones ? t[i].zone : t[i].instance;
        size_t k = at.n ? 0 : n_places;

        while (k < n_places && !str_eq(zones ? t[first[k]].zone : t[first[k]].instance, at))
            k++;
        if (k == n_places)
            first[n_places++] = i;
        ret->of[i] = k;
        ret->alive[k] += t[i].state != TASK_STOPPING;
    }
    return true;
}

static int64_t places_at(const struct places *v, size_t task)
{
    return v->alive[v->of[task]];
}

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

static void look_again(struct planner *p, int64_t at_s)
{
    if (at_s > p->s->now_s && (!p->plan->again_s || at_s < p->plan->again_s))
        p->plan->again_s = at_s;
}

/* An event whose cause is there now: said when it was not there before, and every 6 hours. *said is kept. */
static void say_while(struct planner *p, int64_t before_s, int64_t *said, const char *text)
{
    int64_t now = p->s->now_s;

    *said = before_s;
    if (!before_s || now - before_s >= SERVICE_SAY_AGAIN_S) {
        add_text(p, ACTION_EVENT, p->s->deployments[0].id, text);
        *said = now;
    }
    look_again(p, *said + SERVICE_SAY_AGAIN_S);
}

static const char *service_text(struct planner *p, const char *what)
{
    return arena_printf(p->a, "(service " STR_FMT ") %s", STR_ARG(p->s->name), what);
}

static const char *deployment_text(struct planner *p, const char *what)
{
    return arena_printf(p->a, "(service " STR_FMT ") (deployment " STR_FMT ") %s", STR_ARG(p->s->name),
                        STR_ARG(p->s->deployments[0].id), what);
}

static bool is_alive(const struct planner *p, size_t i)
{
    return p->s->tasks[i].state != TASK_STOPPING && !p->stopped[i];
}

static bool of_primary(const struct planner *p, size_t i)
{
    return str_eq(p->s->tasks[i].deployment, p->s->deployments[0].id);
}

static bool instance_listed(const struct service_state *s, struct str instance)
{
    for (size_t i = 0; i < s->n_instances; i++) {
        if (str_eq(s->instances[i], instance))
            return true;
    }
    return false;
}

static bool is_keeper(const struct planner *p, size_t i)
{
    const struct service_task *t = &p->s->tasks[i];

    return is_alive(p, i) && of_primary(p, i) && !t->unhealthy && !t->leaving && (!p->s->daemon || p->placed[i]);
}

static void count(struct planner *p)
{
    struct counts c = {0};

    for (size_t i = 0; i < p->s->n_tasks; i++) {
        bool alive = is_alive(p, i), healthy = alive && p->s->tasks[i].state == TASK_HEALTHY, keeper = is_keeper(p, i);

        c.alive += alive;
        c.healthy += healthy;
        c.stopping += !alive;
        c.keepers += keeper;
        c.healthy_keepers += keeper && healthy;
    }
    p->c = c;
}

/* False when this plan can hold no more of it. */
static bool stop_task(struct planner *p, size_t i, const char *reason)
{
    struct service_action *act =
        p->n_stopped < SERVICE_BATCH_MAX ? add(p, ACTION_STOP, p->s->tasks[i].deployment) : NULL;

    if (!act)
        return false;
    act->task = p->s->tasks[i].id;
    act->text = reason;
    p->stopped[i] = true;
    p->n_stopped++;
    p->zones.alive[p->zones.of[i]]--;
    p->instances.alive[p->instances.of[i]]--;
    count(p);
    return true;
}

static const char *scaling_reason(struct planner *p, struct str deployment)
{
    return arena_printf(p->a, "Scaling activity initiated by (deployment " STR_FMT ")", STR_ARG(deployment));
}

/* --- who goes --- */

static bool is_protected(struct planner *p, size_t i)
{
    const struct service_task *t = &p->s->tasks[i];

    if (t->unhealthy || t->protected_until_s <= p->s->now_s)
        return false;
    look_again(p, t->protected_until_s);
    return true;
}

/* May it go without fewer healthy ones than allowed, now or soon? One that runs may be about to count as healthy. */
static bool may_spare(const struct planner *p, size_t i)
{
    const struct service_task *t = &p->s->tasks[i];

    if (t->state == TASK_STARTING || t->unhealthy)
        return true;
    return t->state == TASK_HEALTHY ? p->c.healthy > p->lower : p->c.healthy >= p->lower;
}

/* One that is too many: as many as desired stay, whatever they are. */
static bool surplus_may_go(const struct planner *p, size_t i)
{
    return is_keeper(p, i) && (p->s->tasks[i].state != TASK_HEALTHY || p->c.healthy > p->lower);
}

/* Tasks whose health checks fail go when their replacements have been started; when there is no room for these, one
 * after the other. */
static bool unhealthy_waits(const struct planner *p)
{
    bool replaced = p->c.keepers + p->started >= p->desired;
    bool no_room = p->upper - p->c.alive - p->c.stopping - p->started <= 0;

    return !replaced && !p->failed && !(no_room && !p->c.stopping);
}

/* Tasks that have to go do so as healthy ones of the primary come. A failed deployment takes over nothing: older tasks
 * stay, but not more than desired. */
static bool replaced_may_go(const struct planner *p, size_t i)
{
    const struct service_task *t = &p->s->tasks[i];

    if (is_keeper(p, i) || !may_spare(p, i))
        return false;
    if (t->unhealthy && of_primary(p, i))
        return !unhealthy_waits(p);
    return !p->failed || t->leaving || p->c.alive > p->desired;
}

/* Should i go rather than k? The less use first; then where most stand: zone, instance; then the youngest. */
static bool rather(const struct planner *p, size_t i, size_t k)
{
    const struct service_task *a = &p->s->tasks[i], *b = &p->s->tasks[k];

    if (a->unhealthy != b->unhealthy)
        return a->unhealthy;
    if (a->state != b->state)
        return a->state < b->state;
    if (places_at(&p->zones, i) != places_at(&p->zones, k))
        return places_at(&p->zones, i) > places_at(&p->zones, k);
    if (places_at(&p->instances, i) != places_at(&p->instances, k))
        return places_at(&p->instances, i) > places_at(&p->instances, k);
    return a->created_s > b->created_s;
}

/* The next of those that may go; n_tasks when there is none. */
static size_t victim(struct planner *p, bool (*may_go)(const struct planner *, size_t))
{
    size_t best = p->s->n_tasks;

    for (size_t i = 0; i < p->s->n_tasks; i++) {
        if (!is_alive(p, i) || !may_go(p, i) || is_protected(p, i))
            continue;
        if (best == p->s->n_tasks || rather(p, i, best))
            best = i;
    }
    return best;
}

static bool may_start(struct planner *p)
{
    const struct service_deployment *d = &p->s->deployments[0];
    int64_t until = service_backoff_until(d->failures_in_row, d->last_failure_s);

    if (p->failed || d->stopped)
        return false;
    if (until > p->s->now_s) {
        look_again(p, until);
        return false;
    }
    return true;
}

/* --- the breaker --- */

static void check_breaker(struct planner *p)
{
    const struct service_deployment *d = &p->s->deployments[0];

    p->failed = d->rollout == ROLLOUT_FAILED;
    if (p->failed || !p->s->breaker || d->rollout != ROLLOUT_IN_PROGRESS ||
        d->failed_tasks < service_breaker_threshold(p->desired))
        return;
    p->failed = true;
    add_text(p, ACTION_FAIL, d->id, "ECS deployment circuit breaker: tasks failed to start.");
    add_text(p, ACTION_EVENT, d->id, deployment_text(p, "deployment failed: tasks failed to start."));
    if (p->s->rollback && p->s->has_completed && !d->is_rollback)
        add_text(p, ACTION_ROLLBACK, d->id, service_text(p, "rolling back to deployment "));
}

static void say_throttled(struct planner *p)
{
    const struct service_deployment *d = &p->s->deployments[0];

    if (p->failed || !service_backoff_until(d->failures_in_row, d->last_failure_s))
        return;
    say_while(p, p->s->said.throttled_s, &p->plan->said.throttled_s,
              service_text(p, "is unable to consistently start tasks successfully. " SEE_GUIDE));
}

/* --- REPLICA --- */

static void start_missing(struct planner *p)
{
    int64_t missing = p->desired - p->c.keepers;
    /* Stopping tasks still hold their place. */
    int64_t room = p->upper - p->c.alive - p->c.stopping;
    int64_t n = MIN_OF(MIN_OF(missing, room), (int64_t)SERVICE_BATCH_MAX);

    if (n <= 0 || !may_start(p))
        return;
    struct service_action *act = add(p, ACTION_START, p->s->deployments[0].id);
    if (act)
        act->count = p->started = n;
}

static void stop_surplus(struct planner *p)
{
    const char *reason = scaling_reason(p, p->s->deployments[0].id);

    while (p->c.keepers > p->desired) {
        size_t i = victim(p, surplus_may_go);

        if (i == p->s->n_tasks || !stop_task(p, i, reason))
            return;
    }
}

static void stop_replaced(struct planner *p)
{
    const char *reason = scaling_reason(p, p->s->deployments[0].id);

    for (;;) {
        size_t i = victim(p, replaced_may_go);

        if (i == p->s->n_tasks || !stop_task(p, i, p->s->tasks[i].unhealthy ? UNHEALTHY : reason))
            return;
    }
}

/* Is there something to be done that the percentages forbid, with nothing on its way that would change it? */
static bool is_blocked(const struct planner *p)
{
    bool room = p->upper - p->c.alive - p->c.stopping > 0;

    return p->c.keepers < p->desired && !room && !p->started && p->c.stopping == 0 && !p->failed &&
           p->c.healthy == p->c.alive;
}

static void say_blocked(struct planner *p)
{
    if (!is_blocked(p))
        return;
    say_while(p, p->s->said.blocked_s, &p->plan->said.blocked_s,
              service_text(p,
                           "was unable to stop or start tasks during a deployment because of the service deployment "
                           "configuration. Update the minimumHealthyPercent or maximumPercent value and try again."));
}

static void replicas(struct planner *p)
{
    start_missing(p);
    stop_surplus(p);
    stop_replaced(p);
}

/* --- DAEMON: one on each instance --- */

/* Is there another keeper on its instance that stays? */
static bool is_double(const struct planner *p, size_t i)
{
    for (size_t k = 0; k < p->s->n_tasks; k++) {
        const struct service_task *a = &p->s->tasks[i], *b = &p->s->tasks[k];
        bool better = b->state > a->state || (b->state == a->state && k < i);

        if (k != i && is_keeper(p, k) && str_eq(a->instance, b->instance) && better)
            return true;
    }
    return false;
}

static void stop_daemons(struct planner *p)
{
    const struct service_state *s = p->s;
    const char *reason = scaling_reason(p, s->deployments[0].id);

    for (size_t i = 0; i < s->n_tasks; i++) {
        const struct service_task *t = &s->tasks[i];
        bool keeper = is_keeper(p, i);

        if (!is_alive(p, i) || (keeper && !is_double(p, i)))
            continue;
        if (p->placed[i] && !keeper && (!may_spare(p, i) || (p->failed && !of_primary(p, i))))
            continue;
        if (!stop_task(p, i, t->unhealthy ? UNHEALTHY : reason))
            return;
    }
}

static void start_daemons(struct planner *p)
{
    const struct service_state *s = p->s;

    for (size_t k = 0; k < s->n_instances && p->started < SERVICE_BATCH_MAX; k++) {
        bool taken = false;

        for (size_t i = 0; i < s->n_tasks; i++) /* also by one that stops: its place is not free yet */
            taken = taken || str_eq(s->tasks[i].instance, s->instances[k]);
        if (taken || !may_start(p))
            continue;
        struct service_action *act = add(p, ACTION_START, s->deployments[0].id);
        if (!act)
            return;
        act->count = 1;
        act->instance = s->instances[k];
        p->started++;
    }
}

/* --- the end of deployments --- */

static void retire_older(struct planner *p)
{
    const struct service_state *s = p->s;

    for (size_t k = 1; k < s->n_deployments; k++) {
        bool has = false;

        for (size_t i = 0; i < s->n_tasks && !has; i++)
            has = str_eq(s->tasks[i].deployment, s->deployments[k].id);
        if (!has)
            (void)add(p, ACTION_RETIRE, s->deployments[k].id);
    }
}

static void complete(struct planner *p)
{
    const struct service_deployment *d = &p->s->deployments[0];
    bool steady = p->c.keepers == p->desired && p->c.healthy_keepers == p->desired && p->c.alive == p->desired &&
                  p->c.stopping == 0 && p->started == 0 && !p->failed;

    if (!steady)
        return;
    if (d->rollout == ROLLOUT_IN_PROGRESS && !d->stopped) {
        add_text(p, ACTION_COMPLETE, d->id,
                 arena_printf(p->a, "ECS deployment " STR_FMT " completed.", STR_ARG(d->id)));
        add_text(p, ACTION_EVENT, d->id, deployment_text(p, "deployment completed."));
    }
    say_while(p, p->s->said.steady_s, &p->plan->said.steady_s, service_text(p, "has reached a steady state."));
}

static void wait_for_health(struct planner *p)
{
    for (size_t i = 0; i < p->s->n_tasks; i++)
        if (is_alive(p, i) && p->s->tasks[i].state == TASK_RUNNING)
            look_again(p, p->s->tasks[i].due_s);
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
    struct planner p = {.a = a,
                        .s = s,
                        .plan = ret,
                        .stopped = arena_calloc(a, s->n_tasks + 1, sizeof(bool)),
                        .placed = arena_calloc(a, s->n_tasks + 1, sizeof(bool))};

    *ret = (struct service_plan){.desired = s->daemon ? (int64_t)s->n_instances : s->desired};
    if (!p.stopped || !p.placed || !places_init(&p, &p.zones, true) || !places_init(&p, &p.instances, false))
        return err_set(err, ERR_TOO_LARGE, "the service has too many tasks");
    if (s->deleted || s->n_deployments == 0) {
        stop_all(&p);
        return 0;
    }
    for (size_t i = 0; s->daemon && i < s->n_tasks; i++)
        p.placed[i] = instance_listed(s, s->tasks[i].instance);
    p.desired = ret->desired;
    p.lower = service_lower(p.desired, s->min_percent);
    p.upper = service_upper(p.desired, s->max_percent);
    count(&p);
    check_breaker(&p);
    if (s->daemon) {
        stop_daemons(&p);
        start_daemons(&p);
    } else {
        replicas(&p);
    }
    say_blocked(&p);
    retire_older(&p);
    say_throttled(&p);
    complete(&p);
    wait_for_health(&p);
    return arena_overflow(a) ? err_set(err, ERR_TOO_LARGE, "the plan is too large") : 0;
}
