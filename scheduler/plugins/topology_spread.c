/* Spreads pods over domains. Hard constraints filter; soft ones score, and for pods without any of their own the
 * system's default: even over nodes and zones, counted among the pods of the same controller. */
#include <math.h>

#include "client/meta.h"
#include "registry.h"
#include "topology.h"

#define CONSTRAINTS_MAX 16
#define HOSTNAME "kubernetes.io/hostname"
#define DEFAULT_NODE_SKEW 3
#define DEFAULT_ZONE_SKEW 5

struct constraint {
    const char *key;
    int64_t max_skew, min_domains;
    const Metav1__LabelSelector *selector;       /* NULL = the pods of the same controller */
    const Corev1__TopologySpreadConstraint *own; /* NULL = a default one */
    bool ignore_affinity, honor_taints;
    bool hostname;
    struct domains *domains;
    int64_t min_match; /* filter */
    double weight;     /* score */
};

/* The system's default for the pods of a controller: counts by the place of the node and the number of the zone. */
struct default_spread {
    int32_t *on_node, *in_zone;
    double node_weight, zone_weight;
};

struct spread {
    struct constraint v[CONSTRAINTS_MAX];
    size_t n;
    struct default_spread *defaults; /* instead of constraints */
    bool need_all;                   /* nodes without a label that a constraint names do not count */
};

static bool is(const char *s, const char *word)
{
    return strcmp(kstr(s), word) == 0;
}

static void collect(const struct sched_pod *p, const char *when, struct spread *s)
{
    const Corev1__PodSpec *spec = p->pod->spec;

    for (size_t i = 0; spec && i < spec->n_topologyspreadconstraints && s->n < CONSTRAINTS_MAX; i++) {
        const Corev1__TopologySpreadConstraint *t = spec->topologyspreadconstraints[i];
        if (!is(t->whenunsatisfiable, when))
            continue;
        s->v[s->n++] = (struct constraint){
            .key = kstr(t->topologykey),
            .max_skew = t->has_maxskew ? t->maxskew : 1,
            .min_domains = t->has_mindomains ? t->mindomains : 1,
            .selector = t->labelselector,
            .own = t,
            .ignore_affinity = is(t->nodeaffinitypolicy, "Ignore"),
            .honor_taints = is(t->nodetaintspolicy, "Honor"),
            .hostname = is(t->topologykey, HOSTNAME),
        };
    }
    s->need_all = spec && spec->n_topologyspreadconstraints;
}

/* Does `other` count for the constraint of pod p? */
static bool counts(const struct constraint *k, const struct sched_pod *p, const struct sched_pod *other)
{
    if (pod_terminating(other) || strcmp(pod_namespace(p), pod_namespace(other)) != 0)
        return false;
    if (!selector_matches(k->selector, other->obj->meta))
        return false;
    for (size_t i = 0; i < k->own->n_matchlabelkeys; i++) {
        const char *mine = meta_label(p->obj->meta, kstr(k->own->matchlabelkeys[i]));
        const char *theirs = meta_label(other->obj->meta, kstr(k->own->matchlabelkeys[i]));
        if (mine && (!theirs || strcmp(mine, theirs) != 0))
            return false;
    }
    return true;
}

static int64_t count_on(const struct constraint *k, const struct sched_pod *p, const struct sched_node *n)
{
    int64_t count = 0;

    for (size_t i = 0; i < n->n_pods; i++)
        count += counts(k, p, n->pods[i]);
    return count;
}

static bool has_all_keys(const struct spread *s, const struct sched_node *n)
{
    for (size_t i = 0; i < s->n; i++)
        if (!node_label(n, s->v[i].key))
            return false;
    return true;
}

/* Does the node take part in the constraint at all (nodeAffinityPolicy, nodeTaintsPolicy)? */
static bool takes_part(const struct cycle *c, const struct constraint *k, const struct sched_node *n)
{
    struct reasons r = {.n = 0};

    if (!k->ignore_affinity && !node_affinity_matches(c->pod->pod->spec, n))
        return false;
    return !k->honor_taints || taint_toleration_filter(c, n, &r) == FITS;
}

