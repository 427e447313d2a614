/* hollow-node: a node without containers, for tests of the control plane. Registers its Node and keeps it alive, takes
 * pods without a node (--bind), says that every pod runs and is ready, and lets deleted pods go at once. Pods whose
 * image has "broken" in its name never become ready. */
#include "base/flags.h"
#include "base/log.h"
#include "client/informer.h"
#include "client/meta.h"
#include "client/workqueue.h"

#include <stdio.h>

static const char *arg_kubeconfig, *arg_node = "hollow";
static bool arg_bind = true;
static int64_t arg_delay = 50 * NS_PER_MS;

static const struct flag table[] = {
    {FLAG_STRING, "kubeconfig", &arg_kubeconfig, "FILE", "how to reach the API server", 0, 0},
    {FLAG_STRING, "node", &arg_node, "NAME", "name of the node", 0, 0},
    {FLAG_BOOL, "bind", &arg_bind, NULL, "take pods that have no node", 0, 0},
    {FLAG_DURATION, "ready-after", &arg_delay, "DURATION", "from bound to ready", 0, 0},
};
static const struct flags flags = {"hollow-node",    NULL, "A node without containers, for tests.", "0", table,
                                   ARRAY_LEN(table), false};

struct hollow {
    struct kube_client *client;
    struct workqueue *queue;
    struct informer *pods;
    int next_ip;
};

static void enqueue(void *ctx, struct kube_object *o)
{
    workqueue_add(((struct hollow *)ctx)->queue, o->key);
}

static void enqueue_bound(void *ctx, struct kube_object *old, struct kube_object *o)
{
    struct hollow *h = ctx;
    bool bound = !*kstr(kube_pod(old)->spec->nodename) && *kstr(kube_pod(o)->spec->nodename);

    if (bound && arg_delay)
        workqueue_add_after(h->queue, o->key, arg_delay);
    else
        enqueue(ctx, o);
}

static bool is_broken(const Corev1__Pod *p)
{
    for (size_t i = 0; i < p->spec->n_containers; i++)
        if (strstr(kstr(p->spec->containers[i]->image), "broken"))
            return true;
    return false;
}

static int make_ready(struct hollow *h, const struct kube_object *o, struct err *err)
{
    Corev1__Pod p = *kube_pod(o);
    Corev1__PodStatus s = COREV1__POD_STATUS__INIT;
    Corev1__PodCondition ready = COREV1__POD_CONDITION__INIT, *conditions[] = {&ready};
    Corev1__PodIP ip = COREV1__POD_IP__INIT, *ips[] = {&ip};
    Metav1__Time now;
    char text[32];

    if (p.status && strcmp(kstr(p.status->phase), "Running") == 0)
        return 0;
    if (p.status)
        s = *p.status;
    int n = __atomic_add_fetch(&h->next_ip, 1, __ATOMIC_RELAXED);
    snprintf(text, sizeof(text), "10.%d.%d.%d", 200 + n / 65000, n / 250 % 250, n % 250 + 1);
    time_set(&now, clock_wall(&clock_system));
    ready.type = (char *)"Ready", ready.status = (char *)(is_broken(&p) ? "False" : "True"),
    ready.lasttransitiontime = &now;
    s.phase = (char *)"Running";
    s.n_conditions = 1, s.conditions = conditions;
    ip.ip = text, s.podip = text, s.n_podips = 1, s.podips = ips;
    s.starttime = &now;
    p.status = &s;
    return kube_update_status(h->client, &kube_pods, &p.base, NULL, err);
}

static int sync_pod(void *ctx, struct str key, struct err *err)
{
    struct hollow *h = ctx;
    _cleanup_(kube_object_unrefp) struct kube_object *o = informer_get(h->pods, key);
    struct kube_delete_options now = {.grace_period_s = 0};

    if (!o)
        return 0;
    const char *node = kstr(kube_pod(o)->spec->nodename);
    if (*node && strcmp(node, arg_node) != 0)
        return 0;
    int r = 0;
    if (meta_deleting(o->meta))
        r = *node ? kube_delete(h->client, &kube_pods, o->meta->namespace_, o->meta->name, &now, err) : 0;
    else if (!*node && arg_bind)
        r = kube_bind_pod(h->client, o->meta->namespace_, o->meta->name, o->meta->uid, arg_node, err);
    else if (*node)
        r = make_ready(h, o, err);
    if (r < 0 && (err->code == ERR_NOT_FOUND || err->code == ERR_CONFLICT)) {
        err_clear(err);
        r = 0;
    }
    return r;
}

/* A Lease and a heartbeat every two seconds; the Node is made with the first. */
static void heartbeat(struct hollow *h)
{
    Corev1__Node n = COREV1__NODE__INIT;
    Corev1__NodeStatus s = COREV1__NODE_STATUS__INIT;
    Corev1__NodeCondition c = COREV1__NODE_CONDITION__INIT, *conditions[] = {&c};
    Metav1__ObjectMeta m = METAV1__OBJECT_META__INIT;
    Metav1__Time now;
    struct kube_object *there = NULL;
    struct err err = ERR_INIT;

    m.name = (char *)arg_node;
    n.metadata = &m;
    if (kube_get(h->client, &kube_nodes, NULL, arg_node, &there, &err) == 0)
        n = *kube_node(there);
    else if (kube_create(h->client, &kube_nodes, NULL, &n.base, &there, &err) == 0)
        n = *kube_node(there);
    time_set(&now, clock_wall(&clock_system));
    c.type = (char *)"Ready", c.status = (char *)"True", c.reason = (char *)"KubeletReady";
    c.lastheartbeattime = c.lasttransitiontime = &now;
    s.n_conditions = 1, s.conditions = conditions;
    n.status = &s;
    if (kube_update_status(h->client, &kube_nodes, &n.base, NULL, &err) < 0)
        log_warn("heartbeat failed", LOG_ERR(&err));
    kube_object_unref(there);
}

static int run(struct stop *stop, struct err *err)
{
    _cleanup_(kubeconfig_freep) struct kubeconfig *config = NULL;
    struct kube_client_options co = {.user_agent = "hollow-node"};
    struct workqueue_options qo = {.name = "pods"};
    struct hollow h = {.queue = workqueue_new(&qo)};
    struct informer_handler handler = {&h, enqueue, enqueue_bound, NULL};

    if (kubeconfig_load(arg_kubeconfig, NULL, &config, err) < 0 || kube_client_new(config, &co, &h.client, err) < 0)
        return -1;
    struct informer_factory *f = informer_factory_new(h.client, stop);
    h.pods = informer_of(f, &kube_pods, NULL);
    informer_add_handler(h.pods, &handler);
    informer_factory_start(f);
    informer_factory_wait_synced(f, -1);
    struct workers *w = workers_start(h.queue, 4, sync_pod, &h);
    do
        heartbeat(&h);
    while (!stop_wait(stop, 2 * NS_PER_S));
    workqueue_shutdown(h.queue);
    workers_join(w);
    informer_factory_free(f);
    workqueue_free(h.queue);
    kube_client_free(h.client);
    return 0;
}

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;

    flags_parse_or_exit(&flags, argc, argv);
    log_setup("hollow-node", LOG_INFO, false);
    struct stop *stop = stop_new();
    stop_on_signals(stop);
    if (run(stop, &err) < 0) {
        log_error("ends", LOG_ERR(&err));
        return 1;
    }
    return 0;
}
