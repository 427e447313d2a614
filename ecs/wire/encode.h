/*
 * encode.h - answers and errors in the form of each protocol. Pure.
 */
#ifndef ECS_WIRE_ENCODE_H
#define ECS_WIRE_ENCODE_H

#include "route.h"

#include "base/buf.h"

struct aws_answer {
    int status;
    const char *content_type;
    const char *error_code; /* on the wire; NULL = success */
    bool error_header;      /* the code is also told by x-amzn-errortype */
    struct buf body;
};

#define AWS_ANSWER_MAX (16u << 20)

/* What the handler has left in call->output. release the body in any case. */
void aws_encode_output(const struct aws_call *call, const struct aws_route *route, struct aws_answer *ret);
/* call->fault in the protocol of the route, whose service may be unknown. */
void aws_encode_fault(const struct aws_call *call, const struct aws_route *route, struct aws_answer *ret);

#endif
