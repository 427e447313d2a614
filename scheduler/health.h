/*
 * health.h - the small HTTPS server of the scheduler: /healthz, /livez and /readyz for everybody, /metrics for this
 * host.
 */
#ifndef SCHEDULER_HEALTH_H
#define SCHEDULER_HEALTH_H

#include "scheduler/scheduler.h"

struct health;

struct health_options {
    const char *address;
    uint16_t port;
    const char *cert_file, *key_file;          /* NULL = a certificate of its own, made at the start */
    const struct scheduler_counters *counters; /* outlive the server */
};

int health_start(const struct health_options *o, struct health **ret, struct err *err) MUST_CHECK;
struct health *health_free(struct health *h); /* returns NULL, accepts NULL */
static inline void health_freep(struct health **h)
{
    health_free(*h);
}

/* The text of /metrics. Pure; for tests. */
void health_metrics(const struct scheduler_counters *c, struct buf *ret);

#endif
