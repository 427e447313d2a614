#include "scheduler.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "client/informer.h"
#include "client/meta.h"
#include "client/recorder.h"
#include "scheduler/binder.h"
#include "scheduler/framework.h"
#include "scheduler/inbox.h"
#include "scheduler/queue.h"

#define ROUND_ARENA (64 * MIB)
#define FIRST_SYNC_NS ((int64_t)60 * NS_PER_S)

struct scheduler {
    struct inbox *inbox;
    struct binder *binder;
    struct cache cache;
    struct queue queue;
    struct node_cursor cursor;
    struct arena *arena;
    struct scheduler_counters *counters;
};

static int64_t now_ns(void)
{
    return clock_mono(&clock_system);
}

/* --- handlers: on the informers' and binders' threads --- */

static void node_changed(void *ctx, struct kube_object *o)
{
    inbox_put(ctx, NEWS_NODE, o->key, o, false);
}

static void node_updated(void *ctx, struct kube_object *old, struct kube_object *o)
{
    inbox_put(ctx, NEWS_NODE, o->key, o, false);
}

static void node_gone(void *ctx, struct kube_object *last)
{
    inbox_put(ctx, NEWS_NODE, last->key, NULL, false);
}

static void pod_changed(void *ctx, struct kube_object *o)
{
    inbox_put(ctx, NEWS_POD, o->key, o, false);
}

static void pod_updated(void *ctx, struct kube_object *old, struct kube_object *o)
{
    inbox_put(ctx, NEWS_POD, o->key, o, false);
}

static void pod_gone(void *ctx, struct kube_object *last)
{
    inbox_put(ctx, NEWS_POD, last->key, NULL, false);
}

static void binding_done(void *ctx, const struct kube_object *pod, const struct err *err)
{
    /* a success shows in the pod itself, by its informer */
    if (err)
        inbox_put(ctx, NEWS_BINDING_FAILED, pod->key, (struct kube_object *)pod, err->code != ERR_NOT_FOUND);
}

/* --- news --- */

static void tell_queue(struct scheduler *s, unsigned events)
{
    if (events)
        queue_move(&s->queue, plugins_for_events(events), now_ns());
}

static void forget_pod(struct scheduler *s, struct sched_pod *p)
{
    bool was_placed = p->node != NULL;

    queue_remove(&s->queue, p);
    cache_remove_pod(&s->cache, p);
    if (was_placed)
        tell_queue(s, EVENT_POD_DELETE);
}

static bool same_uid(const struct kube_object *a, const struct kube_object *b)
{
    return strcmp(kstr(a->meta->uid), kstr(b->meta->uid)) == 0;
}

/* Does the new version differ in what placing looks at? Not when it is only our own condition that came back. */
static bool changed(const struct kube_object *a, const struct kube_object *b)
{
    const Corev1__Pod *x = kube_pod(a), *y = kube_pod(b);

    if (a->meta->n_labels != b->meta->n_labels || !x->spec || !y->spec)
        return true;
    for (size_t i = 0; i < a->meta->n_labels; i++)
        if (strcmp(kstr(meta_label(b->meta, kstr(a->meta->labels[i]->key))), kstr(a->meta->labels[i]->value)) != 0)
            return true;
    size_t n = protobuf_c_message_get_packed_size(&x->spec->base);
    if (n != protobuf_c_message_get_packed_size(&y->spec->base))
        return true;
    _cleanup_(freep) uint8_t *one = xmalloc(n + 1), *two = xmalloc(n + 1);
    protobuf_c_message_pack(&x->spec->base, one);
    protobuf_c_message_pack(&y->spec->base, two);
    return memcmp(one, two, n) != 0;
}

static bool is_terminal(const Corev1__Pod *pod)
{
    const char *phase = pod->status ? kstr(pod->status->phase) : "";
    return strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0;
}

/* A pod that has a node. */
static void pod_is_placed(struct scheduler *s, struct sched_pod *old, struct kube_object *o)
{
    const char *node = kube_pod(o)->spec->nodename;
    bool was_placed = old && old->node;
    bool different = !old || changed(old->obj, o) || pod_terminating(old) != (o->meta->deletiontimestamp != NULL);

    if (old)
        queue_remove(&s->queue, old);
    struct sched_pod *p = cache_set_pod(&s->cache, o);
    if (p->node && strcmp(p->node->name, node) != 0) { /* another scheduler was quicker */
        cache_unassign(&s->cache, p);
        was_placed = false;
    }
    if (!p->node)
        cache_assign(&s->cache, p, node);
    p->state = POD_BOUND;
    if (!was_placed)
        tell_queue(s, EVENT_POD_ADD);
    else if (different)
        tell_queue(s, EVENT_POD_UPDATE);
}

/* A pod that waits for a node, and for us. */
static void pod_is_pending(struct scheduler *s, struct sched_pod *old, struct kube_object *o)
{
    const Corev1__PodSpec *spec = kube_pod(o)->spec;
    bool idle = o->meta->deletiontimestamp || spec->n_schedulinggates;
    bool different = !old || changed(old->obj, o);

    if (old && old->state == POD_ASSUMED) {
        cache_set_pod(&s->cache, o);
        return;
    }
    if (old && !different && !idle && old->state != POD_GATED) {
        cache_set_pod(&s->cache, o); /* stays where it waits */
        return;
    }
    struct sched_pod *p = cache_set_pod(&s->cache, o);
    if (idle) {
        queue_remove(&s->queue, p);
        p->state = POD_GATED;
    } else {
        queue_add(&s->queue, p, now_ns());
    }
}

