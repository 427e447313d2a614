#include "preflight.h"

#include "run.h"

#include "base/file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

int preflight_privilege(struct err *err)
{
    if (geteuid() != 0)
        return err_set(err, ERR_FORBIDDEN,
                       "coracle up needs root: it makes network namespaces, mounts and cgroups (try sudo)");
    return 0;
}

int preflight_programs(const struct cluster *c, struct err *err)
{
    static const struct {
        const char *program, *package;
    } needed[] = {{"etcd", "etcd-server"}, {"containerd", "containerd"}, {"ctr", "containerd"},
                  {"runc", "runc"},        {"ip", "iproute2"},           {"nft", "nftables"},
                  {"sysctl", "procps"},    {"iptables", "iptables"}};
    static const char *const ours[] = {"apiserver",  "scheduler",   "controller-manager", "kubelet",
                                       "kube-proxy", "aws-gateway", "coracle-oci"};

    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        if (!run_in_path(needed[i].program))
            return err_set(err, ERR_NOT_FOUND, "%s is not in PATH: apt-get install %s (or run hack/setup)",
                           needed[i].program, needed[i].package);
    if (!file_exists("/usr/lib/cni/bridge"))
        return err_set(
            err, ERR_NOT_FOUND,
            "/usr/lib/cni/bridge is missing: apt-get install containernetworking-plugins (or run hack/setup)");
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        _cleanup_(freep) char *path = cluster_program(c, ours[i]);
        if (!file_exists(path))
            return err_set(err, ERR_NOT_FOUND, "%s is missing: build everything with hack/build", path);
    }
    return 0;
}

/* Binds as a server would; 0 lets the kernel choose. Returns the port, or -1 with errno. */
static int try_port(int port, uint32_t address)
{
    _cleanup_(closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(address)};
    socklen_t n = sizeof(a);
    int one = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &n) < 0)
        return -1;
    return ntohs(a.sin_port);
}

int preflight_ports(struct cluster *c, struct err *err)
{
    if (!c->etcd_port)
        c->etcd_port = try_port(0, INADDR_LOOPBACK);
    if (!c->etcd_peer_port)
        c->etcd_peer_port = try_port(0, INADDR_LOOPBACK);

    const struct {
        int port;
        const char *who, *hint;
        uint32_t address;
    } ports[] = {
        {c->secure_port, "the API server", "choose another with --secure-port", INADDR_ANY},
        {c->kubelet_port, "the kubelet", "choose another with --kubelet-port", INADDR_ANY},
        {c->aws_port, "the AWS gateway", "choose another with --aws-port, 0 = none", INADDR_LOOPBACK},
        {c->etcd_port, "etcd", "remove cluster.json in the data dir to choose another", INADDR_LOOPBACK},
        {c->etcd_peer_port, "etcd", "remove cluster.json in the data dir to choose another", INADDR_LOOPBACK},
    };
    for (size_t i = 0; i < ARRAY_LEN(ports); i++)
        if (try_port(ports[i].port, ports[i].address) < 0)
            return err_set(err, ERR_CONFLICT, "port %d, which %s needs, cannot be used: %s (%s)", ports[i].port,
                           ports[i].who, strerror(errno), ports[i].hint);
    return 0;
}
