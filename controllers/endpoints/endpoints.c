/* The Endpoints controller: the old form, one object a Service, which older clients still read. */
#include "controllers/deployment/rules.h"
#include "controllers/endpoints/rules.h"
#include "controllers/endpoints/watch.h"

#define MANAGED_BY "endpoints.kubernetes.io/managed-by"
#define MANAGER "endpoint-controller"
#define OVER_CAPACITY "endpoints.kubernetes.io/over-capacity"
#define HEADLESS "service.kubernetes.io/headless"
#define ADDRESSES_MAX 1000

struct ep_controller {
    struct endpoints_base base;
    struct informer *endpoints;
};

static int delete_endpoints(struct ep_controller *c, struct str key, struct err *err)
{
    _cleanup_(kube_object_unrefp) struct kube_object *there = informer_get(c->endpoints, key);

    /* somebody else's Endpoints without a Service of their own stay */
    if (!there || !meta_label(there->meta, MANAGED_BY))
        return 0;
    if (kube_delete(c->base.base.env.client, &kube_endpoints, there->meta->namespace_, there->meta->name, NULL, err) ==
        0)
        return 0;
    if (err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    return 0;
}

/* At most 1,000 addresses, ready ones first. True when some were cut. */
static bool cut_to_capacity(Corev1__Endpoints *e)
{
    size_t ready = 0, others = 0;
    bool cut = false;

    for (size_t i = 0; i < e->n_subsets; i++) {
        Corev1__EndpointSubset *s = e->subsets[i];
        size_t room = ADDRESSES_MAX - ready;
        cut |= s->n_addresses > room;
        s->n_addresses = MIN_OF(s->n_addresses, room);
        ready += s->n_addresses;
    }
    for (size_t i = 0; i < e->n_subsets; i++) {
        Corev1__EndpointSubset *s = e->subsets[i];
        size_t room = ADDRESSES_MAX - ready - others;
        cut |= s->n_notreadyaddresses > room;
        s->n_notreadyaddresses = MIN_OF(s->n_notreadyaddresses, room);
        others += s->n_notreadyaddresses;
    }
    return cut;
}

/* The labels of the Service and our own. */
static void set_labels(struct arena *a, const struct kube_object *svc, Metav1__ObjectMeta *m)
{
    m->labels = NULL;
    m->n_labels = 0;
    for (size_t i = 0; i < svc->meta->n_labels; i++)
        label_set(a, m, kstr(svc->meta->labels[i]->key), kstr(svc->meta->labels[i]->value));
    label_set(a, m, MANAGED_BY, MANAGER);
    if (service_is_headless(kube_service(svc)))
        label_set(a, m, HEADLESS, "");
}

static bool is_same(const struct kube_object *there, const Corev1__Endpoints *want)
{
    Corev1__Endpoints x = COREV1__ENDPOINTS__INIT, y = COREV1__ENDPOINTS__INIT;
    Metav1__ObjectMeta mx = METAV1__OBJECT_META__INIT, my = METAV1__OBJECT_META__INIT;
    const Corev1__Endpoints *old = kube_endpoint(there);

    mx.labels = there->meta->labels, mx.n_labels = there->meta->n_labels;
    my.labels = want->metadata->labels, my.n_labels = want->metadata->n_labels;
    x.metadata = &mx, x.subsets = old->subsets, x.n_subsets = old->n_subsets;
    y.metadata = &my, y.subsets = want->subsets, y.n_subsets = want->n_subsets;
    return message_equal(&x.base, &y.base);
}

static int sync_service(void *ctx, struct str key, struct err *err)
{
    struct ep_controller *c = ctx;
    _cleanup_(arena_freep) struct arena *a = arena_new(SYNC_ARENA);
    struct kube_object *svc = sync_keep(a, informer_get(c->base.services, key));
    Corev1__Endpoints e = COREV1__ENDPOINTS__INIT;
    Metav1__ObjectMeta m = METAV1__OBJECT_META__INIT;
    struct kube_objects pods = {0};

    if (!svc)
        return delete_endpoints(c, key, err);
    if (!service_has_selector(kube_service(svc)))
        return 0;
    struct kube_object *there = sync_keep(a, informer_get(c->endpoints, key));
    if (there) {
        e = *kube_endpoint(there);
        m = *there->meta;
    }
    m.name = svc->meta->name, m.namespace_ = svc->meta->namespace_;
    e.metadata = &m;
    set_labels(a, svc, &m);
    endpoints_pods(&c->base, svc, &pods);
    subsets_of(a, kube_service(svc), &pods, &e);
    if (cut_to_capacity(&e))
        annotation_set(a, &m, OVER_CAPACITY, "truncated");
    int r = 0;
    if (!there)
        r = kube_create(c->base.base.env.client, &kube_endpoints, m.namespace_, &e.base, NULL, err);
    else if (!is_same(there, &e))
        r = kube_update(c->base.base.env.client, &kube_endpoints, "", &e.base, NULL, err);
    kube_objects_release(&pods);
    if (r < 0 && err->code == ERR_FORBIDDEN && strstr(err->msg, "because it is being terminated")) {
        err_clear(err);
        return 0;
    }
    if (r < 0 && err->code != ERR_CONFLICT && err->code != ERR_ALREADY_EXISTS)
        recorder_event(c->base.base.recorder, svc, EVENT_WARNING,
                       there ? "FailedToUpdateEndpoint" : "FailedToCreateEndpoint", "Failed to %s endpoint %s: %s",
                       there ? "update" : "create", key.p, err->msg);
    return r;
}

static struct controller *make(const struct controller_env *env)
{
    struct ep_controller *c = controller_alloc(sizeof(*c), &endpoints_controller, env);
    struct informer_handler gone = {c, NULL, NULL, controller_enqueue};

    endpoints_watch(&c->base, env);
    c->endpoints = informer_of(env->informers, &kube_endpoints, NULL);
    informer_add_handler(c->endpoints, &gone);
    return &c->base.base;
}

const struct controller_def endpoints_controller = {
    .name = "endpoints-controller",
    .alias = "endpoint",
    .account = "endpoint-controller",
    .component = "endpoint-controller",
    .workers = offsetof(struct controllers_options, endpoint_syncs),
    .make = make,
    .sync = sync_service,
    .unmake = controller_free,
};
