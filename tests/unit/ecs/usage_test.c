#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/limits.h"
#include "ecs/store/usage.h"
#include "ecs/store/usage_read.h"
#include "map_doc.h"

struct fixture {
    struct arena *a;
    struct ecs_usage *u;
};

#define NODE                                                                                                           \
    "{'metadata':{'name':'n1'},'spec':{},'status':{'allocatable':{'cpu':'2','memory':'4Gi','pods':'110'},"             \
    "'conditions':[{'type':'Ready','status':'True'}]}}"
#define INSTANCE                                                                                                       \
    "{'metadata':{'name':'i1','namespace':'ecs-demo'},'spec':{'node':'n1'},'status':{'status':'ACTIVE',"               \
    "'containerInstanceArn':'arn:i1','ec2InstanceId':'i-1','attributes':[{'name':'stack','value':'prod'}]}}"

static int setup(void **state)
{
    static struct fixture f;

    f.a = arena_new(64 * MIB);
    f.u = ecs_usage_new();
    ecs_usage_put(f.u, ECS_NODE, doc_of(f.a, NODE));
    ecs_usage_put(f.u, ECS_CONTAINER_INSTANCE, doc_of(f.a, INSTANCE));
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    ecs_usage_free(f->u);
    arena_free(f->a);
    return 0;
}

static void task(struct fixture *f, const char *ns, const char *name, const char *status)
{
    ecs_usage_put(f->u, ECS_TASK,
                  doc_of(f->a, arena_printf(f->a,
                                            "{'metadata':{'name':'%s','namespace':'%s'},'spec':{'instance':'i1','node':"
                                            "'n1','size':{'cpu':256,'memory':512},'ports':[{'hostPort':8080,'protocol':"
                                            "'tcp'},{'hostPort':33000,'protocol':'udp'}]},'status':{'lastStatus':'%s',"
                                            "'group':'service:web'}}",
                                            name, ns, status)));
}

static void pod(struct fixture *f, enum ecs_kind_id k, const char *name, const char *phase)
{
    ecs_usage_put(f->u, k,
                  doc_of(f->a, arena_printf(f->a,
                                            "{'metadata':{'name':'%s','namespace':'ecs-demo'},'spec':{'nodeName':'n1',"
                                            "'containers':[{'resources':{'requests':{'cpu':'500m','memory':'1Gi'}},"
                                            "'ports':[{'hostPort':53,'protocol':'UDP'}]}]},'status':{'phase':'%s'}}",
                                            name, phase)));
}

struct seen {
    struct ecs_instance in;
    struct placement_instance p;
};

static struct seen look(struct fixture *f)
{
    struct ecs_instance *in;
    struct placement_instance *p;
    size_t n;

    assert_true(ecs_usage_instances(f->u, f->a, STR("ecs-demo"), NULL, &in, &p, &n));
    assert_int_equal(n, 1);
    return (struct seen){in[0], p[0]};
}

static void assert_left(struct fixture *f, int64_t cpu, int64_t memory)
{
    struct seen s = look(f);

    assert_int_equal(s.p.remaining.cpu, cpu);
    assert_int_equal(s.p.remaining.memory, memory);
}

static void an_instance_is_told_with_its_node(void **state)
{
    struct seen s = look(*state);

    assert_string_equal(s.in.name, "i1");
    assert_string_equal(s.in.arn, "arn:i1");
    assert_true(s.in.connected && s.in.schedulable && s.p.active && s.p.connected);
    assert_int_equal(s.in.size.cpu, 2048);
    assert_int_equal(s.in.size.memory, 4096);
    assert_int_equal(s.p.n_attributes, 1);
    assert_true(str_is(s.p.attributes[0].value, "prod"));
    assert_int_equal(s.p.n_ports, placement_reserved_n);
    assert_int_equal(s.p.pods_max, 110);
}

static void tasks_of_any_cluster_take_room_until_they_stop(void **state)
{
    struct fixture *f = *state;

    task(f, "ecs-demo", "t1", "PROVISIONING");
    task(f, "ecs-other", "t2", "RUNNING");
    assert_left(f, 2048 - 512, 4096 - 1024);
    struct seen s = look(f);
    assert_int_equal(s.p.n_tasks, 1); /* the other cluster's tasks are not seen, only what they take */
    assert_true(str_is(s.p.tasks[0].group, "service:web"));
    assert_int_equal(s.in.pending, 1);
    assert_int_equal(s.in.running, 0);
    assert_int_equal(s.p.n_ports, placement_reserved_n + 2);
    assert_int_equal(s.p.n_dynamic, 2);
    assert_int_equal(ecs_usage_tasks(f->u, STR("ecs-other")).running, 1);

    task(f, "ecs-demo", "t1", "RUNNING");
    assert_int_equal(look(f).in.running, 1);
    assert_int_equal(ecs_usage_tasks(f->u, STR("ecs-demo")).pending, 0);
    task(f, "ecs-demo", "t1", "STOPPED");
    ecs_usage_remove(f->u, ECS_TASK, STR("ecs-other"), STR("t2"));
    assert_left(f, 2048, 4096);
    assert_int_equal(ecs_usage_tasks(f->u, STR("ecs-other")).running, 0);
    assert_int_equal(look(f).p.n_dynamic, 0);
}

