/* The Deployment controller: from one pod template to the next through replica sets. */
#include "controllers/claim.h"
#include "controllers/deployment/round.h"
#include "controllers/pods.h"

/* --- events -> keys --- */

static void index_orphan_sets(const struct kube_object *o, void (*emit)(void *, struct str), void *sink)
{
    if (!meta_controller(o->meta))
        emit(sink, str_of(o->meta->namespace_));
}

static struct kube_object *deployment_of(struct dep_controller *c, const struct kube_object *rs)
{
    const Metav1__OwnerReference *ref = meta_controller(rs->meta);

    if (!ref || strcmp(kstr(ref->kind), "Deployment") != 0)
        return NULL;
    struct kube_object *d = informer_get_ns(c->deployments, rs->meta->namespace_, kstr(ref->name));
    if (d && strcmp(kstr(d->meta->uid), kstr(ref->uid)) != 0)
        d = kube_object_unref(d);
    return d;
}

static void set_changed(void *ctx, struct kube_object *rs)
{
    struct dep_controller *c = ctx;
    _cleanup_(kube_objects_releasep) struct kube_objects all = {0};
    _cleanup_(kube_object_unrefp) struct kube_object *d = deployment_of(c, rs);

    if (d)
        workqueue_add(c->base.queue, d->key);
    if (d || meta_controller(rs->meta))
        return;
    informer_by_index(c->deployments, c->deployments_by_namespace, str_of(rs->meta->namespace_), &all);
    kube_objects_foreach(&all, o) if (selector_matches(kube_deployment(o)->spec->selector, rs->meta))
        workqueue_add(c->base.queue, o->key);
}

static void set_updated(void *ctx, struct kube_object *old, struct kube_object *rs)
{
    const Metav1__OwnerReference *was = meta_controller(old->meta), *is = meta_controller(rs->meta);

    if (was && (!is || strcmp(kstr(was->uid), kstr(is->uid)) != 0))
        set_changed(ctx, old);
    set_changed(ctx, rs);
}

/* A Recreate deployment waits for the last old pod to be gone. */
static void pod_deleted(void *ctx, struct kube_object *pod)
{
    struct dep_controller *c = ctx;
    const Metav1__OwnerReference *ref = meta_controller(pod->meta);

    if (!ref || strcmp(kstr(ref->kind), "ReplicaSet") != 0)
        return;
    _cleanup_(kube_object_unrefp) struct kube_object *rs =
        informer_get_ns(c->sets, pod->meta->namespace_, kstr(ref->name));
    _cleanup_(kube_object_unrefp) struct kube_object *d = rs ? deployment_of(c, rs) : NULL;
    if (d && !dep_is_rolling(kube_deployment(d)))
        workqueue_add(c->base.queue, d->key);
}

static void pod_updated(void *ctx, struct kube_object *old, struct kube_object *pod)
{
    if (pod_is_finished(kube_pod(pod)) && !pod_is_finished(kube_pod(old)))
        pod_deleted(ctx, pod);
}

/* --- one round --- */

static int by_age(const void *x, const void *y)
{
    const struct rset *a = x, *b = y;
    int64_t ta = time_ns(a->o->meta->creationtimestamp), tb = time_ns(b->o->meta->creationtimestamp);

    return ta != tb ? (ta > tb) - (ta < tb) : strcmp(a->o->meta->name, b->o->meta->name);
}

static int claim_sets(struct round *r, struct err *err)
{
    _cleanup_(kube_objects_releasep) struct kube_objects candidates = {0}, owned = {0};
    struct dep_controller *c = r->c;
    struct claim_owner claim = {c->base.env.client, r->o, r->d->spec->selector};

    informer_by_index(c->sets, c->sets_by_owner, str_of(r->o->meta->uid), &candidates);
    informer_by_index(c->sets, c->orphans_by_namespace, str_of(r->o->meta->namespace_), &candidates);
    if (claim_all(&claim, &candidates, &owned, err) < 0)
        return -1;
    r->sets = arena_calloc(r->a, owned.n + 1, sizeof(*r->sets)); /* room for the one that may be made */
    r->n = owned.n;
    for (size_t i = 0; i < owned.n; i++) {
        struct kube_object *o = sync_keep(r->a, kube_object_ref(owned.v[i]));
        r->sets[i] = (struct rset){o, kube_replica_set(o)};
    }
    if (r->n)
        qsort(r->sets, r->n, sizeof(*r->sets), by_age);
    return 0;
}

