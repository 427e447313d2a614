/*
 * Roles and bindings, namespaced or not.
 */
#include "apiserver/validation/kinds.h"

#define GROUP "rbac.authorization.k8s.io"

static void check_rule(errors *e, path_t p, const struct doc *rule, bool namespaced)
{
    const struct doc *urls = v_get(rule, "nonResourceURLs");
    bool groups = doc_count(v_get(rule, "apiGroups")), resources = doc_count(v_get(rule, "resources"));
    if (!doc_count(v_get(rule, "verbs")))
        field_required(e, FIELD(p, "verbs"), "verbs must contain at least one value");
    if (doc_count(urls)) {
        if (namespaced)
            field_invalid(e, FIELD(p, "nonResourceURLs"), urls, "namespaced rules cannot apply to non-resource URLs");
        if (groups || resources || doc_count(v_get(rule, "resourceNames")))
            field_invalid(e, FIELD(p, "nonResourceURLs"), urls,
                          "rules cannot apply to both regular resources and non-resource URLs");
        return;
    }
    if (!groups)
        field_required(e, FIELD(p, "apiGroups"), "resource rules must supply at least one api group");
    if (!resources)
        field_required(e, FIELD(p, "resources"), "resource rules must supply at least one resource");
}

static void check_rules(struct kind_check *k)
{
    V_EACH (v_get(k->obj, "rules"), rule) {
        check_rule(k->e, FIELD_AT(FIELD(NULL, "rules"), rule.i), rule.at, k->req->namespaced);
    }
}

void validate_role(struct kind_check *k)
{
    check_rules(k);
}

void validate_cluster_role(struct kind_check *k)
{
    const struct doc *aggregation = v_get(k->obj, "aggregationRule");
    const struct doc *selectors = v_get(aggregation, "clusterRoleSelectors");
    path_t p = FIELD(FIELD(NULL, "aggregationRule"), "clusterRoleSelectors");
    check_rules(k);
    if (!aggregation)
        return;
    if (!doc_count(selectors))
        field_required(k->e, p, "at least one clusterRoleSelector required if aggregationRule is non-nil");
    V_EACH (selectors, s) {
        bool parses;
        v_label_selector(k->e, FIELD_AT(p, s.i), s.at, true);
        (void)v_selects(k->e->arena, s.at, NULL, &parses);
        if (!parses)
            field_invalid(k->e, FIELD_AT(p, s.i), s.at, "invalid label selector.");
    }
}

static void check_account(errors *e, path_t p, const struct doc *subject, bool namespaced)
{
    struct str name = v_str(subject, "name"), group = v_str(subject, "apiGroup");
    if (name.n)
        v_name(e, FIELD(p, "name"), name, name_dns1123_subdomain);
    if (group.n)
        V_ENUM(e, FIELD(p, "apiGroup"), group, "");
    if (!namespaced && !v_str(subject, "namespace").n)
        field_required(e, FIELD(p, "namespace"), "%s", "");
}

static void check_subject(errors *e, path_t p, const struct doc *subject, bool namespaced)
{
    static const char *const kinds[] = {"ServiceAccount", "User", "Group", NULL};
    struct str kind = v_str(subject, "kind");
    if (!v_str(subject, "name").n)
        field_required(e, FIELD(p, "name"), "%s", "");
    if (str_is(kind, "ServiceAccount"))
        check_account(e, p, subject, namespaced);
    else if (v_among(kind, kinds))
        V_ENUM(e, FIELD(p, "apiGroup"), v_str(subject, "apiGroup"), GROUP);
    else
        v_enum(e, FIELD(p, "kind"), kind, kinds);
}

void validate_role_binding(struct kind_check *k)
{
    const struct doc *ref = v_get(k->obj, "roleRef");
    struct str name = v_str(ref, "name");
    path_t p = FIELD(NULL, "roleRef");
    V_ENUM(k->e, FIELD(p, "apiGroup"), v_str(ref, "apiGroup"), GROUP);
    if (k->req->namespaced)
        V_ENUM(k->e, FIELD(p, "kind"), v_str(ref, "kind"), "Role", "ClusterRole");
    else
        V_ENUM(k->e, FIELD(p, "kind"), v_str(ref, "kind"), "ClusterRole");
    if (name.n)
        v_name(k->e, FIELD(p, "name"), name, name_path_segment);
    else
        field_required(k->e, FIELD(p, "name"), "%s", "");
    V_EACH (v_get(k->obj, "subjects"), s) {
        check_subject(k->e, FIELD_AT(FIELD(NULL, "subjects"), s.i), s.at, k->req->namespaced);
    }
}

void validate_role_binding_update(struct kind_check *k)
{
    validate_role_binding(k);
    if (!v_equal(v_get(k->obj, "roleRef"), v_get(k->old, "roleRef")))
        field_invalid(k->e, FIELD(NULL, "roleRef"), v_get(k->obj, "roleRef"), "cannot change roleRef");
}
