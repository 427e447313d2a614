#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/buf.h"
#include "base/limits.h"
#include "ecs/map/service.h"
#include "map_doc.h"

#define ARN "arn:aws:ecs:us-east-1:000000000000:"
#define SPEC                                                                                                           \
    "{'serviceArn':'" ARN "service/demo/web','serviceName':'web','clusterArn':'" ARN                                   \
    "cluster/demo','clusterName':'demo','taskDefinition':'" ARN                                                        \
    "task-definition/web:1','desiredCount':3,'launchType':'FARGATE','platformVersion':'LATEST','request':'1',"         \
    "'schedulingStrategy':'REPLICA','createdAt':5,'tags':[{'key':'a','value':'b'}],'deploymentConfiguration':"         \
    "{'deploymentCircuitBreaker':{'enable':true,'rollback':true}}}"
#define TASKDEF "{'containerDefinitions':[{'name':'web','image':'busybox'}]}"

static struct doc *fresh(struct arena *a)
{
    return service_new(a, "ecs-demo", "web", doc_of(a, SPEC));
}

/* The n-th deployment of a test, with ids that tell them apart. */
static struct service_ids ids_of(uint64_t n)
{
    const uint64_t random[4] = {n, n, n, n};
    struct service_ids ids;

    service_ids_from(random, &ids);
    return ids;
}

static struct doc *deploy(struct arena *a, struct doc *service, uint64_t n)
{
    struct service_ids ids = ids_of(n);
    struct doc *revision = service_revision_new(a, service, doc_of(a, TASKDEF), ids.revision, (int64_t)n);

    assert_true(service_deploy(a, service, doc_get(revision, "spec"), &ids, (int64_t)n));
    return revision;
}

static void set_started(struct arena *a, struct doc *deployment)
{
    struct service_x x;

    service_x_get(deployment, &x);
    x.started = 3;
    service_x_set(a, deployment, &x);
}

