/*
 * err.h - the one error type.
 *
 * A function that can fail returns 0 or -1 and takes `struct err *err` last (never NULL). On failure it has filled err;
 * on success err is untouched. The struct lives on the caller's stack and holds its text, so an error can be told
 * without memory:
 *
 *     if (fd < 0)
 *         return err_errno(err, errno, "cannot open %s", path);
 *     if (load(path, err) < 0)
 *         return err_wrap(err, "loading configuration");
 *
 * A code carries what every border needs: HTTP status, the `reason` of a Kubernetes Status (as in apimachinery's
 * StatusReason), the gRPC status, and whether trying again can help. Library code never logs an error, it returns it;
 * the program's edge logs.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "compiler.h"

/* X(name, HTTP status, Kubernetes reason, gRPC code, retry) */
#define ERR_CODES(X)                                                                                                   \
    X(OK, 200, "", 0, false)                                                                                           \
    X(INTERNAL, 500, "InternalError", 13, false)                                                                       \
    X(BAD_REQUEST, 400, "BadRequest", 3, false)                                                                        \
    X(UNAUTHORIZED, 401, "Unauthorized", 16, false)                                                                    \
    X(FORBIDDEN, 403, "Forbidden", 7, false)                                                                           \
    X(NOT_FOUND, 404, "NotFound", 5, false)                                                                            \
    X(METHOD_NOT_ALLOWED, 405, "MethodNotAllowed", 12, false)                                                          \
    X(NOT_ACCEPTABLE, 406, "NotAcceptable", 3, false)                                                                  \
    X(ALREADY_EXISTS, 409, "AlreadyExists", 6, false)                                                                  \
    X(CONFLICT, 409, "Conflict", 10, true)                                                                             \
    X(GONE, 410, "Gone", 11, false)                                                                                    \
    X(EXPIRED, 410, "Expired", 11, false)                                                                              \
    X(TOO_LARGE, 413, "RequestEntityTooLarge", 8, false)                                                               \
    X(UNSUPPORTED_MEDIA, 415, "UnsupportedMediaType", 3, false)                                                        \
    X(INVALID, 422, "Invalid", 3, false)                                                                               \
    X(TOO_MANY_REQUESTS, 429, "TooManyRequests", 8, true)                                                              \
    X(UNIMPLEMENTED, 501, "NotImplemented", 12, false)                                                                 \
    X(BAD_GATEWAY, 502, "InternalError", 14, true)                                                                     \
    X(UNAVAILABLE, 503, "ServiceUnavailable", 14, true)                                                                \
    X(TIMEOUT, 504, "Timeout", 4, true)                                                                                \
    X(CANCELLED, 499, "", 1, false)                                                                                    \
    X(SYSTEM, 500, "InternalError", 2, false)

enum err_code {
#define X(name, http, reason, grpc, retry) ERR_##name,
    ERR_CODES(X)
#undef X
};

#define ERR_TEXT_MAX 1024

struct err {
    enum err_code code;
    int sys;           /* errno behind ERR_SYSTEM and its kin, else 0 */
    int retry_after_s; /* what a Retry-After should say; 0 = nothing */
    const void
        *detail; /* what only the raising module's header explains (Status details); owned by the request's arena */
    char msg[ERR_TEXT_MAX];
};

/* clang-format off */
#define ERR_INIT {.code = ERR_OK}
/* clang-format on */

/* All of them return -1, so that setting and returning is one line. Text that does not fit is cut at a UTF-8 border. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...) PRINTF_FMT(3, 4);
int err_errno(struct err *err, int sys, const char *fmt, ...) PRINTF_FMT(3, 4); /* appends ": strerror" */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF_FMT(2, 3);           /* prefixes "text: ", keeps the code */
void err_clear(struct err *err);

int err_http(enum err_code code);
const char *err_reason(enum err_code code);
const char *err_name(enum err_code code);
int err_grpc(enum err_code code);
bool err_retriable(enum err_code code);
enum err_code err_from_http(int status);
enum err_code err_from_grpc(int grpc);

#endif
