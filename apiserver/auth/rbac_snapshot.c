#include "apiserver/auth/rbac_snapshot.h"

#include "api/selector.h"

#include <stdatomic.h>
#include <stdio.h>

#define RBAC_GROUP "rbac.authorization.k8s.io"
#define AGGREGATION_DEPTH 8 /* roles that aggregate roles that aggregate ...; also ends circles */
#define KEY_MAX 1024

struct cluster_role { /* what compiling needs beyond the result */
    struct rbac_role *role;
    const struct doc *labels;
    const struct label_selector **selectors;
    size_t n_selectors;
    const struct rbac_rule *own;
    size_t n_own;
};

struct rbac_snapshot {
    struct arena *arena;
    struct map roles;         /* "ns/name" (ClusterRoles "/name") -> struct rbac_role */
    struct map grants;        /* "ns/" kind subject -> struct rbac_grant, a chain */
    struct map cluster_roles; /* name -> struct cluster_role; emptied when compiled */
    uint64_t generation;
    _Atomic uint32_t refs;
};

static struct str make_key(char out[KEY_MAX], struct str ns, char kind, struct str name)
{
    int n = snprintf(out, KEY_MAX, STR_FMT "/%c" STR_FMT, STR_ARG(ns), kind, STR_ARG(name));
    return n < KEY_MAX ? str_n(out, (size_t)n) : str_n(out, 0);
}

static struct str meta(const struct doc *obj, const char *field)
{
    return doc_str(doc_get(doc_get(obj, "metadata"), field));
}

/* --- roles --- */

static void compile_rules(struct arena *a, const struct doc *rules, const struct rbac_rule **ret, size_t *ret_n)
{
    struct rbac_rule *v = arena_calloc(a, doc_count(rules), sizeof(*v));
    size_t n = 0;
    doc_foreach (rules, rule)
        if (v)
            rbac_rule_compile(a, rule, &v[n++]);
    *ret = v;
    *ret_n = n;
}

static struct rbac_role *add_role(struct rbac_snapshot *s, const struct doc *obj)
{
    char key[KEY_MAX];
    struct rbac_role *role = arena_new_of(s->arena, struct rbac_role);
    if (!role)
        return NULL;
    compile_rules(s->arena, doc_get(obj, "rules"), &role->rules, &role->n);
    map_set(&s->roles, make_key(key, meta(obj, "namespace"), 'r', meta(obj, "name")), role);
    return role;
}

static void visit_role(void *arg, const struct doc *obj)
{
    add_role(arg, obj);
}

static void visit_cluster_role(void *arg, const struct doc *obj)
{
    struct rbac_snapshot *s = arg;
    struct cluster_role *c = arena_new_of(s->arena, struct cluster_role);
    const struct doc *selectors = doc_path(obj, "aggregationRule.clusterRoleSelectors");
    if (!c || !(c->role = add_role(s, obj)))
        return;
    c->own = c->role->rules;
    c->n_own = c->role->n;
    c->labels = doc_clone(s->arena, doc_path(obj, "metadata.labels"), false);
    c->selectors = arena_calloc(s->arena, doc_count(selectors), sizeof(*c->selectors));
    doc_foreach (selectors, selector) {
        struct err ignored = ERR_INIT; /* a selector that does not parse selects nothing */
        if (c->selectors && label_selector_from_doc(s->arena, selector, &c->selectors[c->n_selectors], &ignored) == 0)
            c->n_selectors++;
    }
    map_set(&s->cluster_roles, meta(obj, "name"), c);
}

static bool selected_by(const struct cluster_role *by, const struct cluster_role *c)
{
    for (size_t i = 0; i < by->n_selectors; i++)
        if (label_selector_matches_doc(by->selectors[i], c->labels))
            return true;
    return false;
}

struct gathering {
    struct rbac_snapshot *s;
    struct rbac_rule *rules; /* NULL while only counting */
    size_t n;
};

