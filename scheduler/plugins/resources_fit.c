/* Does the node have what the pod asks for, and how much is left. */
#include "registry.h"

/* One resource that does not fit; hard when even an empty node had too little. */
static enum verdict refuse(struct reasons *r, const char *reason, int64_t request, int64_t allocatable,
                           enum verdict so_far)
{
    reasons_add(r, reason);
    return request > allocatable || so_far == REFUSED_HARD ? REFUSED_HARD : REFUSED;
}

static bool lacks(int64_t request, int64_t allocatable, int64_t used)
{
    return request > 0 && request > allocatable - used;
}

static enum verdict fit_more(const struct cycle *c, const struct sched_node *n, struct reasons *r, enum verdict v)
{
    const struct resources *want = &c->pod->request;

    for (size_t i = 0; i < want->n; i++) {
        int id = want->more[i].id;
        int64_t have = id < 0 ? 0 : resources_get(&n->allocatable, id);
        if (!lacks(want->more[i].v, have, id < 0 ? 0 : resources_get(&n->requested, id)))
            continue;
        char *reason = arena_printf(c->a, "Insufficient %s", id < 0 ? "unknown resource" : c->cache->names.v[id]);
        v = refuse(r, reason ? reason : "Insufficient resource", want->more[i].v, have, v);
    }
    return v;
}

enum verdict resources_fit_filter(const struct cycle *c, const struct sched_node *n, struct reasons *r)
{
    const struct resources *want = &c->pod->request, *have = &n->allocatable, *used = &n->requested;
    enum verdict v = FITS;

    if ((int64_t)n->n_pods + 1 > have->pods)
        v = refuse(r, "Too many pods", 1, have->pods, v);
    if (lacks(want->cpu_milli, have->cpu_milli, used->cpu_milli))
        v = refuse(r, "Insufficient cpu", want->cpu_milli, have->cpu_milli, v);
    if (lacks(want->memory, have->memory, used->memory))
        v = refuse(r, "Insufficient memory", want->memory, have->memory, v);
    if (lacks(want->storage, have->storage, used->storage))
        v = refuse(r, "Insufficient ephemeral-storage", want->storage, have->storage, v);
    return want->n ? fit_more(c, n, r, v) : v;
}

static int64_t free_share(int64_t capacity, int64_t used)
{
    return capacity <= 0 || used > capacity ? 0 : (int64_t)((__int128)(capacity - used) * SCORE_MAX / capacity);
}

/* LeastAllocated over cpu and memory, pods that ask for nothing counted with upstream's defaults. */
int64_t resources_fit_score(const struct cycle *c, const struct sched_node *n)
{
    int64_t sum = 0, weights = 0;

    if (n->allocatable.cpu_milli > 0) {
        sum += free_share(n->allocatable.cpu_milli, n->nonzero_cpu + c->pod->nonzero_cpu);
        weights++;
    }
    if (n->allocatable.memory > 0) {
        sum += free_share(n->allocatable.memory, n->nonzero_memory + c->pod->nonzero_memory);
        weights++;
    }
    return weights ? sum / weights : 0;
}

static double fraction(int64_t used, int64_t capacity)
{
    double f = capacity > 0 ? (double)used / (double)capacity : 1;
    return f > 1 ? 1 : f;
}

/* Best where cpu and memory would be used to the same degree. */
int64_t balanced_allocation_score(const struct cycle *c, const struct sched_node *n)
{
    double cpu = fraction(n->requested.cpu_milli + c->pod->request.cpu_milli, n->allocatable.cpu_milli);
    double memory = fraction(n->requested.memory + c->pod->request.memory, n->allocatable.memory);
    double deviation = (cpu > memory ? cpu - memory : memory - cpu) / 2;

    return (int64_t)((1 - deviation) * SCORE_MAX);
}
