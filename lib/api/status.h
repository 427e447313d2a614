/*
 * status.h - meta/v1 Status objects and the errors behind them.
 *
 * An API error is a `struct err` whose detail may point to a struct status_details (in the request's arena); whoever
 * answers the request turns it into a Status with status_from_err. The constructors fill an err with upstream's texts
 * (all return -1):
 *
 *     return status_not_found(err, arena, STR("apps"), STR("deployments"), name);
 *
 * resource is the plural name, group "" for core. NULL arena: the message without details.
 */
#ifndef API_STATUS_H
#define API_STATUS_H

#include "api/doc.h"

struct status_cause {
    const char *reason; /* FieldValueInvalid ...; NULL = none */
    const char *message;
    const char *field; /* NULL = none */
};

struct status_details {
    struct str group, kind, name, uid; /* empty = left out */
    const struct status_cause *causes;
    size_t n_causes;
    int retry_after_s;
    const char *reason;      /* instead of the code's reason; NULL = the code's */
    int http;                /* instead of the code's HTTP status; 0 = the code's */
    struct str message;      /* the whole text where it may be longer than err->msg; empty = err->msg */
    const char *continue_to; /* metadata.continue of an Expired answer */
};

int status_not_found(struct err *err, struct arena *a, struct str group, struct str resource, struct str name);
int status_already_exists(struct err *err, struct arena *a, struct str group, struct str resource, struct str name);
int status_generate_name_conflict(struct err *err, struct arena *a, struct str group, struct str resource,
                                  struct str name, int retry_s);
int status_conflict(struct err *err, struct arena *a, struct str group, struct str resource, struct str name,
                    const char *fmt, ...) PRINTF_FMT(6, 7);
/* "the object has been modified; please apply your changes to the latest version and try again" */
int status_modified(struct err *err, struct arena *a, struct str group, struct str resource, struct str name);
int status_forbidden(struct err *err, struct arena *a, struct str group, struct str resource, struct str name,
                     const char *fmt, ...) PRINTF_FMT(6, 7);
int status_method_not_supported(struct err *err, struct arena *a, struct str group, struct str resource,
                                const char *action);
int status_server_timeout(struct err *err, struct arena *a, struct str group, struct str resource,
                          const char *operation, int retry_s);
int status_bad_request(struct err *err, const char *fmt, ...) PRINTF_FMT(2, 3);
int status_unauthorized(struct err *err); /* "Unauthorized" */
int status_internal(struct err *err, struct arena *a, const char *fmt, ...)
    PRINTF_FMT(3, 4); /* "Internal error occurred: ..." */
int status_expired(struct err *err, const char *fmt, ...) PRINTF_FMT(2, 3);
int status_timeout(struct err *err, struct arena *a, int retry_s, const char *fmt, ...)
    PRINTF_FMT(4, 5); /* "Timeout: ..." */
int status_too_large_version(struct err *err, struct arena *a, uint64_t asked, uint64_t current);
int status_too_many_requests(struct err *err, struct arena *a, int retry_s, const char *fmt, ...) PRINTF_FMT(4, 5);
int status_too_large(struct err *err, const char *fmt, ...) PRINTF_FMT(2, 3); /* "Request entity too large: ..." */
/* group/kind of the KIND (not the resource). The usual way in is field_errors_to_err (fielderr.h). */
int status_invalid(struct err *err, struct arena *a, struct str group, struct str kind, struct str name,
                   const struct status_cause *causes, size_t n);
/* Adds one cause to the details of an err made above (makes details when there are none). */
void status_add_cause(struct err *err, struct arena *a, const char *reason, const char *message, const char *field);

/* The answer's HTTP status and reason. */
int status_http(const struct err *err);
const char *status_reason(const struct err *err);
/* The Status object for an error (status Failure). Text that is not escaped for HTML: the JSON writer does that. */
struct doc *status_from_err(struct arena *a, const struct err *err);
/* status Success, as a delete answers; details may be NULL. */
struct doc *status_success(struct arena *a, const struct status_details *details);
/* The other way, for clients: fills err from an answer's body (a Status, or any text) and HTTP status. Returns -1. body
 * lives in a. */
int status_to_err(struct arena *a, int http, const struct doc *body, struct err *err);

#endif
