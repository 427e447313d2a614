/*
 * internal.h - inside of server/: one request on its way, and the handlers.
 *
 *   server.c   listening, who may do what, routes
 *   logs.c     /containerLogs, with following
 *   streams.c  /exec, /attach, /portForward, /run
 *   stats.c    /stats/summary, /metrics, /metrics/resource, /pods
 */
#ifndef KUBELET_SERVER_INTERNAL_H
#define KUBELET_SERVER_INTERNAL_H

#include "net/http_server.h"
#include "kubelet/server/server.h"

#define PARTS_MAX 8
#define QUERY_MAX 64

struct log_watcher;

struct kubelet_server {
    struct kubelet *k;
    struct tls_context *tls;
    struct http_server *http, *healthz;
    struct worker_pool *pool;
    struct log_watcher *logs;
};

struct query_item {
    const char *name, *value;
};

/* One request, on a worker thread; all strings live in the arena. */
struct call {
    struct kubelet_server *s;
    struct http_request *r;
    struct arena *a;
    const char *parts[PARTS_MAX]; /* the path's, decoded, without the first */
    size_t n_parts;
    struct query_item query[QUERY_MAX];
    size_t n_query;
};

const char *call_query(const struct call *c, const char *name); /* the first, or NULL */
bool call_query_true(const struct call *c, const char *name);   /* "1", "true" ... */
void call_text(struct call *c, int status, const char *fmt, ...) PRINTF_FMT(3, 4);
void call_error(struct call *c, const struct err *err);
/* The pod of parts[0]/parts[1], checked against a uid when given; NULL after it has answered. A new reference. */
struct kube_object *call_pod(struct call *c, const char *uid);

/* Each finishes the request. */
void handle_logs(struct call *c);
void handle_exec(struct call *c);
void handle_attach(struct call *c);
void handle_port_forward(struct call *c);
void handle_run(struct call *c);
void handle_pods(struct call *c);
void handle_summary(struct call *c);
void handle_metrics(struct call *c);
void handle_resource_metrics(struct call *c);

int log_watcher_new(struct kubelet *k, struct log_watcher **ret, struct err *err) MUST_CHECK;
struct log_watcher *log_watcher_free(struct log_watcher *w);

#endif
