#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct err_row {
    const char *name;
    int http;
    const char *reason;
    int grpc;
    bool retry;
};

static const struct err_row rows[] = {
#define X(name, http, reason, grpc, retry) {#name, http, reason, grpc, retry},
    ERR_CODES(X)
#undef X
};

/* Drops the bytes of a UTF-8 character that the end of the buffer cut in two. */
static void trim_partial_utf8(char *s)
{
    size_t n = strlen(s), back = 0;

    while (back < 3 && back < n && ((unsigned char)s[n - 1 - back] & 0xC0) == 0x80)
        back++;
    if (back == n)
        return;
    unsigned char lead = (unsigned char)s[n - 1 - back];
    size_t want = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    if (want > back)
        s[n - 1 - back] = '\0';
}

static void format(struct err *err, const char *fmt, va_list ap)
{
    int n = vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    if (n >= (int)sizeof(err->msg))
        trim_partial_utf8(err->msg);
}

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    format(err, fmt, ap);
    va_end(ap);
    err->code = code;
    err->sys = 0;
    err->retry_after_s = 0;
    err->detail = NULL;
    return -1;
}

int err_errno(struct err *err, int sys, const char *fmt, ...)
{
    va_list ap;
    char text[128];

    va_start(ap, fmt);
    format(err, fmt, ap);
    va_end(ap);
    size_t n = strlen(err->msg);
    snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", strerror_r(sys, text, sizeof(text)));
    err->code = ERR_SYSTEM;
    err->sys = sys;
    err->retry_after_s = 0;
    err->detail = NULL;
    return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
    va_list ap;
    char old[ERR_TEXT_MAX];

    memcpy(old, err->msg, sizeof(old));
    va_start(ap, fmt);
    format(err, fmt, ap);
    va_end(ap);
    size_t n = strlen(err->msg);
    snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", old);
    trim_partial_utf8(err->msg);
    return -1;
}

void err_clear(struct err *err)
{
    *err = (struct err)ERR_INIT;
}

int err_http(enum err_code code)
{
    return rows[code].http;
}

const char *err_reason(enum err_code code)
{
    return rows[code].reason;
}

const char *err_name(enum err_code code)
{
    return rows[code].name;
}

int err_grpc(enum err_code code)
{
    return rows[code].grpc;
}

bool err_retriable(enum err_code code)
{
    return rows[code].retry;
}

enum err_code err_from_http(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].http == status && i != ERR_ALREADY_EXISTS && i != ERR_GONE)
            return (enum err_code)i;
    return status >= 500 ? ERR_INTERNAL : ERR_BAD_REQUEST;
}

/* gRPC's numbers, 0 to 16, in order. */
enum err_code err_from_grpc(int grpc)
{
    static const enum err_code by_grpc[] = {
        ERR_OK,        ERR_CANCELLED,      ERR_SYSTEM,        ERR_BAD_REQUEST,       ERR_TIMEOUT,
        ERR_NOT_FOUND, ERR_ALREADY_EXISTS, ERR_FORBIDDEN,     ERR_TOO_MANY_REQUESTS, ERR_CONFLICT,
        ERR_CONFLICT,  ERR_EXPIRED,        ERR_UNIMPLEMENTED, ERR_INTERNAL,          ERR_UNAVAILABLE,
        ERR_INTERNAL,  ERR_UNAUTHORIZED,
    };
    if (grpc < 0 || grpc >= (int)ARRAY_LEN(by_grpc))
        return ERR_SYSTEM;
    return by_grpc[grpc];
}
