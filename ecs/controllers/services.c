#include "ecs/controllers/services.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"
#include "client/meta.h"
#include "ecs/controllers/services_room.h"
#include "ecs/ops/names.h"
#include "ecs/ops/new_task.h"
#include "ecs/ops/tasks.h"

#include <pthread.h>

#define WORKERS 2
#define GATHER_NS (30 * NS_PER_MS)    /* changes of tasks come in swarms */
#define FOLLOWED_NS (100 * NS_PER_MS) /* a record was to be written first */
#define PLACE_AGAIN_S 15              /* no instance had room: look again, whatever changes */
#define INACTIVE_KEPT_S 3600          /* how long a deleted service is seen */
#define KNOWN_MAX 4096
#define VERIFY_MAX 64         /* numbers that are asked of the server when another one gave them out */
#define TASK_KEY STR("task:") /* before the id of a task whose service is to be looked at */
#define BACKOFF_MAX_NS (30 * NS_PER_S)

struct service_controller {
    struct ecs_store *store;
    struct controller *base;
    const char *region, *account;
    pthread_mutex_t lock;
    struct map known; /* "NS/NAME\nDEPLOYMENT" -> numbers whose tasks this process has made, or looked for, + 1 */
};

/* One round, of one service. */
struct round {
    struct service_controller *c;
    const char *ns, *name;
    struct service_round r;
    /* What the write decides is carried out after it. */
    struct service_plan plan;
    struct places places;
    struct task_start *starts;
    size_t n_starts;
    struct str deployment; /* of the starts */
    bool follow_first;     /* a deployment is done, but its record does not say so yet */
    bool unplaced;
    int64_t gone_s; /* when an INACTIVE service is to be removed; 0: it is not INACTIVE */
};

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

/* --- observing --- */

