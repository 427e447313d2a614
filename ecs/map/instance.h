/*
 * instance.h - a Kubernetes node as a container instance of a cluster.
 *
 * Pure. The object (ContainerInstance) has spec {cluster, node, nodeUid, registered, byCall, deregistered, goneAt,
 * tags} and as status those members of the API's ContainerInstance that do not follow from what runs there. What is
 * known of the node is written anew each time; status ACTIVE/DRAINING, tags and attributes that were put stay.
 *
 * The label ecs.coracle.dev/cluster=NAME of a node gives it to that cluster alone,
 * ecs.coracle.dev/capacity-provider=NAME to that provider alone, and attribute.ecs.coracle.dev/NAME=VALUE is an
 * attribute of its instances. A node with a taint of NoSchedule or NoExecute that is not Kubernetes' own word on its
 * health is no instance: tasks do not tolerate it.
 */
#ifndef ECS_MAP_INSTANCE_H
#define ECS_MAP_INSTANCE_H

#include "ecs/map/placement.h"

#define INSTANCE_ID_LEN 32
#define INSTANCE_KEPT_S 3600       /* how long one whose node has gone is seen, INACTIVE */
#define INSTANCE_ATTRIBUTES_MAX 10 /* custom ones */

/* 32 hexadecimal digits that follow from the cluster and the node's uid. */
const char *instance_id(struct arena *a, const char *cluster, struct str node_uid);
/* i-<17 hex>: AWS's own when the node has one (spec.providerID), else it follows from the uid. */
const char *instance_ec2_id(struct arena *a, const struct doc *node);

bool instance_belongs(const struct doc *node, const char *cluster);
bool instance_dedicated(const struct doc *node, const char *cluster); /* by the label */

struct instance_origin {
    const char *region, *account, *cluster;
    const struct doc *node; /* NULL: it has gone */
    int64_t now_s;
};
/* The spec and status of a new object. */
void instance_make(struct arena *a, struct doc *object, const struct instance_origin *from);
/* Brings an object up to date, in place; false when nothing changed. One whose node has gone, or belongs to another
 * cluster now, becomes INACTIVE; it is ACTIVE again when the node comes back, unless it was deregistered. */
bool instance_renew(struct arena *a, struct doc *object, const struct instance_origin *from);
/* Can the object go (its node has gone for INSTANCE_KEPT_S)? *ret_at is when. */
bool instance_expires(const struct doc *object, int64_t *ret_at);
/* Of status.attributes of an object: sets one; removes one that was put (false: there is none); how many were put. */
void instance_put_attribute(struct arena *a, struct doc *list, struct str name, struct str value);
bool instance_remove_attribute(struct doc *list, struct str name, struct str *ret_old);
size_t instance_custom_attributes(const struct doc *list);
/* Counts a change of the object: status.version. */
void instance_count_change(struct arena *a, struct doc *object);

/* The API's ContainerInstance: the object with what runs there. tags, health: asked for. node may be NULL. */
struct instance_load {
    int64_t running, pending;
    const struct placement_instance *now;
    const struct doc *node; /* for its health */
    bool tags, health;
};
struct doc *instance_view(struct arena *a, const struct doc *object, const struct instance_load *load);

/* Attributes that every instance has, as agents register them: what our nodes can do. Names without values. */
bool instance_can(struct str capability);
struct doc *instance_capabilities(struct arena *a); /* [{name}] */

#endif
