/* Objects for tests: built in an arena, and where a struct kube_object is wanted, sent through the wire form. */
#ifndef UNIT_CONTROLLERS_MAKE_H
#define UNIT_CONTROLLERS_MAKE_H

#include "base/arena.h"
#include "base/clock.h"
#include "client/kinds.h"
#include "client/meta.h"

#include <stdio.h>

#define T(s) ((int64_t)(s)*NS_PER_S)

static inline struct kube_object *pack_object(const struct kube_kind *k, const ProtobufCMessage *m)
{
    struct err err = ERR_INIT;
    struct kube_object *o = NULL;
    size_t n = protobuf_c_message_get_packed_size(m);
    uint8_t *raw = xmalloc(n ? n : 1);

    protobuf_c_message_pack(m, raw);
    if (kube_object_decode(k, str_n((char *)raw, n), &o, &err) < 0)
        abort();
    free(raw);
    return o;
}

static inline Metav1__ObjectMeta *make_meta(struct arena *a, const char *ns, const char *name)
{
    Metav1__ObjectMeta *m = arena_new_of(a, Metav1__ObjectMeta);

    metav1__object_meta__init(m);
    m->namespace_ = (char *)ns;
    m->name = (char *)name;
    m->uid = name ? arena_printf(a, "uid-%s", name) : NULL;
    return m;
}

static inline Metav1__Time *make_time(struct arena *a, int64_t seconds)
{
    Metav1__Time *t = arena_new_of(a, Metav1__Time);
    time_set(t, T(seconds));
    return t;
}

static inline void add_label(struct arena *a, Metav1__ObjectMeta *m, const char *key, const char *value)
{
    typedef Metav1__ObjectMeta__LabelsEntry entry;
    entry **list = arena_calloc(a, m->n_labels + 1, sizeof(entry *)), *e = arena_new_of(a, entry);

    metav1__object_meta__labels_entry__init(e);
    e->key = (char *)key, e->value = (char *)value;
    for (size_t i = 0; i < m->n_labels; i++)
        list[i] = m->labels[i];
    list[m->n_labels++] = e;
    m->labels = list;
}

static inline void add_owner(struct arena *a, Metav1__ObjectMeta *m, const char *uid, bool controller, bool blocks)
{
    Metav1__OwnerReference **list = arena_calloc(a, m->n_ownerreferences + 1, sizeof(*list)),
                           *r = arena_new_of(a, Metav1__OwnerReference);

    metav1__owner_reference__init(r);
    r->uid = (char *)uid;
    r->has_controller = r->has_blockownerdeletion = true;
    r->controller = controller;
    r->blockownerdeletion = blocks;
    for (size_t i = 0; i < m->n_ownerreferences; i++)
        list[i] = m->ownerreferences[i];
    list[m->n_ownerreferences++] = r;
    m->ownerreferences = list;
}

static inline Intstr__IntOrString *make_int(struct arena *a, int v)
{
    Intstr__IntOrString *x = arena_new_of(a, Intstr__IntOrString);
    intstr__int_or_string__init(x);
    x->has_type = x->has_intval = true;
    x->intval = v;
    return x;
}

static inline Intstr__IntOrString *make_text(struct arena *a, const char *s)
{
    Intstr__IntOrString *x = arena_new_of(a, Intstr__IntOrString);
    intstr__int_or_string__init(x);
    x->has_type = true;
    x->type = 1;
    x->strval = (char *)s;
    return x;
}

static inline Corev1__Pod *make_pod(struct arena *a, const char *name, const char *node, const char *phase,
                                    int64_t ready_since)
{
    Corev1__Pod *p = arena_new_of(a, Corev1__Pod);

    corev1__pod__init(p);
    p->metadata = make_meta(a, "default", name);
    p->spec = arena_new_of(a, Corev1__PodSpec);
    corev1__pod_spec__init(p->spec);
    p->spec->nodename = (char *)node;
    p->status = arena_new_of(a, Corev1__PodStatus);
    corev1__pod_status__init(p->status);
    p->status->phase = (char *)phase;
    if (ready_since) {
        Corev1__PodCondition *c = arena_new_of(a, Corev1__PodCondition);
        corev1__pod_condition__init(c);
        c->type = (char *)"Ready", c->status = (char *)"True";
        c->lasttransitiontime = make_time(a, ready_since);
        p->status->conditions = arena_calloc(a, 1, sizeof(c));
        p->status->conditions[0] = c;
        p->status->n_conditions = 1;
    }
    return p;
}

static inline Appsv1__Deployment *make_deployment(struct arena *a, int replicas, Intstr__IntOrString *surge,
                                                  Intstr__IntOrString *unavailable)
{
    Appsv1__Deployment *d = arena_new_of(a, Appsv1__Deployment);

    appsv1__deployment__init(d);
    d->metadata = make_meta(a, "default", "web");
    d->metadata->has_generation = true;
    d->metadata->generation = 1;
    d->spec = arena_new_of(a, Appsv1__DeploymentSpec);
    appsv1__deployment_spec__init(d->spec);
    d->spec->has_replicas = true;
    d->spec->replicas = replicas;
    d->spec->strategy = arena_new_of(a, Appsv1__DeploymentStrategy);
    appsv1__deployment_strategy__init(d->spec->strategy);
    d->spec->strategy->type = (char *)"RollingUpdate";
    d->spec->strategy->rollingupdate = arena_new_of(a, Appsv1__RollingUpdateDeployment);
    appsv1__rolling_update_deployment__init(d->spec->strategy->rollingupdate);
    d->spec->strategy->rollingupdate->maxsurge = surge;
    d->spec->strategy->rollingupdate->maxunavailable = unavailable;
    d->spec->has_progressdeadlineseconds = true;
    d->spec->progressdeadlineseconds = 600;
    return d;
}

static inline Appsv1__ReplicaSet *make_set(struct arena *a, const char *name, int replicas, int available)
{
    Appsv1__ReplicaSet *rs = arena_new_of(a, Appsv1__ReplicaSet);

    appsv1__replica_set__init(rs);
    rs->metadata = make_meta(a, "default", name);
    rs->spec = arena_new_of(a, Appsv1__ReplicaSetSpec);
    appsv1__replica_set_spec__init(rs->spec);
    rs->spec->has_replicas = true;
    rs->spec->replicas = replicas;
    rs->status = arena_new_of(a, Appsv1__ReplicaSetStatus);
    appsv1__replica_set_status__init(rs->status);
    rs->status->replicas = replicas;
    rs->status->readyreplicas = rs->status->availablereplicas = available;
    rs->status->has_terminatingreplicas = true;
    return rs;
}

#endif
