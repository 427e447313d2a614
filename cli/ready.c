#include "ready.h"

#include "bootstrap.h"

#include "client/kube_client.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

struct waiting {
    const struct cluster *c;
    struct kube_client *client;
};

struct stage {
    const char *what, *log;
    int (*ready)(struct waiting *w, struct err *err); /* 0 = ready, -1 = not yet, and why */
};

static int etcd_ready(struct waiting *w, struct err *err)
{
    _cleanup_(closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)w->c->etcd_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
        return err_set(err, ERR_UNAVAILABLE, "it does not listen yet");
    return 0;
}

static int get_path(struct waiting *w, const char *path, struct err *err)
{
    _cleanup_(buf_releasep) struct buf body = BUF_INIT(MIB);
    return kube_raw(w->client, "GET", path, NULL, STR(""), NULL, &body, err);
}

static int api_ready(struct waiting *w, struct err *err)
{
    if (get_path(w, "/readyz", err) < 0)
        return -1;
    return bootstrap_apply(w->client, err);
}

/* Pods can be created in `default` once its service account is there. */
static int controllers_ready(struct waiting *w, struct err *err)
{
    return get_path(w, "/api/v1/namespaces/default/serviceaccounts/default", err);
}

static bool is_ready(const Corev1__Node *node)
{
    for (size_t i = 0; node->status && i < node->status->n_conditions; i++) {
        const Corev1__NodeCondition *cond = node->status->conditions[i];
        if (strcmp(kstr(cond->type), "Ready") == 0)
            return strcmp(kstr(cond->status), "True") == 0;
    }
    return false;
}

static int nodes_ready(struct waiting *w, struct err *err)
{
    _cleanup_(kube_objects_releasep) struct kube_objects nodes = {0};
    const struct kube_list_options all = {0};
    int ready = 0;

    if (kube_list(w->client, &kube_nodes, &all, &nodes, NULL, err) < 0)
        return -1;
    for (size_t i = 0; i < nodes.n; i++)
        ready += is_ready(kube_node(nodes.v[i]));
    if (ready < w->c->nodes)
        return err_set(err, ERR_UNAVAILABLE, "%d of %d nodes are ready", ready, w->c->nodes);
    return 0;
}

static const struct stage stages[] = {
    {"etcd", "etcd.log", etcd_ready},
    {"API server", "apiserver.log", api_ready},
    {"controllers", "controller-manager.log", controllers_ready},
    {"nodes", "kubelet.log", nodes_ready},
};

static int wait_stage(struct waiting *w, const struct stage *s, int supervisor, int64_t deadline, struct err *err)
{
    int64_t start = clock_mono(&clock_system);
    struct err why = ERR_INIT;

    while (s->ready(w, &why) < 0) {
        bool gone = kill(supervisor, 0) < 0;
        if (gone || clock_mono(&clock_system) > deadline)
            return err_set(err, ERR_TIMEOUT, "%s: %s (%s/log/%s tells more)", s->what,
                           gone ? "the supervisor ended" : why.msg, w->c->dir, gone ? "coracle.log" : s->log);
        sleep_ns(10 * NS_PER_MS);
    }
    printf("  %-12s ready (%.2f s)\n", s->what, (double)(clock_mono(&clock_system) - start) / 1e9);
    fflush(stdout);
    return 0;
}

int ready_wait(const struct cluster *c, int supervisor, int timeout_s, struct err *err)
{
    _cleanup_(freep) char *path = cluster_path(c, "admin.kubeconfig");
    _cleanup_(kubeconfig_freep) struct kubeconfig *config = NULL;
    _cleanup_(kube_client_freep) struct kube_client *client = NULL;
    const struct kube_client_options options = {.user_agent = "coracle", .timeout_ns = 5 * NS_PER_S};
    int64_t deadline = clock_mono(&clock_system) + timeout_s * NS_PER_S;

    if (kubeconfig_load(path, NULL, &config, err) < 0 || kube_client_new(config, &options, &client, err) < 0)
        return -1;
    struct waiting w = {c, client};
    for (size_t i = 0; i < ARRAY_LEN(stages); i++)
        if (wait_stage(&w, &stages[i], supervisor, deadline, err) < 0)
            return -1;
    return 0;
}
