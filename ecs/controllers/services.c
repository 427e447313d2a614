#include "ecs/controllers/services.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "client/meta.h"
#include "ecs/controllers/services_room.h"
#include "ecs/ops/names.h"
#include "ecs/ops/services.h"

#define WORKERS 2
#define GATHER_NS (30 * NS_PER_MS)    /* changes of tasks come in swarms */
#define FOLLOWED_NS (100 * NS_PER_MS) /* a record was to be written first */
#define PLACE_AGAIN_S 15              /* no instance had room: look again, whatever changes */
#define INACTIVE_KEPT_S 3600          /* how long a deleted service is seen */
#define TASK_KEY STR("task:")         /* before the id of a task whose service is to be looked at */
#define BACKOFF_MAX_NS (30 * NS_PER_S)

/* --- what to look at --- */

static void changed(void *ctx, enum ecs_kind_id k, struct str ns, struct str name)
{
    struct service_controller *c = ctx;
    char task[128];

    if (k == ECS_SERVICE) {
        controller_add(c->base, ns, name, 0);
    } else if (k == ECS_TASK && TASK_KEY.n + name.n <= sizeof(task)) {
        memcpy(task, TASK_KEY.p, TASK_KEY.n);
        memcpy(task + TASK_KEY.n, name.p, name.n);
        controller_add(c->base, ns, str_n(task, TASK_KEY.n + name.n), GATHER_NS);
    } else if (k == ECS_CONTAINER_INSTANCE) {
        controller_add(c->base, ns, STR(""), GATHER_NS);
    }
}

static void seed(void *ctx)
{
    struct service_controller *c = ctx;

    pthread_mutex_lock(&c->lock);
    map_clear(&c->known); /* another one may have led in between */
    pthread_mutex_unlock(&c->lock);
    controller_add_all(c->base, c->store, ECS_SERVICE, NULL);
}

/* A task has changed: its service is to be looked at; when it is gone, all services of the cluster. */
static int find_service(struct service_controller *c, struct arena *a, const char *ns, const char *id, struct err *err)
{
    struct doc *task;

    if (ecs_store_get(c->store, a, ECS_TASK, ns, id, &task, err) < 0) {
        if (err->code != ERR_NOT_FOUND)
            return -1;
        err_clear(err);
        controller_add_all(c->base, c->store, ECS_SERVICE, ns);
        return 0;
    }
    struct str service = doc_str(doc_path(task, "spec.service"));
    if (service.n)
        controller_add(c->base, str_of(ns), str_of(ecs_object_label(a, "", service)), 0);
    return 0;
}

/* --- the write --- */

/* Does the record of the deployment say how it ended? */
static bool record_ended(struct round *x, const struct doc *deployment)
{
    struct err ignored = ERR_INIT;
    struct service_x sx;
    struct doc *record;

    service_x_get(deployment, &sx);
    if (!sx.service_deployment.n)
        return true;
    const char *name = arena_str(x->r.a, sx.service_deployment).p;
    if (round_get(x, ECS_SERVICE_DEPLOYMENT, x->ns, name, &record, &ignored) == 0 && record &&
        service_deployment_ended(record))
        return true;
    x->follow_first = true;
    return false;
}

/* A deployment leaves the list when its record has ended; one that shares it with the primary (it is rolled back) need
 * not wait for that. */
static bool may_retire(void *ctx, const struct doc *deployment)
{
    struct round *x = ctx;
    struct service_x mine, primary;

    service_x_get(deployment, &mine);
    service_x_get(service_primary(x->r.service), &primary);
    return str_eq(mine.service_deployment, primary.service_deployment) || record_ended(x, deployment);
}

