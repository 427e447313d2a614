/* The table of strategies, and rules too small for a file of their own. */
#include "apiserver/apiextensions/crd_status.h"
#include "apiserver/apiextensions/custom.h"
#include "apiserver/registry/meta.h"
#include "apiserver/registry/strategy.h"

#define S STRATEGY_STATUS
#define G STRATEGY_GENERATION

/* --- small rules -------------------------------------------------------------------------------------------------- */

/* Nodes arrive with a status that stays; only updates of the object itself leave it alone. */
static void keep_status(struct op *op, struct doc *obj, const struct doc *old)
{
    doc_keep(op->arena, obj, old, "status");
}

static void secret_update(struct op *op, struct doc *obj, const struct doc *old)
{
    if (!doc_str(doc_get(obj, "type")).n)
        doc_keep(op->arena, obj, old, "type");
}

/* A deployment's generation also follows its annotations: the revision history lives there. */
static bool deployment_grows(const struct doc *obj, const struct doc *old)
{
    return !doc_same(doc_get(obj, "spec"), doc_get(old, "spec")) ||
           !doc_same(doc_get(meta_of(obj), "annotations"), doc_get(meta_of(old), "annotations"));
}

static void deployment_status(struct op *op, struct doc *obj, const struct doc *old)
{
    meta_keep(op->arena, obj, old, "labels");
}

static bool template_grows(const struct doc *obj, const struct doc *old)
{
    return !doc_same(doc_get(obj, "template"), doc_get(old, "template"));
}

static void pv_create(struct op *op, struct doc *obj)
{
    struct doc *status = doc_need_object(op->arena, obj, "status");
    if (!status)
        return;
    doc_set(status, "phase", doc_string(op->arena, STR("Pending")));
    doc_set(status, "lastPhaseTransitionTime", meta_time(op->arena, op->now));
}

static void endpointslice_create(struct op *op, struct doc *obj)
{
    meta_set_int(op->arena, obj, "generation", 1);
}

static bool endpointslice_grows(const struct doc *obj, const struct doc *old)
{
    return !doc_same(doc_get(obj, "endpoints"), doc_get(old, "endpoints")) ||
           !doc_same(doc_get(obj, "ports"), doc_get(old, "ports")) ||
           !doc_same(doc_get(obj, "addressType"), doc_get(old, "addressType")) ||
           !doc_same(doc_get(meta_of(obj), "labels"), doc_get(meta_of(old), "labels"));
}

/* Labels that tie pods to their job, and the selector from them, unless the user chose a selector. */
static void job_create(struct op *op, struct doc *obj)
{
    struct doc *spec = doc_get(obj, "spec");
    struct doc *template = doc_get(spec, "template");
    if (!doc_is(template, DOC_OBJECT) || doc_true(doc_get(spec, "manualSelector")))
        return;
    static const char *const uid_keys[] = {"batch.kubernetes.io/controller-uid", "controller-uid"};
    static const char *const name_keys[] = {"batch.kubernetes.io/job-name", "job-name"};
    struct doc *meta = doc_need_object(op->arena, template, "metadata");
    struct doc *labels = meta ? doc_need_object(op->arena, meta, "labels") : NULL;
    struct doc *selector = doc_need_object(op->arena, spec, "selector");
    struct doc *match = selector ? doc_need_object(op->arena, selector, "matchLabels") : NULL;
    if (!labels || !match)
        return;
    for (size_t i = 0; i < ARRAY_LEN(uid_keys); i++) {
        doc_set(labels, uid_keys[i], doc_string(op->arena, meta_uid(obj)));
        doc_set(labels, name_keys[i], doc_string(op->arena, meta_name(obj)));
    }
    doc_set(match, uid_keys[0], doc_string(op->arena, meta_uid(obj)));
}

static void daemonset_update(struct op *op, struct doc *obj, const struct doc *old)
{
    struct doc *spec = doc_get(obj, "spec");
    if (doc_is(spec, DOC_OBJECT))
        doc_keep(op->arena, spec, doc_get(old, "spec"), "templateGeneration");
}

/* Who asks is what the server says, not what the request says. */
static void csr_create(struct op *op, struct doc *obj)
{
    struct doc *spec = doc_need_object(op->arena, obj, "spec");
    if (!spec || !op->user)
        return;
    struct doc *groups = doc_array(op->arena);
    for (size_t i = 0; groups && i < op->user->n_groups; i++)
        doc_append(groups, doc_string_copy(op->arena, op->user->groups[i]));
    doc_set(spec, "username", doc_string_copy(op->arena, op->user->name));
    doc_set(spec, "uid", doc_string_copy(op->arena, op->user->uid));
    if (groups)
        doc_set(spec, "groups", groups);
    doc_remove(spec, "extra");
}

static void csr_update(struct op *op, struct doc *obj, const struct doc *old)
{
    doc_keep(op->arena, obj, old, "spec");
    if (!*op->sub)
        doc_keep(op->arena, obj, old, "status");
}

/* Which versions have ever been stored. */
static void crd_note_storage_version(struct op *op, struct doc *obj)
{
    struct doc *status = doc_need_object(op->arena, obj, "status");
    struct doc *stored = status ? doc_need_array(op->arena, status, "storedVersions") : NULL;
    doc_foreach (doc_path(obj, "spec.versions"), v) {
        struct str name = doc_str(doc_get(v, "name"));
        bool known = !doc_true(doc_get(v, "storage"));
        doc_foreach (stored, s)
            known |= str_eq(doc_str(s), name);
        if (!known && stored)
            doc_append(stored, doc_string(op->arena, name));
    }
}

