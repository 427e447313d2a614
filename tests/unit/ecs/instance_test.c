#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/limits.h"
#include "ecs/map/instance.h"
#include "ecs/map/taskdef.h"
#include "map_doc.h"

#define NODE(spec, labels)                                                                                             \
    "{'metadata':{'name':'n1','uid':'u1','labels':{" labels "}},'spec':{" spec                                         \
    "},'status':{'allocatable':{'cpu':'1500m','memory':'2Gi'},'nodeInfo':{'architecture':'amd64','operatingSystem':"   \
    "'linux','osImage':'Debian','kubeletVersion':'v1.36.0','containerRuntimeVersion':'containerd://1.6'},"             \
    "'conditions':[{'type':'Ready','status':'True','lastTransitionTime':'2026-11-24T10:00:00Z'}]}}"

static struct instance_origin origin(const struct doc *node)
{
    return (struct instance_origin){"us-east-1", "123456789012", "demo", node, 1000};
}

static struct doc *made(struct arena *a, const struct doc *node)
{
    struct instance_origin from = origin(node);
    struct doc *o = doc_object(a);

    doc_set_path(a, o, "metadata.name", doc_string(a, str_of(instance_id(a, "demo", STR("u1")))));
    instance_make(a, o, &from);
    return o;
}

static void a_node_becomes_an_instance(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    const struct doc *o = made(a, doc_of(a, NODE("", "'attribute.ecs.coracle.dev/stack':'prod','node.kubernetes.io/"
                                                     "instance-type':'t3.small','ecs.coracle.dev/capacity-provider':"
                                                     "'fast'")));

    assert_doc(a, o, "status/status", "'ACTIVE'");
    assert_doc(a, o, "status/agentConnected", "true");
    assert_doc(a, o, "status/registeredResources/0/integerValue", "1536");
    assert_doc(a, o, "status/registeredResources/1/integerValue", "2048");
    assert_doc(a, o, "status/registeredResources/2/stringSetValue", "['22','2375','2376','51678','51679']");
    assert_doc(a, o, "status/versionInfo", "{'agentVersion':'1.36.0','dockerVersion':'containerd://1.6'}");
    assert_doc(a, o, "status/capacityProviderName", "'fast'");
    assert_doc(a, o, "status/attributes/0", "{'name':'ecs.availability-zone','value':'us-east-1a'}");
    assert_doc(a, o, "status/attributes/4", "{'name':'ecs.instance-type','value':'t3.small'}");
    assert_doc(a, o, "status/attributes/5", "{'name':'stack','value':'prod','registered':true}");
    assert_doc(a, o, "spec/registered", "false");
    assert_int_equal(strlen(instance_id(a, "demo", STR("u1"))), INSTANCE_ID_LEN);
    assert_string_not_equal(instance_id(a, "demo", STR("u1")), instance_id(a, "other", STR("u1")));
}

static const struct {
    const char *node;
    bool belongs;
} owners[] = {
    {NODE("", ""), true},
    {NODE("", "'ecs.coracle.dev/cluster':'demo'"), true},
    {NODE("", "'ecs.coracle.dev/cluster':'other'"), false},
    {NODE("'taints':[{'key':'node-role.kubernetes.io/control-plane','effect':'NoSchedule'}]", ""), false},
    {NODE("'taints':[{'key':'node.kubernetes.io/unreachable','effect':'NoExecute'}]", ""), true},
    {NODE("'taints':[{'key':'mine','effect':'PreferNoSchedule'}]", ""), true},
};

static void nodes_belong_by_label_and_taint(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);

    for (size_t i = 0; i < ARRAY_LEN(owners); i++)
        assert_int_equal(instance_belongs(doc_of(a, owners[i].node), "demo"), owners[i].belongs);
}

static void an_ec2_id_is_aws_own_where_there_is_one(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);

    assert_string_equal(
        instance_ec2_id(a, doc_of(a, "{'spec':{'providerID':'aws:///us-east-1a/i-0123456789abcdef0'}}")),
        "i-0123456789abcdef0");
    const char *id = instance_ec2_id(a, doc_of(a, NODE("'providerID':'kind://x/i-love-it'", "")));
    assert_int_equal(strlen(id), 19);
    assert_int_equal(strncmp(id, "i-0", 3), 0);
}

static void renewing_writes_only_what_changed(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *node = doc_of(a, NODE("", "")), *o = made(a, node);
    struct instance_origin from = origin(node);

    assert_false(instance_renew(a, o, &from));
    instance_put_attribute(a, doc_path(o, "status.attributes"), STR("rack"), STR("7"));
    doc_set_path(a, o, "status.status", doc_string(a, STR("DRAINING")));
    assert_false(instance_renew(a, o, &from)); /* what was put and set stays */
    assert_int_equal(instance_custom_attributes(doc_path(o, "status.attributes")), 1);
    from.node = doc_of(a, NODE("", "'topology.kubernetes.io/zone':'z2'"));
    assert_true(instance_renew(a, o, &from));
    assert_doc(a, o, "status/attributes/0/value", "'z2'");
    assert_doc(a, o, "status/status", "'DRAINING'");
    assert_doc(a, o, "status/version", "2");
}

