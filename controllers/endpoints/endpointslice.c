/* The EndpointSlice controller: who stands behind each Service, in slices of at most 100. */
#include "controllers/endpoints/rules.h"
#include "controllers/endpoints/watch.h"

#include "controllers/expectations.h"

#define SERVICE_NAME "kubernetes.io/service-name"
#define MANAGED_BY "endpointslice.kubernetes.io/managed-by"
#define MANAGER "endpointslice-controller.k8s.io"
#define ZONE "topology.kubernetes.io/zone"

struct slice_controller {
    struct endpoints_base base;
    struct informer *slices, *nodes;
    int slices_by_service;
    struct expectations *expected; /* slices made and not yet seen */
};

static bool is_ours(const struct kube_object *o)
{
    const char *by = meta_label(o->meta, MANAGED_BY);
    return by && strcmp(by, MANAGER) == 0;
}

/* "namespace/service" of our slices. */
static void index_service(const struct kube_object *o, void (*emit)(void *, struct str), void *sink)
{
    const char *svc = meta_label(o->meta, SERVICE_NAME);
    if (!svc || !is_ours(o))
        return;
    _cleanup_(freep) char *key = xasprintf("%s/%s", o->meta->namespace_, svc);
    emit(sink, str_of(key));
}

static void enqueue_service(struct slice_controller *c, const struct kube_object *o, bool made)
{
    const char *svc = meta_label(o->meta, SERVICE_NAME);
    if (!svc || !is_ours(o))
        return;
    _cleanup_(freep) char *key = xasprintf("%s/%s", o->meta->namespace_, svc);
    if (made)
        creation_observed(c->expected, str_of(key));
    workqueue_add(c->base.base.queue, str_of(key));
}

static void slice_added(void *ctx, struct kube_object *o)
{
    enqueue_service(ctx, o, true);
}

static void slice_updated(void *ctx, struct kube_object *old, struct kube_object *o)
{
    enqueue_service(ctx, old, false);
    enqueue_service(ctx, o, false);
}

static void slice_deleted(void *ctx, struct kube_object *o)
{
    enqueue_service(ctx, o, false);
}

struct zones {
    struct slice_controller *c;
    struct arena *a;
};

static const char *zone_of(void *ctx, const char *node)
{
    struct zones *z = ctx;
    struct kube_object *o = sync_keep(z->a, informer_get_ns(z->c->nodes, "", node));
    return o ? meta_label(o->meta, ZONE) : NULL;
}

static int apply(struct slice_controller *c, struct str key, const char *ns, const struct slice_plan *plan,
                 struct err *err)
{
    struct kube_client *client = c->base.base.env.client;

    if (plan->n_create)
        expect_creations(c->expected, key, (int)plan->n_create);
    for (size_t i = 0; i < plan->n_create; i++)
        if (kube_create(client, &kube_endpoint_slices, ns, &plan->create[i]->base, NULL, err) < 0) {
            for (; i < plan->n_create; i++)
                creation_observed(c->expected, key);
            return -1;
        }
    for (size_t i = 0; i < plan->n_update; i++)
        if (kube_update(client, &kube_endpoint_slices, "", &plan->update[i]->base, NULL, err) < 0)
            return -1;
    for (size_t i = 0; i < plan->n_remove; i++) {
        const Metav1__ObjectMeta *m = plan->remove[i]->meta;
        if (kube_delete(client, &kube_endpoint_slices, m->namespace_, m->name, NULL, err) < 0) {
            if (err->code != ERR_NOT_FOUND)
                return -1;
            err_clear(err);
        }
    }
    return 0;
}

/* The slices of one address family. */
static int sync_family(struct slice_controller *c, struct arena *a, const struct kube_object *svc,
                       const struct kube_objects *pods, const struct kube_objects *slices, const char *family,
                       struct err *err)
{
    struct kube_objects present = {0};
    struct zones z = {c, a};
    struct node_zone nodes = {zone_of, &z};
    struct slice_plan plan;

    kube_objects_foreach(slices, o) if (strcmp(kstr(kube_endpoint_slice(o)->addresstype), family) == 0 &&
                                        !meta_deleting(o->meta)) kube_objects_push(&present, kube_object_ref(o));
    plan_slices(a, svc, pods, &present, family, (size_t)c->base.base.env.options->max_endpoints_per_slice, &nodes,
                &plan);
    int r = apply(c, svc->key, svc->meta->namespace_, &plan, err);
    kube_objects_release(&present);
    return r;
}

static int sync_families(struct slice_controller *c, struct arena *a, const struct kube_object *svc, struct err *err)
{
    _cleanup_(kube_objects_releasep) struct kube_objects pods = {0}, slices = {0};
    const Corev1__ServiceSpec *spec = kube_service(svc)->spec;
    char *fallback[] = {(char *)"IPv4"};
    char **families = spec->n_ipfamilies ? spec->ipfamilies : fallback;
    size_t n = spec->n_ipfamilies ? spec->n_ipfamilies : 1;

    endpoints_pods(&c->base, svc, &pods);
    informer_by_index(c->slices, c->slices_by_service, svc->key, &slices);
    for (size_t i = 0; i < n; i++)
        if (sync_family(c, a, svc, &pods, &slices, families[i], err) < 0)
            return -1;
    return 0;
}

static int sync_service(void *ctx, struct str key, struct err *err)
{
    struct slice_controller *c = ctx;
    _cleanup_(arena_freep) struct arena *a = arena_new(SYNC_ARENA);
    struct kube_object *svc = sync_keep(a, informer_get(c->base.services, key));

    if (!svc) {
        expectations_forget(c->expected, key); /* the garbage collector takes the slices: the Service owns them */
        return 0;
    }
    if (!service_has_selector(kube_service(svc)) || meta_deleting(svc->meta) || !expectations_met(c->expected, key))
        return 0;
    if (sync_families(c, a, svc, err) == 0)
        return 0;
    if (err->code == ERR_NOT_FOUND ||
        (err->code == ERR_FORBIDDEN && strstr(err->msg, "because it is being terminated"))) {
        err_clear(err);
        return 0;
    }
    if (err->code != ERR_CONFLICT)
        recorder_event(c->base.base.recorder, svc, EVENT_WARNING, "FailedToUpdateEndpointSlices",
                       "Error updating Endpoint Slices for Service %s: %s", key.p, err->msg);
    return -1;
}

static struct controller *make(const struct controller_env *env)
{
    struct slice_controller *c = controller_alloc(sizeof(*c), &endpointslice_controller, env);
    struct informer_handler slices = {c, slice_added, slice_updated, slice_deleted};

    c->expected = expectations_new(&clock_system);
    endpoints_watch(&c->base, env);
    c->slices = informer_of(env->informers, &kube_endpoint_slices, NULL);
    c->nodes = informer_of(env->informers, &kube_nodes, NULL);
    c->slices_by_service = informer_add_index(c->slices, index_service);
    informer_add_handler(c->slices, &slices);
    return &c->base.base;
}

static void unmake(struct controller *base)
{
    struct slice_controller *c = (struct slice_controller *)base;

    expectations_free(c->expected);
    controller_free(base);
}

const struct controller_def endpointslice_controller = {
    .name = "endpointslice-controller",
    .alias = "endpointslice",
    .account = "endpointslice-controller",
    .component = "endpoint-slice-controller",
    .workers = offsetof(struct controllers_options, endpointslice_syncs),
    .make = make,
    .sync = sync_service,
    .unmake = unmake,
};