static void ids_have_the_forms_of_the_api(void **state)
{
    static const uint64_t randoms[][4] = {{0, 0, 0, 0}, {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    struct service_ids ids;

    for (size_t i = 0; i < ARRAY_LEN(randoms); i++) {
        service_ids_from(randoms[i], &ids);
        assert_int_equal(strlen(ids.deployment), 8 + 19);
        assert_int_equal(strlen(ids.revision), 19);
        assert_int_equal(strspn(ids.revision, "0123456789"), 19);
        assert_int_equal(strlen(ids.service_deployment), SERVICE_DEPLOYMENT_ID_LEN);
    }
    service_ids_from(randoms[0], &ids);
    assert_string_equal(ids.deployment, "ecs-svc/1000000000000000000");
}

static void a_deployment_comes_in_front(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *s = fresh(a);

    deploy(a, s, 1);
    set_started(a, service_primary(s));
    deploy(a, s, 2);
    assert_doc(a, s, "status/deployments/0/status", "'PRIMARY'");
    assert_doc(a, s, "status/deployments/0/id", "'ecs-svc/1000000000000000002'");
    assert_doc(a, s, "status/deployments/0/platformVersion", "'1.4.0'");
    assert_doc(a, s, "status/deployments/0/desiredCount", "3");
    assert_doc(a, s, "status/deployments/0/rolloutStateReason",
               "'ECS deployment ecs-svc/1000000000000000002 in progress.'");
    assert_doc(a, s, "status/deployments/1/status", "'ACTIVE'");
    /* One that has started nothing is not needed once it is replaced. */
    deploy(a, s, 3);
    assert_int_equal(doc_count(service_deployments(s)), 2);
    assert_doc(a, s, "status/deployments/1/id", "'ecs-svc/1000000000000000001'");
    service_retire(s, STR("ecs-svc/1000000000000000001"));
    assert_int_equal(doc_count(service_deployments(s)), 1);
}

static void live_deployments_have_a_ceiling(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(8 * MIB);
    struct service_ids ids = ids_of(1000);
    struct doc *s = fresh(a);

    for (uint64_t i = 0; i < SERVICE_DEPLOYMENTS_MAX; i++) {
        deploy(a, s, i);
        set_started(a, service_primary(s));
    }
    assert_false(service_deploy(a, s, doc_get(s, "spec"), &ids, 1));
    assert_int_equal(doc_count(service_deployments(s)), SERVICE_DEPLOYMENTS_MAX);
}

static void the_view_has_no_private_members(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *s = fresh(a), *v;

    deploy(a, s, 1);
    v = service_view(a, s, false);
    assert_doc(a, v, "deployments/0/x", NULL);
    assert_doc(a, v, "clusterName", NULL);
    assert_doc(a, v, "request", NULL);
    assert_doc(a, v, "tags", NULL);
    assert_doc(a, v, "status", "'ACTIVE'");
    assert_doc(a, v, "platformVersion", "'LATEST'");
    assert_doc(a, v, "loadBalancers", "[]");
    assert_doc(a, v, "events", "[]");
    assert_doc(a, v, "healthCheckGracePeriodSeconds", "0");
    assert_doc(a, v, "currentServiceRevisions/0",
               "{'arn':'" ARN "service-revision/demo/web/1000000000000000001','requestedTaskCount':3,"
               "'runningTaskCount':0,'pendingTaskCount':0}");
    assert_doc(a, service_view(a, s, true), "tags", "[{'key':'a','value':'b'}]");
    assert_doc(a, s, "status/deployments/0/x/revision", "'1000000000000000001'"); /* the object keeps them */
}

static void events_are_newest_first_and_at_most_100(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *s = fresh(a);
    char text[32];

    for (int i = 1; i <= 103; i++) {
        snprintf(text, sizeof(text), "event %d", i);
        service_add_event(a, s, str_of(text), i);
    }
    struct doc *events = doc_path(s, "status.events");
    assert_int_equal(doc_count(events), 100);
    assert_doc(a, events, "0/message", "'event 103'");
    assert_doc(a, events, "0/createdAt", "103");
    assert_true(str_is(doc_str(doc_get(doc_at(events, 99), "message")), "event 4"));
    assert_int_equal(doc_str(doc_get(doc_at(events, 0), "id")).n, 36);
    assert_false(str_eq(doc_str(doc_get(doc_at(events, 0), "id")), doc_str(doc_get(doc_at(events, 1), "id"))));
}

static void limits_have_the_defaults_of_the_strategy(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *s = fresh(a);
    struct service_limits l = service_limits(s);

    assert_true(l.min_percent == 100 && l.max_percent == 200 && l.breaker && l.rollback);
    l = service_limits(doc_of(a, "{'spec':{'schedulingStrategy':'DAEMON'}}"));
    assert_true(l.min_percent == 0 && l.max_percent == 100 && !l.breaker && !l.rollback);
    l = service_limits(doc_of(a, "{'spec':{'deploymentConfiguration':{'minimumHealthyPercent':50,'maximumPercent':150,"
                                 "'deploymentCircuitBreaker':{'enable':false,'rollback':true}}}}"));
    assert_true(l.min_percent == 50 && l.max_percent == 150 && !l.breaker && !l.rollback);
}

static void counts_say_whether_they_changed(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct service_counts n = {.desired = 3, .running = 1, .pending = 2};
    struct doc *s = fresh(a);

    deploy(a, s, 1);
    assert_true(service_set_counts(a, service_primary(s), &n, 9));
    assert_false(service_set_counts(a, service_primary(s), &n, 10));
    assert_doc(a, s, "status/deployments/0/updatedAt", "9");
}

static struct doc *sd_of(struct arena *a, struct doc *s, const struct doc *source)
{
    return service_deployment_new(a, s, service_primary(s), source);
}

static void a_service_deployment_follows_to_success(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *s = fresh(a), *sd;

    deploy(a, s, 1);
    sd = sd_of(a, s, NULL);
    assert_doc(a, sd, "status/status", "'PENDING'");
    assert_true(service_deployment_follow(a, sd, s, 10));
    assert_false(service_deployment_follow(a, sd, s, 11));
    assert_doc(a, sd, "status/status", "'IN_PROGRESS'");
    assert_doc(a, sd, "status/deploymentCircuitBreaker", "{'status':'MONITORING','failureCount':0,'threshold':3}");
    service_set_rollout(a, s, service_primary(s), "COMPLETED", STR("done"), 20);
    assert_doc(a, s, "status/lastCompletedRevision", "'1000000000000000001'");
    assert_true(service_deployment_follow(a, sd, s, 20));
    assert_doc(a, sd, "status/status", "'SUCCESSFUL'");
    assert_doc(a, sd, "status/finishedAt", "20");
    assert_doc(a, sd, "status/deploymentCircuitBreaker/status", "'MONITORING_COMPLETE'");
    service_drain(a, s, 30);
    assert_false(service_deployment_follow(a, sd, s, 30)); /* an end is an end */
}

/* Revision 1 is completed, revision 2 fails. */
static void fail_second(struct arena *a, struct doc *s, struct doc **revision, struct doc **sd)
{
    *revision = deploy(a, s, 1);
    set_started(a, service_primary(s));
    service_set_rollout(a, s, service_primary(s), "COMPLETED", STR("done"), 1);
    doc_set_path(a, s, "spec.taskDefinition", doc_string(a, STR("bad")));
    deploy(a, s, 2);
    *sd = sd_of(a, s, doc_at(service_deployments(s), 1));
    set_started(a, service_primary(s));
    assert_true(service_deployment_follow(a, *sd, s, 2));
}

static void the_breaker_rolls_back(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *s = fresh(a), *first, *sd;
    struct service_ids ids = ids_of(3);

    fail_second(a, s, &first, &sd);
    assert_true(str_is(service_rollback_revision(s), "1000000000000000001"));
    service_set_rollout(a, s, service_primary(s), "FAILED", STR("breaker"), 3);
    assert_true(service_roll_back(a, s, first, &ids, 3));
    assert_doc(a, s, "spec/taskDefinition", "'" ARN "task-definition/web:1'");
    assert_doc(a, s, "spec/platformVersion", "'LATEST'");
    assert_doc(a, s, "status/deployments/0/platformVersion", "'1.4.0'");
    assert_doc(a, s, "status/deployments/0/x/isRollback", "true");
    assert_doc(a, s, "status/deployments/0/taskDefinition", "'" ARN "task-definition/web:1'");
    assert_true(str_is(service_rollback_revision(s), ""));
    assert_true(service_deployment_follow(a, sd, s, 4));
    assert_doc(a, sd, "status/status", "'ROLLBACK_IN_PROGRESS'");
    assert_doc(a, sd, "status/deploymentCircuitBreaker/status", "'TRIGGERED'");
    assert_doc(a, sd, "status/rollback/serviceRevisionArn", "'" ARN "service-revision/demo/web/1000000000000000001'");
    service_set_rollout(a, s, service_primary(s), "COMPLETED", STR("done"), 5);
    assert_true(service_deployment_follow(a, sd, s, 5));
    assert_doc(a, sd, "status/status", "'ROLLBACK_SUCCESSFUL'");
    assert_doc(a, sd, "status/finishedAt", "5");
}

static void a_rollback_that_was_asked_for_says_so_to_the_end(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *s = fresh(a), *first, *sd;
    struct service_ids ids = ids_of(3);
    struct service_x x;

    fail_second(a, s, &first, &sd);
    service_x_get(service_primary(s), &x);
    x.stopped = true;
    service_x_set(a, service_primary(s), &x);
    assert_true(service_roll_back(a, s, first, &ids, 3));
    assert_true(service_deployment_follow(a, sd, s, 4));
    assert_doc(a, sd, "status/deploymentCircuitBreaker/status", "'MONITORING_COMPLETE'");
    service_retire(s, STR("ecs-svc/1000000000000000002"));
    service_set_rollout(a, s, service_primary(s), "COMPLETED", STR("done"), 5);
    assert_true(service_deployment_follow(a, sd, s, 5));
    assert_doc(a, sd, "status/status", "'ROLLBACK_SUCCESSFUL'");
    assert_doc(a, sd, "status/rollback/reason", "'Service deployment rolled back because of a request to stop it.'");
    assert_doc(a, sd, "status/deploymentCircuitBreaker/status", "'MONITORING_COMPLETE'");
}

static void without_rollback_it_is_stopped(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *s = fresh(a), *first, *sd;

    fail_second(a, s, &first, &sd);
    service_set_rollout(a, s, service_primary(s), "FAILED", STR("breaker"), 3);
    assert_true(service_deployment_follow(a, sd, s, 4));
    assert_doc(a, sd, "status/status", "'STOPPED'");
    assert_doc(a, sd, "status/stoppedAt", "4");
    assert_doc(a, sd, "status/deploymentCircuitBreaker/status", "'TRIGGERED'");
}

static void a_newer_one_stops_it(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *s = fresh(a), *first, *sd;

    fail_second(a, s, &first, &sd);
    deploy(a, s, 4);
    assert_true(service_deployment_follow(a, sd, s, 5));
    assert_doc(a, sd, "status/status", "'STOPPED'");
}

/* A gateway may follow with a service that it has read before another one has deployed. */
static void an_older_service_says_nothing(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *s = fresh(a), *before, *sd;

    deploy(a, s, 1);
    before = doc_clone(a, s, false);
    deploy(a, s, 2);
    sd = sd_of(a, s, NULL);
    assert_false(service_deployment_follow(a, sd, before, 5));
    assert_doc(a, sd, "status/status", "'PENDING'");
    assert_true(service_deployment_follow(a, sd, s, 5));
    /* One of the same name that came after it does. */
    struct doc *next = fresh(a);
    service_succeed(a, next, s);
    deploy(a, next, 3);
    assert_true(service_deployment_follow(a, sd, next, 6));
    assert_doc(a, sd, "status/status", "'STOPPED'");
}

static void deleting_drains_and_ends(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *s = fresh(a), *sd;

    deploy(a, s, 1);
    sd = sd_of(a, s, NULL);
    service_drain(a, s, 7);
    assert_doc(a, s, "status/status", "'DRAINING'");
    assert_doc(a, s, "spec/desiredCount", "0");
    assert_doc(a, s, "status/deployments/0/desiredCount", "0");
    assert_true(service_deployment_follow(a, sd, s, 7));
    assert_doc(a, sd, "status/status", "'STOPPED'");
    service_end(a, s, 8);
    assert_doc(a, s, "status/status", "'INACTIVE'");
    assert_doc(a, s, "status/deployments", "[]");
    assert_doc(a, s, "status/inactiveAt", "8");
}

static void a_revision_keeps_what_was_deployed(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *s = fresh(a), *r = deploy(a, s, 1);

    assert_doc(a, r, "metadata", "{'name':'1000000000000000001','namespace':'ecs-demo'}");
    assert_doc(a, r, "spec/platformVersion", "'1.4.0'");
    assert_doc(a, r, "spec/containerImages", "[{'containerName':'web','image':'busybox'}]");
    assert_doc(a, r, "spec/serviceRevisionArn", "'" ARN "service-revision/demo/web/1000000000000000001'");
}

/* --- a life at random --- */

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

static struct doc *any_deployment(const struct doc *s, uint32_t r)
{
    size_t n = doc_count(service_deployments(s));

    return n ? doc_at(service_deployments(s), r % n) : NULL;
}

static void live_a_step(struct arena *a, struct doc *s, struct doc *revision, uint32_t r, int64_t now_s)
{
    static const char *const rollouts[] = {"COMPLETED", "FAILED"};
    struct service_ids ids = ids_of((uint64_t)now_s + 100);
    struct doc *d = any_deployment(s, r / 8);

    bool full = doc_count(service_deployments(s)) == SERVICE_DEPLOYMENTS_MAX;

    if (r % 8 < 2)
        assert_true(service_deploy(a, s, doc_get(revision, "spec"), &ids, now_s) || full);
    else if (r % 8 == 2)
        assert_true(service_roll_back(a, s, revision, &ids, now_s) != full);
    else if (r % 8 == 3)
        doc_foreach (service_deployments(s), each)
            set_started(a, each);
    else if (d && r % 8 == 4)
        service_set_rollout(a, s, d, rollouts[r / 64 % 2], STR("so it is"), now_s);
    else if (d && r % 64 == 5 && d != service_primary(s))
        service_retire(s, doc_str(doc_get(d, "id")));
    else if (r % 8 == 6)
        service_set_desired(a, s, r / 8 % 10, now_s);
    else
        service_add_event(a, s, STR("something"), now_s);
}

static void check_service(struct arena *a, const struct doc *s)
{
    size_t i = 0;

    assert_true(doc_count(service_deployments(s)) <= SERVICE_DEPLOYMENTS_MAX);
    assert_true(doc_count(doc_path(s, "status.events")) <= SERVICE_EVENTS_MAX);
    doc_foreach (service_deployments(s), d) {
        assert_true(str_is(doc_str(doc_get(d, "status")), i ? "ACTIVE" : "PRIMARY"));
        assert_ptr_equal(service_deployment_of(s, doc_str(doc_get(d, "id"))), d); /* no id twice */
        i++;
    }
    doc_foreach (doc_get(service_view(a, s, true), "deployments"), d)
        assert_null(doc_get(d, "x"));
}

/* Whatever happens, one deployment is PRIMARY, ids are unique, ceilings hold, and a record that has ended stays. */
static void at_no_moment_it_is_out_of_shape(void **state)
{
    size_t fullest = 0;

    for (uint32_t seed = 1; seed <= 20; seed++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(64 * MIB);
        uint32_t random = seed;
        struct doc *s = fresh(a), *revision = deploy(a, s, 1), *sd = NULL;

        for (int64_t now_s = 2; now_s < 400; now_s++) {
            live_a_step(a, s, revision, next_random(&random), now_s);
            check_service(a, s);
            if (sd && service_deployment_ended(sd))
                assert_false(service_deployment_follow(a, sd, s, now_s));
            if (!sd || service_deployment_ended(sd))
                sd = service_deployment_new(a, s, service_primary(s), NULL);
            else
                (void)service_deployment_follow(a, sd, s, now_s);
        }
        assert_false(arena_overflow(a));
        fullest = MAX_OF(fullest, doc_count(service_deployments(s)));
        service_drain(a, s, 500);
        (void)service_deployment_follow(a, sd, s, 500);
        assert_true(service_deployment_ended(sd));
        service_end(a, s, 501);
        check_service(a, s);
    }
    assert_int_equal(fullest, SERVICE_DEPLOYMENTS_MAX); /* the ceiling was among it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_have_the_forms_of_the_api),
        cmocka_unit_test(a_deployment_comes_in_front),
        cmocka_unit_test(live_deployments_have_a_ceiling),
        cmocka_unit_test(the_view_has_no_private_members),
        cmocka_unit_test(events_are_newest_first_and_at_most_100),
        cmocka_unit_test(limits_have_the_defaults_of_the_strategy),
        cmocka_unit_test(counts_say_whether_they_changed),
        cmocka_unit_test(a_service_deployment_follows_to_success),
        cmocka_unit_test(the_breaker_rolls_back),
        cmocka_unit_test(a_rollback_that_was_asked_for_says_so_to_the_end),
        cmocka_unit_test(without_rollback_it_is_stopped),
        cmocka_unit_test(a_newer_one_stops_it),
        cmocka_unit_test(an_older_service_says_nothing),
        cmocka_unit_test(deleting_drains_and_ends),
        cmocka_unit_test(at_no_moment_it_is_out_of_shape),
        cmocka_unit_test(a_revision_keeps_what_was_deployed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
