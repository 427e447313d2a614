/*
 * server.h - the context that everything of one apiserver hangs on.
 *
 * Made and torn down by main.c. Members are set before the first request and do not change afterwards, so any thread
 * may read them; what they point to brings its own thread rules.
 */
#ifndef APISERVER_SERVER_H
#define APISERVER_SERVER_H

#include <stdatomic.h>

#include "base/clock.h"

struct options;
struct storage;
struct registry;
struct authn;
struct authorizer;
struct sa_tokens;
struct metrics;
struct worker_pool;
struct http_server;
struct customs;
struct streaming;

struct apiserver {
    const struct clock *clock;
    const struct options *options;
    const char *version; /* "v1.36.2+coracle.0.1" */
    struct storage *storage;
    struct registry *registry;
    struct authn *authn;
    struct authorizer *authorizer;
    struct sa_tokens *sa_tokens; /* NULL when no signing key was given */
    struct metrics *metrics;
    struct worker_pool *workers;
    struct customs *customs;     /* custom resources, and the documents of discovery */
    struct streaming *streaming; /* exec, logs ... to kubelets */
    struct http_server *http;
    atomic_bool bootstrapped; /* the objects of the start exist: part of /readyz */
    atomic_bool stopping;     /* /readyz says no, watches end */
};

#endif