/* Whoever relies on such rules must learn that they do nothing here. */
static void crd_warn_of_rules(struct op *op, const struct doc *obj)
{
    if (op->warnings && crd_has_rules(obj))
        doc_warn(op->warnings, "x-kubernetes-validations are stored, but this server does not evaluate them");
}

static void crd_create(struct op *op, struct doc *obj)
{
    crd_warn_of_rules(op, obj);
    doc_remove(obj, "status");
    crd_note_storage_version(op, obj);
}

static void crd_update(struct op *op, struct doc *obj, const struct doc *old)
{
    crd_warn_of_rules(op, obj);
    if (op->user) /* the server itself writes status and finalizers together at the end */
        doc_keep(op->arena, obj, old, "status");
    crd_note_storage_version(op, obj);
}

static void crd_before_delete(struct op *op, struct doc *obj)
{
    if (!meta_is_deleting(obj))
        crd_begin_deletion(op->arena, obj, op->now);
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

static const struct strategy PLAIN = {.group = "", .resource = ""};

static const struct strategy TABLE[] = {
    {"", "pods", S | G | STRATEGY_RETURN_DELETED, pod_prepare_create, pod_prepare_update, pod_prepare_status,
     pod_generation_grows, .delete_step = pod_delete_step},
    {"", "namespaces", S, namespace_prepare_create, namespace_prepare_update, .delete_step = namespace_delete_step,
     .gone_after_update = namespace_gone_after_update},
    {"", "services", S | STRATEGY_CREATE_ON_UPDATE | STRATEGY_RETURN_DELETED, service_prepare_create,
     service_prepare_update, .reserve = service_reserve, .settle = service_settle, .release = service_release},
    {"", "nodes", 0, .prepare_update = keep_status},
    {"", "secrets", 0, .prepare_update = secret_update},
    {"", "serviceaccounts", STRATEGY_RETURN_DELETED},
    {"", "endpoints", STRATEGY_CREATE_ON_UPDATE},
    {"", "limitranges", STRATEGY_CREATE_ON_UPDATE},
    {"", "events", STRATEGY_CREATE_ON_UPDATE | STRATEGY_NO_GC | STRATEGY_TTL},
    {"events.k8s.io", "events", STRATEGY_CREATE_ON_UPDATE | STRATEGY_NO_GC | STRATEGY_TTL},
    {"", "resourcequotas", S | STRATEGY_RETURN_DELETED},
    {"", "replicationcontrollers", S | G},
    {"", "podtemplates", G | STRATEGY_RETURN_DELETED, .generation_grows = template_grows},
    {"", "persistentvolumes", S | STRATEGY_RETURN_DELETED, pv_create},
    {"", "persistentvolumeclaims", S | STRATEGY_RETURN_DELETED},
    {"apps", "deployments", S | G, .prepare_status = deployment_status, .generation_grows = deployment_grows},
    {"apps", "replicasets", S | G},
    {"apps", "statefulsets", S | G},
    {"apps", "daemonsets", S | G, .prepare_update = daemonset_update},
    {"batch", "jobs", S | G, job_create},
    {"batch", "cronjobs", S | G},
    {"autoscaling", "horizontalpodautoscalers", S},
    {"coordination.k8s.io", "leases", STRATEGY_CREATE_ON_UPDATE | STRATEGY_NEEDS_VERSION},
    {"discovery.k8s.io", "endpointslices", 0, endpointslice_create, .generation_grows = endpointslice_grows},
    {"networking.k8s.io", "ingresses", S | G},
    {"networking.k8s.io", "ingressclasses", G},
    {"networking.k8s.io", "networkpolicies", G},
    {"networking.k8s.io", "servicecidrs", S},
    {"policy", "poddisruptionbudgets", S | G | STRATEGY_NEEDS_VERSION},
    {"scheduling.k8s.io", "priorityclasses", G},
    {"flowcontrol.apiserver.k8s.io", "flowschemas", S | G},
    {"flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations", S | G},
    {"certificates.k8s.io", "certificatesigningrequests", S, csr_create, csr_update},
    {"apiextensions.k8s.io", "customresourcedefinitions", G | STRATEGY_NEEDS_VERSION, crd_create, crd_update,
     .before_delete = crd_before_delete},
    {"apiregistration.k8s.io", "apiservices", S},
    {"admissionregistration.k8s.io", "validatingadmissionpolicies", S | G},
    {"admissionregistration.k8s.io", "validatingadmissionpolicybindings", G},
    {"admissionregistration.k8s.io", "mutatingadmissionpolicies", G},
    {"admissionregistration.k8s.io", "mutatingadmissionpolicybindings", G},
    {"admissionregistration.k8s.io", "validatingwebhookconfigurations", G},
    {"admissionregistration.k8s.io", "mutatingwebhookconfigurations", G},
    {"resource.k8s.io", "resourceclaims", S},
    {"storage.k8s.io", "volumeattachments", S},
};

const struct strategy *strategy_of(const struct resource *res)
{
    if (res->custom)
        return &res->custom->strategy;
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++)
        if (strcmp(TABLE[i].group, res->group) == 0 && strcmp(TABLE[i].resource, res->name) == 0)
            return &TABLE[i];
    return &PLAIN;
}
