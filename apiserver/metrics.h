/*
 * metrics.h - what /metrics tells: request counters and latencies with upstream's names and labels, process facts, and
 * whatever other parts register.
 *
 * Counting is lock-free: a series is found in a fixed table by its labels and then counted with atomics. The table has
 * a ceiling; what does not fit is counted in one series with the label resource="other".
 */
#ifndef APISERVER_METRICS_H
#define APISERVER_METRICS_H

#include "base/buf.h"

struct metrics;

struct metrics *metrics_new(void);
struct metrics *metrics_free(struct metrics *m);

struct metrics_request {
    struct str verb; /* upper case, as upstream: GET LIST WATCH POST PUT PATCH DELETE DELETECOLLECTION */
    struct str group, version, resource, subresource;
    const char *scope; /* "resource", "namespace", "cluster", "" */
    bool dry_run;
    int code;
    int64_t duration_ns; /* negative: a long-running request, which has no duration */
};
void metrics_count_request(struct metrics *m, const struct metrics_request *r);

/* Gauges. */
void metrics_inflight(struct metrics *m, bool mutating, int delta);
void metrics_watches(struct metrics *m, int delta);

/* Adds lines of its own at the end of /metrics. At most METRICS_EXTRA_MAX; before serving starts. */
#define METRICS_EXTRA_MAX 8
void metrics_register(struct metrics *m, void (*write)(void *ud, struct buf *out), void *ud);
void metrics_write(struct metrics *m, struct buf *out); /* Prometheus text, version 0.0.4 */

#endif
