/* A deployment's status: counts, and the conditions that tell how its rollout goes. */
#include "controllers/deployment/rules.h"

#include "base/clock.h"

typedef Appsv1__DeploymentCondition condition;

const condition *dep_condition(const dep_status *s, const char *type)
{
    for (size_t i = 0; s && i < s->n_conditions; i++)
        if (strcmp(kstr(s->conditions[i]->type), type) == 0)
            return s->conditions[i];
    return NULL;
}

/* A list of its own with room for one more, without `type`. */
static void drop(struct arena *a, dep_status *s, const char *type)
{
    condition **list = arena_calloc(a, s->n_conditions + 1, sizeof(condition *));
    size_t n = 0;

    for (size_t i = 0; i < s->n_conditions; i++)
        if (strcmp(kstr(s->conditions[i]->type), type) != 0)
            list[n++] = s->conditions[i];
    s->conditions = list;
    s->n_conditions = n;
}

void condition_remove(struct arena *a, dep_status *s, const char *type)
{
    if (dep_condition(s, type))
        drop(a, s, type);
}

static Metav1__Time *time_new(struct arena *a, int64_t ns)
{
    Metav1__Time *t = arena_new_of(a, Metav1__Time);
    time_set(t, ns);
    return t;
}

void condition_set(struct arena *a, dep_status *s, const char *type, const char *status, const char *reason,
                   const char *message, int64_t now)
{
    const condition *old = dep_condition(s, type);

    if (old && strcmp(kstr(old->status), status) == 0 && strcmp(kstr(old->reason), reason) == 0)
        return;
    condition *c = arena_new_of(a, condition);
    appsv1__deployment_condition__init(c);
    c->type = (char *)type, c->status = (char *)status, c->reason = (char *)reason, c->message = (char *)message;
    c->lastupdatetime = time_new(a, now);
    c->lasttransitiontime = old && strcmp(kstr(old->status), status) == 0 ? old->lasttransitiontime : time_new(a, now);
    drop(a, s, type);
    s->conditions[s->n_conditions++] = c;
}

static int32_t sum(const Appsv1__ReplicaSet *const *sets, size_t n, int32_t (*of)(const Appsv1__ReplicaSet *))
{
    int32_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += sets[i] ? of(sets[i]) : 0;
    return total;
}

/* clang-format off */
static int32_t actual(const Appsv1__ReplicaSet *rs) { return rs->status ? rs->status->replicas : 0; }
static int32_t ready(const Appsv1__ReplicaSet *rs) { return rs->status ? rs->status->readyreplicas : 0; }
static int32_t available(const Appsv1__ReplicaSet *rs) { return rs->status ? rs->status->availablereplicas : 0; }
static int32_t terminating(const Appsv1__ReplicaSet *rs) { return rs->status ? rs->status->terminatingreplicas : 0; }
/* clang-format on */

/* Unknown as long as one of the sets has not counted yet. */
static bool knows_terminating(const Appsv1__ReplicaSet *const *sets, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (sets[i] && (!sets[i]->status || !sets[i]->status->has_terminatingreplicas))
            return false;
    return true;
}

dep_status *dep_status_of(struct arena *a, const Appsv1__Deployment *d, const Appsv1__ReplicaSet *const *sets, size_t n,
                          const Appsv1__ReplicaSet *newest, int64_t now)
{
    dep_status *s = arena_new_of(a, dep_status);

    appsv1__deployment_status__init(s);
    s->has_observedgeneration = s->has_replicas = s->has_updatedreplicas = s->has_readyreplicas = true;
    s->has_availablereplicas = s->has_unavailablereplicas = true;
    s->observedgeneration = d->metadata->generation;
    s->replicas = sum(sets, n, actual);
    s->updatedreplicas = newest ? actual(newest) : 0;
    s->readyreplicas = sum(sets, n, ready);
    s->availablereplicas = sum(sets, n, available);
    s->unavailablereplicas = MAX_OF(0, sum(sets, n, rs_replicas) - s->availablereplicas);
    s->has_terminatingreplicas = knows_terminating(sets, n);
    s->terminatingreplicas = s->has_terminatingreplicas ? sum(sets, n, terminating) : 0;
    if (d->status) {
        s->has_collisioncount = d->status->has_collisioncount;
        s->collisioncount = d->status->collisioncount;
        s->conditions = d->status->conditions;
        s->n_conditions = d->status->n_conditions;
    }
    if (s->availablereplicas >= dep_replicas(d) - dep_max_unavailable(d))
        condition_set(a, s, "Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.",
                      now);
    else
        condition_set(a, s, "Available", "False", "MinimumReplicasUnavailable",
                      "Deployment does not have minimum availability.", now);
    return s;
}

bool dep_complete(const Appsv1__Deployment *d, const dep_status *s)
{
    int32_t want = dep_replicas(d);
    return s && s->updatedreplicas == want && s->replicas == want && s->availablereplicas == want &&
           s->observedgeneration >= d->metadata->generation;
}

static bool progressing(const Appsv1__Deployment *d, const dep_status *s)
{
    static const dep_status none = APPSV1__DEPLOYMENT_STATUS__INIT;
    const dep_status *old = d->status ? d->status : &none;

    return s->updatedreplicas > old->updatedreplicas ||
           s->replicas - s->updatedreplicas < old->replicas - old->updatedreplicas ||
           s->readyreplicas > old->readyreplicas || s->availablereplicas > old->availablereplicas;
}

static bool has_reason(const condition *c, const char *reason)
{
    return c && strcmp(kstr(c->reason), reason) == 0;
}

