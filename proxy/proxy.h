/*
 * proxy.h - keeps the kernel's rules in step with the Services of the cluster, until it is told to stop.
 */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

#include "base/clock.h"
#include "client/kube_client.h"
#include "client/stop.h"
#include "proxy/nft.h"
#include "proxy/rules.h"

struct proxy_options {
    struct rules_options rules;
    const char *node_name;
    int64_t min_sync_period_ns; /* between two transactions */
    int64_t sync_period_ns;     /* how often to look whether the table is still there */
};

/* What the health and metrics endpoints tell; written by proxy_run, read from any thread. */
struct proxy_status {
    _Atomic int64_t updated_ns;  /* wall clock of the last successful sync, 0 = none yet */
    _Atomic int64_t dirty_since; /* monotonic, of the first change not yet in the kernel; 0 = none */
    _Atomic int64_t last_took_ns;
    _Atomic uint64_t syncs, failures;
    _Atomic uint64_t services, endpoints;
};

/* Blocks until the stop. Rules stay when it returns. */
int proxy_run(struct kube_client *client, struct nft *nft, const struct proxy_options *o, struct proxy_status *status,
              struct stop *stop, struct err *err) MUST_CHECK;

/* What the kernel must allow: forwarding, bridged packets seen by the rules, node ports on 127.0.0.1. Says in the log
 * what could not be set. */
void proxy_prepare_kernel(bool localhost_nodeports);

struct proxy_health;
/* "address:port" each; NULL or "" = none. One that cannot be bound is logged and left out. */
struct proxy_health *proxy_health_start(const char *healthz, const char *metrics, const struct proxy_status *status,
                                        int64_t stale_ns);
struct proxy_health *proxy_health_stop(struct proxy_health *h); /* returns NULL; accepts NULL */

#endif
