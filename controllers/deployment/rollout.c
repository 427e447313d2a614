/* Both ways from the old template to the new one. */
#include "controllers/deployment/round.h"
#include "controllers/pods.h"

static int32_t available_of(const struct rset *s)
{
    return s->rs->status ? s->rs->status->availablereplicas : 0;
}

/* 1 = scaled, 0 = it has its size, -1. */
static int grow_newest(struct round *r, struct err *err)
{
    int32_t have = rs_replicas(r->newest->rs), want = dep_replicas(r->d), total = 0;

    if (have == want)
        return 0;
    for (size_t i = 0; i < r->n; i++)
        total += rs_replicas(r->sets[i].rs);
    return round_scale(r, r->newest, have > want ? want : new_set_size(r->d, total, have), err);
}

static int shrink_old(struct round *r, struct err *err)
{
    struct rs_size *sizes = arena_calloc(r->a, r->n + 1, sizeof(*sizes));
    struct rset **old = arena_calloc(r->a, r->n + 1, sizeof(struct rset *));
    size_t n = 0;

    for (size_t i = 0; i < r->n; i++)
        if (&r->sets[i] != r->newest && rs_replicas(r->sets[i].rs) > 0) {
            sizes[n] = (struct rs_size){.replicas = rs_replicas(r->sets[i].rs), .available = available_of(&r->sets[i])};
            old[n++] = &r->sets[i];
        }
    if (!shrink_old_sets(r->d, sizes, n, rs_replicas(r->newest->rs), available_of(r->newest)))
        return 0;
    for (size_t i = 0; i < n; i++)
        if (sizes[i].to != sizes[i].replicas && round_scale(r, old[i], sizes[i].to, err) < 0)
            return -1;
    return 1;
}

int round_roll(struct round *r, struct err *err)
{
    if (round_find_newest(r, true, err) < 0)
        return -1;
    int moved = grow_newest(r, err);
    if (moved == 0)
        moved = shrink_old(r, err);
    if (moved < 0)
        return -1;
    if (!moved && dep_complete(r->d, r->d->status) && round_clean_up(r, err) < 0)
        return -1;
    return round_sync_status(r, true, err);
}

/* --- Recreate --- */

static bool old_pods_run(const struct round *r)
{
    for (size_t i = 0; i < r->n; i++) {
        _cleanup_(kube_objects_releasep) struct kube_objects pods = {0};
        if (&r->sets[i] == r->newest)
            continue;
        if (r->sets[i].rs->status && r->sets[i].rs->status->replicas > 0)
            return true;
        informer_by_index(r->c->pods, r->c->pods_by_owner, str_of(r->sets[i].o->meta->uid), &pods);
        kube_objects_foreach(&pods, p) if (!pod_is_finished(kube_pod(p))) return true;
    }
    return false;
}

int round_recreate(struct round *r, struct err *err)
{
    int scaled = 0;

    if (round_find_newest(r, false, err) < 0)
        return -1;
    for (size_t i = 0; i < r->n; i++)
        if (&r->sets[i] != r->newest && rs_replicas(r->sets[i].rs) > 0) {
            if (round_scale(r, &r->sets[i], 0, err) < 0)
                return -1;
            scaled++;
        }
    if (scaled || old_pods_run(r))
        return round_sync_status(r, true, err);
    if (!r->newest && round_find_newest(r, true, err) < 0)
        return -1;
    if (round_scale(r, r->newest, dep_replicas(r->d), err) < 0)
        return -1;
    if (dep_complete(r->d, r->d->status) && round_clean_up(r, err) < 0)
        return -1;
    return round_sync_status(r, true, err);
}
