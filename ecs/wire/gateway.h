/*
 * gateway.h - the AWS side of the program: HTTP in front, operations behind.
 *
 * A request is collected on a loop thread, then a worker thread authenticates, routes, decodes and validates it, calls
 * the operation's handler, answers and writes the trail. Requests wait in a bounded queue; past it callers are told to
 * slow down, in a way their SDK understands. GET /healthz answers 200 without a signature.
 */
#ifndef ECS_WIRE_GATEWAY_H
#define ECS_WIRE_GATEWAY_H

#include "audit.h"
#include "keys.h"
#include "route.h"

#include "base/clock.h"
#include "net/http_server.h"

#define GATEWAY_BODY_MAX (1024 * 1024) /* no input of ours is larger: task definitions end at 64 KiB */
#define GATEWAY_TABLES_MAX 16

struct gateway_options {
    const struct http_listener *listeners;
    size_t n_listeners;
    size_t threads, workers; /* 0 = 1 loop thread, 16 workers */
    const char *region, *account_id;
    struct aws_service_set services; /* .v NULL = all of the tables */
    const struct aws_operation_table *tables;
    size_t n_tables;
    struct aws_keys *keys;     /* must outlive the gateway */
    struct audit *audit;       /* must outlive the gateway */
    const struct clock *clock; /* NULL = the system's */
};

struct gateway;

/* Listens and serves from now on. Tables and strings must outlive the gateway. */
int gateway_new(const struct gateway_options *o, struct gateway **ret, struct err *err) MUST_CHECK;
struct gateway *gateway_free(struct gateway *g); /* lets running requests end; returns NULL; accepts NULL */
static inline void gateway_freep(struct gateway **g)
{
    gateway_free(*g);
}
uint16_t gateway_port(const struct gateway *g, size_t listener);

/* One request from its bytes to its answer, without HTTP: what the workers do, and tests. source_ip must outlive it. */
struct gateway_answer {
    int status;
    const char *content_type;
    char request_id[40];
    char error_type[128];  /* for x-amzn-errortype, "" = none */
    char query_error[160]; /* for x-amzn-query-error, "" = none */
    struct buf body;
};
void gateway_serve(struct gateway *g, const struct sigv4_request *r, const char *source_ip, struct gateway_answer *ret);

#endif
