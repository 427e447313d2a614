#include "registry.h"

static const char taint[] = "node.kubernetes.io/unschedulable";

enum verdict node_unschedulable_filter(const struct cycle *c, const struct sched_node *n, struct reasons *r)
{
    const Corev1__NodeSpec *spec = n->node->spec;

    if (!spec || !spec->has_unschedulable || !spec->unschedulable)
        return FITS;
    if (tolerates(c->pod->pod->spec, taint, "", "NoSchedule"))
        return FITS;
    reasons_add(r, "node(s) were unschedulable");
    return REFUSED_HARD;
}