static void a_pod_counts_unless_its_task_does(void **state)
{
    struct fixture *f = *state;

    pod(f, ECS_FOREIGN_POD, "x", "Running");
    assert_left(f, 2048 - 512, 3072);
    assert_int_equal(look(f).p.n_ports, placement_reserved_n + 1);
    pod(f, ECS_POD, "t1", "Pending"); /* before its task is known */
    assert_left(f, 1024, 2048);
    task(f, "ecs-demo", "t1", "RUNNING");
    assert_left(f, 2048 - 512 - 256, 3072 - 512);
    pod(f, ECS_POD, "t1", "Running");
    assert_left(f, 2048 - 512 - 256, 3072 - 512);
    ecs_usage_remove(f->u, ECS_TASK, STR("ecs-demo"), STR("t1"));
    assert_left(f, 1024, 2048);
    pod(f, ECS_POD, "t1", "Succeeded");
    pod(f, ECS_FOREIGN_POD, "x", "Failed");
    assert_left(f, 2048, 4096);
}

static void the_node_comes_and_goes(void **state)
{
    struct fixture *f = *state;

    task(f, "ecs-demo", "t1", "RUNNING");
    ecs_usage_remove(f->u, ECS_NODE, STR(""), STR("n1"));
    assert_false(look(f).in.connected);
    assert_true(look(f).p.remaining.cpu < 0);
    ecs_usage_put(f->u, ECS_NODE, doc_of(f->a, NODE));
    assert_left(f, 2048 - 256, 4096 - 512);
    ecs_usage_put(f->u, ECS_NODE,
                  doc_of(f->a, "{'metadata':{'name':'n1'},'spec':{'unschedulable':true},'status':{'allocatable':{'cpu':"
                               "'2'},'conditions':[{'type':'Ready','status':'Unknown'}]}}"));
    struct seen s = look(f);
    assert_false(s.in.connected || s.p.active || s.in.schedulable);
}

static void room_is_claimed_once(void **state)
{
    struct fixture *f = *state;
    const struct pod_port port = {STR("x"), 80, 8080, STR("tcp")}, other = {STR("x"), 80, 8081, STR("tcp")};
    struct ecs_claim c = {.ns = STR("ecs-demo"),
                          .task = STR("t1"),
                          .node = STR("n1"),
                          .group = STR("service:web"),
                          .size = {256, 512},
                          .ports = &port,
                          .n_ports = 1};

    assert_true(ecs_usage_claim(f->u, &c));
    assert_left(f, 2048 - 256, 4096 - 512);
    assert_int_equal(look(f).in.pending, 1);
    assert_true(ecs_usage_claim(f->u, &c)); /* of the same task: nothing more */
    assert_left(f, 2048 - 256, 4096 - 512);
    c.task = STR("t2");
    assert_false(ecs_usage_claim(f->u, &c)); /* the port */
    c.ports = &other;
    c.size.memory = 4000;
    assert_false(ecs_usage_claim(f->u, &c)); /* the memory */
    c.size.memory = 1024;
    assert_true(ecs_usage_claim(f->u, &c));
    ecs_usage_unclaim(f->u, STR("ecs-demo"), STR("t2"));
    assert_left(f, 2048 - 256, 4096 - 512);
    task(f, "ecs-demo", "t1", "PROVISIONING"); /* written: a claim no more */
    ecs_usage_unclaim(f->u, STR("ecs-demo"), STR("t1"));
    assert_left(f, 2048 - 256, 4096 - 512);
    c.node = STR("n9");
    assert_false(ecs_usage_claim(f->u, &c));
}

static void ports_of_awsvpc_are_not_the_hosts(void **state)
{
    struct fixture *f = *state;

    ecs_usage_put(f->u, ECS_TASK,
                  doc_of(f->a, "{'metadata':{'name':'t1','namespace':'ecs-demo'},'spec':{'instance':'i1','node':'n1',"
                               "'ports':[{'hostPort':80,'protocol':'tcp'}]},'status':{'lastStatus':'RUNNING',"
                               "'attachments':[{'type':'ElasticNetworkInterface'}]}}"));
    assert_int_equal(look(f).p.n_ports, placement_reserved_n);
    assert_int_equal(look(f).in.running, 1);
}

