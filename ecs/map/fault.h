/*
 * fault.h - an error of the ECS API out of a pure rule: its code and the whole message.
 *
 * A rule that refuses returns ecs_fault(err, "ClientException", "text"): err holds BAD_REQUEST and the text,
 * err->detail the code, which is a literal. An operation hands both on: aws_error(call, ecs_fault_code(err), "%s",
 * err->msg).
 */
#ifndef ECS_MAP_FAULT_H
#define ECS_MAP_FAULT_H

#include "base/err.h"

#define ECS_CLIENT "ClientException"
#define ECS_INVALID "InvalidParameterException"

int ecs_fault(struct err *err, const char *code, const char *fmt, ...) PRINTF_FMT(3, 4); /* returns -1 */
/* The code, or NULL when err is an error of our own (no memory). */
const char *ecs_fault_code(const struct err *err);

#endif
