#include "apiserver/validation/workload.h"

static void check_rolling_update(errors *e, path_t p, const struct doc *rolling)
{
    const struct doc *unavailable = v_get(rolling, "maxUnavailable"), *surge = v_get(rolling, "maxSurge");
    v_int_or_percent(e, FIELD(p, "maxUnavailable"), unavailable);
    v_int_or_percent(e, FIELD(p, "maxSurge"), surge);
    if (v_int_or_percent_value(unavailable) == 0 && v_int_or_percent_value(surge) == 0)
        field_invalid(e, FIELD(p, "maxUnavailable"), unavailable, "may not be 0 when `maxSurge` is 0");
    v_not_more_than_100_percent(e, FIELD(p, "maxUnavailable"), unavailable);
}

static void check_strategy(errors *e, path_t p, const struct doc *strategy)
{
    const struct doc *rolling = v_get(strategy, "rollingUpdate");
    struct str type = v_str(strategy, "type");
    if (str_is(type, "Recreate")) {
        if (rolling)
            field_forbidden(e, FIELD(p, "rollingUpdate"), "may not be specified when strategy `type` is 'Recreate'");
    } else if (!str_is(type, "RollingUpdate")) {
        static const char *const types[] = {"Recreate", "RollingUpdate"};
        field_not_supported(e, p, strategy, types, ARRAY_LEN(types));
    } else if (!rolling) {
        field_required(e, FIELD(p, "rollingUpdate"), "this should be defaulted and never be nil");
    } else {
        check_rolling_update(e, FIELD(p, "rollingUpdate"), rolling);
    }
}

void validate_deployment(struct kind_check *k)
{
    const struct doc *spec = v_get(k->obj, "spec"), *deadline = v_get(spec, "progressDeadlineSeconds");
    const struct doc *selector = v_get(spec, "selector");
    path_t p = FIELD(NULL, "spec");
    v_not_negative(k->e, FIELD(p, "replicas"), v_get(spec, "replicas"));
    if (v_workload_selector(k->e, FIELD(p, "selector"), selector, "empty selector is invalid for deployment"))
        v_pod_template_of(k->e, FIELD(p, "template"), v_get(spec, "template"), selector, "ReplicaSet",
                          k->req->forbid_privileged);
    check_strategy(k->e, FIELD(p, "strategy"), v_get(spec, "strategy"));
    v_not_negative(k->e, FIELD(p, "minReadySeconds"), v_get(spec, "minReadySeconds"));
    v_not_negative(k->e, FIELD(p, "revisionHistoryLimit"), v_get(spec, "revisionHistoryLimit"));
    if (!deadline)
        return;
    v_not_negative(k->e, FIELD(p, "progressDeadlineSeconds"), deadline);
    if (doc_int_or(deadline, 0) <= v_int(spec, "minReadySeconds"))
        field_invalid(k->e, FIELD(p, "progressDeadlineSeconds"), deadline, "must be greater than minReadySeconds");
}

void validate_deployment_update(struct kind_check *k)
{
    validate_deployment(k);
    v_immutable(k->e, FIELD(FIELD(NULL, "spec"), "selector"), v_get(v_get(k->obj, "spec"), "selector"),
                v_get(v_get(k->old, "spec"), "selector"));
}

void validate_deployment_status(struct kind_check *k)
{
    static const char *const counts[] = {"observedGeneration",  "replicas",          "updatedReplicas",
                                         "readyReplicas",       "availableReplicas", "unavailableReplicas",
                                         "terminatingReplicas", "collisionCount",    NULL};
    static const struct count_bound bounds[] = {
        {"updatedReplicas", "replicas", "cannot be greater than status.replicas"},
        {"readyReplicas", "replicas", "cannot be greater than status.replicas"},
        {"availableReplicas", "replicas", "cannot be greater than status.replicas"},
        {"availableReplicas", "readyReplicas", "cannot be greater than readyReplicas"},
    };
    path_t p = FIELD(NULL, "status");
    v_counts(k->e, p, v_get(k->obj, "status"), counts);
    v_count_bounds(k->e, p, v_get(k->obj, "status"), bounds, ARRAY_LEN(bounds));
}
