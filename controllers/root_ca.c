/* Every namespace has the cluster's CA in a config map, so that pods can check the API server. */
#include "controllers/controller.h"

#define NAME "kube-root-ca.crt"
#define DESCRIPTION                                                                                                    \
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "    \
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "  \
    "clusters."

struct ca_controller {
    struct controller base;
    struct informer *namespaces, *maps;
};

static void map_changed(void *ctx, struct kube_object *map)
{
    struct ca_controller *c = ctx;
    workqueue_add(c->base.queue, str_of(map->meta->namespace_));
}

static void map_updated(void *ctx, struct kube_object *old, struct kube_object *map)
{
    map_changed(ctx, map);
}

static bool is_right(const struct kube_object *o, const char *pem)
{
    const Corev1__ConfigMap *m = kube_config_map(o);

    return m->n_data == 1 && strcmp(kstr(m->data[0]->key), "ca.crt") == 0 &&
           strcmp(kstr(m->data[0]->value), pem) == 0 && meta_annotation(o->meta, "kubernetes.io/description");
}

static int write_map(struct ca_controller *c, const char *ns, const struct kube_object *there, struct err *err)
{
    Corev1__ConfigMap m = COREV1__CONFIG_MAP__INIT;
    Metav1__ObjectMeta meta = METAV1__OBJECT_META__INIT;
    Corev1__ConfigMap__DataEntry data = COREV1__CONFIG_MAP__DATA_ENTRY__INIT, *datas[] = {&data};
    Metav1__ObjectMeta__AnnotationsEntry note = METAV1__OBJECT_META__ANNOTATIONS_ENTRY__INIT, *notes[] = {&note};

    if (there) {
        m = *kube_config_map(there);
        meta = *there->meta;
    }
    meta.name = (char *)NAME, meta.namespace_ = (char *)ns;
    note.key = (char *)"kubernetes.io/description", note.value = (char *)DESCRIPTION;
    meta.n_annotations = 1, meta.annotations = notes;
    data.key = (char *)"ca.crt", data.value = c->base.env.options->root_ca_pem;
    m.n_data = 1, m.data = datas;
    m.metadata = &meta;
    return there ? kube_update(c->base.env.client, &kube_config_maps, "", &m.base, NULL, err)
                 : kube_create(c->base.env.client, &kube_config_maps, ns, &m.base, NULL, err);
}

static int sync_namespace(void *ctx, struct str key, struct err *err)
{
    struct ca_controller *c = ctx;
    _cleanup_(kube_object_unrefp) struct kube_object *ns = informer_get(c->namespaces, key);
    _cleanup_(kube_object_unrefp) struct kube_object *there =
        ns ? informer_get_ns(c->maps, ns->meta->name, NAME) : NULL;

    if (!ns || meta_deleting(ns->meta) || (there && is_right(there, c->base.env.options->root_ca_pem)))
        return 0;
    if (write_map(c, ns->meta->name, there, err) == 0)
        return 0;
    if (err->code != ERR_ALREADY_EXISTS && err->code != ERR_NOT_FOUND &&
        !(err->code == ERR_FORBIDDEN && strstr(err->msg, "because it is being terminated")))
        return -1;
    err_clear(err);
    return 0;
}

static struct controller *make(const struct controller_env *env)
{
    if (!env->options->root_ca_pem)
        return NULL;
    struct ca_controller *c = controller_alloc(sizeof(*c), &root_ca_controller, env);
    struct informer_options only = {.field_selector = "metadata.name=" NAME}; /* not every config map of the cluster */
    struct informer_handler maps = {c, map_changed, map_updated, map_changed};
    struct informer_handler namespaces = {c, controller_enqueue, controller_enqueue_update, NULL};

    c->namespaces = informer_of(env->informers, &kube_namespaces, NULL);
    c->maps = informer_of(env->informers, &kube_config_maps, &only);
    informer_add_handler(c->namespaces, &namespaces);
    informer_add_handler(c->maps, &maps);
    return &c->base;
}

const struct controller_def root_ca_controller = {
    .name = "root-ca-certificate-publisher-controller",
    .alias = "root-ca-cert-publisher",
    .account = "root-ca-cert-publisher",
    .workers = offsetof(struct controllers_options, one_sync),
    .make = make,
    .sync = sync_namespace,
    .unmake = controller_free,
};
