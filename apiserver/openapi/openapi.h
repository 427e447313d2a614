/*
 * openapi.h - the OpenAPI documents of what this server serves: /openapi/v3, /openapi/v3/... and /openapi/v2.
 *
 * Made from the schema tables and the custom resources at each request and kept nowhere: an idle server holds none of
 * it. The documents depend on the program and the definitions, so their hashes (and ETags) are made from these. Pure;
 * any thread; a document takes a few milliseconds and megabytes, so call it from a worker.
 */
#ifndef APISERVER_OPENAPI_OPENAPI_H
#define APISERVER_OPENAPI_OPENAPI_H

#include "base/buf.h"
#include "base/err.h"

struct customs_table; /* apiserver/apiextensions/customs.h */

struct openapi_answer {
    const char *content_type;
    char etag[40];         /* with its quotes; "" = none */
    const char *cacheable; /* a Cache-Control value; NULL = none: a v3 document asked for with its hash never changes */
    bool not_modified;     /* answer 304: the body is empty */
    struct buf body;       /* the caller releases it */
};

/* path as requested ("/openapi/v3/apis/apps/v1"), hash = the query parameter of that name, accept and if_none_match =
 * headers; all may be empty. customs: NULL = none. Errors: NOT_FOUND, NOT_ACCEPTABLE. version = what /version says. */
int openapi_serve(struct str path, struct str hash, struct str accept, struct str if_none_match, const char *version,
                  const struct customs_table *customs, struct openapi_answer *ret, struct err *err) MUST_CHECK;

#endif
