/* What a change costs kube-proxy in a cluster of 1,000 services with 5 endpoints each, in a namespace of its own. */
#include "base/clock.h"
#include "proxy/nft.h"
#include "proxy/rules.h"

#include <sched.h>
#include <stdio.h>

#define SERVICES 1000
#define ENDPOINTS 5

static struct proxy_endpoint endpoints[SERVICES][ENDPOINTS];
static struct service_port ports[SERVICES];
static char names[SERVICES][32], cluster_ips[SERVICES][32], ips[SERVICES][ENDPOINTS][32];

static void make_services(void)
{
    for (unsigned i = 0; i < SERVICES; i++) {
        snprintf(names[i], sizeof(names[i]), "service-%04u", i);
        snprintf(cluster_ips[i], sizeof(cluster_ips[i]), "10.96.%u.%u", i / 250, 1 + i % 250);
        for (unsigned k = 0; k < ENDPOINTS; k++) {
            snprintf(ips[i][k], sizeof(ips[i][k]), "10.%u.%u.%u", 100 + k, i / 250, 1 + i % 250);
            endpoints[i][k] = (struct proxy_endpoint){ips[i][k], 8080, false};
        }
        ports[i] = (struct service_port){.ns = "default",
                                         .name = names[i],
                                         .protocol = "tcp",
                                         .port = 80,
                                         .cluster_ip = cluster_ips[i],
                                         .endpoints = endpoints[i],
                                         .n_endpoints = ENDPOINTS};
    }
}

static void apply(struct nft *nft, const char *what, const struct buf *script)
{
    struct err err = ERR_INIT;
    int64_t started = clock_mono(&clock_system);
    if (nft_apply(nft, script->data, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    printf("%-36s %8.1f ms  (%zu bytes of commands)\n", what, (double)(clock_mono(&clock_system) - started) / 1e6,
           script->len);
}

int main(void)
{
    const struct rules_options o = {.cluster_cidr = "10.100.0.0/14", .masquerade_mark = 0x4000};
    const struct service_map map = {ports, SERVICES};
    struct ruleset before, after;
    struct buf script = BUF_INIT(64 << 20);
    struct err err = ERR_INIT;
    if (unshare(CLONE_NEWNET) < 0) {
        printf("needs root\n");
        return 0;
    }
    struct nft *nft = nft_open(&err);
    if (!nft)
        return 1;
    make_services();
    int64_t started = clock_mono(&clock_system);
    rules_build(&map, &o, &before);
    printf("%-36s %8.1f ms\n", "rules from 1,000 services", (double)(clock_mono(&clock_system) - started) / 1e6);
    rules_rebuild(&o, &before, &script);
    apply(nft, "the whole table", &script);
    ports[500].n_endpoints--;
    started = clock_mono(&clock_system);
    rules_build(&map, &o, &after);
    buf_clear(&script);
    rules_diff(&before, &after, &script);
    printf("%-36s %8.1f ms\n", "rules and difference", (double)(clock_mono(&clock_system) - started) / 1e6);
    apply(nft, "one endpoint goes", &script);
    buf_clear(&script);
    rules_diff(&after, &before, &script);
    apply(nft, "one endpoint comes", &script);
    buf_release(&script);
    ruleset_release(&before);
    ruleset_release(&after);
    nft_close(nft);
    return 0;
}
