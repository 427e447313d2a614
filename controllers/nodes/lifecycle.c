/* Node life cycle: nodes that fall silent become Unknown, taints follow conditions, pods on them are marked not ready.
 */
#include "base/log.h"
#include "base/map.h"
#include "controllers/controller.h"
#include "controllers/nodes/rules.h"
#include "controllers/pods.h"

#define LEASE_NAMESPACE "kube-node-lease"

/* What we know of a node by our own clock: its times come from other machines. */
struct seen {
    int64_t heartbeat, lease; /* as the node wrote them: only compared for change */
    int64_t alive;            /* mono: when one of them changed last */
    bool spoke;               /* it has posted its status at least once */
    bool present;             /* in this round */
};

struct lifecycle {
    struct controller base;
    struct informer *nodes, *pods, *leases;
    int pods_by_node;
    pthread_mutex_t lock;  /* guards what follows: the tick writes, workers read */
    struct map seen;       /* by node name; the tick's */
    struct map evict;      /* nodes whose pods are to go: name -> any */
    int64_t next_eviction; /* mono */
    double rate;
};

static const struct kube_object *lease_of(struct lifecycle *c, const char *node, struct kube_object **hold)
{
    *hold = informer_get_ns(c->leases, LEASE_NAMESPACE, node);
    return *hold;
}

static struct seen *observe(struct lifecycle *c, const struct kube_object *o, int64_t now)
{
    _cleanup_(kube_object_unrefp) struct kube_object *hold = NULL;
    const Corev1__NodeCondition *ready = node_condition(kube_node(o), "Ready");
    const struct kube_object *lease = lease_of(c, o->meta->name, &hold);
    struct seen *s = map_gets(&c->seen, o->meta->name);
    int64_t heartbeat = ready ? time_ns(ready->lastheartbeattime) : 0;
    int64_t renewed = lease && kube_lease(lease)->spec ? microtime_ns(kube_lease(lease)->spec->renewtime) : 0;

    if (!s) {
        s = xcalloc(1, sizeof(*s));
        s->alive = now;
        map_set(&c->seen, str_of(o->meta->name), s);
        recorder_event(c->base.recorder, o, EVENT_NORMAL, "RegisteredNode",
                       "Node %s event: Registered Node %s in Controller", o->meta->name, o->meta->name);
    } else if (s->heartbeat != heartbeat || s->lease != renewed) {
        s->alive = now;
    }
    s->heartbeat = heartbeat;
    s->lease = renewed;
    s->spoke |= ready != NULL;
    s->present = true;
    return s;
}

/* 1 = the status was changed, 0 = nothing to do, -1. */
static int mark_silent(struct lifecycle *c, const struct kube_object *o, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(SYNC_ARENA);
    Corev1__Node n = *kube_node(o);

    if (node_condition(&n, "Ready") && strcmp(node_ready(&n), "Unknown") == 0)
        return 0;
    n.status = silent_status(a, &n, now_wall());
    return kube_update_status(c->base.env.client, &kube_nodes, &n.base, NULL, err) < 0 ? -1 : 1;
}

static void mark_pods(struct lifecycle *c, const char *node)
{
    _cleanup_(kube_objects_releasep) struct kube_objects pods = {0};

    informer_by_index(c->pods, c->pods_by_node, str_of(node), &pods);
    kube_objects_foreach(&pods, o)
    {
        _cleanup_(arena_freep) struct arena *a = arena_new(SYNC_ARENA);
        Corev1__Pod p = *kube_pod(o);
        const Corev1__PodCondition *ready = pod_condition(&p, "Ready");
        struct err err = ERR_INIT;
        if (!ready || strcmp(kstr(ready->status), "True") != 0 ||
            !pod_condition_set(a, &p, "Ready", "False", kstr(ready->reason), kstr(ready->message), now_wall(),
                               &p.status))
            continue;
        recorder_event(c->base.recorder, o, EVENT_WARNING, "NodeNotReady", "Node is not ready");
        if (kube_update_status(c->base.env.client, &kube_pods, &p.base, NULL, &err) < 0 && err.code != ERR_NOT_FOUND)
            log_info("cannot mark a pod as not ready", LOG_STR("pod", o->key), LOG_ERR(&err));
    }
}

/* Which of the nodes that are not ready lose their pods: one after another, slower when many are down, none when all
 * are. */
static void decide_evictions(struct lifecycle *c, const struct kube_objects *nodes, int ready, int not_ready,
                             int64_t now)
{
    enum zone_state state = zone_state(ready, not_ready);

    pthread_mutex_lock(&c->lock);
    kube_objects_foreach(nodes, o)
    {
        const Corev1__Node *n = kube_node(o);
        struct str name = str_of(o->meta->name);
        bool down = strcmp(node_ready(n), "True") != 0, marked = map_has(&c->evict, name);
        if ((!down || state == ZONE_FULL) && marked)
            map_del(&c->evict, name);
        if (!down || marked || state == ZONE_FULL)
            continue;
        if (has_noexecute_of_ours(n)) {
            map_set(&c->evict, name, c); /* decided before a restart */
        } else if (state == ZONE_NORMAL && now >= c->next_eviction && c->rate > 0) {
            map_set(&c->evict, name, c);
            c->next_eviction = now + (int64_t)((double)NS_PER_S / c->rate);
        }
    }
    pthread_mutex_unlock(&c->lock);
}

