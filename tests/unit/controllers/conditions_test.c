#include "controllers/deployment/rules.h"

#include "make.h"
#include "test.h"

static struct arena *a;

static int setup(void **state)
{
    a = arena_new(64 << 20);
    return 0;
}

static int teardown(void **state)
{
    a = arena_free(a);
    return 0;
}

static const char *reason_of(const dep_status *s, const char *type)
{
    const Appsv1__DeploymentCondition *c = dep_condition(s, type);
    return c ? c->reason : "";
}

static dep_status *next(Appsv1__Deployment *d, const Appsv1__ReplicaSet *old, const Appsv1__ReplicaSet *fresh,
                        int64_t now)
{
    const Appsv1__ReplicaSet *sets[] = {old, fresh};
    dep_status *s = dep_status_of(a, d, sets, 2, fresh, now);
    rollout_conditions(a, d, s, sets, 2, fresh, now);
    return s;
}

static void counts(void **state)
{
    Appsv1__Deployment *d = make_deployment(a, 4, make_int(a, 1), make_int(a, 1));
    dep_status *s = next(d, make_set(a, "old", 3, 3), make_set(a, "new", 2, 0), T(100));

    assert_int_equal(s->replicas, 5);
    assert_int_equal(s->updatedreplicas, 2);
    assert_int_equal(s->availablereplicas, 3);
    assert_int_equal(s->unavailablereplicas, 2);
    assert_int_equal(s->observedgeneration, 1);
    assert_string_equal(reason_of(s, "Available"), "MinimumReplicasAvailable"); /* 3 of 4, one may be down */
    s = next(d, make_set(a, "old", 2, 2), make_set(a, "new", 2, 0), T(100));
    assert_string_equal(reason_of(s, "Available"), "MinimumReplicasUnavailable");
    assert_string_equal(dep_condition(s, "Available")->message, "Deployment does not have minimum availability.");
}

static void a_rollout_progresses_completes_and_stays_complete(void **state)
{
    Appsv1__Deployment *d = make_deployment(a, 2, make_int(a, 1), make_int(a, 0));
    Appsv1__ReplicaSet *old = make_set(a, "old", 0, 0);

    d->status = next(d, old, make_set(a, "web-1", 1, 0), T(100));
    const Appsv1__DeploymentCondition *c = dep_condition(d->status, "Progressing");
    assert_string_equal(c->reason, "ReplicaSetUpdated");
    assert_string_equal(c->message, "ReplicaSet \"web-1\" is progressing.");
    d->status = next(d, old, make_set(a, "web-1", 1, 1), T(110));
    c = dep_condition(d->status, "Progressing");
    assert_int_equal(time_ns(c->lastupdatetime), T(110));     /* progress is noted */
    assert_int_equal(time_ns(c->lasttransitiontime), T(100)); /* but it was True before */
    d->status = next(d, old, make_set(a, "web-1", 2, 2), T(120));
    assert_string_equal(reason_of(d->status, "Progressing"), "NewReplicaSetAvailable");
    assert_true(dep_complete(d, d->status));
    d->status = next(d, old, make_set(a, "web-1", 2, 1), T(9000)); /* a pod fails much later: no rollout */
    assert_string_equal(reason_of(d->status, "Progressing"), "NewReplicaSetAvailable");
    assert_false(dep_timed_out(d, d->status, T(99999)));
}

static void a_rollout_that_hangs_times_out(void **state)
{
    Appsv1__Deployment *d = make_deployment(a, 2, make_int(a, 1), make_int(a, 0));
    Appsv1__ReplicaSet *old = make_set(a, "old", 2, 2), *fresh = make_set(a, "web-1", 1, 0);

    d->status = next(d, old, fresh, T(100));
    assert_int_equal(dep_check_after(d, d->status, T(100)), T(601));
    d->status = next(d, old, fresh, T(699));
    assert_string_equal(reason_of(d->status, "Progressing"), "ReplicaSetUpdated");
    d->status = next(d, old, fresh, T(701));
    const Appsv1__DeploymentCondition *c = dep_condition(d->status, "Progressing");
    assert_string_equal(c->status, "False");
    assert_string_equal(c->reason, "ProgressDeadlineExceeded");
    assert_string_equal(c->message, "ReplicaSet \"web-1\" has timed out progressing.");
    assert_int_equal(dep_check_after(d, d->status, T(702)), -1);
}

static void without_deadline_there_is_no_progress_condition(void **state)
{
    Appsv1__Deployment *d = make_deployment(a, 2, make_int(a, 1), make_int(a, 0));

    d->status = next(d, make_set(a, "old", 2, 2), make_set(a, "web-1", 1, 0), T(100));
    d->spec->progressdeadlineseconds = INT32_MAX;
    d->status = next(d, make_set(a, "old", 2, 2), make_set(a, "web-1", 2, 0), T(110));
    assert_null(dep_condition(d->status, "Progressing"));
}

static void failures_of_sets_show(void **state)
{
    Appsv1__Deployment *d = make_deployment(a, 2, make_int(a, 1), make_int(a, 0));
    Appsv1__ReplicaSet *fresh = make_set(a, "web-1", 1, 0);
    Appsv1__ReplicaSetCondition c = APPSV1__REPLICA_SET_CONDITION__INIT, *list[] = {&c};

    c.type = (char *)"ReplicaFailure", c.status = (char *)"True", c.reason = (char *)"FailedCreate",
    c.message = (char *)"quota";
    fresh->status->n_conditions = 1, fresh->status->conditions = list;
    d->status = next(d, make_set(a, "old", 2, 2), fresh, T(100));
    assert_string_equal(reason_of(d->status, "ReplicaFailure"), "FailedCreate");
    assert_string_equal(dep_condition(d->status, "ReplicaFailure")->message, "quota");
    fresh->status->n_conditions = 0;
    d->status = next(d, make_set(a, "old", 2, 2), fresh, T(101));
    assert_null(dep_condition(d->status, "ReplicaFailure"));
}

static void equal_statuses_are_not_written(void **state)
{
    Appsv1__Deployment *d = make_deployment(a, 2, make_int(a, 1), make_int(a, 0));
    Appsv1__ReplicaSet *old = make_set(a, "old", 2, 2), *fresh = make_set(a, "web-1", 1, 0);

    d->status = next(d, old, fresh, T(100));
    assert_true(dep_status_equal(d->status, next(d, old, fresh, T(200))));
    fresh->status->availablereplicas = 1;
    assert_false(dep_status_equal(d->status, next(d, old, fresh, T(200))));
    assert_false(dep_status_equal(NULL, d->status));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts),
        cmocka_unit_test(a_rollout_progresses_completes_and_stays_complete),
        cmocka_unit_test(a_rollout_that_hangs_times_out),
        cmocka_unit_test(without_deadline_there_is_no_progress_condition),
        cmocka_unit_test(failures_of_sets_show),
        cmocka_unit_test(equal_statuses_are_not_written),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
