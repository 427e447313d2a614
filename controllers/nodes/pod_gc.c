/* Pod garbage collection: finished pods beyond the threshold, pods of nodes that are gone, pods deleted before they had
 * a node. */
#include "base/log.h"
#include "base/map.h"
#include "controllers/controller.h"
#include "controllers/nodes/rules.h"
#include "controllers/pods.h"

#define QUARANTINE_NS (40 * NS_PER_S) /* a node must be gone for as long: it may just be registering anew */

struct pod_gc {
    struct controller base;
    struct informer *nodes, *pods;
    struct map missing; /* node name -> mono ns since when (boxed); the tick's */
};

/* The status is written first, so that owners learn what became of the pod. */
static void remove_pod(struct pod_gc *c, const struct kube_object *o, bool orphaned)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(SYNC_ARENA);
    struct kube_delete_options opt = {.grace_period_s = 0, .uid = o->meta->uid};
    struct kube_client *client = c->base.env.client;
    Corev1__Pod p = *kube_pod(o);
    struct err err = ERR_INIT;

    if (!pod_is_finished(&p)) {
        if (orphaned)
            (void)pod_condition_set(a, &p, "DisruptionTarget", "True", "DeletionByPodGC",
                                    "PodGC: node no longer exists", now_wall(), &p.status);
        Corev1__PodStatus s = COREV1__POD_STATUS__INIT;
        if (p.status)
            s = *p.status;
        s.phase = (char *)"Failed";
        p.status = &s;
        if (kube_update_status(client, &kube_pods, &p.base, NULL, &err) < 0) {
            if (err.code != ERR_NOT_FOUND)
                log_info("cannot mark a pod as failed", LOG_STR("pod", o->key), LOG_ERR(&err));
            return;
        }
    }
    if (kube_delete(client, &kube_pods, o->meta->namespace_, o->meta->name, &opt, &err) < 0 &&
        err.code != ERR_NOT_FOUND)
        log_warn("cannot remove a pod", LOG_STR("pod", o->key), LOG_ERR(&err));
}

static int by_creation(const void *x, const void *y)
{
    int64_t a = time_ns((*(struct kube_object *const *)x)->meta->creationtimestamp),
            b = time_ns((*(struct kube_object *const *)y)->meta->creationtimestamp);
    return (a > b) - (a < b);
}

static void remove_finished(struct pod_gc *c, const struct kube_objects *pods)
{
    struct kube_objects done = {0};
    int64_t threshold = c->base.env.options->terminated_pod_threshold;

    kube_objects_foreach(pods, o) if (pod_is_finished(kube_pod(o))) kube_objects_push(&done, kube_object_ref(o));
    if (threshold > 0 && (int64_t)done.n > threshold) {
        qsort(done.v, done.n, sizeof(done.v[0]), by_creation);
        for (size_t i = 0; i < done.n - (size_t)threshold; i++)
            remove_pod(c, done.v[i], false);
    }
    kube_objects_release(&done);
}

/* Gone for long enough by our own watch, and by the server's word. */
static bool node_is_gone(struct pod_gc *c, const char *name, int64_t now)
{
    _cleanup_(kube_object_unrefp) struct kube_object *there = informer_get_ns(c->nodes, "", name), *fresh = NULL;
    struct err err = ERR_INIT;

    if (there) {
        map_del(&c->missing, str_of(name));
        return false;
    }
    int64_t *since = map_gets(&c->missing, name);
    if (!since) {
        since = xmalloc(sizeof(*since));
        *since = now;
        map_set(&c->missing, str_of(name), since);
    }
    if (now - *since < QUARANTINE_NS)
        return false;
    return kube_get(c->base.env.client, &kube_nodes, NULL, name, &fresh, &err) < 0 && err.code == ERR_NOT_FOUND;
}

static void collect(struct controller *base)
{
    struct pod_gc *c = (struct pod_gc *)base;
    _cleanup_(kube_objects_releasep) struct kube_objects pods = {0};
    int64_t now = clock_mono(&clock_system);

    informer_list(c->pods, &pods);
    remove_finished(c, &pods);
    kube_objects_foreach(&pods, o)
    {
        const char *node = kube_pod(o)->spec ? kstr(kube_pod(o)->spec->nodename) : "";
        if (*node && node_is_gone(c, node, now))
            remove_pod(c, o, true);
        else if (!*node && meta_deleting(o->meta))
            remove_pod(c, o, false);
    }
}

static struct controller *make(const struct controller_env *env)
{
    struct pod_gc *c = controller_alloc(sizeof(*c), &pod_gc_controller, env);

    map_init(&c->missing, free);
    c->nodes = informer_of(env->informers, &kube_nodes, NULL);
    c->pods = informer_of(env->informers, &kube_pods, NULL);
    return &c->base;
}

static void unmake(struct controller *base)
{
    struct pod_gc *c = (struct pod_gc *)base;

    map_release(&c->missing);
    controller_free(base);
}

const struct controller_def pod_gc_controller = {
    .name = "pod-garbage-collector-controller",
    .alias = "podgc",
    .account = "pod-garbage-collector",
    .make = make,
    .tick = collect,
    .tick_ns = 20 * NS_PER_S,
    .unmake = unmake,
};
