/*
 * reviews.h - the virtual resources that ask about identity and permission: a document in, the same with status out.
 *
 * Nothing is stored. Input that is not acceptable is ERR_INVALID with causes. Results live in the arena.
 */
#ifndef APISERVER_AUTH_REVIEWS_H
#define APISERVER_AUTH_REVIEWS_H

#include "apiserver/auth/authn.h"
#include "apiserver/auth/authz.h"

int review_token(struct authn *a, struct arena *arena, const struct doc *in, struct doc **ret,
                 struct err *err) MUST_CHECK;
int review_subject_access(struct authorizer *z, struct arena *arena, const struct doc *in, struct doc **ret,
                          struct err *err) MUST_CHECK;
/* ns is the namespace of the request's path. */
int review_local_subject_access(struct authorizer *z, struct arena *arena, struct str ns, const struct doc *in,
                                struct doc **ret, struct err *err) MUST_CHECK;
int review_self_subject_access(struct authorizer *z, struct arena *arena, const struct user *user, const struct doc *in,
                               struct doc **ret, struct err *err) MUST_CHECK;
int review_self_subject_rules(struct authorizer *z, struct arena *arena, const struct user *user, const struct doc *in,
                              struct doc **ret, struct err *err) MUST_CHECK;
int review_self_subject(struct arena *arena, const struct user *user, const struct doc *in, struct doc **ret,
                        struct err *err) MUST_CHECK;

#endif
