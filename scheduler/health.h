/*
 * health.h - what the scheduler says on /metrics. The server is net/health_server.h's.
 */
#ifndef SCHEDULER_HEALTH_H
#define SCHEDULER_HEALTH_H

#include "scheduler/scheduler.h"

/* The text of /metrics. Pure; for tests. */
void health_metrics(const struct scheduler_counters *c, struct buf *ret);

#endif
