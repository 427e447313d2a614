/*
 * new_task.h - how a task comes into being: RunTask, StartTask and the service scheduler all make theirs here.
 *
 * ecs_task_create writes one ECSTask in the state PROVISIONING; the task controller makes its pod. Nothing here decides
 * where a task goes or checks the request (taskdef_check_launch, placement.h): that is done by then.
 *
 * The object: spec is how the task was asked for: {cluster, definition "FAMILY:REVISION", definitionObject,
 * clientToken, request, ports, service, deployment, number, instance, node, size {cpu, memory}}; what is empty is left
 * out. status is the API's Task.
 */
#ifndef ECS_OPS_NEW_TASK_H
#define ECS_OPS_NEW_TASK_H

#include "ecs/map/pod.h"
#include "ecs/store/store.h"

#define ECS_TASK_ID_DIGITS 32

/* The host ports that tasks have, of any cluster and node; what ecs_task_create chooses is marked. */
struct ecs_ports;
/* In the arena. Make one a round (call), not one a task. */
int ecs_ports_observe(struct ecs_store *s, struct arena *a, struct ecs_ports **ret, struct err *err) MUST_CHECK;

/* Strings are NULL or views that live as long as the call; NULL and "" mean there is none. */
struct new_task {
    const char *region, *account;
    const char *cluster, *ns;     /* name of the ECS cluster; its namespace */
    const struct doc *definition; /* the TaskDefinition object (spec, status) */
    const char *id;               /* 32 hex digits: ecs_task_random_id, ecs_task_id_of */
    const char *launch_type;      /* EC2 (also for none), FARGATE, EXTERNAL */
    const char *capacity_provider;
    const char *platform_version; /* FARGATE */
    const char *zone;             /* availability zone; none: the region's first */
    const char *reference_id;
    const char *group; /* none: family:FAMILY */
    const char *started_by;
    const char *service, *deployment; /* "web", "ecs-svc/123" */
    int64_t number;                   /* with a service: which of the deployment's tasks it is */
    /* Where placement has put it: the instance's id, its ARN, its node. None: Kubernetes' scheduler chooses. */
    const char *instance, *instance_arn, *node;
    const struct doc *overrides; /* TaskOverride */
    const struct doc *network;   /* networkConfiguration */
    const struct doc *ephemeral_storage;
    const struct doc *tags;       /* of the request; they win over propagated ones */
    const struct doc *propagated; /* of the task definition or service, when they are to be propagated */
    bool managed_tags;            /* enableECSManagedTags: aws:ecs:clusterName, aws:ecs:serviceName */
    const char *client_token;     /* with it: */
    const char *request;          /* what tells this request from another with the same token */
    struct ecs_ports *ports;      /* NULL: observed when a host port is to be chosen */
    int64_t now_s;
};

/* *ret (may be NULL) is the object as it was written. ERR_ALREADY_EXISTS: somebody has made a task of that id.
 * ERR_UNAVAILABLE: no host port is free. ERR_CONFLICT: the instance has not the room any more (another call was
 * faster): observe and choose again. */
int ecs_task_create(struct ecs_store *s, struct arena *a, const struct new_task *t, struct doc **ret,
                    struct err *err) MUST_CHECK;

/* Ids, in the arena. The second always follows from the text. */
const char *ecs_task_random_id(struct arena *a);
const char *ecs_task_id_of(struct arena *a, struct str text);

#endif
