/*
 * authz_internal.h - what the files of this folder share of the authorizer.
 */
#ifndef APISERVER_AUTH_AUTHZ_INTERNAL_H
#define APISERVER_AUTH_AUTHZ_INTERNAL_H

#include "apiserver/auth/authz.h"

struct rbac;

struct rbac *authorizer_rbac(struct authorizer *z); /* NULL when RBAC is not among the modes */

/* ERR_FORBIDDEN with upstream's text and details for a request that was not allowed. Always -1. */
int authz_forbidden(const struct authz_attributes *attr, struct str reason, struct arena *arena, struct err *err);

#endif
