/* kube-proxy: Services in the kernel, by nftables. Wiring only. */
#include "base/flags.h"
#include "base/log.h"
#include "client/kubeconfig.h"
#include "proxy/proxy.h"

#include <stdio.h>

static struct {
    const char *kubeconfig, *master, *node_name, *mode, *healthz, *metrics, *logging;
    const char *cluster_cidr;
    struct flag_list nodeport_addresses;
    bool cleanup, masquerade_all, localhost_nodeports;
    int64_t masquerade_bit, min_sync, sync, v;
} arg = {
    .mode = "nftables",
    .healthz = "0.0.0.0:10256",
    .metrics = "127.0.0.1:10249",
    .logging = "text",
    .localhost_nodeports = true,
    .masquerade_bit = 14,
    .min_sync = 100 * NS_PER_MS,
    .sync = 30 * NS_PER_S,
};

static const struct flag table[] = {
    {FLAG_SECTION, "General", NULL, NULL, NULL, 0, 0},
    {FLAG_STRING, "kubeconfig", &arg.kubeconfig, "FILE", "how to reach the API server; default: in the cluster", 0, 0},
    {FLAG_STRING, "hostname-override", &arg.node_name, "NAME", "name of this node (default: the host's name)", 0, 0},
    {FLAG_STRING, "proxy-mode", &arg.mode, "MODE", "nftables, the only one", 0, 0},
    {FLAG_BOOL, "cleanup", &arg.cleanup, NULL, "remove all rules and end", 0, 0},
    {FLAG_STRING, "logging-format", &arg.logging, "FORMAT", "text or json", 0, 0},
    {FLAG_INT, "v", &arg.v, "N", "4 and above: debug lines too", 0, 10},
    {FLAG_SECTION, "Rules", NULL, NULL, NULL, 0, 0},
    {FLAG_STRING, "cluster-cidr", &arg.cluster_cidr, "CIDR",
     "addresses of pods; what reaches a service from elsewhere is masqueraded", 0, 0},
    {FLAG_BOOL, "masquerade-all", &arg.masquerade_all, NULL, "masquerade everything sent to cluster IPs", 0, 0},
    {FLAG_LIST, "nodeport-addresses", &arg.nodeport_addresses, "CIDRS",
     "addresses of this node on which node ports answer (default: all)", 0, 0},
    {FLAG_BOOL, "iptables-localhost-nodeports", &arg.localhost_nodeports, NULL,
     "node ports answer on 127.0.0.1 too (default true)", 0, 0},
    {FLAG_INT, "iptables-masquerade-bit", &arg.masquerade_bit, "N", "bit of the packet mark that is ours (default 14)",
     0, 31},
    {FLAG_DURATION, "iptables-min-sync-period", &arg.min_sync, "DURATION",
     "least time between two changes (default 100ms)", 0, 0},
    {FLAG_DURATION, "iptables-sync-period", &arg.sync, "DURATION",
     "how often to see whether the rules are still there (default 30s)", 0, 0},
    {FLAG_SECTION, "Health", NULL, NULL, NULL, 0, 0},
    {FLAG_STRING, "healthz-bind-address", &arg.healthz, "IP:PORT", "default 0.0.0.0:10256; empty: none", 0, 0},
    {FLAG_STRING, "metrics-bind-address", &arg.metrics, "IP:PORT", "default 127.0.0.1:10249; empty: none", 0, 0},
    {FLAG_SECTION, FLAGS_IGNORED_TITLE, NULL, NULL, NULL, 0, 0},
    FLAG_IGNORED_ROW("master"),
    FLAG_IGNORED_ROW("bind-address"),
    FLAG_IGNORED_BOOL_ROW("bind-address-hard-fail"),
    FLAG_IGNORED_ROW("config-sync-period"),
    FLAG_IGNORED_ROW("conntrack-max-per-core"),
    FLAG_IGNORED_ROW("conntrack-min"),
    FLAG_IGNORED_ROW("conntrack-tcp-timeout-close-wait"),
    FLAG_IGNORED_ROW("conntrack-tcp-timeout-established"),
    FLAG_IGNORED_ROW("detect-local-mode"),
    FLAG_IGNORED_ROW("feature-gates"),
    FLAG_IGNORED_ROW("kube-api-burst"),
    FLAG_IGNORED_ROW("kube-api-content-type"),
    FLAG_IGNORED_ROW("kube-api-qps"),
    FLAG_IGNORED_ROW("oom-score-adj"),
    FLAG_IGNORED_BOOL_ROW("profiling"),
};

