/* The ReplicaSet controller: as many pods of a template as are wanted. */
#include "controllers/replicaset.h"

#include "base/log.h"
#include "base/vec.h"
#include "controllers/claim.h"
#include "controllers/controller.h"
#include "controllers/expectations.h"
#include "controllers/pods.h"

#define BURST 500 /* pods created or deleted in one round */

struct rs_controller {
    struct controller base;
    struct informer *sets, *pods;
    int sets_by_namespace, sets_by_owner, pods_by_owner, orphans_by_namespace;
    struct expectations *expected;
};

/* Pods that nobody controls, by namespace: the ones that may be adopted. */
static void index_orphans(const struct kube_object *o, void (*emit)(void *, struct str), void *sink)
{
    if (!meta_controller(o->meta))
        emit(sink, str_of(o->meta->namespace_));
}

/* --- events -> keys --- */

/* The replica set that a pod's controller reference means, or NULL. */
static struct kube_object *set_of(struct rs_controller *c, const struct kube_object *pod)
{
    const Metav1__OwnerReference *r = meta_controller(pod->meta);

    if (!r || strcmp(kstr(r->kind), "ReplicaSet") != 0)
        return NULL;
    struct kube_object *rs = informer_get_ns(c->sets, pod->meta->namespace_, kstr(r->name));
    if (rs && strcmp(kstr(rs->meta->uid), kstr(r->uid)) != 0)
        rs = kube_object_unref(rs);
    return rs;
}

static void enqueue_owner(struct rs_controller *c, const struct kube_object *pod)
{
    _cleanup_(kube_object_unrefp) struct kube_object *rs = set_of(c, pod);
    if (rs)
        workqueue_add(c->base.queue, rs->key);
}

static void enqueue_matching(struct rs_controller *c, const struct kube_object *pod)
{
    _cleanup_(kube_objects_releasep) struct kube_objects sets = {0};

    informer_by_index(c->sets, c->sets_by_namespace, str_of(pod->meta->namespace_), &sets);
    kube_objects_foreach(&sets, rs) if (selector_matches(kube_replica_set(rs)->spec->selector, pod->meta))
        workqueue_add(c->base.queue, rs->key);
}

static void pod_deleted(void *ctx, struct kube_object *pod)
{
    struct rs_controller *c = ctx;
    _cleanup_(kube_object_unrefp) struct kube_object *rs = set_of(c, pod);

    if (!rs)
        return;
    deletion_observed(c->expected, rs->key, pod->key);
    workqueue_add(c->base.queue, rs->key);
}

static void pod_added(void *ctx, struct kube_object *pod)
{
    struct rs_controller *c = ctx;

    if (meta_deleting(pod->meta)) { /* after a restart: it is seen for the first time on its way out */
        pod_deleted(ctx, pod);
        return;
    }
    if (!meta_controller(pod->meta)) {
        enqueue_matching(c, pod);
        return;
    }
    _cleanup_(kube_object_unrefp) struct kube_object *rs = set_of(c, pod);
    if (!rs)
        return;
    creation_observed(c->expected, rs->key);
    workqueue_add(c->base.queue, rs->key);
}

static bool same_owner(const struct kube_object *a, const struct kube_object *b)
{
    const Metav1__OwnerReference *x = meta_controller(a->meta), *y = meta_controller(b->meta);
    return (!x && !y) || (x && y && strcmp(kstr(x->uid), kstr(y->uid)) == 0);
}

static void pod_updated(void *ctx, struct kube_object *old, struct kube_object *pod)
{
    struct rs_controller *c = ctx;

    if (strcmp(kstr(old->meta->uid), kstr(pod->meta->uid)) != 0) {
        pod_deleted(ctx, old);
        pod_added(ctx, pod);
        return;
    }
    if (!same_owner(old, pod))
        enqueue_owner(c, old);
    if (meta_deleting(pod->meta)) /* the wish to delete counts: the kubelet may take its time */
        pod_deleted(ctx, pod);
    else if (meta_controller(pod->meta))
        enqueue_owner(c, pod);
    else
        enqueue_matching(c, pod);
}

static void set_deleted(void *ctx, struct kube_object *rs)
{
    struct rs_controller *c = ctx;

    expectations_forget(c->expected, rs->key);
    workqueue_add(c->base.queue, rs->key);
}

static void set_updated(void *ctx, struct kube_object *old, struct kube_object *rs)
{
    if (strcmp(kstr(old->meta->uid), kstr(rs->meta->uid)) != 0)
        set_deleted(ctx, old);
    controller_enqueue(ctx, rs);
}

/* --- one round --- */

struct round {
    struct rs_controller *c;
    struct arena *a;
    struct kube_object *o;
    const Appsv1__ReplicaSet *rs;
    struct kube_objects owned; /* active */
    int terminating;
};

