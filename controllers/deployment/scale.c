/* Sizes of replica sets: one by one, and all when the deployment itself is scaled; and the end of old ones. */
#include "controllers/deployment/round.h"

int round_scale(struct round *r, struct rset *s, int32_t to, struct err *err)
{
    int32_t from = rs_replicas(s->rs);
    Appsv1__ReplicaSet rs = *s->rs;
    Appsv1__ReplicaSetSpec spec = *s->rs->spec;
    Metav1__ObjectMeta meta = *s->o->meta;
    struct kube_object *got;

    bool annotated = annotate_sizes(r->a, r->d, &meta);
    if (!annotated && from == to)
        return 0;
    spec.has_replicas = true;
    spec.replicas = to;
    rs.metadata = &meta, rs.spec = &spec;
    if (kube_update(r->c->base.env.client, &kube_replica_sets, "", &rs.base, &got, err) < 0)
        return -1;
    *s = (struct rset){sync_keep(r->a, got), kube_replica_set(got)};
    if (from == to)
        return 0;
    recorder_event(r->c->base.recorder, r->o, EVENT_NORMAL, "ScalingReplicaSet",
                   "Scaled %s replica set %s from %d to %d", to > from ? "up" : "down", got->meta->name, from, to);
    return 1;
}

bool round_is_scaling(const struct round *r)
{
    for (size_t i = 0; i < r->n; i++) {
        int32_t desired;
        if (rs_replicas(r->sets[i].rs) > 0 && annotation_int(r->sets[i].o->meta, DESIRED_REPLICAS, &desired) &&
            desired != dep_replicas(r->d))
            return true;
    }
    return false;
}

/* The only set with pods; with none at all the newest, else the one made last. NULL: several have pods. */
static struct rset *active_or_latest(const struct round *r)
{
    struct rset *active = NULL;
    int n = 0;

    for (size_t i = 0; i < r->n; i++)
        if (rs_replicas(r->sets[i].rs) > 0) {
            active = &r->sets[i];
            n++;
        }
    if (n == 0)
        return r->newest ? r->newest : r->n ? &r->sets[r->n - 1] : NULL;
    return n == 1 ? active : NULL;
}

static bool newest_is_saturated(const struct round *r)
{
    int32_t desired, want = dep_replicas(r->d);

    return r->newest && annotation_int(r->newest->o->meta, DESIRED_REPLICAS, &desired) && desired == want &&
           rs_replicas(r->newest->rs) == want && r->newest->rs->status &&
           r->newest->rs->status->availablereplicas == want;
}

static int64_t made_at(const struct rset *s)
{
    return time_ns(s->o->meta->creationtimestamp);
}

/* Largest first; of equal ones the newer first when growing, the older when shrinking. */
static int by_size(const void *x, const void *y, void *newer_first)
{
    const struct rset *a = *(struct rset *const *)x, *b = *(struct rset *const *)y;
    int32_t ra = rs_replicas(a->rs), rb = rs_replicas(b->rs);

    if (ra != rb)
        return ra > rb ? -1 : 1;
    if (made_at(a) == made_at(b))
        return strcmp(a->o->meta->name, b->o->meta->name);
    bool a_first = *(bool *)newer_first ? made_at(a) > made_at(b) : made_at(a) < made_at(b);
    return a_first ? -1 : 1;
}

static int scale_proportionally(struct round *r, struct err *err)
{
    struct rset **active = arena_calloc(r->a, r->n + 1, sizeof(struct rset *));
    struct rs_size *sizes = arena_calloc(r->a, r->n + 1, sizeof(*sizes));
    int32_t total = 0;
    size_t n = 0;

    for (size_t i = 0; i < r->n; i++)
        if (rs_replicas(r->sets[i].rs) > 0) {
            active[n++] = &r->sets[i];
            total += rs_replicas(r->sets[i].rs);
        }
    bool grows = dep_replicas(r->d) + dep_max_surge(r->d) > total && dep_replicas(r->d) > 0;
    qsort_r(active, n, sizeof(struct rset *), by_size, &grows);
    for (size_t i = 0; i < n; i++) {
        int32_t max = 0;
        annotation_int(active[i]->o->meta, MAX_REPLICAS, &max);
        sizes[i] = (struct rs_size){.replicas = rs_replicas(active[i]->rs), .max_before = max};
    }
    scale_in_proportion(r->d, sizes, n);
    for (size_t i = 0; i < n; i++)
        if (round_scale(r, active[i], sizes[i].to, err) < 0)
            return -1;
    return 0;
}

int round_scale_all(struct round *r, struct err *err)
{
    struct rset *only = active_or_latest(r);

    if (only)
        return rs_replicas(only->rs) == dep_replicas(r->d) ? 0
                                                           : MIN_OF(round_scale(r, only, dep_replicas(r->d), err), 0);
    if (newest_is_saturated(r)) {
        for (size_t i = 0; i < r->n; i++)
            if (&r->sets[i] != r->newest && rs_replicas(r->sets[i].rs) > 0 && round_scale(r, &r->sets[i], 0, err) < 0)
                return -1;
        return 0;
    }
    return dep_is_rolling(r->d) ? scale_proportionally(r, err) : 0;
}

/* --- history --- */

static int by_revision(const void *x, const void *y)
{
    const struct rset *a = *(struct rset *const *)x, *b = *(struct rset *const *)y;
    int64_t ra = revision_of(a->o->meta), rb = revision_of(b->o->meta);

    if (ra != rb)
        return ra < rb ? -1 : 1;
    return (made_at(a) > made_at(b)) - (made_at(a) < made_at(b));
}

static bool is_empty(const struct rset *s)
{
    const Appsv1__ReplicaSetStatus *st = s->rs->status;
    return rs_replicas(s->rs) == 0 && (!st || st->replicas == 0) && st &&
           s->o->meta->generation <= st->observedgeneration;
}

int round_clean_up(struct round *r, struct err *err)
{
    struct rset **old = arena_calloc(r->a, r->n + 1, sizeof(struct rset *));
    size_t n = 0;

    if (!r->d->spec->has_revisionhistorylimit || r->d->spec->revisionhistorylimit == INT32_MAX)
        return 0;
    for (size_t i = 0; i < r->n; i++)
        if (&r->sets[i] != r->newest && !meta_deleting(r->sets[i].o->meta))
            old[n++] = &r->sets[i];
    int64_t extra = (int64_t)n - r->d->spec->revisionhistorylimit;
    if (extra <= 0)
        return 0;
    qsort(old, n, sizeof(struct rset *), by_revision);
    for (int64_t i = 0; i < extra; i++) {
        const Metav1__ObjectMeta *m = old[i]->o->meta;
        if (!is_empty(old[i]))
            continue;
        if (kube_delete(r->c->base.env.client, &kube_replica_sets, m->namespace_, m->name, NULL, err) < 0) {
            if (err->code != ERR_NOT_FOUND)
                return -1;
            err_clear(err);
        }
    }
    return 0;
}
