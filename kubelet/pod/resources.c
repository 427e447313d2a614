#include "kubelet/pod/resources.h"

#define CPU_PERIOD_US 100000
#define CPU_QUOTA_MIN_US 1000
#define CPU_SHARES_MIN 2
#define CPU_SHARES_MAX 262144
#define CRITICAL_PRIORITY 2000000000
#define OOM_GUARANTEED (-997)
#define OOM_BEST_EFFORT 1000

bool resource_find(const Corev1__ResourceRequirements *r, enum resource_side side, const char *name,
                   struct quantity *ret)
{
    size_t n = !r ? 0 : side == RESOURCE_LIMIT ? r->n_limits : r->n_requests;
    for (size_t i = 0; i < n; i++) {
        const char *key = side == RESOURCE_LIMIT ? r->limits[i]->key : r->requests[i]->key;
        const Quantity__Quantity *q = side == RESOURCE_LIMIT ? r->limits[i]->value : r->requests[i]->value;
        if (text_is(key, name) && q && q->string)
            return quantity_read(str_of(q->string), ret);
    }
    return false;
}

static bool positive(const Corev1__ResourceRequirements *r, enum resource_side side, const char *name,
                     struct quantity *ret)
{
    return resource_find(r, side, name, ret) && quantity_sign(ret) > 0;
}

struct qos_scan {
    bool any, all_guaranteed;
};

static void scan_container(struct qos_scan *s, const Corev1__Container *c)
{
    static const char *const names[] = {"cpu", "memory"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct quantity request, limit;
        bool has_request = positive(c->resources, RESOURCE_REQUEST, names[i], &request);
        bool has_limit = positive(c->resources, RESOURCE_LIMIT, names[i], &limit);
        s->any |= has_request || has_limit;
        if (!has_limit || (has_request && quantity_cmp(&request, &limit) != 0))
            s->all_guaranteed = false;
    }
}

const char *pod_qos(const Corev1__Pod *pod)
{
    struct qos_scan s = {.all_guaranteed = true};
    for (size_t i = 0; i < pod->spec->n_containers; i++)
        scan_container(&s, pod->spec->containers[i]);
    for (size_t i = 0; i < pod->spec->n_initcontainers; i++)
        scan_container(&s, pod->spec->initcontainers[i]);
    if (!s.any)
        return QOS_BEST_EFFORT;
    return s.all_guaranteed ? QOS_GUARANTEED : QOS_BURSTABLE;
}

void pod_cgroup(struct buf *out, const char *root, const Corev1__Pod *pod)
{
    const char *qos = pod_qos(pod);
    buf_printf(out, "%s/kubepods/", root);
    if (strcmp(qos, QOS_BURSTABLE) == 0)
        buf_puts(out, "burstable/");
    else if (strcmp(qos, QOS_BEST_EFFORT) == 0)
        buf_puts(out, "besteffort/");
    buf_printf(out, "pod%s", pod->metadata->uid);
}

static int64_t shares_of(int64_t milli)
{
    int64_t shares = milli * 1024 / 1000;
    return shares < CPU_SHARES_MIN ? CPU_SHARES_MIN : MIN_OF(shares, CPU_SHARES_MAX);
}

static int64_t quota_of(int64_t milli)
{
    if (milli <= 0)
        return 0;
    return MAX_OF(milli * CPU_PERIOD_US / 1000, CPU_QUOTA_MIN_US);
}

struct wants { /* 0 = not set */
    int64_t cpu_request, cpu_limit, memory_request, memory_limit;
};

static struct wants wants_of(const Corev1__Container *c)
{
    struct quantity q;
    struct wants w = {0};
    if (resource_find(c->resources, RESOURCE_LIMIT, "cpu", &q))
        w.cpu_limit = quantity_milli(&q);
    if (resource_find(c->resources, RESOURCE_LIMIT, "memory", &q))
        w.memory_limit = quantity_value(&q);
    w.cpu_request = resource_find(c->resources, RESOURCE_REQUEST, "cpu", &q) ? quantity_milli(&q) : w.cpu_limit;
    w.memory_request =
        resource_find(c->resources, RESOURCE_REQUEST, "memory", &q) ? quantity_value(&q) : w.memory_limit;
    return w;
}

static int64_t oom_score(const Corev1__Pod *pod, int64_t memory_request, int64_t memory_capacity)
{
    const char *qos = pod_qos(pod);
    if ((pod->spec->has_priority && pod->spec->priority >= CRITICAL_PRIORITY) || strcmp(qos, QOS_GUARANTEED) == 0)
        return OOM_GUARANTEED;
    if (strcmp(qos, QOS_BEST_EFFORT) == 0)
        return OOM_BEST_EFFORT;
    /* The more of the node's memory it asked for, the later it is killed; always after guaranteed pods would be. */
    __int128 used = memory_capacity > 0 ? (__int128)1000 * memory_request / memory_capacity : 0;
    int64_t score = 1000 - (int64_t)used;
    if (score < 1000 + OOM_GUARANTEED)
        return 1000 + OOM_GUARANTEED;
    return score == OOM_BEST_EFFORT ? score - 1 : score;
}

struct runtime_resources container_cgroup_resources(const Corev1__Pod *pod, const Corev1__Container *c,
                                                    int64_t memory_capacity)
{
    struct wants w = wants_of(c);
    return (struct runtime_resources){
        .cpu_period = CPU_PERIOD_US,
        .cpu_quota = quota_of(w.cpu_limit),
        .cpu_shares = shares_of(w.cpu_request),
        .memory_limit = w.memory_limit,
        .oom_score_adj = oom_score(pod, w.memory_request, memory_capacity),
    };
}

struct runtime_resources pod_cgroup_resources(const Corev1__Pod *pod)
{
    const Corev1__PodSpec *spec = pod->spec;
    struct wants sum = {0};
    bool all_cpu = true, all_memory = true;
    for (size_t i = 0; i < spec->n_containers; i++) {
        struct wants w = wants_of(spec->containers[i]);
        sum.cpu_request += w.cpu_request;
        sum.cpu_limit += w.cpu_limit;
        sum.memory_limit += w.memory_limit;
        all_cpu &= w.cpu_limit > 0;
        all_memory &= w.memory_limit > 0;
    }
    for (size_t i = 0; i < spec->n_initcontainers; i++) {
        struct wants w = wants_of(spec->initcontainers[i]);
        bool beside = container_is_sidecar(spec->initcontainers[i]);
        sum.cpu_request = beside ? sum.cpu_request + w.cpu_request : MAX_OF(sum.cpu_request, w.cpu_request);
        sum.cpu_limit = beside ? sum.cpu_limit + w.cpu_limit : MAX_OF(sum.cpu_limit, w.cpu_limit);
        sum.memory_limit = beside ? sum.memory_limit + w.memory_limit : MAX_OF(sum.memory_limit, w.memory_limit);
        all_cpu &= w.cpu_limit > 0;
        all_memory &= w.memory_limit > 0;
    }
    return (struct runtime_resources){
        .cpu_period = CPU_PERIOD_US,
        .cpu_quota = all_cpu ? quota_of(sum.cpu_limit) : 0,
        .cpu_shares = shares_of(sum.cpu_request),
        .memory_limit = all_memory ? sum.memory_limit : 0,
    };
}
