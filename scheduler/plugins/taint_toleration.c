/* Taints with effect NoSchedule and NoExecute keep pods away, PreferNoSchedule makes a node less liked. */
#include "registry.h"

static bool tolerates_one(const Corev1__Toleration *t, const char *key, const char *value, const char *effect)
{
    if (*kstr(t->effect) && strcmp(t->effect, effect) != 0)
        return false;
    if (*kstr(t->key) && strcmp(t->key, key) != 0)
        return false;
    if (strcmp(kstr(t->operator_), "Exists") == 0)
        return true; /* an empty key tolerates every key */
    return (!*kstr(t->operator_) || strcmp(t->operator_, "Equal") == 0) && strcmp(kstr(t->value), value) == 0;
}

bool tolerates(const Corev1__PodSpec *spec, const char *key, const char *value, const char *effect)
{
    for (size_t i = 0; spec && i < spec->n_tolerations; i++)
        if (tolerates_one(spec->tolerations[i], key, value, effect))
            return true;
    return false;
}

enum verdict taint_toleration_filter(const struct cycle *c, const struct sched_node *n, struct reasons *r)
{
    const Corev1__NodeSpec *spec = n->node->spec;

    for (size_t i = 0; spec && i < spec->n_taints; i++) {
        const Corev1__Taint *t = spec->taints[i];
        const char *effect = kstr(t->effect);
        if (strcmp(effect, "NoSchedule") != 0 && strcmp(effect, "NoExecute") != 0)
            continue;
        if (!tolerates(c->pod->pod->spec, kstr(t->key), kstr(t->value), effect)) {
            reasons_add(r, "node(s) had untolerated taint(s)");
            return REFUSED_HARD;
        }
    }
    return FITS;
}

static int64_t count_disliked(const struct cycle *c, const struct sched_node *n)
{
    const Corev1__NodeSpec *spec = n->node->spec;
    int64_t count = 0;

    for (size_t i = 0; spec && i < spec->n_taints; i++) {
        const Corev1__Taint *t = spec->taints[i];
        if (strcmp(kstr(t->effect), "PreferNoSchedule") == 0)
            count += !tolerates(c->pod->pod->spec, kstr(t->key), kstr(t->value), "PreferNoSchedule");
    }
    return count;
}

bool taint_toleration_prescore(struct cycle *c, struct sched_node *const *nodes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (count_disliked(c, nodes[i]))
            return true;
    return false; /* all the same */
}

int64_t taint_toleration_score(const struct cycle *c, const struct sched_node *n)
{
    return count_disliked(c, n);
}

void taint_toleration_normalize(const struct cycle *c, struct sched_node *const *nodes, int64_t *scores, size_t n)
{
    normalize_default(scores, n, true);
}
