/* A service lived through at random, second by second: tasks start, fail, become healthy and sick, instances drain,
 * deployments come, the process is killed between its write and what it decided, writes are lost to another gateway. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "ecs/map/service_round.h"
#include "map_doc.h"

#define TASKS_MAX 4096
#define INSTANCES 3
#define ARN "arn:aws:ecs:us-east-1:000000000000:"
#define SPEC                                                                                                           \
    "{'serviceArn':'" ARN "service/demo/web','serviceName':'web','clusterArn':'" ARN                                   \
    "cluster/demo','taskDefinition':'" ARN "task-definition/web:1','desiredCount':3,'createdAt':5,"                    \
    "'schedulingStrategy':'REPLICA'}"

/* What becomes of the tasks of a deployment. */
enum fate { GOOD, NO_START, CRASHES, SICK };
enum life { STARTING, RUNNING, HEALTHY, UNHEALTHY, STOPPING, STOPPED };

struct sim_task {
    char id[64], deployment[32];
    enum fate fate;
    enum life life;
    size_t instance;
    int64_t number, created, started, stopped, next;
    bool asked;
};

struct sim {
    unsigned seed;
    struct arena *a; /* of one step */
    char *text;      /* the service between the steps, as it is stored */
    struct sim_revision {
        char *text; /* the object */
        enum fate fate;
    } revisions[256];
    size_t n_revisions;
    int64_t now;
    struct sim_task tasks[TASKS_MAX];
    size_t n_tasks;
    bool draining[INSTANCES];
    bool daemon;
    enum fate fate; /* of the tasks of the newest deployment that was not a rollback */
    uint64_t deployments;
    int64_t highest; /* tasks alive, at any time, above what was allowed then */
    size_t rounds, starts;
};

static unsigned roll(struct sim *s, unsigned n)
{
    return (unsigned)rand_r(&s->seed) % n;
}

static void store(struct sim *s, const struct doc *service)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(4 * MIB);

    json_write(&b, service);
    free(s->text);
    s->text = strndup(buf_str(&b).p, b.len);
}

static struct doc *load(struct sim *s)
{
    struct err err = ERR_INIT;
    struct doc *d = NULL;

    assert_int_equal(json_parse(s->a, str_of(arena_strdup(s->a, s->text)), NULL, &d, &err), 0);
    return d;
}

static void set_config(struct sim *s, int64_t min, int64_t max, bool breaker, bool rollback)
{
    struct doc *d = load(s);
    const char *text =
        arena_printf(s->a,
                     "{'minimumHealthyPercent':%lld,'maximumPercent':%lld,'deploymentCircuitBreaker':{'enable':%s,"
                     "'rollback':%s}}",
                     (long long)min, (long long)max, breaker ? "true" : "false", rollback ? "true" : "false");

    doc_set_path(s->a, d, "spec.deploymentConfiguration", doc_of(s->a, text));
    store(s, d);
}

static void deploy(struct sim *s, enum fate fate)
{
    struct doc *d = load(s);
    uint64_t n = ++s->deployments;
    struct service_ids ids;
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(MIB);

    service_ids_from((uint64_t[4]){n, n, n, n}, &ids);
    struct doc *revision = service_revision_new(s->a, d, NULL, ids.revision, s->now);
    s->fate = fate;
    assert_true(service_deploy(s->a, d, doc_get(revision, "spec"), &ids, s->now));
    json_write(&b, revision);
    assert_true(s->n_revisions < ARRAY_LEN(s->revisions));
    s->revisions[s->n_revisions++] = (struct sim_revision){strndup(buf_str(&b).p, b.len), fate};
    store(s, d);
}

static void begin(struct sim *s, unsigned seed)
{
    struct doc *service;

    memset(s, 0, sizeof(*s));
    s->seed = seed;
    s->a = arena_new(64 * MIB);
    s->now = 1000;
    service = service_new(s->a, "ecs-demo", "web", doc_of(s->a, SPEC));
    doc_set_path(s->a, service, "metadata.uid", doc_string(s->a, STR("the-uid")));
    store(s, service);
    deploy(s, GOOD);
}

static void end(struct sim *s)
{
    free(s->text);
    for (size_t i = 0; i < s->n_revisions; i++)
        free(s->revisions[i].text);
    arena_free(s->a);
}

static void set_desired(struct sim *s, int64_t n)
{
    struct doc *d = load(s);

    service_set_desired(s->a, d, n, s->now);
    store(s, d);
}

/* --- the world --- */

