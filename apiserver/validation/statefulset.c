#include "apiserver/validation/workload.h"

#define FIXED                                                                                                          \
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "         \
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"

static void check_rolling_update(errors *e, path_t p, const struct doc *rolling)
{
    const struct doc *unavailable = v_get(rolling, "maxUnavailable");
    v_not_negative(e, FIELD(p, "partition"), v_get(rolling, "partition"));
    if (!unavailable)
        return;
    v_int_or_percent(e, FIELD(p, "maxUnavailable"), unavailable);
    if (v_int_or_percent_value(unavailable) == 0)
        field_invalid(e, FIELD(p, "maxUnavailable"), unavailable, "cannot be 0");
    v_not_more_than_100_percent(e, FIELD(p, "maxUnavailable"), unavailable);
}

static void check_strategy(errors *e, path_t p, const struct doc *strategy)
{
    struct str type = v_str(strategy, "type");
    const struct doc *rolling = v_get(strategy, "rollingUpdate");
    if (!type.n)
        field_required(e, p, "%s", "");
    else if (str_is(type, "OnDelete") && rolling)
        field_invalid(e, FIELD(p, "rollingUpdate"), rolling, "only allowed for updateStrategy 'RollingUpdate'");
    else if (str_is(type, "RollingUpdate") && rolling)
        check_rolling_update(e, FIELD(p, "rollingUpdate"), rolling);
    else if (!str_is(type, "OnDelete") && !str_is(type, "RollingUpdate"))
        field_invalid(e, p, strategy, "must be 'RollingUpdate' or 'OnDelete'");
}

static bool has_volume(const struct doc *volumes, struct str name)
{
    V_EACH (volumes, v) {
        if (str_eq(v_str(v.at, "name"), name))
            return true;
    }
    return false;
}

/* The pods will have a volume for each claim template: mounts may name them. The template as it will be used. */
static const struct doc *with_claims(struct arena *a, const struct doc *spec)
{
    const struct doc *claims = v_get(spec, "volumeClaimTemplates");
    struct doc *tmpl = doc_clone(a, v_get(spec, "template"), true);
    if (!doc_count(claims) || !doc_is(doc_get(tmpl, "spec"), DOC_OBJECT))
        return tmpl;
    struct doc *volumes = doc_need_array(a, doc_get(tmpl, "spec"), "volumes");
    V_EACH (claims, claim) {
        struct str name = v_str(v_get(claim.at, "metadata"), "name");
        if (!volumes || has_volume(volumes, name))
            continue;
        struct doc *volume = doc_object(a), *source = doc_object(a);
        doc_set(source, "claimName", doc_string(a, name));
        doc_set(volume, "name", doc_string(a, name));
        doc_set(volume, "persistentVolumeClaim", source);
        doc_append(volumes, volume);
    }
    return tmpl;
}

void validate_stateful_set(struct kind_check *k)
{
    const struct doc *spec = v_get(k->obj, "spec"), *selector = v_get(spec, "selector");
    struct str management = v_str(spec, "podManagementPolicy"), service = v_str(spec, "serviceName");
    path_t p = FIELD(NULL, "spec");
    if (!management.n)
        field_required(k->e, FIELD(p, "podManagementPolicy"), "%s", "");
    else if (!str_is(management, "OrderedReady") && !str_is(management, "Parallel"))
        field_invalid_str(k->e, FIELD(p, "podManagementPolicy"), management, "must be 'OrderedReady' or 'Parallel'");
    check_strategy(k->e, FIELD(p, "updateStrategy"), v_get(spec, "updateStrategy"));
    v_not_negative(k->e, FIELD(p, "replicas"), v_get(spec, "replicas"));
    v_not_negative(k->e, FIELD(p, "minReadySeconds"), v_get(spec, "minReadySeconds"));
    v_not_negative(k->e, FIELD(FIELD(p, "ordinals"), "start"), v_get(v_get(spec, "ordinals"), "start"));
    if (service.n && !k->old)
        v_name(k->e, FIELD(p, "serviceName"), service, name_dns1123_label);
    if (v_workload_selector(k->e, FIELD(p, "selector"), selector, "empty selector is invalid for statefulset"))
        v_pod_template_of(k->e, FIELD(p, "template"), with_claims(k->e->arena, spec), selector, "StatefulSet",
                          k->req->forbid_privileged);
}

void validate_stateful_set_update(struct kind_check *k)
{
    static const char *const free_fields[] = {"replicas",
                                              "template",
                                              "updateStrategy",
                                              "minReadySeconds",
                                              "ordinals",
                                              "revisionHistoryLimit",
                                              "persistentVolumeClaimRetentionPolicy",
                                              NULL};
    const struct doc *old = v_get(k->old, "spec");
    struct doc *munged = doc_clone(k->e->arena, v_get(k->obj, "spec"), true);
    validate_stateful_set(k);
    for (const char *const *field = free_fields; munged && *field; field++) {
        const struct doc *was = doc_get(old, *field);
        if (was)
            doc_set(munged, *field, doc_clone(k->e->arena, was, true));
        else
            doc_remove(munged, *field);
    }
    if (munged && !v_equal(munged, old))
        field_forbidden(k->e, FIELD(NULL, "spec"), FIXED);
}
