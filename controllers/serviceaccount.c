/* Every namespace has a service account called default. */
#include "controllers/controller.h"

struct sa_controller {
    struct controller base;
    struct informer *namespaces, *accounts;
};

static void account_deleted(void *ctx, struct kube_object *sa)
{
    struct sa_controller *c = ctx;
    if (strcmp(kstr(sa->meta->name), "default") == 0)
        workqueue_add(c->base.queue, str_of(sa->meta->namespace_));
}

static int sync_namespace(void *ctx, struct str key, struct err *err)
{
    struct sa_controller *c = ctx;
    _cleanup_(kube_object_unrefp) struct kube_object *ns = informer_get(c->namespaces, key);
    _cleanup_(kube_object_unrefp) struct kube_object *there =
        ns ? informer_get_ns(c->accounts, ns->meta->name, "default") : NULL;
    Metav1__ObjectMeta m = METAV1__OBJECT_META__INIT;
    Corev1__ServiceAccount sa = COREV1__SERVICE_ACCOUNT__INIT;

    if (!ns || there || meta_deleting(ns->meta))
        return 0;
    m.name = (char *)"default", m.namespace_ = ns->meta->name;
    sa.metadata = &m;
    if (kube_create(c->base.env.client, &kube_service_accounts, ns->meta->name, &sa.base, NULL, err) == 0)
        return 0;
    if (err->code != ERR_ALREADY_EXISTS && err->code != ERR_NOT_FOUND &&
        !(err->code == ERR_FORBIDDEN && strstr(err->msg, "because it is being terminated")))
        return -1;
    err_clear(err);
    return 0;
}

static struct controller *make(const struct controller_env *env)
{
    struct sa_controller *c = controller_alloc(sizeof(*c), &serviceaccount_controller, env);
    struct informer_handler accounts = {c, NULL, NULL, account_deleted};
    struct informer_handler namespaces = {c, controller_enqueue, controller_enqueue_update, NULL};

    c->namespaces = informer_of(env->informers, &kube_namespaces, NULL);
    c->accounts = informer_of(env->informers, &kube_service_accounts, NULL);
    informer_add_handler(c->namespaces, &namespaces);
    informer_add_handler(c->accounts, &accounts);
    return &c->base;
}

const struct controller_def serviceaccount_controller = {
    .name = "serviceaccount-controller",
    .alias = "serviceaccount",
    .account = "service-account-controller",
    .workers = offsetof(struct controllers_options, one_sync),
    .make = make,
    .sync = sync_namespace,
    .unmake = controller_free,
};
