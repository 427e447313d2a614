/*
 * usage_read.h - inside ecs/store: the few facts that usage.c keeps of an object. Pure.
 */
#ifndef ECS_STORE_USAGE_READ_H
#define ECS_STORE_USAGE_READ_H

#include "api/doc.h"

struct usage_amount {
    int64_t milli, bytes; /* cpu, memory */
};

/* What the pod requests as Kubernetes' scheduler counts it: containers and sidecars together or the largest init
 * container, overhead, a size of the whole pod. {0, 0} once it has ended. */
struct usage_amount usage_of_pod(const struct doc *pod);
bool usage_pod_ended(const struct doc *pod);

struct usage_amount usage_allocatable(const struct doc *node);
/* A whole number in a list of resources. */
bool usage_count_of(const struct doc *resources, const char *name, int64_t *ret);
bool usage_node_ready(const struct doc *node);

/* The i-th host port of a pod's containers. */
bool usage_pod_port(const struct doc *pod, size_t i, uint16_t *ret, bool *ret_udp);

#endif
