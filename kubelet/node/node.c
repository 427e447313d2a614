#include "kubelet/node/node.h"

#include "base/log.h"
#include "base/limits.h"
#include "client/meta.h"
#include "client/stop.h"
#include "kubelet/node/machine.h"
#include "kubelet/pod/build.h"
#include "kubelet/same.h"

#include <pthread.h>
#include <stdio.h>

#define STATUS_PERIOD_NS (10 * NS_PER_S)
#define STATUS_REPORT_NS (300 * NS_PER_S)
#define LEASE_PERIOD_NS (10 * NS_PER_S)
#define LEASE_DURATION_S 40
#define RETRY_MIN_NS (NS_PER_S / 5)
#define RETRY_MAX_NS (7 * NS_PER_S)
#define LEASE_NAMESPACE "kube-node-lease"
#define KUBELET_VERSION "v1.36.2"

struct node_agent {
    struct kubelet *k;
    struct node_options o;
    struct machine machine;
    pthread_t status_thread, lease_thread;
    int64_t reported_at; /* mono */
    bool was_ready, was_seen;
};

/* --- building the node --- */

static void add_label(struct arena *a, Metav1__ObjectMeta *m, struct str key, struct str value)
{
    for (size_t i = 0; i < m->n_labels; i++)
        if (str_is(key, m->labels[i]->key)) {
            Metav1__ObjectMeta__LabelsEntry *e =
                BUILD(a, Metav1__ObjectMeta__LabelsEntry, metav1__object_meta__labels_entry);
            e->key = m->labels[i]->key;
            e->value = (char *)arena_str(a, value).p;
            m->labels[i] = e;
            return;
        }
    Metav1__ObjectMeta__LabelsEntry *e = BUILD(a, Metav1__ObjectMeta__LabelsEntry, metav1__object_meta__labels_entry);
    e->key = (char *)arena_str(a, key).p;
    e->value = (char *)arena_str(a, value).p;
    m->labels[m->n_labels++] = e;
}

/* Our labels on top of those the object has. */
static void set_labels(const struct node_agent *n, struct arena *a, Metav1__ObjectMeta *m)
{
    const struct flag_list *more = n->o.labels;
    Metav1__ObjectMeta__LabelsEntry **labels =
        BUILD_ARRAY(a, m->n_labels + 8 + more->n, Metav1__ObjectMeta__LabelsEntry *);
    for (size_t i = 0; i < m->n_labels; i++)
        labels[i] = m->labels[i];
    m->labels = labels;
    const char *const own[][2] = {
        {"beta.kubernetes.io/arch", n->machine.arch},
        {"beta.kubernetes.io/os", "linux"},
        {"kubernetes.io/arch", n->machine.arch},
        {"kubernetes.io/hostname", n->k->config->node_name},
        {"kubernetes.io/os", "linux"},
    };
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        add_label(a, m, str_of(own[i][0]), str_of(own[i][1]));
    for (size_t i = 0; i < more->n; i++) {
        struct str value = more->items[i], key;
        if (str_split(&value, '=', &key))
            add_label(a, m, key, value.p ? value : STR(""));
    }
}

static Quantity__Quantity *quantity_message(struct arena *a, struct quantity q)
{
    char text[QUANTITY_TEXT_MAX];
    Quantity__Quantity *m = BUILD(a, Quantity__Quantity, quantity__quantity);
    quantity_format(&q, text);
    m->string = build_text(a, text);
    return m;
}

struct amount {
    const char *name;
    struct quantity q;
};
#define AMOUNTS 4

static void amounts_of(const struct node_resources *r, struct amount out[AMOUNTS])
{
    out[0] = (struct amount){"cpu", quantity_of_milli(r->cpu_milli, QUANTITY_DECIMAL_SI)};
    out[1] = (struct amount){"ephemeral-storage", quantity_of(r->ephemeral_storage / 1024 * 1024, QUANTITY_BINARY_SI)};
    out[2] = (struct amount){"memory", quantity_of(r->memory / 1024 * 1024, QUANTITY_BINARY_SI)};
    out[3] = (struct amount){"pods", quantity_of(r->pods, QUANTITY_DECIMAL_SI)};
}

