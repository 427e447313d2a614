#include "controllers/endpoints/watch.h"

#include "controllers/endpoints/rules.h"
#include "controllers/pods.h"

static void enqueue_services_of(struct endpoints_base *c, const struct kube_object *pod)
{
    _cleanup_(kube_objects_releasep) struct kube_objects all = {0};

    informer_by_index(c->services, c->services_by_namespace, str_of(pod->meta->namespace_), &all);
    kube_objects_foreach(&all, svc) if (service_selects(kube_service(svc), pod->meta))
        workqueue_add(c->base.queue, svc->key);
}

static void pod_changed(void *ctx, struct kube_object *pod)
{
    enqueue_services_of(ctx, pod);
}

static bool same_labels(const Metav1__ObjectMeta *a, const Metav1__ObjectMeta *b)
{
    if (a->n_labels != b->n_labels)
        return false;
    for (size_t i = 0; i < a->n_labels; i++) {
        const char *v = meta_label(b, kstr(a->labels[i]->key));
        if (!v || strcmp(v, kstr(a->labels[i]->value)) != 0)
            return false;
    }
    return true;
}

static bool same_ips(const Corev1__Pod *a, const Corev1__Pod *b)
{
    const Corev1__PodStatus *x = a->status, *y = b->status;

    if (!x || !y || x->n_podips != y->n_podips || strcmp(kstr(x->podip), kstr(y->podip)) != 0)
        return false;
    for (size_t i = 0; i < x->n_podips; i++)
        if (strcmp(kstr(x->podips[i]->ip), kstr(y->podips[i]->ip)) != 0)
            return false;
    return true;
}

/* Most updates of a pod change nothing that its endpoints show. */
static void pod_updated(void *ctx, struct kube_object *old, struct kube_object *o)
{
    const Corev1__Pod *a = kube_pod(old), *b = kube_pod(o);
    bool labels = same_labels(old->meta, o->meta);

    if (labels && same_ips(a, b) && pod_is_ready(a) == pod_is_ready(b) && pod_is_finished(a) == pod_is_finished(b) &&
        meta_deleting(old->meta) == meta_deleting(o->meta) && strcmp(kstr(old->meta->uid), kstr(o->meta->uid)) == 0)
        return;
    if (!labels)
        enqueue_services_of(ctx, old);
    enqueue_services_of(ctx, o);
}

void endpoints_watch(struct endpoints_base *c, const struct controller_env *env)
{
    struct informer_handler pods = {c, pod_changed, pod_updated, pod_changed};

    c->services = informer_of(env->informers, &kube_services, NULL);
    c->pods = informer_of(env->informers, &kube_pods, NULL);
    c->services_by_namespace = informer_add_index(c->services, informer_index_namespace);
    c->pods_by_namespace = informer_add_index(c->pods, informer_index_namespace);
    controller_watch(&c->base, c->services);
    informer_add_handler(c->pods, &pods);
}

void endpoints_pods(struct endpoints_base *c, const struct kube_object *svc, struct kube_objects *ret)
{
    _cleanup_(kube_objects_releasep) struct kube_objects all = {0};

    informer_by_index(c->pods, c->pods_by_namespace, str_of(svc->meta->namespace_), &all);
    kube_objects_foreach(&all, p) if (service_selects(kube_service(svc), p->meta))
        kube_objects_push(ret, kube_object_ref(p));
}
