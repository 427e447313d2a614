/*
 * registry.h - what the kinds share: storage, clock, allocators, and look-ups of other objects for rules that need
 * them.
 *
 * One a process (one a cluster); any thread.
 */
#ifndef APISERVER_REGISTRY_REGISTRY_H
#define APISERVER_REGISTRY_REGISTRY_H

#include "api/doc.h"
#include "api/resources.h"
#include "apiserver/auth/store.h"
#include "apiserver/registry/strategy.h"
#include "apiserver/storage/storage.h"
#include "base/clock.h"

struct authorizer;
struct object_index;
struct admission;
struct service_alloc;

struct registry {
    const struct clock *clock;
    struct storage *storage;
    const char *etcd_prefix;
    int64_t event_ttl_s;
    bool allow_privileged;
    struct authorizer *authorizer; /* for rules of RBAC objects */
    struct admission *admission;
    struct service_alloc *services;
    _Atomic uint64_t rbac_generation; /* grows with every change of an RBAC object; fed by rbac_watch */
};

/* Announces every resource to the storage. */
void registry_add_resources(struct registry *g);

/* The core or other resource of that name, in its only or stored version. NULL when not served. */
const struct resource *registry_resource(const char *group, const char *name);
/* From the cache: never blocks. ERR_NOT_FOUND as Status. */
int registry_get(struct registry *g, struct arena *a, const struct resource *res, struct str ns, struct str name,
                 struct doc **ret, struct err *err) MUST_CHECK;
/* The values of indexed fields ("status.phase") without decoding the object again; asks etcd when the cache does not
 * have it. The texts live in a. */
int registry_fields_live(struct registry *g, struct arena *a, const struct resource *res, struct str ns,
                         struct str name, const char *const *fields, size_t n, struct str *ret,
                         struct err *err) MUST_CHECK;
/* Asks etcd when the cache does not have it. */
int registry_get_live(struct registry *g, struct arena *a, const struct resource *res, struct str ns, struct str name,
                      struct doc **ret, struct err *err) MUST_CHECK;
/* Every object of a resource (ns empty: of all namespaces) from the cache; each document lives during its call. visit
 * returns false to stop. */
int registry_each(struct registry *g, const struct resource *res, struct str ns,
                  bool (*visit)(void *arg, const struct doc *obj), void *arg, struct err *err) MUST_CHECK;
/* The same without decoding: what is indexed of each object. */
int registry_each_index(struct registry *g, const struct resource *res, struct str ns,
                        bool (*visit)(void *arg, const struct object_index *ix), void *arg, struct err *err) MUST_CHECK;
/* What authentication and authorization look at. */
struct auth_store registry_auth_store(struct registry *g);

/* An operation of the apiserver itself. */
struct op registry_op(struct registry *g, struct arena *a, const struct resource *res, struct str ns, struct str name);

#endif