/* Is the namespace going away? Then it is no failure that nothing can be created in it. */
static bool namespace_ends(const struct err *err)
{
    return err->code == ERR_FORBIDDEN && strstr(err->msg, "because it is being terminated");
}

static int create_pods(struct round *r, int n, struct err *err)
{
    struct rs_controller *c = r->c;
    const Corev1__Pod *pod = pod_from_template(r->a, r->rs->spec->template_, r->o);
    int made = 0, failed = 0;

    expect_creations(c->expected, r->o->key, n);
    for (int batch = 1; made + failed < n && !failed;
         batch *= 2) { /* slow start: what always fails is not tried 500 times */
        for (int i = 0; i < batch && made + failed < n; i++) {
            _cleanup_(kube_object_unrefp) struct kube_object *got = NULL;
            struct err e = ERR_INIT;
            if (kube_create(c->base.env.client, &kube_pods, r->o->meta->namespace_, &pod->base, &got, &e) == 0) {
                made++;
                recorder_event(c->base.recorder, r->o, EVENT_NORMAL, "SuccessfulCreate", "Created pod: %s",
                               got->meta->name);
                continue;
            }
            creation_observed(c->expected, r->o->key);
            failed++;
            *err = e;
            if (!namespace_ends(&e))
                recorder_event(c->base.recorder, r->o, EVENT_WARNING, "FailedCreate", "Error creating: %s", e.msg);
        }
    }
    for (int i = made + failed; i < n; i++) /* not even tried */
        creation_observed(c->expected, r->o->key);
    if (failed && namespace_ends(err)) {
        err_clear(err);
        return 0;
    }
    return failed ? -1 : 0;
}

/* For each pod the number of active pods of the same family (all sets of the same owner) on its node. */
static void count_related(struct round *r, struct ranked_pod *pods, size_t n)
{
    _cleanup_(kube_objects_releasep) struct kube_objects sets = {0}, family = {0};
    const Metav1__OwnerReference *owner = meta_controller(r->o->meta);

    if (owner)
        informer_by_index(r->c->sets, r->c->sets_by_owner, str_of(owner->uid), &sets);
    else
        kube_objects_push(&sets, kube_object_ref(r->o));
    kube_objects_foreach(&sets, s) informer_by_index(r->c->pods, r->c->pods_by_owner, str_of(s->meta->uid), &family);
    for (size_t i = 0; i < n; i++) {
        const char *node = kstr(pods[i].pod->spec->nodename);
        kube_objects_foreach(&family, o)
        {
            const Corev1__Pod *p = kube_pod(o);
            pods[i].related += pod_is_active(p) && *node && strcmp(kstr(p->spec->nodename), node) == 0;
        }
    }
}

static int delete_pods(struct round *r, size_t n, struct err *err)
{
    struct rs_controller *c = r->c;
    struct ranked_pod *pods = arena_calloc(r->a, r->owned.n, sizeof(*pods));
    struct str *keys = arena_calloc(r->a, n, sizeof(*keys));
    bool failed = false;

    for (size_t i = 0; i < r->owned.n; i++)
        pods[i] = (struct ranked_pod){r->owned.v[i], kube_pod(r->owned.v[i]), 0};
    if (n < r->owned.n) {
        count_related(r, pods, r->owned.n);
        pods_rank(pods, r->owned.n, now_wall());
    }
    for (size_t i = 0; i < n; i++)
        keys[i] = pods[i].o->key;
    expect_deletions(c->expected, r->o->key, keys, n);
    for (size_t i = 0; i < n; i++) {
        const Metav1__ObjectMeta *m = pods[i].o->meta;
        struct err e = ERR_INIT;
        if (kube_delete(c->base.env.client, &kube_pods, m->namespace_, m->name, NULL, &e) == 0) {
            recorder_event(c->base.recorder, r->o, EVENT_NORMAL, "SuccessfulDelete", "Deleted pod: %s", m->name);
            continue;
        }
        deletion_observed(c->expected, r->o->key, keys[i]);
        if (e.code == ERR_NOT_FOUND)
            continue;
        failed = true;
        *err = e;
        recorder_event(c->base.recorder, r->o, EVENT_WARNING, "FailedDelete", "Error deleting: %s", e.msg);
    }
    return failed ? -1 : 0;
}

static int claim_pods(struct round *r, struct err *err)
{
    _cleanup_(kube_objects_releasep) struct kube_objects candidates = {0}, active = {0};
    struct rs_controller *c = r->c;
    struct claim_owner claim = {c->base.env.client, r->o, r->rs->spec->selector};

    informer_by_index(c->pods, c->pods_by_owner, str_of(r->o->meta->uid), &candidates);
    informer_by_index(c->pods, c->orphans_by_namespace, str_of(r->o->meta->namespace_), &candidates);
    kube_objects_foreach(&candidates, p)
    {
        if (pod_is_active(kube_pod(p)))
            kube_objects_push(&active, kube_object_ref(p));
        else if (pod_is_terminating(kube_pod(p)) && meta_controlled_by(p->meta, kstr(r->o->meta->uid)))
            r->terminating++;
    }
    return claim_all(&claim, &active, &r->owned, err);
}

