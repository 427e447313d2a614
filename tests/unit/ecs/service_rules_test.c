#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"
#include "ecs/map/fault.h"
#include "ecs/map/service_rules.h"
#include "map_doc.h"

#define BRIDGE                                                                                                         \
    "{'taskDefinitionArn':'arn:td/web:1','networkMode':'bridge','compatibilities':['EC2','EXTERNAL'],"                 \
    "'containerDefinitions':[{'name':'web','portMappings':[{'containerPort':80}]}]}"
#define AWSVPC                                                                                                         \
    "{'taskDefinitionArn':'arn:td/web:2','networkMode':'awsvpc','compatibilities':['EC2','FARGATE'],"                  \
    "'containerDefinitions':[{'name':'web'}]}"
#define NETWORK "'networkConfiguration':{'awsvpcConfiguration':{'subnets':['s']}}"

static struct service_wish wish(struct arena *a, const char *runs_on, const char *definition)
{
    return (struct service_wish){.region = "eu-west-1",
                                 .account = "000000000000",
                                 .cluster = "demo",
                                 .caller = STR("arn:alice"),
                                 .now_s = 7,
                                 .definition = doc_of(a, definition),
                                 .launch_type = str_of(runs_on),
                                 .runs_on = str_of(runs_on)};
}

static struct doc *created(struct arena *a, const char *runs_on, const char *definition, const char *input)
{
    struct service_wish w = wish(a, runs_on, definition);
    struct err err = ERR_INIT;
    struct doc *spec;

    if (service_spec_create(a, doc_of(a, input), &w, &spec, &err) < 0)
        fail_msg("%s: %s", input, err.msg);
    return spec;
}

static void defaults_of_a_replica_service(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *s = created(a, "EC2", BRIDGE, "{'serviceName':'web','desiredCount':3}");

    struct doc *wrap = doc_object(a);

    doc_set(wrap, "spec", s);
    assert_doc(a, wrap, "spec",
               "{'serviceName':'web','clusterName':'demo','serviceArn':"
               "'arn:aws:ecs:eu-west-1:000000000000:service/demo/web','clusterArn':"
               "'arn:aws:ecs:eu-west-1:000000000000:cluster/demo','createdAt':7,'createdBy':'arn:alice',"
               "'schedulingStrategy':'REPLICA','desiredCount':3,'launchType':'EC2','taskDefinition':'arn:td/web:1',"
               "'deploymentConfiguration':{'maximumPercent':200,'minimumHealthyPercent':100,'strategy':'ROLLING',"
               "'bakeTimeInMinutes':0,'deploymentCircuitBreaker':{'enable':false,'rollback':false}},"
               "'deploymentController':{'type':'ECS'},'propagateTags':'NONE','enableECSManagedTags':false,"
               "'enableExecuteCommand':false,'placementConstraints':[],'placementStrategy':[],"
               "'availabilityZoneRebalancing':'ENABLED','resourceManagementType':'CUSTOMER'}");
}

static void defaults_of_a_daemon_service(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *s = created(a, "EC2", BRIDGE, "{'serviceName':'web','schedulingStrategy':'DAEMON'}");

    assert_doc(a, s, "desiredCount", "0");
    assert_doc(a, s, "deploymentConfiguration/maximumPercent", "100");
    assert_doc(a, s, "deploymentConfiguration/minimumHealthyPercent", "0");
}

static void defaults_of_a_fargate_service(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *s = created(a, "FARGATE", AWSVPC, "{'serviceName':'web','desiredCount':1," NETWORK "}");

    assert_doc(a, s, "platformVersion", "'LATEST'");
    assert_doc(a, s, "platformFamily", "'Linux'");
    assert_doc(a, s, "roleArn",
               "'arn:aws:iam::000000000000:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS'");
    assert_doc(a, s, "networkConfiguration",
               "{'awsvpcConfiguration':{'subnets':['s'],'securityGroups':[],'assignPublicIp':'DISABLED'}}");
}

