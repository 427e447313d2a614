/*
 * task_request.h - what RunTask and StartTask have in common: the checks of the request, and making its tasks.
 */
#ifndef ECS_OPS_TASK_REQUEST_H
#define ECS_OPS_TASK_REQUEST_H

#include "ecs/ops/instances.h"
#include "ecs/ops/new_task.h"
#include "ecs/ops/ops.h"

struct task_request {
    struct aws_call *call;
    struct ecs_cluster cluster;
    struct doc *definition;         /* object */
    struct new_task task;           /* what its tasks have in common */
    struct placement_request place; /* what each of them needs of an instance */
    struct doc *tasks;              /* of the answer */
};

/* Refuses by name what is not supported, finds cluster and task definition. */
int task_request_begin(struct task_request *r, struct aws_call *c, struct err *err) MUST_CHECK;
/* Everything that depends on what the tasks run on: EC2, FARGATE, EXTERNAL. */
int task_request_check(struct task_request *r, struct str runs_on, struct err *err) MUST_CHECK;
/* Makes the task of that id, on the instance (NULL: Kubernetes' scheduler chooses). 0 made, 1 there is one of that id,
 * -1. */
int task_request_make(struct task_request *r, const char *id, const struct ecs_instance *instance,
                      const struct placement_instance *placed, const char *provider, struct doc **ret,
                      struct err *err) MUST_CHECK;
void task_request_answer(struct task_request *r, const struct doc *object); /* one more task of the answer */

#endif