static void gather(struct gathering *g, const struct cluster_role *c, int depth)
{
    if (!c->n_selectors) {
        if (g->rules && c->n_own)
            memcpy(g->rules + g->n, c->own, c->n_own * sizeof(*c->own));
        g->n += c->n_own;
        return;
    }
    if (depth == AGGREGATION_DEPTH)
        return;
    map_foreach (&g->s->cluster_roles, e) {
        const struct cluster_role *other = e->value;
        if (other != c && selected_by(c, other))
            gather(g, other, depth + 1);
    }
}

/* Replaces the rules of aggregating roles by those of the roles they select, as the aggregation controller would. */
static void aggregate(struct rbac_snapshot *s)
{
    map_foreach (&s->cluster_roles, e) {
        struct cluster_role *c = e->value;
        if (!c->n_selectors)
            continue;
        struct gathering count = {s, NULL, 0};
        gather(&count, c, 0);
        struct gathering fill = {s, arena_calloc(s->arena, count.n, sizeof(struct rbac_rule)), 0};
        if (!fill.rules)
            return;
        gather(&fill, c, 0);
        c->role->rules = fill.rules;
        c->role->n = fill.n;
    }
}

/* --- bindings --- */

static void add_grant(struct rbac_snapshot *s, struct str ns, enum subject_kind kind, struct str subject,
                      const struct rbac_grant *model)
{
    char key[KEY_MAX];
    struct str k = make_key(key, ns, (char)kind, subject);
    struct rbac_grant *g = arena_new_of(s->arena, struct rbac_grant);
    if (!k.n || !g)
        return;
    *g = *model;
    g->next = map_get(&s->grants, k);
    map_set(&s->grants, k, g);
}

static void add_subject(struct rbac_snapshot *s, const struct doc *binding, const struct doc *subject,
                        const struct rbac_role *role)
{
    struct str ns = meta(binding, "namespace"), name = doc_str(doc_get(subject, "name"));
    struct str kind = doc_str(doc_get(subject, "kind")), who = name;
    const struct doc *ref = doc_get(binding, "roleRef");
    struct rbac_grant g = {.role = role,
                           .role_kind = arena_str(s->arena, doc_str(doc_get(ref, "kind"))),
                           .role_name = arena_str(s->arena, doc_str(doc_get(ref, "name")))};
    char account[KEY_MAX], *shown = arena_printf(s->arena, "\"" STR_FMT "\"", STR_ARG(name));
    if (str_is(kind, "ServiceAccount")) {
        struct str account_ns = doc_str(doc_get(subject, "namespace"));
        if (!account_ns.n)
            account_ns = ns;
        int n = snprintf(account, sizeof(account), "system:serviceaccount:" STR_FMT ":" STR_FMT, STR_ARG(account_ns),
                         STR_ARG(name));
        if (!account_ns.n || n >= (int)sizeof(account))
            return;
        who = str_n(account, (size_t)n);
        shown = arena_printf(s->arena, "\"" STR_FMT "/" STR_FMT "\"", STR_ARG(name), STR_ARG(account_ns));
    } else if (!str_is(kind, "User") && !str_is(kind, "Group")) {
        return;
    }
    g.by = arena_printf(s->arena, "%s \"" STR_FMT "%s" STR_FMT "\" of " STR_FMT " \"" STR_FMT "\" to " STR_FMT " %s",
                        ns.n ? "RoleBinding" : "ClusterRoleBinding", STR_ARG(meta(binding, "name")), ns.n ? "/" : "",
                        STR_ARG(ns), STR_ARG(g.role_kind), STR_ARG(g.role_name), STR_ARG(kind), shown ? shown : "");
    add_grant(s, ns, str_is(kind, "Group") ? SUBJECT_GROUP : SUBJECT_USER, who, &g);
}

