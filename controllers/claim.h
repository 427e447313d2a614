/*
 * claim.h - which objects an owner owns: keeps those that are its own and match, adopts orphans that match, lets go
 * those that match no more.
 */
#ifndef CONTROLLERS_CLAIM_H
#define CONTROLLERS_CLAIM_H

#include "client/kube_client.h"
#include "client/meta.h"

struct claim_owner {
    struct kube_client *client;
    const struct kube_object *owner;
    const Metav1__LabelSelector *selector;
};

enum claim { CLAIM_NO, CLAIM_OWNED, CLAIM_ADOPT, CLAIM_RELEASE };
/* What to do with an object. Pure. */
enum claim claim_decide(const struct claim_owner *c, const struct kube_object *o);

/* Appends references of what the owner owns out of `candidates`. Before the first adoption the owner is read anew: one
 * that is being deleted adopts nothing. */
int claim_all(const struct claim_owner *c, const struct kube_objects *candidates, struct kube_objects *ret,
              struct err *err) MUST_CHECK;

/* A controller reference to `owner` for objects made by it. The strings stay the owner's. */
void owner_reference(const struct kube_object *owner, char api_version[128], Metav1__OwnerReference *ret);

#endif
