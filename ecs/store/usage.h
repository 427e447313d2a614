/*
 * usage.h - what takes room on each node, and the container instances, kept current from the store's copies.
 *
 * The store feeds it with every change of nodes, container instances, tasks, tasks' pods and other pods, under the lock
 * of that kind's copy, so that what has been written by this process counts at once. It keeps a few numbers and names
 * of each object, no documents. Asking costs a walk over the instances of one cluster and the tasks on their nodes.
 *
 * What a task takes: spec.size and spec.ports of an ECSTask that has spec.instance and spec.node and has not stopped;
 * the requests of its pod for a task without an instance; the requests and host ports of any other pod that has not
 * ended.
 *
 * Thread-safe.
 */
#ifndef ECS_STORE_USAGE_H
#define ECS_STORE_USAGE_H

#include "api/doc.h"
#include "ecs/map/placement.h"
#include "ecs/store/kinds.h"

struct ecs_usage;

struct ecs_usage *ecs_usage_new(void);
struct ecs_usage *ecs_usage_free(struct ecs_usage *u); /* returns NULL, accepts NULL */

/* Objects of other kinds are ignored. */
void ecs_usage_put(struct ecs_usage *u, enum ecs_kind_id k, const struct doc *object);
void ecs_usage_remove(struct ecs_usage *u, enum ecs_kind_id k, struct str ns, struct str name);

struct ecs_instance {
    const char *name;   /* id, the object's name */
    const char *node;   /* the node's name */
    const char *arn;    /* containerInstanceArn */
    const char *status; /* ACTIVE, DRAINING; INACTIVE: deregistered or its node has gone */
    const char *ec2_instance_id;
    const char *capacity_provider; /* "": it serves every provider of EC2 */
    bool connected;                /* the node is ready */
    bool schedulable;              /* not cordoned */
    bool registered;               /* dedicated to the cluster, or by RegisterContainerInstance */
    struct ecs_size size;          /* registered cpu and memory */
    int64_t running, pending;      /* tasks of the cluster there */
};

/* All instances of the namespace in any status, in the order of their names, and the same for placement. name: only the
 * one of this name; NULL: all. In the arena; false when it is full. */
bool ecs_usage_instances(struct ecs_usage *u, struct arena *a, struct str ns, const char *name,
                         struct ecs_instance **ret, struct placement_instance **ret_p, size_t *ret_n) MUST_CHECK;

bool ecs_usage_has_instance(struct ecs_usage *u, struct str ns, struct str name);

/* Takes the room of a task that is about to be written, so that two calls at a time do not both count on it. False when
 * it is not there (any more): observe again. The claim ends when the object has been put, or by ecs_usage_unclaim. */
struct ecs_claim {
    struct str ns, task, node, group;
    struct ecs_size size;
    const struct pod_port *ports; /* chosen */
    size_t n_ports;
};
bool ecs_usage_claim(struct ecs_usage *u, const struct ecs_claim *c) MUST_CHECK;
void ecs_usage_unclaim(struct ecs_usage *u, struct str ns, struct str task);

/* Of a namespace: ACTIVE and DRAINING ones, and those among them that were registered by hand. */
struct ecs_instance_counts {
    int64_t active, registered;
};
struct ecs_instance_counts ecs_usage_count_instances(struct ecs_usage *u, struct str ns);

enum ecs_launch_kind { ECS_LAUNCH_EC2, ECS_LAUNCH_FARGATE, ECS_LAUNCH_EXTERNAL, ECS_LAUNCHES };
enum ecs_launch_kind ecs_launch_kind_of(struct str launch_type); /* a name that is none counts as EC2 */

/* Tasks of a namespace that are RUNNING, that are on their way there (PROVISIONING, PENDING, ACTIVATING), and that have
 * not stopped; and the first two of each launch type. */
struct ecs_task_counts {
    int64_t running, pending, live;
    struct {
        int64_t running, pending;
    } of[ECS_LAUNCHES];
};
struct ecs_task_counts ecs_usage_tasks(struct ecs_usage *u, struct str ns);
/* The host ports of all tasks that have not stopped. fn must be quick and not call usage or store. */
void ecs_usage_ports(struct ecs_usage *u, void (*fn)(void *ctx, uint16_t port), void *ctx);

#endif