static void visit_binding(void *arg, const struct doc *obj)
{
    struct rbac_snapshot *s = arg;
    const struct doc *ref = doc_get(obj, "roleRef");
    struct str kind = doc_str(doc_get(ref, "kind")), ns = meta(obj, "namespace");
    const struct rbac_role *role =
        rbac_snapshot_role(s, str_is(kind, "Role") ? ns : STR(""), doc_str(doc_get(ref, "name")));
    doc_foreach (doc_get(obj, "subjects"), subject)
        add_subject(s, obj, subject, role);
}

/* --- the whole --- */

static int load(struct rbac_snapshot *s, const struct auth_store *store, struct err *err)
{
    static const struct {
        const char *resource;
        void (*visit)(void *arg, const struct doc *obj);
    } steps[] = {
        {"roles", visit_role},
        {"clusterroles", visit_cluster_role},
        {"rolebindings", visit_binding},
        {"clusterrolebindings", visit_binding},
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (store->list(store->ud, RBAC_GROUP, steps[i].resource, steps[i].visit, s, err) < 0)
            return err_wrap(err, "reading %s", steps[i].resource);
        if (i == 1)
            aggregate(s);
    }
    return arena_overflow(s->arena) ? err_set(err, ERR_TOO_LARGE, "RBAC objects take too much memory") : 0;
}

int rbac_snapshot_new(const struct auth_store *store, struct rbac_snapshot **ret, struct err *err)
{
    struct rbac_snapshot *s = xcalloc(1, sizeof(*s));
    s->arena = arena_new(RBAC_SNAPSHOT_MAX);
    map_init(&s->roles, NULL);
    map_init(&s->grants, NULL);
    map_init(&s->cluster_roles, NULL);
    atomic_init(&s->refs, 1);
    s->generation = store->rbac_generation(store->ud); /* before reading: at worst we read once more */
    if (load(s, store, err) < 0) {
        rbac_snapshot_unref(s);
        return -1;
    }
    map_release(&s->cluster_roles);
    *ret = s;
    return 0;
}

struct rbac_snapshot *rbac_snapshot_ref(struct rbac_snapshot *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

struct rbac_snapshot *rbac_snapshot_unref(struct rbac_snapshot *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    map_release(&s->roles);
    map_release(&s->grants);
    map_release(&s->cluster_roles);
    arena_free(s->arena);
    free(s);
    return NULL;
}

uint64_t rbac_snapshot_generation(const struct rbac_snapshot *s)
{
    return s->generation;
}

const struct rbac_grant *rbac_snapshot_grants(const struct rbac_snapshot *s, struct str ns, enum subject_kind kind,
                                              struct str subject)
{
    char key[KEY_MAX];
    struct str k = make_key(key, ns, (char)kind, subject);
    return k.n ? map_get(&s->grants, k) : NULL;
}

const struct rbac_role *rbac_snapshot_role(const struct rbac_snapshot *s, struct str ns, struct str name)
{
    char key[KEY_MAX];
    struct str k = make_key(key, ns, 'r', name);
    return k.n ? map_get(&s->roles, k) : NULL;
}

static bool visit_scope(const struct rbac_snapshot *s, const struct user *user, struct str ns,
                        bool (*visit)(void *arg, const struct rbac_grant *g), void *arg)
{
    for (const struct rbac_grant *g = rbac_snapshot_grants(s, ns, SUBJECT_USER, user->name); g; g = g->next)
        if (!visit(arg, g))
            return false;
    for (size_t i = 0; i < user->n_groups; i++)
        for (const struct rbac_grant *g = rbac_snapshot_grants(s, ns, SUBJECT_GROUP, user->groups[i]); g; g = g->next)
            if (!visit(arg, g))
                return false;
    return true;
}

void rbac_snapshot_visit(const struct rbac_snapshot *s, const struct user *user, struct str ns,
                         bool (*visit)(void *arg, const struct rbac_grant *g), void *arg)
{
    if (visit_scope(s, user, STR(""), visit, arg) && ns.n)
        visit_scope(s, user, ns, visit, arg);
}