static int write_status(struct round *r, const Appsv1__ReplicaSetStatus *s, struct err *err)
{
    Appsv1__ReplicaSet rs = *r->rs;

    if (rs_status_equal(s, r->rs->status))
        return 0;
    rs.status = (Appsv1__ReplicaSetStatus *)s;
    int done = kube_update_status(r->c->base.env.client, &kube_replica_sets, &rs.base, NULL, err);
    if (done < 0 && err->code == ERR_NOT_FOUND) { /* deleted meanwhile */
        err_clear(err);
        return 0;
    }
    return done;
}

static int reconcile(struct round *r, struct err *err)
{
    struct rs_outcome outcome = {0};
    struct err failure = ERR_INIT, status_err = ERR_INIT;
    bool act = expectations_met(r->c->expected, r->o->key);
    int64_t now;

    if (claim_pods(r, err) < 0)
        return -1;
    outcome.diff = (int)r->owned.n - rs_replicas(r->rs);
    if (act && !meta_deleting(r->o->meta) && outcome.diff) {
        int n = MIN_OF(abs(outcome.diff), BURST);
        outcome.failed = (outcome.diff < 0 ? create_pods(r, n, &failure) : delete_pods(r, (size_t)n, &failure)) < 0;
        outcome.message = failure.msg;
    }
    now = now_wall();
    const Appsv1__ReplicaSetStatus *s = rs_status(r->a, r->rs, &r->owned, r->terminating, &outcome, now);
    if (!act || meta_deleting(r->o->meta)) /* nothing was tried, so nothing is known about failures */
        ((Appsv1__ReplicaSetStatus *)s)->conditions = r->rs->status ? r->rs->status->conditions : NULL,
                                   ((Appsv1__ReplicaSetStatus *)s)->n_conditions =
                                       r->rs->status ? r->rs->status->n_conditions : 0;
    int written = write_status(r, s, &status_err);
    int64_t next = next_availability(&r->owned, r->rs->spec->minreadyseconds, now);
    if (next)
        workqueue_add_after(r->c->base.queue, r->o->key, next - now);
    if (outcome.failed) {
        *err = failure;
        return -1;
    }
    if (written < 0)
        *err = status_err;
    return written;
}

static int sync_set(void *ctx, struct str key, struct err *err)
{
    struct rs_controller *c = ctx;
    _cleanup_(arena_freep) struct arena *a = arena_new(SYNC_ARENA);
    struct kube_object *o = sync_keep(a, informer_get(c->sets, key));

    if (!o) {
        expectations_forget(c->expected, key);
        return 0;
    }
    struct round r = {.c = c, .a = a, .o = o, .rs = kube_replica_set(o)};
    if (!r.rs->spec || !r.rs->spec->template_ || !selector_valid(r.rs->spec->selector))
        return 0; /* no server stores such a thing; nothing that a retry could mend */
    int done = reconcile(&r, err);
    kube_objects_release(&r.owned);
    return done;
}

static struct controller *make(const struct controller_env *env)
{
    struct rs_controller *c = controller_alloc(sizeof(*c), &replicaset_controller, env);
    struct informer_handler pods = {c, pod_added, pod_updated, pod_deleted};
    struct informer_handler sets = {c, controller_enqueue, set_updated, set_deleted};

    c->expected = expectations_new(&clock_system);
    c->sets = informer_of(env->informers, &kube_replica_sets, NULL);
    c->pods = informer_of(env->informers, &kube_pods, NULL);
    c->sets_by_namespace = informer_add_index(c->sets, informer_index_namespace);
    c->sets_by_owner = informer_add_index(c->sets, informer_index_controller_uid);
    c->pods_by_owner = informer_add_index(c->pods, informer_index_controller_uid);
    c->orphans_by_namespace = informer_add_index(c->pods, index_orphans);
    informer_add_handler(c->pods, &pods);
    informer_add_handler(c->sets, &sets);
    return &c->base;
}

static void unmake(struct controller *base)
{
    struct rs_controller *c = (struct rs_controller *)base;

    expectations_free(c->expected);
    controller_free(base);
}

const struct controller_def replicaset_controller = {
    .name = "replicaset-controller",
    .alias = "replicaset",
    .account = "replicaset-controller",
    .component = "replicaset-controller",
    .workers = offsetof(struct controllers_options, replicaset_syncs),
    .make = make,
    .sync = sync_set,
    .unmake = unmake,
};