static void set_resources(const struct node_agent *n, struct arena *a, Corev1__NodeStatus *s)
{
    struct amount capacity[AMOUNTS], allocatable[AMOUNTS];
    amounts_of(&n->k->capacity, capacity);
    amounts_of(&n->k->allocatable, allocatable);
    s->capacity = BUILD_ARRAY(a, AMOUNTS, Corev1__NodeStatus__CapacityEntry *);
    s->allocatable = BUILD_ARRAY(a, AMOUNTS, Corev1__NodeStatus__AllocatableEntry *);
    for (size_t i = 0; i < AMOUNTS; i++) {
        s->capacity[i] = BUILD(a, Corev1__NodeStatus__CapacityEntry, corev1__node_status__capacity_entry);
        s->capacity[i]->key = (char *)capacity[i].name;
        s->capacity[i]->value = quantity_message(a, capacity[i].q);
        s->allocatable[i] = BUILD(a, Corev1__NodeStatus__AllocatableEntry, corev1__node_status__allocatable_entry);
        s->allocatable[i]->key = (char *)allocatable[i].name;
        s->allocatable[i]->value = quantity_message(a, allocatable[i].q);
    }
    s->n_capacity = s->n_allocatable = AMOUNTS;
}

static void add_address(struct arena *a, Corev1__NodeStatus *s, const char *type, const char *address)
{
    Corev1__NodeAddress *x = BUILD(a, Corev1__NodeAddress, corev1__node_address);
    x->type = (char *)type;
    x->address = build_text(a, address);
    s->addresses[s->n_addresses++] = x;
}

static void set_facts(const struct node_agent *n, struct arena *a, Corev1__NodeStatus *s)
{
    const struct kubelet_config *c = n->k->config;
    const struct machine *m = &n->machine;
    s->addresses = BUILD_ARRAY(a, c->n_node_ips + 1, Corev1__NodeAddress *);
    s->n_addresses = 0;
    for (size_t i = 0; i < c->n_node_ips; i++)
        add_address(a, s, "InternalIP", c->node_ips[i]);
    add_address(a, s, "Hostname", c->node_name);
    s->daemonendpoints = BUILD(a, Corev1__NodeDaemonEndpoints, corev1__node_daemon_endpoints);
    s->daemonendpoints->kubeletendpoint = BUILD(a, Corev1__DaemonEndpoint, corev1__daemon_endpoint);
    s->daemonendpoints->kubeletendpoint->has_port = true;
    s->daemonendpoints->kubeletendpoint->port = n->o.port;
    Corev1__NodeSystemInfo *i = BUILD(a, Corev1__NodeSystemInfo, corev1__node_system_info);
    i->machineid = (char *)m->machine_id;
    i->systemuuid = (char *)m->system_uuid;
    i->bootid = (char *)m->boot_id;
    i->kernelversion = (char *)m->kernel;
    i->osimage = (char *)m->os_image;
    i->containerruntimeversion = BUILD_PRINTF(a, "%s://%s", n->k->runtime_name, n->k->runtime_version);
    i->kubeletversion = (char *)KUBELET_VERSION;
    i->kubeproxyversion = (char *)"";
    i->operatingsystem = (char *)"linux";
    i->architecture = (char *)m->arch;
    s->nodeinfo = i;
}

/* --- conditions --- */

struct finding {
    const char *type;
    bool status;
    const char *reason, *message;
};

