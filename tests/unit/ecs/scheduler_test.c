#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/limits.h"
#include "base/buf.h"
#include "ecs/map/scheduler.h"

#define TASKS_MAX 128

/* Tasks as letters: lower case of the primary P, upper case of the older O; s starting, r running, h healthy, x
 * stopping. */
static size_t read_tasks(const char *text, struct service_task *tasks)
{
    static const char states[] = "srhx";
    static char ids[TASKS_MAX][24];
    size_t n = 0;

    for (; *text; text++, n++) {
        char c = (char)(*text | 0x20);

        snprintf(ids[n], sizeof(ids[n]), "t%zu", n);
        tasks[n] = (struct service_task){.id = str_of(ids[n]),
                                         .deployment = c == *text ? STR("P") : STR("O"),
                                         .state = (enum service_task_state)(strchr(states, c) - states),
                                         .created_s = (int64_t)n};
    }
    return n;
}

/* Actions as text: +N start, -ID stop, C complete, F fail, B roll back, R retire, E event. */
static const char *write_plan(struct arena *a, const struct service_plan *plan)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(MIB);

    for (size_t i = 0; i < plan->n; i++) {
        const struct service_action *act = &plan->v[i];

        buf_putc(&b, "+-CFBRE"[act->type]);
        if (act->type == ACTION_START)
            buf_int(&b, act->count);
        buf_str_add(&b, act->type == ACTION_STOP ? act->task : act->instance);
        buf_putc(&b, ' ');
    }
    return arena_strdup(a, buf_str(&b).p);
}

static const struct {
    const char *tasks;
    int64_t desired, min, max, failed, in_row;
    enum service_rollout rollout;
    const char *plan;
} cases[] = {
    {"", 3, 100, 200, 0, 0, ROLLOUT_IN_PROGRESS, "+3 R "},
    {"ss", 3, 100, 200, 0, 0, ROLLOUT_IN_PROGRESS, "+1 R "},
    {"hhh", 3, 100, 200, 0, 0, ROLLOUT_IN_PROGRESS, "R C E E "},
    {"hhh", 3, 100, 200, 0, 0, ROLLOUT_COMPLETED, "R E "},
    {"hrh", 3, 100, 200, 0, 0, ROLLOUT_IN_PROGRESS, "R "},
    {"hhh", 1, 100, 200, 0, 0, ROLLOUT_COMPLETED, "-t2 -t1 R "},
    {"hsh", 2, 100, 200, 0, 0, ROLLOUT_COMPLETED, "-t1 R "},
    {"", 0, 100, 200, 0, 0, ROLLOUT_IN_PROGRESS, "R C E E "},
    {"HHH", 3, 100, 200, 0, 0, ROLLOUT_IN_PROGRESS, "+3 "},
    {"HHHsss", 3, 100, 200, 0, 0, ROLLOUT_IN_PROGRESS, ""},
    {"HHHhss", 3, 100, 200, 0, 0, ROLLOUT_IN_PROGRESS, "-t2 "},
    {"HHHH", 4, 50, 100, 0, 0, ROLLOUT_IN_PROGRESS, "-t3 -t2 "},
    {"HHXX", 4, 50, 100, 0, 0, ROLLOUT_IN_PROGRESS, ""},
    {"HH", 4, 50, 100, 0, 0, ROLLOUT_IN_PROGRESS, "+2 "},
    {"HH", 2, 100, 100, 0, 0, ROLLOUT_IN_PROGRESS, "E "},
    {"HHH", 3, 100, 150, 0, 0, ROLLOUT_IN_PROGRESS, "+1 "},
    {"HHH", 3, 100, 200, 3, 3, ROLLOUT_IN_PROGRESS, "F E B "},
    {"HHH", 3, 100, 200, 2, 2, ROLLOUT_IN_PROGRESS, "+3 "},
    {"HHHs", 3, 100, 200, 3, 3, ROLLOUT_FAILED, ""},
    {"HHH", 3, 100, 200, 0, 3, ROLLOUT_COMPLETED, "E "}, /* waits, and says so */
};

