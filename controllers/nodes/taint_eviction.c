/* Taint eviction: pods that do not tolerate a NoExecute taint of their node go, at once or when their time is over. */
#include "base/limits.h"
#include "controllers/controller.h"
#include "controllers/nodes/rules.h"
#include "controllers/pods.h"

struct eviction {
    struct controller base;
    struct informer *nodes, *pods;
    int pods_by_node;
};

static void pod_changed(void *ctx, struct kube_object *pod)
{
    if (kube_pod(pod)->spec && *kstr(kube_pod(pod)->spec->nodename))
        controller_enqueue(ctx, pod);
}

static void pod_updated(void *ctx, struct kube_object *old, struct kube_object *pod)
{
    const Corev1__PodSpec *a = kube_pod(old)->spec, *b = kube_pod(pod)->spec;

    /* tolerations may only be added, so their number tells of any change */
    if (strcmp(kstr(a->nodename), kstr(b->nodename)) != 0 || a->n_tolerations != b->n_tolerations)
        pod_changed(ctx, pod);
}

static size_t count_noexecute(const struct kube_object *o)
{
    const Corev1__NodeSpec *s = kube_node(o)->spec;
    size_t n = 0;
    for (size_t i = 0; s && i < s->n_taints; i++)
        n += strcmp(kstr(s->taints[i]->effect), "NoExecute") == 0;
    return n;
}

static void enqueue_pods(struct eviction *c, const struct kube_object *node)
{
    _cleanup_(kube_objects_releasep) struct kube_objects pods = {0};

    informer_by_index(c->pods, c->pods_by_node, str_of(node->meta->name), &pods);
    kube_objects_foreach(&pods, p) workqueue_add(c->base.queue, p->key);
}

static void node_added(void *ctx, struct kube_object *node)
{
    if (count_noexecute(node))
        enqueue_pods(ctx, node);
}

static void node_updated(void *ctx, struct kube_object *old, struct kube_object *node)
{
    if (count_noexecute(old) || count_noexecute(node))
        enqueue_pods(ctx, node);
}

static int evict(struct eviction *c, const struct kube_object *o, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(SYNC_ARENA);
    struct kube_delete_options opt = KUBE_DELETE_INIT;
    Corev1__Pod p = *kube_pod(o);
    struct kube_client *client = c->base.env.client;

    recorder_event(c->base.recorder, o, EVENT_NORMAL, "TaintManagerEviction", "Marking for deletion Pod %s", o->key.p);
    bool told = !pod_condition_set(a, &p, "DisruptionTarget", "True", "DeletionByTaintManager",
                                   "Taint manager: deleting due to NoExecute taint", now_wall(), &p.status);
    if (!told && kube_update_status(client, &kube_pods, &p.base, NULL, err) < 0)
        return -1;
    opt.uid = o->meta->uid;
    return kube_delete(client, &kube_pods, o->meta->namespace_, o->meta->name, &opt, err);
}

static int sync_pod(void *ctx, struct str key, struct err *err)
{
    struct eviction *c = ctx;
    _cleanup_(kube_object_unrefp) struct kube_object *o = informer_get(c->pods, key), *node = NULL;

    if (!o || meta_deleting(o->meta) || pod_is_finished(kube_pod(o)) || !kube_pod(o)->spec)
        return 0;
    node = informer_get_ns(c->nodes, "", kstr(kube_pod(o)->spec->nodename));
    if (!node || !kube_node(node)->spec)
        return 0;
    const Corev1__NodeSpec *spec = kube_node(node)->spec;
    int64_t now = now_wall(), at = eviction_time(kube_pod(o), spec->taints, spec->n_taints, now);
    if (at < 0)
        return 0;
    if (at > now) {
        workqueue_add_after(c->base.queue, key, at - now);
        return 0;
    }
    if (evict(c, o, err) == 0)
        return 0;
    if (err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    return 0;
}

static struct controller *make(const struct controller_env *env)
{
    struct eviction *c = controller_alloc(sizeof(*c), &taint_eviction_controller, env);
    struct informer_handler pods = {c, pod_changed, pod_updated, NULL}, nodes = {c, node_added, node_updated, NULL};

    c->nodes = informer_of(env->informers, &kube_nodes, NULL);
    c->pods = informer_of(env->informers, &kube_pods, NULL);
    c->pods_by_node = informer_add_index(c->pods, informer_index_pod_node);
    informer_add_handler(c->nodes, &nodes);
    informer_add_handler(c->pods, &pods);
    return &c->base;
}

const struct controller_def taint_eviction_controller = {
    .name = "taint-eviction-controller",
    .account = "node-controller",
    .component = "taint-eviction-controller",
    .workers = offsetof(struct controllers_options, taint_syncs),
    .make = make,
    .sync = sync_pod,
    .unmake = controller_free,
};
