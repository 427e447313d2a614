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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_lead_to_plans),
        cmocka_unit_test(a_rolling_deployment_keeps_its_limits),
        cmocka_unit_test(daemons_stand_on_each_instance),
        cmocka_unit_test(a_deleted_service_stops_all),
        cmocka_unit_test(numbers_and_texts_are_those_of_ecs),
        cmocka_unit_test(failures_in_a_row_wait_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
