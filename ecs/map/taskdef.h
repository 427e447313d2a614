/*
 * taskdef.h - from the input of RegisterTaskDefinition to the task definition as ECS gives it back.
 *
 * Pure. The input is what the wire has checked for types, enums and lengths. Fields without a local meaning are kept as
 * they are; fields that matter and cannot be honoured are refused by name (ClientException). The results live in the
 * arena and share strings with the input, which must live as long. Errors: fault.h; TOO_LARGE when the arena
 * overflowed.
 */
#ifndef ECS_MAP_TASKDEF_H
#define ECS_MAP_TASKDEF_H

#include "api/doc.h"

/* Checks and fills in: containerDefinitions with their defaults, volumes, placementConstraints, compatibilities,
 * requiresAttributes. Tags are left out (RegisterTaskDefinition and the describe call carry them beside it). */
int taskdef_normalise(struct arena *a, const struct doc *input, struct doc **ret, struct err *err) MUST_CHECK;

struct taskdef_stamp {
    const char *region, *account;
    struct str registered_by; /* ARN of the caller */
    int64_t revision, now_s;
};
/* Sets taskDefinitionArn, revision, status ACTIVE, registeredAt and registeredBy. */
void taskdef_stamp(struct arena *a, struct doc *taskdef, const struct taskdef_stamp *stamp);

struct ecs_size {
    int64_t cpu;    /* units, 1024 = 1 vCPU */
    int64_t memory; /* MiB */
};
/* What a task takes on its instance: the task's cpu and memory, else the sum of its containers (memoryReservation
 * before memory). overrides: the TaskOverride of RunTask, or NULL. */
int taskdef_size(const struct doc *taskdef, const struct doc *overrides, struct ecs_size *ret,
                 struct err *err) MUST_CHECK;

/* "256", "1 vCPU", ".5 vCPU" -> units; "512", "1GB", "0.5 GB" -> MiB. */
bool taskdef_parse_cpu(struct str s, int64_t *ret);
bool taskdef_parse_memory(struct str s, int64_t *ret);
/* Is it a size of Fargate's table? */
bool taskdef_fargate_size(struct ecs_size size);

/* The checks of RunTask, StartTask and CreateService: launch_type "EC2", "FARGATE", "EXTERNAL", or "" for none given;
 * network is the request's networkConfiguration or NULL. */
int taskdef_check_launch(const struct doc *taskdef, struct str launch_type, const struct doc *network,
                         struct err *err) MUST_CHECK;
/* The container of that name, else NULL. */
const struct doc *taskdef_container(const struct doc *taskdef, struct str name);

#endif
