/*
 * query.h - the query string of a request: decoded keys and values in order, views into the request's arena.
 */
#ifndef APISERVER_HTTP_QUERY_H
#define APISERVER_HTTP_QUERY_H

#include "base/arena.h"
#include "base/err.h"

#define QUERY_MAX 256 /* parameters a request may have */

struct query_param {
    struct str key, value;
};

struct query {
    struct query_param *v;
    size_t n;
};

/* raw is what follows the '?'. Broken escapes and more than QUERY_MAX parameters are ERR_BAD_REQUEST. */
int query_parse(struct arena *a, struct str raw, struct query *ret, struct err *err) MUST_CHECK;

bool query_has(const struct query *q, const char *key);
struct str query_get(const struct query *q, const char *key); /* the first value; empty when absent */
/* Upstream's conversion of a boolean parameter: absent is false, empty, "1" and "t..." are true, "0" and "f..." false,
 * and every other text is true. */
bool query_bool(const struct query *q, const char *key);
/* false when absent or empty; *ret is set on true. A value that is no integer is an error. */
int query_int(const struct query *q, const char *key, bool *ret_set, int64_t *ret, struct err *err) MUST_CHECK;

#endif
