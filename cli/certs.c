#include "certs.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/random.h"
#include "net/pki.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NAMES_MAX 16

/* Server names; "@ip" stands for this host's node address, "@name" for its node name. */
static const char *const api_names[] = {"kubernetes",
                                        "kubernetes.default",
                                        "kubernetes.default.svc",
                                        "kubernetes.default.svc.cluster.local",
                                        "localhost",
                                        "127.0.0.1",
                                        CLUSTER_API_IP,
                                        "@ip",
                                        "@name",
                                        NULL};
static const char *const etcd_names[] = {"localhost", "127.0.0.1", NULL};

struct cert_row {
    const char *ca; /* whose signature: file name in pki/ */
    const char *name;
    const char *common_name;
    const char *organization; /* NULL = none */
    unsigned usages;
    const char *const *server_names;
    const char *kubeconfig; /* file made from it below the data dir, NULL = none */
};

static const struct cert_row rows[] = {
    {"ca", "apiserver", "kube-apiserver", NULL, CRYPTO_CERT_SERVER, api_names, NULL},
    {"ca", "apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters", CRYPTO_CERT_CLIENT, NULL,
     NULL},
    {"ca", "admin", "kubernetes-admin", "system:masters", CRYPTO_CERT_CLIENT, NULL, "admin.kubeconfig"},
    {"ca", "scheduler", "system:kube-scheduler", NULL, CRYPTO_CERT_CLIENT, NULL, "kubeconfig/scheduler.kubeconfig"},
    {"ca", "controller-manager", "system:kube-controller-manager", NULL, CRYPTO_CERT_CLIENT, NULL,
     "kubeconfig/controller-manager.kubeconfig"},
    {"ca", "kube-proxy", "system:kube-proxy", NULL, CRYPTO_CERT_CLIENT, NULL, "kubeconfig/kube-proxy.kubeconfig"},
    {"ca", "aws-gateway", "coracle:aws-gateway", NULL, CRYPTO_CERT_CLIENT, NULL, "kubeconfig/aws-gateway.kubeconfig"},
    {"etcd-ca", "etcd-server", "etcd", NULL, CRYPTO_CERT_SERVER | CRYPTO_CERT_CLIENT, etcd_names, NULL},
    {"etcd-ca", "etcd-client", "kube-apiserver-etcd-client", NULL, CRYPTO_CERT_CLIENT, NULL, NULL},
};

static int add_file(struct buf *out, const struct cluster *c, const char *file, struct err *err)
{
    _cleanup_(freep) char *path = cluster_path(c, "pki/%s", file);
    _cleanup_(buf_releasep) struct buf content = BUF_INIT(LIMIT_SMALL_FILE);

    if (file_read(path, &content, err) < 0)
        return -1;
    base64_encode(out, content.data, content.len);
    crypto_wipe(content.data, content.len);
    return 0;
}

static int write_kubeconfig(const struct cluster *c, const char *cert, const char *user, const char *file,
                            struct err *err)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_SMALL_FILE);
    _cleanup_(freep) char *path = cluster_path(c, "%s", file);
    _cleanup_(freep) char *crt = xasprintf("%s.crt", cert);
    _cleanup_(freep) char *key = xasprintf("%s.key", cert);
    _cleanup_(freep) char *ip = cluster_node_ip(1);

    buf_puts(&b,
             "apiVersion: v1\nkind: Config\nclusters:\n- name: coracle\n  cluster:\n    certificate-authority-data: ");
    if (add_file(&b, c, "ca.crt", err) < 0)
        return -1;
    buf_printf(&b, "\n    server: https://%s:%d\n", ip, c->secure_port);
    buf_printf(&b, "contexts:\n- name: coracle\n  context:\n    cluster: coracle\n    user: \"%s\"\n", user);
    buf_printf(&b, "current-context: coracle\nusers:\n- name: \"%s\"\n  user:\n    client-certificate-data: ", user);
    if (add_file(&b, c, crt, err) < 0)
        return -1;
    buf_puts(&b, "\n    client-key-data: ");
    if (add_file(&b, c, key, err) < 0)
        return -1;
    buf_putc(&b, '\n');
    if (!buf_ok(&b))
        return err_set(err, ERR_TOO_LARGE, "%s would be too large", path);
    int rc = file_write(path, buf_str(&b), 0600, err);
    crypto_wipe(b.data, b.len);
    return rc;
}

static size_t expand_names(const struct cluster *c, const char *const *names, const char *ip, struct str *out)
{
    size_t n = 0;

    for (; names && names[n]; n++)
        out[n] = str_of(strcmp(names[n], "@ip") == 0 ? ip : strcmp(names[n], "@name") == 0 ? c->name : names[n]);
    return n;
}

