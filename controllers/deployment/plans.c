/* How many pods which replica set gets. */
#include "controllers/deployment/rules.h"

#include "base/parse.h"

#include <math.h>

int32_t dep_replicas(const Appsv1__Deployment *d)
{
    return d->spec->has_replicas ? d->spec->replicas : 1;
}

bool dep_is_rolling(const Appsv1__Deployment *d)
{
    return d->spec->strategy && strcmp(kstr(d->spec->strategy->type), "RollingUpdate") == 0;
}

bool dep_has_deadline(const Appsv1__Deployment *d)
{
    return d->spec->has_progressdeadlineseconds && d->spec->progressdeadlineseconds != INT32_MAX;
}

/* A number, or a percentage of `total`, as GetScaledValueFromIntOrPercent; what is neither counts as 0. */
static int32_t scaled(const Intstr__IntOrString *v, int32_t total, bool round_up)
{
    int64_t percent;

    if (!v)
        return 0;
    if (v->type == 0)
        return v->intval;
    struct str s = str_of(v->strval);
    if (!str_ends(s, STR("%")) || !parse_range(str_n(s.p, s.n - 1), 0, INT32_MAX, &percent))
        return 0;
    int64_t hundredfold = percent * total;
    return (int32_t)((hundredfold + (round_up ? 99 : 0)) / 100);
}

void resolve_fenceposts(const Intstr__IntOrString *surge, const Intstr__IntOrString *unavailable, int32_t desired,
                        int32_t *ret_surge, int32_t *ret_unavailable)
{
    *ret_surge = scaled(surge, desired, true);
    *ret_unavailable = scaled(unavailable, desired, false);
    if (*ret_surge == 0 && *ret_unavailable == 0)
        *ret_unavailable = 1;
}

static void fenceposts(const Appsv1__Deployment *d, int32_t *ret_surge, int32_t *ret_unavailable)
{
    const Appsv1__RollingUpdateDeployment *r = d->spec->strategy ? d->spec->strategy->rollingupdate : NULL;
    resolve_fenceposts(r ? r->maxsurge : NULL, r ? r->maxunavailable : NULL, dep_replicas(d), ret_surge,
                       ret_unavailable);
}

int32_t dep_max_surge(const Appsv1__Deployment *d)
{
    int32_t surge, unavailable;

    if (!dep_is_rolling(d))
        return 0;
    fenceposts(d, &surge, &unavailable);
    return surge;
}

int32_t dep_max_unavailable(const Appsv1__Deployment *d)
{
    int32_t surge, unavailable;

    if (!dep_is_rolling(d) || dep_replicas(d) == 0)
        return 0;
    fenceposts(d, &surge, &unavailable);
    return MIN_OF(unavailable, dep_replicas(d));
}

int32_t new_set_size(const Appsv1__Deployment *d, int32_t total, int32_t new_replicas)
{
    int32_t desired = dep_replicas(d), room = desired + dep_max_surge(d) - total;

    if (!dep_is_rolling(d))
        return desired;
    if (room <= 0)
        return new_replicas;
    return new_replicas + MIN_OF(room, desired - new_replicas);
}

bool shrink_old_sets(const Appsv1__Deployment *d, struct rs_size *old, size_t n, int32_t new_replicas,
                     int32_t new_available)
{
    int32_t old_total = 0, available = new_available, minimum = dep_replicas(d) - dep_max_unavailable(d);

    for (size_t i = 0; i < n; i++) {
        old[i].to = old[i].replicas;
        old_total += old[i].replicas;
        available += old[i].available;
    }
    /* what may go even if none of the new pods that are not yet available ever becomes so */
    int32_t budget = old_total + new_replicas - minimum - (new_replicas - new_available);
    if (old_total == 0 || budget <= 0)
        return false;
    int32_t unhealthy = 0;
    for (size_t i = 0; i < n && unhealthy < budget; i++) {
        int32_t down = MIN_OF(budget - unhealthy, old[i].replicas - old[i].available);
        if (old[i].replicas == 0 || down <= 0)
            continue;
        old[i].to -= down;
        unhealthy += down;
    }
    int32_t healthy = 0, spare = available - minimum;
    for (size_t i = 0; i < n && healthy < spare; i++) {
        int32_t down = MIN_OF(old[i].to, spare - healthy);
        old[i].to -= down;
        healthy += down;
    }
    return unhealthy + healthy > 0;
}

/* How much a set of `s` grows (or shrinks) when the deployment is scaled, rounded to the nearest. */
static int32_t fraction(const Appsv1__Deployment *d, const struct rs_size *s)
{
    if (dep_replicas(d) == 0)
        return -s->replicas;
    int32_t before = s->max_before ? s->max_before : d->status ? d->status->replicas : 0;
    if (!before)
        return 0;
    double now = (double)s->replicas * (dep_replicas(d) + dep_max_surge(d)) / before;
    return (int32_t)floor(now + 0.5) - s->replicas;
}

void scale_in_proportion(const Appsv1__Deployment *d, struct rs_size *sets, size_t n)
{
    int32_t total = 0, added = 0;

    for (size_t i = 0; i < n; i++)
        total += sets[i].replicas;
    int32_t to_add = (dep_replicas(d) > 0 ? dep_replicas(d) + dep_max_surge(d) : 0) - total;
    for (size_t i = 0; i < n; i++) {
        int32_t part = 0;
        if (sets[i].replicas && to_add != added) {
            int32_t wish = fraction(d, &sets[i]), left = to_add - added;
            part = to_add > 0 ? MIN_OF(wish, left) : MAX_OF(wish, left);
        }
        sets[i].to = sets[i].replicas + (to_add ? part : 0);
        added += to_add ? part : 0;
    }
    if (n && to_add) /* what rounding left over goes to the largest */
        sets[0].to = MAX_OF(0, sets[0].to + to_add - added);
}
