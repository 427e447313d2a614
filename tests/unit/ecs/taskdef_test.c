#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/limits.h"
#include "ecs/map/fault.h"
#include "ecs/map/taskdef.h"
#include "map_doc.h"

#define ONE(more) "{'family':'f','containerDefinitions':[{'name':'web','image':'i','memory':64" more "}]}"
#define TASK(more) "{'family':'f','containerDefinitions':[{'name':'web','image':'i','memory':64}]" more "}"
#define TWO(first, second)                                                                                             \
    "{'family':'f','memory':'512','containerDefinitions':[{'name':'a','image':'i'" first                               \
    "},{'name':'b','image':'i'" second "}]}"
#define FARGATE(cpu, memory)                                                                                           \
    TASK(",'networkMode':'awsvpc','requiresCompatibilities':['FARGATE'],'cpu':'" cpu "','memory':'" memory "'")

static const struct {
    const char *input, *text; /* text NULL: it is taken */
} cases[] = {
    {ONE(""), NULL},
    {"{'family':'a b','containerDefinitions':[]}", "Family contains invalid characters."},
    {"{'family':'f','containerDefinitions':[]}", "Container list cannot be empty."},
    {"{'family':'f','containerDefinitions':[{'image':'i'}]}", "Container.name should not be null or empty."},
    {"{'family':'f','containerDefinitions':[{'name':'w'}]}", "Container.image should not be null or empty."},
    {"{'family':'f','containerDefinitions':[{'name':'web','image':'i'}]}",
     "Invalid setting for container 'web'. At least one of 'memory' or 'memoryReservation' must be specified."},
    {"{'family':'f','memory':'512','containerDefinitions':[{'name':'web','image':'i'}]}", NULL},
    {ONE(",'memoryReservation':65"), "Invalid setting for container 'web'. The value of 'memoryReservation' must not "
                                     "be greater than that of 'memory'."},
    {ONE(",'essential':false"), "At least one container of a task definition must be essential."},
    {ONE(",'ulimits':[{'name':'nofile'}]"), "Invalid setting for container 'web'. 'ulimits' is not supported."},
    {ONE(",'ulimits':[]"), NULL},
    {ONE(",'secrets':[{'name':'x','valueFrom':'y'}]"),
     "Invalid setting for container 'web'. 'secrets' is not supported."},
    {ONE(",'restartPolicy':{'enabled':false}"), NULL},
    {ONE(",'restartPolicy':{'enabled':true}"),
     "Invalid setting for container 'web'. 'restartPolicy.enabled' is not supported."},
    {ONE(",'user':'nginx'"),
     "Invalid setting for container 'web'. 'user' 'nginx' is not supported: it must be numeric."},
    {ONE(",'user':'1000:0'"), NULL},
    {ONE(",'user':'root'"), NULL},
    {ONE(",'mountPoints':[{'sourceVolume':'v','containerPath':'/x'}]"), "Unknown volume 'v'."},
    {ONE(",'volumesFrom':[{'sourceContainer':'web'}]"), "Invalid 'volumesFrom': unknown container 'web'."},
    {ONE(",'portMappings':[{'containerPort':0}]"), "Invalid port mapping for container 'web'."},
    {ONE(",'portMappings':[{'containerPort':80,'protocol':'sctp'}]"), "Invalid protocol 'sctp' in a port mapping."},
    {ONE(",'healthCheck':{'command':['true']}"), "Invalid setting for container 'web'. The health check command must "
                                                 "start with CMD or CMD-SHELL and hold a command."},
    {ONE(",'healthCheck':{'command':['CMD','true'],'retries':11}"),
     "Invalid setting for container 'web'. Health check 'retries' must be between 1 and 10."},
    {TASK(",'networkMode':'none'"), "'networkMode' 'none' is not supported."},
    {TASK(",'volumes':[{'name':'v'},{'name':'v'}]"), "Duplicate volume name 'v'."},
    {TASK(",'volumes':[{'name':'v','efsVolumeConfiguration':{'fileSystemId':'fs-1'}}]"),
     "Volume 'v': 'efsVolumeConfiguration' is not supported."},
    {TASK(",'requiresCompatibilities':['FARGATE']"), "Fargate only supports network mode 'awsvpc'."},
    {TASK(",'networkMode':'awsvpc','requiresCompatibilities':['FARGATE'],'cpu':'256'"),
     "Fargate requires that 'memory' be defined at the task level."},
    {FARGATE("256", "9999"), "No Fargate configuration exists for given values: 256 CPU, 9999 memory"},
    {FARGATE("256", "1536"), "No Fargate configuration exists for given values: 256 CPU, 1536 memory"},
    {FARGATE("256", "2048"), NULL},
    {FARGATE("1 vCPU", "2GB"), NULL},
    {FARGATE(".5 vcpu", "1 GB"), NULL},
    {FARGATE("16384", "40960"), NULL},
    {TWO("", ",'dependsOn':[{'containerName':'x','condition':'START'}]"),
     "Invalid setting for container 'b'. It depends on an unknown container 'x'."},
    {TWO("", ",'dependsOn':[{'containerName':'b','condition':'START'}]"),
     "Invalid setting for container 'b'. It depends on its own container 'b'."},
    {TWO("", ",'dependsOn':[{'containerName':'a','condition':'SUCCESS'}]"),
     "Invalid setting for container 'b'. Essential container 'a' cannot be awaited with SUCCESS."},
    {TWO(",'essential':false", ",'dependsOn':[{'containerName':'a','condition':'COMPLETE'}]"), NULL},
    {TWO("", ",'dependsOn':[{'containerName':'a','condition':'HEALTHY'}]"),
     "Invalid setting for container 'b'. Container 'a' is awaited with HEALTHY but has no health check."},
    {TWO(",'dependsOn':[{'containerName':'b','condition':'START'}]",
         ",'dependsOn':[{'containerName':'a','condition':'START'}]"),
     "Container dependencies contain a cycle."},
    {TWO(",'essential':false", ",'dependsOn':[{'containerName':'a','condition':'START'}]"), NULL},
    {"{'family':'f','memory':'512','containerDefinitions':[{'name':'a','image':'i'},{'name':'c','image':'i'},"
     "{'name':'b','image':'i','dependsOn':[{'containerName':'a','condition':'START'},"
     "{'containerName':'a','condition':'START'}]}]}",
     "Invalid setting for container 'b'. It depends twice on container 'a'."},
    {TWO(",'portMappings':[{'containerPort':80}]", ",'portMappings':[{'containerPort':80}]"),
     "Containers 'a' and 'b' use the same containerPort 80, which is not supported: they share one network."},
    {TWO(",'portMappings':[{'containerPort':80}]", ",'portMappings':[{'containerPort':80,'protocol':'udp'}]"), NULL},
    {"{'family':'f','memory':'512','containerDefinitions':[{'name':'a','image':'i'},{'name':'a','image':'i'}]}",
     "Container names must be unique: 'a' is used twice."},
    {"{'family':'f','networkMode':'awsvpc','containerDefinitions':[{'name':'a','image':'i','memory':9,"
     "'portMappings':[{'containerPort':80,'hostPort':81}]}]}",
     "When networkMode=awsvpc, the host ports and container ports in port mappings must match."},
};

