/*
 * leader.h - leader election by a coordination.k8s.io/v1 Lease, as client-go does it (an upstream component may be the
 * other candidate).
 *
 * Only one candidate leads at a time as long as clocks run at about the same speed: a candidate takes the Lease when
 * nobody holds it or when its record has not changed for lease_duration by the candidate's own clock; the holder renews
 * every retry_period and gives up when it could not for renew_deadline.
 */
#ifndef CLIENT_LEADER_H
#define CLIENT_LEADER_H

#include "client/kube_client.h"
#include "client/stop.h"

struct leader_options {
    const char *ns, *name; /* of the Lease: "kube-system", "kube-controller-manager" */
    const char *identity;  /* NULL = hostname_uuid */
    /* With identity NULL, instead of the host's name: what no two running candidates share, such as host, address and
     * port that it listens on by now. A holder of the same place is a former life of this candidate: not waited for. */
    const char *place;
    /* Work that goes on for some seconds when another one leads already does no harm (all its writes carry the version
     * they were made from): it is waited for, and the process is not ended. */
    bool harmless;
    int64_t lease_duration_ns; /* 0 = 15 s */
    int64_t renew_deadline_ns; /* 0 = 10 s */
    int64_t retry_period_ns;   /* 0 = 2 s */
};

/* Waits until it leads, then runs lead(ctx, lost) on a thread of its own while it renews on the calling one. `lost` is
 * requested when leadership is lost or `stop` was; lead must then return soon: when leadership was lost and it has not
 * returned by the time at which another may lead, the process is ended (unless it is harmless). Returns 0 when stop
 * came (the Lease is released if it was held), -1 with ERR_TIMEOUT when leadership was lost: the program should exit,
 * as upstream's do. */
int leader_run(struct kube_client *c, const struct leader_options *o, struct stop *stop,
               void (*lead)(void *ctx, struct stop *lost), void *ctx, struct err *err) MUST_CHECK;

#endif
