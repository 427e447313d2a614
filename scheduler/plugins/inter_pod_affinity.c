/* Pods that want to be near other pods, or far from them; and pods that are there already and want to be far from this
 * one. A term's namespaceSelector counts when it is empty (all namespaces); one with conditions selects none, for the
 * scheduler watches no namespaces. */
#include "client/meta.h"
#include "registry.h"
#include "topology.h"

#define HARD_AFFINITY_WEIGHT 1 /* upstream's hardPodAffinityWeight */

struct required {
    struct domains *affinity, *anti, *existing_anti;
};

static const Corev1__PodAffinity *affinity(const struct sched_pod *p)
{
    return p->has_affinity ? p->pod->spec->affinity->podaffinity : NULL;
}

static const Corev1__PodAntiAffinity *anti_affinity(const struct sched_pod *p)
{
    return p->has_anti_affinity ? p->pod->spec->affinity->podantiaffinity : NULL;
}

/* owner is the pod whose term it is. */
static bool term_matches(const Corev1__PodAffinityTerm *t, const struct sched_pod *owner, const struct sched_pod *other)
{
    const char *ns = pod_namespace(other);
    bool in = !t->n_namespaces && !t->namespaceselector && strcmp(ns, pod_namespace(owner)) == 0;

    for (size_t i = 0; !in && i < t->n_namespaces; i++)
        in = strcmp(kstr(t->namespaces[i]), ns) == 0;
    if (!in && t->namespaceselector)
        in = selector_empty(t->namespaceselector);
    return in && selector_matches(t->labelselector, other->obj->meta);
}

static bool matches_all(Corev1__PodAffinityTerm *const *terms, size_t n, const struct sched_pod *owner,
                        const struct sched_pod *other)
{
    for (size_t i = 0; i < n; i++)
        if (!term_matches(terms[i], owner, other))
            return false;
    return n > 0;
}

static void add_at(struct domains *d, const char *key, const struct sched_node *n, int64_t v)
{
    const char *value = node_label(n, key);
    if (value)
        domains_add(d, key, value, v);
}

/* --- filter --- */

static void count_required(const struct sched_pod *p, const struct sched_pod *other, const struct sched_node *n,
                           struct required *s)
{
    const Corev1__PodAffinity *near = affinity(p);
    const Corev1__PodAntiAffinity *far = anti_affinity(p), *theirs = anti_affinity(other);
    size_t n_near = near ? near->n_requiredduringschedulingignoredduringexecution : 0;

    if (n_near && matches_all(near->requiredduringschedulingignoredduringexecution, n_near, p, other))
        for (size_t i = 0; i < n_near; i++)
            add_at(s->affinity, kstr(near->requiredduringschedulingignoredduringexecution[i]->topologykey), n, 1);
    for (size_t i = 0; far && i < far->n_requiredduringschedulingignoredduringexecution; i++) {
        const Corev1__PodAffinityTerm *t = far->requiredduringschedulingignoredduringexecution[i];
        if (term_matches(t, p, other))
            add_at(s->anti, kstr(t->topologykey), n, 1);
    }
    for (size_t i = 0; theirs && i < theirs->n_requiredduringschedulingignoredduringexecution; i++) {
        const Corev1__PodAffinityTerm *t = theirs->requiredduringschedulingignoredduringexecution[i];
        if (term_matches(t, other, p))
            add_at(s->existing_anti, kstr(t->topologykey), n, 1);
    }
}

enum prefilter inter_pod_affinity_prefilter(struct cycle *c, const char **ret_message)
{
    bool own = c->pod->has_affinity || c->pod->has_anti_affinity, any = own;

    for (size_t j = 0; !any && j < c->cache->n_nodes; j++)
        any = c->cache->nodes[j]->n_anti_affinity > 0;
    struct required *s = any ? arena_new_of(c->a, struct required) : NULL;
    if (!s)
        return PREFILTER_SKIP;
    s->affinity = domains_new(c->a);
    s->anti = domains_new(c->a);
    s->existing_anti = domains_new(c->a);
    if (!s->affinity || !s->anti || !s->existing_anti)
        return PREFILTER_SKIP;
    for (size_t j = 0; j < c->cache->n_nodes; j++) {
        const struct sched_node *n = c->cache->nodes[j];
        for (size_t i = 0; (own || n->n_anti_affinity) && i < n->n_pods; i++)
            count_required(c->pod, n->pods[i], n, s);
    }
    c->state[c->self] = s;
    return PREFILTER_RUN;
}

static bool near_enough(const struct cycle *c, const struct required *s, const struct sched_node *n)
{
    const Corev1__PodAffinity *near = affinity(c->pod);
    size_t terms = near ? near->n_requiredduringschedulingignoredduringexecution : 0;
    bool all = true;

    for (size_t i = 0; i < terms; i++) {
        const char *key = kstr(near->requiredduringschedulingignoredduringexecution[i]->topologykey);
        const char *value = node_label(n, key);
        if (!value)
            return false;
        all &= domains_get(s->affinity, key, value) > 0;
    }
    /* the first pod of a group that wants to be together may go anywhere */
    return all || (!domains_count(s->affinity) &&
                   matches_all(near->requiredduringschedulingignoredduringexecution, terms, c->pod, c->pod));
}