/* --- filter --- */

static void find_min(struct constraint *k)
{
    int64_t min = INT64_MAX;

    map_foreach (&k->domains->counts, e)
        min = MIN_OF(min, (int64_t)(((intptr_t)e->value - 1) / 2));
    if (min == INT64_MAX || (int64_t)domains_count(k->domains) < k->min_domains)
        min = 0;
    k->min_match = min;
}

enum prefilter topology_spread_prefilter(struct cycle *c, const char **ret_message)
{
    struct spread *s = arena_new_of(c->a, struct spread);

    if (!s)
        return PREFILTER_SKIP;
    collect(c->pod, "DoNotSchedule", s);
    for (size_t i = 0; i < s->n; i++)
        if (!(s->v[i].domains = domains_new(c->a)))
            return PREFILTER_SKIP;
    for (size_t j = 0; s->n && j < c->cache->n_nodes; j++) {
        const struct sched_node *n = c->cache->nodes[j];
        if (!has_all_keys(s, n))
            continue;
        for (size_t i = 0; i < s->n; i++)
            if (takes_part(c, &s->v[i], n))
                domains_add(s->v[i].domains, s->v[i].key, node_label(n, s->v[i].key), count_on(&s->v[i], c->pod, n));
    }
    for (size_t i = 0; i < s->n; i++)
        find_min(&s->v[i]);
    c->state[c->self] = s;
    return s->n ? PREFILTER_RUN : PREFILTER_SKIP;
}

enum verdict topology_spread_filter(const struct cycle *c, const struct sched_node *n, struct reasons *r)
{
    const struct spread *s = cycle_state(c);

    for (size_t i = 0; i < s->n; i++) {
        const struct constraint *k = &s->v[i];
        const char *value = node_label(n, k->key);
        if (!value) {
            reasons_add(r, "node(s) didn't match pod topology spread constraints (missing required label)");
            return REFUSED_HARD;
        }
        int64_t self = selector_matches(k->selector, c->pod->obj->meta);
        if (domains_get(k->domains, k->key, value) + self - k->min_match > k->max_skew) {
            reasons_add(r, "node(s) didn't match pod topology spread constraints");
            return REFUSED;
        }
    }
    return FITS;
}

/* --- score --- */

/* The domains of the feasible nodes, and what each constraint weighs: more domains, more weight. */
static void find_domains(struct spread *s, struct sched_node *const *nodes, size_t n)
{
    size_t hosts = 0;

    for (size_t j = 0; j < n; j++) {
        if (s->need_all && !has_all_keys(s, nodes[j]))
            continue;
        hosts++;
        for (size_t i = 0; i < s->n; i++) {
            const char *value = node_label(nodes[j], s->v[i].key);
            if (value && !s->v[i].hostname)
                domains_add(s->v[i].domains, s->v[i].key, value, 0);
        }
    }
    for (size_t i = 0; i < s->n; i++)
        s->v[i].weight = log((double)(s->v[i].hostname ? hosts : domains_count(s->v[i].domains)) + 2);
}

/* How many of the feasible nodes' zones there are: each adds weight. */
static size_t count_zones(const struct cycle *c, struct sched_node *const *nodes, size_t n)
{
    bool *seen = arena_calloc(c->a, cache_zones(c->cache) + 1, sizeof(*seen));
    size_t zones = 0;

    for (size_t j = 0; seen && j < n; j++) {
        zones += nodes[j]->zone && !seen[nodes[j]->zone];
        seen[nodes[j]->zone] = true;
    }
    return zones;
}

static struct default_spread *prepare_defaults(struct cycle *c, struct sched_node *const *nodes, size_t n)
{
    const struct owner *o = c->pod->owner;
    struct default_spread *d = o && o->n_placed ? arena_new_of(c->a, struct default_spread) : NULL;

