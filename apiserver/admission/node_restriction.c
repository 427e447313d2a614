/* NodeRestriction: a kubelet may change its own Node, its lease and the pods bound to it. */
#include "apiserver/admission/plugins.h"
#include "apiserver/registry/meta.h"

#define NODE_USER "system:node:"

static struct str node_of(const struct admit *a)
{
    const struct user *u = a->op->user;
    if (!user_in_group(u, STR("system:nodes")) || !str_starts(u->name, STR(NODE_USER)))
        return STR("");
    return str_from(u->name, sizeof(NODE_USER) - 1);
}

static int pods(const struct admit *a, struct str node, struct err *err)
{
    const struct doc *pod = a->what == ADMIT_CREATE ? a->obj : a->old;
    bool own = str_eq(doc_str(doc_path(pod, "spec.nodeName")), node);
    if (a->what == ADMIT_CREATE) {
        if (!doc_get(doc_get(meta_of(pod), "annotations"), "kubernetes.io/config.mirror"))
            return admit_forbidden(a, err,
                                   "pod does not have \"kubernetes.io/config.mirror\" annotation, node \"" STR_FMT
                                   "\" can only create mirror pods",
                                   STR_ARG(node));
        return own ? 0
                   : admit_forbidden(a, err,
                                     "node \"" STR_FMT "\" can only create pods with spec.nodeName set to itself",
                                     STR_ARG(node));
    }
    if (a->what == ADMIT_DELETE)
        return own ? 0
                   : admit_forbidden(a, err,
                                     "node \"" STR_FMT "\" can only delete pods with spec.nodeName set to itself",
                                     STR_ARG(node));
    if (strcmp(a->op->sub, "status") != 0)
        return admit_forbidden(
            a, err, "unexpected operation \"UPDATE\", node \"" STR_FMT "\" can only create and delete mirror pods",
            STR_ARG(node));
    if (!own)
        return admit_forbidden(
            a, err, "node \"" STR_FMT "\" can only update pod status for pods with spec.nodeName set to itself",
            STR_ARG(node));
    if (!doc_same(doc_get(meta_of(a->obj), "labels"), doc_get(meta_of(a->old), "labels")))
        return admit_forbidden(a, err, "node \"" STR_FMT "\" cannot update labels through pod status", STR_ARG(node));
    return 0;
}

static int nodes(const struct admit *a, struct str node, struct err *err)
{
    if (!str_eq(a->op->name, node))
        return admit_forbidden(a, err, "node \"" STR_FMT "\" is not allowed to modify node \"" STR_FMT "\"",
                               STR_ARG(node), STR_ARG(a->op->name));
    if (a->what == ADMIT_UPDATE && !doc_same(doc_path(a->obj, "spec.taints"), doc_path(a->old, "spec.taints")))
        return admit_forbidden(a, err, "node \"" STR_FMT "\" is not allowed to modify taints", STR_ARG(node));
    return 0;
}

static int leases(const struct admit *a, struct str node, struct err *err)
{
    if (!str_is(a->op->ns, "kube-node-lease"))
        return admit_forbidden(a, err, "can only access leases in the \"kube-node-lease\" system namespace");
    if (!str_eq(a->op->name, node))
        return admit_forbidden(a, err, "can only access node lease with the same name as the requesting node");
    return 0;
}

int node_restriction(const struct admit *a, struct err *err)
{
    struct str node = node_of(a);
    if (!node.n)
        return 0;
    if (strcmp(a->op->res->name, "leases") == 0)
        return leases(a, node, err);
    if (*a->op->res->group)
        return 0;
    if (strcmp(a->op->res->name, "pods") == 0)
        return pods(a, node, err);
    if (strcmp(a->op->res->name, "nodes") == 0)
        return nodes(a, node, err);
    return 0;
}