static struct service_deployment deployments[2];

static struct service_state state_of(size_t i, struct service_task *tasks)
{
    deployments[0] = (struct service_deployment){.id = STR("P"),
                                                 .rollout = cases[i].rollout,
                                                 .failed_tasks = cases[i].failed,
                                                 .failures_in_row = cases[i].in_row,
                                                 .last_failure_s = 995};
    deployments[1] = (struct service_deployment){.id = STR("O"), .rollout = ROLLOUT_COMPLETED};
    return (struct service_state){.name = STR("web"),
                                  .desired = cases[i].desired,
                                  .min_percent = cases[i].min,
                                  .max_percent = cases[i].max,
                                  .breaker = true,
                                  .rollback = true,
                                  .has_completed = true,
                                  .deployments = deployments,
                                  .n_deployments = 2,
                                  .tasks = tasks,
                                  .n_tasks = read_tasks(cases[i].tasks, tasks),
                                  .now_s = 1000};
}

static void states_lead_to_plans(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
        struct service_task tasks[TASKS_MAX];
        struct service_state s = state_of(i, tasks);
        struct service_plan plan;
        struct err err = ERR_INIT;

        assert_int_equal(service_plan(a, &s, &plan, &err), 0);
        if (strcmp(write_plan(a, &plan), cases[i].plan) != 0)
            fail_msg("row %zu (%s of %d): %s", i, cases[i].tasks, (int)cases[i].desired, write_plan(a, &plan));
    }
}

/* A rolling deployment carried out turn by turn never leaves the limits, and comes to its end. */
static void a_rolling_deployment_keeps_its_limits(void **state)
{
    static const struct {
        int64_t desired, min, max;
    } rows[] = {{3, 100, 200}, {4, 50, 100}, {10, 80, 120}, {1, 100, 200}, {30, 100, 150}, {5, 0, 100}};

    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        char tasks_text[TASKS_MAX] = "";
        bool done = false;

        memset(tasks_text, 'H', (size_t)rows[k].desired);
        for (int turn = 0; turn < 200 && !done; turn++) {
            _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
            struct service_task tasks[TASKS_MAX];
            struct service_state s = state_of(0, tasks);
            struct service_plan plan;
            struct err err = ERR_INIT;
            char after[TASKS_MAX] = "";
            int64_t healthy = 0, all = 0;
            size_t n = 0;

            s.desired = rows[k].desired, s.min_percent = rows[k].min, s.max_percent = rows[k].max;
            s.n_tasks = read_tasks(tasks_text, tasks);
            assert_int_equal(service_plan(a, &s, &plan, &err), 0);
            for (size_t i = 0; i < plan.n; i++) {
                const struct service_action *act = &plan.v[i];

                done = done || act->type == ACTION_COMPLETE;
                if (act->type == ACTION_STOP)
                    tasks_text[strtol(act->task.p + 1, NULL, 10)] = '-';
                for (int64_t j = 0; act->type == ACTION_START && j < act->count; j++)
                    after[n++] = 's';
            }
            for (size_t i = 0; tasks_text[i]; i++) {
                if (tasks_text[i] != '-') /* the started ones go on, one turn each */
                    after[n++] = tasks_text[i] == 's' ? 'r' : tasks_text[i] == 'r' ? 'h' : tasks_text[i];
                all += tasks_text[i] != '-';
                healthy += tasks_text[i] == 'h' || tasks_text[i] == 'H';
            }
            assert_true(healthy >= service_lower(rows[k].desired, rows[k].min));
            assert_true(all <= service_upper(rows[k].desired, rows[k].max));
            memcpy(tasks_text, after, sizeof(after));
        }
        assert_true(done);
        assert_int_equal(strspn(tasks_text, "h"), rows[k].desired);
    }
}