static int get_or_null(struct round *x, enum ecs_kind_id k, const char *ns, const char *name, struct doc **ret,
                       struct err *err)
{
    *ret = NULL;
    if (ecs_store_get(x->c->store, x->r.a, k, ns, name, ret, err) == 0)
        return 0;
    *ret = NULL;
    if (err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    return 0;
}

static int add_task(void *ctx, const struct doc *o, struct err *err)
{
    struct round *x = ctx;
    size_t n = x->r.n_tasks;

    if (!str_eq(doc_str(doc_path(o, "spec.service")), service_name(x->r.service)))
        return 0;
    if ((n & (n - 1)) == 0) { /* a power of two: it is full */
        size_t cap = n ? n * 2 : 1;
        struct round_task *v = arena_grow(x->r.a, x->r.tasks, n * sizeof(*v), cap * sizeof(*v));
        if (!v)
            return err_set(err, ERR_TOO_LARGE, "the service has too many tasks");
        x->r.tasks = v;
    }
    round_task_read(x->r.a, o, &x->r.tasks[x->r.n_tasks++]);
    return 0;
}

static bool has_task(const struct round *x, const char *id)
{
    for (size_t i = 0; i < x->r.n_tasks; i++)
        if (str_is(x->r.tasks[i].id, id))
            return true;
    return false;
}

static const char *task_id(struct round *x, struct str deployment, int64_t number)
{
    const char *key = service_round_task_key(x->r.a, x->r.service, deployment, number);

    return ecs_task_id_of(x->r.a, str_of(key ? key : ""));
}

static int64_t known_numbers(struct round *x, struct str deployment, int64_t set)
{
    const char *key = arena_printf(x->r.a, "%s/%s\n" STR_FMT, x->ns, x->name, STR_ARG(deployment));

    if (!key)
        return 0;
    pthread_mutex_lock(&x->c->lock);
    if (set && x->c->known.n >= KNOWN_MAX)
        map_clear(&x->c->known); /* costs asking again */
    if (set)
        map_set(&x->c->known, str_of(key), (void *)(uintptr_t)set);
    int64_t n = (int64_t)(uintptr_t)map_gets(&x->c->known, key);
    pthread_mutex_unlock(&x->c->lock);
    return n;
}

/* Tasks whose numbers another gateway gave out, or this one in a former life, may not have come to our copy yet: the
 * server is asked for them, so that none is replaced that is there. */
static int find_foreign(struct round *x, struct err *err)
{
    const struct doc *primary = service_primary(x->r.service);
    struct str deployment = doc_str(doc_get(primary, "id"));
    struct service_x sx;

    service_x_get(primary, &sx);
    int64_t from = MAX_OF(known_numbers(x, deployment, 0) - 1, sx.started - VERIFY_MAX);
    for (int64_t i = MAX_OF(from, (int64_t)0); i < sx.started; i++) {
        const char *id = task_id(x, deployment, i);
        struct doc *o;

        if (has_task(x, id))
            continue;
        if (get_or_null(x, ECS_TASK, x->ns, id, &o, err) < 0 || (o && add_task(x, o, err) < 0))
            return -1;
    }
    known_numbers(x, deployment, sx.started + 1);
    return 0;
}

static int observe_tasks(struct round *x, struct err *err)
{
    const char *holds = arena_printf(x->r.a, "\"" STR_FMT "\"", STR_ARG(service_name(x->r.service)));

    x->r.tasks = NULL;
    x->r.n_tasks = 0;
    if (ecs_store_each(x->c->store, ECS_TASK, x->ns, holds, add_task, x, err) < 0)
        return -1;
    return service_primary(x->r.service) ? find_foreign(x, err) : 0;
}

static int definition_of(struct round *x, const struct doc *deployment, struct doc **ret, struct err *err)
{
    struct str family, name = ecs_name_of(doc_str(doc_get(deployment, "taskDefinition")), "task-definition");
    int64_t revision;

    *ret = NULL;
    if (!ecs_split_revision(name, &family, &revision) || !revision)
        return 0;
    const char *object = arena_printf(x->r.a, "%s-%lld", ecs_object_label(x->r.a, "", family), (long long)revision);
    return object ? get_or_null(x, ECS_TASK_DEFINITION, NULL, object, ret, err) : 0;
}

static bool has_check(const struct doc *definition)
{
    doc_foreach (doc_path(definition, "spec.containerDefinitions"), c)
        if (doc_true(doc_get(c, "essential")) && doc_get(c, "healthCheck"))
            return true;
    return false;
}

static int observe_definitions(struct round *x, struct err *err)
{
    size_t k = 0;
    bool *checks = arena_calloc(x->r.a, doc_count(service_deployments(x->r.service)) + 1, sizeof(bool));

    x->places.definition = NULL;
    if (!checks)
        return err_set(err, ERR_TOO_LARGE, "too many deployments");
    doc_foreach (service_deployments(x->r.service), d) {
        struct doc *definition;
        if (definition_of(x, d, &definition, err) < 0)
            return -1;
        if (k == 0)
            x->places.definition = definition;
        checks[k++] = has_check(definition);
    }
    x->r.has_check = checks;
    return 0;
}

static struct str zone_of(const struct placement_instance *p)
{
    for (size_t i = 0; i < p->n_attributes; i++)
        if (str_is(p->attributes[i].name, "ecs.availability-zone"))
            return p->attributes[i].value;
    return STR("");
}

static int observe_instances(struct round *x, struct err *err)
{
    const char *cluster = arena_str(x->r.a, doc_str(doc_path(x->r.service, "spec.clusterName"))).p;
    struct places *p = &x->places;
    struct str *daemons = NULL;

    if (places_init(p, &x->r, x->c->store, cluster, x->ns, err) < 0)
        return -1;
    struct round_instance *v = arena_calloc(x->r.a, p->n + 1, sizeof(*v));
    if (!v)
        return err_set(err, ERR_TOO_LARGE, "too many instances");
    for (size_t i = 0; i < p->n; i++)
        v[i] = (struct round_instance){.name = str_of(p->v[i].name),
                                       .zone = zone_of(&p->p[i]),
                                       .draining = strcmp(p->v[i].status, "DRAINING") == 0};
    x->r.instances = v;
    x->r.n_instances = p->n;
    x->r.n_daemon_instances = 0;
    if (service_is_daemon(x->r.service) && places_of_daemon(p, &x->r, &daemons, &x->r.n_daemon_instances, err) < 0)
        return -1;
    x->r.daemon_instances = daemons;
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
    if (get_or_null(x, ECS_SERVICE_DEPLOYMENT, x->ns, name, &record, &ignored) == 0 && record &&
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
        x->starts[i].id = task_id(x, x->deployment, x->starts[i].number);
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

    if (get_or_null(x, ECS_SERVICE_REVISION, x->ns, name, &revision, err) < 0)
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
    if (observe_tasks(x, err) < 0 || observe_definitions(x, err) < 0 || observe_instances(x, err) < 0)
        return -1;
    if (has_drained(x))
        end_service(x);
    else if (decide(x, err) < 0)
        return -1;
    if (arena_overflow(a))
        return err_set(err, ERR_TOO_LARGE, "the service is too large");
    return doc_equal(before, o) ? 0 : 1;
}

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

static int start_tasks(struct round *x, struct err *err)
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
        known_numbers(x, x->deployment, sx.started + 1);
    }
    return 0;
}

