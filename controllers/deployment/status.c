#include "controllers/deployment/round.h"

void round_take(struct round *r, struct kube_object *o)
{
    r->o = sync_keep(r->a, o);
    r->d = KUBE_COPY(r->a, Appsv1__Deployment, kube_deployment(o));
    r->d->metadata = KUBE_COPY(r->a, Metav1__ObjectMeta, o->meta);
}

dep_status *round_own_status(struct round *r)
{
    if (r->d->status) {
        r->d->status = KUBE_COPY(r->a, Appsv1__DeploymentStatus, r->d->status);
    } else {
        r->d->status = arena_new_of(r->a, Appsv1__DeploymentStatus);
        appsv1__deployment_status__init(r->d->status);
    }
    return r->d->status;
}

const Appsv1__ReplicaSet **round_sets(const struct round *r)
{
    const Appsv1__ReplicaSet **list = arena_calloc(r->a, r->n + 1, sizeof(*list));
    for (size_t i = 0; i < r->n; i++)
        list[i] = r->sets[i].rs;
    return list;
}

int round_write_status(struct round *r, struct err *err)
{
    struct kube_object *got;

    if (kube_update_status(r->c->base.env.client, &kube_deployments, &r->d->base, &got, err) < 0)
        return -1;
    round_take(r, got);
    return 0;
}

/* A rollout that makes no progress sends no events: somebody has to look whether its deadline has passed. */
static void look_again(struct round *r, const dep_status *s)
{
    int64_t after = dep_check_after(r->d, s, now_wall());
    if (after >= 0)
        workqueue_add_after(r->c->base.queue, r->o->key, after);
}

int round_sync_status(struct round *r, bool rollout, struct err *err)
{
    const Appsv1__ReplicaSet *newest = r->newest ? r->newest->rs : NULL, **sets = round_sets(r);
    int64_t now = now_wall();
    dep_status *s = dep_status_of(r->a, r->d, sets, r->n, newest, now);

    if (rollout)
        rollout_conditions(r->a, r->d, s, sets, r->n, newest, now);
    if (dep_status_equal(r->d->status, s)) {
        look_again(r, s);
        return 0;
    }
    r->d->status = s;
    return round_write_status(r, err);
}

int round_check_paused(struct round *r, struct err *err)
{
    const Appsv1__DeploymentCondition *c = dep_condition(r->d->status, "Progressing");
    const char *reason = c ? kstr(c->reason) : "";
    bool told = strcmp(reason, "DeploymentPaused") == 0;

    if (!dep_has_deadline(r->d) || strcmp(reason, "ProgressDeadlineExceeded") == 0 || told == (r->d->spec->paused != 0))
        return 0;
    dep_status *s = round_own_status(r);
    if (r->d->spec->paused)
        condition_set(r->a, s, "Progressing", "Unknown", "DeploymentPaused", "Deployment is paused", now_wall());
    else
        condition_set(r->a, s, "Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed", now_wall());
    return round_write_status(r, err);
}
