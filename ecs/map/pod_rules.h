/*
 * pod_rules.h - the parts of pod_build. Not for others.
 */
#ifndef ECS_MAP_POD_RULES_H
#define ECS_MAP_POD_RULES_H

#include "ecs/map/pod.h"

enum pod_place { PLACE_MAIN, PLACE_INIT, PLACE_SIDECAR };

struct pod_work {
    struct arena *a;
    const struct doc *taskdef;
    const struct pod_task *task;
    struct doc *volumes; /* of the pod: containers add theirs */
};
struct doc *pod_container(struct pod_work *w, const struct doc *c, enum pod_place place);
/* Requests and limits of the whole task over its containers, in the order of mains and sidecars. */
void pod_share_size(struct pod_work *w, const struct doc *pod_spec);
void pod_volumes(struct pod_work *w);
/* What Kubernetes has no member for: users by name, ulimits, a stopTimeout shorter than the pod's grace, the init
 * containers that may fail. */
void pod_annotate_containers(struct arena *a, const struct doc *taskdef, int64_t grace_s, struct doc *annotations);
const struct doc *pod_override(const struct pod_task *task, struct str container); /* its ContainerOverride, or NULL */

#endif
