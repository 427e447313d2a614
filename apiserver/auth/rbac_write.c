/*
 * Nobody may hand out more than they have: the check before a write of an RBAC object.
 */
#include "apiserver/auth/authz_internal.h"
#include "apiserver/auth/rbac.h"
#include "apiserver/auth/rbac_rule.h"

#include "api/fielderr.h"
#include "api/status.h"

#include <stdlib.h>

#define RBAC_GROUP "rbac.authorization.k8s.io"
#define TEXT_MAX_BYTES ((size_t)64 << 10)
#define MISSING_SHOWN_MAX 256

struct write_check {
    struct authorizer *z;
    const struct user *user;
    const char *resource;
    struct str ns, name;
    struct arena *arena;
};

static bool allowed_verb(const struct write_check *c, const char *verb, struct str resource, struct str ns,
                         struct str name)
{
    struct authz_attributes attr = {.user = c->user,
                                    .verb = str_of(verb),
                                    .is_resource = true,
                                    .ns = ns,
                                    .group = STR(RBAC_GROUP),
                                    .version = STR("v1"),
                                    .resource = resource,
                                    .name = name};
    return authz_decide(c->z, &attr, NULL) == AUTHZ_ALLOW;
}

static void write_list(struct buf *out, struct arena *a, const char *title, const struct rule_list *l, bool *first)
{
    if (!l->n)
        return;
    buf_printf(out, "%s%s:[", *first ? "" : ", ", title);
    for (size_t i = 0; i < l->n; i++) {
        const char *q = field_quote(a, l->v[i]);
        buf_printf(out, "%s%s", i ? " " : "", q ? q : "");
    }
    buf_putc(out, ']');
    *first = false;
}

static void write_rule(struct buf *out, struct arena *a, const struct rbac_rule *r)
{
    bool first = true;
    buf_putc(out, '{');
    write_list(out, a, "APIGroups", &r->groups, &first);
    write_list(out, a, "Resources", &r->resources, &first);
    write_list(out, a, "NonResourceURLs", &r->urls, &first);
    write_list(out, a, "ResourceNames", &r->names, &first);
    write_list(out, a, "Verbs", &r->verbs, &first);
    buf_putc(out, '}');
}

static struct rule_list one(struct str *s)
{
    return (struct rule_list){s, 1};
}

/* A rule that stays open, to which the verbs that are missing are added as they are found. */
static void note_missing(const struct write_check *c, const struct rbac_rule *held, size_t n,
                         const struct rbac_rule *part, const struct rule_list *verbs, struct buf *out)
{
    struct rbac_rule missing = *part;
    missing.verbs = (struct rule_list){arena_calloc(c->arena, verbs->n, sizeof(struct str)), 0};
    for (size_t v = 0; missing.verbs.v && v < verbs->n; v++) {
        struct rbac_rule single = *part;
        single.verbs = one(&verbs->v[v]);
        if (!rbac_rules_cover(held, n, &single))
            missing.verbs.v[missing.verbs.n++] = verbs->v[v];
    }
    if (!missing.verbs.n)
        return;
    buf_putc(out, '\n');
    write_rule(out, c->arena, &missing);
}

/* Each missing right by itself: one group, resource and name a line, as upstream breaks rules down. */
static void list_missing(const struct write_check *c, const struct rbac_rule *held, size_t n, const struct rbac_rule *w,
                         struct buf *out)
{
    for (size_t g = 0; g < w->groups.n; g++)
        for (size_t r = 0; r < w->resources.n; r++) {
            struct rbac_rule part = {.groups = one(&w->groups.v[g]), .resources = one(&w->resources.v[r])};
            if (!w->names.n)
                note_missing(c, held, n, &part, &w->verbs, out);
            for (size_t i = 0; i < w->names.n; i++) {
                part.names = one(&w->names.v[i]);
                note_missing(c, held, n, &part, &w->verbs, out);
            }
        }
    for (size_t u = 0; u < w->urls.n; u++) {
        struct rbac_rule part = {.urls = one(&w->urls.v[u])};
        note_missing(c, held, n, &part, &w->verbs, out);
    }
}

static struct rbac_rule *compile_all(struct arena *a, const struct doc *rules, size_t *ret_n)
{
    struct rbac_rule *v = arena_calloc(a, doc_count(rules), sizeof(*v));
    *ret_n = 0;
    doc_foreach (rules, rule)
        if (v)
            rbac_rule_compile(a, rule, &v[(*ret_n)++]);
    return v;
}

