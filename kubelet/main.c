/* The kubelet: flags, wiring, and the order in which things start and end. */
#include "kubelet/cleanup.h"
#include "kubelet/kubelet.h"

#include "base/file.h"
#include "base/flags.h"
#include "base/limits.h"
#include "base/log.h"
#include "client/kubeconfig.h"
#include "client/stop.h"
#include "kubelet/manager.h"
#include "kubelet/node/machine.h"
#include "kubelet/node/node.h"
#include "kubelet/prober/prober.h"
#include "kubelet/server/rotate.h"
#include "kubelet/server/server.h"
#include "kubelet/status_manager.h"
#include "kubelet/worker/cgroup.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define SHUTDOWN_WAIT_NS (2 * NS_PER_S)

static struct arguments {
    const char *kubeconfig, *endpoint, *hostname, *node_ip, *root_dir, *pod_logs_dir, *cgroup_root;
    const char *cluster_domain, *resolv_conf, *client_ca, *cert, *key, *address, *log_format;
    struct flag_list cluster_dns, node_labels;
    int64_t port, healthz_port, max_pods, log_max_files, verbosity;
    bool register_node, cleanup;
} arg_ = {
    .endpoint = "unix:///run/containerd/containerd.sock",
    .root_dir = "/var/lib/kubelet",
    .pod_logs_dir = "/var/log/pods",
    .cgroup_root = "",
    .cluster_domain = "cluster.local",
    .resolv_conf = "/etc/resolv.conf",
    .address = "0.0.0.0",
    .log_format = "text",
    .port = 10250,
    .healthz_port = 10248,
    .max_pods = 110,
    .log_max_files = 5,
    .register_node = true,
};

static const struct flag flag_table[] = {
    {FLAG_SECTION, "The cluster", NULL, NULL, NULL, 0, 0},
    {FLAG_STRING, "kubeconfig", &arg_.kubeconfig, "FILE", "how to reach the API server", 0, 0},
    {FLAG_STRING, "hostname-override", &arg_.hostname, "NAME", "name of the node (default: the host's name)", 0, 0},
    {FLAG_STRING, "node-ip", &arg_.node_ip, "IP[,IP]", "addresses of the node", 0, 0},
    {FLAG_BOOL, "register-node", &arg_.register_node, NULL, "create the Node object when it is missing", 0, 0},
    {FLAG_LIST, "node-labels", &arg_.node_labels, "NAME=VALUE", "labels to put on the node", 0, 0},
    {FLAG_LIST, "cluster-dns", &arg_.cluster_dns, "IP", "name servers of pods with dnsPolicy ClusterFirst", 0, 0},
    {FLAG_STRING, "cluster-domain", &arg_.cluster_domain, "DOMAIN", "domain of the cluster's services", 0, 0},
    {FLAG_STRING, "resolv-conf", &arg_.resolv_conf, "FILE", "the node's resolver settings", 0, 0},
    {FLAG_INT, "max-pods", &arg_.max_pods, "N", "pods that may run here", 1, 10000},
    {FLAG_SECTION, "Containers", NULL, NULL, NULL, 0, 0},
    {FLAG_STRING, "container-runtime-endpoint", &arg_.endpoint, "unix://PATH", "socket of a CRI runtime", 0, 0},
    {FLAG_STRING, "root-dir", &arg_.root_dir, "DIR", "pods' volumes and the kubelet's own files", 0, 0},
    {FLAG_STRING, "pod-logs-dir", &arg_.pod_logs_dir, "DIR", "logs of containers", 0, 0},
    {FLAG_STRING, "cgroup-root", &arg_.cgroup_root, "PATH", "cgroup that /kubepods is made below", 0, 0},
    {FLAG_INT, "container-log-max-files", &arg_.log_max_files, "N", "log files kept for a container", 2, 100},
    {FLAG_BOOL, "cleanup", &arg_.cleanup, NULL, "remove all pods, their folders and cgroups, and exit", 0, 0},
    {FLAG_SECTION, "The kubelet's API", NULL, NULL, NULL, 0, 0},
    {FLAG_STRING, "address", &arg_.address, "IP", "address to listen on", 0, 0},
    {FLAG_INT, "port", &arg_.port, "PORT", "HTTPS port", 1, 65535},
    {FLAG_INT, "healthz-port", &arg_.healthz_port, "PORT", "port of /healthz on 127.0.0.1, 0 = none", 0, 65535},
    {FLAG_STRING, "client-ca-file", &arg_.client_ca, "FILE", "CA of clients; without it nobody may connect", 0, 0},
    {FLAG_STRING, "tls-cert-file", &arg_.cert, "FILE", "certificate (default: a self-signed one is made)", 0, 0},
    {FLAG_STRING, "tls-private-key-file", &arg_.key, "FILE", "its key", 0, 0},
    {FLAG_SECTION, "Logging", NULL, NULL, NULL, 0, 0},
    {FLAG_STRING, "logging-format", &arg_.log_format, "text|json", "form of the log lines", 0, 0},
    {FLAG_INT, "v", &arg_.verbosity, "N", "4 and more: debug lines", 0, 10},
};

