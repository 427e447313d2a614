/*
 * operation.h - the border between the wire and the operations.
 *
 * The wire has checked who signed a request, found its operation in the table of shapes, decoded and validated the
 * input; then it calls the operation's handler with a struct aws_call, and encodes what the handler has left in
 * `output`, or the error it has set, in the protocol of the service. A handler sees and makes the same tree whatever
 * the protocol: the one JSON 1.1 would carry (member names of the API, timestamps as numbers of seconds since 1970,
 * blobs in base64).
 *
 * Handlers run on worker threads, many at a time, and may block. A handler returns
 *
 *     0                                      output is the answer
 *     aws_error(call, "XException", ...)     an answer of the service: 400, or what aws_fault says
 *     -1 with err filled and no aws_error    our own failure: the caller gets the service's server error (500, 503)
 * with a general text, the log gets err
 *
 * A service's operations are rows of one table that main gives to the gateway; an operation of the shapes' table
 * without a row is answered with an error that says so.
 */
#ifndef ECS_WIRE_OPERATION_H
#define ECS_WIRE_OPERATION_H

#include "api/doc.h"

/* Who calls: views that live as long as the call. */
struct aws_principal {
    struct str arn;        /* arn:aws:iam::000000000000:user/alice */
    struct str access_key; /* AKIA... */
    struct str account;    /* the account in the ARN */
    struct str user_name;  /* the last part of the ARN: "alice"; "root" */
    struct str user_id;    /* stable for an ARN; the account for root */
};

struct aws_fault; /* what aws_error has set; the wire's */

struct aws_call {
    struct arena *arena;     /* of this request: input, output and error texts live here */
    const struct doc *input; /* an object, never NULL: known members only, no nulls, types and enums checked */
    struct doc *output;      /* an empty object to fill */
    struct aws_principal principal;
    const char *service, *operation; /* "ecs", "RunTask" */
    const char *region, *account_id; /* of the gateway: for ARNs */
    const char *request_id;          /* UUID */
    const char *source_ip;
    struct str user_agent;
    int64_t now_s;  /* wall clock, seconds since 1970 */
    int64_t now_ns; /* the same in nanoseconds */
    void *context;  /* of the row's table: struct ecs * for the ECS operations */
    struct aws_fault *fault;
};

typedef int (*aws_handler)(struct aws_call *call, struct err *err);

struct aws_operation {
    const char *service; /* botocore's service name: "ecs", "sts", "cloudtrail" */
    const char *name;    /* "RunTask" */
    aws_handler handler;
};

/* A table of operations and what their handlers get as call->context. */
struct aws_operation_table {
    const struct aws_operation *rows;
    size_t n;
    void *context;
    /* NULL, or called when a handler has failed by itself: sets the error of the service that it comes down to, if
     * there is one (what the call was about has gone in the meantime). */
    void (*explain)(struct aws_call *call);
};

/* Both return -1 and leave err alone. code as the API names it; the text is the whole message. */
int aws_error(struct aws_call *call, const char *code, const char *fmt, ...) PRINTF_FMT(3, 4);
/* With another status than 400: 403, 404, 500 (a server error) ... */
int aws_error_status(struct aws_call *call, int status, const char *code, const char *fmt, ...) PRINTF_FMT(4, 5);
/* Another member of the error that has just been set (JSON only); name is a literal. */
void aws_error_member(struct aws_call *call, const char *name, struct doc *value);

#endif
