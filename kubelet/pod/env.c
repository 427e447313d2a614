#include "kubelet/pod/env.h"

#include "base/limits.h"
#include "base/map.h"
#include "kubelet/pod/build.h"
#include "kubelet/pod/expand.h"

#include <ctype.h>

#define ENV_MAX (4 * MIB) /* all values of one container */

struct env_builder {
    struct arena *a;
    const Corev1__Pod *pod;
    const Corev1__Container *container;
    const struct object_source *source;
    const struct downward_facts *facts;
    struct runtime_env *v;
    size_t n, cap;
    struct map index; /* name -> position + 1 */
};

static struct runtime_env *find(const struct env_builder *b, struct str name)
{
    size_t at = (size_t)(uintptr_t)map_get(&b->index, name);
    return at ? &b->v[at - 1] : NULL;
}

static void set(struct env_builder *b, const char *name, struct str value)
{
    struct runtime_env *e = find(b, str_of(name));
    if (!e) {
        if (b->n == b->cap) {
            size_t cap = b->cap ? b->cap * 2 : 32;
            b->v = build_must(arena_grow(b->a, b->v, b->cap * sizeof(*b->v), cap * sizeof(*b->v)));
            b->cap = cap;
        }
        e = &b->v[b->n++];
        e->name = build_text(b->a, name);
        map_set(&b->index, str_of(name), (void *)(uintptr_t)b->n);
    }
    e->value = arena_str(b->a, value);
}

static bool lookup_builder(const void *ctx, struct str name, struct str *ret)
{
    const struct runtime_env *e = find(ctx, name);
    if (e)
        *ret = e->value;
    return e != NULL;
}

bool env_lookup(const void *container_env, struct str name, struct str *ret_value)
{
    const struct container_env *c = container_env;
    for (size_t i = 0; i < c->n_env; i++)
        if (str_is(name, c->env[i].name)) {
            *ret_value = c->env[i].value;
            return true;
        }
    return false;
}

static bool name_usable(const char *name)
{
    if (!*name)
        return false;
    for (; *name; name++)
        if (*name == '=' || !isprint((unsigned char)*name))
            return false;
    return true;
}

static struct str binary(const ProtobufCBinaryData *d)
{
    return str_n((const char *)d->data, d->len);
}

/* --- envFrom --- */

static void set_prefixed(struct env_builder *b, const char *prefix, const char *key, struct str value)
{
    const char *name = BUILD_PRINTF(b->a, "%s%s", text_or(prefix, ""), text_or(key, ""));
    if (name_usable(name))
        set(b, name, value);
}

static int from_config_map(struct env_builder *b, const Corev1__EnvFromSource *f, struct err *err)
{
    const Corev1__ConfigMapEnvSource *ref = f->configmapref;
    _cleanup_(kube_object_unrefp) struct kube_object *o = NULL;
    const char *name = ref->localobjectreference ? text_or(ref->localobjectreference->name, "") : "";
    if (b->source->config_map(b->source->ctx, b->pod->metadata->namespace_, name, &o, err) < 0)
        return err->code == ERR_NOT_FOUND && ref->optional ? 0 : -1;
    const Corev1__ConfigMap *m = kube_config_map(o);
    for (size_t i = 0; i < m->n_data; i++)
        set_prefixed(b, f->prefix, m->data[i]->key, str_of(m->data[i]->value));
    return 0;
}

static int from_secret(struct env_builder *b, const Corev1__EnvFromSource *f, struct err *err)
{
    const Corev1__SecretEnvSource *ref = f->secretref;
    _cleanup_(kube_object_unrefp) struct kube_object *o = NULL;
    const char *name = ref->localobjectreference ? text_or(ref->localobjectreference->name, "") : "";
    if (b->source->secret(b->source->ctx, b->pod->metadata->namespace_, name, &o, err) < 0)
        return err->code == ERR_NOT_FOUND && ref->optional ? 0 : -1;
    const Corev1__Secret *s = kube_secret(o);
    for (size_t i = 0; i < s->n_data; i++)
        set_prefixed(b, f->prefix, s->data[i]->key, binary(&s->data[i]->value));
    return 0;
}