/* A row is refused with the text. */
static const struct {
    const char *runs_on, *definition, *input, *text;
} refused[] = {
    {"EC2", BRIDGE, "{}", "Desired count can not be blank."},
    {"EC2", BRIDGE, "{'desiredCount':-1}", "The desired count must be between 0 and 5000."},
    {"EC2", BRIDGE, "{'desiredCount':1,'schedulingStrategy':'DAEMON'}",
     "The daemon scheduling strategy does not support a desired count"},
    {"EC2", BRIDGE, "{'schedulingStrategy':'DAEMON','placementStrategy':[{'type':'random'}]}",
     "The daemon scheduling strategy does not support placement strategies."},
    {"EC2", BRIDGE, "{'schedulingStrategy':'DAEMON','deploymentConfiguration':{'maximumPercent':200}}",
     "does not support values above 100 for maximumPercent"},
    {"EC2", BRIDGE, "{'schedulingStrategy':'DAEMON','deploymentConfiguration':{'minimumHealthyPercent':100}}",
     "Both maximumPercent and minimumHealthyPercent cannot be 100"},
    {"EC2", BRIDGE, "{'schedulingStrategy':'DAEMON','capacityProviderStrategy':[{'capacityProvider':'x'}]}",
     "Specifying a capacity provider strategy is not supported when you create a service using the DAEMON"},
    {"FARGATE", AWSVPC, "{'schedulingStrategy':'DAEMON'," NETWORK "}", "does not support the DAEMON"},
    {"FARGATE", AWSVPC, "{'desiredCount':1}", "Network Configuration must be provided when networkMode 'awsvpc'"},
    {"FARGATE", BRIDGE, "{'desiredCount':1}", "Task definition does not support launch_type FARGATE."},
    {"FARGATE", AWSVPC, "{'desiredCount':1,'platformVersion':'9.9'," NETWORK "}",
     "The specified platform does not exist."},
    {"EC2", BRIDGE, "{'desiredCount':1,'platformVersion':'1.4.0'}", "The platform version must be null"},
    {"FARGATE", AWSVPC, "{'desiredCount':1,'placementStrategy':[{'type':'random'}]," NETWORK "}",
     "Placement strategies are not supported with FARGATE launch type."},
    {"FARGATE", AWSVPC, "{'desiredCount':1,'placementConstraints':[{'type':'distinctInstance'}]," NETWORK "}",
     "Placement constraints are not supported with FARGATE launch type."},
    {"EC2", BRIDGE, "{'desiredCount':1,'placementConstraints':[{'type':'memberOf','expression':'('}]}", ""},
    {"EC2", BRIDGE, "{'desiredCount':1,'role':'r'}", "You cannot specify an IAM role"},
    {"EC2", AWSVPC, "{'desiredCount':1,'role':'r'," NETWORK "}", "that require a service linked role."},
    {"EC2", BRIDGE,
     "{'desiredCount':1,'loadBalancers':[{'targetGroupArn':'tg','containerName':'app','containerPort':80}]}",
     "The container app does not exist in the task definition."},
    {"EC2", BRIDGE,
     "{'desiredCount':1,'loadBalancers':[{'targetGroupArn':'tg','containerName':'web','containerPort':81}]}",
     "The container web did not have a container port 81 defined."},
    {"EC2", BRIDGE,
     "{'desiredCount':1,'loadBalancers':[{'targetGroupArn':'tg','containerName':'web','containerPort':80}]}",
     "The target group with targetGroupArn tg does not have an associated load balancer."},
    {"EC2", BRIDGE, "{'desiredCount':1,'deploymentController':{'type':'CODE_DEPLOY'}}",
     "The deployment controller CODE_DEPLOY is not supported yet."},
    {"EC2", BRIDGE, "{'desiredCount':1,'deploymentConfiguration':{'strategy':'BLUE_GREEN'}}",
     "The deployment strategy BLUE_GREEN is not supported yet."},
    {"EC2", BRIDGE, "{'desiredCount':1,'deploymentConfiguration':{'maximumPercent':50,'minimumHealthyPercent':80}}",
     "maximumPercent must be at least"},
    {"EC2", BRIDGE, "{'desiredCount':1,'deploymentConfiguration':{'alarms':{'enable':true}}}",
     "Deployment alarms are not supported yet."},
    {"EC2", BRIDGE, "{'desiredCount':1,'tags':[{'key':'aws:x','value':'y'}]}", ""},
    {"EC2", BRIDGE, "{'desiredCount':1,'serviceRegistries':[{'registryArn':'x'}]}",
     "serviceRegistries is not supported yet."},
    {"EC2", BRIDGE, "{'desiredCount':1,'volumeConfigurations':[{'name':'x'}]}",
     "volumeConfigurations is not supported yet."},
    {"EC2", BRIDGE, "{'desiredCount':1,'serviceConnectConfiguration':{'enabled':true}}",
     "serviceConnectConfiguration is not supported yet."},
};

static void what_cannot_be_is_refused(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
        struct service_wish w = wish(a, refused[i].runs_on, refused[i].definition);
        struct err err = ERR_INIT;
        struct doc *spec;

        if (service_spec_create(a, doc_of(a, refused[i].input), &w, &spec, &err) == 0)
            fail_msg("%s is taken", refused[i].input);
        assert_non_null(ecs_fault_code(&err));
        if (!strstr(err.msg, refused[i].text))
            fail_msg("%s: %s", refused[i].input, err.msg);
    }
}