/* It is told at the first sign, and takes its time. */
static void ends(struct sim *s, struct sim_task *t)
{
    t->life = STOPPING;
    t->stopped = s->now;
}

static void live(struct sim *s, struct sim_task *t)
{
    if (t->life == STOPPED || s->now < t->next)
        return;
    t->next = s->now + 1 + roll(s, 3);
    if (t->life == STOPPING) {
        t->life = STOPPED;
        t->stopped = t->stopped ? t->stopped : s->now;
    } else if (t->life == STARTING && t->fate == NO_START) {
        ends(s, t);
    } else if (t->life == STARTING) {
        t->life = RUNNING;
        t->started = s->now;
    } else if (t->life == RUNNING && t->fate == CRASHES) {
        ends(s, t);
    } else if (t->life == RUNNING) {
        t->life = t->fate == SICK ? UNHEALTHY : HEALTHY;
    }
}

/* --- a round, as the controller makes it --- */

static struct round_task round_task_of(const struct sim_task *t)
{
    bool up = t->life == RUNNING || t->life == HEALTHY || t->life == UNHEALTHY;
    static const char names[][2] = {"0", "1", "2"};

    return (struct round_task){.id = str_of(t->id),
                               .deployment = str_of(t->deployment),
                               .instance = str_of(names[t->instance]),
                               .running = up,
                               .stopping = t->life == STOPPING || t->life == STOPPED,
                               .stopped = t->life == STOPPED,
                               .health = t->life == HEALTHY     ? STR("HEALTHY")
                                         : t->life == UNHEALTHY ? STR("UNHEALTHY")
                                                                : STR("UNKNOWN"),
                               .e = {.number = t->number,
                                     .created_s = t->created,
                                     .started_s = t->started,
                                     .stopped_s = t->stopped,
                                     .asked = t->asked}};
}

static int64_t count_life(const struct sim *s, enum life from, enum life to)
{
    int64_t n = 0;

    for (size_t i = 0; i < s->n_tasks; i++)
        n += s->tasks[i].life >= from && s->tasks[i].life <= to;
    return n;
}

static struct sim_task *find(struct sim *s, struct str id)
{
    for (size_t i = 0; i < s->n_tasks; i++)
        if (str_is(id, s->tasks[i].id))
            return &s->tasks[i];
    return NULL;
}

static bool any(void *ctx, const struct doc *deployment)
{
    return true;
}

/* The numbers of a plan against the limits at this moment. */
static void check_plan(struct sim *s, const struct service_state *st, const struct service_plan *plan)
{
    int64_t desired = s->daemon ? (int64_t)st->n_instances : st->desired;
    int64_t lower = service_lower(desired, st->min_percent), upper = service_upper(desired, st->max_percent);
    int64_t healthy = count_life(s, HEALTHY, HEALTHY), held = count_life(s, STARTING, STOPPING);
    int64_t stops_healthy = 0, starts = 0;

    for (size_t i = 0; i < plan->n; i++) {
        if (plan->v[i].type == ACTION_START)
            starts += plan->v[i].count;
        if (plan->v[i].type != ACTION_STOP)
            continue;
        const struct sim_task *t = find(s, plan->v[i].task);
        assert_non_null(t);
        assert_true(t->life < STOPPING);
        stops_healthy += t->life == HEALTHY && !(s->daemon && s->draining[t->instance]);
    }
    if (stops_healthy)
        assert_true(healthy - stops_healthy >= lower);
    if (starts && !s->daemon)
        assert_true(held + starts <= upper);
    assert_true(starts <= SERVICE_BATCH_MAX);
}

/* A DAEMON's task has its instance for itself, as long as it has not stopped. */
static void check_alone(const struct sim *s, const struct sim_task *t)
{
    for (size_t i = 0; s->daemon && i < s->n_tasks; i++)
        assert_true(s->tasks[i].life == STOPPED || s->tasks[i].instance != t->instance);
}

