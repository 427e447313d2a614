/*
 * services.h - the small services beside ECS: who am I, and what has happened.
 */
#ifndef ECS_SERVICES_SERVICES_H
#define ECS_SERVICES_SERVICES_H

#include "ecs/wire/audit.h"
#include "ecs/wire/operation.h"

extern const struct aws_operation sts_operations[]; /* context: none */
extern const size_t sts_operations_n;

extern const struct aws_operation cloudtrail_operations[]; /* context: the struct audit of the gateway */
extern const size_t cloudtrail_operations_n;

#endif
