/*
 * store.h - what authentication and authorization need to see of the cluster's objects, as an interface.
 *
 * The apiserver implements it on its watch cache; tests on a few documents. Functions are called from any thread, never
 * with a lock of this room held that a store callback could want, and must not block on the network: a cache that lags
 * by the time a watch event needs is fine.
 */
#ifndef APISERVER_AUTH_STORE_H
#define APISERVER_AUTH_STORE_H

#include "api/doc.h"

struct auth_store {
    void *ud;
    /* The object as a document in the arena. ERR_NOT_FOUND when there is none. resource is the plural, in the group's
     * storage version: ("", "serviceaccounts"), ("", "pods"), ("", "nodes"), ("", "secrets"). ns empty = cluster scope.
     */
    int (*get)(void *ud, struct arena *a, const char *group, const char *resource, struct str ns, struct str name,
               struct doc **ret, struct err *err);
    /* Calls visit for every object of an rbac.authorization.k8s.io resource in all namespaces ("roles", "clusterroles",
     * "rolebindings", "clusterrolebindings"). The document needs to live during the call only. */
    int (*list)(void *ud, const char *group, const char *resource, void (*visit)(void *arg, const struct doc *obj),
                void *arg, struct err *err);
    /* A number that grows whenever any object of the rbac group changed (a revision or a counter); cheap: it is read on
     * every decision. It may be read before list: a list that already has newer objects is fine. */
    uint64_t (*rbac_generation)(void *ud);
    /* Node mode only, may be NULL: does a pod bound to the node use this object ("secrets", "configmaps",
     * "persistentvolumeclaims", "persistentvolumes", "serviceaccounts")? node_graph.h has the rule. NULL = every node
     * may read these objects by name. */
    bool (*node_uses)(void *ud, struct str node, const char *resource, struct str ns, struct str name);
};

#endif
