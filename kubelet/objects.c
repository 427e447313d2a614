/* What the rules read from the API server: config maps, secrets, services, tokens; and the events they cause. */
#include "kubelet/kubelet.h"

#include <stdarg.h>
#include <stdio.h>

static int get_named(struct kubelet *k, const struct kube_kind *kind, const char *what, const char *ns,
                     const char *name, struct kube_object **ret, struct err *err)
{
    if (kube_get(k->client, kind, ns, name, ret, err) == 0)
        return 0;
    if (err->code == ERR_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND, "%s \"%s\" not found", what, name);
    return err_wrap(err, "cannot get %s \"%s\"", what, name);
}

static int get_config_map(void *ctx, const char *ns, const char *name, struct kube_object **ret, struct err *err)
{
    return get_named(ctx, &kube_config_maps, "configmap", ns, name, ret, err);
}

static int get_secret(void *ctx, const char *ns, const char *name, struct kube_object **ret, struct err *err)
{
    return get_named(ctx, &kube_secrets, "secret", ns, name, ret, err);
}

/* With links all services of the namespace; always the API server's own. */
static void get_services(void *ctx, const char *ns, bool links, struct kube_objects *ret)
{
    struct kubelet *k = ctx;
    bool have_kubernetes = false;
    if (links) {
        struct kube_objects all = {0};
        informer_list(k->services, &all);
        for (size_t i = 0; i < all.n; i++) {
            const Metav1__ObjectMeta *m = all.v[i]->meta;
            if (strcmp(kstr(m->namespace_), ns) != 0)
                continue;
            have_kubernetes |= strcmp(kstr(m->name), "kubernetes") == 0;
            kube_objects_push(ret, kube_object_ref(all.v[i]));
        }
        kube_objects_release(&all);
    }
    struct kube_object *master = have_kubernetes ? NULL : informer_get_ns(k->services, "default", "kubernetes");
    if (master)
        kube_objects_push(ret, master);
}

static int get_token(void *ctx, const Corev1__Pod *pod, const char *audience, int64_t expiration_s, char **ret_token,
                     int64_t *ret_expires_ns, struct err *err)
{
    struct kubelet *k = ctx;
    struct kube_token_request r = {
        .ns = pod->metadata->namespace_,
        .service_account = text_or(pod->spec->serviceaccountname, "default"),
        .audiences = &audience,
        .n_audiences = text_empty(audience) ? 0 : 1,
        .expiration_s = expiration_s,
        .pod = pod->metadata->name,
        .pod_uid = pod->metadata->uid,
    };
    return kube_token(k->client, &r, ret_token, ret_expires_ns, err);
}

void kubelet_objects_init(struct kubelet *k)
{
    k->objects =
        (struct object_source){.config_map = get_config_map, .secret = get_secret, .services = get_services, .ctx = k};
    k->tokens = (struct token_source){.token = get_token, .ctx = k};
    k->volumes = (struct volume_context){.objects = &k->objects, .tokens = &k->tokens, .clock = k->clock};
}

void kubelet_event(struct kubelet *k, const Corev1__Pod *pod, const Corev1__Container *container, bool init,
                   const char *type, const char *reason, const char *fmt, ...)
{
    char text[1024], field[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    struct kube_ref ref = {
        .api_version = "v1",
        .kind = "Pod",
        .ns = pod->metadata->namespace_,
        .name = pod->metadata->name,
        .uid = pod->metadata->uid,
        .resource_version = pod->metadata->resourceversion,
    };
    if (container) {
        snprintf(field, sizeof(field), "spec.%s{%s}", init ? "initContainers" : "containers", container->name);
        ref.field_path = field;
    }
    recorder_event_ref(k->recorder, &ref, type, reason, "%s", text);
}
