/*
 * instances.h - the container instances of a cluster as they are now: who they are, what they have left, what runs
 * there.
 *
 * Every node is an instance of every ACTIVE cluster, as a ContainerInstance object in the cluster's namespace whose
 * name is the instance's id (controllers/instances.h makes it): spec {cluster, node, nodeUid, registered, deregistered,
 * tags}, status = members of the API's ContainerInstance that do not follow from what runs there.
 *
 * Cheap: nothing is read or parsed for a call; the store keeps sums for each node (store/usage.h), in which a task
 * counts from the moment its ECSTask was written by this process or seen. What has no room yet in them is what another
 * gateway writes at this very moment.
 *
 * What a task takes: spec.size and spec.ports of an ECSTask that has spec.instance (and spec.node) and has not stopped;
 * the requests of its pod for a task without an instance (FARGATE); the requests of any other pod on the node.
 */
#ifndef ECS_OPS_INSTANCES_H
#define ECS_OPS_INSTANCES_H

#include "ecs/map/instance.h"
#include "ecs/store/store.h"
#include "ecs/store/usage.h" /* struct ecs_instance, ecs_task_counts */

/* The ACTIVE and DRAINING instances of the cluster in the order of their ids, and the same for placement (same order;
 * `active` there is false when it is DRAINING or cordoned: no new task goes there). n may be 0. All in the arena. */
int ecs_instances_observe(struct ecs_store *s, struct arena *a, const char *cluster, const char *ns,
                          struct ecs_instance **ret, struct placement_instance **ret_p, size_t *ret_n,
                          struct err *err) MUST_CHECK;

/* Only those that serve a capacity provider are kept of both arrays ("" = all); returns how many. */
size_t ecs_instances_of_provider(struct ecs_instance *v, struct placement_instance *p, size_t n, struct str provider);

/* The instance that an id or ARN means, in any status. 0 found, 1 there is none (of this cluster), -1. ret_p may be
 * NULL. */
int ecs_instance_find(struct ecs_store *s, struct arena *a, const char *cluster, const char *ns, struct str id_or_arn,
                      struct ecs_instance *ret, struct placement_instance *ret_p, struct err *err) MUST_CHECK;

/* Makes the object of the cluster's instance on that node, or brings it up to date; nothing when the node belongs to
 * others and there is none. from->node is the node, never NULL. *ret_made (may be NULL): it is new. */
int ecs_instance_ensure(struct ecs_store *s, struct arena *a, const char *ns, const struct instance_origin *from,
                        bool *ret_made, struct err *err) MUST_CHECK;
/* The same on up to max nodes: a cluster that has just been made can run tasks at once. The controller does the rest.
 */
int ecs_instances_begin(struct ecs_store *s, struct arena *a, const char *ns, const struct instance_origin *from,
                        size_t max, struct err *err) MUST_CHECK;

/* registeredContainerInstancesCount of a cluster: ACTIVE and DRAINING ones. */
int64_t ecs_instances_count(struct ecs_store *s, const char *ns);
/* Does one of them keep the cluster from being deleted (ClusterContainsContainerInstancesException)? Only those that
 * were registered by hand or whose node is dedicated to the cluster do. */
bool ecs_instances_block_delete(struct ecs_store *s, const char *ns);

/* Tasks of a namespace that are RUNNING and PENDING (PROVISIONING, PENDING, ACTIVATING), without reading them. */
struct ecs_task_counts ecs_count_tasks(struct ecs_store *s, const char *ns);

#endif