/* --- valueFrom: 1 = value set in out, 0 = left out (optional), -1 = error --- */

static int value_from_config_map(struct env_builder *b, const Corev1__ConfigMapKeySelector *s, struct buf *out,
                                 struct err *err)
{
    _cleanup_(kube_object_unrefp) struct kube_object *o = NULL;
    const char *ns = b->pod->metadata->namespace_;
    const char *name = s->localobjectreference ? text_or(s->localobjectreference->name, "") : "";
    if (b->source->config_map(b->source->ctx, ns, name, &o, err) < 0)
        return err->code == ERR_NOT_FOUND && s->optional ? 0 : -1;
    const Corev1__ConfigMap *m = kube_config_map(o);
    for (size_t i = 0; i < m->n_data; i++)
        if (text_is(m->data[i]->key, s->key)) {
            buf_puts(out, text_or(m->data[i]->value, ""));
            return 1;
        }
    if (s->optional)
        return 0;
    return err_set(err, ERR_INVALID, "couldn't find key %s in ConfigMap %s/%s", text_or(s->key, ""), ns, name);
}

static int value_from_secret(struct env_builder *b, const Corev1__SecretKeySelector *s, struct buf *out,
                             struct err *err)
{
    _cleanup_(kube_object_unrefp) struct kube_object *o = NULL;
    const char *ns = b->pod->metadata->namespace_;
    const char *name = s->localobjectreference ? text_or(s->localobjectreference->name, "") : "";
    if (b->source->secret(b->source->ctx, ns, name, &o, err) < 0)
        return err->code == ERR_NOT_FOUND && s->optional ? 0 : -1;
    const Corev1__Secret *m = kube_secret(o);
    for (size_t i = 0; i < m->n_data; i++)
        if (text_is(m->data[i]->key, s->key)) {
            buf_str_add(out, binary(&m->data[i]->value));
            return 1;
        }
    if (s->optional)
        return 0;
    return err_set(err, ERR_INVALID, "couldn't find key %s in Secret %s/%s", text_or(s->key, ""), ns, name);
}

static int value_of(struct env_builder *b, const Corev1__EnvVar *e, struct buf *out, struct err *err)
{
    const Corev1__EnvVarSource *f = e->valuefrom;
    if (!text_empty(e->value) || !f) {
        expand_text(out, str_of(e->value), lookup_builder, b);
        return 1;
    }
    if (f->fieldref)
        return downward_field(out, b->pod, b->facts, f->fieldref->fieldpath, err) < 0 ? -1 : 1;
    if (f->resourcefieldref) {
        const Corev1__Container *about = b->container;
        bool init;
        if (!text_empty(f->resourcefieldref->containername))
            about = pod_find_container(b->pod, f->resourcefieldref->containername, &init);
        if (!about)
            return err_set(err, ERR_INVALID, "container %s not found", f->resourcefieldref->containername);
        return downward_resource(out, about, b->facts, f->resourcefieldref, err) < 0 ? -1 : 1;
    }
    if (f->configmapkeyref)
        return value_from_config_map(b, f->configmapkeyref, out, err);
    if (f->secretkeyref)
        return value_from_secret(b, f->secretkeyref, out, err);
    return 0;
}

