/* ServiceAccount: every pod runs as one, and finds its token where programs look for it. */
#include "api/status.h"
#include "apiserver/admission/plugins.h"
#include "apiserver/registry/meta.h"
#include "base/random.h"

#define TOKEN_PATH "/var/run/secrets/kubernetes.io/serviceaccount"
#define MIRROR "kubernetes.io/config.mirror"
#define TRIES 10 /* for the default account, which a controller makes for a new namespace */
#define SUFFIX 5

static bool is_mirror(const struct doc *pod)
{
    return doc_get(doc_get(meta_of(pod), "annotations"), MIRROR) != NULL;
}

/* What of the account matters here, each as text of its index. */
struct account {
    struct str automount, secrets;
};

static int look_up(const struct admit *a, struct str name, struct account *ret, struct err *err)
{
    const struct resource *res = registry_resource("", "serviceaccounts");
    static const char *const fields[] = {"automount", "pullSecrets"};
    struct str values[ARRAY_LEN(fields)];
    if (registry_fields_live(a->op->registry, a->op->arena, res, a->op->ns, name, fields, ARRAY_LEN(fields), values,
                             err) < 0)
        return -1;
    *ret = (struct account){values[0], values[1]};
    return 0;
}

static int find_account(const struct admit *a, struct str name, struct account *ret, struct err *err)
{
    int tries = str_is(name, "default") ? TRIES : 1;
    for (int i = 0; i < tries; i++) {
        if (i)
            sleep_ns((int64_t)(100 + random_below(100)) * NS_PER_MS); /* a worker may wait */
        err_clear(err);
        if (look_up(a, name, ret, err) == 0)
            return 0;
        if (err->code != ERR_NOT_FOUND)
            return -1;
    }
    return admit_forbidden(
        a, err, "error looking up service account " STR_FMT "/" STR_FMT ": serviceaccount \"" STR_FMT "\" not found",
        STR_ARG(a->op->ns), STR_ARG(name), STR_ARG(name));
}

static bool automount(const struct doc *pod, const struct account *account)
{
    const struct doc *own = doc_path(pod, "spec.automountServiceAccountToken");
    return doc_is(own, DOC_BOOL) ? own->b : !str_is(account->automount, "false");
}

static int add_pull_secrets(const struct admit *a, struct str account, struct doc *spec, struct err *err)
{
    struct doc *d = NULL;
    if (registry_get_live(a->op->registry, a->op->arena, registry_resource("", "serviceaccounts"), a->op->ns, account,
                          &d, err) < 0)
        return -1;
    struct doc *secrets = doc_get(d, "imagePullSecrets");
    if (doc_count(secrets))
        doc_set(spec, "imagePullSecrets", doc_clone(a->op->arena, secrets, true));
    return 0;
}

/* --- the volume --------------------------------------------------------------------------------------------------- */

static struct doc *text(struct arena *a, const char *s)
{
    return doc_string(a, str_of(s));
}

static struct doc *one(struct arena *a, const char *key, struct doc *value)
{
    struct doc *d = doc_object(a);
    if (d && value)
        doc_set(d, key, value);
    return d;
}

static struct doc *token_source(struct arena *a)
{
    struct doc *t = doc_object(a);
    doc_set(t, "expirationSeconds", doc_int(a, 3607));
    doc_set(t, "path", text(a, "token"));
    return one(a, "serviceAccountToken", t);
}

static struct doc *ca_source(struct arena *a)
{
    struct doc *map = doc_object(a), *items = doc_array(a), *item = doc_object(a);
    doc_set(map, "name", text(a, "kube-root-ca.crt"));
    doc_set(item, "key", text(a, "ca.crt"));
    doc_set(item, "path", text(a, "ca.crt"));
    doc_append(items, item);
    doc_set(map, "items", items);
    return one(a, "configMap", map);
}

static struct doc *namespace_source(struct arena *a)
{
    struct doc *items = doc_array(a), *item = doc_object(a), *ref = doc_object(a);
    doc_set(ref, "apiVersion", text(a, "v1"));
    doc_set(ref, "fieldPath", text(a, "metadata.namespace"));
    doc_set(item, "path", text(a, "namespace"));
    doc_set(item, "fieldRef", ref);
    doc_append(items, item);
    return one(a, "downwardAPI", one(a, "items", items));
}

