/* scheduler: gives every pod a node. Wiring only. */
#include "base/clock.h"
#include "base/flags.h"
#include "base/log.h"
#include "client/leader_flags.h"
#include "net/health_server.h"
#include "scheduler/health.h"
#include "scheduler/scheduler.h"

#include <malloc.h>

#define DEFAULT_PORT 10259

static struct {
    const char *kubeconfig;
    const char *bind_address;
    int64_t secure_port; /* -1 = the default one, if it is free */
    const char *cert_file, *key_file;
    struct leader_election election;
    const char *logging;
    int64_t v;
} arg = {
    .bind_address = "0.0.0.0",
    .secure_port = -1,
    .election = LEADER_ELECTION_DEFAULT("kube-scheduler"),
    .logging = "text",
};

static const struct flag table[] = {
    {FLAG_SECTION, "General", NULL, NULL, NULL, 0, 0},
    {FLAG_STRING, "kubeconfig", &arg.kubeconfig, "FILE", "how to reach the API server; default: in the cluster", 0, 0},
    {FLAG_STRING, "logging-format", &arg.logging, "FORMAT", "text or json", 0, 0},
    {FLAG_INT, "v", &arg.v, "N", "4 and above: debug lines too", 0, 10},
    {FLAG_SECTION, "Serving", NULL, NULL, NULL, 0, 0},
    {FLAG_STRING, "bind-address", &arg.bind_address, "IP", "where /healthz and /metrics are served (default 0.0.0.0)",
     0, 0},
    {FLAG_INT, "secure-port", &arg.secure_port, "PORT", "their port; 0: not at all (default 10259, if it is free)", -1,
     65535},
    {FLAG_STRING, "tls-cert-file", &arg.cert_file, "FILE", "certificate; default: one of its own", 0, 0},
    {FLAG_STRING, "tls-private-key-file", &arg.key_file, "FILE", "its key", 0, 0},
    LEADER_ELECTION_FLAGS(arg.election, "kube-scheduler"),
    {FLAG_SECTION, FLAGS_IGNORED_TITLE, NULL, NULL, NULL, 0, 0},
    FLAG_IGNORED_ROW("authentication-kubeconfig"),
    FLAG_IGNORED_BOOL_ROW("authentication-skip-lookup"),
    FLAG_IGNORED_BOOL_ROW("authentication-tolerate-lookup-failure"),
    FLAG_IGNORED_ROW("authorization-always-allow-paths"),
    FLAG_IGNORED_ROW("authorization-kubeconfig"),
    FLAG_IGNORED_ROW("cert-dir"),
    FLAG_IGNORED_ROW("client-ca-file"),
    FLAG_IGNORED_BOOL_ROW("contention-profiling"),
    FLAG_IGNORED_ROW("feature-gates"),
    FLAG_IGNORED_ROW("kube-api-burst"),
    FLAG_IGNORED_ROW("kube-api-content-type"),
    FLAG_IGNORED_ROW("kube-api-qps"),
    FLAG_IGNORED_ROW("pod-max-in-unschedulable-pods-duration"),
    FLAG_IGNORED_BOOL_ROW("profiling"),
    FLAG_IGNORED_ROW("requestheader-client-ca-file"),
    FLAG_IGNORED_ROW("tls-cipher-suites"),
    FLAG_IGNORED_ROW("tls-min-version"),
};

static const struct flags flags = {.program = "scheduler",
                                   .about = "Gives every pod that has none a node, and binds it there.",
                                   .version = CORACLE_VERSION,
                                   .table = table,
                                   .n = ARRAY_LEN(table)};

struct program {
    struct kube_client *client;
    struct scheduler_counters counters;
};

static void lead(void *ctx, struct stop *lost)
{
    struct program *p = ctx;
    struct err err = ERR_INIT;

    if (scheduler_run(p->client, lost, &p->counters, &err) < 0)
        log_error("the scheduling loop has ended", LOG_ERR(&err));
}

static void metrics(void *user, struct buf *out)
{
    health_metrics(user, out);
}

static int serve_health(struct program *p, struct health_server **ret, struct err *err)
{
    const struct health_server_options o = {.name = "scheduler",
                                            .address = arg.bind_address,
                                            .port = (uint16_t)(arg.secure_port < 0 ? DEFAULT_PORT : arg.secure_port),
                                            .cert_file = arg.cert_file,
                                            .key_file = arg.key_file,
                                            .metrics = metrics,
                                            .user = &p->counters};

    if (arg.secure_port == 0 || health_server_start(&o, ret, err) == 0)
        return 0;
    if (arg.secure_port > 0)
        return err_wrap(err, "--secure-port");
    log_warn("not serving health and metrics", LOG_ERR(err)); /* another scheduler of this host has the port */
    return 0;
}

static int run(struct stop *stop, struct err *err)
{
    _cleanup_(kubeconfig_freep) struct kubeconfig *config = NULL;
    _cleanup_(kube_client_freep) struct kube_client *client = NULL;
    struct program p = {0};
    _cleanup_(health_server_freep) struct health_server *health = NULL;
    const struct kube_client_options co = {.user_agent = "scheduler/" CORACLE_VERSION};

    if (kubeconfig_load(arg.kubeconfig, NULL, &config, err) < 0 || kube_client_new(config, &co, &client, err) < 0)
        return -1;
    p.client = client;
    if (serve_health(&p, &health, err) < 0)
        return -1;
    if (!arg.election.elect)
        return scheduler_run(client, stop, &p.counters, err);
    return leader_run(client, &arg.election.options, stop, lead, &p, err);
}

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;

    mallopt(M_ARENA_MAX, 2); /* binders mostly wait: an arena for each would be most of the memory */
    flags_parse_or_exit(&flags, argc, argv);
    log_setup("scheduler", arg.v >= 4 ? LOG_DEBUG : LOG_INFO, strcmp(arg.logging, "json") == 0);
    struct stop *stop = stop_new(); /* the signal thread has it until the end of the process */
    stop_on_signals(stop);
    if (run(stop, &err) < 0) {
        log_error("ends", LOG_ERR(&err));
        return 1;
    }
    return 0;
}
