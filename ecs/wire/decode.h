/*
 * decode.h - the input of a request as a tree, whatever the protocol.
 *
 * Only what the shape names is read from queries, forms, paths and headers; JSON bodies come as they are. The tree
 * still has to pass aws_validate. Strings may be views into the request. Pure but for the arena of the call.
 */
#ifndef ECS_WIRE_DECODE_H
#define ECS_WIRE_DECODE_H

#include "route.h"

/* An object, always. -1 = call->fault is set. */
int aws_decode(struct aws_call *call, const struct sigv4_request *r, const struct aws_route *route,
               struct doc **ret) MUST_CHECK;

#endif