static void carry_out(struct sim *s, const struct doc *service, const struct service_plan *plan, struct str deployment,
                      int64_t first, enum fate fate)
{
    for (size_t i = 0; i < plan->n; i++) {
        const struct service_action *act = &plan->v[i];

        if (act->type == ACTION_STOP) {
            struct sim_task *t = find(s, act->task);
            t->life = STOPPING;
            t->asked = true;
            t->next = s->now + 1 + roll(s, 3);
        }
        for (int64_t k = 0; act->type == ACTION_START && k < act->count; k++) {
            assert_true(s->n_tasks < TASKS_MAX);
            struct sim_task *t = &s->tasks[s->n_tasks];
            const char *id = service_round_task_key(s->a, service, deployment, first);

            assert_null(find(s, str_of(id))); /* nothing is started twice */
            *t = (struct sim_task){.fate = fate, .number = first++, .created = s->now, .next = s->now + 1 + roll(s, 3)};
            snprintf(t->id, sizeof(t->id), "%s", id);
            str_copy(t->deployment, sizeof(t->deployment), deployment);
            do
                t->instance = act->instance.n ? (size_t)(act->instance.p[0] - '0') : roll(s, INSTANCES);
            while (s->draining[t->instance] && roll(s, 8));
            check_alone(s, t);
            s->n_tasks++;
            s->starts++;
        }
    }
}

static void roll_back(struct sim *s, struct doc *service)
{
    struct err err = ERR_INIT;
    struct service_ids ids;
    struct doc *revision = NULL;
    uint64_t n = ++s->deployments;

    service_ids_from((uint64_t[4]){n, n, n, n}, &ids);
    for (size_t i = 0; i < s->n_revisions; i++) {
        assert_int_equal(json_parse(s->a, str_of(s->revisions[i].text), NULL, &revision, &err), 0);
        if (!str_eq(doc_str(doc_path(revision, "metadata.name")), service_rollback_revision(service)))
            continue;
        s->fate = s->revisions[i].fate;
        assert_true(service_roll_back(s->a, service, revision, &ids, s->now));
        return;
    }
    fail_msg("there is no revision to roll back to");
}

enum fault { NONE, LOST, KILLED }; /* the write is another one's; the process dies behind the write */

static struct service_plan one_round(struct sim *s, enum fault fault)
{
    static const struct round_instance names[] = {
        {STR("0"), STR("a"), false}, {STR("1"), STR("a"), false}, {STR("2"), STR("b"), false}};
    struct round_instance instances[INSTANCES];
    bool checks[SERVICE_DEPLOYMENTS_MAX];
    struct round_task *tasks = arena_calloc(s->a, s->n_tasks + 1, sizeof(*tasks));
    struct doc *service = load(s);
    struct service_round r = {.a = s->a,
                              .service = service,
                              .now_s = s->now,
                              .tasks = tasks,
                              .n_tasks = s->n_tasks,
                              .has_check = checks,
                              .instances = instances,
                              .n_instances = INSTANCES};
    struct service_state state;
    struct service_plan plan;
    struct err err = ERR_INIT;
    int64_t first = 0, starts = 0;

    struct str daemons[INSTANCES];
    for (size_t i = 0; s->daemon && i < INSTANCES; i++)
        if (!s->draining[i])
            daemons[r.n_daemon_instances++] = names[i].name;
    r.daemon_instances = daemons;
    memset(checks, true, sizeof(checks));
    for (size_t i = 0; i < INSTANCES; i++) {
        instances[i] = names[i];
        instances[i].draining = s->draining[i];
    }
    for (size_t i = 0; i < s->n_tasks; i++)
        tasks[i] = round_task_of(&s->tasks[i]);
    service_round_count(&r);
    assert_int_equal(service_round_state(&r, &state, &err), 0);
    assert_int_equal(service_plan(s->a, &state, &plan, &err), 0);
    check_plan(s, &state, &plan);
    struct str deployment = str_of(arena_str(s->a, doc_str(doc_get(service_primary(service), "id"))).p);
    for (size_t i = 0; i < plan.n; i++)
        if (plan.v[i].type == ACTION_START)
            starts += plan.v[i].count;
    if (starts)
        first = service_round_reserve(&r, starts);
    enum fate fate = s->fate;
    service_round_apply(&r, &state, &plan, any, NULL);
    service_round_numbers(&r, &plan, starts);
    s->rounds++;
    if (fault == LOST)
        return plan;
    for (size_t i = 0; i < plan.n; i++)
        if (plan.v[i].type == ACTION_ROLLBACK)
            roll_back(s, service);
    store(s, service);
    if (fault != KILLED)
        carry_out(s, service, &plan, deployment, first, fate);
    return plan;
}

static void step(struct sim *s, unsigned faults)
{
    s->now++;
    arena_reset(s->a);
    for (size_t i = 0; i < s->n_tasks; i++)
        live(s, &s->tasks[i]);
    unsigned fault = faults ? roll(s, faults) : 2;
    (void)one_round(s, fault == 0 ? LOST : fault == 1 ? KILLED : NONE);
}

