/*
 * Affinity, tolerations, topology spread and scheduling gates.
 */
#include "apiserver/validation/pod_internal.h"

#define WEIGHT_MIN 1
#define WEIGHT_MAX 100

static void check_expression(errors *e, path_t p, const struct doc *r, bool check_values)
{
    static const char *const with[] = {"In", "NotIn", NULL}, *const without[] = {"Exists", "DoesNotExist", NULL};
    static const char *const compare[] = {"Gt", "Lt", NULL};
    struct str op = v_str(r, "operator");
    const struct doc *values = v_get(r, "values");
    if (v_among(op, with)) {
        if (!doc_count(values))
            field_required(e, FIELD(p, "values"), "must be specified when `operator` is 'In' or 'NotIn'");
    } else if (v_among(op, without)) {
        if (doc_count(values))
            field_forbidden(e, FIELD(p, "values"),
                            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    } else if (v_among(op, compare)) {
        if (doc_count(values) != 1)
            field_required(e, FIELD(p, "values"), "must be specified single value when `operator` is 'Lt' or 'Gt'");
    } else {
        field_invalid_str(e, FIELD(p, "operator"), op, "not a valid selector operator");
    }
    v_name(e, FIELD(p, "key"), v_str(r, "key"), name_qualified);
    V_EACH (values, v) {
        if (check_values)
            v_name(e, FIELD_AT(FIELD(p, "values"), v.i), doc_str(v.at), name_label_value);
    }
}

static void check_field_expression(errors *e, path_t p, const struct doc *r)
{
    struct str op = v_str(r, "operator"), key = v_str(r, "key");
    const struct doc *values = v_get(r, "values");
    if (!str_is(op, "In") && !str_is(op, "NotIn"))
        field_invalid_str(e, FIELD(p, "operator"), op, "not a valid selector operator");
    else if (doc_count(values) != 1)
        field_required(e, FIELD(p, "values"),
                       "must be only one value when `operator` is 'In' or 'NotIn' for node field selector");
    if (!str_is(key, "metadata.name")) {
        field_invalid_str(e, FIELD(p, "key"), key, "not a valid field selector key");
        return;
    }
    V_EACH (values, v) {
        v_name(e, FIELD_AT(FIELD(p, "values"), v.i), doc_str(v.at), name_dns1123_subdomain);
    }
}

static void check_node_term(errors *e, path_t p, const struct doc *term, bool check_values)
{
    V_EACH (v_get(term, "matchExpressions"), r) {
        check_expression(e, FIELD_AT(FIELD(p, "matchExpressions"), r.i), r.at, check_values);
    }
    V_EACH (v_get(term, "matchFields"), f) {
        check_field_expression(e, FIELD_AT(FIELD(p, "matchFields"), f.i), f.at);
    }
}

static void check_weight(errors *e, path_t p, const struct doc *weighted)
{
    int64_t weight = v_int(weighted, "weight");
    if (weight < WEIGHT_MIN || weight > WEIGHT_MAX)
        field_invalid_int(e, FIELD(p, "weight"), weight, "must be in the range 1-100");
}

static void check_node_affinity(errors *e, path_t p, const struct doc *affinity)
{
    const struct doc *required = v_get(affinity, "requiredDuringSchedulingIgnoredDuringExecution");
    path_t terms = FIELD(FIELD(p, "requiredDuringSchedulingIgnoredDuringExecution"), "nodeSelectorTerms");
    if (required && !doc_count(v_get(required, "nodeSelectorTerms")))
        field_required(e, terms, "must have at least one node selector term");
    V_EACH (v_get(required, "nodeSelectorTerms"), term) {
        check_node_term(e, FIELD_AT(terms, term.i), term.at, true);
    }
    path_t preferred = FIELD(p, "preferredDuringSchedulingIgnoredDuringExecution");
    V_EACH (v_get(affinity, "preferredDuringSchedulingIgnoredDuringExecution"), pref) {
        check_weight(e, FIELD_AT(preferred, pref.i), pref.at);
        check_node_term(e, FIELD(FIELD_AT(preferred, pref.i), "preference"), v_get(pref.at, "preference"), false);
    }
}

static void check_pod_term(errors *e, path_t p, const struct doc *term)
{
    struct str key = v_str(term, "topologyKey");
    v_label_selector(e, FIELD(p, "labelSelector"), v_get(term, "labelSelector"), true);
    v_label_selector(e, FIELD(p, "namespaceSelector"), v_get(term, "namespaceSelector"), true);
    V_EACH (v_get(term, "namespaces"), ns) {
        v_name(e, FIELD(p, "namespace"), doc_str(ns.at), name_dns1123_label);
    }
    static const char *const keys[] = {"matchLabelKeys", "mismatchLabelKeys", NULL};
    for (const char *const *field = keys; *field; field++) {
        const struct doc *list = v_get(term, *field);
        if (doc_count(list) && !v_get(term, "labelSelector"))
            field_forbidden(e, FIELD(p, *field), "must not be specified when labelSelector is not set");
        V_EACH (list, k) {
            v_name(e, FIELD_AT(FIELD(p, *field), k.i), doc_str(k.at), name_qualified);
        }
    }
    if (!key.n)
        field_required(e, FIELD(p, "topologyKey"), "can not be empty");
    v_name(e, FIELD(p, "topologyKey"), key, name_qualified);
}

static void check_pod_affinity(errors *e, path_t p, const struct doc *affinity)
{
    path_t required = FIELD(p, "requiredDuringSchedulingIgnoredDuringExecution");
    path_t preferred = FIELD(p, "preferredDuringSchedulingIgnoredDuringExecution");
    V_EACH (v_get(affinity, "requiredDuringSchedulingIgnoredDuringExecution"), term) {
        check_pod_term(e, FIELD_AT(required, term.i), term.at);
    }
    V_EACH (v_get(affinity, "preferredDuringSchedulingIgnoredDuringExecution"), pref) {
        check_weight(e, FIELD_AT(preferred, pref.i), pref.at);
        check_pod_term(e, FIELD(FIELD_AT(preferred, pref.i), "podAffinityTerm"), v_get(pref.at, "podAffinityTerm"));
    }
}

void v_affinity(errors *e, path_t p, const struct doc *affinity)
{
    if (v_get(affinity, "nodeAffinity"))
        check_node_affinity(e, FIELD(p, "nodeAffinity"), v_get(affinity, "nodeAffinity"));
    if (v_get(affinity, "podAffinity"))
        check_pod_affinity(e, FIELD(p, "podAffinity"), v_get(affinity, "podAffinity"));
    if (v_get(affinity, "podAntiAffinity"))
        check_pod_affinity(e, FIELD(p, "podAntiAffinity"), v_get(affinity, "podAntiAffinity"));
}

/* --- tolerations --- */

static void check_operator(errors *e, path_t p, const struct doc *t)
{
    static const char *const supported[] = {"Equal", "Exists", NULL};
    struct str op = v_str(t, "operator"), value = v_str(t, "value");
    struct name_problems problems = {.n = 0};
    if (!op.n || str_is(op, "Equal")) {
        name_label_value(value, &problems);
        if (problems.n)
            field_invalid_str(e, FIELD(p, "operator"), value, "%s%s%s", problems.text[0], problems.n > 1 ? ";" : "",
                              problems.n > 1 ? problems.text[1] : "");
    } else if (str_is(op, "Exists")) {
        if (value.n)
            field_invalid_str(e, FIELD(p, "operator"), value, "value must be empty when `operator` is 'Exists'");
    } else {
        v_enum(e, FIELD(p, "operator"), op, supported);
    }
}

void v_tolerations(errors *e, path_t p, const struct doc *list)
{
    V_EACH (list, t) {
        path_t at = FIELD_AT(p, t.i);
        struct str key = v_str(t.at, "key"), op = v_str(t.at, "operator"), effect = v_str(t.at, "effect");
        if (key.n)
            v_name(e, FIELD(at, "key"), key, name_qualified);
        if (!key.n && !str_is(op, "Exists"))
            field_invalid_str(
                e, FIELD(at, "operator"), op,
                "operator must be Exists when `key` is empty, which means \"match all values and all keys\"");
        if (v_get(t.at, "tolerationSeconds") && !str_is(effect, "NoExecute"))
            field_invalid_str(e, FIELD(at, "effect"), effect,
                              "effect must be 'NoExecute' when `tolerationSeconds` is set");
        check_operator(e, at, t.at);
        if (effect.n)
            V_ENUM(e, FIELD(at, "effect"), effect, "NoSchedule", "PreferNoSchedule", "NoExecute");
    }
}

/* --- topology spread --- */

static void check_repeat(errors *e, path_t p, const struct doc *constraint)
{
    for (const struct doc *other = constraint->next; other; other = other->next)
        if (str_eq(v_str(other, "topologyKey"), v_str(constraint, "topologyKey")) &&
            str_eq(v_str(other, "whenUnsatisfiable"), v_str(constraint, "whenUnsatisfiable"))) {
            char *shown =
                arena_printf(e->arena, "{" STR_FMT ", " STR_FMT "}", STR_ARG(v_str(constraint, "topologyKey")),
                             STR_ARG(v_str(constraint, "whenUnsatisfiable")));
            field_duplicate_str(e, FIELD(p, "{topologyKey, whenUnsatisfiable}"), str_of(shown));
            return;
        }
}

static void check_match_keys(errors *e, path_t p, const struct doc *constraint)
{
    const struct doc *keys = v_get(constraint, "matchLabelKeys"), *selector = v_get(constraint, "labelSelector");
    const struct doc *labels = v_get(selector, "matchLabels");
    if (!doc_count(keys))
        return;
    if (!selector)
        field_forbidden(e, p, "must not be specified when labelSelector is not set");
    V_EACH (keys, k) {
        v_name(e, FIELD_AT(p, k.i), doc_str(k.at), name_qualified);
        if (labels && doc_get_str(labels, doc_str(k.at)))
            field_invalid(e, FIELD_AT(p, k.i), k.at, "exists in both matchLabelKeys and labelSelector");
    }
}

static void check_constraint(errors *e, path_t p, const struct doc *t)
{
    struct str key = v_str(t, "topologyKey"), action = v_str(t, "whenUnsatisfiable");
    const struct doc *domains = v_get(t, "minDomains");
    if (v_int(t, "maxSkew") <= 0)
        field_invalid_int(e, FIELD(p, "maxSkew"), v_int(t, "maxSkew"), "must be greater than zero");
    if (!key.n)
        field_required(e, FIELD(p, "topologyKey"), "can not be empty");
    else
        v_name(e, FIELD(p, "topologyKey"), key, name_qualified);
    V_ENUM(e, FIELD(p, "whenUnsatisfiable"), action, "DoNotSchedule", "ScheduleAnyway");
    check_repeat(e, p, t);
    if (domains && doc_int_or(domains, 0) <= 0)
        field_invalid(e, FIELD(p, "minDomains"), domains, "must be greater than zero");
    if (domains && !str_is(action, "DoNotSchedule"))
        field_invalid(e, FIELD(p, "minDomains"), domains,
                      "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not " STR_FMT, STR_ARG(action));
    if (v_get(t, "nodeAffinityPolicy"))
        V_ENUM(e, FIELD(p, "nodeAffinityPolicy"), v_str(t, "nodeAffinityPolicy"), "Honor", "Ignore");
    if (v_get(t, "nodeTaintsPolicy"))
        V_ENUM(e, FIELD(p, "nodeTaintsPolicy"), v_str(t, "nodeTaintsPolicy"), "Honor", "Ignore");
    check_match_keys(e, FIELD(p, "matchLabelKeys"), t);
    v_label_selector(e, FIELD(p, "labelSelector"), v_get(t, "labelSelector"), true);
}

void v_topology_spread(errors *e, path_t p, const struct doc *list)
{
    V_EACH (list, t) {
        check_constraint(e, FIELD_AT(p, t.i), t.at);
    }
}

void v_scheduling_gates(errors *e, path_t p, const struct doc *list)
{
    struct seen names = SEEN_IN(e->arena);
    V_EACH (list, g) {
        struct str name = v_str(g.at, "name");
        v_name(e, FIELD_AT(p, g.i), name, name_qualified);
        if (v_seen(&names, name))
            field_duplicate_str(e, FIELD_AT(p, g.i), name);
    }
}
