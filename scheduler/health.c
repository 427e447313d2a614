#include "health.h"

#include <inttypes.h>

void health_metrics(const struct scheduler_counters *c, struct buf *out)
{
    static const char attempts[] =
        "scheduler_schedule_attempts_total{profile=\"default-scheduler\",result=\"%s\"} %" PRIu64 "\n";
    static const char pending[] = "scheduler_pending_pods{queue=\"%s\"} %" PRIu64 "\n";

    buf_puts(out, "# HELP scheduler_schedule_attempts_total Attempts to place a pod, by result.\n"
                  "# TYPE scheduler_schedule_attempts_total counter\n");
    buf_printf(out, attempts, "error", c->errors);
    buf_printf(out, attempts, "scheduled", c->scheduled);
    buf_printf(out, attempts, "unschedulable", c->unschedulable);
    buf_puts(out, "# HELP scheduler_pending_pods Pods that wait for a node, by queue.\n"
                  "# TYPE scheduler_pending_pods gauge\n");
    buf_printf(out, pending, "active", c->active);
    buf_printf(out, pending, "backoff", c->backoff);
    buf_printf(out, pending, "unschedulable", c->waiting);
    buf_puts(out, "# HELP coracle_scheduler_attempt_seconds_total Time spent looking for nodes.\n"
                  "# TYPE coracle_scheduler_attempt_seconds_total counter\n");
    buf_printf(out, "coracle_scheduler_attempt_seconds_total %.6f\n", (double)c->nanoseconds / 1e9);
}
