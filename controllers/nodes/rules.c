#include "controllers/nodes/rules.h"

#include "client/meta.h"
#include "controllers/pods.h"

const Corev1__NodeCondition *node_condition(const Corev1__Node *n, const char *type)
{
    for (size_t i = 0; n->status && i < n->status->n_conditions; i++)
        if (strcmp(kstr(n->status->conditions[i]->type), type) == 0)
            return n->status->conditions[i];
    return NULL;
}

const char *node_ready(const Corev1__Node *n)
{
    const Corev1__NodeCondition *c = node_condition(n, "Ready");
    return c && *kstr(c->status) ? c->status : "Unknown";
}

/* --- silence --- */

static Metav1__Time *time_new(struct arena *a, int64_t ns)
{
    Metav1__Time *t = arena_new_of(a, Metav1__Time);
    time_set(t, ns);
    return t;
}

static Corev1__NodeCondition *unknown_condition(struct arena *a, const Corev1__NodeCondition *old, const char *type,
                                                int64_t now)
{
    Corev1__NodeCondition *c = arena_new_of(a, Corev1__NodeCondition);

    corev1__node_condition__init(c);
    c->type = (char *)type;
    c->status = (char *)"Unknown";
    c->reason = (char *)(old ? "NodeStatusUnknown" : "NodeStatusNeverUpdated");
    c->message = (char *)(old ? "Kubelet stopped posting node status." : "Kubelet never posted node status.");
    c->lastheartbeattime = old ? old->lastheartbeattime : time_new(a, now);
    c->lasttransitiontime = time_new(a, now);
    return c;
}

