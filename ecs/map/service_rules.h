/*
 * service_rules.h - what a service may be: the inputs of CreateService and UpdateService -> the spec of an ECSService.
 *
 * Pure. Inputs are what the wire has checked for types and enums. What has no local meaning is kept; what matters and
 * cannot be honoured is refused by name. Results live in the arena and share strings with the inputs. Errors: fault.h,
 * with ECS's texts where they are known.
 *
 * Refused: deployment controllers other than ECS, strategies other than ROLLING, lifecycle hooks, bake time, alarms
 * that are enabled, load balancers (there is no target group that has one), service registries, Service Connect and VPC
 * Lattice, volumeConfigurations.
 */
#ifndef ECS_MAP_SERVICE_RULES_H
#define ECS_MAP_SERVICE_RULES_H

#include "api/doc.h"

#define SERVICE_DESIRED_MAX 5000 /* ECS's quota of tasks in a service */

struct service_wish { /* what the operation has found out */
    const char *region, *account;
    const char *cluster; /* its name */
    struct str caller;   /* ARN */
    int64_t now_s;
    const struct doc *definition; /* spec of the task definition that the service is to run */
    /* What the tasks run on: ops.h, struct ecs_launch. */
    struct str launch_type, runs_on;
    const struct doc *strategy;
};

int service_spec_create(struct arena *a, const struct doc *input, const struct service_wish *w, struct doc **ret,
                        struct err *err) MUST_CHECK;

/* spec: the service's present one; *ret_deploys: does the change start a deployment? When the input has no
 * taskDefinition or capacityProviderStrategy, w tells what the service has already. */
int service_spec_update(struct arena *a, const struct doc *spec, const struct doc *input, const struct service_wish *w,
                        struct doc **ret, bool *ret_deploys, struct err *err) MUST_CHECK;

/* Are the two specs of the same settings (who created it when, and with which token, aside)? */
bool service_spec_same(struct arena *a, const struct doc *spec, const struct doc *other);

#endif