/* Whatever comes and goes in whatever order: in the end everything is as it was. */
static void nothing_is_left_of_what_went(void **state)
{
    static const char *const names[] = {"t1", "t2", "t3"}, *const status[] = {"PENDING", "RUNNING", "STOPPED"},
                             *const phases[] = {"Pending", "Running", "Failed"};
    struct fixture *f = *state;
    uint32_t x = 12345;

    for (int i = 0; i < 3000; i++) {
        x = x * 1664525 + 1013904223;
        const char *name = names[(x >> 8) % 3];
        struct ecs_claim c = {STR("ecs-demo"), str_of(name), STR("n1"), STR("g"), {10, 10}, NULL, 0};
        switch ((x >> 12) % 8) {
        case 0:
            task(f, "ecs-demo", name, status[(x >> 20) % 3]);
            break;
        case 1:
            pod(f, ECS_POD, name, phases[(x >> 20) % 3]);
            break;
        case 2:
            pod(f, ECS_FOREIGN_POD, name, phases[(x >> 20) % 3]);
            break;
        case 3:
            (void)!ecs_usage_claim(f->u, &c);
            break;
        case 4:
            ecs_usage_unclaim(f->u, STR("ecs-demo"), str_of(name));
            break;
        case 5:
            ecs_usage_remove(f->u, ECS_NODE, STR(""), STR("n1"));
            break;
        case 6:
            ecs_usage_put(f->u, ECS_NODE, doc_of(f->a, NODE));
            break;
        default:
            ecs_usage_remove(f->u, (x >> 20) % 2 ? ECS_TASK : ECS_POD, STR("ecs-demo"), str_of(name));
        }
        if (i % 100 == 99) {
            ecs_usage_put(f->u, ECS_NODE, doc_of(f->a, NODE));
            for (size_t k = 0; k < 3; k++) {
                ecs_usage_remove(f->u, ECS_TASK, STR("ecs-demo"), str_of(names[k]));
                ecs_usage_remove(f->u, ECS_POD, STR("ecs-demo"), str_of(names[k]));
                ecs_usage_remove(f->u, ECS_FOREIGN_POD, STR("ecs-demo"), str_of(names[k]));
            }
            assert_left(f, 2048, 4096);
            assert_int_equal(look(f).p.pods, 0);
            assert_int_equal(ecs_usage_tasks(f->u, STR("ecs-demo")).pending, 0);
        }
    }
}

static void instances_are_counted(void **state)
{
    struct fixture *f = *state;

    ecs_usage_put(f->u, ECS_CONTAINER_INSTANCE,
                  doc_of(f->a,
                         "{'metadata':{'name':'i0','namespace':'ecs-demo'},'spec':{'node':'n2','registered':true},"
                         "'status':{'status':'DRAINING'}}"));
    struct ecs_instance_counts n = ecs_usage_count_instances(f->u, STR("ecs-demo"));
    assert_int_equal(n.active, 2);
    assert_int_equal(n.registered, 1);
    ecs_usage_remove(f->u, ECS_CONTAINER_INSTANCE, STR("ecs-demo"), STR("i0"));
    ecs_usage_remove(f->u, ECS_CONTAINER_INSTANCE, STR("ecs-demo"), STR("i1"));
    assert_int_equal(ecs_usage_count_instances(f->u, STR("ecs-demo")).active, 0);
}

static void a_pods_requests_are_those_of_the_scheduler(void **state)
{
    struct fixture *f = *state;
    const struct doc *p = doc_of(
        f->a, "{'spec':{'initContainers':[{'restartPolicy':'Always','resources':{'requests':{'cpu':'100m'}}},"
              "{'resources':{'requests':{'cpu':'1','memory':'10Mi'}}}],"
              "'containers':[{'resources':{'requests':{'cpu':'250m','memory':'20Mi'}}},{}],'overhead':{'cpu':'10m'}}}");
    struct usage_amount n = usage_of_pod(p);

    assert_int_equal(n.milli, 1110);
    assert_int_equal(n.bytes, 20 * MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_instance_is_told_with_its_node, setup, teardown),
        cmocka_unit_test_setup_teardown(tasks_of_any_cluster_take_room_until_they_stop, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pod_counts_unless_its_task_does, setup, teardown),
        cmocka_unit_test_setup_teardown(the_node_comes_and_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(instances_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(room_is_claimed_once, setup, teardown),
        cmocka_unit_test_setup_teardown(ports_of_awsvpc_are_not_the_hosts, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_left_of_what_went, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pods_requests_are_those_of_the_scheduler, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
