/*
 * validate.h - makes of a decoded tree the input that handlers may trust, or the error of a service that will not take
 * it.
 *
 * Walks tree and shape together: members that the API does not have and nulls are dropped (as AWS does), types are
 * checked (a wrong one is a SerializationException), numbers and timestamps brought to their one form, and lengths,
 * ranges, patterns, enums and required members collected as violations, all of which are told in one message in AWS's
 * words. Pure but for the arena of the call.
 */
#ifndef ECS_WIRE_VALIDATE_H
#define ECS_WIRE_VALIDATE_H

#include "call.h"

/* Changes `tree` (an object) in place. -1 = call->fault is set. */
int aws_validate(struct aws_call *call, const struct aws_service *s, const struct aws_operation_shape *op,
                 struct doc *tree) MUST_CHECK;

#endif
