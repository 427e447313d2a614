/* What is read of an ECSTask, and what is kept in the service. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/buf.h"
#include "base/limits.h"
#include "ecs/map/service_round.h"
#include "map_doc.h"

static const char service_text[] =
    "{'metadata':{'name':'web','uid':'u'},'spec':{'serviceName':'web','desiredCount':2,"
    "'healthCheckGracePeriodSeconds':30},'status':{'status':'ACTIVE','deployments':[{'id':'ecs-svc/1',"
    "'status':'PRIMARY','rolloutState':'IN_PROGRESS','x':{'revision':'1','started':2}}],'events':[]}}";

#define TASK(status) "{'metadata':{'name':'t'},'spec':{'deployment':'ecs-svc/1','number':3},'status':{" status "}}"

static void tasks_are_read(void **state)
{
    static const struct {
        const char *task;
        bool running, stopping, stopped, asked;
        int64_t started, ended;
    } rows[] = {
        {TASK("'lastStatus':'PENDING','desiredStatus':'RUNNING'"), false, false, false, true, 0, 0},
        {TASK("'lastStatus':'RUNNING','desiredStatus':'RUNNING','startedAt':5"), true, false, false, true, 5, 0},
        {TASK("'lastStatus':'DEACTIVATING','desiredStatus':'STOPPED','startedAt':5,'stoppingAt':9,"
              "'stopCode':'ServiceSchedulerInitiated'"),
         false, true, false, true, 5, 0},
        {TASK("'lastStatus':'DEACTIVATING','desiredStatus':'STOPPED','startedAt':5,'stoppingAt':9,"
              "'stopCode':'EssentialContainerExited'"),
         false, true, false, false, 5, 9},
        {TASK("'lastStatus':'STOPPED','desiredStatus':'STOPPED','stoppingAt':9,'stoppedAt':11,"
              "'stopCode':'TaskFailedToStart'"),
         false, true, true, false, 0, 9},
        {TASK("'lastStatus':'STOPPED','desiredStatus':'STOPPED','stoppedAt':11,'stopCode':'UserInitiated'"), false,
         true, true, true, 0, 11},
        {TASK("'lastStatus':'STOPPED','desiredStatus':'STOPPED','stoppedAt':11,'stopCode':'TerminationNotice'"), false,
         true, true, true, 0, 11},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
        struct round_task t;

        round_task_read(a, doc_of(a, rows[i].task), &t);
        if (t.running != rows[i].running || t.stopping != rows[i].stopping || t.stopped != rows[i].stopped ||
            t.e.asked != rows[i].asked || t.e.started_s != rows[i].started || t.e.stopped_s != rows[i].ended ||
            t.e.number != 3)
            fail_msg("row %zu", i);
    }
}

static struct service_round round_of(struct arena *a, struct round_task *tasks, size_t n, int64_t now_s)
{
    static const bool check[] = {true, true};

    return (struct service_round){
        .a = a, .service = doc_of(a, service_text), .now_s = now_s, .tasks = tasks, .n_tasks = n, .has_check = check};
}

static struct round_task running(const char *id, const char *health)
{
    return (struct round_task){.id = str_of(id),
                               .deployment = STR("ecs-svc/1"),
                               .running = true,
                               .health = str_of(health),
                               .e = {.created_s = 90, .started_s = 100, .asked = true}};
}

/* Before the grace period is over, failing checks say nothing; then they do, once. */
static void failing_checks_have_their_grace(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct round_task tasks[] = {running("t1", "UNHEALTHY"), running("t2", "HEALTHY")};
    struct service_round r = round_of(a, tasks, 2, 129);
    struct service_state s;
    struct err err = ERR_INIT;

    service_round_count(&r);
    assert_int_equal(service_round_state(&r, &s, &err), 0);
    assert_false(s.tasks[0].unhealthy);
    assert_int_equal(s.tasks[0].state, TASK_RUNNING);
    assert_int_equal(s.tasks[0].due_s, 130);
    assert_int_equal(s.tasks[1].state, TASK_HEALTHY);
    r.now_s = 130;
    for (int i = 0; i < 3; i++)
        service_round_count(&r);
    assert_int_equal(service_round_state(&r, &s, &err), 0);
    assert_true(s.tasks[0].unhealthy);
    assert_doc(a, r.service, "status/deployments/0/failedTasks", "1");
    assert_doc(a, r.service, "status/deployments/0/x/counted", "['t1']");
    assert_doc(a, r.service, "status/events/0/message", "'(service web) (task t1) failed container health checks.'");
    assert_int_equal(doc_count(doc_path(r.service, "status.events")), 1);
    r.n_tasks = 0; /* gone: its id is forgotten */
    service_round_count(&r);
    assert_doc(a, r.service, "status/deployments/0/x/counted", "[]");
}

