#include "ecs/controllers/tasks.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "client/meta.h"
#include "ecs/map/status.h"
#include "ecs/map/taskdef.h"
#include "ecs/ops/tasks.h"

#define WORKERS 4
#define KEPT_S 3600         /* how long a stopped task is seen */
#define START_PATIENCE_S 60 /* a new namespace's service account may still be on its way */

struct task_controller {
    struct ecs_store *store;
    struct controller *base;
};

/* A task and what is known of it in one round. */
struct round {
    struct task_controller *controller;
    struct arena *arena;
    const char *ns, *name;
    struct doc *object, *definition, *pod; /* pod NULL: there is none */
    int64_t now_s;
};

static void changed(void *ctx, enum ecs_kind_id k, struct str ns, struct str name)
{
    struct task_controller *t = ctx;

    if (k == ECS_TASK || k == ECS_POD)
        controller_add(t->base, ns, name, 0);
}

static void seed(void *ctx)
{
    struct task_controller *t = ctx;

    controller_add_all(t->base, t->store, ECS_TASK, NULL);
}

static bool is(const struct doc *object, const char *path, const char *value)
{
    return str_is(doc_str(doc_path(object, path)), value);
}

static int get_or_null(struct round *r, enum ecs_kind_id k, const char *name, struct doc **ret, struct err *err)
{
    *ret = NULL;
    if (ecs_store_get(r->controller->store, r->arena, k, r->ns, name, ret, err) == 0)
        return 0;
    *ret = NULL;
    if (err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    return 0;
}

/* --- status --- */

static int renew(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    struct round *r = ctx;
    struct task_observation seen = {.task = ecs_task_of(o),
                                    .taskdef = doc_get(r->definition, "spec"),
                                    .pod = r->pod,
                                    .pod_was_made = !is(o, "status.lastStatus", "PROVISIONING"),
                                    .now_s = r->now_s};
    struct pod_port *ports;
    struct doc *now;

    if (ecs_task_ports(a, o, &ports, &seen.n_ports, err) < 0)
        return -1;
    seen.ports = ports;
    if (task_status(a, &seen, &now, err) < 0)
        return -1;
    if (doc_equal(now, ecs_task_of(o)))
        return 0;
    doc_set(now, "version", doc_int(a, doc_int_or(doc_get(now, "version"), 1) + 1));
    doc_set(o, "status", now);
    return 1;
}

static int write_status(struct round *r, ecs_store_change *change, void *ctx, struct err *err)
{
    return ecs_store_modify(r->controller->store, r->arena, ECS_TASK, r->ns, r->name, change, ctx, &r->object, err);
}

struct failure {
    const char *reason;
    int64_t now_s;
};

static int fail(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    const struct failure *f = ctx;
    struct doc *t = doc_get(o, "status");

    if (!is(o, "status.lastStatus", "PROVISIONING"))
        return 0;
    doc_set(t, "desiredStatus", doc_string(a, STR("STOPPED")));
    doc_set(t, "lastStatus", doc_string(a, STR("STOPPED")));
    doc_set(t, "stopCode", doc_string(a, STR("TaskFailedToStart")));
    doc_set(t, "stoppedReason", doc_string_copy(a, str_of(f->reason)));
    doc_set(t, "stoppingAt", doc_int(a, f->now_s));
    doc_set(t, "stoppedAt", doc_int(a, f->now_s));
    return 1;
}

/* --- the pod --- */

static void own(struct round *r, struct doc *pod)
{
    struct arena *a = r->arena;
    struct doc *owner = doc_object(a), *meta = doc_need_object(a, pod, "metadata");

    doc_set(owner, "apiVersion", doc_string(a, STR(ECS_GROUP "/" ECS_VERSION)));
    doc_set(owner, "kind", doc_string(a, STR("ECSTask")));
    doc_set(owner, "name", doc_string(a, str_of(r->name)));
    doc_set(owner, "uid", doc_string(a, doc_str(doc_path(r->object, "metadata.uid"))));
    doc_set(owner, "controller", doc_bool(a, true));
    doc_set(owner, "blockOwnerDeletion", doc_bool(a, true));
    doc_append(doc_need_array(a, meta, "ownerReferences"), owner);
}

static const char *spec_text(struct round *r, const char *path)
{
    return arena_str(r->arena, doc_str(doc_path(r->object, path))).p;
}

static int build(struct round *r, struct doc **ret, struct err *err)
{
    const struct doc *t = ecs_task_of(r->object);
    struct pod_port *ports;
    struct pod_task as = {.cluster = spec_text(r, "spec.cluster"),
                          .namespace = r->ns,
                          .task_id = r->name,
                          .task_arn = arena_str(r->arena, doc_str(doc_get(t, "taskArn"))).p,
                          .service = spec_text(r, "spec.service"),
                          .deployment = spec_text(r, "spec.deployment"),
                          .node = spec_text(r, "spec.node"),
                          .overrides = doc_get(t, "overrides")};

    if (ecs_task_ports(r->arena, r->object, &ports, &as.n_ports, err) < 0)
        return -1;
    as.ports = ports;
    if (pod_build(r->arena, doc_get(r->definition, "spec"), &as, ret, err) < 0)
        return -1;
    own(r, *ret);
    return 0;
}

/* The API server will not have this pod, whenever it is asked. */
static bool hopeless(const struct round *r, const struct err *err)
{
    int64_t age = r->now_s - doc_int_or(doc_path(r->object, "status.createdAt"), 0);

    return err->code == ERR_INVALID || err->code == ERR_BAD_REQUEST ||
           (err->code == ERR_FORBIDDEN && age > START_PATIENCE_S);
}

static int make_pod(struct round *r, struct err *err)
{
    struct doc *pod;

    if (!r->definition)
        return write_status(r, fail, &(struct failure){"The task definition is gone.", r->now_s}, err);
    if (build(r, &pod, err) == 0 && ecs_store_create(r->controller->store, r->arena, ECS_POD, pod, &r->pod, err) == 0)
        return 0;
    if (err->code == ERR_ALREADY_EXISTS) {
        err_clear(err);
        return get_or_null(r, ECS_POD, r->name, &r->pod, err);
    }
    if (!hopeless(r, err))
        return -1;
    log_info("a task cannot start", LOG_S("task", r->name), LOG_ERR(err));
    struct failure f = {arena_strdup(r->arena, err->msg), r->now_s};
    err_clear(err);
    return write_status(r, fail, &f, err);
}

static int delete_pod(struct round *r, struct err *err)
{
    if (!r->pod || doc_path(r->pod, "metadata.deletionTimestamp"))
        return 0;
    const char *uid = arena_str(r->arena, doc_str(doc_path(r->pod, "metadata.uid"))).p;
    struct kube_delete_options o = {.grace_period_s = -1, .uid = uid};
    if (kube_delete(ecs_store_client(r->controller->store), &kube_pods, r->ns, r->name, &o, err) < 0 &&
        err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    return 0;
}

/* --- a round --- */

/* A stopped task stays for an hour, then goes with its pod. */
static int keep_or_remove(struct round *r, struct err *err)
{
    int64_t left = doc_int_or(doc_path(r->object, "status.stoppedAt"), r->now_s) + KEPT_S - r->now_s;

    if (left <= 0)
        return ecs_store_delete(r->controller->store, ECS_TASK, r->ns, r->name, err);
    controller_add(r->controller->base, str_of(r->ns), str_of(r->name), left * NS_PER_S);
    return 0;
}

static bool waits_for_pod(const struct round *r)
{
    return !r->pod && is(r->object, "status.lastStatus", "PROVISIONING") &&
           is(r->object, "status.desiredStatus", "RUNNING");
}

static int one_round(struct round *r, struct err *err)
{
    if (get_or_null(r, ECS_TASK, r->name, &r->object, err) < 0)
        return -1;
    if (!r->object || doc_path(r->object, "metadata.deletionTimestamp"))
        return 0;
    if (is(r->object, "status.lastStatus", "STOPPED"))
        return keep_or_remove(r, err);
    const char *definition = arena_str(r->arena, doc_str(doc_path(r->object, "spec.definitionObject"))).p;
    if (get_or_null(r, ECS_POD, r->name, &r->pod, err) < 0 ||
        get_or_null(r, ECS_TASK_DEFINITION, definition, &r->definition, err) < 0)
        return -1;
    if (waits_for_pod(r) && make_pod(r, err) < 0)
        return -1;
    if (!is(r->object, "status.lastStatus", "STOPPED") && write_status(r, renew, r, err) < 0)
        return -1;
    if (is(r->object, "status.lastStatus", "STOPPED"))
        return keep_or_remove(r, err);
    return task_must_stop_pod(ecs_task_of(r->object)) ? delete_pod(r, err) : 0;
}

static int sync_task(void *ctx, struct str key, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    _cleanup_(freep) char *ns = NULL;
    char *name;

    key_split(key, &ns, &name);
    struct round r = {
        .controller = ctx, .arena = a, .ns = ns, .name = name, .now_s = clock_wall(&clock_system) / NS_PER_S};
    if (one_round(&r, err) == 0)
        return 0;
    if (err->code != ERR_NOT_FOUND) /* the task itself went in the meantime */
        return -1;
    err_clear(err);
    return 0;
}

struct task_controller *task_controller_new(struct ecs_store *store)
{
    struct task_controller *t = xcalloc(1, sizeof(*t));

    t->store = store;
    t->base = controller_new(&(struct controller_options){.name = "ecs-tasks",
                                                          .workers = WORKERS,
                                                          .backoff_max_ns = 30 * NS_PER_S,
                                                          .sync = sync_task,
                                                          .seed = seed,
                                                          .ctx = t});
    ecs_store_on_change(store, changed, t);
    return t;
}

struct controller *task_controller_base(struct task_controller *t)
{
    return t->base;
}

struct task_controller *task_controller_free(struct task_controller *t)
{
    if (!t)
        return NULL;
    controller_free(t->base);
    free(t);
    return NULL;
}