static void forget_gone(struct lifecycle *c)
{
    for (bool again = true; again;) {
        again = false;
        map_foreach (&c->seen, e) {
            struct seen *s = e->value;
            if (s->present)
                continue;
            _cleanup_(freep) char *name = xstrdup(e->key);
            struct kube_ref ref = {.kind = "Node", .api_version = "v1", .name = name, .uid = name};
            recorder_event_ref(c->base.recorder, &ref, EVENT_NORMAL, "RemovingNode",
                               "Node %s event: Removing Node %s from Controller", name, name);
            pthread_mutex_lock(&c->lock);
            map_del(&c->evict, str_of(name));
            pthread_mutex_unlock(&c->lock);
            map_del(&c->seen, str_of(name));
            again = true;
            break;
        }
    }
}

static void check_node(struct lifecycle *c, const struct kube_object *o, int64_t now)
{
    const struct controllers_options *opt = c->base.env.options;
    struct seen *s = observe(c, o, now);
    struct err err = ERR_INIT;
    bool was_ready = strcmp(node_ready(kube_node(o)), "True") == 0;

    if (now - s->alive <= (s->spoke ? opt->node_monitor_grace : opt->node_startup_grace)) {
        if (node_condition(kube_node(o), "Ready") && !was_ready)
            mark_pods(c, o->meta->name);
        return;
    }
    int r = mark_silent(c, o, &err);
    if (r < 0) {
        log_warn("cannot mark a silent node", LOG_S("node", o->meta->name), LOG_ERR(&err));
        return;
    }
    if (r > 0 && was_ready)
        recorder_event(c->base.recorder, o, EVENT_NORMAL, "NodeNotReady", "Node %s status is now: NodeNotReady",
                       o->meta->name);
    mark_pods(c, o->meta->name);
}

static void check_all(struct controller *base)
{
    struct lifecycle *c = (struct lifecycle *)base;
    _cleanup_(kube_objects_releasep) struct kube_objects nodes = {0};
    int64_t now = clock_mono(&clock_system);
    int ready = 0, not_ready = 0;

    map_foreach (&c->seen, e)
        ((struct seen *)e->value)->present = false;
    informer_list(c->nodes, &nodes);
    kube_objects_foreach(&nodes, o)
    {
        check_node(c, o, now);
        bool up = strcmp(node_ready(kube_node(o)), "True") == 0;
        ready += up;
        not_ready += !up;
    }
    forget_gone(c);
    decide_evictions(c, &nodes, ready, not_ready, now);
    kube_objects_foreach(&nodes, o) workqueue_add(base->queue, o->key);
}

/* Taints follow the conditions at once, whatever the period of the checks. */
static int sync_taints(void *ctx, struct str key, struct err *err)
{
    struct lifecycle *c = ctx;
    _cleanup_(arena_freep) struct arena *a = arena_new(SYNC_ARENA);
    struct kube_object *o = sync_keep(a, informer_get(c->nodes, key));
    Corev1__Taint **taints;
    size_t n;

    if (!o)
        return 0;
    pthread_mutex_lock(&c->lock);
    bool evict = map_has(&c->evict, key);
    pthread_mutex_unlock(&c->lock);
    if (!wanted_taints(a, kube_node(o), evict, now_wall(), &taints, &n))
        return 0;
    Corev1__Node node = *kube_node(o);
    Corev1__NodeSpec spec = COREV1__NODE_SPEC__INIT;
    if (node.spec)
        spec = *node.spec;
    spec.taints = taints;
    spec.n_taints = n;
    node.spec = &spec;
    int r = kube_update(c->base.env.client, &kube_nodes, "", &node.base, NULL, err);
    if (r < 0 && err->code == ERR_NOT_FOUND) {
        err_clear(err);
        return 0;
    }
    return r;
}

static struct controller *make(const struct controller_env *env)
{
    struct lifecycle *c = controller_alloc(sizeof(*c), &node_lifecycle_controller, env);
    struct informer_handler nodes = {c, controller_enqueue, controller_enqueue_update, NULL};
    struct informer_options leases = {.ns = LEASE_NAMESPACE};

    pthread_mutex_init(&c->lock, NULL);
    map_init(&c->seen, free);
    map_init(&c->evict, NULL);
    c->rate = strtod(env->options->node_eviction_rate, NULL);
    c->nodes = informer_of(env->informers, &kube_nodes, NULL);
    c->pods = informer_of(env->informers, &kube_pods, NULL);
    c->leases = informer_of(env->informers, &kube_leases, &leases);
    c->pods_by_node = informer_add_index(c->pods, informer_index_pod_node);
    informer_add_handler(c->nodes, &nodes);
    return &c->base;
}

static void unmake(struct controller *base)
{
    struct lifecycle *c = (struct lifecycle *)base;

    map_release(&c->seen);
    map_release(&c->evict);
    pthread_mutex_destroy(&c->lock);
    controller_free(base);
}

const struct controller_def node_lifecycle_controller = {
    .name = "node-lifecycle-controller",
    .alias = "nodelifecycle",
    .account = "node-controller",
    .component = "node-controller",
    .workers = offsetof(struct controllers_options, node_syncs),
    .make = make,
    .sync = sync_taints,
    .tick = check_all,
    .tick_ns = 5 * NS_PER_S,
    .unmake = unmake,
};
