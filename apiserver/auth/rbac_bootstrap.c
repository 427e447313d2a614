#include "apiserver/auth/rbac.h"

#include "apiserver/auth/rbac_bootstrap_table.h"
#include "apiserver/auth/rbac_rule.h"

#define RBAC_GROUP "rbac.authorization.k8s.io"
#define RBAC_VERSION RBAC_GROUP "/v1"
#define AUTOUPDATE "rbac.authorization.kubernetes.io/autoupdate"
#define BOOTSTRAPPING "kubernetes.io/bootstrapping"

static const struct {
    const char *resource, *kind;
} kinds[] = {
    [BOOTSTRAP_CLUSTER_ROLE] = {"clusterroles", "ClusterRole"},
    [BOOTSTRAP_CLUSTER_ROLE_BINDING] = {"clusterrolebindings", "ClusterRoleBinding"},
    [BOOTSTRAP_ROLE] = {"roles", "Role"},
    [BOOTSTRAP_ROLE_BINDING] = {"rolebindings", "RoleBinding"},
};

size_t rbac_bootstrap_count(void)
{
    return bootstrap_objects_n;
}

struct rbac_bootstrap rbac_bootstrap_at(size_t i)
{
    const struct bootstrap_object *o = &bootstrap_objects[i];
    return (struct rbac_bootstrap){kinds[o->kind].resource, o->ns, o->name};
}

static struct str before(struct str s, char sep, struct str *ret_after)
{
    const char *at = s.n ? memchr(s.p, sep, s.n) : NULL;
    size_t n = at ? (size_t)(at - s.p) : s.n;
    *ret_after = str_from(s, n + 1);
    return str_n(s.p, n);
}

static void set_text(struct arena *a, struct doc *obj, const char *key, struct str s)
{
    doc_set(obj, key, doc_string(a, s));
}

static void set_list(struct arena *a, struct doc *rule, const char *key, const char *list)
{
    if (!list)
        return;
    struct doc *array = doc_array(a);
    struct str rest = str_of(list), item;
    if (!rest.n)
        doc_append(array, doc_string(a, STR("")));
    while (rest.n && str_split(&rest, ',', &item))
        doc_append(array, doc_string(a, item));
    doc_set(rule, key, array);
}

static struct doc *rules_of(const struct bootstrap_object *o, struct arena *a)
{
    struct doc *rules = doc_array(a);
    for (size_t i = 0; i < o->n_rules; i++) {
        const struct bootstrap_rule *r = &bootstrap_rules[o->first_rule + i];
        struct doc *rule = doc_object(a);
        set_list(a, rule, "verbs", r->verbs);
        set_list(a, rule, "apiGroups", r->groups);
        set_list(a, rule, "resources", r->resources);
        set_list(a, rule, "resourceNames", r->names);
        set_list(a, rule, "nonResourceURLs", r->urls);
        doc_append(rules, rule);
    }
    return rules;
}

static struct doc *subjects_of(const struct bootstrap_object *o, struct arena *a)
{
    struct doc *subjects = doc_array(a);
    struct str rest = str_of(o->subjects), item, name;
    while (rest.n && str_split(&rest, ';', &item)) {
        struct doc *subject = doc_object(a);
        struct str kind = before(item, ':', &name), account;
        set_text(a, subject, "kind", kind);
        if (str_is(kind, "ServiceAccount")) {
            struct str ns = before(name, '/', &account);
            set_text(a, subject, "name", account);
            set_text(a, subject, "namespace", ns);
        } else {
            set_text(a, subject, "apiGroup", STR(RBAC_GROUP));
            set_text(a, subject, "name", name);
        }
        doc_append(subjects, subject);
    }
    return subjects;
}

static struct doc *metadata_of(const struct bootstrap_object *o, struct arena *a)
{
    struct doc *meta = doc_object(a), *labels = doc_object(a), *annotations = doc_object(a);
    set_text(a, meta, "name", str_of(o->name));
    if (*o->ns)
        set_text(a, meta, "namespace", str_of(o->ns));
    set_text(a, labels, BOOTSTRAPPING, STR("rbac-defaults"));
    struct str rest = str_of(o->labels), item, value;
    while (rest.n && str_split(&rest, ',', &item)) {
        struct str key = before(item, '=', &value);
        doc_set_str(labels, key, doc_string(a, value));
    }
    set_text(a, annotations, AUTOUPDATE, STR("true"));
    doc_set(meta, "labels", labels);
    doc_set(meta, "annotations", annotations);
    return meta;
}