static int stop_tasks(struct round *x, struct err *err)
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

/* --- the records of deployments --- */

struct follow {
    const struct doc *service;
    int64_t now_s;
};

static int follow_record(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    const struct follow *f = ctx;

    return service_deployment_follow(a, o, f->service, f->now_s) ? 1 : 0;
}

/* The deployment that this one took over from. */
static const struct doc *source_of(const struct doc *service, const struct doc *deployment)
{
    bool behind = false;

    doc_foreach (service_deployments(service), d) {
        if (behind)
            return d;
        behind = d == deployment;
    }
    return NULL;
}

static int follow_deployment(struct round *x, const struct doc *deployment, struct err *err)
{
    struct follow f = {x->r.service, x->r.now_s};
    struct service_x sx;

    service_x_get(deployment, &sx);
    if (!sx.service_deployment.n)
        return 0;
    const char *name = arena_str(x->r.a, sx.service_deployment).p;
    if (ecs_store_modify(x->c->store, x->r.a, ECS_SERVICE_DEPLOYMENT, x->ns, name, follow_record, &f, NULL, err) == 0)
        return 0;
    if (err->code != ERR_NOT_FOUND || sx.is_rollback)
        return -1;
    err_clear(err);
    struct doc *o = service_deployment_new(x->r.a, x->r.service, deployment, source_of(x->r.service, deployment));
    (void)service_deployment_follow(x->r.a, o, x->r.service, x->r.now_s);
    if (ecs_store_create(x->c->store, x->r.a, ECS_SERVICE_DEPLOYMENT, o, NULL, err) < 0 &&
        err->code != ERR_ALREADY_EXISTS)
        return -1;
    err_clear(err);
    return 0;
}

static int follow_all(struct round *x, struct err *err)
{
    doc_foreach (service_deployments(x->r.service), d)
        if (follow_deployment(x, d, err) < 0) {
            if (err->code != ERR_NOT_FOUND)
                return err_wrap(err, "a service deployment");
            err_clear(err);
        }
    return 0;
}

/* --- the end of a service --- */

struct leftovers {
    struct service_controller *c;
    enum ecs_kind_id kind;
    const char *ns;
    struct str service;
};

static int remove_leftover(void *ctx, const struct doc *o, struct err *err)
{
    const struct leftovers *l = ctx;
    _cleanup_(arena_freep) struct arena *a = arena_new(64 * KIB);

    if (!str_eq(doc_str(doc_path(o, "spec.serviceName")), l->service))
        return 0;
    return ecs_store_delete(l->c->store, l->kind, l->ns, ecs_object_name(o, a), err);
}

static int remove_service(struct round *x, struct err *err)
{
    static const enum ecs_kind_id beside[] = {ECS_SERVICE_DEPLOYMENT, ECS_SERVICE_REVISION};
    const char *holds = arena_printf(x->r.a, "\"" STR_FMT "\"", STR_ARG(service_name(x->r.service)));

    for (size_t i = 0; i < ARRAY_LEN(beside); i++) {
        struct leftovers l = {x->c, beside[i], x->ns, service_name(x->r.service)};
        if (ecs_store_each(x->c->store, beside[i], x->ns, holds, remove_leftover, &l, err) < 0)
            return -1;
    }
    return ecs_store_delete_seen(x->c->store, ECS_SERVICE, x->r.service, err);
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

static int one_round(struct round *x, struct err *err)
{
    if (ecs_store_modify(x->c->store, x->r.a, ECS_SERVICE, x->ns, x->name, change, x, &x->r.service, err) < 0)
        return -1;
    if (x->gone_s > x->r.now_s) {
        controller_add(x->c->base, str_of(x->ns), str_of(x->name), (x->gone_s - x->r.now_s) * NS_PER_S);
        return 0;
    }
    if (x->gone_s)
        return remove_service(x, err);
    if (start_tasks(x, err) < 0 || stop_tasks(x, err) < 0 || follow_all(x, err) < 0)
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
    if (one_round(x, err) == 0)
        return 0;
    if (err->code != ERR_NOT_FOUND) /* the service itself has gone */
        return -1;
    err_clear(err);
    return 0;
}

struct service_controller *service_controller_new(struct ecs_store *store, const char *region, const char *account)
{
    struct service_controller *c = xcalloc(1, sizeof(*c));

    c->store = store;
    c->region = region;
    c->account = account;
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
    free(c);
    return NULL;
}
