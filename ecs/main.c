/* aws-gateway: the AWS APIs in front of a Kubernetes cluster. Wiring only. */
#include "base/clock.h"
#include "base/flags.h"
#include "base/log.h"
#include "client/stop.h"
#include "ecs/controllers/instances.h"
#include "ecs/controllers/leading.h"
#include "ecs/controllers/leftovers.h"
#include "ecs/controllers/services.h"
#include "ecs/controllers/tasks.h"
#include "ecs/ops/ops.h"
#include "ecs/services/services.h"
#include "ecs/wire/gateway.h"

#include <malloc.h>

#define SYNC_NS (60 * NS_PER_S) /* how long the first list of Secrets may take */

static struct {
    const char *kubeconfig;
    bool standalone;
    const char *bind_address;
    int64_t port;
    const char *cert_file, *key_file;
    const char *region, *account_id;
    const char *credentials_file, *audit_file;
    int64_t workers;
    struct component_logging logging;
} arg = {
    .bind_address = "127.0.0.1",
    .port = 4566,
    .region = "us-east-1",
    .account_id = "000000000000",
    .workers = 16,
    .logging = {.format = "text"},
};

static struct leader_election election = LEADER_ELECTION_DEFAULT("ecs-controllers");

static const struct flag table[] = {
    {FLAG_SECTION, "General", NULL, NULL, NULL, 0, 0},
    {FLAG_STRING, "kubeconfig", &arg.kubeconfig, "FILE", "how to reach the API server; default: in the cluster", 0, 0},
    {FLAG_BOOL, "standalone", &arg.standalone, NULL,
     "without a cluster: only services that need none, keys from --credentials-file only", 0, 0},
    {FLAG_STRING, "region", &arg.region, "REGION", "in ARNs (default us-east-1)", 0, 0},
    {FLAG_STRING, "account-id", &arg.account_id, "ID", "in ARNs (default 000000000000)", 0, 0},
    COMPONENT_LOGGING_FLAGS(arg.logging),
    {FLAG_SECTION, "Serving", NULL, NULL, NULL, 0, 0},
    {FLAG_STRING, "bind-address", &arg.bind_address, "IP", "default 127.0.0.1", 0, 0},
    {FLAG_INT, "port", &arg.port, "PORT", "default 4566", 1, 65535},
    {FLAG_STRING, "tls-cert-file", &arg.cert_file, "FILE", "certificate; without it HTTP is served in clear", 0, 0},
    {FLAG_STRING, "tls-private-key-file", &arg.key_file, "FILE", "its key", 0, 0},
    {FLAG_INT, "workers", &arg.workers, "N", "requests worked on at a time (default 16)", 1, 1000},
    {FLAG_SECTION, "Callers", NULL, NULL, NULL, 0, 0},
    {FLAG_STRING, "credentials-file", &arg.credentials_file, "FILE",
     "access keys beside those in Secrets, in the form of the AWS shared credentials file", 0, 0},
    {FLAG_STRING, "audit-log-file", &arg.audit_file, "FILE", "one JSON line for every call; - is standard output", 0,
     0},
    LEADER_ELECTION_FLAGS(election, "ecs-controllers"),
};

static const struct flags flags = {.program = "aws-gateway",
                                   .about = "Serves the AWS APIs of a Kubernetes cluster.",
                                   .version = CORACLE_VERSION,
                                   .table = table,
                                   .n = ARRAY_LEN(table)};

/* What hangs on a cluster; all NULL when standalone. */
struct cluster {
    struct kube_client *client;
    struct informer_factory *informers;
    struct ecs_store *store;
    struct instance_controller *instances;
    struct task_controller *tasks;
    struct service_controller *services;
    struct leftover_controller *leftovers;
    struct controller *controllers[8]; /* in the order in which they start */
    size_t n_controllers;
};

static int check_arguments(struct err *err)
{
    struct str id = str_of(arg.account_id);
    size_t digits = 0;

    for (size_t i = 0; i < id.n; i++)
        digits += id.p[i] >= '0' && id.p[i] <= '9';
    if (id.n != 12 || digits != 12)
        return err_set(err, ERR_BAD_REQUEST, "--account-id has 12 digits");
    if (!arg.region[0] || strchr(arg.region, ':'))
        return err_set(err, ERR_BAD_REQUEST, "--region is a name such as us-east-1");
    if (arg.standalone && !arg.credentials_file)
        return err_set(err, ERR_BAD_REQUEST, "--standalone needs --credentials-file: nobody could sign a request");
    if (!arg.cert_file != !arg.key_file)
        return err_set(err, ERR_BAD_REQUEST, "--tls-cert-file and --tls-private-key-file go together");
    return 0;
}