static const char *cut_trailing_slash(struct arena *a, const char *path)
{
    size_t n = strlen(path);
    return n > 1 && path[n - 1] == '/' ? arena_strndup(a, path, n - 1) : path;
}

static void make_config(struct arena *a, struct kubelet_config *c)
{
    char address[64];
    struct machine m;
    machine_read(&m);
    *c = (struct kubelet_config){
        .node_name = arg_.hostname ? arg_.hostname : arena_strdup(a, m.hostname),
        .root_dir = cut_trailing_slash(a, arg_.root_dir),
        .pod_logs_dir = cut_trailing_slash(a, arg_.pod_logs_dir),
        .cgroup_root = strcmp(arg_.cgroup_root, "/") == 0 ? "" : cut_trailing_slash(a, arg_.cgroup_root),
        .cluster_domain = arg_.cluster_domain,
        .max_pods = arg_.max_pods,
        .log_max_size = 10 * (int64_t)MIB,
        .log_max_files = arg_.log_max_files,
    };
    struct str ips = str_of(arg_.node_ip), ip;
    while (ips.n && c->n_node_ips < NODE_ADDRESSES_MAX && str_split(&ips, ',', &ip))
        c->node_ips[c->n_node_ips++] = arena_str(a, ip).p;
    if (c->n_node_ips == 0) {
        if (!machine_address(address, sizeof(address)))
            snprintf(address, sizeof(address), "127.0.0.1");
        c->node_ips[c->n_node_ips++] = arena_strdup(a, address);
    }
    for (size_t i = 0; i < arg_.cluster_dns.n && i < CLUSTER_DNS_MAX; i++)
        c->cluster_dns[c->n_cluster_dns++] = arena_str(a, arg_.cluster_dns.items[i]).p;
}

static int make_client(struct kubelet *k, struct err *err)
{
    _cleanup_(kubeconfig_freep) struct kubeconfig *config = NULL;
    struct kube_client_options o = {.user_agent = "kubelet/1.36.2"};
    if (kubeconfig_load(arg_.kubeconfig, NULL, &config, err) < 0)
        return -1;
    return kube_client_new(config, &o, &k->client, err);
}

/* The runtime may come up later than we do. */
static int wait_for_runtime(struct kubelet *k, struct err *err)
{
    struct runtime_info info = {0};
    bool told = false;
    while (runtime_version(k->runtime, &info, err) < 0) {
        if (!told)
            log_warn("the container runtime does not answer yet", LOG_S("endpoint", arg_.endpoint), LOG_ERR(err));
        told = true;
        if (stop_wait(k->stop, 100 * NS_PER_MS))
            return -1;
    }
    snprintf(k->runtime_name, sizeof(k->runtime_name), "%s", info.name);
    snprintf(k->runtime_version, sizeof(k->runtime_version), "%s", info.version);
    return 0;
}

static void read_node_resolver(struct kubelet *k, struct arena *a)
{
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(LIMIT_SMALL_FILE);
    struct err ignored = ERR_INIT;
    (void)!file_read(arg_.resolv_conf, &text, &ignored);
    resolver_parse(a, buf_str(&text), &k->node_resolver);
}

static int make_dirs(const struct kubelet_config *c, struct err *err)
{
    _cleanup_(freep) char *pods = xasprintf("%s/pods", c->root_dir);
    if (file_mkdirs(pods, 0750, err) < 0)
        return -1;
    return file_mkdirs(c->pod_logs_dir, 0755, err);
}