static struct doc *token_volume(struct arena *a, struct str name)
{
    struct doc *volume = doc_object(a), *projected = doc_object(a), *sources = doc_array(a);
    doc_append(sources, token_source(a));
    doc_append(sources, ca_source(a));
    doc_append(sources, namespace_source(a));
    doc_set(projected, "sources", sources);
    doc_set(projected, "defaultMode", doc_int(a, 0644));
    doc_set(volume, "name", doc_string(a, name));
    doc_set(volume, "projected", projected);
    return volume;
}

static bool has_mount(const struct doc *container)
{
    doc_foreach (doc_get(container, "volumeMounts"), m) {
        if (str_is(doc_str(doc_get(m, "mountPath")), TOKEN_PATH))
            return true;
    }
    return false;
}

/* Mounts the volume in the containers that have nothing there. True when one had not. */
static bool mount_in(struct arena *a, struct doc *containers, struct str name)
{
    bool any = false;
    doc_foreach (containers, c) {
        if (has_mount(c))
            continue;
        struct doc *mounts = doc_need_array(a, c, "volumeMounts"), *m = doc_object(a);
        if (!mounts || !m)
            continue;
        doc_set(m, "name", doc_string(a, name));
        doc_set(m, "readOnly", doc_bool(a, true));
        doc_set(m, "mountPath", text(a, TOKEN_PATH));
        doc_append(mounts, m);
        any = true;
    }
    return any;
}

/* A volume of that purpose that the pod already brings (it was copied from a running one). */
static struct str brought_volume(const struct doc *pod)
{
    doc_foreach (doc_path(pod, "spec.volumes"), v) {
        if (str_starts(doc_str(doc_get(v, "name")), STR("kube-api-access-")))
            return doc_str(doc_get(v, "name"));
    }
    return STR("");
}

static void mount_token(struct arena *a, struct doc *pod)
{
    struct doc *spec = doc_get(pod, "spec");
    struct str name = brought_volume(pod);
    bool brought = name.n > 0;
    char suffix[SUFFIX + 1];
    random_suffix(suffix, SUFFIX);
    if (!brought)
        name = str_of(arena_printf(a, "kube-api-access-%s", suffix));
    bool any = mount_in(a, doc_get(spec, "initContainers"), name);
    any = mount_in(a, doc_get(spec, "containers"), name) || any;
    struct doc *volumes = any && !brought ? doc_need_array(a, spec, "volumes") : NULL;
    if (volumes)
        doc_append(volumes, token_volume(a, name));
}

/* --- the plugin --------------------------------------------------------------------------------------------------- */

int service_account_mutate(const struct admit *ad, struct err *err)
{
    struct arena *a = ad->op->arena;
    struct doc *spec = doc_get(ad->obj, "spec");
    struct account account = {0};
    if (!admit_is(ad, "pods") || !doc_is(spec, DOC_OBJECT) || is_mirror(ad->obj))
        return 0;
    struct str name = doc_str(doc_get(spec, "serviceAccountName"));
    if (!name.n)
        name = doc_str(doc_get(spec, "serviceAccount"));
    if (!name.n)
        name = STR("default");
    doc_set(spec, "serviceAccountName", doc_string(a, name));
    doc_set(spec, "serviceAccount", doc_string(a, name)); /* the old name of the same field */
    if (find_account(ad, name, &account, err) < 0)
        return -1;
    if (automount(ad->obj, &account))
        mount_token(a, ad->obj);
    if (account.secrets.n && !doc_count(doc_get(spec, "imagePullSecrets")))
        return add_pull_secrets(ad, name, spec, err);
    return 0;
}

int service_account_validate(const struct admit *a, struct err *err)
{
    if (!admit_is(a, "pods"))
        return 0;
    const struct doc *spec = doc_get(a->obj, "spec");
    bool named = doc_str(doc_get(spec, "serviceAccountName")).n > 0;
    if (!is_mirror(a->obj)) {
        if (!named)
            return admit_forbidden(a, err, "no service account specified for pod " STR_FMT "/" STR_FMT,
                                   STR_ARG(a->op->ns), STR_ARG(a->op->name));
        return 0;
    }
    if (named)
        return admit_forbidden(a, err, "a mirror pod may not reference service accounts");
    doc_foreach (doc_get(spec, "volumes"), v) {
        if (doc_get(v, "secret"))
            return admit_forbidden(a, err, "a mirror pod may not reference secrets");
        doc_foreach (doc_path(v, "projected.sources"), s) {
            if (doc_get(s, "serviceAccountToken"))
                return admit_forbidden(a, err, "a mirror pod may not use ServiceAccountToken volume projections");
        }
    }
    return 0;
}
