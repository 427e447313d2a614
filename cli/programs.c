#include "programs.h"

#include "network.h"
#include "node_files.h"

/* --name=<data-dir>/path */
static void flag_path(struct args *a, const struct cluster *c, const char *flag, const char *path)
{
    args_add(a, "--%s=%s/%s", flag, c->dir, path);
}

static void add_program_path(struct args *a, const struct cluster *c, const char *name)
{
    args_add(a, "%s/%s", c->bin_dir, name);
}

static struct program *add_etcd(const struct cluster *c, struct supervisor *s)
{
    struct program *p = supervisor_add(s, cluster_path(c, "log/etcd.log"), "etcd");
    struct args *a = &p->argv;

    args_add(a, "etcd");
    args_add(a, "--name=coracle");
    flag_path(a, c, "data-dir", "etcd");
    args_add(a, "--listen-client-urls=https://127.0.0.1:%d", c->etcd_port);
    args_add(a, "--advertise-client-urls=https://127.0.0.1:%d", c->etcd_port);
    args_add(a, "--listen-peer-urls=https://127.0.0.1:%d", c->etcd_peer_port);
    args_add(a, "--initial-advertise-peer-urls=https://127.0.0.1:%d", c->etcd_peer_port);
    args_add(a, "--initial-cluster=coracle=https://127.0.0.1:%d", c->etcd_peer_port);
    args_add(a, "--peer-client-cert-auth=true");
    flag_path(a, c, "peer-trusted-ca-file", "pki/etcd-ca.crt");
    flag_path(a, c, "peer-cert-file", "pki/etcd-server.crt");
    flag_path(a, c, "peer-key-file", "pki/etcd-server.key");
    args_add(a, "--client-cert-auth=true");
    flag_path(a, c, "trusted-ca-file", "pki/etcd-ca.crt");
    flag_path(a, c, "cert-file", "pki/etcd-server.crt");
    flag_path(a, c, "key-file", "pki/etcd-server.key");
    args_add(a, "--logger=zap");
    return p;
}

static struct program *add_apiserver(const struct cluster *c, struct supervisor *s)
{
    struct program *p = supervisor_add(s, cluster_path(c, "log/apiserver.log"), "apiserver");
    struct args *a = &p->argv;
    _cleanup_(freep) char *ip = cluster_node_ip(1);

    p->wait_port = c->etcd_port;
    add_program_path(a, c, "apiserver");
    args_add(a, "--etcd-servers=https://127.0.0.1:%d", c->etcd_port);
    flag_path(a, c, "etcd-cafile", "pki/etcd-ca.crt");
    flag_path(a, c, "etcd-certfile", "pki/etcd-client.crt");
    flag_path(a, c, "etcd-keyfile", "pki/etcd-client.key");
    args_add(a, "--secure-port=%d", c->secure_port);
    args_add(a, "--bind-address=0.0.0.0");
    args_add(a, "--advertise-address=%s", ip);
    flag_path(a, c, "tls-cert-file", "pki/apiserver.crt");
    flag_path(a, c, "tls-private-key-file", "pki/apiserver.key");
    flag_path(a, c, "client-ca-file", "pki/ca.crt");
    flag_path(a, c, "service-account-key-file", "pki/sa.pub");
    flag_path(a, c, "service-account-signing-key-file", "pki/sa.key");
    args_add(a, "--service-account-issuer=https://kubernetes.default.svc.cluster.local");
    args_add(a, "--service-cluster-ip-range=" CLUSTER_SERVICE_CIDR);
    args_add(a, "--authorization-mode=Node,RBAC");
    args_add(a, "--allow-privileged=true");
    flag_path(a, c, "kubelet-client-certificate", "pki/apiserver-kubelet-client.crt");
    flag_path(a, c, "kubelet-client-key", "pki/apiserver-kubelet-client.key");
    return p;
}

/* scheduler, controller-manager: programs that need nothing but a kubeconfig. */
static struct program *add_api_client(const struct cluster *c, struct supervisor *s, const char *name)
{
    _cleanup_(freep) char *log = cluster_path(c, "log/%s.log", name);
    _cleanup_(freep) char *kubeconfig = xasprintf("kubeconfig/%s.kubeconfig", name);
    struct program *p = supervisor_add(s, TAKE(log), "%s", name);

    p->wait_port = c->secure_port;
    add_program_path(&p->argv, c, name);
    flag_path(&p->argv, c, "kubeconfig", kubeconfig);
    args_add(&p->argv, "--leader-elect=true");
    return p;
}

static struct program *add_controller_manager(const struct cluster *c, struct supervisor *s)
{
    struct program *p = add_api_client(c, s, "controller-manager");

    flag_path(&p->argv, c, "root-ca-file", "pki/ca.crt");
    flag_path(&p->argv, c, "service-account-private-key-file", "pki/sa.key");
    args_add(&p->argv, "--use-service-account-credentials=true"); /* its own user may hardly do anything */
    return p;
}

static struct program *add_aws_gateway(const struct cluster *c, struct supervisor *s)
{
    struct program *p = supervisor_add(s, cluster_path(c, "log/aws-gateway.log"), "aws-gateway");
    struct args *a = &p->argv;

    p->wait_port = c->secure_port;
    add_program_path(a, c, "aws-gateway");
    flag_path(a, c, "kubeconfig", "kubeconfig/aws-gateway.kubeconfig");
    flag_path(a, c, "credentials-file", "aws-credentials");
    flag_path(a, c, "audit-log-file", "log/aws-audit.log");
    args_add(a, "--port=%d", c->aws_port);
    return p;
}

