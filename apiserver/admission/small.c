/* The plugins that add one thing, and checks that fit on a page. */
#include <stdatomic.h>

#include "apiserver/admission/plugins.h"
#include "apiserver/auth/rbac.h"
#include "apiserver/registry/meta.h"

/* --- TaintNodesByCondition ---------------------------------------------------------------------------------------- */

int taint_nodes(const struct admit *a, struct err *err)
{
    (void)err;
    struct arena *arena = a->op->arena;
    struct doc *spec = admit_is(a, "nodes") ? doc_need_object(arena, a->obj, "spec") : NULL;
    struct doc *taints = spec ? doc_need_array(arena, spec, "taints") : NULL;
    if (!taints)
        return 0;
    doc_foreach (taints, t) {
        if (str_is(doc_str(doc_get(t, "key")), "node.kubernetes.io/not-ready") &&
            str_is(doc_str(doc_get(t, "effect")), "NoSchedule"))
            return 0;
    }
    struct doc *t = doc_object(arena);
    if (!t)
        return 0;
    doc_set(t, "key", doc_string(arena, STR("node.kubernetes.io/not-ready")));
    doc_set(t, "effect", doc_string(arena, STR("NoSchedule")));
    doc_append(taints, t);
    return 0;
}

/* --- DefaultTolerationSeconds ------------------------------------------------------------------------------------- */

static bool tolerates(const struct doc *tolerations, const char *key)
{
    doc_foreach (tolerations, t) {
        struct str k = doc_str(doc_get(t, "key")), effect = doc_str(doc_get(t, "effect"));
        if ((!k.n || str_is(k, key)) && (!effect.n || str_is(effect, "NoExecute")))
            return true;
    }
    return false;
}

int default_tolerations(const struct admit *a, struct err *err)
{
    static const char *const keys[] = {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"};
    struct arena *arena = a->op->arena;
    struct doc *spec = admit_is(a, "pods") ? doc_get(a->obj, "spec") : NULL;
    (void)err;
    if (!doc_is(spec, DOC_OBJECT))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (tolerates(doc_get(spec, "tolerations"), keys[i]))
            continue;
        struct doc *list = doc_need_array(arena, spec, "tolerations"), *t = doc_object(arena);
        if (!list || !t)
            return 0;
        doc_set(t, "key", doc_string(arena, str_of(keys[i])));
        doc_set(t, "operator", doc_string(arena, STR("Exists")));
        doc_set(t, "effect", doc_string(arena, STR("NoExecute")));
        doc_set(t, "tolerationSeconds", doc_int(arena, 300));
        doc_append(list, t);
    }
    return 0;
}

/* --- StorageObjectInUseProtection --------------------------------------------------------------------------------- */

int storage_protection(const struct admit *a, struct err *err)
{
    static const char *const pairs[][2] = {
        {"persistentvolumes", "kubernetes.io/pv-protection"},
        {"persistentvolumeclaims", "kubernetes.io/pvc-protection"},
    };
    (void)err;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (!admit_is(a, pairs[i][0]) || meta_has_finalizer(a->obj, pairs[i][1]))
            continue;
        struct doc *meta = meta_need(a->op->arena, a->obj);
        struct doc *list = meta ? doc_need_array(a->op->arena, meta, "finalizers") : NULL;
        if (list)
            doc_append(list, doc_string(a->op->arena, str_of(pairs[i][1])));
    }
    return 0;
}

/* --- DefaultStorageClass, DefaultIngressClass --------------------------------------------------------------------- */

struct newest {
    struct arena *arena;
    const char *annotation;
    struct str name, created;
};

/* The newest of the classes marked as default, then the first by name. */
static bool consider(void *arg, const struct doc *obj)
{
    struct newest *n = arg;
    if (!str_is(doc_str(doc_get(doc_get(meta_of(obj), "annotations"), n->annotation)), "true"))
        return true;
    struct str created = meta_str(obj, "creationTimestamp"), name = meta_name(obj);
    int order = str_cmp(created, n->created);
    if (!n->name.n || order > 0 || (order == 0 && str_cmp(name, n->name) < 0)) {
        n->name = arena_str(n->arena, name);
        n->created = arena_str(n->arena, created);
    }
    return true;
}

static int set_default_class(const struct admit *a, const char *group, const char *classes, const char *annotation,
                             const char *field, struct err *err)
{
    struct doc *spec = doc_need_object(a->op->arena, a->obj, "spec");
    struct newest n = {.arena = a->op->arena, .annotation = annotation};
    if (!spec || doc_get(spec, field))
        return 0;
    if (registry_each(a->op->registry, registry_resource(group, classes), STR(""), consider, &n, err) < 0)
        return -1;
    if (n.name.n)
        doc_set(spec, field, doc_string(a->op->arena, n.name));
    return 0;
}

int default_storage_class(const struct admit *a, struct err *err)
{
    const struct doc *annotations = doc_get(meta_of(a->obj), "annotations");
    if (!admit_is(a, "persistentvolumeclaims") || doc_get(annotations, "volume.beta.kubernetes.io/storage-class"))
        return 0;
    return set_default_class(a, "storage.k8s.io", "storageclasses", "storageclass.kubernetes.io/is-default-class",
                             "storageClassName", err);
}

int default_ingress_class(const struct admit *a, struct err *err)
{
    const struct doc *annotations = doc_get(meta_of(a->obj), "annotations");
    if (*a->op->sub || strcmp(a->op->res->group, "networking.k8s.io") != 0 ||
        strcmp(a->op->res->name, "ingresses") != 0 || doc_get(annotations, "kubernetes.io/ingress.class"))
        return 0;
    return set_default_class(a, "networking.k8s.io", "ingressclasses", "ingressclass.kubernetes.io/is-default-class",
                             "ingressClassName", err);
}

/* --- who hands out rights must have them -------------------------------------------------------------------------- */

int rbac_escalation(const struct admit *a, struct err *err)
{
    if (strcmp(a->op->res->group, "rbac.authorization.k8s.io") != 0 || !a->obj || !a->op->registry->authorizer)
        return 0;
    return rbac_check_write(a->op->registry->authorizer, a->op->user, a->op->res->name, a->obj, a->old, a->op->arena,
                            err);
}
