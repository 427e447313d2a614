#include "network.h"

#include "base/file.h"

#include <net/if.h>

#define LAN CLUSTER_LAN_BRIDGE
#define MASQ_TABLE "coracle-masq"

static int forward_packets(struct err *err)
{
    const char *path = "/proc/sys/net/ipv4/ip_forward";
    _cleanup_(buf_releasep) struct buf old = BUF_INIT(16);
    struct err ignored = ERR_INIT;

    if (file_read(path, &old, &ignored) == 0 && str_is(str_trim(buf_str(&old)), "1"))
        return 0;
    return run_line(err, "sysctl -qw net.ipv4.ip_forward=1");
}

/* A transaction: the table is made, emptied and filled in one go. */
static int masquerade(struct err *err)
{
    char *argv[] = {"nft",
                    "add table ip " MASQ_TABLE "\n"
                    "delete table ip " MASQ_TABLE "\n"
                    "table ip " MASQ_TABLE " {\n"
                    "  chain postrouting {\n"
                    "    type nat hook postrouting priority srcnat;\n"
                    "    ip saddr " CLUSTER_POD_CIDR " ip daddr != { " CLUSTER_POD_CIDR ", " CLUSTER_LAN_NET
                    ".0/24, 127.0.0.0/8 } masquerade\n"
                    "  }\n}\n",
                    NULL};
    return run_wait(argv, 20, NULL, err);
}

int network_up(const struct cluster *c, struct err *err)
{
    _cleanup_(freep) char *ip = cluster_node_ip(1);

    if (if_nametoindex(LAN) == 0 && run_line(err, "ip link add " LAN " type bridge") < 0)
        return err_wrap(err, "node network");
    if (run_line(err, "ip addr replace %s/24 dev " LAN, ip) < 0 || run_line(err, "ip link set lo up") < 0 ||
        run_line(err, "ip link set " LAN " up") < 0 || forward_packets(err) < 0)
        return err_wrap(err, "node network");
    /* A host without a default route could not send to a ClusterIP at all: routing comes before the NAT hook. */
    if (run_line(err, "ip route replace %s dev " LAN " src %s", c->service_cidr, ip) < 0)
        return err_wrap(err, "node network");
    for (int k = 2; k <= c->nodes; k++)
        if (run_line(err, "ip route replace " CLUSTER_POD_NET ".%d.0/24 via " CLUSTER_LAN_NET ".%d dev " LAN " onlink",
                     k, k) < 0)
            return err_wrap(err, "node network");
    return masquerade(err);
}

int network_join_node(const struct cluster *c, int k, int pid, struct err *err)
{
    (void)c;
    run_quietly("ip link del coracle-n%d", k);
    if (run_line(err, "ip link add coracle-n%d type veth peer name eth0 netns %d", k, pid) < 0 ||
        run_line(err, "ip link set coracle-n%d master " LAN " up", k) < 0)
        return err_wrap(err, "network of node %d", k);
    return 0;
}

int network_up_in_node(const struct cluster *c, int k, struct err *err)
{
    _cleanup_(freep) char *ip = cluster_node_ip(k);

    if (run_line(err, "ip link set lo up") < 0 || run_line(err, "ip addr replace %s/24 dev eth0", ip) < 0 ||
        run_line(err, "ip link set eth0 up") < 0 ||
        run_line(err, "ip route replace default via " CLUSTER_LAN_NET ".1") < 0 || forward_packets(err) < 0)
        return err_wrap(err, "network of node %d", k);
    for (int j = 1; j <= c->nodes; j++)
        if (j != k &&
            run_line(err, "ip route replace " CLUSTER_POD_NET ".%d.0/24 via " CLUSTER_LAN_NET ".%d", j, j) < 0)
            return err_wrap(err, "network of node %d", k);
    return 0;
}

void network_stop_steps_of_node(const struct cluster *c, int k, struct supervisor *s)
{
    (void)c;
    (void)k;
    supervisor_stop_line(s, "ip link del cni0");
}

void network_stop_steps_of_host(const struct cluster *c, struct supervisor *s)
{
    for (int k = 2; k <= c->nodes; k++)
        supervisor_stop_line(s, "ip link del coracle-n%d", k);
    supervisor_stop_line(s, "ip link del " LAN);
    supervisor_stop_line(s, "nft delete table ip " MASQ_TABLE);
}

void network_down(const struct cluster *c)
{
    for (int k = 2; k <= c->nodes; k++)
        run_quietly("ip link del coracle-n%d", k);
    run_quietly("ip link del cni0");
    run_quietly("ip link del " LAN);
    run_quietly("nft delete table ip kube-proxy"); /* when its supervisor could not tell kube-proxy to clean up */
    run_quietly("nft delete table ip " MASQ_TABLE);
}
