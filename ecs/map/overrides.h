/*
 * overrides.h - what RunTask and StartTask check of a request before anything is placed.
 *
 * Pure. Errors: fault.h, with ECS's texts.
 */
#ifndef ECS_MAP_OVERRIDES_H
#define ECS_MAP_OVERRIDES_H

#include "api/doc.h"

#define OVERRIDES_BYTES_MAX 8192 /* of the whole, as JSON */
#define STARTED_BY_MAX 128

/* overrides: a TaskOverride, or NULL. fargate: the task's size has to be one of Fargate's. */
int overrides_check(const struct doc *taskdef, const struct doc *overrides, bool fargate, struct err *err) MUST_CHECK;
/* group and startedBy; "" for none. */
int task_names_check(struct str group, struct str started_by, struct err *err) MUST_CHECK;
/* platformVersion; "" for none. */
int task_platform_check(struct str version, bool fargate, struct err *err) MUST_CHECK;

#endif
