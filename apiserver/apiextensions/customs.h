/*
 * customs.h - the custom resources of the cluster: found by requests, kept current by a watch.
 *
 * A thread watches the CustomResourceDefinitions through the watch cache, so that several apiservers on one etcd see
 * each other's. It compiles them, gives each its names and conditions (NamesAccepted, Established), empties the ones
 * that are being deleted and then takes their finalizer away, and publishes what is served as one immutable table
 * (base/cell.h). Requests take a reference to what they found; nobody waits for anybody.
 */
#ifndef APISERVER_APIEXTENSIONS_CUSTOMS_H
#define APISERVER_APIEXTENSIONS_CUSTOMS_H

#include "apiserver/apiextensions/custom.h"

struct customs;
struct registry;

struct customs_entry {
    struct custom_crd *crd;
    bool terminating;
};

/* A group as discovery shows it: versions in the order of preference. */
struct customs_group {
    struct str group;
    struct str *versions;
    size_t n_versions;
};

/* What is served at one moment. Immutable, refcounted. */
struct customs_table {
    atomic_long refs;
    struct arena *arena;
    struct customs_entry *v; /* sorted by group and plural */
    size_t n;
    struct customs_group *groups; /* sorted by name */
    size_t n_groups;
    uint64_t hash;               /* of what discovery and OpenAPI show */
    struct discovery *discovery; /* documents of this table */
};
void customs_table_unref(struct customs_table *t); /* accepts NULL */
static inline void customs_table_unrefp(struct customs_table **t)
{
    customs_table_unref(*t);
}

/* Empty until customs_start. */
struct customs *customs_new(struct registry *g);
/* Returns when the definitions that the cache has are served. */
int customs_start(struct customs *c, struct err *err) MUST_CHECK;
struct customs *customs_free(struct customs *c); /* stops the thread; accepts NULL */

/* Never block. With a reference for the caller. The table is never NULL. */
struct customs_table *customs_table(struct customs *c);
/* The row of a served version, and a reference on its definition; NULL when it is not served. */
const struct resource *customs_find(struct customs *c, struct str group, struct str version, struct str plural,
                                    struct custom_crd **ret_ref);
/* The rows of one group and version: visit each; NULL group = all. */
typedef void (*customs_visit)(void *arg, const struct custom *c, bool terminating);
void customs_each(const struct customs_table *t, struct str group, struct str version, customs_visit visit, void *arg);

#endif