static void mistakes_have_their_texts(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
        struct err err = ERR_INIT;
        struct doc *td;
        int r = taskdef_normalise(a, doc_of(a, cases[i].input), &td, &err);

        if (!cases[i].text && r == 0)
            continue;
        if (r == 0 || !cases[i].text || strcmp(err.msg, cases[i].text) != 0)
            fail_msg("%s: got %s", cases[i].input, r == 0 ? "no error" : err.msg);
        assert_string_equal(ecs_fault_code(&err), "ClientException");
    }
}

static const struct {
    const char *input, *path, *value;
} filled[] = {
    {ONE(""), "containerDefinitions/0",
     "{'name':'web','image':'i','memory':64,'cpu':0,'essential':true,'portMappings':[],'environment':[],"
     "'mountPoints':[],'volumesFrom':[],'systemControls':[]}"},
    {ONE(""), "volumes", "[]"},
    {ONE(""), "placementConstraints", "[]"},
    {ONE(""), "compatibilities", "['EXTERNAL','EC2']"},
    {ONE(""), "requiresAttributes", "[{'name':'com.amazonaws.ecs.capability.docker-remote-api.1.18'}]"},
    {TASK(",'tags':[{'key':'k'}]"), "tags", NULL},
    {ONE(",'portMappings':[{'containerPort':80}]"), "containerDefinitions/0/portMappings/0",
     "{'containerPort':80,'hostPort':0,'protocol':'tcp'}"},
    {ONE(",'healthCheck':{'command':['CMD-SHELL','true']}"), "containerDefinitions/0/healthCheck",
     "{'command':['CMD-SHELL','true'],'interval':30,'timeout':5,'retries':3}"},
    {FARGATE("1 vCPU", "2GB"), "compatibilities", "['EC2','FARGATE']"},
    {FARGATE("1 vCPU", "2GB"), "cpu", "'1024'"},
    {FARGATE("1 vCPU", "2GB"), "memory", "'2048'"},
    {TASK(",'networkMode':'awsvpc'"), "compatibilities", "['EC2']"},
    {TASK(",'networkMode':'awsvpc'"), "requiresAttributes/1", "{'name':'ecs.capability.task-eni'}"},
    {"{'family':'f','networkMode':'host','containerDefinitions':[{'name':'a','image':'i','memory':9,"
     "'portMappings':[{'containerPort':80}]}]}",
     "containerDefinitions/0/portMappings/0", "{'containerPort':80,'hostPort':80,'protocol':'tcp'}"},
};