/* Tasks of a plan that find a place, with their numbers. */
static int reserve(struct round *x, struct err *err)
{
    const struct doc *primary = service_primary(x->r.service);
    struct str ids[SERVICE_BATCH_MAX];
    const char *event = NULL;
    bool placed = false;

    x->deployment = doc_str(doc_get(primary, "id"));
    x->starts = arena_calloc(x->r.a, SERVICE_BATCH_MAX, sizeof(*x->starts));
    if (!x->starts)
        return err_set(err, ERR_TOO_LARGE, "too many tasks");
    for (size_t i = 0; i < x->plan.n; i++) {
        const struct service_action *act = &x->plan.v[i];
        for (int64_t k = 0; act->type == ACTION_START && k < act->count && x->n_starts < SERVICE_BATCH_MAX; k++) {
            int got = places_choose(&x->places, &x->r, act->instance, &x->starts[x->n_starts], &event, err);
            if (got < 0)
                return -1;
            if (got > 0)
                break;
            placed = true;
            x->n_starts++;
        }
    }
    x->unplaced = event != NULL;
    if (event || placed || x->plan.said.steady_s)
        service_round_unplaced(&x->r, event);
    if (!x->n_starts)
        return 0;
    int64_t first = service_round_reserve(&x->r, (int64_t)x->n_starts);
    for (size_t i = 0; i < x->n_starts; i++) {
        x->starts[i].number = first + (int64_t)i;
        x->starts[i].id = round_task_id(x, x->deployment, x->starts[i].number);
        ids[i] = str_of(x->starts[i].id);
    }
    service_add_event(x->r.a, x->r.service,
                      str_of(service_event_started(x->r.a, service_name(x->r.service), ids, x->n_starts)), x->r.now_s);
    return 0;
}

/* The primary becomes a new deployment of the revision that was last completed. */
static int roll_back(struct round *x, const char *text, struct err *err)
{
    struct service_ids ids;
    uint64_t random[4];
    struct doc *revision;
    const char *name = arena_str(x->r.a, service_rollback_revision(x->r.service)).p;

    if (round_get(x, ECS_SERVICE_REVISION, x->ns, name, &revision, err) < 0)
        return -1;
    if (!revision) {
        log_warn("there is nothing to roll back to", LOG_S("service", x->name), LOG_S("revision", name));
        return 0;
    }
    random_bytes(random, sizeof(random));
    service_ids_from(random, &ids);
    if (!service_roll_back(x->r.a, x->r.service, revision, &ids, x->r.now_s))
        return 0;
    service_add_event(x->r.a, x->r.service, str_of(arena_printf(x->r.a, "%s%s.", text, ids.deployment)), x->r.now_s);
    return 0;
}

/* A service that is being deleted, and has no task left. */
static bool has_drained(const struct round *x)
{
    for (size_t i = 0; i < x->r.n_tasks; i++)
        if (!x->r.tasks[i].stopped)
            return false;
    return str_is(service_status(x->r.service), "DRAINING");
}

static void end_service(struct round *x)
{
    doc_foreach (service_deployments(x->r.service), d)
        (void)record_ended(x, d);
    if (!x->follow_first)
        service_end(x->r.a, x->r.service, x->r.now_s);
}

static int decide(struct round *x, struct err *err)
{
    struct service_state state;

    service_round_count(&x->r);
    if (service_round_state(&x->r, &state, err) < 0 || service_plan(x->r.a, &state, &x->plan, err) < 0)
        return -1;
    if (reserve(x, err) < 0)
        return -1;
    service_round_apply(&x->r, &state, &x->plan, may_retire, x);
    service_round_numbers(&x->r, &x->plan, (int64_t)x->n_starts);
    for (size_t i = 0; i < x->plan.n; i++)
        if (x->plan.v[i].type == ACTION_ROLLBACK && roll_back(x, x->plan.v[i].text, err) < 0)
            return -1;
    return 0;
}

static int change(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    struct round *x = ctx;
    const struct doc *before = doc_clone(a, o, true);

    x->r.service = o;
    x->r.now_s = clock_wall(&clock_system) / NS_PER_S;
    x->n_starts = 0;
    x->plan.n = 0;
    x->plan.again_s = 0;
    x->follow_first = x->unplaced = false;
    x->gone_s = 0;
    if (doc_path(o, "metadata.deletionTimestamp"))
        return 0;
    if (str_is(service_status(o), "INACTIVE")) {
        x->gone_s = doc_int_or(doc_path(o, "status.inactiveAt"), x->r.now_s) + INACTIVE_KEPT_S;
        return 0;
    }
    if (round_observe_tasks(x, err) < 0 || round_observe_definitions(x, err) < 0 || round_observe_instances(x, err) < 0)
        return -1;
    if (has_drained(x))
        end_service(x);
    else if (decide(x, err) < 0)
        return -1;
    if (arena_overflow(a))
        return err_set(err, ERR_TOO_LARGE, "the service is too large");
    x->wrote = !doc_equal(before, o);
    return x->wrote;
}