static void daemons_stand_on_each_instance(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    static const struct str instances[] = {STR("i1"), STR("i2")};
    struct service_task tasks[TASKS_MAX];
    struct service_state s = state_of(0, tasks);
    struct service_plan plan;
    struct err err = ERR_INIT;

    s.daemon = true, s.min_percent = 0, s.instances = instances, s.n_instances = 2, s.n_deployments = 1;
    s.n_tasks = read_tasks("h", tasks);
    tasks[0].instance = STR("i1");
    assert_int_equal(service_plan(a, &s, &plan, &err), 0);
    assert_string_equal(write_plan(a, &plan), "+1i2 ");
    tasks[0].instance = STR("gone");
    assert_int_equal(service_plan(a, &s, &plan, &err), 0);
    assert_string_equal(write_plan(a, &plan), "-t0 +1i1 +1i2 ");
    s.n_tasks = read_tasks("hH", tasks);
    tasks[0].instance = STR("i1"), tasks[1].instance = STR("i2");
    assert_int_equal(service_plan(a, &s, &plan, &err), 0);
    assert_string_equal(write_plan(a, &plan), "-t1 ");
    s.min_percent = 100, s.max_percent = 100;
    assert_int_equal(service_plan(a, &s, &plan, &err), 0);
    assert_string_equal(write_plan(a, &plan), "E ");
    assert_non_null(strstr(plan.v[0].text, "because of the service deployment configuration."));
}

static void a_deleted_service_stops_all(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct service_task tasks[TASKS_MAX];
    struct service_state s = state_of(0, tasks);
    struct service_plan plan;
    struct err err = ERR_INIT;

    s.deleted = true;
    s.n_tasks = read_tasks("hHx", tasks);
    assert_int_equal(service_plan(a, &s, &plan, &err), 0);
    assert_string_equal(write_plan(a, &plan), "-t0 -t1 ");
    assert_string_equal(plan.v[0].text, "Scaling activity initiated by (deployment P)");
}

static void numbers_and_texts_are_those_of_ecs(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    const struct str ids[] = {STR("x"), STR("y")};

    assert_int_equal(service_lower(3, 50), 2);
    assert_int_equal(service_upper(3, 150), 4);
    assert_int_equal(service_breaker_threshold(1), 3);
    assert_int_equal(service_breaker_threshold(9), 5);
    assert_int_equal(service_breaker_threshold(1000), 200);
    assert_string_equal(service_event_started(a, STR("web"), ids, 2),
                        "(service web) has started 2 tasks: (task x) (task y).");
    assert_string_equal(service_event_stopped(a, STR("web"), ids, 1),
                        "(service web) has stopped 1 running tasks: (task x).");
}

static void failures_in_a_row_wait_longer(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct service_task tasks[TASKS_MAX];
    struct service_state s = state_of(0, tasks);
    struct service_plan plan;
    struct err err = ERR_INIT;
    static const int64_t waits[][2] = {{3, 10}, {4, 20}, {5, 40}, {50, 1620}};

    s.n_deployments = 1;
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        deployments[0].failures_in_row = waits[i][0];
        s.said.throttled_s = 0;
        assert_int_equal(service_plan(a, &s, &plan, &err), 0);
        assert_int_equal(plan.again_s, 995 + waits[i][1]);
        assert_string_equal(write_plan(a, &plan), "E ");
        assert_non_null(strstr(plan.v[0].text, "(service web) is unable to consistently start tasks successfully. "));
        s.said = plan.said;
        assert_int_equal(service_plan(a, &s, &plan, &err), 0);
        assert_int_equal(plan.n, 0);
    }
    s.now_s = 995 + 1620;
    assert_int_equal(service_plan(a, &s, &plan, &err), 0);
    assert_string_equal(write_plan(a, &plan), "+3 ");
}