/* The list of counted tasks has an end. */
static void counted_tasks_are_bounded(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 * MIB);
    enum { N = ROUND_COUNTED_MAX + 10 };
    struct round_task *tasks = arena_calloc(a, N, sizeof(*tasks));
    struct service_round r = round_of(a, tasks, N, 200);

    for (size_t i = 0; i < N; i++)
        tasks[i] = (struct round_task){.id = str_of(arena_printf(a, "task-%zu", i)),
                                       .deployment = STR("ecs-svc/1"),
                                       .stopping = true,
                                       .stopped = true,
                                       .e = {.number = (int64_t)i, .created_s = 100, .stopped_s = 150}};
    for (int i = 0; i < 3; i++)
        service_round_count(&r);
    assert_int_equal(doc_int_or(doc_get(service_primary(r.service), "failedTasks"), 0), N);
    assert_int_equal(doc_count(doc_path(service_primary(r.service), "x.counted")), 0);
    tasks[0].e.stopped_s = 201; /* one that ends later is another matter */
    r.now_s = 202;
    service_round_count(&r);
    assert_int_equal(doc_int_or(doc_get(service_primary(r.service), "failedTasks"), 0), N + 1);
}

static void unplaced_tasks_are_told_once(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct service_round r = round_of(a, NULL, 0, 1000);

    for (int i = 0; i < 3; i++)
        service_round_unplaced(&r, "one");
    service_round_unplaced(&r, "two");
    service_round_unplaced(&r, NULL);
    service_round_unplaced(&r, "two");
    r.now_s += SERVICE_SAY_AGAIN_S;
    service_round_unplaced(&r, "two");
    assert_int_equal(doc_count(doc_path(r.service, "status.events")), 4);
}

/* A stop that was told before a crash is not told again; the numbers are those after the plan. */
static void plans_change_the_service(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct round_task tasks[] = {running("t1", "HEALTHY"), running("t2", "UNKNOWN"), running("t3", "HEALTHY")};
    struct service_round r = round_of(a, tasks, 3, 200);
    struct service_state s;
    struct service_plan plan;
    struct err err = ERR_INIT;

    tasks[1].running = false;
    for (int i = 0; i < 2; i++) {
        service_round_count(&r);
        assert_int_equal(service_round_state(&r, &s, &err), 0);
        assert_int_equal(service_plan(a, &s, &plan, &err), 0);
        service_round_apply(&r, &s, &plan, NULL, NULL);
        service_round_numbers(&r, &plan, 0);
    }
    assert_doc(a, r.service, "status/events/0/message", "'(service web) has stopped 1 running tasks: (task t2).'");
    assert_int_equal(doc_count(doc_path(r.service, "status.events")), 1);
    assert_doc(a, r.service, "status/runningCount", "2");
    assert_doc(a, r.service, "status/pendingCount", "0");
    assert_int_equal(service_round_reserve(&r, 4), 2);
    assert_doc(a, r.service, "status/deployments/0/x/started", "6");
    assert_string_equal(service_round_task_key(a, r.service, STR("ecs-svc/1"), 5), "u\necs-svc/1\n5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_are_read),
        cmocka_unit_test(failing_checks_have_their_grace),
        cmocka_unit_test(counted_tasks_are_bounded),
        cmocka_unit_test(unplaced_tasks_are_told_once),
        cmocka_unit_test(plans_change_the_service),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
