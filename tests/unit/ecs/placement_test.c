#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/limits.h"
#include "ecs/map/fault.h"
#include "ecs/map/placement.h"
#include "ecs/map/query.h"
#include "map_doc.h"

static bool value_of(const void *ctx, struct str subject, size_t i, struct str *ret)
{
    static const struct {
        const char *subject, *value;
    } rows[] = {{"attribute:ecs.instance-type", "t3.small"},
                {"attribute:rank", "10"},
                {"attribute:flag", ""},
                {"task:group", "service:web"},
                {"task:group", "service:db"},
                {"agentVersion", "1.12.1"},
                {"registeredAt", "2026-02-18T22:28:28Z"}};
    size_t seen = 0;

    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        if (str_is(subject, rows[k].subject) && seen++ == i) {
            *ret = str_of(rows[k].value);
            return true;
        }
    }
    return false;
}

static const struct {
    const char *text;
    int want; /* -1: does not parse */
} queries[] = {
    {"attribute:ecs.instance-type == t3.small", 1},
    {"attribute:ecs.instance-type != t3.small", 0},
    {"attribute:ecs.instance-type =~ t3.*", 1},
    {"attribute:ecs.instance-type =~ ^small", 0},
    {"attribute:ecs.instance-type =~ t[0-9]+\\.s", 1},
    {"attribute:ecs.instance-type !~ g2.*", 1},
    {"attribute:ecs.instance-type matches t2.* or attribute:rank equals 10", 1},
    {"attribute:rank > 9", 1},
    {"attribute:rank <= 9", 0},
    {"attribute:flag exists", 1},
    {"attribute:none exists", 0},
    {"attribute:none !exists", 1},
    {"attribute:none not_exists", 1},
    {"attribute:rank in [1, 10]", 1},
    {"attribute:rank not_in (1,2)", 1},
    {"attribute:rank !in [10]", 0},
    {"task:group == service:db", 1},
    {"not (task:group == service:web) && attribute:rank == 10", 0},
    {"!(attribute:rank == 1) and task:group == service:web", 1},
    {"attribute:rank == 1 and attribute:none exists or attribute:flag exists", 1},
    {"attribute:ecs.instance-type == 't3.small'", 1},
    {"agentVersion > 1.9.2 and agentVersion < 1.12.2 and agentVersion >= 1.12", 1},
    {"registeredAt < 2026-02-18T23:28:29+00:00 and registeredAt >= 2026-02-18T22:28:28+00:00", 1},
    {"attribute:ecs.instance-type =~ (t2|t3)\\..*", 1},
    {"(attribute:ecs.instance-type =~ ^(t2|m[45])\\..*$)", 0},
    {"attribute:ecs.instance-type =~ \"^t3 ?[.]small$\" and attribute:rank =~ ^\\d+$", 1},
    {"attribute:ecs.instance-type =~ t3(", -1},
    {"attribute:ecs.instance-type =~ ^t{1}3", 1},
    {"", -1},
    {"attribute:rank", -1},
    {"attribute:rank ==", -1},
    {"attribute:rank in []", -1},
    {"attribute:rank in [1", -1},
    {"(attribute:rank == 1", -1},
    {"attribute:rank == 1 attribute:flag exists", -1},
    {"attribute:rank =~", -1},
    {"== 1", -1},
};

static void queries_are_answered(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
        const struct query *q;
        struct err err = ERR_INIT;
        int got = query_parse(a, str_of(queries[i].text), &q, &err);

        if (got == 0)
            got = query_matches(q, value_of, NULL);
        else
            assert_string_equal(ecs_fault_code(&err), "InvalidParameterException");
        if (got != queries[i].want)
            fail_msg("%s: %d, %s", queries[i].text, got, err.msg);
    }
}

static void queries_are_bounded(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    static char deep[QUERY_MAX + 2];
    const struct query *q;
    struct err err = ERR_INIT;

    memset(deep, '(', sizeof(deep));
    assert_int_equal(query_parse(a, str_n(deep, 100), &q, &err), -1);
    assert_int_equal(query_parse(a, str_n(deep, QUERY_MAX + 1), &q, &err), -1);
    assert_int_equal(query_parse(a, STR("attribute:ecs.instance-type =~ .*.*.*.*.*.*.*.*.*.*.*.*.*x"), &q, &err), 0);
    assert_false(query_matches(q, value_of, NULL));
}