static bool done(struct sim *s)
{
    const struct doc *d = load(s);

    return doc_count(service_deployments(d)) == 1 &&
           str_is(doc_str(doc_get(service_primary(d), "rolloutState")), "COMPLETED") &&
           count_life(s, HEALTHY, HEALTHY) == service_desired(d) &&
           count_life(s, STARTING, STOPPING) == service_desired(d);
}

static void until_done(struct sim *s, int steps, const char *what)
{
    for (int i = 0; i < steps && !done(s); i++)
        step(s, 0);
    if (!done(s))
        fail_msg("%s: not done after %d steps: %s", what, steps, s->text);
}

/* --- tests --- */

static const struct {
    int64_t desired, min, max;
} configs[] = {{3, 100, 200}, {4, 50, 100}, {10, 80, 120}, {1, 100, 200}, {30, 100, 150},
               {5, 0, 100},   {7, 30, 130}, {2, 50, 200},  {60, 90, 110}, {1, 0, 100}};

/* With every choice of numbers a deployment comes to its end and keeps its limits (check_plan), whatever dies. */
static void deployments_end(void **state)
{
    static struct sim s;

    for (size_t k = 0; k < ARRAY_LEN(configs); k++)
        for (unsigned seed = 1; seed <= 6; seed++) {
            begin(&s, seed);
            set_config(&s, configs[k].min, configs[k].max, seed % 2, seed % 3);
            set_desired(&s, configs[k].desired);
            until_done(&s, 300, "first");
            deploy(&s, GOOD);
            for (int i = 0; i < 40; i++)
                step(&s, 6);
            until_done(&s, 600, "second");
            end(&s);
        }
}

/* While nothing fails, healthy tasks never become fewer than allowed during a deployment. */
static void a_rolling_deployment_keeps_its_tasks(void **state)
{
    static struct sim s;

    for (size_t k = 0; k < ARRAY_LEN(configs); k++)
        for (unsigned seed = 1; seed <= 4; seed++) {
            begin(&s, seed);
            set_config(&s, configs[k].min, configs[k].max, true, true);
            set_desired(&s, configs[k].desired);
            until_done(&s, 300, "first");
            deploy(&s, seed % 2 ? GOOD : NO_START);
            for (int i = 0; i < 200; i++) {
                step(&s, 5);
                assert_true(count_life(&s, HEALTHY, HEALTHY) >= service_lower(configs[k].desired, configs[k].min));
                assert_true(count_life(&s, STARTING, STOPPING) <=
                            MAX_OF(service_upper(configs[k].desired, configs[k].max), configs[k].desired));
            }
            end(&s);
        }
}

static int64_t failed_tasks(struct sim *s)
{
    return doc_int_or(doc_get(service_primary(load(s)), "failedTasks"), 0);
}

/* Each failure is counted once, however often it is looked at, and whatever is lost. */
static void failures_count_once(void **state)
{
    static const enum fate fates[] = {NO_START, CRASHES};
    static struct sim s;

    for (unsigned seed = 1; seed <= 20; seed++) {
        begin(&s, seed);
        set_config(&s, 100, 200, false, false);
        deploy(&s, fates[seed % 2]);
        for (int i = 0; i < 150; i++)
            step(&s, 4);
        step(&s, 0);
        assert_true(count_life(&s, STOPPED, STOPPED) > 5);
        int64_t ended = 0;
        for (size_t i = 0; i < s.n_tasks; i++)
            ended += s.tasks[i].stopped && !s.tasks[i].asked;
        assert_int_equal(failed_tasks(&s), ended);
        end(&s);
    }
}

/* Failing starts come ever more slowly. */
static void failing_starts_back_off(void **state)
{
    static struct sim s;

    begin(&s, 5);
    set_config(&s, 100, 200, false, false);
    deploy(&s, NO_START);
    for (int i = 0; i < 3600; i++)
        step(&s, 0);
    assert_in_range(s.starts, 15, 45); /* an hour of 3 tasks: rounds at 0, 0, 10, 20, 40 ... 1620 s */
    assert_non_null(strstr(s.text, "(service web) is unable to consistently start tasks successfully."));
    end(&s);
}

