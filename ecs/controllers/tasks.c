#include "ecs/controllers/tasks.h"

#include "api/json.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "client/meta.h"
#include "ecs/map/status.h"
#include "ecs/map/taskdef.h"
#include "ecs/ops/tasks.h"

#include <pthread.h>

#define WORKERS 4
#define KEPT_S 3600         /* how long a stopped task is seen */
#define START_PATIENCE_S 60 /* a new namespace's service account may still be on its way */
#define SILENT_S 15         /* after Kubernetes calls a silent node's state Unknown, its tasks count as lost */
#define DEPARTED_MAX 512    /* pods that were deleted faster than rounds came */
#define SILENT_MAX 4096
#define NODE_GONE (-1)

struct task_controller {
    struct ecs_store *store;
    struct controller *base;
    pthread_mutex_t lock; /* of the two maps */
    struct map
        departed; /* "NS/NAME" -> JSON (malloc'd): the last of a pod that was deleted, until a round has read it */
    struct map
        silent; /* node -> int64_t (malloc'd): when it fell silent, NODE_GONE; nodes that are well are not there */
};

/* A task and what is known of it in one round. */
struct round {
    struct task_controller *controller;
    struct arena *arena;
    struct str key;
    const char *ns, *name;
    struct doc *object, *definition, *pod; /* pod NULL: none was seen */
    bool pod_gone;
    const char *host_lost;
    int64_t now_s, again_s;
};

/* The key of a node is "/NAME". */
static void changed(void *ctx, enum ecs_kind_id k, struct str ns, struct str name)
{
    struct task_controller *t = ctx;

    if (k == ECS_TASK || k == ECS_POD || k == ECS_NODE)
        controller_add(t->base, k == ECS_NODE ? STR("") : ns, name, 0);
}

static void seed(void *ctx)
{
    struct task_controller *t = ctx;

    pthread_mutex_lock(&t->lock);
    map_clear(&t->departed);
    pthread_mutex_unlock(&t->lock);
    controller_add_all(t->base, t->store, ECS_NODE, NULL);
    controller_add_all(t->base, t->store, ECS_TASK, NULL);
}

static void copy_path(struct arena *a, struct doc *to, const struct doc *from, const char *path)
{
    if (doc_path(from, path))
        doc_set_path(a, to, path, doc_clone(a, doc_path(from, path), true));
}

/* How its containers ended is told by the last version of a pod, which may be gone before a round sees it. */
static void pod_deleted(void *ctx, const struct doc *last)
{
    static const char *const kept[] = {"metadata.uid", "metadata.deletionTimestamp", "spec.nodeName", "status"};
    struct task_controller *t = ctx;
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    _cleanup_(buf_releasep) struct buf key = BUF_INIT(1024), text = BUF_INIT(LIMIT_OBJECT);
    struct doc *o = doc_object(a);

    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        copy_path(a, o, last, kept[i]);
    buf_printf(&key, STR_FMT "/" STR_FMT, STR_ARG(doc_str(doc_path(last, "metadata.namespace"))),
               STR_ARG(doc_str(doc_path(last, "metadata.name"))));
    json_write(&text, o);
    if (arena_overflow(a) || !buf_ok(&key) || !buf_ok(&text))
        return;
    pthread_mutex_lock(&t->lock);
    if (t->departed.n < DEPARTED_MAX)
        map_set(&t->departed, buf_str(&key), xstrndup(text.data, text.len));
    pthread_mutex_unlock(&t->lock);
}

static bool is(const struct doc *object, const char *path, const char *value)
{
    return str_is(doc_str(doc_path(object, path)), value);
}

static const char *spec_text(struct round *r, const char *path)
{
    return arena_str(r->arena, doc_str(doc_path(r->object, path))).p;
}

static bool was_made(const struct doc *object)
{
    return doc_str(doc_path(object, "spec.pod")).n > 0;
}

static void look_again(struct round *r, int64_t in_s)
{
    controller_add(r->controller->base, str_of(r->ns), str_of(r->name), in_s * NS_PER_S);
}

static int get_or_null(struct round *r, enum ecs_kind_id k, const char *name, struct doc **ret, struct err *err)
{
    return ecs_store_find(r->controller->store, r->arena, k, r->ns, name, ret, err) < 0 ? -1 : 0;
}

static struct str departed(struct round *r)
{
    struct task_controller *t = r->controller;
    struct str text = STR("");

    pthread_mutex_lock(&t->lock);
    const char *last = map_get(&t->departed, r->key);
    if (last)
        text = arena_str(r->arena, str_of(last));
    pthread_mutex_unlock(&t->lock);
    return text;
}

static void forget_departed(struct round *r)
{
    pthread_mutex_lock(&r->controller->lock);
    map_del(&r->controller->departed, r->key);
    pthread_mutex_unlock(&r->controller->lock);
}