/* Three instances: a and c in zone z1, b in z2; a has the least room, b runs a task of service:web. */
static void instances(struct arena *a, struct placement_instance in[3])
{
    static const struct placement_attribute z1 = {STR("zone"), STR("z1")}, z2 = {STR("zone"), STR("z2")};
    static const struct placement_task web = {STR("service:web")};
    const char *arns[] = {"a", "b", "c"};
    int64_t cpu[] = {512, 2048, 1024};

    for (size_t i = 0; i < 3; i++) {
        in[i] = (struct placement_instance){.arn = str_of(arns[i]),
                                            .connected = true,
                                            .active = true,
                                            .remaining = {cpu[i], 1000},
                                            .attributes = i == 1 ? &z2 : &z1,
                                            .n_attributes = 1};
    }
    in[1].tasks = &web;
    in[1].n_tasks = 1;
    in[0].ports[in[0].n_ports++] = (struct placement_port){80, false};
}

static const struct {
    const char *constraints, *strategy;
    int64_t cpu, memory, port;
    const char *want, *reason; /* the arns chosen in a row, one letter each; then the reason */
} choices[] = {
    {"[]", "[]", 100, 100, 0, "aaaaabbb", NULL},
    {"[]", "[{'type':'binpack','field':'cpu'}]", 500, 10, 0, "accb", NULL},
    {"[]", "[{'type':'spread','field':'instanceId'}]", 100, 10, 0, "acab", NULL},
    {"[]", "[{'type':'spread','field':'attribute:zone'},{'type':'binpack','field':'cpu'}]", 100, 10, 0, "aaba", NULL},
    {"[{'type':'distinctInstance'}]", "[]", 100, 10, 0, "ac", PLACEMENT_DISTINCT},
    {"[{'type':'memberOf','expression':'attribute:zone == z2'}]", "[]", 100, 10, 0, "bb", NULL},
    {"[{'type':'memberOf','expression':'attribute:zone == z9'}]", "[]", 100, 10, 0, "", PLACEMENT_MEMBER_OF},
    {"[]", "[]", 4000, 10, 0, "", "RESOURCE:CPU"},
    {"[]", "[]", 10, 4000, 0, "", "RESOURCE:MEMORY"},
    {"[]", "[]", 10, 10, 80, "bc", "RESOURCE:PORTS"},
    {"[]", "[{'type':'random'}]", 10, 10, 0, "a", NULL},
    {"[]", "[{'type':'spread','field':'attribute:zone'},{'type':'spread','field':'instanceId'}]", 10, 10, 0, "acbab",
     NULL},
};

static void instances_are_chosen(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
        struct placement_instance in[3];
        struct pod_port port = {STR("x"), 80, choices[i].port, STR("tcp")};
        struct placement_request req = {.size = {choices[i].cpu, choices[i].memory},
                                        .ports = &port,
                                        .n_ports = 1,
                                        .group = STR("service:web"),
                                        .constraints = {doc_of(a, choices[i].constraints), NULL},
                                        .strategy = doc_of(a, choices[i].strategy),
                                        .random = 0};
        const char *want = choices[i].want, *reason;
        struct err err = ERR_INIT;
        size_t at;

        instances(a, in);
        for (; *want; want++) {
            if (placement_choose(a, in, 3, &req, &at, &reason, &err) != 0 || in[at].arn.p[0] != *want)
                fail_msg("row %zu, %s left: %s", i, want, reason ? reason : in[at].arn.p);
            placement_take(&in[at], &req);
        }
        if (choices[i].reason) {
            assert_int_equal(placement_choose(a, in, 3, &req, &at, &reason, &err), 1);
            assert_string_equal(reason, choices[i].reason);
        }
    }
}

static void an_instance_that_is_away_gets_nothing(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct placement_request req = {.size = {1, 1}};
    struct placement_instance in[3];
    const char *reason;
    struct err err = ERR_INIT;

    instances(a, in);
    in[0].connected = false;
    assert_int_equal(placement_fits(a, &in[0], &req, &reason, &err), 0);
    assert_string_equal(reason, "AGENT");
    in[0].active = false;
    assert_int_equal(placement_fits(a, &in[0], &req, &reason, &err), 0);
    assert_string_equal(reason, PLACEMENT_NOT_ACTIVE);
    in[1].pods = in[1].pods_max = 2;
    assert_int_equal(placement_fits(a, &in[1], &req, &reason, &err), 0);
    assert_string_equal(reason, "RESOURCE:ENI");
}

static void chance_takes_one_of_the_equally_good(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct placement_request req = {.size = {1000, 1}}; /* a has no room for it */
    struct placement_instance in[3];
    const char *reason;
    struct err err = ERR_INIT;
    size_t at;

    instances(a, in);
    for (req.random = 0; req.random < 4; req.random++) {
        assert_int_equal(placement_choose(a, in, 3, &req, &at, &reason, &err), 0);
        assert_int_equal(at, 1 + req.random % 2);
    }
}

