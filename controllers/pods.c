#include "controllers/pods.h"

#include "base/parse.h"

#define DELETION_COST "controller.kubernetes.io/pod-deletion-cost"

bool pod_is_phase(const Corev1__Pod *p, const char *phase)
{
    return p->status && strcmp(kstr(p->status->phase), phase) == 0;
}

bool pod_is_finished(const Corev1__Pod *p)
{
    return pod_is_phase(p, "Succeeded") || pod_is_phase(p, "Failed");
}

static bool deleting(const Corev1__Pod *p)
{
    return p->metadata && p->metadata->deletiontimestamp;
}

bool pod_is_active(const Corev1__Pod *p)
{
    return !pod_is_finished(p) && !deleting(p);
}

bool pod_is_terminating(const Corev1__Pod *p)
{
    return !pod_is_finished(p) && deleting(p);
}

const Corev1__PodCondition *pod_condition(const Corev1__Pod *p, const char *type)
{
    for (size_t i = 0; p->status && i < p->status->n_conditions; i++)
        if (strcmp(kstr(p->status->conditions[i]->type), type) == 0)
            return p->status->conditions[i];
    return NULL;
}

bool pod_is_ready(const Corev1__Pod *p)
{
    const Corev1__PodCondition *c = pod_condition(p, "Ready");
    return c && strcmp(kstr(c->status), "True") == 0;
}

int64_t pod_ready_since(const Corev1__Pod *p)
{
    return pod_is_ready(p) ? time_ns(pod_condition(p, "Ready")->lasttransitiontime) : 0;
}

bool pod_is_available(const Corev1__Pod *p, int32_t min_ready_s, int64_t now)
{
    if (!pod_is_ready(p))
        return false;
    int64_t since = pod_ready_since(p);
    return min_ready_s == 0 || (since && since + min_ready_s * NS_PER_S <= now);
}

/* --- ranking --- */

static int phase_order(const Corev1__Pod *p)
{
    return pod_is_phase(p, "Pending") ? 0 : pod_is_phase(p, "Running") ? 2 : 1;
}

static int64_t deletion_cost(const Corev1__Pod *p)
{
    const char *v = p->metadata ? meta_annotation(p->metadata, DELETION_COST) : NULL;
    int64_t n;
    return v && parse_range(str_of(v), INT32_MIN, INT32_MAX, &n) ? n : 0;
}

static int32_t max_restarts(const Corev1__Pod *p)
{
    int32_t max = 0;
    for (size_t i = 0; p->status && i < p->status->n_containerstatuses; i++)
        max = MAX_OF(max, p->status->containerstatuses[i]->restartcount);
    return max;
}

/* log2 of an age, so that pods of about the same age count as equally old; -1 for none. */
static int age_rank(int64_t now, int64_t then)
{
    int64_t d = now - then;
    return d <= 0 ? -1 : 63 - __builtin_clzll((unsigned long long)d);
}

/* <0: a goes first. Younger goes first; unknown (0) before known; within the same rank the uid decides. */
static int by_youth(int64_t a, int64_t b, const Corev1__Pod *pa, const Corev1__Pod *pb, int64_t now)
{
    if (!a || !b)
        return (a != 0) - (b != 0);
    int d = age_rank(now, a) - age_rank(now, b);
    return d ? d : strcmp(kstr(pa->metadata->uid), kstr(pb->metadata->uid));
}

static int order(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_ranked(const void *x, const void *y, void *arg)
{
    const struct ranked_pod *a = x, *b = y;
    const Corev1__Pod *p = a->pod, *q = b->pod;
    int64_t now = *(const int64_t *)arg;
    int r;

    if ((r = order(*kstr(p->spec ? p->spec->nodename : NULL) != 0, *kstr(q->spec ? q->spec->nodename : NULL) != 0)))
        return r; /* without a node first */
    if ((r = order(phase_order(p), phase_order(q))))
        return r;
    if ((r = order(pod_is_ready(p), pod_is_ready(q))))
        return r;
    if ((r = order(deletion_cost(p), deletion_cost(q))))
        return r;
    if ((r = order(b->related, a->related))) /* crowded nodes first */
        return r;
    int64_t since_p = pod_ready_since(p), since_q = pod_ready_since(q);
    if (pod_is_ready(p) && since_p != since_q)
        return by_youth(since_p, since_q, p, q, now);
    if ((r = order(max_restarts(q), max_restarts(p)))) /* more restarts first */
        return r;
    int64_t made_p = time_ns(p->metadata->creationtimestamp), made_q = time_ns(q->metadata->creationtimestamp);
    return made_p == made_q ? 0 : by_youth(made_p, made_q, p, q, now);
}

void pods_rank(struct ranked_pod *pods, size_t n, int64_t now)
{
    if (n > 1)
        qsort_r(pods, n, sizeof(*pods), compare_ranked, &now);
}