static int only_scale(struct round *r, struct err *err)
{
    if (round_find_newest(r, false, err) < 0 || round_scale_all(r, err) < 0)
        return -1;
    if (r->d->spec->paused && round_clean_up(r, err) < 0)
        return -1;
    return round_sync_status(r, false, err);
}

static int refuse_selecting_all(struct round *r, struct err *err)
{
    recorder_event(r->c->base.recorder, r->o, EVENT_WARNING, "SelectingAll",
                   "This deployment is selecting all pods. A non-empty selector is required.");
    if (r->d->status && r->d->status->observedgeneration >= r->o->meta->generation)
        return 0;
    dep_status *s = round_own_status(r);
    s->has_observedgeneration = true;
    s->observedgeneration = r->o->meta->generation;
    return round_write_status(r, err);
}

static int run(struct round *r, struct err *err)
{
    if (selector_empty(r->d->spec->selector))
        return refuse_selecting_all(r, err);
    if (claim_sets(r, err) < 0)
        return -1;
    if (meta_deleting(r->o->meta))
        return round_find_newest(r, false, err) < 0 ? -1 : round_sync_status(r, false, err);
    if (round_check_paused(r, err) < 0)
        return -1;
    if (r->d->spec->paused || round_is_scaling(r))
        return only_scale(r, err);
    return dep_is_rolling(r->d) ? round_roll(r, err) : round_recreate(r, err);
}

static int sync_deployment(void *ctx, struct str key, struct err *err)
{
    struct dep_controller *c = ctx;
    _cleanup_(arena_freep) struct arena *a = arena_new(SYNC_ARENA);
    struct round r = {.c = c, .a = a};
    struct kube_object *o = informer_get(c->deployments, key);

    if (!o)
        return 0;
    round_take(&r, o);
    if (!r.d->spec || !r.d->spec->template_ || !selector_valid(r.d->spec->selector))
        return 0; /* no server stores such a thing */
    int done = run(&r, err);
    if (done < 0 && err->code == ERR_NOT_FOUND) { /* deleted under our hands: its own event brings what is left to do */
        err_clear(err);
        return 0;
    }
    return done;
}

static struct controller *make(const struct controller_env *env)
{
    struct dep_controller *c = controller_alloc(sizeof(*c), &deployment_controller, env);
    struct informer_handler sets = {c, set_changed, set_updated, set_changed},
                            pods = {c, NULL, pod_updated, pod_deleted};

    c->deployments = informer_of(env->informers, &kube_deployments, NULL);
    c->sets = informer_of(env->informers, &kube_replica_sets, NULL);
    c->pods = informer_of(env->informers, &kube_pods, NULL);
    c->deployments_by_namespace = informer_add_index(c->deployments, informer_index_namespace);
    c->sets_by_owner = informer_add_index(c->sets, informer_index_controller_uid);
    c->orphans_by_namespace = informer_add_index(c->sets, index_orphan_sets);
    c->pods_by_owner = informer_add_index(c->pods, informer_index_controller_uid);
    controller_watch(&c->base, c->deployments);
    informer_add_handler(c->sets, &sets);
    informer_add_handler(c->pods, &pods);
    return &c->base;
}

const struct controller_def deployment_controller = {
    .name = "deployment-controller",
    .alias = "deployment",
    .account = "deployment-controller",
    .component = "deployment-controller",
    .workers = offsetof(struct controllers_options, deployment_syncs),
    .make = make,
    .sync = sync_deployment,
    .unmake = controller_free,
};