/* Two tasks that fail in turn, each started anew at once: as many rounds as if they failed together. */
static void failures_in_turn_are_rounds_too(void **state)
{
    struct service_failures f = {0};
    struct service_evidence v[8];
    int64_t started = 2;

    for (size_t i = 0; i < ARRAY_LEN(v); i++) { /* task i fails, task i + 2 takes its place */
        v[i] = (struct service_evidence){
            .number = (int64_t)i, .created_s = 100 + (int64_t)i, .stopped_s = 102 + (int64_t)i};
        service_count_failures(&f, v, i + 1, true, started++, v[i].stopped_s);
        assert_int_equal(f.failures_in_row, 1 + i / 2);
        assert_int_equal(f.failed_tasks, i + 1);
        assert_int_equal(f.last_failure_s, v[i].stopped_s);
    }
}

/* What counts as a failure, of which kind. */
static void evidence_is_weighed(void **state)
{
    static const struct {
        struct service_evidence e;
        int64_t failed, in_row;
    } rows[] = {
        {{.created_s = 10}, 0, 0},                                                             /* not there yet */
        {{.created_s = 10, .stopped_s = 12}, 1, 1},                                            /* never ran */
        {{.created_s = 10, .started_s = 11, .stopped_s = 12}, 1, 1},                           /* at once again */
        {{.created_s = 10, .started_s = 11, .stopped_s = 30}, 1, 0},                           /* it ran a while */
        {{.created_s = 10, .started_s = 11, .stopped_s = 51}, 0, 0},                           /* was healthy */
        {{.created_s = 10, .started_s = 11, .stopped_s = 51, .health = HEALTH_UNKNOWN}, 1, 0}, /* was never */
        {{.created_s = 10, .started_s = 11, .stopped_s = 15, .health = HEALTH_HEALTHY}, 0, 0}, /* was at once */
        {{.created_s = 10, .started_s = 11, .health = HEALTH_UNHEALTHY}, 1, 0},                /* is to go */
        {{.created_s = 10, .started_s = 11, .health = HEALTH_UNKNOWN}, 0, 0},                  /* may come */
        {{.created_s = 10, .stopped_s = 12, .asked = true}, 0, 0},                             /* scaled in */
        {{.created_s = 10, .stopped_s = 12, .counted = true}, 0, 0},                           /* known */
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct service_failures f = {0};
        struct service_evidence e = rows[i].e;

        service_count_failures(&f, &e, 1, true, 1, 100);
        if (f.failed_tasks != rows[i].failed || f.failures_in_row != rows[i].in_row)
            fail_msg("row %zu: %d, %d", i, (int)f.failed_tasks, (int)f.failures_in_row);
        assert_int_equal(e.counted, rows[i].e.counted || rows[i].failed);
        service_count_failures(&f, &e, 1, true, 1, 100);
        assert_int_equal(f.failed_tasks, rows[i].failed); /* once */
    }
}

static void unplaced_tasks_are_told_with_ecs_words(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);

    assert_string_equal(service_event_unplaced(a, STR("web"), "RESOURCE:CPU", STR("i1")),
                        "(service web) was unable to place a task because no container instance met all of its "
                        "requirements. The closest matching (container-instance i1) has insufficient CPU units "
                        "available. For more information, see the Troubleshooting section of the Amazon ECS Developer "
                        "Guide.");
    assert_non_null(strstr(service_event_unplaced(a, STR("web"), "RESOURCE:GPU", STR("i1")),
                           "(container-instance i1) encountered error \"RESOURCE:GPU\". "));
    assert_string_equal(service_event_unstartable(a, STR("web"), "why."),
                        "(service web) was unable to place a task. Reason: why.");
    assert_string_equal(service_event_unhealthy(a, STR("web"), STR("t")),
                        "(service web) (task t) failed container health checks.");
}