/* What an update changes, and whether it deploys (NULL: refused). */
#define FULL "'loadBalancers':[],'serviceRegistries':[]"
static const struct {
    const char *input, *path, *value;
    bool deploys;
} updates[] = {
    {"{'desiredCount':5}", "desiredCount", "5", false},
    {"{" FULL "}", "desiredCount", "1", false},
    {"{'deploymentConfiguration':{'minimumHealthyPercent':50}}", "deploymentConfiguration/maximumPercent", "200",
     false},
    {"{'deploymentConfiguration':{'deploymentCircuitBreaker':{'enable':true,'rollback':true}}}",
     "deploymentConfiguration/deploymentCircuitBreaker", "{'enable':true,'rollback':true}", false},
    {"{'enableExecuteCommand':true}", "enableExecuteCommand", "true", false},
    {"{'propagateTags':'SERVICE'}", "propagateTags", "'SERVICE'", false},
    {"{'healthCheckGracePeriodSeconds':9}", "healthCheckGracePeriodSeconds", "9", false},
    {"{'networkConfiguration':{'awsvpcConfiguration':{'subnets':['s']}}}", "platformVersion", "'LATEST'", false},
    {"{'networkConfiguration':{'awsvpcConfiguration':{'subnets':['t']}}}",
     "networkConfiguration/awsvpcConfiguration/subnets", "['t']", true},
    {"{'platformVersion':'1.4.0'}", "platformVersion", "'1.4.0'", true},
    {"{'forceNewDeployment':true}", "desiredCount", "1", true},
};

static void updates_deploy_what_a_revision_fixes(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(updates); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
        struct doc *before = created(a, "FARGATE", AWSVPC, "{'serviceName':'web','desiredCount':1," NETWORK "}"),
                   *after;
        struct service_wish w = wish(a, "FARGATE", AWSVPC);
        struct err err = ERR_INIT;
        bool deploys;

        if (service_spec_update(a, before, doc_of(a, updates[i].input), &w, &after, &deploys, &err) < 0)
            fail_msg("%s: %s", updates[i].input, err.msg);
        assert_doc(a, after, updates[i].path, updates[i].value);
        if (deploys != updates[i].deploys)
            fail_msg("%s: deploys %d", updates[i].input, deploys);
    }
}

static void another_task_definition_deploys(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *before = created(a, "EC2", BRIDGE, "{'serviceName':'web','desiredCount':1}"), *after;
    struct service_wish w = wish(a, "EC2", "{'taskDefinitionArn':'arn:td/web:9','compatibilities':['EC2']}");
    struct err err = ERR_INIT;
    bool deploys;

    assert_int_equal(service_spec_update(a, before, doc_of(a, "{}"), &w, &after, &deploys, &err), 0);
    assert_true(deploys);
    assert_doc(a, after, "taskDefinition", "'arn:td/web:9'");
}

static void another_strategy_has_to_be_forced(void **state)
{
    static const char strategy[] = "[{'capacityProvider':'x','base':0,'weight':1}]";
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *before = created(a, "EC2", BRIDGE, "{'serviceName':'web','desiredCount':1}"), *after;
    struct service_wish w = wish(a, "EC2", BRIDGE);
    struct err err = ERR_INIT;
    bool deploys;

    w.launch_type = STR("");
    w.strategy = doc_of(a, strategy);
    assert_int_equal(
        service_spec_update(a, before, doc_of(a, "{'capacityProviderStrategy':[{}]}"), &w, &after, &deploys, &err), -1);
    assert_non_null(strstr(err.msg, "you must force a new deployment."));
    err_clear(&err);
    assert_int_equal(service_spec_update(a, before,
                                         doc_of(a, "{'capacityProviderStrategy':[{}],'forceNewDeployment':true}"), &w,
                                         &after, &deploys, &err),
                     0);
    assert_true(deploys);
    assert_doc(a, after, "capacityProviderStrategy", strategy);
    assert_doc(a, after, "launchType", NULL);
}

static void the_same_settings_are_the_same(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *s = created(a, "EC2", BRIDGE, "{'serviceName':'web','desiredCount':3,'clientToken':'x'}");
    struct doc *same = created(a, "EC2", BRIDGE, "{'serviceName':'web','desiredCount':3,'propagateTags':'NONE'}");
    struct doc *more = created(a, "EC2", BRIDGE, "{'serviceName':'web','desiredCount':4}");

    doc_set(same, "createdAt", doc_int(a, 99));
    assert_true(service_spec_same(a, s, same));
    assert_false(service_spec_same(a, s, more));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_of_a_replica_service),        cmocka_unit_test(defaults_of_a_daemon_service),
        cmocka_unit_test(defaults_of_a_fargate_service),        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(updates_deploy_what_a_revision_fixes), cmocka_unit_test(another_task_definition_deploys),
        cmocka_unit_test(another_strategy_has_to_be_forced),    cmocka_unit_test(the_same_settings_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
