/*
 * rbac_watch.h - counts changes of RBAC objects, so that the authorizer knows when its compiled rules are old.
 *
 * One thread that follows four watches. The count is registry->rbac_generation.
 */
#ifndef APISERVER_REGISTRY_RBAC_WATCH_H
#define APISERVER_REGISTRY_RBAC_WATCH_H

#include "apiserver/registry/registry.h"

struct rbac_watch;

int rbac_watch_start(struct registry *g, struct rbac_watch **ret, struct err *err) MUST_CHECK;
struct rbac_watch *rbac_watch_stop(struct rbac_watch *w); /* returns NULL; accepts NULL */

#endif