static int run(struct kubelet *k, struct err *err)
{
    struct informer_factory *informers = informer_factory_new(k->client, k->stop);
    _cleanup_(freep) char *mine = xasprintf("spec.nodeName=%s", k->config->node_name);
    struct informer_options bound = {.field_selector = mine};
    struct node_options node_options = {
        .register_node = arg_.register_node, .labels = &arg_.node_labels, .port = (int)arg_.port};
    struct server_options server_options = {
        .address = arg_.address,
        .port = (uint16_t)arg_.port,
        .healthz_port = (uint16_t)arg_.healthz_port,
        .cert_file = arg_.cert,
        .key_file = arg_.key,
        .client_ca_file = arg_.client_ca,
    };
    struct node_agent *node = NULL;
    struct kubelet_server *server = NULL;
    struct log_rotator *rotator = NULL;
    int rc = -1;

    k->pods = informer_of(informers, &kube_pods, &bound);
    k->services = informer_of(informers, &kube_services, NULL);
    kubelet_objects_init(k);
    k->recorder = recorder_new(k->client, "kubelet", k->config->node_name);
    k->status = status_manager_new(k);
    k->prober = prober_new(k, err);
    if (!k->prober)
        return -1;
    k->manager = pod_manager_new(k);
    if (wait_for_runtime(k, err) < 0)
        return stop_requested(k->stop) ? 0 : -1;
    if (server_start(k, &server_options, &server, err) == 0 && node_agent_start(k, &node_options, &node, err) == 0) {
        informer_factory_start(informers);
        rc = 0;
        if (informer_factory_wait_synced(informers, -1))
            rc = pod_manager_start(k->manager, err);
        if (rc == 0 && log_rotator_start(k, &rotator, err) < 0)
            rc = -1;
        if (rc == 0)
            log_info("the kubelet is up", LOG_S("node", k->config->node_name), LOG_S("runtime", k->runtime_name));
        if (rc == 0)
            (void)stop_wait(k->stop, -1);
    }
    stop_request(k->stop);
    bool calm = pod_manager_stop(k->manager, SHUTDOWN_WAIT_NS);
    log_info("the kubelet ends; containers go on running");
    if (!calm) /* a worker waits for the runtime: nothing of it needs an end */
        _exit(rc == 0 ? 0 : 1);
    log_rotator_free(rotator);
    node_agent_free(node);
    server_free(server);
    k->prober = prober_free(k->prober);
    k->status = status_manager_free(k->status);
    k->recorder = recorder_free(k->recorder);
    informer_factory_free(informers);
    runtime_unlisten(k->runtime);
    k->manager = pod_manager_free(k->manager);
    return rc;
}

int main(int argc, char **argv)
{
    const struct flags flags = {
        .program = "kubelet",
        .synopsis = "[flags]",
        .about = "Runs the pods that are bound to this node, through a CRI container runtime.",
        .version = CORACLE_VERSION,
        .table = flag_table,
        .n = ARRAY_LEN(flag_table),
    };
    struct kubelet_config config;
    struct err err = ERR_INIT;
    flags_parse_or_exit(&flags, argc, argv);
    log_setup("kubelet", arg_.verbosity >= 4 ? LOG_DEBUG : LOG_INFO, strcmp(arg_.log_format, "json") == 0);
    struct arena *arena = arena_new(MIB);
    make_config(arena, &config);
    struct runtime_options runtime_options = {.endpoint = arg_.endpoint};
    struct kubelet k = {.config = &config, .clock = &clock_system, .stop = stop_new()};
    stop_on_signals(k.stop);
    int rc = runtime_new(&runtime_options, &k.runtime, &err);
    if (rc == 0 && arg_.cleanup) {
        rc = kubelet_cleanup(k.runtime, &config, &err);
    } else if (rc == 0) {
        read_node_resolver(&k, arena);
        k.cgroup_v2 = cgroup_is_v2();
        rc = make_dirs(&config, &err);
        machine_capacity(config.root_dir, config.max_pods, &k.capacity);
        k.allocatable = machine_allocatable(&k.capacity);
        if (rc == 0)
            rc = make_client(&k, &err);
        if (rc == 0)
            rc = run(&k, &err);
    }
    if (rc < 0)
        log_error("the kubelet cannot run", LOG_ERR(&err));
    if (rc == 0) {
        runtime_free(k.runtime);
        kube_client_free(k.client);
        arena_free(arena);
    }
    return rc == 0 ? 0 : 1;
}