static void breakers_trip(struct sim *s, enum fate fate, bool rollback, int64_t desired)
{
    int64_t threshold = service_breaker_threshold(desired);

    set_config(s, 100, 200, true, rollback);
    set_desired(s, desired);
    until_done(s, 200, "before");
    size_t before = s->starts;
    deploy(s, fate);
    for (int i = 0; i < 300 && !strstr(s->text, "deployment failed: tasks failed to start."); i++)
        step(s, 5);
    assert_non_null(strstr(s->text, "ECS deployment circuit breaker: tasks failed to start."));
    assert_true((int64_t)(s->starts - before) < threshold + 2 * desired + SERVICE_BATCH_MAX);
    if (rollback) {

        until_done(s, 300, "rolled back");
        assert_true(doc_true(doc_path(service_primary(load(s)), "x.isRollback")));
    } else {
        before = s->starts;
        for (int i = 0; i < 50; i++)
            step(s, 0);
        assert_int_equal(s->starts, before);
        assert_int_equal(count_life(s, HEALTHY, HEALTHY), desired); /* the older tasks stay */
    }
}

static void a_bad_revision_trips_the_breaker(void **state)
{
    static const enum fate fates[] = {NO_START, CRASHES, SICK};
    static struct sim s;

    for (size_t k = 0; k < ARRAY_LEN(fates); k++)
        for (unsigned seed = 1; seed <= 6; seed++) {
            begin(&s, seed);
            breakers_trip(&s, fates[k], seed % 2, seed < 3 ? 1 : seed * 3);
            end(&s);
        }
}

static void drained_instances_empty(void **state)
{
    static struct sim s;

    for (size_t k = 0; k < ARRAY_LEN(configs); k++) {
        begin(&s, (unsigned)k + 1);
        set_config(&s, configs[k].min, configs[k].max, true, true);
        set_desired(&s, configs[k].desired);
        until_done(&s, 300, "first");
        s.draining[0] = true;
        for (int i = 0; i < 300; i++) {
            step(&s, 7);
            assert_true(count_life(&s, HEALTHY, HEALTHY) >= service_lower(configs[k].desired, configs[k].min));
        }
        for (size_t i = 0; i < s.n_tasks; i++)
            assert_true(s.tasks[i].instance != 0 || s.tasks[i].life == STOPPED ||
                        service_upper(configs[k].desired, configs[k].max) == configs[k].desired);
        end(&s);
    }
}

static void daemons_follow_their_instances(void **state)
{
    static struct sim s;

    for (unsigned seed = 1; seed <= 20; seed++) {
        begin(&s, seed);
        struct doc *d = load(&s);
        doc_set_path(s.a, d, "spec.schedulingStrategy", doc_string(s.a, STR("DAEMON")));
        store(&s, d);
        s.daemon = true;
        set_config(&s, seed % 3 * 25, 100, true, true);
        for (int i = 0; i < 300; i++) {
            if (roll(&s, 20) == 0)
                s.draining[roll(&s, INSTANCES)] = roll(&s, 2);
            if (roll(&s, 60) == 0)
                deploy(&s, (enum fate)roll(&s, 4));
            step(&s, 8);
        }
        memset(s.draining, false, sizeof(s.draining));
        s.draining[seed % INSTANCES] = seed % 2;
        deploy(&s, GOOD);
        until_done(&s, 300, "daemons");
        assert_int_equal(service_desired(load(&s)), seed % 2 ? INSTANCES - 1 : INSTANCES);
        for (size_t i = 0; i < s.n_tasks; i++)
            assert_true(s.tasks[i].life == STOPPED || !s.draining[s.tasks[i].instance]);
        end(&s);
    }
}

/* Anything at any time; then it calms down. */
static void chaos_ends(void **state)
{
    static struct sim s;

    for (unsigned seed = 1; seed <= 40; seed++) {
        begin(&s, seed);
        for (int i = 0; i < 400; i++) {
            unsigned what = roll(&s, 100);
            if (what < 4)
                deploy(&s, (enum fate)roll(&s, 4));
            else if (what < 8)
                set_desired(&s, roll(&s, 25));
            else if (what < 10)
                set_config(&s, 10 * roll(&s, 11), 100 + 10 * roll(&s, 11), roll(&s, 2), roll(&s, 2));
            else if (what < 13)
                s.draining[roll(&s, INSTANCES)] = roll(&s, 3) == 0;
            step(&s, 8);
        }
        memset(s.draining, false, sizeof(s.draining));
        set_config(&s, 50, 200, true, true);
        deploy(&s, GOOD);
        until_done(&s, 400, "after chaos");
        end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deployments_end),
        cmocka_unit_test(a_rolling_deployment_keeps_its_tasks),
        cmocka_unit_test(failures_count_once),
        cmocka_unit_test(failing_starts_back_off),
        cmocka_unit_test(a_bad_revision_trips_the_breaker),
        cmocka_unit_test(drained_instances_empty),
        cmocka_unit_test(daemons_follow_their_instances),
        cmocka_unit_test(chaos_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
