/*
 * resources.h - amounts of resources in numbers that are quick to add and compare.
 *
 * cpu counts in thousandths, memory and ephemeral-storage in bytes (the latter rounded up), everything else (GPUs, huge
 * pages) by the number of its name in a table that hangs on the scheduler. One thread at a time.
 */
#ifndef SCHEDULER_RESOURCES_H
#define SCHEDULER_RESOURCES_H

#include "base/str.h"
#include "client/protos.h"

#define RESOURCE_NAMES_MAX 512 /* names past these count as "no such resource": nothing that asks for them fits */

struct resource_names {
    char *v[RESOURCE_NAMES_MAX];
    size_t n;
};
void resource_names_release(struct resource_names *names);
/* The number of a name, made when it is new; -1 when the table is full. */
int resource_id(struct resource_names *names, const char *name);

struct resource_amount {
    int id; /* in resource_names; -1 = one that no node has */
    int64_t v;
};

struct resources {
    int64_t cpu_milli, memory, storage, pods;
    struct resource_amount *more; /* malloc'd */
    size_t n;
};
void resources_release(struct resources *r);
void resources_add(struct resources *to, const struct resources *from);
void resources_sub(struct resources *to, const struct resources *from);
void resources_max(struct resources *to, const struct resources *from);
int64_t resources_get(const struct resources *r, int id); /* of `more` */
bool resources_equal(const struct resources *a, const struct resources *b);

/* All generated entries of a map name -> Quantity look like this. */
struct resource_entry {
    ProtobufCMessage base;
    char *key;
    Quantity__Quantity *value;
};
/* Adds the entries of such a map; what cannot be read counts as 0. */
void resources_add_list(struct resources *r, void *entries, size_t n, struct resource_names *names);

/* What a pod needs: its containers together, at least what its init containers need one after another, sidecars,
 * overhead, or what the pod itself says. nonzero is the same with upstream's defaults (100m, 200Mi) for containers that
 * say nothing: for scoring. */
void pod_request(const Corev1__PodSpec *spec, struct resource_names *names, struct resources *ret,
                 int64_t *ret_nonzero_cpu, int64_t *ret_nonzero_memory);

#endif
