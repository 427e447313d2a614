/*
 * authz.h - may they? A chain of authorizers as --authorization-mode names them.
 *
 * Decisions come from memory (rules compiled when they change) and do not block, so loop threads may ask. Members of
 * system:masters are always allowed, before any mode, as upstream does. Thread-safe.
 */
#ifndef APISERVER_AUTH_AUTHZ_H
#define APISERVER_AUTH_AUTHZ_H

#include "apiserver/auth/store.h"
#include "apiserver/auth/user.h"
#include "base/buf.h"

enum authz_decision { AUTHZ_NO_OPINION, AUTHZ_ALLOW, AUTHZ_DENY };

struct authz_attributes {
    const struct user *user;
    struct str
        verb; /* get list watch create update patch delete deletecollection; http method in lower case for paths */
    bool is_resource;
    struct str ns, group, version, resource, subresource, name;
    struct str path; /* when not is_resource */
};

struct authorizer;

/* modes: comma separated, of RBAC, Node, AlwaysAllow, AlwaysDeny; ERR_BAD_REQUEST names an unknown one. The store must
 * outlive it. */
int authorizer_new(const char *modes, const struct auth_store *store, struct authorizer **ret,
                   struct err *err) MUST_CHECK;
struct authorizer *authorizer_free(struct authorizer *z);

/* reason (may be NULL) gets what the modes had to say, one line each, as upstream's reason. */
enum authz_decision authz_decide(struct authorizer *z, const struct authz_attributes *attr, struct buf *reason);

/* 0 when allowed; otherwise ERR_FORBIDDEN with upstream's text and details (the arena keeps the details), e.g.
 * pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default" */
int authz_require(struct authorizer *z, const struct authz_attributes *attr, struct arena *arena,
                  struct err *err) MUST_CHECK;

#endif