static int add_env(struct env_builder *b, struct err *err)
{
    for (size_t i = 0; i < b->container->n_envfrom; i++) {
        const Corev1__EnvFromSource *f = b->container->envfrom[i];
        if (f->configmapref && from_config_map(b, f, err) < 0)
            return -1;
        if (f->secretref && from_secret(b, f, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < b->container->n_env; i++) {
        const Corev1__EnvVar *e = b->container->env[i];
        _cleanup_(buf_releasep) struct buf value = BUF_INIT(ENV_MAX);
        int rc = value_of(b, e, &value, err);
        if (rc < 0)
            return -1;
        if (!buf_ok(&value))
            return err_set(err, ERR_TOO_LARGE, "the value of environment variable %s is too large", e->name);
        if (rc > 0)
            set(b, text_or(e->name, ""), buf_str(&value));
    }
    return 0;
}

/* --- services --- */

static void set_new(struct env_builder *b, const char *name, const char *value)
{
    if (!find(b, str_of(name)))
        set(b, name, str_of(value));
}

static char *variable_name(struct arena *a, const char *service)
{
    char *name = build_text(a, service);
    for (char *p = name; *p; p++)
        *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
    return name;
}

#define SET(b, value, ...) set_new((b), BUILD_PRINTF((b)->a, __VA_ARGS__), (value))

static void add_service(struct env_builder *b, const Corev1__Service *s)
{
    if (!s->spec || text_empty(s->spec->clusterip) || text_is(s->spec->clusterip, "None") || !s->spec->n_ports)
        return;
    const char *name = variable_name(b->a, s->metadata->name), *ip = s->spec->clusterip;
    SET(b, ip, "%s_SERVICE_HOST", name);
    for (size_t i = 0; i < s->spec->n_ports; i++) {
        const Corev1__ServicePort *p = s->spec->ports[i];
        const char *upper = text_or(p->protocol, "TCP");
        char *lower = build_text(b->a, upper);
        for (char *c = lower; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        const char *port = BUILD_PRINTF(b->a, "%d", p->port);
        const char *url = BUILD_PRINTF(b->a, "%s://%s:%s", lower, ip, port);
        if (i == 0) {
            SET(b, port, "%s_SERVICE_PORT", name);
            SET(b, url, "%s_PORT", name);
        }
        if (!text_empty(p->name))
            SET(b, port, "%s_SERVICE_PORT_%s", name, variable_name(b->a, p->name));
        const char *prefix = BUILD_PRINTF(b->a, "%s_PORT_%s_%s", name, port, upper);
        SET(b, url, "%s", prefix);
        SET(b, lower, "%s_PROTO", prefix);
        SET(b, port, "%s_PORT", prefix);
        SET(b, ip, "%s_ADDR", prefix);
    }
}

static void add_services(struct env_builder *b)
{
    bool links = !b->pod->spec->has_enableservicelinks || b->pod->spec->enableservicelinks;
    _cleanup_(kube_objects_releasep) struct kube_objects services = {0};
    b->source->services(b->source->ctx, b->pod->metadata->namespace_, links, &services);
    for (size_t i = 0; i < services.n; i++)
        add_service(b, kube_service(services.v[i]));
}

static const char *const *expand_list(struct env_builder *b, char *const *items, size_t n)
{
    const char **out = BUILD_ARRAY(b->a, n, const char *);
    for (size_t i = 0; i < n; i++) {
        _cleanup_(buf_releasep) struct buf text = BUF_INIT(ENV_MAX);
        expand_text(&text, str_of(items[i]), lookup_builder, b);
        out[i] = arena_str(b->a, buf_str(&text)).p;
    }
    return out;
}

int env_make(struct arena *a, const Corev1__Pod *pod, const Corev1__Container *container,
             const struct object_source *source, const struct downward_facts *facts, struct container_env *ret,
             struct err *err)
{
    struct env_builder b = {.a = a, .pod = pod, .container = container, .source = source, .facts = facts};
    map_init(&b.index, NULL);
    int rc = add_env(&b, err);
    if (rc == 0) {
        /* Services are visible to $(VAR) in command and args, but never override what the pod says. */
        add_services(&b);
        *ret = (struct container_env){
            .env = b.v,
            .n_env = b.n,
            .command = expand_list(&b, container->command, container->n_command),
            .n_command = container->n_command,
            .args = expand_list(&b, container->args, container->n_args),
            .n_args = container->n_args,
        };
    }
    map_release(&b.index);
    return rc;
}
