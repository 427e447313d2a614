/*
 * request_info.h - what a request is about, read from method, path and query alone (upstream's RequestInfo).
 *
 *     GET /apis/apps/v1/namespaces/default/deployments/web/scale
 *       -> resource request, verb get, group apps, version v1, namespace default, resource deployments, name web,
 *          subresource scale
 *
 * Pure. All strings are views into the arena. Everything that is no resource request keeps its path and the lower-case
 * method as verb, which is what non-resource rules of RBAC match.
 */
#ifndef APISERVER_HTTP_REQUEST_INFO_H
#define APISERVER_HTTP_REQUEST_INFO_H

#include "apiserver/http/query.h"

struct request_info {
    bool is_resource;
    struct str path; /* decoded, with its leading slash */
    struct str verb; /* get list watch create update patch delete deletecollection; else the method in lower case */
    struct str group, version, ns, resource, name, subresource;
    struct str rest; /* what stands behind the subresource (proxy paths): without leading slash */
    size_t n_parts;  /* path segments from the resource on */
};

/* raw_path is still percent-encoded. Fails (ERR_BAD_REQUEST) for broken escapes, paths past LIMIT_URL, and the
 * deprecated /watch/ and /proxy/ prefixes without anything behind them. */
int request_info_parse(struct arena *a, struct str method, struct str raw_path, const struct query *q,
                       struct request_info *ret, struct err *err) MUST_CHECK;

#endif