static int connect_cluster(struct cluster *c, struct stop *stop, struct err *err)
{
    _cleanup_(kubeconfig_freep) struct kubeconfig *config = NULL;
    const struct kube_client_options co = {.user_agent = "aws-gateway/" CORACLE_VERSION};

    if (arg.standalone)
        return 0;
    if (kubeconfig_load(arg.kubeconfig, NULL, &config, err) < 0 || kube_client_new(config, &co, &c->client, err) < 0)
        return -1;
    c->informers = informer_factory_new(c->client, stop);
    c->store = ecs_store_new(c->client, stop);
    c->tasks = task_controller_new(c->store);
    c->instances = instance_controller_new(c->store, arg.region, arg.account_id);
    c->services = service_controller_new(c->store, arg.region, arg.account_id);
    c->leftovers = leftover_controller_new(c->store);
    c->controllers[c->n_controllers++] = instance_controller_base(c->instances);
    c->controllers[c->n_controllers++] = task_controller_base(c->tasks);
    c->controllers[c->n_controllers++] = leftover_controller_base(c->leftovers);
    c->controllers[c->n_controllers++] = service_controller_base(c->services);
    return 0;
}

/* Where this gateway listens by now: nobody else does at the same time. */
static char *place(const struct gateway *g)
{
    char host[65] = "";

    gethostname(host, sizeof(host) - 1);
    return xasprintf("%s/%s:%d", host, arg.bind_address, gateway_port(g, 0));
}

static int serve(struct cluster *c, struct stop *stop, struct aws_keys *keys, struct audit *audit,
                 struct tls_context *tls, struct err *err)
{
    const struct http_listener listener = {.address = arg.bind_address, .port = (uint16_t)arg.port, .tls = tls};
    struct ecs ecs = {.store = c->store};
    const struct aws_operation_table tables[] = {
        {sts_operations, sts_operations_n, NULL, NULL},
        {cloudtrail_operations, cloudtrail_operations_n, audit, NULL},
        {ecs_operations, c->store ? ecs_operations_n : 0, &ecs, ecs_explain},
    };
    const struct gateway_options o = {.listeners = &listener,
                                      .n_listeners = 1,
                                      .workers = (size_t)arg.workers,
                                      .region = arg.region,
                                      .account_id = arg.account_id,
                                      .tables = tables,
                                      .n_tables = ARRAY_LEN(tables),
                                      .keys = keys,
                                      .audit = audit};
    _cleanup_(gateway_freep) struct gateway *gateway = NULL;
    _cleanup_(freep) char *where = NULL;
    _cleanup_(leading_freep) struct leading *leading = NULL;

    if (c->informers) {
        informer_factory_start(c->informers);
        if (!informer_factory_wait_synced(c->informers, SYNC_NS))
            return stop_requested(stop) ? 0 : err_set(err, ERR_TIMEOUT, "the access keys could not be listed in time");
    }
    if (c->store && (ecs_store_start(c->store, err) < 0 || ecs_bootstrap(&ecs, err) < 0))
        return stop_requested(stop) ? 0 : err_wrap(err, "ECS");
    if (gateway_new(&o, &gateway, err) < 0)
        return -1;
    where = place(gateway);
    const struct leading_options lo = {.client = c->client,
                                       .election = &election,
                                       .place = where,
                                       .controllers = c->controllers,
                                       .n_controllers = c->n_controllers,
                                       .stop = stop};
    if (c->store && leading_start(&lo, &leading, err) < 0)
        return stop_request(stop), -1;
    log_info("serving", LOG_S("address", arg.bind_address), LOG_I("port", gateway_port(gateway, 0)),
             LOG_S("region", arg.region), LOG_S("account", arg.account_id));
    (void)stop_wait(stop, -1);
    return 0;
}

static int run(struct stop *stop, struct err *err)
{
    _cleanup_(audit_freep) struct audit *audit = NULL;
    _cleanup_(aws_keys_freep) struct aws_keys *keys = NULL;
    struct tls_context *tls = NULL;
    struct cluster c = {0};
    int rc = -1;

    if (check_arguments(err) < 0 || audit_new(arg.audit_file, &audit, err) < 0 || connect_cluster(&c, stop, err) < 0)
        goto out;
    if (aws_keys_new(c.informers, arg.credentials_file, arg.account_id, &keys, err) < 0)
        goto out;
    if (arg.cert_file &&
        !(tls = tls_context_new(&(struct tls_options){.cert_file = arg.cert_file, .key_file = arg.key_file}, err)))
        goto out;
    rc = serve(&c, stop, keys, audit, tls, err);
out:
    stop_request(stop);
    if (c.store)
        ecs_store_stop(c.store);
    service_controller_free(c.services);
    task_controller_free(c.tasks);
    leftover_controller_free(c.leftovers);
    instance_controller_free(c.instances);
    ecs_store_free(c.store);
    informer_factory_free(c.informers);
    kube_client_free(c.client);
    tls_context_free(tls);
    return rc;
}

int main(int argc, char **argv)
{
    /* Workers mostly wait: an arena for each would be most of the memory. And what a large request took is given back.
     */
    const struct component c = {.flags = &flags, .logging = &arg.logging, .malloc_arenas = 1, .run = run};

    mallopt(M_MMAP_THRESHOLD, 256 * 1024);
    mallopt(M_TRIM_THRESHOLD, 256 * 1024);
    return component_main(&c, argc, argv);
}
