#include "controllers/pods.h"
#include "controllers/claim.h"
#include "controllers/replicaset.h"

#include "base/clock.h"

static bool fully_labeled(const Appsv1__ReplicaSet *rs, const Metav1__ObjectMeta *pod)
{
    const Metav1__ObjectMeta *t = rs->spec->template_ ? rs->spec->template_->metadata : NULL;

    for (size_t i = 0; t && i < t->n_labels; i++) {
        const char *v = meta_label(pod, kstr(t->labels[i]->key));
        if (!v || strcmp(v, kstr(t->labels[i]->value)) != 0)
            return false;
    }
    return true;
}

static bool is_failure(const Appsv1__ReplicaSetCondition *c)
{
    return strcmp(kstr(c->type), "ReplicaFailure") == 0;
}

/* A failure condition stands as long as the failure lasts: set once with its first message, removed with success. */
static void set_conditions(struct arena *a, Appsv1__ReplicaSetStatus *s, const Appsv1__ReplicaSetStatus *old,
                           const struct rs_outcome *outcome, int64_t now)
{
    size_t n_old = old ? old->n_conditions : 0;
    bool had = false;

    s->conditions = arena_calloc(a, n_old + 1, sizeof(s->conditions[0]));
    s->n_conditions = 0;
    for (size_t i = 0; i < n_old; i++) {
        bool failure = is_failure(old->conditions[i]);
        had |= failure;
        if (!failure || outcome->failed)
            s->conditions[s->n_conditions++] = old->conditions[i];
    }
    if (!outcome->failed || had)
        return;
    Appsv1__ReplicaSetCondition *c = arena_new_of(a, Appsv1__ReplicaSetCondition);
    appsv1__replica_set_condition__init(c);
    c->lasttransitiontime = arena_new_of(a, Metav1__Time);
    time_set(c->lasttransitiontime, now);
    c->type = (char *)"ReplicaFailure";
    c->status = (char *)"True";
    c->reason = (char *)(outcome->diff < 0 ? "FailedCreate" : "FailedDelete");
    c->message = (char *)outcome->message;
    s->conditions[s->n_conditions++] = c;
}

Appsv1__ReplicaSetStatus *rs_status(struct arena *a, const Appsv1__ReplicaSet *rs, const struct kube_objects *pods,
                                    int terminating, const struct rs_outcome *outcome, int64_t now)
{
    Appsv1__ReplicaSetStatus *s = arena_new_of(a, Appsv1__ReplicaSetStatus);

    appsv1__replica_set_status__init(s);
    s->has_replicas = s->has_fullylabeledreplicas = s->has_readyreplicas = s->has_availablereplicas = true;
    s->has_terminatingreplicas = s->has_observedgeneration = true;
    s->replicas = (int32_t)pods->n;
    s->terminatingreplicas = terminating;
    s->observedgeneration = rs->metadata->generation;
    kube_objects_foreach(pods, o)
    {
        const Corev1__Pod *p = kube_pod(o);
        s->fullylabeledreplicas += fully_labeled(rs, o->meta);
        s->readyreplicas += pod_is_ready(p);
        s->availablereplicas += pod_is_available(p, rs->spec->minreadyseconds, now);
    }
    set_conditions(a, s, rs->status, outcome, now);
    return s;
}

static bool conditions_equal(const Appsv1__ReplicaSetStatus *a, const Appsv1__ReplicaSetStatus *b)
{
    if (a->n_conditions != b->n_conditions)
        return false;
    for (size_t i = 0; i < a->n_conditions; i++) {
        const Appsv1__ReplicaSetCondition *x = a->conditions[i], *y = b->conditions[i];
        if (strcmp(kstr(x->type), kstr(y->type)) || strcmp(kstr(x->status), kstr(y->status)) ||
            strcmp(kstr(x->reason), kstr(y->reason)) || strcmp(kstr(x->message), kstr(y->message)))
            return false;
    }
    return true;
}

bool rs_status_equal(const Appsv1__ReplicaSetStatus *a, const Appsv1__ReplicaSetStatus *b)
{
    static const Appsv1__ReplicaSetStatus none = APPSV1__REPLICA_SET_STATUS__INIT;

    a = a ? a : &none;
    b = b ? b : &none;
    return a->replicas == b->replicas && a->fullylabeledreplicas == b->fullylabeledreplicas &&
           a->readyreplicas == b->readyreplicas && a->availablereplicas == b->availablereplicas &&
           a->terminatingreplicas == b->terminatingreplicas &&
           a->has_terminatingreplicas == b->has_terminatingreplicas && a->observedgeneration == b->observedgeneration &&
           conditions_equal(a, b);
}

Corev1__Pod *pod_from_template(struct arena *a, const Corev1__PodTemplateSpec *t, const struct kube_object *owner)
{
    static const Metav1__ObjectMeta none = METAV1__OBJECT_META__INIT;
    const Metav1__ObjectMeta *tm = t->metadata ? t->metadata : &none;
    Corev1__Pod *p = arena_new_of(a, Corev1__Pod);
    Metav1__ObjectMeta *m = arena_new_of(a, Metav1__ObjectMeta);
    Metav1__OwnerReference *r = arena_new_of(a, Metav1__OwnerReference);

    corev1__pod__init(p);
    metav1__object_meta__init(m);
    m->namespace_ = owner->meta->namespace_;
    m->generatename = arena_printf(a, "%s-", kstr(owner->meta->name));
    m->n_labels = tm->n_labels, m->labels = tm->labels;
    m->n_annotations = tm->n_annotations, m->annotations = tm->annotations;
    m->n_finalizers = tm->n_finalizers, m->finalizers = tm->finalizers;
    owner_reference(owner, arena_calloc(a, 1, 128), r);
    m->n_ownerreferences = 1;
    m->ownerreferences = arena_calloc(a, 1, sizeof(m->ownerreferences[0]));
    m->ownerreferences[0] = r;
    p->metadata = m;
    p->spec = t->spec;
    return p;
}

int64_t next_availability(const struct kube_objects *pods, int32_t min_ready_s, int64_t now)
{
    int64_t next = 0;

    kube_objects_foreach(pods, o)
    {
        const Corev1__Pod *p = kube_pod(o);
        int64_t at = pod_ready_since(p) + min_ready_s * NS_PER_S;
        if (pod_is_ready(p) && at > now && (!next || at < next))
            next = at;
    }
    return next;
}
