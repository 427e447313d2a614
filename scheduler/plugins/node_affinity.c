/* spec.nodeSelector and node affinity: required terms filter, preferred ones score. */
#include "registry.h"

#include "base/parse.h"

static const Corev1__NodeAffinity *affinity(const Corev1__PodSpec *spec)
{
    return spec && spec->affinity ? spec->affinity->nodeaffinity : NULL;
}

static bool has_value(const Corev1__NodeSelectorRequirement *q, const char *value)
{
    for (size_t i = 0; i < q->n_values; i++)
        if (strcmp(kstr(q->values[i]), value) == 0)
            return true;
    return false;
}

/* value NULL = the label is not there. */
static bool requirement_matches(const Corev1__NodeSelectorRequirement *q, const char *value)
{
    const char *op = kstr(q->operator_);
    int64_t have, want;

    if (strcmp(op, "In") == 0)
        return value && has_value(q, value);
    if (strcmp(op, "NotIn") == 0)
        return !value || !has_value(q, value);
    if (strcmp(op, "Exists") == 0)
        return value != NULL;
    if (strcmp(op, "DoesNotExist") == 0)
        return value == NULL;
    if (!value || q->n_values != 1 || !parse_int64(str_of(value), &have) || !parse_int64(str_of(q->values[0]), &want))
        return false;
    return strcmp(op, "Gt") == 0 ? have > want : strcmp(op, "Lt") == 0 && have < want;
}

/* An empty term matches no node, as upstream. */
static bool term_matches(const Corev1__NodeSelectorTerm *t, const struct sched_node *n)
{
    if (!t || (!t->n_matchexpressions && !t->n_matchfields))
        return false;
    for (size_t i = 0; i < t->n_matchexpressions; i++)
        if (!requirement_matches(t->matchexpressions[i], node_label(n, kstr(t->matchexpressions[i]->key))))
            return false;
    for (size_t i = 0; i < t->n_matchfields; i++) {
        bool name = strcmp(kstr(t->matchfields[i]->key), "metadata.name") == 0;
        if (!requirement_matches(t->matchfields[i], name ? n->name : NULL))
            return false;
    }
    return true;
}

bool node_affinity_matches(const Corev1__PodSpec *spec, const struct sched_node *n)
{
    const Corev1__NodeAffinity *a = affinity(spec);
    const Corev1__NodeSelector *required = a ? a->requiredduringschedulingignoredduringexecution : NULL;

    for (size_t i = 0; spec && i < spec->n_nodeselector; i++) {
        const char *value = node_label(n, kstr(spec->nodeselector[i]->key));
        if (!value || strcmp(value, kstr(spec->nodeselector[i]->value)) != 0)
            return false;
    }
    for (size_t i = 0; required && i < required->n_nodeselectorterms; i++)
        if (term_matches(required->nodeselectorterms[i], n))
            return true;
    return !required;
}

enum prefilter node_affinity_prefilter(struct cycle *c, const char **ret_message)
{
    const Corev1__PodSpec *spec = c->pod->pod->spec;
    const Corev1__NodeAffinity *a = affinity(spec);

    if ((spec && spec->n_nodeselector) || (a && a->requiredduringschedulingignoredduringexecution))
        return PREFILTER_RUN;
    return PREFILTER_SKIP;
}

enum verdict node_affinity_filter(const struct cycle *c, const struct sched_node *n, struct reasons *r)
{
    if (node_affinity_matches(c->pod->pod->spec, n))
        return FITS;
    reasons_add(r, "node(s) didn't match Pod's node affinity/selector");
    return REFUSED_HARD;
}

bool node_affinity_prescore(struct cycle *c, struct sched_node *const *nodes, size_t n)
{
    const Corev1__NodeAffinity *a = affinity(c->pod->pod->spec);
    return a && a->n_preferredduringschedulingignoredduringexecution;
}

int64_t node_affinity_score(const struct cycle *c, const struct sched_node *n)
{
    const Corev1__NodeAffinity *a = affinity(c->pod->pod->spec);
    int64_t sum = 0;

    for (size_t i = 0; i < a->n_preferredduringschedulingignoredduringexecution; i++) {
        const Corev1__PreferredSchedulingTerm *t = a->preferredduringschedulingignoredduringexecution[i];
        if (t->has_weight && t->weight && term_matches(t->preference, n))
            sum += t->weight;
    }
    return sum;
}

void node_affinity_normalize(const struct cycle *c, struct sched_node *const *nodes, int64_t *scores, size_t n)
{
    normalize_default(scores, n, false);
}