static int check_rules(const struct write_check *c, const struct doc *rules, struct err *err)
{
    struct doc *held_docs = doc_array(c->arena);
    if (rbac_rules_for(authorizer_rbac(c->z), c->user, c->ns, c->arena, held_docs, err) < 0)
        return -1;
    size_t n_held, n_wanted;
    const struct rbac_rule *held = compile_all(c->arena, held_docs, &n_held);
    const struct rbac_rule *wanted = compile_all(c->arena, rules, &n_wanted);
    _cleanup_(buf_releasep) struct buf missing = BUF_INIT(TEXT_MAX_BYTES);
    for (size_t i = 0; i < n_wanted; i++)
        if (!rbac_rules_cover(held, n_held, &wanted[i]))
            list_missing(c, held, n_held, &wanted[i], &missing);
    if (!missing.len)
        return arena_overflow(c->arena) ? err_set(err, ERR_TOO_LARGE, "too many rules") : 0;
    _cleanup_(buf_releasep) struct buf groups = BUF_INIT(TEXT_MAX_BYTES);
    for (size_t i = 0; i < c->user->n_groups; i++) {
        const char *q = field_quote(c->arena, c->user->groups[i]);
        buf_printf(&groups, "%s%s", i ? " " : "", q ? q : "");
    }
    const char *user = field_quote(c->arena, c->user->name);
    return status_forbidden(err, c->arena, STR(RBAC_GROUP), str_of(c->resource), c->name,
                            "user %s (groups=[%s]) is attempting to grant RBAC permissions not currently held:%s",
                            user ? user : "", groups.data ? groups.data : "", missing.data);
}

static int check_role(const struct write_check *c, const struct doc *obj, const struct doc *old, struct err *err)
{
    if (allowed_verb(c, "escalate", str_of(c->resource), c->ns, c->name))
        return 0;
    if (old && doc_equal(doc_get(obj, "rules"), doc_get(old, "rules")) &&
        doc_equal(doc_get(obj, "aggregationRule"), doc_get(old, "aggregationRule")))
        return 0;
    if (doc_count(doc_path(obj, "aggregationRule.clusterRoleSelectors"))) { /* may come to hold anything */
        struct authz_attributes all = {.user = c->user,
                                       .verb = STR("*"),
                                       .is_resource = true,
                                       .group = STR("*"),
                                       .version = STR("*"),
                                       .resource = STR("*")};
        if (authz_decide(c->z, &all, NULL) != AUTHZ_ALLOW)
            return status_forbidden(err, c->arena, STR(RBAC_GROUP), str_of(c->resource), c->name,
                                    "must have cluster-admin privileges to use the aggregationRule");
    }
    return check_rules(c, doc_get(obj, "rules"), err);
}

static int check_binding(const struct write_check *c, const struct doc *obj, const struct doc *old, struct err *err)
{
    const struct doc *ref = doc_get(obj, "roleRef");
    if (old && doc_equal(ref, doc_get(old, "roleRef")) && doc_equal(doc_get(obj, "subjects"), doc_get(old, "subjects")))
        return 0;
    bool role = str_is(doc_str(doc_get(ref, "kind")), "Role");
    struct str name = doc_str(doc_get(ref, "name")), role_ns = role ? c->ns : STR("");
    if (allowed_verb(c, "bind", role ? STR("roles") : STR("clusterroles"), c->ns, name))
        return 0;
    struct doc *rules = doc_array(c->arena);
    if (rbac_role_rules(authorizer_rbac(c->z), role_ns, name, c->arena, rules, err) < 0) {
        if (err->code != ERR_NOT_FOUND)
            return -1;
        return status_not_found(err, c->arena, STR(RBAC_GROUP), role ? STR("roles") : STR("clusterroles"), name);
    }
    return check_rules(c, rules, err);
}

int rbac_check_write(struct authorizer *z, const struct user *user, const char *resource, const struct doc *obj,
                     const struct doc *old, struct arena *arena, struct err *err)
{
    static const struct {
        const char *resource;
        int (*check)(const struct write_check *c, const struct doc *obj, const struct doc *old, struct err *err);
    } checks[] = {
        {"roles", check_role},
        {"clusterroles", check_role},
        {"rolebindings", check_binding},
        {"clusterrolebindings", check_binding},
    };
    if (!authorizer_rbac(z) || user_in_group(user, STR("system:masters")))
        return 0;
    struct write_check c = {
        z,    user, resource, doc_str(doc_path(obj, "metadata.namespace")), doc_str(doc_path(obj, "metadata.name")),
        arena};
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        if (strcmp(resource, checks[i].resource) == 0)
            return checks[i].check(&c, obj, old, err);
    return 0;
}