/* Writes or replaces a condition; others' stay. */
static void put_condition(struct arena *a, Corev1__NodeStatus *s, const struct finding *f, int64_t now_ns)
{
    Corev1__NodeCondition *c = BUILD(a, Corev1__NodeCondition, corev1__node_condition);
    size_t at = s->n_conditions;
    for (size_t i = 0; i < s->n_conditions; i++)
        if (text_is(s->conditions[i]->type, f->type))
            at = i;
    const Corev1__NodeCondition *old = at < s->n_conditions ? s->conditions[at] : NULL;
    c->type = (char *)f->type;
    c->status = (char *)(f->status ? "True" : "False");
    c->reason = (char *)f->reason;
    c->message = (char *)f->message;
    c->lastheartbeattime = build_time(a, now_ns);
    c->lasttransitiontime = old && text_is(old->status, c->status) && old->lasttransitiontime ? old->lasttransitiontime
                                                                                              : build_time(a, now_ns);
    s->conditions[at] = c;
    if (at == s->n_conditions)
        s->n_conditions++;
}

static struct finding ready_finding(const struct node_agent *n, struct arena *a)
{
    struct runtime_info info = {0};
    struct err err = ERR_INIT;
    if (runtime_status(n->k->runtime, &info, &err) < 0)
        return (struct finding){"Ready", false, "KubeletNotReady", "container runtime is down"};
    if (!info.network_ready || !info.ready)
        return (struct finding){
            "Ready", false, "KubeletNotReady",
            BUILD_PRINTF(a, "container runtime %snot ready: %s", info.ready ? "network " : "", info.reason)};
    return (struct finding){"Ready", true, "KubeletReady", "kubelet is posting ready status"};
}

