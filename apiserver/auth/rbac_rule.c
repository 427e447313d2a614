#include "apiserver/auth/rbac_rule.h"

static struct rule_list compile_list(struct arena *a, const struct doc *array)
{
    struct rule_list l = {arena_calloc(a, doc_count(array), sizeof(struct str)), 0};
    doc_foreach (array, item)
        if (l.v && item->type == DOC_STRING)
            l.v[l.n++] = arena_str(a, doc_str(item));
    return l;
}

void rbac_rule_compile(struct arena *a, const struct doc *rule, struct rbac_rule *ret)
{
    *ret = (struct rbac_rule){
        .verbs = compile_list(a, doc_get(rule, "verbs")),
        .groups = compile_list(a, doc_get(rule, "apiGroups")),
        .resources = compile_list(a, doc_get(rule, "resources")),
        .names = compile_list(a, doc_get(rule, "resourceNames")),
        .urls = compile_list(a, doc_get(rule, "nonResourceURLs")),
    };
}

static void set_list(struct arena *a, struct doc *obj, const char *key, const struct rule_list *l)
{
    if (!l->n)
        return;
    struct doc *array = doc_array(a);
    for (size_t i = 0; i < l->n; i++)
        doc_append(array, doc_string_copy(a, l->v[i]));
    doc_set(obj, key, array);
}

struct doc *rbac_rule_doc(struct arena *a, const struct rbac_rule *rule)
{
    struct doc *obj = doc_object(a);
    set_list(a, obj, "verbs", &rule->verbs);
    set_list(a, obj, "apiGroups", &rule->groups);
    set_list(a, obj, "resources", &rule->resources);
    set_list(a, obj, "resourceNames", &rule->names);
    set_list(a, obj, "nonResourceURLs", &rule->urls);
    return obj;
}

/* --- does it allow --- */

static bool has(const struct rule_list *l, struct str s)
{
    for (size_t i = 0; i < l->n; i++)
        if (str_eq(l->v[i], s))
            return true;
    return false;
}

static bool has_or_all(const struct rule_list *l, struct str s)
{
    for (size_t i = 0; i < l->n; i++)
        if (str_is(l->v[i], "*") || str_eq(l->v[i], s))
            return true;
    return false;
}

/* "pods/log" is resource and subresource in one; "*" is everything, "x/log" with x = * the subresource of any resource.
 */
static bool resource_matches(struct str pattern, struct str resource, struct str sub)
{
    if (str_is(pattern, "*"))
        return true;
    if (!sub.n)
        return str_eq(pattern, resource);
    if (str_starts(pattern, STR("*/")))
        return str_eq(str_from(pattern, 2), sub);
    return pattern.n == resource.n + 1 + sub.n && str_starts(pattern, resource) && pattern.p[resource.n] == '/' &&
           str_ends(pattern, sub);
}

static bool has_resource(const struct rule_list *l, struct str resource, struct str sub)
{
    for (size_t i = 0; i < l->n; i++)
        if (resource_matches(l->v[i], resource, sub))
            return true;
    return false;
}

static bool url_matches(struct str pattern, struct str path)
{
    if (str_is(pattern, "*") || str_eq(pattern, path))
        return true;
    if (!str_ends(pattern, STR("*")))
        return false;
    while (pattern.n && pattern.p[pattern.n - 1] == '*')
        pattern.n--;
    return str_starts(path, pattern);
}

bool rbac_rule_allows(const struct rbac_rule *rule, const struct authz_attributes *attr)
{
    if (!has_or_all(&rule->verbs, attr->verb))
        return false;
    if (attr->is_resource)
        return has_or_all(&rule->groups, attr->group) &&
               has_resource(&rule->resources, attr->resource, attr->subresource) &&
               (!rule->names.n || has(&rule->names, attr->name));
    for (size_t i = 0; i < rule->urls.n; i++)
        if (url_matches(rule->urls.v[i], attr->path))
            return true;
    return false;
}

/* --- does one set of rules cover another: every single (verb, group, resource, name) combination is looked for --- */

static bool resource_covers(const struct rule_list *held, struct str wanted)
{
    const char *slash = wanted.n ? memchr(wanted.p, '/', wanted.n) : NULL;
    for (size_t i = 0; i < held->n; i++) {
        struct str h = held->v[i];
        if (str_is(h, "*") || str_eq(h, wanted))
            return true;
        if (slash && str_starts(h, STR("*/")) &&
            str_eq(str_from(h, 2), str_from(wanted, (size_t)(slash - wanted.p) + 1)))
            return true;
    }
    return false;
}

static bool resource_rule_covers(const struct rbac_rule *held, struct str verb, struct str group, struct str resource,
                                 const struct str *name)
{
    if (!has_or_all(&held->verbs, verb) || !has_or_all(&held->groups, group) ||
        !resource_covers(&held->resources, resource))
        return false;
    return !held->names.n || (name && has(&held->names, *name));
}

static bool any_covers(const struct rbac_rule *held, size_t n, struct str verb, struct str group, struct str resource,
                       const struct str *name)
{
    for (size_t i = 0; i < n; i++)
        if (resource_rule_covers(&held[i], verb, group, resource, name))
            return true;
    return false;
}

static bool any_covers_url(const struct rbac_rule *held, size_t n, struct str verb, struct str url)
{
    for (size_t i = 0; i < n; i++) {
        if (!has_or_all(&held[i].verbs, verb))
            continue;
        for (size_t k = 0; k < held[i].urls.n; k++)
            if (url_matches(held[i].urls.v[k], url))
                return true;
    }
    return false;
}

static bool verb_covered(const struct rbac_rule *held, size_t n, const struct rbac_rule *w, struct str verb)
{
    for (size_t g = 0; g < w->groups.n; g++)
        for (size_t r = 0; r < w->resources.n; r++) {
            if (!w->names.n && !any_covers(held, n, verb, w->groups.v[g], w->resources.v[r], NULL))
                return false;
            for (size_t i = 0; i < w->names.n; i++)
                if (!any_covers(held, n, verb, w->groups.v[g], w->resources.v[r], &w->names.v[i]))
                    return false;
        }
    for (size_t u = 0; u < w->urls.n; u++)
        if (!any_covers_url(held, n, verb, w->urls.v[u]))
            return false;
    return true;
}

bool rbac_rules_cover(const struct rbac_rule *held, size_t n_held, const struct rbac_rule *wanted)
{
    for (size_t v = 0; v < wanted->verbs.n; v++)
        if (!verb_covered(held, n_held, wanted, wanted->verbs.v[v]))
            return false;
    return true;
}
