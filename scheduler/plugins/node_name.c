#include "registry.h"

enum verdict node_name_filter(const struct cycle *c, const struct sched_node *n, struct reasons *r)
{
    const Corev1__PodSpec *spec = c->pod->pod->spec;

    if (!spec || !spec->nodename || !*spec->nodename || strcmp(spec->nodename, n->name) == 0)
        return FITS;
    reasons_add(r, "node(s) didn't match the requested node name");
    return REFUSED_HARD;
}
