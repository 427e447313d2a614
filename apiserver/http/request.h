/*
 * request.h - one request on its way through the apiserver, and the driver that takes it there.
 *
 * request_begin is the HTTP server's on_request. The steps: read path and query, find out who it is, find the route,
 * ask whether they may, collect the body if the route wants one, call the route's handler. Whatever is known from
 * memory happens on the loop thread; a miss of the authentication cache, and every handler that may block, goes to the
 * workers.
 *
 * A handler answers (respond.h) and returns 0, then or later by a thread that it has handed the request to; or it
 * returns -1 with err, which the driver answers as a Status. After answering, the request may be gone: a handler
 * touches it no more unless it holds a reference of its own.
 *
 * All memory of a request is in its arena, which goes with the last reference to the HTTP request.
 */
#ifndef APISERVER_HTTP_REQUEST_H
#define APISERVER_HTTP_REQUEST_H

#include "api/json.h"
#include "api/resources.h"
#include "apiserver/auth/user.h"
#include "apiserver/http/negotiate.h"
#include "apiserver/http/request_info.h"
#include "apiserver/server.h"
#include "base/err.h"
#include "net/http_server.h"

struct request;
typedef int (*request_handler)(struct request *r, struct err *err);

enum route_flags {
    ROUTE_INLINE = 1,    /* never blocks: runs on the loop thread when the user is known */
    ROUTE_BODY = 2,      /* wants the whole body */
    ROUTE_PUBLIC = 4,    /* for everybody, without authentication */
    ROUTE_LONG = 8,      /* a watch or a stream: no time limit, not counted as in flight */
    ROUTE_CURRENT = 16,  /* a read that waits until the cache is current, when the request asks for that */
    ROUTE_MUTATING = 32, /* for the in-flight metric */
    ROUTE_LOOP = 64,     /* must be called on the loop thread (streams of bytes) */
};

struct route {
    request_handler handle;
    unsigned flags;
};

struct request {
    struct apiserver *server;
    struct http_request *http;
    struct arena *arena;
    struct request_info info;
    struct query query;
    struct user *user;              /* NULL on public routes */
    const struct resource *res;     /* of a resource request */
    const struct resource_sub *sub; /* its subresource, or NULL */
    struct custom_crd *custom;      /* a reference that keeps `res` alive when it is a custom resource */
    struct route route;
    struct accepted accept;
    struct str body;
    struct doc_warnings warnings; /* become Warning headers of the answer */
    bool dry_run;
    /* private to request.c */
    struct loop_task task;
    _Atomic int answered;
    bool on_worker;
};

/* The form of answer that a request's resource can have: custom resources have no protobuf. */
static inline enum negotiate_for request_negotiates(const struct request *r, enum negotiate_for what)
{
    return r->res && r->res->custom ? (enum negotiate_for)((unsigned)what | NEGOTIATE_CUSTOM) : what;
}

void request_begin(void *apiserver, struct http_request *http);

/* For the metrics and the log: called by respond.c, once a request. */
void request_answered(struct request *r, int status);
/* Runs fn(r) on a worker; answers 429 itself when all are busy. */
void request_to_worker(struct request *r, void (*fn)(struct request *r));
/* Runs the handler and answers its error. */
void request_run(struct request *r);

#endif
