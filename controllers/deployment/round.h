/*
 * round.h - one sync round of one deployment: what it works on, and the steps that its files share.
 *
 * Everything lives in the round's arena. `d` is a shallow copy of the stored object that the round may change (metadata
 * and status are its own); a write replaces it by what the server answered.
 */
#ifndef CONTROLLERS_DEPLOYMENT_ROUND_H
#define CONTROLLERS_DEPLOYMENT_ROUND_H

#include "controllers/controller.h"
#include "controllers/deployment/rules.h"

struct dep_controller {
    struct controller base;
    struct informer *deployments, *sets, *pods;
    int deployments_by_namespace, sets_by_owner, orphans_by_namespace, pods_by_owner;
};

struct rset {
    struct kube_object *o;
    const Appsv1__ReplicaSet *rs;
};

struct round {
    struct dep_controller *c;
    struct arena *a;
    struct kube_object *o; /* the deployment as last read or written */
    Appsv1__Deployment *d;
    struct rset *sets; /* all that it owns, oldest first; room for one more */
    size_t n;
    struct rset *newest; /* one of sets, or NULL: none has the template yet */
};

void round_take(struct round *r, struct kube_object *o); /* makes o the deployment of the round */

/* revisions.c: finds the newest set (makes it when `create`) and keeps revisions in step. */
int round_find_newest(struct round *r, bool create, struct err *err) MUST_CHECK;

/* scale.c */
/* 1 = scaled, 0 = it had that size, -1. Annotations are brought up to date in any case. */
int round_scale(struct round *r, struct rset *s, int32_t to, struct err *err) MUST_CHECK;
int round_scale_all(struct round *r, struct err *err) MUST_CHECK; /* a deployment that was scaled or paused */
bool round_is_scaling(const struct round *r);
int round_clean_up(struct round *r, struct err *err) MUST_CHECK; /* revisionHistoryLimit */

/* rollout.c */
int round_roll(struct round *r, struct err *err) MUST_CHECK;
int round_recreate(struct round *r, struct err *err) MUST_CHECK;

/* status.c */
int round_write_status(struct round *r, struct err *err) MUST_CHECK; /* d->status and d's annotations as they are */
int round_sync_status(struct round *r, bool rollout,
                      struct err *err) MUST_CHECK; /* counts anew; with rollout, progress too */
int round_check_paused(struct round *r, struct err *err) MUST_CHECK;
dep_status *round_own_status(struct round *r);                /* d->status, made a copy of the round's own */
const Appsv1__ReplicaSet **round_sets(const struct round *r); /* the messages, as the rules want them */

#endif