/* Nobody asks the server for a pod of which is known that it is not there: not yet, or not any more. */
static int find_pod(struct round *r, struct err *err)
{
    struct str last = departed(r);

    if (last.n) {
        r->pod_gone = true;
        return json_parse(r->arena, last, NULL, &r->pod, err);
    }
    if (!was_made(r->object) && is(r->object, "status.desiredStatus", "RUNNING"))
        return 0;
    if (get_or_null(r, ECS_POD, r->name, &r->pod, err) < 0)
        return -1;
    r->pod_gone = !r->pod && was_made(r->object);
    return 0;
}

/* --- status --- */

static int renew(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    struct round *r = ctx;
    struct task_observation seen = {.task = ecs_task_of(o),
                                    .taskdef = doc_get(r->definition, "spec"),
                                    .pod = r->pod,
                                    .pod_gone = r->pod_gone,
                                    .host_lost = r->host_lost,
                                    .now_s = r->now_s};
    struct pod_port *ports;
    struct doc *now;
    bool mark = r->pod && !was_made(o);

    if (ecs_task_ports(a, o, &ports, &seen.n_ports, err) < 0)
        return -1;
    seen.ports = ports;
    if (task_status(a, &seen, &now, &r->again_s, err) < 0)
        return -1;
    if (!mark && doc_equal(now, ecs_task_of(o)))
        return 0;
    if (mark) /* from now on a missing pod is a pod that has gone */
        doc_set_path(a, o, "spec.pod", doc_string(a, doc_str(doc_path(r->pod, "metadata.uid"))));
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

    if (was_made(o) || ecs_task_stopped(o))
        return 0;
    doc_set(t, "desiredStatus", doc_string(a, STR("STOPPED")));
    doc_set(t, "lastStatus", doc_string(a, STR("STOPPED")));
    doc_set(t, "stopCode", doc_string(a, STR("TaskFailedToStart")));
    doc_set(t, "stoppedReason", doc_printf(a, "ResourceInitializationError: %s", f->reason));
    doc_set(t, "stoppingAt", doc_int(a, f->now_s));
    doc_set(t, "stoppedAt", doc_int(a, f->now_s));
    doc_foreach (doc_get(t, "containers"), c)
        doc_set(c, "lastStatus", doc_string(a, STR("STOPPED")));
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
        return write_status(r, fail, &(struct failure){"the task definition is gone", r->now_s}, err);
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

/* at_once: without waiting for a kubelet that may never answer. */
static int delete_pod(struct round *r, bool at_once, struct err *err)
{
    if (!r->pod || r->pod_gone || (doc_path(r->pod, "metadata.deletionTimestamp") && !at_once))
        return 0;
    const char *uid = arena_str(r->arena, doc_str(doc_path(r->pod, "metadata.uid"))).p;
    struct kube_delete_options o = {.grace_period_s = at_once ? 0 : -1, .uid = uid};
    if (kube_delete(ecs_store_client(r->controller->store), &kube_pods, r->ns, r->name, &o, err) < 0 &&
        err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    return 0;
}

/* --- the host --- */

/* The EC2 id of the task's container instance; the node's name when nothing is known of it (any more). */
static struct str ec2_id(struct round *r, struct str node)
{
    const char *instance = spec_text(r, "spec.instance");
    struct err err = ERR_INIT;
    struct doc *o;

    if (!*instance ||
        ecs_store_get(r->controller->store, r->arena, ECS_CONTAINER_INSTANCE, r->ns, instance, &o, &err) < 0)
        return node;
    return doc_str(doc_path(o, "status.ec2InstanceId"));
}

/* What to say of a task whose node is gone, or NULL; sets when to look again. */
static const char *host_lost(struct round *r)
{
    struct task_controller *t = r->controller;
    struct str node = doc_str(doc_path(r->pod, "spec.nodeName"));
    int64_t since = 0, left;

    pthread_mutex_lock(&t->lock);
    const int64_t *silent = node.n ? map_get(&t->silent, node) : NULL;
    if (silent)
        since = *silent;
    pthread_mutex_unlock(&t->lock);
    left = since + SILENT_S - r->now_s;
    if (!since || (since != NODE_GONE && left > 0)) {
        if (since)
            look_again(r, left);
        return NULL;
    }
    return is(r->object, "status.launchType", "EC2")
               ? arena_printf(r->arena, "Host EC2 (instance " STR_FMT ") terminated.", STR_ARG(ec2_id(r, node)))
               : arena_printf(r->arena, "Host (node " STR_FMT ") terminated.", STR_ARG(node));
}

/* When the node fell silent; NODE_GONE; 0 when it is well. */
static int64_t silent_since(const struct doc *node)
{
    int64_t at;
    int32_t ns;

    if (!node)
        return NODE_GONE;
    doc_foreach (doc_path(node, "status.conditions"), c)
        if (str_is(doc_str(doc_get(c, "type")), "Ready") && str_is(doc_str(doc_get(c, "status")), "Unknown"))
            return parse_rfc3339(doc_str(doc_get(c, "lastTransitionTime")), &at, &ns) ? at : 1;
    return 0;
}

static int sync_node(struct round *r, struct err *err)
{
    struct task_controller *t = r->controller;
    struct doc *node = NULL, *pods;

    if (get_or_null(r, ECS_NODE, r->name, &node, err) < 0)
        return -1;
    int64_t since = silent_since(node), *value = since ? xmalloc(sizeof(*value)) : NULL;
    pthread_mutex_lock(&t->lock);
    if (t->silent.n >= SILENT_MAX) /* nodes that went long ago: nothing of theirs is left */
        map_clear(&t->silent);
    if (since) {
        *value = since;
        map_set(&t->silent, str_of(r->name), value);
    } else {
        map_del(&t->silent, str_of(r->name));
    }
    pthread_mutex_unlock(&t->lock);
    if (!since)
        return 0;
    if (ecs_store_list(t->store, r->arena, ECS_POD, NULL, &pods, err) < 0)
        return -1;
    doc_foreach (pods, p)
        if (is(p, "spec.nodeName", r->name))
            controller_add(t->base, doc_str(doc_path(p, "metadata.namespace")), doc_str(doc_path(p, "metadata.name")),
                           0);
    return 0;
}

/* --- a round --- */

/* A stopped task stays for an hour, then goes with its pod. */
static int keep_or_remove(struct round *r, struct err *err)
{
    int64_t left = doc_int_or(doc_path(r->object, "status.stoppedAt"), r->now_s) + KEPT_S - r->now_s;

    if (left <= 0)
        return ecs_store_delete(r->controller->store, ECS_TASK, r->ns, r->name, err);
    look_again(r, left);
    return 0;
}

static int follow_pod(struct round *r, struct err *err)
{
    const char *definition = spec_text(r, "spec.definitionObject");

    if (find_pod(r, err) < 0 || get_or_null(r, ECS_TASK_DEFINITION, definition, &r->definition, err) < 0)
        return -1;
    if (!r->pod && !r->pod_gone && is(r->object, "status.desiredStatus", "RUNNING") && make_pod(r, err) < 0)
        return -1;
    if (ecs_task_stopped(r->object))
        return 0;
    r->host_lost = r->pod_gone ? NULL : host_lost(r);
    if (write_status(r, renew, r, err) < 0)
        return -1;
    if (r->again_s)
        look_again(r, MAX_OF(r->again_s - r->now_s, 1));
    if (r->host_lost)
        return delete_pod(r, true, err);
    /* Another leader may have found the task stopped while this one made its pod. */
    bool late = ecs_task_stopped(r->object) && !is(r->pod, "status.phase", "Failed") &&
                !is(r->pod, "status.phase", "Succeeded");
    return late || task_must_stop_pod(ecs_task_of(r->object)) ? delete_pod(r, false, err) : 0;
}

static int one_round(struct round *r, struct err *err)
{
    if (get_or_null(r, ECS_TASK, r->name, &r->object, err) < 0)
        return -1;
    if (!r->object || doc_path(r->object, "metadata.deletionTimestamp"))
        return 0;
    if (!ecs_task_stopped(r->object) && follow_pod(r, err) < 0)
        return -1;
    return ecs_task_stopped(r->object) ? keep_or_remove(r, err) : 0;
}

static int sync_task(void *ctx, struct str key, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    _cleanup_(freep) char *ns = NULL;
    char *name;

    key_split(key, &ns, &name);
    struct round r = {.controller = ctx,
                      .arena = a,
                      .key = key,
                      .ns = ns,
                      .name = name,
                      .now_s = clock_wall(&clock_system) / NS_PER_S};
    if (str_starts(key, STR("/")))
        return sync_node(&r, err);
    if (one_round(&r, err) < 0 && err->code != ERR_NOT_FOUND) /* the task itself went in the meantime */
        return -1;
    err_clear(err);
    if (r.pod_gone || !r.object || ecs_task_stopped(r.object))
        forget_departed(&r);
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
    pthread_mutex_init(&t->lock, NULL);
    map_init(&t->departed, free);
    map_init(&t->silent, free);
    ecs_store_on_change(store, changed, t);
    ecs_store_on_delete(store, ECS_POD, pod_deleted, t);
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
    map_release(&t->departed);
    map_release(&t->silent);
    pthread_mutex_destroy(&t->lock);
    free(t);
    return NULL;
}