Corev1__NodeStatus *silent_status(struct arena *a, const Corev1__Node *n, int64_t now)
{
    static const char *const types[] = {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"};
    Corev1__NodeStatus *s = arena_new_of(a, Corev1__NodeStatus);

    corev1__node_status__init(s);
    if (n->status)
        *s = *n->status;
    Corev1__NodeCondition **list = arena_calloc(a, s->n_conditions + ARRAY_LEN(types), sizeof(*list));
    for (size_t i = 0; i < s->n_conditions; i++)
        list[i] = s->conditions[i];
    s->conditions = list;
    for (size_t t = 0; t < ARRAY_LEN(types); t++) {
        size_t i = 0;
        while (i < s->n_conditions && strcmp(kstr(list[i]->type), types[t]) != 0)
            i++;
        if (i == s->n_conditions)
            list[s->n_conditions++] = unknown_condition(a, NULL, types[t], now);
        else if (strcmp(kstr(list[i]->status), "Unknown") != 0)
            list[i] = unknown_condition(a, list[i], types[t], now);
    }
    return s;
}

/* --- taints --- */

/* Which condition in which state asks for which NoSchedule taint. */
static const struct {
    const char *condition, *status, *taint;
} condition_taints[] = {
    {"Ready", "False", TAINT_NOT_READY},
    {"Ready", "Unknown", TAINT_UNREACHABLE},
    {"MemoryPressure", "True", "node.kubernetes.io/memory-pressure"},
    {"DiskPressure", "True", "node.kubernetes.io/disk-pressure"},
    {"NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"},
    {"PIDPressure", "True", "node.kubernetes.io/pid-pressure"},
};
#define TAINT_UNSCHEDULABLE "node.kubernetes.io/unschedulable"

static bool is_ready_taint(const char *key)
{
    return strcmp(key, TAINT_NOT_READY) == 0 || strcmp(key, TAINT_UNREACHABLE) == 0;
}

/* Taints that this controller gives and takes. */
static bool is_ours(const Corev1__Taint *t)
{
    const char *key = kstr(t->key);

    if (strcmp(kstr(t->effect), "NoExecute") == 0)
        return is_ready_taint(key);
    if (strcmp(kstr(t->effect), "NoSchedule") != 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(condition_taints); i++)
        if (strcmp(key, condition_taints[i].taint) == 0)
            return true;
    return strcmp(key, TAINT_UNSCHEDULABLE) == 0;
}

static const Corev1__Taint *find_taint(const Corev1__Node *n, const char *key, const char *effect)
{
    for (size_t i = 0; n->spec && i < n->spec->n_taints; i++)
        if (strcmp(kstr(n->spec->taints[i]->key), key) == 0 && strcmp(kstr(n->spec->taints[i]->effect), effect) == 0)
            return n->spec->taints[i];
    return NULL;
}

struct taint_list {
    struct arena *a;
    const Corev1__Node *node;
    int64_t now;
    Corev1__Taint **v;
    size_t n;
    bool changed;
};

/* One that is there already stays as it is, with its time. */
static void want(struct taint_list *l, const char *key, const char *effect)
{
    const Corev1__Taint *there = find_taint(l->node, key, effect);

    if (there) {
        l->v[l->n++] = (Corev1__Taint *)there;
        return;
    }
    Corev1__Taint *t = arena_new_of(l->a, Corev1__Taint);
    corev1__taint__init(t);
    t->key = (char *)key;
    t->effect = (char *)effect;
    t->timeadded = time_new(l->a, l->now);
    l->v[l->n++] = t;
    l->changed = true;
}

bool wanted_taints(struct arena *a, const Corev1__Node *n, bool evict, int64_t now, Corev1__Taint ***ret, size_t *ret_n)
{
    size_t had = n->spec ? n->spec->n_taints : 0, ours = 0;
    struct taint_list l = {
        a, n, now, arena_calloc(a, had + ARRAY_LEN(condition_taints) + 3, sizeof(Corev1__Taint *)), 0, false};

    for (size_t i = 0; i < had; i++)
        if (is_ours(n->spec->taints[i]))
            ours++;
        else
            l.v[l.n++] = n->spec->taints[i];
    size_t others = l.n;
    for (size_t i = 0; i < ARRAY_LEN(condition_taints); i++) {
        const Corev1__NodeCondition *c = node_condition(n, condition_taints[i].condition);
        if (c && strcmp(kstr(c->status), condition_taints[i].status) == 0)
            want(&l, condition_taints[i].taint, "NoSchedule");
    }
    if (n->spec && n->spec->unschedulable)
        want(&l, TAINT_UNSCHEDULABLE, "NoSchedule");
    const char *ready = node_ready(n);
    if (evict && node_condition(n, "Ready") && strcmp(ready, "True") != 0)
        want(&l, strcmp(ready, "False") == 0 ? TAINT_NOT_READY : TAINT_UNREACHABLE, "NoExecute");
    *ret = l.v;
    *ret_n = l.n;
    return l.changed || l.n - others != ours;
}

bool has_noexecute_of_ours(const Corev1__Node *n)
{
    return find_taint(n, TAINT_NOT_READY, "NoExecute") || find_taint(n, TAINT_UNREACHABLE, "NoExecute");
}

enum zone_state zone_state(int ready, int not_ready)
{
    if (ready == 0 && not_ready > 0)
        return ZONE_FULL;
    if (not_ready > 2 && not_ready * 100 >= (ready + not_ready) * 55)
        return ZONE_PARTIAL;
    return ZONE_NORMAL;
}

/* --- tolerations --- */

bool tolerates(const Corev1__Toleration *t, const Corev1__Taint *taint)
{
    if (*kstr(t->effect) && strcmp(t->effect, kstr(taint->effect)) != 0)
        return false;
    if (*kstr(t->key) && strcmp(t->key, kstr(taint->key)) != 0)
        return false;
    if (strcmp(kstr(t->operator_), "Exists") == 0)
        return true;
    bool equal = !*kstr(t->operator_) || strcmp(t->operator_, "Equal") == 0;
    return equal && *kstr(t->key) && strcmp(kstr(t->value), kstr(taint->value)) == 0;
}

/* Of all tolerations of one taint the shortest counts. */
static int64_t time_of_taint(const Corev1__Pod *pod, const Corev1__Taint *taint, int64_t now)
{
    int64_t since = time_ns(taint->timeadded) ? time_ns(taint->timeadded) : now, at = -1;
    bool tolerated = false;

    for (size_t i = 0; i < pod->spec->n_tolerations; i++) {
        const Corev1__Toleration *t = pod->spec->tolerations[i];
        if (!tolerates(t, taint))
            continue;
        tolerated = true;
        if (!t->has_tolerationseconds)
            continue;
        int64_t end = t->tolerationseconds <= 0 ? 0 : since + t->tolerationseconds * NS_PER_S;
        if (at < 0 || end < at)
            at = end;
    }
    return tolerated ? at : 0;
}

int64_t eviction_time(const Corev1__Pod *pod, Corev1__Taint *const *taints, size_t n, int64_t now)
{
    int64_t first = -1;

    for (size_t i = 0; i < n; i++) {
        if (strcmp(kstr(taints[i]->effect), "NoExecute") != 0)
            continue;
        int64_t at = time_of_taint(pod, taints[i], now);
        if (at >= 0 && (first < 0 || at < first))
            first = at;
    }
    return first;
}

/* --- pods --- */

bool pod_condition_set(struct arena *a, const Corev1__Pod *p, const char *type, const char *status, const char *reason,
                       const char *message, int64_t now, Corev1__PodStatus **ret)
{
    const Corev1__PodCondition *old = pod_condition(p, type);
    Corev1__PodStatus *s = arena_new_of(a, Corev1__PodStatus);
    Corev1__PodCondition *c = arena_new_of(a, Corev1__PodCondition);

    if (old && strcmp(kstr(old->status), status) == 0 && strcmp(kstr(old->reason), reason) == 0 &&
        strcmp(kstr(old->message), message) == 0)
        return false;
    corev1__pod_status__init(s);
    if (p->status)
        *s = *p->status;
    corev1__pod_condition__init(c);
    c->type = (char *)type, c->status = (char *)status, c->reason = (char *)reason, c->message = (char *)message;
    c->lasttransitiontime = old && strcmp(kstr(old->status), status) == 0 ? old->lasttransitiontime : time_new(a, now);
    Corev1__PodCondition **list = arena_calloc(a, s->n_conditions + 1, sizeof(*list));
    size_t n = 0;
    for (size_t i = 0; i < s->n_conditions; i++)
        list[n++] = s->conditions[i] == old ? c : s->conditions[i];
    if (!old)
        list[n++] = c;
    s->conditions = list;
    s->n_conditions = n;
    *ret = s;
    return true;
}
