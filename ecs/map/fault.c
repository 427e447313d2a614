#include "ecs/map/fault.h"

#include <stdarg.h>
#include <stdio.h>

int ecs_fault(struct err *err, const char *code, const char *fmt, ...)
{
    char text[ERR_TEXT_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    err_set(err, ERR_BAD_REQUEST, "%s", text);
    err->detail = code;
    return -1;
}

const char *ecs_fault_code(const struct err *err)
{
    return err->code == ERR_BAD_REQUEST ? err->detail : NULL;
}