/* Log names of node 1 are the plain ones. */
static char *node_log(const struct cluster *c, int k, const char *name)
{
    return k == 1 ? cluster_path(c, "log/%s.log", name) : cluster_path(c, "log/%s-%d.log", name, k);
}

static struct program *add_containerd(const struct cluster *c, int k, struct supervisor *s)
{
    struct program *p = supervisor_add(s, node_log(c, k, "containerd"), "containerd");

    args_add(&p->argv, "containerd");
    args_add(&p->argv, "--config=%s/node/%d/config.toml", c->dir, k);
    return p;
}

static struct program *add_kubelet(const struct cluster *c, int k, struct supervisor *s)
{
    struct program *p = supervisor_add(s, node_log(c, k, "kubelet"), "kubelet");
    struct args *a = &p->argv;
    _cleanup_(freep) char *socket = node_socket(c, k);
    _cleanup_(freep) char *name = cluster_node_name(c, k);
    _cleanup_(freep) char *ip = cluster_node_ip(k);

    /* Other nodes reach the API by the LAN; whether it answers there cannot be told by a look at loopback. */
    p->wait_port = k == 1 ? c->secure_port : 0;
    p->wait_path = xstrdup(socket);
    add_program_path(a, c, "kubelet");
    args_add(a, "--kubeconfig=%s/kubeconfig/kubelet-%d.kubeconfig", c->dir, k);
    args_add(a, "--container-runtime-endpoint=unix://%s", socket);
    args_add(a, "--hostname-override=%s", name);
    args_add(a, "--node-ip=%s", ip);
    args_add(a, "--root-dir=%s/node/%d/kubelet", c->dir, k);
    args_add(a, "--pod-logs-dir=%s/node/%d/logs", c->dir, k);
    args_add(a, "--cgroup-root=/%s", c->cgroup);
    args_add(a, "--port=%d", c->kubelet_port);
    flag_path(a, c, "client-ca-file", "pki/ca.crt");
    args_add(a, "--tls-cert-file=%s/pki/kubelet-%d.crt", c->dir, k);
    args_add(a, "--tls-private-key-file=%s/pki/kubelet-%d.key", c->dir, k);
    return p;
}

static struct program *add_kube_proxy(const struct cluster *c, int k, struct supervisor *s)
{
    struct program *p = supervisor_add(s, node_log(c, k, "kube-proxy"), "kube-proxy");
    _cleanup_(freep) char *name = cluster_node_name(c, k);

    p->wait_port = k == 1 ? c->secure_port : 0;
    add_program_path(&p->argv, c, "kube-proxy");
    flag_path(&p->argv, c, "kubeconfig", "kubeconfig/kube-proxy.kubeconfig");
    args_add(&p->argv, "--hostname-override=%s", name);
    args_add(&p->argv, "--cluster-cidr=" CLUSTER_POD_CIDR);
    return p;
}

/* The pods of a node go while containerd is still there, then the rules, then containerd. */
static void stop_node(const struct cluster *c, int k, struct supervisor *s, const struct program *containerd,
                      const struct program *kubelet, const struct program *proxy)
{
    _cleanup_(freep) char *socket = node_socket(c, k);
    struct args *a;

    supervisor_stop_program(s, proxy);
    a = supervisor_stop_command(s, 10);
    add_program_path(a, c, "kube-proxy");
    args_add(a, "--cleanup");
    supervisor_stop_program(s, kubelet);
    a = supervisor_stop_command(s, 60);
    add_program_path(a, c, "kubelet");
    args_add(a, "--cleanup");
    args_add(a, "--container-runtime-endpoint=unix://%s", socket);
    args_add(a, "--root-dir=%s/node/%d/kubelet", c->dir, k);
    args_add(a, "--pod-logs-dir=%s/node/%d/logs", c->dir, k);
    args_add(a, "--cgroup-root=/%s", c->cgroup);
    supervisor_stop_program(s, containerd);
    network_stop_steps_of_node(c, k, s);
}

void programs_of_node(const struct cluster *c, int k, struct supervisor *s)
{
    struct program *containerd = add_containerd(c, k, s);
    struct program *kubelet = add_kubelet(c, k, s);
    struct program *proxy = add_kube_proxy(c, k, s);

    stop_node(c, k, s, containerd, kubelet, proxy);
}

void programs_of_host(const struct cluster *c, struct supervisor *s)
{
    struct program *etcd = add_etcd(c, s);
    struct program *apiserver = add_apiserver(c, s);
    struct program *scheduler = add_api_client(c, s, "scheduler");
    struct program *controllers = add_controller_manager(c, s);

    if (c->aws_port)
        supervisor_stop_program(s, add_aws_gateway(c, s));
    supervisor_stop_program(s, scheduler);
    supervisor_stop_program(s, controllers);
    for (int k = 2; k <= c->nodes; k++) {
        struct program *keeper = supervisor_add(s, cluster_path(c, "log/node-%d.log", k), "node-%d", k);
        keeper->stop_timeout_s = 75;
        add_program_path(&keeper->argv, c, "coracle");
        args_add(&keeper->argv, "node-host");
        args_add(&keeper->argv, "--data-dir=%s", c->dir);
        args_add(&keeper->argv, "--index=%d", k);
        supervisor_stop_program(s, keeper);
    }
    programs_of_node(c, 1, s);
    supervisor_stop_program(s, apiserver);
    supervisor_stop_program(s, etcd);
    network_stop_steps_of_host(c, s);
}
