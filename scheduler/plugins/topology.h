/*
 * topology.h - counts by topology domain (a label key and value), which PodTopologySpread and InterPodAffinity both
 * keep.
 *
 * A table lives in the arena of the cycle. Shared helpers of those two plugins; all pure.
 */
#ifndef SCHEDULER_PLUGINS_TOPOLOGY_H
#define SCHEDULER_PLUGINS_TOPOLOGY_H

#include "scheduler/framework.h"

struct domains {
    struct map counts; /* "key\0value" -> count */
};

struct domains *domains_new(struct arena *a);                                       /* NULL when the arena is full */
void domains_add(struct domains *d, const char *key, const char *value, int64_t n); /* makes it; n may be 0 */
int64_t domains_get(const struct domains *d, const char *key, const char *value);   /* 0 when absent */
bool domains_has(const struct domains *d, const char *key, const char *value);
size_t domains_count(const struct domains *d);

static inline const char *pod_namespace(const struct sched_pod *p)
{
    return kstr(p->obj->meta->namespace_);
}

#endif
