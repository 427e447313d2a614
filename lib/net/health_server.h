/*
 * health_server.h - the small HTTPS server beside a program's real work: /healthz, /livez and /readyz for everybody,
 * /metrics for this host. One loop thread.
 */
#ifndef NET_HEALTH_SERVER_H
#define NET_HEALTH_SERVER_H

#include "base/buf.h"
#include "base/err.h"

struct health_server;

struct health_server_options {
    const char *name; /* of the program: in its own certificate and thread names */
    const char *address;
    uint16_t port;
    const char *cert_file, *key_file; /* NULL = a certificate of its own, made at the start */
    /* Appends the text of /metrics; on the loop thread, so it must not block. */
    void (*metrics)(void *user, struct buf *out);
    void *user; /* outlives the server */
};

int health_server_start(const struct health_server_options *o, struct health_server **ret, struct err *err) MUST_CHECK;
struct health_server *health_server_free(struct health_server *h); /* returns NULL, accepts NULL */
static inline void health_server_freep(struct health_server **h)
{
    health_server_free(*h);
}

#endif