    if (!d)
        return NULL; /* nothing to count: every node is as good */
    d->on_node = arena_calloc(c->a, c->cache->n_nodes, sizeof(*d->on_node));
    d->in_zone = arena_calloc(c->a, cache_zones(c->cache) + 1, sizeof(*d->in_zone));
    if (!d->on_node || !d->in_zone)
        return NULL;
    for (size_t i = 0; i < o->n_placed; i++) {
        const struct sched_pod *p = o->placed[i];
        if (!p->node->obj || pod_terminating(p) || strcmp(pod_namespace(p), pod_namespace(c->pod)) != 0)
            continue;
        d->on_node[p->node->at]++;
        if (p->node->zone && node_affinity_matches(c->pod->pod->spec, p->node))
            d->in_zone[p->node->zone]++;
    }
    d->node_weight = log((double)n + 2);
    d->zone_weight = log((double)count_zones(c, nodes, n) + 2);
    return d;
}

/* Counts the constraints' pods over all nodes, in the domains of the feasible ones. */
static void count_domains(const struct cycle *c, struct spread *s)
{
    for (size_t j = 0; j < c->cache->n_nodes; j++) {
        const struct sched_node *node = c->cache->nodes[j];
        if (s->need_all && !has_all_keys(s, node))
            continue;
        for (size_t i = 0; i < s->n; i++) {
            struct constraint *k = &s->v[i];
            const char *value = k->hostname ? NULL : node_label(node, k->key);
            if (value && domains_has(k->domains, k->key, value) && takes_part(c, k, node))
                domains_add(k->domains, k->key, value, count_on(k, c->pod, node));
        }
    }
}

bool topology_spread_prescore(struct cycle *c, struct sched_node *const *nodes, size_t n)
{
    struct spread *s = arena_new_of(c->a, struct spread);
    bool any_shared = false;

    if (!s)
        return false;
    c->state[c->self] = s;
    collect(c->pod, "ScheduleAnyway", s);
    if (!s->need_all)
        return (s->defaults = prepare_defaults(c, nodes, n)) != NULL;
    for (size_t i = 0; i < s->n; i++) {
        if (!(s->v[i].domains = domains_new(c->a)))
            return false;
        any_shared |= !s->v[i].hostname;
    }
    find_domains(s, nodes, n);
    if (any_shared)
        count_domains(c, s);
    return s->n > 0;
}

static int64_t default_score(const struct default_spread *d, const struct sched_node *n)
{
    double score = d->on_node[n->at] * d->node_weight + (DEFAULT_NODE_SKEW - 1);

    if (n->zone)
        score += d->in_zone[n->zone] * d->zone_weight + (DEFAULT_ZONE_SKEW - 1);
    return (int64_t)llround(score);
}

int64_t topology_spread_score(const struct cycle *c, const struct sched_node *n)
{
    const struct spread *s = cycle_state(c);
    double score = 0;

    if (s->defaults)
        return default_score(s->defaults, n);
    if (s->need_all && !has_all_keys(s, n))
        return -1; /* not comparable: normalize gives it nothing */
    for (size_t i = 0; i < s->n; i++) {
        const struct constraint *k = &s->v[i];
        const char *value = node_label(n, k->key);
        if (!value)
            continue;
        int64_t count = k->hostname ? count_on(k, c->pod, n) : domains_get(k->domains, k->key, value);
        score += (double)count * k->weight + (double)(k->max_skew - 1);
    }
    return (int64_t)llround(score);
}

void topology_spread_normalize(const struct cycle *c, struct sched_node *const *nodes, int64_t *scores, size_t n)
{
    int64_t min = INT64_MAX, max = 0;

    for (size_t i = 0; i < n; i++) {
        if (scores[i] < 0)
            continue;
        min = MIN_OF(min, scores[i]);
        max = MAX_OF(max, scores[i]);
    }
    for (size_t i = 0; i < n; i++)
        scores[i] = scores[i] < 0 ? 0 : max == 0 ? SCORE_MAX : SCORE_MAX * (max + min - scores[i]) / max;
}
