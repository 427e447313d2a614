/* controller-manager: keeps what is there in step with what is wanted. Everything it knows is in the API server. */
#include "base/file.h"
#include "base/limits.h"
#include "controllers/run.h"

static struct controllers_options arg = {
    .election = LEADER_ELECTION_DEFAULT("kube-controller-manager"),
    .deployment_syncs = 5,
    .replicaset_syncs = 5,
    .gc_syncs = 20,
    .namespace_syncs = 10,
    .endpoint_syncs = 5,
    .endpointslice_syncs = 5,
    .one_sync = 1,
    .max_endpoints_per_slice = 100,
    .node_monitor_period = 5 * NS_PER_S,
    .node_monitor_grace = 50 * NS_PER_S,
    .node_startup_grace = 60 * NS_PER_S,
    .node_eviction_rate = "0.1",
    .node_syncs = 4,
    .taint_syncs = 8,
    .terminated_pod_threshold = 12500,
};
static struct component_logging logging = {.format = "text"};
static struct component_serving serving = COMPONENT_SERVING_DEFAULT(10257);

#define SYNCS(flag_name, field, what)                                                                                  \
    {                                                                                                                  \
        FLAG_INT, flag_name, &arg.field, "N", what, 1, 200                                                             \
    }

static const struct flag table[] = {
    {FLAG_SECTION, "General", NULL, NULL, NULL, 0, 0},
    {FLAG_STRING, "kubeconfig", &arg.kubeconfig, "FILE", "how to reach the API server; default: in the cluster", 0, 0},
    {FLAG_LIST, "controllers", &arg.controllers, "NAMES", "which to run: *, name, -name (default *)", 0, 0},
    {FLAG_BOOL, "use-service-account-credentials", &arg.use_service_account_credentials, NULL,
     "each controller acts as its own service account", 0, 0},
    COMPONENT_LOGGING_FLAGS(logging),
    COMPONENT_SERVING_FLAGS(serving, "10257"),
    LEADER_ELECTION_FLAGS(arg.election, "kube-controller-manager"),
    {FLAG_SECTION, "Controllers", NULL, NULL, NULL, 0, 0},
    SYNCS("concurrent-deployment-syncs", deployment_syncs, "deployments at a time (default 5)"),
    SYNCS("concurrent-replicaset-syncs", replicaset_syncs, "replica sets at a time (default 5)"),
    SYNCS("concurrent-gc-syncs", gc_syncs, "objects the garbage collector works on at a time (default 20)"),
    SYNCS("concurrent-namespace-syncs", namespace_syncs, "namespaces at a time (default 10)"),
    SYNCS("concurrent-endpoint-syncs", endpoint_syncs, "Endpoints at a time (default 5)"),
    SYNCS("concurrent-service-endpoint-syncs", endpointslice_syncs, "services' slices at a time (default 5)"),
    {FLAG_INT, "max-endpoints-per-slice", &arg.max_endpoints_per_slice, "N", "default 100", 1, 1000},
    {FLAG_DURATION, "node-monitor-period", &arg.node_monitor_period, "DURATION", "default 5s", 0, 0},
    {FLAG_DURATION, "node-monitor-grace-period", &arg.node_monitor_grace, "DURATION",
     "a node silent for longer is not ready (default 50s)", 0, 0},
    {FLAG_DURATION, "node-startup-grace-period", &arg.node_startup_grace, "DURATION",
     "the same for a new node (default 1m)", 0, 0},
    {FLAG_STRING, "node-eviction-rate", &arg.node_eviction_rate, "RATE",
     "nodes a second whose pods are evicted (default 0.1)", 0, 0},
    {FLAG_INT, "terminated-pod-gc-threshold", &arg.terminated_pod_threshold, "N",
     "finished pods that may stay before the oldest go (default 12500; 0: all stay)", 0, INT32_MAX},
    {FLAG_STRING, "root-ca-file", &arg.root_ca_file, "FILE", "CA that goes into every namespace as kube-root-ca.crt", 0,
     0},
    {FLAG_STRING, "service-account-private-key-file", &arg.service_account_key_file, "FILE",
     "accepted: tokens are made by the API server", 0, 0},
    {FLAG_SECTION, FLAGS_IGNORED_TITLE, NULL, NULL, NULL, 0, 0},
    {FLAG_IGNORED_BOOL, "allocate-node-cidrs", NULL, NULL, "pod networks are the nodes' own matter", 0, 0},
    FLAG_IGNORED_ROW("authentication-kubeconfig"),
    FLAG_IGNORED_ROW("authorization-kubeconfig"),
    FLAG_IGNORED_ROW("cert-dir"),
    FLAG_IGNORED_ROW("client-ca-file"),
    FLAG_IGNORED_ROW("cloud-provider"),
    FLAG_IGNORED_ROW("cluster-cidr"),
    FLAG_IGNORED_ROW("cluster-name"),
    FLAG_IGNORED_ROW("cluster-signing-cert-file"),
    FLAG_IGNORED_ROW("cluster-signing-key-file"),
    FLAG_IGNORED_ROW("cluster-signing-duration"),
    FLAG_IGNORED_ROW("feature-gates"),
    FLAG_IGNORED_ROW("kube-api-burst"),
    FLAG_IGNORED_ROW("kube-api-content-type"),
    FLAG_IGNORED_ROW("kube-api-qps"),
    FLAG_IGNORED_ROW("min-resync-period"),
    FLAG_IGNORED_ROW("node-cidr-mask-size"),
    FLAG_IGNORED_BOOL_ROW("profiling"),
    FLAG_IGNORED_ROW("requestheader-client-ca-file"),
    FLAG_IGNORED_ROW("service-cluster-ip-range"),
};

static const struct flags flags = {.program = "controller-manager",
                                   .about = "Runs the controllers of a cluster against its API server.",
                                   .version = CORACLE_VERSION,
                                   .table = table,
                                   .n = ARRAY_LEN(table)};

static void lead(void *ctx, struct stop *lost)
{
    controllers_run(ctx, lost);
}

static void metrics(void *user, struct buf *out)
{
    controllers_metrics(user, out);
}

static int run(struct stop *stop, struct err *err)
{
    struct controllers_run r = {.options = &arg, .lock = PTHREAD_MUTEX_INITIALIZER};
    _cleanup_(health_server_freep) struct health_server *health = NULL;
    _cleanup_(kubeconfig_freep) struct kubeconfig *config = NULL;
    _cleanup_(kube_client_freep) struct kube_client *client = NULL;
    _cleanup_(buf_releasep) struct buf ca = BUF_INIT(LIMIT_SMALL_FILE);
    struct kube_client_options co = {.user_agent = "controller-manager/" CORACLE_VERSION};

    if (arg.root_ca_file) {
        if (file_read(arg.root_ca_file, &ca, err) < 0)
            return err_wrap(err, "--root-ca-file");
        arg.root_ca_pem = ca.data;
    }
    if (kubeconfig_load(arg.kubeconfig, NULL, &config, err) < 0 || kube_client_new(config, &co, &client, err) < 0)
        return -1;
    r.config = config;
    r.user_agent = co.user_agent;
    r.client = client;
    if (component_serve(&serving, "controller-manager", metrics, &r, &health, err) < 0)
        return -1;
    if (!arg.election.elect) {
        controllers_run(&r, stop);
        return 0;
    }
    return leader_run(client, &arg.election.options, stop, lead, &r, err);
}

int main(int argc, char **argv)
{
    const struct component c = {.flags = &flags, .logging = &logging, .malloc_arenas = 4, .run = run};

    return component_main(&c, argc, argv);
}