static bool set_conditions(const struct node_agent *n, struct arena *a, Corev1__NodeStatus *s)
{
    struct machine_pressure p;
    int64_t now = clock_wall(n->k->clock);
    Corev1__NodeCondition **conditions = BUILD_ARRAY(a, s->n_conditions + 4, Corev1__NodeCondition *);
    for (size_t i = 0; i < s->n_conditions; i++)
        conditions[i] = s->conditions[i];
    s->conditions = conditions;
    machine_pressure(n->k->config->root_dir, &p);
    const struct finding findings[] = {
        p.memory ? (struct finding){"MemoryPressure", true, "KubeletHasInsufficientMemory",
                                    "kubelet has insufficient memory available"}
                 : (struct finding){"MemoryPressure", false, "KubeletHasSufficientMemory",
                                    "kubelet has sufficient memory available"},
        p.disk ? (struct finding){"DiskPressure", true, "KubeletHasDiskPressure", "kubelet has disk pressure"}
               : (struct finding){"DiskPressure", false, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"},
        p.pids
            ? (struct finding){"PIDPressure", true, "KubeletHasInsufficientPID",
                               "kubelet has insufficient PID available"}
            : (struct finding){"PIDPressure", false, "KubeletHasSufficientPID", "kubelet has sufficient PID available"},
        ready_finding(n, a),
    };
    for (size_t i = 0; i < ARRAY_LEN(findings); i++)
        put_condition(a, s, &findings[i], now);
    return findings[3].status;
}

/* --- telling the API --- */

static void node_event(struct node_agent *n, const char *reason, const char *message)
{
    const char *name = n->k->config->node_name;
    struct kube_ref ref = {.api_version = "v1", .kind = "Node", .name = name, .uid = name};
    recorder_event_ref(n->k->recorder, &ref, EVENT_NORMAL, reason, "%s", message);
}

static int create_node(struct node_agent *n, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    Corev1__Node node = COREV1__NODE__INIT;
    Metav1__ObjectMeta meta = METAV1__OBJECT_META__INIT;
    Corev1__NodeSpec spec = COREV1__NODE_SPEC__INIT;
    Corev1__NodeStatus status = COREV1__NODE_STATUS__INIT;
    Metav1__ObjectMeta__AnnotationsEntry note = METAV1__OBJECT_META__ANNOTATIONS_ENTRY__INIT, *notes[] = {&note};
    meta.name = (char *)n->k->config->node_name;
    note.key = (char *)"volumes.kubernetes.io/controller-managed-attach-detach";
    note.value = (char *)"true";
    meta.annotations = notes;
    meta.n_annotations = 1;
    set_labels(n, a, &meta);
    set_facts(n, a, &status);
    set_resources(n, a, &status);
    set_conditions(n, a, &status);
    node.metadata = &meta;
    node.spec = &spec;
    node.status = &status;
    return kube_create(n->k->client, &kube_nodes, NULL, &node.base, NULL, err);
}

/* The node is there: its labels may be of another start. */
static int update_labels(struct node_agent *n, const struct kube_object *o, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    Corev1__Node node = *kube_node(o);
    Metav1__ObjectMeta meta = *node.metadata;
    set_labels(n, a, &meta);
    node.metadata = &meta;
    if (message_same(&meta.base, &kube_node(o)->metadata->base))
        return 0;
    return kube_update(n->k->client, &kube_nodes, NULL, &node.base, NULL, err);
}

static int register_node(struct node_agent *n, struct err *err)
{
    _cleanup_(kube_object_unrefp) struct kube_object *o = NULL;
    if (kube_get(n->k->client, &kube_nodes, NULL, n->k->config->node_name, &o, err) == 0)
        return update_labels(n, o, err);
    if (err->code != ERR_NOT_FOUND)
        return -1;
    if (!n->o.register_node)
        return err_set(err, ERR_NOT_FOUND, "node \"%s\" is not registered", n->k->config->node_name);
    return create_node(n, err);
}

/* Heartbeat times alone are no change. */
static bool conditions_same(const Corev1__NodeStatus *x, const Corev1__NodeStatus *y)
{
    if (x->n_conditions != y->n_conditions)
        return false;
    for (size_t i = 0; i < x->n_conditions; i++) {
        const Corev1__NodeCondition *p = x->conditions[i], *q = y->conditions[i];
        if (!text_is(p->type, text_or(q->type, "")) || !text_is(p->status, text_or(q->status, "")) ||
            !text_is(text_or(p->reason, ""), text_or(q->reason, "")) ||
            !text_is(text_or(p->message, ""), text_or(q->message, "")))
            return false;
    }
    return true;
}

static bool status_same(const Corev1__NodeStatus *x, const Corev1__NodeStatus *y)
{
    Corev1__NodeStatus p = *x, q = *y;
    p.n_conditions = q.n_conditions = 0;
    return conditions_same(x, y) && message_same(&p.base, &q.base);
}

static int report_status(struct node_agent *n, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    _cleanup_(kube_object_unrefp) struct kube_object *o = NULL;
    if (kube_get(n->k->client, &kube_nodes, NULL, n->k->config->node_name, &o, err) < 0)
        return -1;
    Corev1__Node node = *kube_node(o);
    Corev1__NodeStatus empty = COREV1__NODE_STATUS__INIT, status = node.status ? *node.status : empty;
    set_facts(n, a, &status);
    set_resources(n, a, &status);
    bool ready = set_conditions(n, a, &status);
    int64_t now = clock_mono(n->k->clock);
    if (node.status && status_same(&status, node.status) && now - n->reported_at < STATUS_REPORT_NS)
        return 0;
    node.status = &status;
    if (kube_update_status(n->k->client, &kube_nodes, &node.base, NULL, err) < 0)
        return -1;
    n->reported_at = now;
    if (!n->was_seen || ready != n->was_ready) {
        _cleanup_(freep) char *text =
            xasprintf("Node %s status is now: %s", n->k->config->node_name, ready ? "NodeReady" : "NodeNotReady");
        node_event(n, ready ? "NodeReady" : "NodeNotReady", text);
    }
    n->was_seen = true;
    n->was_ready = ready;
    return 0;
}

static void *status_main(void *arg)
{
    struct node_agent *n = arg;
    bool registered = false;
    int64_t retry = RETRY_MIN_NS, wait = 0;
    while (!stop_wait(n->k->stop, wait)) {
        struct err err = ERR_INIT;
        if (!registered && register_node(n, &err) == 0) {
            registered = true;
            log_info("registered the node", LOG_S("node", n->k->config->node_name));
            node_event(n, "Starting", "Starting kubelet.");
        }
        if (registered && report_status(n, &err) == 0) {
            wait = n->was_ready ? STATUS_PERIOD_NS : NS_PER_S / 2;
            retry = RETRY_MIN_NS;
            continue;
        }
        if (err.code == ERR_NOT_FOUND)
            registered = false; /* somebody deleted it */
        if (err.code != ERR_CONFLICT)
            log_warn("cannot report the node", LOG_ERR(&err));
        wait = retry;
        retry = MIN_OF(retry * 2, RETRY_MAX_NS);
    }
    return NULL;
}

/* --- the Lease --- */

static int renew_lease(struct node_agent *n, struct kube_object **cached, struct err *err)
{
    const char *name = n->k->config->node_name;
    Coordinationv1__Lease lease = COORDINATIONV1__LEASE__INIT;
    Coordinationv1__LeaseSpec spec = COORDINATIONV1__LEASE_SPEC__INIT;
    Metav1__ObjectMeta meta = METAV1__OBJECT_META__INIT;
    Metav1__MicroTime now = METAV1__MICRO_TIME__INIT;
    struct kube_object *stored = NULL;
    microtime_set(&now, clock_wall(n->k->clock));
    spec.holderidentity = (char *)name;
    spec.has_leasedurationseconds = true;
    spec.leasedurationseconds = LEASE_DURATION_S;
    spec.renewtime = &now;
    lease.metadata = &meta;
    lease.spec = &spec;
    if (!*cached && kube_get(n->k->client, &kube_leases, LEASE_NAMESPACE, name, cached, err) < 0) {
        if (err->code != ERR_NOT_FOUND)
            return -1;
        meta.name = (char *)name;
        meta.namespace_ = (char *)LEASE_NAMESPACE;
        return kube_create(n->k->client, &kube_leases, LEASE_NAMESPACE, &lease.base, cached, err);
    }
    meta = *kube_lease(*cached)->metadata;
    int rc = kube_update(n->k->client, &kube_leases, NULL, &lease.base, &stored, err);
    *cached = kube_object_unref(*cached); /* after a failure it is read again */
    if (rc == 0)
        *cached = stored;
    return rc;
}

static void *lease_main(void *arg)
{
    struct node_agent *n = arg;
    struct kube_object *cached = NULL;
    int64_t wait = 0, retry = RETRY_MIN_NS;
    while (!stop_wait(n->k->stop, wait)) {
        struct err err = ERR_INIT;
        if (renew_lease(n, &cached, &err) == 0) {
            wait = LEASE_PERIOD_NS;
            retry = RETRY_MIN_NS;
            continue;
        }
        if (err.code != ERR_CONFLICT)
            log_warn("cannot renew the node's lease", LOG_ERR(&err));
        wait = retry;
        retry = MIN_OF(retry * 2, RETRY_MAX_NS);
    }
    kube_object_unref(cached);
    return NULL;
}

int node_agent_start(struct kubelet *k, const struct node_options *o, struct node_agent **ret, struct err *err)
{
    struct node_agent *n = xcalloc(1, sizeof(*n));
    n->k = k;
    n->o = *o;
    machine_read(&n->machine);
    int rc = pthread_create(&n->status_thread, NULL, status_main, n);
    if (rc != 0) {
        free(n);
        return err_errno(err, rc, "cannot start the node's thread");
    }
    rc = pthread_create(&n->lease_thread, NULL, lease_main, n);
    if (rc != 0) {
        stop_request(k->stop);
        pthread_join(n->status_thread, NULL);
        free(n);
        return err_errno(err, rc, "cannot start the lease's thread");
    }
    *ret = n;
    return 0;
}

struct node_agent *node_agent_free(struct node_agent *n)
{
    if (!n)
        return NULL;
    pthread_join(n->status_thread, NULL);
    pthread_join(n->lease_thread, NULL);
    free(n);
    return NULL;
}
