#include "apiserver/validation/workload.h"

static void check_rolling_update(errors *e, path_t p, const struct doc *rolling)
{
    const struct doc *unavailable = v_get(rolling, "maxUnavailable"), *surge = v_get(rolling, "maxSurge");
    v_int_or_percent(e, FIELD(p, "maxUnavailable"), unavailable);
    v_not_more_than_100_percent(e, FIELD(p, "maxUnavailable"), unavailable);
    v_int_or_percent(e, FIELD(p, "maxSurge"), surge);
    v_not_more_than_100_percent(e, FIELD(p, "maxSurge"), surge);
    bool has_unavailable = v_int_or_percent_value(unavailable) != 0, has_surge = v_int_or_percent_value(surge) != 0;
    if (has_unavailable && has_surge)
        field_invalid(e, FIELD(p, "maxSurge"), surge, "may not be set when maxUnavailable is non-zero");
    if (!has_unavailable && !has_surge)
        field_required(e, FIELD(p, "maxUnavailable"), "cannot be 0 when maxSurge is 0");
}

static void check_strategy(errors *e, path_t p, const struct doc *strategy)
{
    const struct doc *rolling = v_get(strategy, "rollingUpdate");
    struct str type = v_str(strategy, "type");
    static const char *const types[] = {"RollingUpdate", "OnDelete"};
    if (str_is(type, "OnDelete"))
        return;
    if (!str_is(type, "RollingUpdate"))
        field_not_supported(e, p, strategy, types, ARRAY_LEN(types));
    else if (!rolling)
        field_required(e, FIELD(p, "rollingUpdate"), "%s", "");
    else
        check_rolling_update(e, FIELD(p, "rollingUpdate"), rolling);
}

void validate_daemon_set(struct kind_check *k)
{
    const struct doc *spec = v_get(k->obj, "spec"), *selector = v_get(spec, "selector");
    const struct doc *tmpl = v_get(spec, "template"), *labels = v_get(v_get(tmpl, "metadata"), "labels");
    path_t p = FIELD(NULL, "spec"), template_path = FIELD(p, "template");
    bool parses = true;
    struct str policy = v_str(v_get(tmpl, "spec"), "restartPolicy");
    v_label_selector(k->e, FIELD(p, "selector"), selector, true);
    if (!v_selects(k->e->arena, selector, labels, &parses) && parses)
        field_invalid(k->e, FIELD(FIELD(template_path, "metadata"), "labels"), labels,
                      "`selector` does not match template `labels`");
    if (selector && !v_selector_size(selector))
        field_invalid(k->e, FIELD(p, "selector"), selector, "empty selector is invalid for daemonset");
    v_pod_template(k->e, template_path, tmpl, k->req->forbid_privileged);
    if (!str_is(policy, "Always"))
        field_not_supported_str(k->e, FIELD(FIELD(template_path, "spec"), "restartPolicy"), policy,
                                (const char *const[]){"Always"}, 1);
    if (v_get(v_get(tmpl, "spec"), "activeDeadlineSeconds"))
        field_forbidden(k->e, FIELD(FIELD(template_path, "spec"), "activeDeadlineSeconds"),
                        "activeDeadlineSeconds in DaemonSet is not Supported");
    v_not_negative(k->e, FIELD(p, "minReadySeconds"), v_get(spec, "minReadySeconds"));
    check_strategy(k->e, FIELD(p, "updateStrategy"), v_get(spec, "updateStrategy"));
    v_not_negative(k->e, FIELD(p, "revisionHistoryLimit"), v_get(spec, "revisionHistoryLimit"));
}

void validate_daemon_set_update(struct kind_check *k)
{
    validate_daemon_set(k);
    v_immutable(k->e, FIELD(FIELD(NULL, "spec"), "selector"), v_get(v_get(k->obj, "spec"), "selector"),
                v_get(v_get(k->old, "spec"), "selector"));
}

void validate_daemon_set_status(struct kind_check *k)
{
    static const char *const counts[] = {"currentNumberScheduled", "numberMisscheduled",
                                         "desiredNumberScheduled", "numberReady",
                                         "observedGeneration",     "updatedNumberScheduled",
                                         "numberAvailable",        "numberUnavailable",
                                         "collisionCount",         NULL};
    v_counts(k->e, FIELD(NULL, "status"), v_get(k->obj, "status"), counts);
}