/* Scale-in: what is the least use goes first, then where most stand, then the youngest; protected ones stay. */
static void the_right_ones_are_scaled_in(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct service_task tasks[TASKS_MAX];
    struct service_state s = state_of(3, tasks);
    struct service_plan plan;
    struct err err = ERR_INIT;

    s.n_deployments = 1;
    s.n_tasks = read_tasks("hhhhhs", tasks);
    static const char *const at[][2] = {{"a", "1"}, {"a", "1"}, {"b", "2"}, {"a", "3"}, {"b", "2"}, {"b", "2"}};
    for (size_t i = 0; i < s.n_tasks; i++)
        tasks[i].zone = str_of(at[i][0]), tasks[i].instance = str_of(at[i][1]);
    s.desired = 2;
    assert_int_equal(service_plan(a, &s, &plan, &err), 0);
    assert_string_equal(write_plan(a, &plan), "-t5 -t1 -t4 -t3 "); /* a 3, b 2 | a 2 b 2: instance 2 | a 2 b 1 */
    tasks[1].protected_until_s = tasks[5].protected_until_s = 1234;
    assert_int_equal(service_plan(a, &s, &plan, &err), 0);
    assert_string_equal(write_plan(a, &plan), "-t4 -t0 -t2 ");
    assert_int_equal(plan.again_s, 1234); /* t3 waits for t5: two healthy ones have to stay */
}

static void causes_that_last_are_told_again_after_six_hours(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct service_task tasks[TASKS_MAX];
    struct service_state s = state_of(3, tasks);
    struct service_plan plan;
    struct err err = ERR_INIT;

    s.n_deployments = 1;
    s.said.steady_s = 1000;
    s.now_s = 1000 + SERVICE_SAY_AGAIN_S - 1;
    assert_int_equal(service_plan(a, &s, &plan, &err), 0);
    assert_int_equal(plan.n, 0);
    assert_int_equal(plan.again_s, s.now_s + 1);
    s.now_s++;
    assert_int_equal(service_plan(a, &s, &plan, &err), 0);
    assert_string_equal(plan.v[0].text, "(service web) has reached a steady state.");
    assert_int_equal(plan.said.steady_s, s.now_s);
    s.n_tasks = 2;
    assert_int_equal(service_plan(a, &s, &plan, &err), 0);
    assert_int_equal(plan.said.steady_s, 0); /* it is told at once when it comes back */
}

/* Replacements first when there is room, else one after the other. */
static void unhealthy_tasks_are_replaced(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    static const struct {
        const char *tasks, *sick;
        int64_t max;
        const char *plan;
    } rows[] = {{"rrh", "110", 200, "+2 -t1 -t0 "},
                {"rrh", "110", 100, "-t1 "},
                {"rrhx", "110", 100, ""},
                {"rrhs", "110", 200, "+1 -t1 -t0 "},
                {"rrh", "110", 134, "+1 -t1 "}};
    struct service_task tasks[TASKS_MAX];
    struct service_plan plan;
    struct err err = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct service_state s = state_of(3, tasks);

        s.n_deployments = 1;
        s.max_percent = rows[i].max;
        s.n_tasks = read_tasks(rows[i].tasks, tasks);
        for (size_t k = 0; rows[i].sick[k]; k++)
            tasks[k].unhealthy = rows[i].sick[k] == '1';
        assert_int_equal(service_plan(a, &s, &plan, &err), 0);
        if (strcmp(write_plan(a, &plan), rows[i].plan) != 0)
            fail_msg("row %zu: %s", i, write_plan(a, &plan));
        if (strchr(rows[i].plan, '-'))
            assert_string_equal(plan.v[plan.n - 1].text, "Task failed container health checks");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_lead_to_plans),
        cmocka_unit_test(a_rolling_deployment_keeps_its_limits),
        cmocka_unit_test(daemons_stand_on_each_instance),
        cmocka_unit_test(a_deleted_service_stops_all),
        cmocka_unit_test(numbers_and_texts_are_those_of_ecs),
        cmocka_unit_test(failures_in_a_row_wait_longer),
        cmocka_unit_test(failures_in_turn_are_rounds_too),
        cmocka_unit_test(evidence_is_weighed),
        cmocka_unit_test(unplaced_tasks_are_told_with_ecs_words),
        cmocka_unit_test(the_right_ones_are_scaled_in),
        cmocka_unit_test(causes_that_last_are_told_again_after_six_hours),
        cmocka_unit_test(unhealthy_tasks_are_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