static struct doc *aggregation_of(const struct bootstrap_object *o, struct arena *a)
{
    struct str value, key = before(str_of(o->aggregate), '=', &value);
    struct doc *match = doc_object(a), *selector = doc_object(a), *selectors = doc_array(a), *rule = doc_object(a);
    doc_set_str(match, key, doc_string(a, value));
    doc_set(selector, "matchLabels", match);
    doc_append(selectors, selector);
    doc_set(rule, "clusterRoleSelectors", selectors);
    return rule;
}

struct doc *rbac_bootstrap_doc(size_t i, struct arena *arena)
{
    const struct bootstrap_object *o = &bootstrap_objects[i];
    struct doc *obj = doc_object(arena);
    set_text(arena, obj, "apiVersion", STR(RBAC_VERSION));
    set_text(arena, obj, "kind", str_of(kinds[o->kind].kind));
    doc_set(obj, "metadata", metadata_of(o, arena));
    if (*o->aggregate)
        doc_set(obj, "aggregationRule", aggregation_of(o, arena));
    if (o->kind == BOOTSTRAP_CLUSTER_ROLE || o->kind == BOOTSTRAP_ROLE) {
        doc_set(obj, "rules", rules_of(o, arena));
        return obj;
    }
    struct doc *ref = doc_object(arena);
    struct str name, kind = before(str_of(o->role), ':', &name);
    set_text(arena, ref, "apiGroup", STR(RBAC_GROUP));
    set_text(arena, ref, "kind", kind);
    set_text(arena, ref, "name", name);
    doc_set(obj, "subjects", subjects_of(o, arena));
    doc_set(obj, "roleRef", ref);
    return obj;
}

/* --- bringing an existing object up to date: only ever adding --- */

static bool add_missing_members(struct arena *a, struct doc *meta, const struct doc *wanted_meta, const char *map)
{
    bool changed = false;
    struct doc *have = doc_need_object(a, meta, map);
    doc_foreach (doc_get(wanted_meta, map), want)
        if (!doc_get_str(have, doc_key(want))) {
            doc_set_str(have, doc_key(want), doc_clone(a, want, true));
            changed = true;
        }
    return changed;
}

static bool array_has(const struct doc *array, const struct doc *item)
{
    doc_foreach (array, it)
        if (doc_equal(it, item))
            return true;
    return false;
}

static bool add_missing_items(struct arena *a, struct doc *obj, const struct doc *wanted, const char *list)
{
    bool changed = false;
    struct doc *have = doc_need_array(a, obj, list);
    doc_foreach (doc_get(wanted, list), want)
        if (!array_has(have, want)) {
            doc_append(have, doc_clone(a, want, true));
            changed = true;
        }
    return changed;
}

static bool add_missing_rules(struct arena *a, struct doc *obj, const struct doc *wanted)
{
    bool changed = false;
    struct doc *have = doc_need_array(a, obj, "rules");
    size_t n = 0;
    struct rbac_rule *held = arena_calloc(a, doc_count(have), sizeof(*held));
    doc_foreach (have, rule)
        if (held)
            rbac_rule_compile(a, rule, &held[n++]);
    doc_foreach (doc_get(wanted, "rules"), want) {
        struct rbac_rule rule;
        rbac_rule_compile(a, want, &rule);
        if (rbac_rules_cover(held, n, &rule))
            continue;
        doc_append(have, doc_clone(a, want, true));
        changed = true;
    }
    return changed;
}

struct doc *rbac_bootstrap_reconcile(size_t i, const struct doc *existing, struct arena *arena)
{
    const struct bootstrap_object *o = &bootstrap_objects[i];
    if (str_is(doc_str(doc_get(doc_path(existing, "metadata.annotations"), AUTOUPDATE)), "false"))
        return NULL;
    const struct doc *wanted = rbac_bootstrap_doc(i, arena);
    struct doc *obj = doc_clone(arena, existing, true);
    struct doc *meta = doc_need_object(arena, obj, "metadata");
    bool changed = add_missing_members(arena, meta, doc_get(wanted, "metadata"), "labels");
    changed |= add_missing_members(arena, meta, doc_get(wanted, "metadata"), "annotations");
    if (o->kind == BOOTSTRAP_CLUSTER_ROLE_BINDING || o->kind == BOOTSTRAP_ROLE_BINDING)
        changed |= add_missing_items(arena, obj, wanted, "subjects");
    else if (*o->aggregate)
        changed |= add_missing_items(arena, doc_need_object(arena, obj, "aggregationRule"),
                                     doc_get(wanted, "aggregationRule"), "clusterRoleSelectors");
    else
        changed |= add_missing_rules(arena, obj, wanted);
    return changed && !arena_overflow(arena) ? obj : NULL;
}
