#include "call.h"

#include "base/buf.h"

#include <stdarg.h>

#define MESSAGE_MAX (16 * 1024)

/* A fault that memory cannot hold any more. */
static struct aws_fault no_memory = {.status = 500, .code = "InternalFailure", .message = "The request is too large."};

static int set_fault(struct aws_call *call, int status, const char *code, const char *fmt, va_list ap)
{
    struct aws_fault *f = arena_new_of(call->arena, struct aws_fault);
    struct buf text = BUF_INIT(MESSAGE_MAX);

    buf_vprintf(&text, fmt, ap);
    char *message = arena_strndup(call->arena, buf_str(&text).p, buf_str(&text).n);
    char *copy = arena_strdup(call->arena, code);
    buf_release(&text);
    if (f && message && copy)
        *f = (struct aws_fault){.status = status, .code = copy, .message = message};
    call->fault = f && message && copy ? f : &no_memory;
    return -1;
}

int aws_error(struct aws_call *call, const char *code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int rc = set_fault(call, 0, code, fmt, ap);
    va_end(ap);
    return rc;
}

int aws_error_status(struct aws_call *call, int status, const char *code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int rc = set_fault(call, status, code, fmt, ap);
    va_end(ap);
    return rc;
}

void aws_error_member(struct aws_call *call, const char *name, struct doc *value)
{
    if (call->fault == &no_memory)
        return;
    if (!call->fault->members)
        call->fault->members = doc_object(call->arena);
    doc_set(call->fault->members, name, value);
}
