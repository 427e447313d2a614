/*
 * rest.h - inside lib/client: paths, one request and its answer, errors from Status objects. Others use kube_client.h.
 */
#ifndef CLIENT_REST_H
#define CLIENT_REST_H

#include "client/kube_client.h"
#include "net/http_client.h"

#define REST_PROTOBUF "application/vnd.kubernetes.protobuf"
#define REST_PATH_MAX ((size_t)64 * 1024) /* selectors make long queries */

struct rest_request {
    const char *method;
    const char *path;
    const char *accept;       /* NULL = REST_PROTOBUF */
    const char *content_type; /* NULL = no body */
    struct str body;
    size_t max_response; /* 0 = LIMIT_RESPONSE */
};

struct http_client *rest_http(struct kube_client *c); /* with a fresh token */
int rest_timeout_ms(const struct kube_client *c);

/* An answer below 400 is success; ret->body holds it. Release ret in every case. */
int rest_call(struct kube_client *c, const struct rest_request *r, struct http_client_response *ret,
              struct err *err) MUST_CHECK;

/* Fills err from an answer: a Status in protobuf or JSON, or any text. Always -1. */
int rest_error(int http, struct str body, struct err *err);
int rest_error_status(struct str raw_status, struct err *err); /* raw: a metav1.Status without envelope; -1 */

/* "/api/v1/namespaces/NS/pods/NAME/SUB"; name and sub may be NULL or "". */
void rest_path(struct buf *out, const struct kube_kind *k, const char *ns, const char *name, const char *sub);
/* Appends "?a=b" or "&a=b"; nothing when value is NULL or "". */
void rest_query(struct buf *path, const char *name, const char *value);
void rest_query_int(struct buf *path, const char *name, int64_t value);
const char *rest_group_version(const struct kube_kind *k, char out[128]);
/* What to accept for objects of the kind. list: the list form. watch: the stream form. */
const char *rest_accept(const struct kube_kind *k, bool list, bool watch);

#endif
