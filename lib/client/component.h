/*
 * component.h - what the programs of a control plane have in common: flags named as upstream's, and the frame of main.
 *
 *     static struct leader_election election = LEADER_ELECTION_DEFAULT("kube-scheduler");
 *     static const struct flag table[] = { ..., LEADER_ELECTION_FLAGS(election, "kube-scheduler"), ... };
 *
 * Targets of flags are static objects of the program.
 */
#ifndef CLIENT_COMPONENT_H
#define CLIENT_COMPONENT_H

#include "base/clock.h"
#include "base/flags.h"
#include "client/leader.h"
#include "net/health_server.h"

/* --- logging --- */

struct component_logging {
    const char *format; /* "text", "json" */
    int64_t v;
};
/* clang-format off */
#define COMPONENT_LOGGING_FLAGS(logging)                                                                               \
    {FLAG_STRING, "logging-format", &(logging).format, "FORMAT", "text or json", 0, 0},                                \
    {FLAG_INT, "v", &(logging).v, "N", "4 and above: debug lines too", 0, 10}
/* clang-format on */

/* --- health and metrics --- */

struct component_serving {
    const char *address; /* default 0.0.0.0 */
    int64_t port;        /* -1: default_port, if it is free */
    uint16_t default_port;
    const char *cert_file, *key_file; /* NULL: a certificate made at the start */
};
#define COMPONENT_SERVING_DEFAULT(usual_port)                                                                          \
    {                                                                                                                  \
        .address = "0.0.0.0", .port = -1, .default_port = (usual_port)                                                 \
    }
/* clang-format off */
#define COMPONENT_SERVING_FLAGS(serving, usual_port)                                                                   \
    {FLAG_SECTION, "Serving", NULL, NULL, NULL, 0, 0},                                                                 \
    {FLAG_STRING, "bind-address", &(serving).address, "IP",                                                            \
     "where /healthz and /metrics are served (default 0.0.0.0)", 0, 0},                                                \
    {FLAG_INT, "secure-port", &(serving).port, "PORT",                                                                 \
     "their port; 0: not at all (default " usual_port ", if it is free)", -1, 65535},                                  \
    {FLAG_STRING, "tls-cert-file", &(serving).cert_file, "FILE", "certificate; default: one of its own", 0, 0},        \
    {FLAG_STRING, "tls-private-key-file", &(serving).key_file, "FILE", "its key", 0, 0}
/* clang-format on */

/* *ret NULL, without an error, when it is not wanted or the default port is another program's. */
int component_serve(const struct component_serving *serving, const char *name,
                    void (*metrics)(void *user, struct buf *out), void *user, struct health_server **ret,
                    struct err *err) MUST_CHECK;

/* --- leader election --- */

struct leader_election {
    bool elect;
    struct leader_options options;
};
#define LEADER_ELECTION_DEFAULT(lease)                                                                                 \
    {                                                                                                                  \
        .elect = true, .options = {                                                                                    \
            .ns = "kube-system",                                                                                       \
            .name = lease,                                                                                             \
            .lease_duration_ns = 15 * NS_PER_S,                                                                        \
            .renew_deadline_ns = 10 * NS_PER_S,                                                                        \
            .retry_period_ns = 2 * NS_PER_S                                                                            \
        }                                                                                                              \
    }
/* clang-format off */
#define LEADER_ELECTION_FLAGS(election, lease)                                                                         \
    {FLAG_SECTION, "Leader election", NULL, NULL, NULL, 0, 0},                                                         \
    {FLAG_BOOL, "leader-elect", &(election).elect, NULL, "work only while holding the lease (default true)", 0, 0},    \
    {FLAG_DURATION, "leader-elect-lease-duration", &(election).options.lease_duration_ns, "DURATION", "default 15s",   \
     0, 0},                                                                                                            \
    {FLAG_DURATION, "leader-elect-renew-deadline", &(election).options.renew_deadline_ns, "DURATION", "default 10s",   \
     0, 0},                                                                                                            \
    {FLAG_DURATION, "leader-elect-retry-period", &(election).options.retry_period_ns, "DURATION", "default 2s", 0, 0}, \
    {FLAG_STRING, "leader-elect-resource-name", &(election).options.name, "NAME", "default " lease, 0, 0},             \
    {FLAG_STRING, "leader-elect-resource-namespace", &(election).options.ns, "NAME", "default kube-system", 0, 0},     \
    FLAG_IGNORED_ROW("leader-elect-resource-lock")
/* clang-format on */

/* --- main --- */

struct component {
    const struct flags *flags;
    const struct component_logging *logging; /* read after the flags */
    int malloc_arenas; /* a program of many threads that mostly wait: an arena for each would be most of its memory */
    /* The work; stop is requested by SIGINT and SIGTERM. 0 or -1 with err. */
    int (*run)(struct stop *stop, struct err *err);
};
/* Parses the flags, runs, logs why it ended. Returns main's result. */
int component_main(const struct component *c, int argc, char **argv);

#endif