static bool far_enough(const struct cycle *c, const struct required *s, const struct sched_node *n)
{
    const Corev1__PodAntiAffinity *far = anti_affinity(c->pod);

    for (size_t i = 0; far && i < far->n_requiredduringschedulingignoredduringexecution; i++) {
        const char *key = kstr(far->requiredduringschedulingignoredduringexecution[i]->topologykey);
        const char *value = node_label(n, key);
        if (value && domains_get(s->anti, key, value) > 0)
            return false;
    }
    return true;
}

static bool disliked(const struct required *s, const struct sched_node *n)
{
    const Metav1__ObjectMeta *m = n->obj->meta;

    for (size_t i = 0; domains_count(s->existing_anti) && i < m->n_labels; i++)
        if (domains_get(s->existing_anti, kstr(m->labels[i]->key), kstr(m->labels[i]->value)) > 0)
            return true;
    return false;
}

enum verdict inter_pod_affinity_filter(const struct cycle *c, const struct sched_node *n, struct reasons *r)
{
    const struct required *s = cycle_state(c);

    if (!near_enough(c, s, n)) {
        reasons_add(r, "node(s) didn't match pod affinity rules");
        return REFUSED_HARD;
    }
    if (!far_enough(c, s, n)) {
        reasons_add(r, "node(s) didn't match pod anti-affinity rules");
        return REFUSED;
    }
    if (disliked(s, n)) {
        reasons_add(r, "node(s) didn't satisfy existing pods anti-affinity rules");
        return REFUSED;
    }
    return FITS;
}

/* --- score --- */

static void add_preferred(struct domains *d, Corev1__WeightedPodAffinityTerm *const *terms, size_t n_terms,
                          const struct sched_pod *owner, const struct sched_pod *other, const struct sched_node *n,
                          int sign)
{
    for (size_t i = 0; i < n_terms; i++) {
        const Corev1__PodAffinityTerm *t = terms[i]->podaffinityterm;
        if (t && terms[i]->weight && term_matches(t, owner, other))
            add_at(d, kstr(t->topologykey), n, sign * terms[i]->weight);
    }
}

/* owner's wishes about other; n is where the pod that is placed already stands. */
static void add_wishes(struct domains *d, const struct sched_pod *owner, const struct sched_pod *other,
                       const struct sched_node *n)
{
    const Corev1__PodAffinity *near = affinity(owner);
    const Corev1__PodAntiAffinity *far = anti_affinity(owner);

    if (near)
        add_preferred(d, near->preferredduringschedulingignoredduringexecution,
                      near->n_preferredduringschedulingignoredduringexecution, owner, other, n, 1);
    if (far)
        add_preferred(d, far->preferredduringschedulingignoredduringexecution,
                      far->n_preferredduringschedulingignoredduringexecution, owner, other, n, -1);
}

/* A placed pod that needs such neighbours pulls them a little. */
static void add_hard_wishes(struct domains *d, const struct sched_pod *placed, const struct sched_pod *p,
                            const struct sched_node *n)
{
    const Corev1__PodAffinity *near = affinity(placed);

    for (size_t i = 0; near && i < near->n_requiredduringschedulingignoredduringexecution; i++) {
        const Corev1__PodAffinityTerm *t = near->requiredduringschedulingignoredduringexecution[i];
        if (term_matches(t, placed, p))
            add_at(d, kstr(t->topologykey), n, HARD_AFFINITY_WEIGHT);
    }
}

bool inter_pod_affinity_prescore(struct cycle *c, struct sched_node *const *nodes, size_t n)
{
    bool own = c->pod->has_affinity || c->pod->has_anti_affinity;
    struct domains *d = NULL;

    for (size_t j = 0; j < c->cache->n_nodes; j++) {
        const struct sched_node *node = c->cache->nodes[j];
        if (!own && !node->n_affinity && !node->n_anti_affinity)
            continue;
        if (!d && !(d = domains_new(c->a)))
            return false;
        for (size_t i = 0; i < node->n_pods; i++) {
            add_wishes(d, c->pod, node->pods[i], node);
            add_wishes(d, node->pods[i], c->pod, node);
            add_hard_wishes(d, node->pods[i], c->pod, node);
        }
    }
    c->state[c->self] = d;
    return d && domains_count(d);
}

int64_t inter_pod_affinity_score(const struct cycle *c, const struct sched_node *n)
{
    const struct domains *d = cycle_state(c);
    const Metav1__ObjectMeta *m = n->obj->meta;
    int64_t sum = 0;

    for (size_t i = 0; i < m->n_labels; i++)
        sum += domains_get(d, kstr(m->labels[i]->key), kstr(m->labels[i]->value));
    return sum;
}

void inter_pod_affinity_normalize(const struct cycle *c, struct sched_node *const *nodes, int64_t *scores, size_t n)
{
    int64_t min = INT64_MAX, max = INT64_MIN;

    for (size_t i = 0; i < n; i++) {
        min = MIN_OF(min, scores[i]);
        max = MAX_OF(max, scores[i]);
    }
    for (size_t i = 0; i < n; i++)
        scores[i] = max > min ? SCORE_MAX * (scores[i] - min) / (max - min) : 0;
}
