/*
 * route.h - which protocol, service and operation a request means.
 *
 * The service is that of the credential scope (what the client signed for); within it the operation is named by
 * X-Amz-Target, by Action and Version, or by method and path. Pure.
 */
#ifndef ECS_WIRE_ROUTE_H
#define ECS_WIRE_ROUTE_H

#include "call.h"
#include "params.h"
#include "sigv4.h"

#define ROUTE_LABELS_MAX 8

struct aws_route {
    enum aws_protocol protocol; /* in which errors are told, known from the start */
    bool query_mode;            /* JSON whose client also wants the Query form of an error's code */
    const struct aws_service *service;
    const struct aws_operation_shape *op;
    struct str action;    /* as the request names it; a view; empty for REST */
    struct params params; /* of the query string, and of the form */
    struct {
        struct str name, value; /* of a label in the path: still percent-encoded */
    } labels[ROUTE_LABELS_MAX];
    size_t n_labels;
};

struct aws_service_set {
    const struct aws_service *v;
    size_t n;
};

/* The first field of that lower-case name; .p is NULL when there is none. */
struct str aws_header(const struct sigv4_request *r, const char *name);
/* Step one, before anybody is authenticated: protocol, action and parameters. */
int aws_route_begin(struct aws_call *call, const struct sigv4_request *r, struct aws_route *ret) MUST_CHECK;
/* Step two: service and operation. On failure call->fault tells which of them nobody knows. */
int aws_route_find(struct aws_call *call, const struct sigv4_request *r, const struct aws_service_set *services,
                   struct str signing_name, struct aws_route *route) MUST_CHECK;

#endif
