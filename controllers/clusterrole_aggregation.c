/* Cluster roles with an aggregation rule hold the rules of the roles that it selects. (The API server decides by what
 * the rule selects, whether this has been written down yet or not; here it is written down, so that users see it.) */
#include "controllers/controller.h"

#include "base/vec.h"

#define RULE_MAX ((size_t)1 << 20) /* bytes of one rule */

struct aggregation {
    struct controller base;
    struct informer *roles;
};

/* One role may be selected by any aggregating role: there are few of those, so all of them are looked at again. */
static void enqueue_if_aggregating(void *ctx, const struct kube_object *o)
{
    struct aggregation *c = ctx;
    if (kube_cluster_role(o)->aggregationrule)
        workqueue_add(c->base.queue, o->key);
}

static void role_changed(void *ctx, struct kube_object *o)
{
    struct aggregation *c = ctx;
    informer_each(c->roles, enqueue_if_aggregating, c);
}

static void role_updated(void *ctx, struct kube_object *old, struct kube_object *o)
{
    role_changed(ctx, o);
}

static bool selected(const Rbacv1__AggregationRule *by, const struct kube_object *o)
{
    for (size_t i = 0; i < by->n_clusterroleselectors; i++)
        if (selector_matches(by->clusterroleselectors[i], o->meta))
            return true;
    return false;
}

static int by_name(const void *a, const void *b)
{
    struct kube_object *const *x = a, *const *y = b;
    return strcmp((*x)->meta->name, (*y)->meta->name);
}

static bool same_rule(const Rbacv1__PolicyRule *a, const Rbacv1__PolicyRule *b)
{
    _cleanup_(buf_releasep) struct buf x = BUF_INIT(RULE_MAX), y = BUF_INIT(RULE_MAX);
    size_t n = protobuf_c_message_get_packed_size(&a->base), m = protobuf_c_message_get_packed_size(&b->base);
    if (n != m || !buf_reserve(&x, n) || !buf_reserve(&y, m))
        return false;
    protobuf_c_message_pack(&a->base, (uint8_t *)x.data);
    protobuf_c_message_pack(&b->base, (uint8_t *)y.data);
    return memcmp(x.data, y.data, n) == 0;
}

static bool has_rule(Rbacv1__PolicyRule *const *rules, size_t n, const Rbacv1__PolicyRule *rule)
{
    for (size_t i = 0; i < n; i++)
        if (same_rule(rules[i], rule))
            return true;
    return false;
}

static bool same_rules(const Rbacv1__ClusterRole *role, Rbacv1__PolicyRule *const *rules, size_t n)
{
    if (role->n_rules != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!same_rule(role->rules[i], rules[i]))
            return false;
    return true;
}

/* The rules of all selected roles in the order of their names, each once. */
static Rbacv1__PolicyRule **gather(struct arena *a, const struct kube_object *o, const struct kube_objects *all,
                                   size_t *ret_n)
{
    const Rbacv1__AggregationRule *by = kube_cluster_role(o)->aggregationrule;
    size_t max = 0, n = 0;
    kube_objects_foreach(all, role) max += kube_cluster_role(role)->n_rules;
    Rbacv1__PolicyRule **rules = arena_calloc(a, max, sizeof(*rules));
    kube_objects_foreach(all, role)
    {
        const Rbacv1__ClusterRole *r = kube_cluster_role(role);
        if (!rules || role == o || !selected(by, role))
            continue;
        for (size_t i = 0; i < r->n_rules; i++)
            if (!has_rule(rules, n, r->rules[i]))
                rules[n++] = r->rules[i];
    }
    *ret_n = n;
    return rules;
}

static int sync_role(void *ctx, struct str key, struct err *err)
{
    struct aggregation *c = ctx;
    _cleanup_(arena_freep) struct arena *a = arena_new(SYNC_ARENA);
    _cleanup_(kube_objects_releasep) struct kube_objects all = {0};
    _cleanup_(kube_object_unrefp) struct kube_object *o = informer_get(c->roles, key);
    size_t n;

    if (!o || !kube_cluster_role(o)->aggregationrule)
        return 0;
    informer_list(c->roles, &all);
    vec_sort(&all, by_name);
    Rbacv1__PolicyRule **rules = gather(a, o, &all, &n);
    if (!rules)
        return err_set(err, ERR_TOO_LARGE, "too many rules to aggregate");
    if (same_rules(kube_cluster_role(o), rules, n))
        return 0;
    Rbacv1__ClusterRole role = *kube_cluster_role(o);
    role.rules = rules;
    role.n_rules = n;
    return kube_update(c->base.env.client, &kube_cluster_roles, "", &role.base, NULL, err);
}

static struct controller *make(const struct controller_env *env)
{
    struct aggregation *c = controller_alloc(sizeof(*c), &clusterrole_aggregation_controller, env);
    struct informer_handler roles = {c, role_changed, role_updated, role_changed};

    c->roles = informer_of(env->informers, &kube_cluster_roles, NULL);
    informer_add_handler(c->roles, &roles);
    return &c->base;
}

const struct controller_def clusterrole_aggregation_controller = {
    .name = "clusterrole-aggregation-controller",
    .alias = "clusterrole-aggregation",
    .account = "clusterrole-aggregation-controller",
    .workers = offsetof(struct controllers_options, one_sync),
    .make = make,
    .sync = sync_role,
    .unmake = controller_free,
};