static void an_instance_goes_with_its_node(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *node = doc_of(a, NODE("", "")), *o = made(a, node);
    struct instance_origin gone = origin(NULL), back = origin(node);
    int64_t at;

    assert_false(instance_expires(o, &at));
    assert_true(instance_renew(a, o, &gone));
    assert_doc(a, o, "status/status", "'INACTIVE'");
    assert_true(instance_expires(o, &at));
    assert_int_equal(at, 1000 + INSTANCE_KEPT_S);
    gone.now_s = 2000;
    assert_false(instance_renew(a, o, &gone)); /* the hour counts from the first time */
    assert_true(instance_renew(a, o, &back));
    assert_doc(a, o, "status/status", "'ACTIVE'");
    assert_false(instance_expires(o, &at));
    doc_set_path(a, o, "spec.deregistered", doc_bool(a, true));
    doc_set_path(a, o, "status.status", doc_string(a, STR("INACTIVE")));
    assert_false(instance_renew(a, o, &back)); /* deregistered: it stays away */
    assert_doc(a, o, "status/status", "'INACTIVE'");
}

static void attributes_of_the_node_cannot_be_deleted(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *list = doc_of(a, "[{'name':'ecs.os-type','value':'linux'},{'name':'l','registered':true},"
                                 "{'name':'mine','value':'x'}]");
    struct str old;

    assert_false(instance_remove_attribute(list, STR("ecs.os-type"), &old));
    assert_false(instance_remove_attribute(list, STR("l"), &old));
    assert_false(instance_remove_attribute(list, STR("none"), &old));
    assert_true(instance_remove_attribute(list, STR("mine"), &old));
    assert_true(str_is(old, "x"));
    assert_int_equal(doc_count(list), 2);
}

static void the_view_has_what_is_left(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    const struct placement_port dynamic = {33000, true};
    struct placement_instance now = {.remaining = {-5, 100}, .dynamic = &dynamic, .n_dynamic = 1};
    struct doc *node = doc_of(a, NODE("", "'attribute.ecs.coracle.dev/stack':'prod'"));
    struct instance_load load = {.running = 2, .pending = 1, .now = &now, .node = node, .health = true};
    const struct doc *v = instance_view(a, made(a, node), &load), *last = NULL;

    assert_doc(a, v, "remainingResources/0/integerValue", "0"); /* never below */
    assert_doc(a, v, "remainingResources/1/integerValue", "100");
    assert_doc(a, v, "remainingResources/3/stringSetValue", "['33000']");
    assert_doc(a, v, "runningTasksCount", "2");
    assert_doc(a, v, "pendingTasksCount", "1");
    assert_doc(a, v, "healthStatus/overallStatus", "'OK'");
    doc_foreach (doc_get(v, "attributes"), at)
        last = at;
    assert_doc(a, last, "value", "'prod'");
    assert_int_equal(doc_count(last), 2);
}

/* Whatever a definition that we register requires, our nodes have. */
static void instances_can_what_definitions_require(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *td;
    struct err err = ERR_INIT;
    const struct doc *in =
        doc_of(a, "{'family':'x','networkMode':'bridge','taskRoleArn':'arn:aws:iam::123456789012:role/r','pidMode':"
                  "'task','executionRoleArn':'arn:aws:iam::123456789012:role/r','containerDefinitions':[{'name':'a',"
                  "'image':'b','memoryReservation':64,'privileged':true,'healthCheck':{'command':['CMD','x']},"
                  "'linuxParameters':{'initProcessEnabled':true},'logConfiguration':{'logDriver':'awslogs','options':{'"
                  "awslogs-group':'g','awslogs-region':'r'}}},"
                  "{'name':'c','image':'b','memory':64,'dependsOn':[{'containerName':'a','condition':'START'}]}]}");

    if (taskdef_normalise(a, in, &td, &err) < 0)
        fail_msg("%s", err.msg);
    assert_true(doc_count(doc_get(td, "requiresAttributes")) > 5);
    doc_foreach (doc_get(td, "requiresAttributes"), at)
        if (!instance_can(doc_str(doc_get(at, "name"))))
            fail_msg("no node has %.*s", STR_ARG(doc_str(doc_get(at, "name"))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_becomes_an_instance),
        cmocka_unit_test(nodes_belong_by_label_and_taint),
        cmocka_unit_test(an_ec2_id_is_aws_own_where_there_is_one),
        cmocka_unit_test(renewing_writes_only_what_changed),
        cmocka_unit_test(an_instance_goes_with_its_node),
        cmocka_unit_test(attributes_of_the_node_cannot_be_deleted),
        cmocka_unit_test(the_view_has_what_is_left),
        cmocka_unit_test(instances_can_what_definitions_require),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
