/*
 * usage_index.h - inside ecs/store: what usage.c keeps and usage_view.c tells. Everything under the lock.
 */
#ifndef ECS_STORE_USAGE_INDEX_H
#define ECS_STORE_USAGE_INDEX_H

#include "base/list.h"
#include "base/map.h"
#include "ecs/store/usage.h"
#include "ecs/store/usage_read.h"

#include <pthread.h>

struct usage_node {
    char *name;
    bool known, ready, schedulable;
    struct usage_amount has;
    int64_t pods_max;
    struct ecs_size tasks;    /* what tasks take by their size */
    struct usage_amount pods; /* what pods take by their requests */
    size_t n;                 /* of both */
    struct list loads;
};

/* One namespace's instances and tasks. */
struct usage_space {
    char *ns;
    struct map instances; /* name -> struct usage_facts */
    struct ecs_task_counts counts;
    size_t tasks;
};

/* What an instance's object says: immutable, in one piece; a call that uses it holds a reference. */
struct usage_facts {
    int refs; /* atomic */
    bool registered;
    struct str name, node, arn, status, ec2_instance_id, capacity_provider, agent_version, registered_at;
    size_t n;
    struct placement_attribute attributes[];
};

struct usage_ports {
    struct placement_port *v;
    size_t n;
};

enum usage_phase { PHASE_NONE, PHASE_PENDING, PHASE_RUNNING };

/* A task, its pod, or both; or another pod. */
struct usage_load {
    struct list link; /* of the node that carries it */
    struct usage_node *node;
    bool by_task; /* it counts with the task's size, else with the pod's requests */
    struct usage_space *space;
    struct {
        bool known, live, claimed; /* claimed: not written yet */
        enum usage_phase phase;
        enum ecs_launch_kind launch;
        char *node, *group; /* node NULL: it has no instance */
        struct ecs_size size;
        struct usage_ports ports;
    } task;
    struct {
        bool known, live;
        char *node;
        struct usage_amount amount;
        struct usage_ports ports;
    } pod;
};

struct ecs_usage {
    pthread_mutex_t lock;
    struct map nodes, spaces; /* name -> struct usage_node, namespace -> struct usage_space */
    struct map loads;         /* "t/ns/name", "p/ns/name" -> struct usage_load */
};

struct ecs_size usage_size_of(const struct usage_node *n); /* registered */
struct ecs_size usage_left_on(const struct usage_node *n);
static inline const struct usage_ports *usage_ports_of(const struct usage_load *l)
{
    return l->by_task ? &l->task.ports : &l->pod.ports;
}
void usage_unref_facts(void *facts);

#endif
