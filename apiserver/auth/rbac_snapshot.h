/*
 * rbac_snapshot.h - all RBAC objects of one moment, compiled and indexed by subject. Immutable once made.
 *
 * A grant is one binding as one of its subjects sees it. Grants are found under the scope (namespace, empty = cluster
 * wide) and the subject, so that a decision touches the user's own grants only.
 */
#ifndef APISERVER_AUTH_RBAC_SNAPSHOT_H
#define APISERVER_AUTH_RBAC_SNAPSHOT_H

#include "apiserver/auth/rbac_rule.h"
#include "base/map.h"

#define RBAC_SNAPSHOT_MAX ((size_t)256 << 20)

enum subject_kind { SUBJECT_USER = 'u', SUBJECT_GROUP = 'g' };

struct rbac_role {
    const struct rbac_rule *rules;
    size_t n;
};

struct rbac_grant {
    const struct rbac_grant *next;
    const struct rbac_role *role; /* NULL: the role that the binding names does not exist */
    const char *by;               /* ClusterRoleBinding "x" of ClusterRole "y" to Group "z" */
    struct str role_kind, role_name;
};

struct rbac_snapshot; /* reference-counted */

/* Reads everything from the store. */
int rbac_snapshot_new(const struct auth_store *store, struct rbac_snapshot **ret, struct err *err) MUST_CHECK;
struct rbac_snapshot *rbac_snapshot_ref(struct rbac_snapshot *s);
struct rbac_snapshot *rbac_snapshot_unref(struct rbac_snapshot *s);
static inline void rbac_snapshot_unrefp(struct rbac_snapshot **s)
{
    rbac_snapshot_unref(*s);
}
uint64_t rbac_snapshot_generation(const struct rbac_snapshot *s);

/* First of the grants of one subject in one scope. */
const struct rbac_grant *rbac_snapshot_grants(const struct rbac_snapshot *s, struct str ns, enum subject_kind kind,
                                              struct str subject);
/* The rules of a role: ns empty = a ClusterRole. NULL when there is none. */
const struct rbac_role *rbac_snapshot_role(const struct rbac_snapshot *s, struct str ns, struct str name);

/* Calls visit for every grant that applies to the user at cluster scope and, when ns is not empty, in ns; until it
 * returns false. */
void rbac_snapshot_visit(const struct rbac_snapshot *s, const struct user *user, struct str ns,
                         bool (*visit)(void *arg, const struct rbac_grant *g), void *arg);

#endif