static void pod_news(struct scheduler *s, const struct inbox_item *i)
{
    struct sched_pod *old = cache_pod(&s->cache, str_of(i->key));
    const Corev1__Pod *pod = i->obj ? kube_pod(i->obj) : NULL;
    const Corev1__PodSpec *spec = pod ? pod->spec : NULL;

    if (old && (!i->obj || !same_uid(old->obj, i->obj) || is_terminal(pod))) {
        forget_pod(s, old);
        old = NULL;
    }
    if (!spec || is_terminal(pod))
        return;
    if (*kstr(spec->nodename))
        pod_is_placed(s, old, i->obj);
    else if (strcmp(kstr(spec->schedulername), SCHEDULER_NAME) == 0)
        pod_is_pending(s, old, i->obj);
}

static void node_news(struct scheduler *s, const struct inbox_item *i)
{
    if (i->obj)
        tell_queue(s, cache_set_node(&s->cache, i->obj));
    else
        cache_remove_node(&s->cache, str_of(i->key));
}

static void binding_failed(struct scheduler *s, const struct inbox_item *i)
{
    struct sched_pod *p = cache_pod(&s->cache, str_of(i->key));

    s->counters->errors++;
    if (!p || p->state != POD_ASSUMED || !same_uid(p->obj, i->obj))
        return;
    cache_unassign(&s->cache, p);
    p->state = POD_GATED;
    if (i->again)
        queue_fail(&s->queue, p, 0, now_ns());
    tell_queue(s, EVENT_POD_DELETE);
}

static void take_news(struct scheduler *s, int64_t until)
{
    static void (*const handlers[])(struct scheduler *, const struct inbox_item *) = {
        [NEWS_NODE] = node_news, [NEWS_POD] = pod_news, [NEWS_BINDING_FAILED] = binding_failed};

    for (struct inbox_item *i = inbox_take(s->inbox, until); i; i = inbox_item_free(i))
        handlers[i->what](s, i);
}

/* --- placing --- */

static void place_next(struct scheduler *s, struct sched_pod *p)
{
    struct placement place;
    int64_t start = now_ns();

    arena_reset(s->arena);
    place_pod(s->arena, &s->cache, p, &s->cursor, random_below, &place);
    s->counters->nanoseconds += (uint64_t)(now_ns() - start);
    if (place.node) {
        s->counters->scheduled++;
        cache_assign(&s->cache, p, place.node->name);
        p->state = POD_ASSUMED;
        binder_bind(s->binder, p->obj, place.node->name);
        return;
    }
    s->counters->unschedulable++;
    log_info("pod fits nowhere", LOG_STR("pod", p->obj->key), LOG_S("why", place.message));
    queue_fail(&s->queue, p, place.blockers, now_ns());
    binder_refuse(s->binder, p->obj, "Unschedulable", place.message);
}

static void publish(struct scheduler *s)
{
    s->counters->active = s->queue.active.n;
    s->counters->backoff = s->queue.backoff.n;
    s->counters->waiting = s->queue.unschedulable.n;
}

static void loop(struct scheduler *s, struct stop *stop)
{
    while (!stop_requested(stop)) {
        int64_t next = queue_tick(&s->queue, now_ns());
        struct sched_pod *p = queue_pop(&s->queue);
        if (p)
            place_next(s, p);
        publish(s);
        take_news(s, s->queue.active.n ? 0 : next);
    }
}

/* --- life --- */

static void wake(void *inbox)
{
    inbox_wake(inbox);
}

static void watch(struct informer_factory *f, struct inbox *inbox)
{
    const struct informer_options living = {.field_selector = "status.phase!=Succeeded,status.phase!=Failed"};
    const struct informer_handler nodes = {inbox, node_changed, node_updated, node_gone};
    const struct informer_handler pods = {inbox, pod_changed, pod_updated, pod_gone};

    informer_add_handler(informer_of(f, &kube_nodes, NULL), &nodes);
    informer_add_handler(informer_of(f, &kube_pods, &living), &pods);
    informer_factory_start(f);
}

int scheduler_run(struct kube_client *c, struct stop *stop, struct scheduler_counters *counters, struct err *err)
{
    _cleanup_(recorder_freep) struct recorder *recorder = recorder_new(c, SCHEDULER_NAME, NULL);
    struct scheduler s = {.inbox = inbox_new(), .arena = arena_new(ROUND_ARENA), .counters = counters};
    struct informer_factory *f = informer_factory_new(c, stop);
    int rc = 0;

    cache_init(&s.cache);
    queue_init(&s.queue);
    s.binder = binder_new(&(struct binder_options){c, recorder, SCHEDULER_BINDERS, binding_done, s.inbox});
    struct stop_hook *hook = stop_on(stop, wake, s.inbox);
    watch(f, s.inbox);
    while (!informer_factory_wait_synced(f, FIRST_SYNC_NS) && !stop_requested(stop))
        log_warn("still waiting for the first lists of pods and nodes");
    take_news(&s, 0);
    if (!stop_requested(stop))
        log_info("scheduling", LOG_I("nodes", s.cache.n_nodes), LOG_I("pods", s.cache.pods.n));
    loop(&s, stop);

    stop_off(stop, hook);
    informer_factory_free(f);
    binder_free(s.binder);
    queue_release(&s.queue);
    cache_release(&s.cache);
    arena_free(s.arena);
    inbox_free(s.inbox);
    return rc;
}
