/*
 * rbac.h - role based access control: rules compiled from Roles, ClusterRoles and their bindings, the bootstrap policy,
 * and what writes of RBAC objects must satisfy.
 *
 * Compiled rules are an immutable snapshot, replaced when the store's rbac_generation moves; bindings are indexed by
 * subject, so a decision looks at the user's own rules only. ClusterRoles with an aggregationRule are put together when
 * the snapshot is compiled; no controller is needed for that.
 */
#ifndef APISERVER_AUTH_RBAC_H
#define APISERVER_AUTH_RBAC_H

#include "apiserver/auth/authz.h"

struct rbac;

struct rbac *rbac_new(const struct auth_store *store);
struct rbac *rbac_free(struct rbac *r);

enum authz_decision rbac_decide(struct rbac *r, const struct authz_attributes *attr, struct buf *reason);

/* Appends the rules that apply to the user in a namespace, as PolicyRule documents, to the array. */
int rbac_rules_for(struct rbac *r, const struct user *user, struct str ns, struct arena *arena, struct doc *array,
                   struct err *err) MUST_CHECK;

/* Appends the rules of one role, ns empty for a ClusterRole. ERR_NOT_FOUND when there is none. */
int rbac_role_rules(struct rbac *r, struct str ns, struct str name, struct arena *arena, struct doc *array,
                    struct err *err) MUST_CHECK;

/* Before a write of a Role, ClusterRole, RoleBinding or ClusterRoleBinding (kind; old NULL on create): the user must
 * hold every rule they hand out, or the verbs escalate / bind. ERR_FORBIDDEN with upstream's text. */
int rbac_check_write(struct authorizer *z, const struct user *user, const char *resource, const struct doc *obj,
                     const struct doc *old, struct arena *arena, struct err *err) MUST_CHECK;

/* --- bootstrap policy --- */
struct rbac_bootstrap {
    const char *resource; /* "clusterroles", "clusterrolebindings", "roles", "rolebindings" */
    const char *ns;       /* "" for cluster scope */
    const char *name;
};
/* All objects of upstream's bootstrap policy, in an order in which they can be created. */
size_t rbac_bootstrap_count(void);
struct rbac_bootstrap rbac_bootstrap_at(size_t i);
/* The i-th object, complete with apiVersion and kind, without server-set metadata. */
struct doc *rbac_bootstrap_doc(size_t i, struct arena *arena);
/* What to write so that an existing object grants at least what it should (as upstream's auto-reconciliation): NULL
 * when nothing is missing or the object carries rbac.authorization.kubernetes.io/autoupdate=false. */
struct doc *rbac_bootstrap_reconcile(size_t i, const struct doc *existing, struct arena *arena);

#endif
