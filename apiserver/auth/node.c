#include "apiserver/auth/node.h"

#include "apiserver/auth/rbac.h"
#include "apiserver/auth/rbac_rule.h"

#define NODE_USER_PREFIX "system:node:"
#define NODES_GROUP "system:nodes"
#define NODE_ROLE "system:node"
#define NODE_LEASES "kube-node-lease"
#define NODE_ARENA_MAX ((size_t)1 << 20)

struct node_authorizer {
    const struct auth_store *store;
    struct arena *arena;
    struct rbac_rule *rules;
    size_t n_rules;
};

bool node_identity(const struct user *user, struct str *ret_node)
{
    if (!str_starts(user->name, STR(NODE_USER_PREFIX)) || user->name.n == sizeof(NODE_USER_PREFIX) - 1 ||
        !user_in_group(user, STR(NODES_GROUP)))
        return false;
    *ret_node = str_from(user->name, sizeof(NODE_USER_PREFIX) - 1);
    return true;
}

struct node_authorizer *node_authorizer_new(const struct auth_store *store)
{
    struct node_authorizer *n = xcalloc(1, sizeof(*n));
    n->store = store;
    n->arena = arena_new(NODE_ARENA_MAX);
    for (size_t i = 0; i < rbac_bootstrap_count(); i++) {
        struct rbac_bootstrap b = rbac_bootstrap_at(i);
        if (strcmp(b.resource, "clusterroles") != 0 || strcmp(b.name, NODE_ROLE) != 0)
            continue;
        const struct doc *rules = doc_get(rbac_bootstrap_doc(i, n->arena), "rules");
        n->rules = arena_calloc(n->arena, doc_count(rules), sizeof(*n->rules));
        doc_foreach (rules, rule)
            if (n->rules)
                rbac_rule_compile(n->arena, rule, &n->rules[n->n_rules++]);
    }
    return n;
}

struct node_authorizer *node_authorizer_free(struct node_authorizer *n)
{
    if (n) {
        arena_free(n->arena);
        free(n);
    }
    return NULL;
}

static enum authz_decision no(struct buf *reason, const char *why)
{
    if (reason)
        buf_puts(reason, why);
    return AUTHZ_NO_OPINION;
}

static bool verb_in(struct str verb, const char *const *verbs)
{
    for (; *verbs; verbs++)
        if (str_is(verb, *verbs))
            return true;
    return false;
}

static enum authz_decision related(struct node_authorizer *n, struct str node, const struct authz_attributes *attr,
                                   struct buf *reason)
{
    if (!attr->name.n)
        return no(reason, "No Object name found");
    _cleanup_(freep) char *resource = str_dup(attr->resource);
    if (!n->store->node_uses || n->store->node_uses(n->store->ud, node, resource, attr->ns, attr->name))
        return AUTHZ_ALLOW;
    if (reason)
        buf_printf(reason, "no relationship found between node '" STR_FMT "' and this object", STR_ARG(node));
    return AUTHZ_NO_OPINION;
}

static enum authz_decision decide_read(struct node_authorizer *n, struct str node, const struct authz_attributes *attr,
                                       struct buf *reason)
{
    static const char *const verbs[] = {"get", "list", "watch", NULL};
    if (!verb_in(attr->verb, verbs))
        return no(reason, "can only read resources of this type");
    if (attr->subresource.n)
        return no(reason, "cannot read subresource");
    return related(n, node, attr, reason);
}

static enum authz_decision decide_claim(struct node_authorizer *n, struct str node, const struct authz_attributes *attr,
                                        struct buf *reason)
{
    static const char *const status_verbs[] = {"update", "patch", NULL};
    if (str_is(attr->subresource, "status"))
        return verb_in(attr->verb, status_verbs) ? related(n, node, attr, reason)
                                                 : no(reason, "can only update resources of this type");
    if (!str_is(attr->verb, "get"))
        return no(reason, "can only get individual resources of this type");
    return attr->subresource.n ? no(reason, "cannot get subresource") : related(n, node, attr, reason);
}

static enum authz_decision decide_account(struct node_authorizer *n, struct str node,
                                          const struct authz_attributes *attr, struct buf *reason)
{
    if (str_is(attr->subresource, "token"))
        return str_is(attr->verb, "create") ? related(n, node, attr, reason)
                                            : no(reason, "can only create tokens for individual service accounts");
    return decide_read(n, node, attr, reason);
}

static enum authz_decision decide_own_name(struct node_authorizer *n, struct str node,
                                           const struct authz_attributes *attr, struct buf *reason)
{
    static const char *const verbs[] = {"get", "create", "update", "patch", "delete", NULL};
    (void)n;
    bool lease = str_is(attr->resource, "leases");
    if (!verb_in(attr->verb, verbs))
        return no(reason, lease ? "can only get, create, update, patch, or delete a node lease"
                                : "can only get, create, update, patch, or delete a CSINode");
    /* A create may come without a name in its URL; admission sees the object. */
    if (str_eq(attr->name, node) || (!attr->name.n && str_is(attr->verb, "create")))
        return AUTHZ_ALLOW;
    return no(reason, lease ? "can only access node lease with the same name as the requesting node"
                            : "can only access CSINode with the same name as the requesting node");
}

static enum authz_decision decide_lease(struct node_authorizer *n, struct str node, const struct authz_attributes *attr,
                                        struct buf *reason)
{
    if (!str_is(attr->ns, NODE_LEASES))
        return no(reason, "can only access leases in the \"" NODE_LEASES "\" system namespace");
    return decide_own_name(n, node, attr, reason);
}

/* Resources with a say of their own; all others follow the role. */
static const struct {
    const char *group, *resource;
    enum authz_decision (*decide)(struct node_authorizer *n, struct str node, const struct authz_attributes *attr,
                                  struct buf *reason);
} special[] = {
    {"", "secrets", decide_read},
    {"", "configmaps", decide_read},
    {"", "persistentvolumeclaims", decide_claim},
    {"", "persistentvolumes", decide_claim},
    {"", "serviceaccounts", decide_account},
    {"coordination.k8s.io", "leases", decide_lease},
    {"storage.k8s.io", "csinodes", decide_own_name},
};

enum authz_decision node_authorizer_decide(struct node_authorizer *n, const struct authz_attributes *attr,
                                           struct buf *reason)
{
    struct str node;
    if (!node_identity(attr->user, &node))
        return AUTHZ_NO_OPINION;
    for (size_t i = 0; attr->is_resource && i < ARRAY_LEN(special); i++)
        if (str_is(attr->group, special[i].group) && str_is(attr->resource, special[i].resource))
            return special[i].decide(n, node, attr, reason);
    for (size_t i = 0; i < n->n_rules; i++)
        if (rbac_rule_allows(&n->rules[i], attr))
            return AUTHZ_ALLOW;
    return AUTHZ_NO_OPINION;
}