static const struct flags flags = {.program = "kube-proxy",
                                   .about = "Carries connections to the Services of a cluster, by nftables rules.",
                                   .version = CORACLE_VERSION,
                                   .table = table,
                                   .n = ARRAY_LEN(table)};

static int cleanup(struct nft *nft, struct err *err)
{
    _cleanup_(buf_releasep) struct buf script = BUF_INIT(4096);
    rules_cleanup(&script);
    return nft_apply(nft, script.data, err);
}

static void proxy_options(struct proxy_options *ret, const char **addresses, const char *host)
{
    for (size_t i = 0; i < arg.nodeport_addresses.n; i++)
        addresses[i] = str_dup(arg.nodeport_addresses.items[i]); /* for the life of the process */
    *ret = (struct proxy_options){
        .rules = {.cluster_cidr = arg.cluster_cidr && *arg.cluster_cidr ? arg.cluster_cidr : NULL,
                  .masquerade_all = arg.masquerade_all,
                  .nodeport_addresses = addresses,
                  .n_nodeport_addresses = arg.nodeport_addresses.n,
                  .localhost_nodeports = arg.localhost_nodeports,
                  .masquerade_mark = 1u << arg.masquerade_bit},
        .node_name = arg.node_name ? arg.node_name : host,
        .min_sync_period_ns = arg.min_sync,
        .sync_period_ns = MAX_OF(arg.sync, NS_PER_S),
    };
}

static int run(struct nft *nft, struct stop *stop, struct err *err)
{
    static const char *addresses[FLAG_LIST_MAX];
    static struct proxy_status status;
    _cleanup_(kubeconfig_freep) struct kubeconfig *config = NULL;
    _cleanup_(kube_client_freep) struct kube_client *client = NULL;
    const struct kube_client_options co = {.user_agent = "kube-proxy/" CORACLE_VERSION};
    struct proxy_options o;
    char host[256] = "";
    (void)gethostname(host, sizeof(host) - 1);
    proxy_options(&o, addresses, host);
    if (kubeconfig_load(arg.kubeconfig, NULL, &config, err) < 0 || kube_client_new(config, &co, &client, err) < 0)
        return -1;
    proxy_prepare_kernel(arg.localhost_nodeports);
    struct proxy_health *health = proxy_health_start(arg.healthz, arg.metrics, &status, 2 * o.sync_period_ns);
    log_info("starting", LOG_S("node", o.node_name), LOG_S("clusterCIDR", kstr(o.rules.cluster_cidr)));
    int rc = proxy_run(client, nft, &o, &status, stop, err);
    proxy_health_stop(health);
    return rc;
}

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    flags_parse_or_exit(&flags, argc, argv);
    log_setup("kube-proxy", arg.v >= 4 ? LOG_DEBUG : LOG_INFO, strcmp(arg.logging, "json") == 0);
    if (strcmp(arg.mode, "nftables") != 0 && *arg.mode) {
        log_error("only --proxy-mode=nftables is there", LOG_S("mode", arg.mode));
        return 2;
    }
    struct nft *nft = nft_open(&err);
    struct stop *stop = stop_new(); /* the signal thread has it until the end of the process */
    if (nft && !arg.cleanup)
        stop_on_signals(stop);
    int rc = !nft ? -1 : arg.cleanup ? cleanup(nft, &err) : run(nft, stop, &err);
    nft_close(nft);
    if (rc < 0)
        log_error("ends", LOG_ERR(&err));
    return rc < 0;
}