static void a_definition_binds_to_architecture_and_attributes(void **state)
{
    static const struct {
        const char *taskdef, *want;
    } rows[] = {{"{'runtimePlatform':{'cpuArchitecture':'X86_64'}}", NULL},
                {"{'runtimePlatform':{'cpuArchitecture':'ARM64'}}", "ATTRIBUTE"},
                {"{'requiresAttributes':[{'name':'ecs.capability.task-eni'}]}", NULL},
                {"{'requiresAttributes':[{'name':'ecs.capability.of-tomorrow'}]}", "ATTRIBUTE"},
                {"{'requiresAttributes':[{'name':'ecs.cpu-architecture','value':'x86_64'}]}", NULL}};
    static const struct placement_attribute intel = {STR("ecs.cpu-architecture"), STR("x86_64")};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
        struct placement_request req = {.taskdef = doc_of(a, rows[i].taskdef)};
        struct placement_instance in[3];
        const char *reason;
        bool admitted;
        struct err err = ERR_INIT;

        instances(a, in);
        in[0].attributes = &intel;
        assert_int_equal(placement_fits(a, in, &req, &reason, &err), 0);
        if (rows[i].want)
            assert_string_equal(reason, rows[i].want);
        else
            assert_null(reason);
        assert_int_equal(placement_admits(a, in, 1, &req, &admitted, &err), 0);
        assert_int_equal(admitted, !rows[i].want);
    }
}

static void the_closest_lacks_the_least(void **state)
{
    const char *reasons[] = {PLACEMENT_MEMBER_OF, "RESOURCE:CPU", NULL, "AGENT"};

    assert_int_equal(placement_closest(NULL, reasons, 4), 1);
    assert_int_equal(placement_closest(NULL, reasons, 0), 0);
}

/* A dynamic port is taken when a task has it, and never counts among the reserved ones. */
static void dynamic_ports_are_seen_but_do_not_count(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    const struct placement_port taken = {40000, false};
    struct pod_port port = {STR("x"), 80, 40000, STR("tcp")};
    struct placement_request req = {.ports = &port, .n_ports = 1};
    struct placement_instance in[3];
    const char *reason;
    struct err err = ERR_INIT;

    instances(a, in);
    req.taskdef = doc_of(a, "{'networkMode':'bridge'}");
    in[0].n_ports = PLACEMENT_PORTS_MAX;
    assert_int_equal(placement_fits(a, in, &req, &reason, &err), 0);
    assert_null(reason);
    in[0].dynamic = &taken;
    in[0].n_dynamic = 1;
    assert_int_equal(placement_fits(a, in, &req, &reason, &err), 0);
    assert_string_equal(reason, "RESOURCE:PORTS");
    port.host_port = 8080;
    assert_int_equal(placement_fits(a, in, &req, &reason, &err), 0);
    assert_string_equal(reason, "RESOURCE:PORTS");
    req.taskdef = doc_of(a, "{'networkMode':'awsvpc'}"); /* it has an address of its own */
    assert_int_equal(placement_fits(a, in, &req, &reason, &err), 0);
    assert_null(reason);
}

static void mistakes_are_told(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct err err = ERR_INIT;

    assert_int_equal(placement_check(a, doc_of(a, "[{'type':'memberOf','expression':'x'}]"), NULL, &err), -1);
    assert_int_equal(placement_check(a, doc_of(a, "[{'type':'near'}]"), NULL, &err), -1);
    assert_int_equal(placement_check(a, NULL, doc_of(a, "[{'type':'binpack','field':'disk'}]"), &err), -1);
    assert_string_equal(err.msg, "Invalid field 'disk' of the placement strategy 'binpack'.");
    assert_int_equal(placement_check(a, doc_of(a, "[{'type':'distinctInstance'}]"),
                                     doc_of(a, "[{'type':'spread','field':'host'}]"), &err),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries_are_answered),
        cmocka_unit_test(queries_are_bounded),
        cmocka_unit_test(instances_are_chosen),
        cmocka_unit_test(an_instance_that_is_away_gets_nothing),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(chance_takes_one_of_the_equally_good),
        cmocka_unit_test(a_definition_binds_to_architecture_and_attributes),
        cmocka_unit_test(the_closest_lacks_the_least),
        cmocka_unit_test(dynamic_ports_are_seen_but_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