static void defaults_are_filled_in(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(filled); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
        struct err err = ERR_INIT;
        struct doc *td;

        if (taskdef_normalise(a, doc_of(a, filled[i].input), &td, &err) < 0)
            fail_msg("%s: %s", filled[i].input, err.msg);
        assert_doc(a, td, filled[i].path, filled[i].value);
    }
}

static void stamp_names_it(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct taskdef_stamp stamp = {"us-east-1", "000000000000", STR("arn:x"), 7, 1000};
    struct doc *td = doc_of(a, ONE(""));

    taskdef_stamp(a, td, &stamp);
    assert_doc(a, td, "taskDefinitionArn", "'arn:aws:ecs:us-east-1:000000000000:task-definition/f:7'");
    assert_doc(a, td, "revision", "7");
    assert_doc(a, td, "status", "'ACTIVE'");
    assert_doc(a, td, "registeredAt", "1000");
}

static void sizes_are_summed_and_overridden(void **state)
{
    static const struct {
        const char *taskdef, *overrides;
        struct ecs_size size;
    } rows[] = {
        {TASK(""), "{}", {0, 64}},
        {TASK(",'cpu':'512','memory':'1GB'"), "{}", {512, 1024}},
        {TASK(",'cpu':'512','memory':'1GB'"), "{'cpu':'256'}", {256, 1024}},
        {ONE(",'cpu':10,'memoryReservation':32"), "{}", {10, 32}},
        {ONE(",'cpu':10"), "{'containerOverrides':[{'name':'web','cpu':20,'memory':128}]}", {20, 128}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
        struct err err = ERR_INIT;
        struct ecs_size got;

        assert_int_equal(taskdef_size(doc_of(a, rows[i].taskdef), doc_of(a, rows[i].overrides), &got, &err), 0);
        assert_int_equal(got.cpu, rows[i].size.cpu);
        assert_int_equal(got.memory, rows[i].size.memory);
    }
}

static void launch_is_checked(void **state)
{
    static const struct {
        const char *taskdef, *launch, *network, *text;
    } rows[] = {
        {"{'compatibilities':['EC2']}", "FARGATE", "{}", "Task definition does not support launch_type FARGATE."},
        {"{'compatibilities':['EC2']}", "EC2", "{}", NULL},
        {"{'compatibilities':['EC2']}", "", "{}", NULL},
        {"{'compatibilities':['EC2'],'networkMode':'awsvpc'}", "EC2", "{}",
         "Network Configuration must be provided when networkMode 'awsvpc' is specified."},
        {"{'compatibilities':['EC2'],'networkMode':'awsvpc'}", "EC2", "{'awsvpcConfiguration':{'subnets':['s']}}",
         NULL},
        {"{'compatibilities':['EC2']}", "EC2", "{'awsvpcConfiguration':{'subnets':['s']}}",
         "Network Configuration is not valid for the given networkMode of this task definition."},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
        struct err err = ERR_INIT;
        int r =
            taskdef_check_launch(doc_of(a, rows[i].taskdef), str_of(rows[i].launch), doc_of(a, rows[i].network), &err);

        assert_int_equal(r, rows[i].text ? -1 : 0);
        if (rows[i].text) {
            assert_string_equal(err.msg, rows[i].text);
            assert_string_equal(ecs_fault_code(&err), "InvalidParameterException");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_have_their_texts),
        cmocka_unit_test(defaults_are_filled_in),
        cmocka_unit_test(stamp_names_it),
        cmocka_unit_test(sizes_are_summed_and_overridden),
        cmocka_unit_test(launch_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