/* --- a round --- */

static void come_back(struct round *x)
{
    int64_t wait = x->plan.again_s ? MAX_OF(x->plan.again_s - x->r.now_s, (int64_t)1) : 0;

    if (x->unplaced && (!wait || wait > PLACE_AGAIN_S))
        wait = PLACE_AGAIN_S;
    if (x->follow_first)
        controller_add(x->c->base, str_of(x->ns), str_of(x->name), FOLLOWED_NS);
    else if (wait)
        controller_add(x->c->base, str_of(x->ns), str_of(x->name), wait * NS_PER_S);
}

/* Its records follow when it has changed, and when it is looked at for the first time: who led before may have died
 * between the two writes. */
static bool follows(struct round *x)
{
    bool first = !round_known(x, STR(""), 0);

    round_known(x, STR(""), 1);
    return first || x->wrote || x->follow_first;
}

static int one_round(struct round *x, struct err *err)
{
    if (ecs_store_modify(x->c->store, x->r.a, ECS_SERVICE, x->ns, x->name, change, x, &x->r.service, err) < 0)
        return -1;
    if (x->gone_s > x->r.now_s) {
        controller_add(x->c->base, str_of(x->ns), str_of(x->name), (x->gone_s - x->r.now_s) * NS_PER_S);
        return 0;
    }
    if (x->gone_s)
        return ecs_forget_service(x->c->store, x->r.a, x->r.service, err);
    int started = round_start_tasks(x, err);
    round_unlock(x);
    if (started < 0 || round_stop_tasks(x, err) < 0)
        return -1;
    if (follows(x) && ecs_follow_service_deployments(x->c->store, x->r.a, x->r.service, x->r.now_s, err) < 0)
        return -1;
    come_back(x);
    return 0;
}

static int sync_service(void *ctx, struct str key, struct err *err)
{
    struct service_controller *c = ctx;
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    _cleanup_(freep) char *ns = NULL;
    char *name;

    key_split(key, &ns, &name);
    if (!*name) { /* the instances of a cluster have changed */
        controller_add_all(c->base, c->store, ECS_SERVICE, ns);
        return 0;
    }
    if (str_starts(str_of(name), TASK_KEY))
        return find_service(c, a, ns, name + TASK_KEY.n, err);
    struct round *x = arena_new_of(a, struct round);
    if (!x)
        return err_set(err, ERR_TOO_LARGE, "no memory for a round");
    x->c = c;
    x->ns = ns;
    x->name = name;
    x->r.a = a;
    int r = one_round(x, err);
    round_unlock(x);
    if (r == 0 || err->code != ERR_NOT_FOUND)
        return r;
    err_clear(err); /* the service itself has gone */
    return round_stop_orphans(x, err);
}

struct service_controller *service_controller_new(struct ecs_store *store, const char *region, const char *account)
{
    struct service_controller *c = xcalloc(1, sizeof(*c));

    c->store = store;
    c->region = region;
    c->account = account;
    pthread_mutex_init(&c->placing, NULL);
    pthread_mutex_init(&c->lock, NULL);
    map_init(&c->known, NULL);
    c->base = controller_new(&(struct controller_options){.name = "ecs-services",
                                                          .workers = WORKERS,
                                                          .backoff_max_ns = BACKOFF_MAX_NS,
                                                          .sync = sync_service,
                                                          .seed = seed,
                                                          .ctx = c});
    ecs_store_on_change(store, changed, c);
    return c;
}

struct controller *service_controller_base(struct service_controller *c)
{
    return c->base;
}

struct service_controller *service_controller_free(struct service_controller *c)
{
    if (!c)
        return NULL;
    controller_free(c->base);
    map_release(&c->known);
    pthread_mutex_destroy(&c->lock);
    pthread_mutex_destroy(&c->placing);
    free(c);
    return NULL;
}
