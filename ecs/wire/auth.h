/*
 * auth.h - who calls: the signature of a request checked against the keys, and each protocol's own error when it fails.
 */
#ifndef ECS_WIRE_AUTH_H
#define ECS_WIRE_AUTH_H

#include "call.h"
#include "keys.h"
#include "sigv4.h"

/* Fills call->principal, in any case with the access key that the request claims, if it does. claim: from sigv4_read,
 * to be released by the caller in any case; its service is the signing name. protocol: in which a failure is told. */
int aws_authenticate(struct aws_call *call, const struct sigv4_request *r, struct aws_keys *keys,
                     enum aws_protocol protocol, struct sigv4_claim *claim) MUST_CHECK;

/* The parts of an ARN and the id of its principal; pure. arn must live in the arena. */
void aws_principal_fill(struct arena *a, struct str arn, struct aws_principal *ret);

#endif
