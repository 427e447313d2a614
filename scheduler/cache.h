/*
 * cache.h - what the scheduler knows: nodes with the pods on them, and all pods, as compact structs.
 *
 * The cache and everything in it belongs to the scheduling thread alone; informers hand objects over through the inbox
 * (scheduler.c). Pods that were given a node but are not yet seen bound ("assumed") count like bound ones.
 */
#ifndef SCHEDULER_CACHE_H
#define SCHEDULER_CACHE_H

#include "base/map.h"
#include "client/kinds.h"
#include "scheduler/resources.h"

/* What has changed and may make a waiting pod fit. */
enum cluster_event {
    EVENT_NODE_ADD = 1 << 0,
    EVENT_NODE_ALLOCATABLE = 1 << 1,
    EVENT_NODE_LABEL = 1 << 2,
    EVENT_NODE_TAINT = 1 << 3, /* or spec.unschedulable */
    EVENT_POD_ADD = 1 << 4,    /* a pod is on a node now */
    EVENT_POD_DELETE = 1 << 5, /* a pod has left its node */
    EVENT_POD_UPDATE = 1 << 6, /* labels or requests of a pod on a node */
    EVENT_ALL = (1 << 7) - 1,
};

struct host_port {
    const char *ip, *protocol; /* views into the object */
    int32_t port;
};

enum pod_state {
    POD_GATED,         /* has scheduling gates */
    POD_ACTIVE,        /* waits for its turn */
    POD_BACKOFF,       /* failed, its time has not come */
    POD_UNSCHEDULABLE, /* fits nowhere until something changes */
    POD_ASSUMED,       /* given a node, the binding is under way */
    POD_BOUND,
};

struct sched_node;
struct sched_pod;

/* The pods of one controller that are on nodes. */
struct owner {
    char *uid;
    struct sched_pod **placed;
    size_t n_placed, cap_placed;
    size_t n_pods; /* that refer to it, placed or not */
};

struct sched_pod {
    struct kube_object *obj; /* our reference */
    const Corev1__Pod *pod;
    struct resources request;
    int64_t nonzero_cpu, nonzero_memory;
    struct host_port *ports;
    size_t n_ports;
    int32_t priority;
    struct owner *owner; /* NULL = no controller */
    bool has_affinity, has_anti_affinity;

    enum pod_state state;
    size_t heap_at; /* queue.c */
    int attempts;
    int64_t since_ns;  /* when it entered the queue first */
    int64_t ready_ns;  /* POD_BACKOFF: until when; POD_UNSCHEDULABLE: since when */
    uint64_t blockers; /* plugins that refused it, by their place in the table */

    struct sched_node *node; /* ASSUMED, BOUND */
    size_t node_at;          /* its place in node->pods */
    size_t owner_at;         /* its place in owner->placed */
};

struct sched_node {
    struct kube_object *obj; /* NULL = pods name it, but it is not known */
    const Corev1__Node *node;
    char *name;
    struct resources allocatable, requested;
    int64_t nonzero_cpu, nonzero_memory; /* of its pods */
    struct sched_pod **pods;
    size_t n_pods, cap_pods;
    size_t n_affinity, n_anti_affinity, n_ports; /* of its pods: how many have some */
    size_t at;                                   /* its place in cache->nodes, when it is known */
    size_t zone;                                 /* the number of its topology.kubernetes.io/zone; 0 = none */
};

#define ZONES_MAX 10000 /* nodes of zones past these count as without a zone */

struct cache {
    struct resource_names names;
    struct map pods, node_map; /* key -> sched_pod *, name -> sched_node * */
    struct map owners, zones;  /* uid -> owner *, name -> number */
    struct sched_node **nodes; /* the known ones */
    size_t n_nodes, cap_nodes;
};

void cache_init(struct cache *c);
void cache_release(struct cache *c);

static inline size_t cache_zones(const struct cache *c) /* the largest number of a zone */
{
    return c->zones.n;
}

/* Takes a reference of its own; returns what changed (enum cluster_event). */
unsigned cache_set_node(struct cache *c, struct kube_object *o);
void cache_remove_node(struct cache *c, struct str name);

struct sched_pod *cache_pod(const struct cache *c, struct str key);
/* A pod that is new, or its new version: keeps state and place. Returns it. */
struct sched_pod *cache_set_pod(struct cache *c, struct kube_object *o);
void cache_remove_pod(struct cache *c, struct sched_pod *p); /* off its node, and freed; must be in no queue */
void cache_assign(struct cache *c, struct sched_pod *p, const char *node_name);
void cache_unassign(struct cache *c, struct sched_pod *p);

/* NULL when absent. */
const char *node_label(const struct sched_node *n, const char *key);
bool pod_terminating(const struct sched_pod *p);

#endif
