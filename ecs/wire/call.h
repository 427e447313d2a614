/*
 * call.h - the wire's own side of a call: what an error is until the encoder writes it.
 */
#ifndef ECS_WIRE_CALL_H
#define ECS_WIRE_CALL_H

#include "operation.h"
#include "shapes.h"

struct aws_fault {
    int status; /* 0 = what the tables say, else 400 */
    const char *code, *message;
    struct doc *members; /* further ones of the error's shape; NULL or an object */
};

#endif
