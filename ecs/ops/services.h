/*
 * services.h - what the operations on services and others both need: finding a service, following its service
 * deployments, and forgetting it.
 *
 * The functions on a struct ecs_store may be called by the controllers.
 */
#ifndef ECS_OPS_SERVICES_H
#define ECS_OPS_SERVICES_H

#include "ecs/map/service.h"
#include "ecs/ops/ops.h"

#define SERVICE_HISTORY_MAX 100 /* revisions, and service deployments, that are kept of a service */

/* The service of the cluster that a name or ARN means, in whatever status. 0 found, 1 there is none, -1 (also for an
 * ARN of another cluster: InvalidParameterException). */
int ecs_find_service(struct aws_call *c, const struct ecs_cluster *cluster, struct str name_or_arn, struct doc **ret,
                     struct err *err) MUST_CHECK;

/* Writes the ECSServiceDeployments of the service's deployments as the service is now, and makes those that are
 * missing. To be called after each change of a rollout, before the deployment is retired; and after DeleteService. A
 * write that somebody else was faster with is left to them. */
int ecs_follow_service_deployments(struct ecs_store *s, struct arena *a, const struct doc *service, int64_t now_s,
                                   struct err *err) MUST_CHECK;

/* Deletes the oldest revisions and ended service deployments beyond SERVICE_HISTORY_MAX of the service. */
int ecs_trim_service(struct ecs_store *s, struct arena *a, const struct doc *service, struct err *err) MUST_CHECK;

/* Deletes an INACTIVE service with its revisions and service deployments. */
int ecs_forget_service(struct ecs_store *s, struct arena *a, const struct doc *service, struct err *err) MUST_CHECK;

#endif
