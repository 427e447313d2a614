/*
 * http_proxy.h - passing an upgraded request on: the bytes of both sides are joined, whatever protocol they carry.
 *
 * Used by the apiserver towards kubelets and by the kubelet towards the runtime's streaming server: SPDY/3.1 and
 * WebSocket pass through untouched.
 */
#ifndef NET_HTTP_PROXY_H
#define NET_HTTP_PROXY_H

#include "http_client.h"
#include "http_server.h"

/* Sends r's upgrade request to path (with query) on the other server: its method, and its Connection, Upgrade,
 * X-Stream-Protocol-Version, Sec-WebSocket-* and User-Agent fields. On a 101 the request is upgraded with the other
 * side's answer and the bytes flow until either side ends; any other answer is given to the client as it is. Blocks
 * while connecting: a worker thread. Returns 0 when the request is finished; -1 when it is not (no connection), so that
 * the caller can answer. */
int http_proxy_upgrade(struct http_request *r, struct http_client *c, const char *path, struct err *err) MUST_CHECK;

/* The same for a plain GET whose answer may go on for long (container logs): streams the body. A status of 400 or more
 * is not passed on but returned as an error with the body's text (at most 1 KiB) as its message. max streams are
 * bounded by LIMIT_PROXY_STREAMS of the process: past it ERR_TOO_MANY_REQUESTS. Worker thread. headers are added to the
 * answer; Content-Type is the other side's. */
int http_proxy_stream(struct http_request *r, struct http_client *c, const char *path,
                      const struct http_header *headers, size_t n, struct err *err) MUST_CHECK;

#endif