bool dep_timed_out(const Appsv1__Deployment *d, const dep_status *s, int64_t now)
{
    const condition *c = dep_condition(s, "Progressing");

    if (!dep_has_deadline(d) || !c || has_reason(c, "NewReplicaSetAvailable"))
        return false;
    if (has_reason(c, "ProgressDeadlineExceeded"))
        return true;
    return time_ns(c->lastupdatetime) + d->spec->progressdeadlineseconds * NS_PER_S < now;
}

/* "Deployment "web" is progressing." or, with a newest set, "ReplicaSet "web-abc" is progressing." */
static const char *tell(struct arena *a, const Appsv1__Deployment *d, const Appsv1__ReplicaSet *newest,
                        const char *what)
{
    return newest ? arena_printf(a, "ReplicaSet \"%s\" %s", kstr(newest->metadata->name), what)
                  : arena_printf(a, "Deployment \"%s\" %s", kstr(d->metadata->name), what);
}

static void progress_condition(struct arena *a, const Appsv1__Deployment *d, dep_status *s,
                               const Appsv1__ReplicaSet *newest, int64_t now)
{
    const condition *old = dep_condition(d->status, "Progressing");

    if (dep_complete(d, s)) {
        condition_set(a, s, "Progressing", "True", "NewReplicaSetAvailable",
                      tell(a, d, newest, "has successfully progressed."), now);
    } else if (progressing(d, s)) {
        /* made anew each time, so that its update time tells when there was progress last */
        condition_remove(a, s, "Progressing");
        condition_set(a, s, "Progressing", "True", "ReplicaSetUpdated", tell(a, d, newest, "is progressing."), now);
        if (old && strcmp(kstr(old->status), "True") == 0)
            s->conditions[s->n_conditions - 1]->lasttransitiontime = old->lasttransitiontime;
    } else if (dep_timed_out(d, s, now)) {
        condition_set(a, s, "Progressing", "False", "ProgressDeadlineExceeded",
                      tell(a, d, newest, "has timed out progressing."), now);
    }
}

/* The ReplicaFailure of the newest set, else of any other. */
static const Appsv1__ReplicaSetCondition *failure_of(const Appsv1__ReplicaSet *const *sets, size_t n,
                                                     const Appsv1__ReplicaSet *newest)
{
    const Appsv1__ReplicaSetCondition *found = NULL;

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; sets[i] && sets[i]->status && j < sets[i]->status->n_conditions; j++) {
            const Appsv1__ReplicaSetCondition *c = sets[i]->status->conditions[j];
            if (strcmp(kstr(c->type), "ReplicaFailure") == 0 && (!found || sets[i] == newest))
                found = c;
        }
    return found;
}

void rollout_conditions(struct arena *a, const Appsv1__Deployment *d, dep_status *s,
                        const Appsv1__ReplicaSet *const *sets, size_t n, const Appsv1__ReplicaSet *newest, int64_t now)
{
    const condition *old = dep_condition(d->status, "Progressing");

    if (!dep_has_deadline(d))
        condition_remove(a, s, "Progressing");
    /* A finished rollout stays finished when pods come and go later. */
    bool finished = s->replicas == s->updatedreplicas && has_reason(old, "NewReplicaSetAvailable");
    if (dep_has_deadline(d) && !finished)
        progress_condition(a, d, s, newest, now);
    const Appsv1__ReplicaSetCondition *failure = failure_of(sets, n, newest);
    if (failure)
        condition_set(a, s, "ReplicaFailure", kstr(failure->status), kstr(failure->reason), kstr(failure->message),
                      now);
    else
        condition_remove(a, s, "ReplicaFailure");
}

static bool conditions_equal(const dep_status *a, const dep_status *b)
{
    if (a->n_conditions != b->n_conditions)
        return false;
    for (size_t i = 0; i < a->n_conditions; i++) {
        const condition *x = a->conditions[i], *y = b->conditions[i];
        if (strcmp(kstr(x->type), kstr(y->type)) || strcmp(kstr(x->status), kstr(y->status)) ||
            strcmp(kstr(x->reason), kstr(y->reason)) || strcmp(kstr(x->message), kstr(y->message)) ||
            time_ns(x->lastupdatetime) / NS_PER_S != time_ns(y->lastupdatetime) / NS_PER_S)
            return false;
    }
    return true;
}

bool dep_status_equal(const dep_status *a, const dep_status *b)
{
    static const dep_status none = APPSV1__DEPLOYMENT_STATUS__INIT;

    a = a ? a : &none;
    b = b ? b : &none;
    return a->observedgeneration == b->observedgeneration && a->replicas == b->replicas &&
           a->updatedreplicas == b->updatedreplicas && a->readyreplicas == b->readyreplicas &&
           a->availablereplicas == b->availablereplicas && a->unavailablereplicas == b->unavailablereplicas &&
           a->terminatingreplicas == b->terminatingreplicas &&
           a->has_terminatingreplicas == b->has_terminatingreplicas && a->collisioncount == b->collisioncount &&
           conditions_equal(a, b);
}

int64_t dep_check_after(const Appsv1__Deployment *d, const dep_status *s, int64_t now)
{
    const condition *c = dep_condition(d->status, "Progressing");

    if (!dep_has_deadline(d) || !c || dep_complete(d, s) || has_reason(c, "ProgressDeadlineExceeded"))
        return -1;
    int64_t left = time_ns(c->lastupdatetime) + d->spec->progressdeadlineseconds * NS_PER_S - now;
    return MAX_OF(left, 0) + NS_PER_S; /* whole seconds are stored: a little later, to be past it for sure */
}