static int ensure_row(const struct cluster *c, const struct pki_pair *ca, const struct cert_row *row, struct err *err)
{
    _cleanup_(freep) char *dir = cluster_path(c, "pki");
    _cleanup_(freep) char *ip = cluster_node_ip(1);
    struct str names[NAMES_MAX], org = str_of(row->organization);
    struct pki_request req = {
        .common_name = row->common_name,
        .organizations = &org,
        .n_organizations = row->organization ? 1 : 0,
        .names = names,
        .n_names = expand_names(c, row->server_names, ip, names),
        .usages = row->usages,
    };

    if (pki_ensure(dir, row->name, ca, &req, NULL, err) < 0)
        return err_wrap(err, "certificate %s", row->name);
    return row->kubeconfig ? write_kubeconfig(c, row->name, row->common_name, row->kubeconfig, err) : 0;
}

/* Each node has a client certificate (system:node:NAME) with a kubeconfig and a serving one. */
static int ensure_node(const struct cluster *c, const struct pki_pair *ca, int k, struct err *err)
{
    _cleanup_(freep) char *dir = cluster_path(c, "pki");
    _cleanup_(freep) char *name = cluster_node_name(c, k);
    _cleanup_(freep) char *ip = cluster_node_ip(k);
    _cleanup_(freep) char *user = xasprintf("system:node:%s", name);
    _cleanup_(freep) char *client = xasprintf("kubelet-%d-client", k);
    _cleanup_(freep) char *server = xasprintf("kubelet-%d", k);
    _cleanup_(freep) char *kubeconfig = xasprintf("kubeconfig/kubelet-%d.kubeconfig", k);
    struct str org = STR("system:nodes"), names[] = {str_of(name), str_of(ip), STR("127.0.0.1")};
    struct pki_request client_req = {
        .common_name = user, .organizations = &org, .n_organizations = 1, .usages = CRYPTO_CERT_CLIENT};
    struct pki_request server_req = {
        .common_name = user, .names = names, .n_names = ARRAY_LEN(names), .usages = CRYPTO_CERT_SERVER};

    if (pki_ensure(dir, client, ca, &client_req, NULL, err) < 0 ||
        pki_ensure(dir, server, ca, &server_req, NULL, err) < 0)
        return err_wrap(err, "certificate of node %s", name);
    return write_kubeconfig(c, client, user, kubeconfig, err);
}

/* An access key of the account's root for the user of this machine, made once. */
static int ensure_aws_credentials(const struct cluster *c, struct err *err)
{
    _cleanup_(freep) char *path = cluster_path(c, "aws-credentials");
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(4 * KIB);
    unsigned char secret[30];
    char id[17];

    if (file_exists(path))
        return 0;
    random_suffix(id, sizeof(id) - 1);
    for (char *p = id; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    random_bytes(secret, sizeof(secret));
    buf_printf(&b, "[default]\naws_access_key_id = AKIA%s\naws_secret_access_key = ", id);
    base64_encode(&b, secret, sizeof(secret));
    buf_putc(&b, '\n');
    int rc = file_write(path, buf_str(&b), 0600, err);
    crypto_wipe(secret, sizeof(secret));
    crypto_wipe(b.data, b.len);
    return rc;
}

static int ensure_all(const struct cluster *c, const struct pki_pair *ca, const struct pki_pair *etcd_ca,
                      struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (ensure_row(c, strcmp(rows[i].ca, "ca") == 0 ? ca : etcd_ca, &rows[i], err) < 0)
            return -1;
    for (int k = 1; k <= c->nodes; k++)
        if (ensure_node(c, ca, k, err) < 0)
            return -1;
    return 0;
}

int certs_ensure(const struct cluster *c, struct err *err)
{
    _cleanup_(freep) char *dir = cluster_path(c, "pki");
    _cleanup_(pki_pair_release) struct pki_pair ca = {0};
    _cleanup_(pki_pair_release) struct pki_pair etcd_ca = {0};

    if (pki_ensure_ca(dir, "ca", "kubernetes", &ca, NULL, err) < 0 ||
        pki_ensure_ca(dir, "etcd-ca", "etcd-ca", &etcd_ca, NULL, err) < 0 ||
        pki_ensure_key(dir, "sa", CRYPTO_EC_P256, NULL, err) < 0)
        return err_wrap(err, "certificates");
    if (ensure_all(c, &ca, &etcd_ca, err) < 0)
        return -1;
    return ensure_aws_credentials(c, err);
}
