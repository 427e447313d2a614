/*
 * Replica sets, and replication controllers, their older form with a plain selector.
 */
#include "apiserver/validation/workload.h"

void validate_replica_set(struct kind_check *k)
{
    const struct doc *spec = v_get(k->obj, "spec"), *selector = v_get(spec, "selector");
    path_t p = FIELD(NULL, "spec");
    v_not_negative(k->e, FIELD(p, "replicas"), v_get(spec, "replicas"));
    v_not_negative(k->e, FIELD(p, "minReadySeconds"), v_get(spec, "minReadySeconds"));
    if (v_workload_selector(k->e, FIELD(p, "selector"), selector, "empty selector is invalid for deployment"))
        v_pod_template_of(k->e, FIELD(p, "template"), v_get(spec, "template"), selector, "ReplicaSet",
                          k->req->forbid_privileged);
}

void validate_replica_set_update(struct kind_check *k)
{
    validate_replica_set(k);
    v_immutable(k->e, FIELD(FIELD(NULL, "spec"), "selector"), v_get(v_get(k->obj, "spec"), "selector"),
                v_get(v_get(k->old, "spec"), "selector"));
}

void validate_replica_set_status(struct kind_check *k)
{
    static const char *const counts[] = {"replicas",
                                         "fullyLabeledReplicas",
                                         "readyReplicas",
                                         "availableReplicas",
                                         "observedGeneration",
                                         "terminatingReplicas",
                                         NULL};
    static const struct count_bound bounds[] = {
        {"fullyLabeledReplicas", "replicas", "cannot be greater than status.replicas"},
        {"readyReplicas", "replicas", "cannot be greater than status.replicas"},
        {"availableReplicas", "replicas", "cannot be greater than status.replicas"},
        {"availableReplicas", "readyReplicas", "cannot be greater than readyReplicas"},
    };
    path_t p = FIELD(NULL, "status");
    v_counts(k->e, p, v_get(k->obj, "status"), counts);
    v_count_bounds(k->e, p, v_get(k->obj, "status"), bounds, ARRAY_LEN(bounds));
}

static bool labels_have(const struct doc *labels, const struct doc *selector)
{
    doc_foreach (selector, it) {
        if (!labels || !doc_equal(doc_get_str(labels, doc_key(it)), it))
            return false;
    }
    return true;
}

void validate_replication_controller(struct kind_check *k)
{
    const struct doc *spec = v_get(k->obj, "spec"), *selector = v_get(spec, "selector");
    const struct doc *tmpl = v_get(spec, "template"), *labels = v_get(v_get(tmpl, "metadata"), "labels");
    path_t p = FIELD(NULL, "spec");
    v_not_negative(k->e, FIELD(p, "minReadySeconds"), v_get(spec, "minReadySeconds"));
    if (!doc_count(selector))
        field_required(k->e, FIELD(p, "selector"), "%s", "");
    v_not_negative(k->e, FIELD(p, "replicas"), v_get(spec, "replicas"));
    if (!tmpl) {
        field_required(k->e, FIELD(p, "template"), "%s", "");
        return;
    }
    if (doc_count(selector) && !labels_have(labels, selector))
        field_invalid(k->e, FIELD(FIELD(FIELD(p, "template"), "metadata"), "labels"), labels,
                      "`selector` does not match template `labels`");
    v_pod_template_of(k->e, FIELD(p, "template"), tmpl, NULL, "ReplicationController", k->req->forbid_privileged);
}
