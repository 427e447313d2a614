/* scheduler: gives every pod a node. Wiring only. */
#include "base/log.h"
#include "client/component.h"
#include "scheduler/health.h"
#include "scheduler/scheduler.h"

static struct {
    const char *kubeconfig;
    struct component_serving serving;
    struct leader_election election;
    struct component_logging logging;
} arg = {
    .serving = COMPONENT_SERVING_DEFAULT(10259),
    .election = LEADER_ELECTION_DEFAULT("kube-scheduler"),
    .logging = {.format = "text"},
};

static const struct flag table[] = {
    {FLAG_SECTION, "General", NULL, NULL, NULL, 0, 0},
    {FLAG_STRING, "kubeconfig", &arg.kubeconfig, "FILE", "how to reach the API server; default: in the cluster", 0, 0},
    COMPONENT_LOGGING_FLAGS(arg.logging),
    COMPONENT_SERVING_FLAGS(arg.serving, "10259"),
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
    if (component_serve(&arg.serving, "scheduler", metrics, &p.counters, &health, err) < 0)
        return -1;
    if (!arg.election.elect)
        return scheduler_run(client, stop, &p.counters, err);
    return leader_run(client, &arg.election.options, stop, lead, &p, err);
}

int main(int argc, char **argv)
{
    const struct component c = {.flags = &flags, .logging = &arg.logging, .malloc_arenas = 2, .run = run};

    return component_main(&c, argc, argv);
}
