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

/* Answers that may go on for long (container logs), a thread each; the context bounds and waits for them. */
struct http_proxy;
struct http_proxy *http_proxy_new(size_t max_streams); /* 0 = LIMIT_PROXY_STREAMS */
/* After the HTTP server has stopped: waits for the threads. Returns NULL; accepts NULL. */
struct http_proxy *http_proxy_free(struct http_proxy *p);

/* A plain GET whose body is streamed to the client. A status of 400 or more is not passed on but returned as an error
 * with the body's text (cut at 1 KiB) as its message; past the bound of streams it is ERR_TOO_MANY_REQUESTS. headers
 * are added to the answer; its Content-Type is the other side's. Blocks until the answer begins: a worker thread.
 * Results as above. */
int http_proxy_stream(struct http_proxy *p, struct http_request *r, struct http_client *c, const char *path,
                      const struct http_header *headers, size_t n, struct err *err) MUST_CHECK;

#endif
