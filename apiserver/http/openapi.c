/* /openapi/v2 and /openapi/v3. */
#include "apiserver/openapi/openapi.h"

#include "apiserver/apiextensions/customs.h"
#include "apiserver/http/discovery.h"
#include "apiserver/http/respond.h"

int openapi_handle(struct request *r, struct err *err)
{
    struct openapi_answer answer = {0};
    _cleanup_(customs_table_unrefp) struct customs_table *customs = customs_table(r->server->customs);
    if (openapi_serve(r->info.path, query_get(&r->query, "hash"), http_header(r->http, "accept"),
                      http_header(r->http, "if-none-match"), r->server->version, customs, &answer, err) < 0)
        return -1;
    struct http_header headers[RESPOND_HEADERS_MAX];
    size_t n = respond_headers(r, answer.content_type ? answer.content_type : "application/json", headers);
    if (answer.cacheable)
        headers[0] = HTTP_HEADER("cache-control", answer.cacheable);
    if (answer.etag[0])
        headers[n++] = HTTP_HEADER("etag", answer.etag);
    int status = answer.not_modified ? 304 : 200;
    struct shared_buf *body = shared_buf_from(&answer.body);
    const struct slice s = {body, shared_buf_str(body)};
    request_answered(r, status);
    http_respond_slices(r->http, status, headers, n, &s, 1);
    return 0;
}
