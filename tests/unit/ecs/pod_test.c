#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/limits.h"
#include "ecs/map/pod.h"
#include "ecs/map/taskdef.h"
#include "map_doc.h"

#define ONE(more) "{'family':'f','containerDefinitions':[{'name':'web','image':'i','memory':64" more "}]}"
#define TASK(more) "{'family':'f','containerDefinitions':[{'name':'web','image':'i','memory':64}]" more "}"
#define AWAIT(condition, first)                                                                                        \
    "{'family':'f','memory':'512','containerDefinitions':[{'name':'b','image':'i','dependsOn':[{'containerName':'a',"  \
    "'condition':'" condition "'}]},{'name':'a','image':'i'" first "}]}"
#define A_B_HASH "7d8f9c51"
#define HEALTH "'healthCheck':{'command':['CMD-SHELL','true'],'startPeriod':60}"

static struct doc *build(struct arena *a, const char *input, const char *overrides)
{
    struct pod_task task = {.cluster = "demo",
                            .namespace = "ecs-demo",
                            .task_id = "0123456789abcdef0123456789abcdef",
                            .task_arn = "arn:task",
                            .service = "web",
                            .deployment = "ecs-svc/42",
                            .node = "n1",
                            .overrides = doc_of(a, overrides)};
    struct pod_port *ports;
    struct err err = ERR_INIT;
    struct doc *td, *pod;

    if (taskdef_normalise(a, doc_of(a, input), &td, &err) < 0 || pod_ports(a, td, &ports, &task.n_ports, &err) < 0)
        fail_msg("%s: %s", input, err.msg);
    doc_set(td, "revision", doc_int(a, 3));
    for (size_t i = 0; i < task.n_ports; i++)
        ports[i].host_port = ports[i].host_port ? ports[i].host_port : 40000 + (int64_t)i;
    task.ports = ports;
    if (pod_build(a, td, &task, &pod, &err) < 0)
        fail_msg("%s: %s", input, err.msg);
    return pod;
}

static const struct {
    const char *input, *overrides, *path, *value;
} cases[] = {
    {ONE(""), "{}", "metadata/name", "'0123456789abcdef0123456789abcdef'"},
    {ONE(""), "{}", "metadata/labels",
     "{'ecs.coracle.dev/cluster':'demo','ecs.coracle.dev/task':'0123456789abcdef0123456789abcdef',"
     "'ecs.coracle.dev/family':'f','ecs.coracle.dev/revision':'3','ecs.coracle.dev/service':'web',"
     "'ecs.coracle.dev/deployment':'ecs-svc-42'}"},
    {ONE(""), "{}", "spec",
     "{'restartPolicy':'Never','enableServiceLinks':false,'automountServiceAccountToken':false,'containers':[{'name':"
     "'web','image':'i','resources':{'limits':{'memory':'64Mi'},'requests':{'memory':'64Mi'}}}],"
     "'terminationGracePeriodSeconds':30,'nodeName':'n1'}"},
    {ONE(",'cpu':512,'memoryReservation':32"), "{}", "spec/containers/0/resources",
     "{'limits':{'memory':'64Mi'},'requests':{'cpu':'500m','memory':'32Mi'}}"},
    {TASK(",'cpu':'1024','memory':'512'"), "{}", "spec/containers/0/resources",
     "{'limits':{'memory':'64Mi','cpu':'1000m'},'requests':{'memory':'64Mi','cpu':'1000m'}}"},
    {"{'family':'f','memory':'512','containerDefinitions':[{'name':'a','image':'i'},{'name':'b','image':'i',"
     "'memory':128}]}",
     "{}", "spec/containers/0/resources", "{'limits':{'memory':'512Mi'},'requests':{'memory':'384Mi'}}"},
    {ONE(",'environment':[{'name':'A','value':'1'},{'name':'B','value':'$(A) $5'}]"),
     "{'containerOverrides':[{'name':'web','environment':[{'name':'A','value':'2'}]}]}", "spec/containers/0/env",
     "[{'name':'A','value':'2'},{'name':'B','value':'$$(A) $5'}]"},
    {ONE(",'entryPoint':['sh','-c'],'command':['echo $(date)']"), "{}", "spec/containers/0/args", "['echo $$(date)']"},
    {ONE(",'entryPoint':['sh'],'command':['x']"), "{'containerOverrides':[{'name':'web','command':['y']}]}",
     "spec/containers/0/args", "['y']"},
    {ONE(",'entryPoint':['sh']"), "{}", "spec/containers/0/command", "['sh']"},
    {ONE(",'portMappings':[{'containerPort':80}]"), "{}", "spec/containers/0/ports",
     "[{'containerPort':80,'hostPort':40000,'protocol':'TCP'}]"},
    {TASK(",'networkMode':'host'"), "{}", "spec/hostNetwork", "true"},
    {TASK(",'pidMode':'host'"), "{}", "spec/hostPID", "true"},
    {TASK(",'pidMode':'task'"), "{}", "spec/shareProcessNamespace", "true"},
    {TASK(",'runtimePlatform':{'cpuArchitecture':'X86_64'}"), "{}", "spec/nodeSelector",
     "{'kubernetes.io/arch':'amd64'}"},
    {"{'family':'f','networkMode':'awsvpc','containerDefinitions':[{'name':'a','image':'i','memory':9,"
     "'portMappings':[{'containerPort':80,'protocol':'udp'}]}]}",
     "{}", "spec/containers/0/ports", "[{'containerPort':80,'protocol':'UDP'}]"},
    {ONE(",'user':'1000:50','privileged':true,'readonlyRootFilesystem':true,'linuxParameters':{'capabilities':{'add':["
         "'NET_ADMIN']}}"),
     "{}", "spec/containers/0/securityContext",
     "{'privileged':true,'readOnlyRootFilesystem':true,'runAsUser':1000,'runAsGroup':50,"
     "'capabilities':{'add':['NET_ADMIN']}}"},
    {ONE(",'stopTimeout':7"), "{}", "spec/terminationGracePeriodSeconds", "7"},
    {ONE(",'linuxParameters':{'sharedMemorySize':64}"), "{}", "spec/volumes",
     "[{'name':'ecs-memory-0','emptyDir':{'medium':'Memory','sizeLimit':'64Mi'}}]"},
    {ONE(",'linuxParameters':{'tmpfs':[{'containerPath':'/t','size':8,'mountOptions':['ro']}]}"), "{}",
     "spec/containers/0/volumeMounts", "[{'name':'ecs-memory-0','mountPath':'/t','readOnly':true}]"},
    {"{'family':'f','memory':'99','containerDefinitions':[{'name':'a','image':'i'},{'name':'b','image':'i','links':["
     "'a:db'],'extraHosts':[{'hostname':'h','ipAddress':'1.2.3.4'},{'hostname':'g','ipAddress':'1.2.3.4'}]}]}",
     "{}", "spec/hostAliases", "[{'ip':'1.2.3.4','hostnames':['h','g']},{'ip':'127.0.0.1','hostnames':['db']}]"},
    {ONE(",'hostname':'web'"), "{}", "spec/hostname", "'web'"},
    {ONE(",'hostname':'web.example.com'"), "{}", "spec/hostnameOverride", "'web.example.com'"},
    {ONE(",'restartPolicy':{'enabled':true,'ignoredExitCodes':[3]}"), "{}", "spec/containers/0/restartPolicyRules",
     "[{'action':'Restart','exitCodes':{'operator':'NotIn','values':[3]}}]"},
    {ONE(",'restartPolicy':{'enabled':true}"), "{}", "spec/containers/0/restartPolicy", "'Never'"},
    {ONE(",'restartPolicy':{'enabled':true}"), "{}", "metadata/annotations",
     "{'ecs.coracle.dev/task-arn':'arn:task','restart-after.ecs.coracle.dev/web':'300'}"},
    {ONE(",'user':'nobody:5'"), "{}", "spec/containers/0/securityContext", "{'runAsNonRoot':true,'runAsGroup':5}"},
    {ONE(",'user':'nobody:5'"), "{}", "metadata/annotations",
     "{'ecs.coracle.dev/task-arn':'arn:task','user.ecs.coracle.dev/web':'nobody'}"},
    {ONE(",'ulimits':[{'name':'nofile','softLimit':10,'hardLimit':20},{'name':'core','softLimit':0,'hardLimit':-1}]"),
     "{}", "metadata/annotations",
     "{'ecs.coracle.dev/task-arn':'arn:task','ulimits.ecs.coracle.dev/web':'nofile=10:20,core=0:unlimited'}"},
    {"{'family':'f','memory':'99','containerDefinitions':[{'name':'A_b','image':'i','stopTimeout':5},{'name':'b',"
     "'image':'i','stopTimeout':6}]}",
     "{}", "metadata/annotations",
     "{'ecs.coracle.dev/task-arn':'arn:task','stop-timeout.ecs.coracle.dev/a-b-" A_B_HASH "':'5'}"},
    {ONE(",'dockerSecurityOptions':['no-new-privileges','apparmor:mine']"), "{}", "spec/containers/0/securityContext",
     "{'allowPrivilegeEscalation':false,'appArmorProfile':{'type':'Localhost','localhostProfile':'mine'}}"},
    {"{'family':'f','memory':'99','ephemeralStorage':{'sizeInGiB':30},'containerDefinitions':[{'name':'a','image':'i'}]"
     "}",
     "{}", "spec/containers/0/resources",
     "{'limits':{'memory':'99Mi','ephemeral-storage':'30Gi'},'requests':{'memory':'99Mi','ephemeral-storage':'0'}}"},
    {ONE(",'portMappings':[{'containerPort':80,'hostPort':8080},{'containerPort':80}]"), "{}",
     "spec/containers/0/ports",
     "[{'containerPort':80,'hostPort':8080,'protocol':'TCP'},{'containerPort':80,'hostPort':40001,'protocol':'TCP'}]"},
    {"{'family':'f','networkMode':'awsvpc','containerDefinitions':[{'name':'a','image':'i','memory':9,"
     "'portMappings':[{'containerPortRange':'80-90'},{'containerPort':70}]}]}",
     "{}", "spec/containers/0/ports", "[{'containerPort':70,'protocol':'TCP'}]"},
    {"{'family':'f','memory':'99','volumes':[{'name':'v'},{'name':'w'}],'containerDefinitions':[{'name':'a','image':'i'"
     ","
     "'mountPoints':[{'sourceVolume':'v','containerPath':'/v'}]},{'name':'b','image':'i','volumesFrom':[{"
     "'sourceContainer':'a'}]},{'name':'c','image':'i','mountPoints':[{'sourceVolume':'w','containerPath':'/w'}],"
     "'volumesFrom':[{'sourceContainer':'b','readOnly':true}]}]}",
     "{}", "spec/containers/2/volumeMounts",
     "[{'name':'w','mountPath':'/w'},{'name':'v','mountPath':'/v','readOnly':true}]"},
    {TASK(",'volumes':[{'name':'v','dockerVolumeConfiguration':{'scope':'shared','autoprovision':true}},{'name':'t',"
          "'dockerVolumeConfiguration':{'scope':'task'}}]"),
     "{}", "spec/volumes",
     "[{'name':'v','hostPath':{'path':'/var/lib/coracle/ecs-volumes/v','type':'DirectoryOrCreate'}},{'name':'t',"
     "'emptyDir':{}}]"},
    {ONE(",'dnsServers':['1.1.1.1'],'dnsSearchDomains':['x']"), "{}", "spec/dnsConfig",
     "{'nameservers':['1.1.1.1'],'searches':['x']}"},
    {ONE(",'systemControls':[{'namespace':'net.core.somaxconn','value':'9'}]"), "{}", "spec/securityContext",
     "{'sysctls':[{'name':'net.core.somaxconn','value':'9'}]}"},
    {ONE(",'repositoryCredentials':{'credentialsParameter':'arn:aws:secretsmanager:r:1:secret:reg'}"), "{}",
     "spec/imagePullSecrets", "[{'name':'reg'}]"},
    {"{'family':'f','memory':'99','volumes':[{'name':'v'},{'name':'h','host':{'sourcePath':'/srv'}}],"
     "'containerDefinitions':[{'name':'a','image':'i','mountPoints':[{'sourceVolume':'v','containerPath':'/v'}]},"
     "{'name':'b','image':'i','volumesFrom':[{'sourceContainer':'a','readOnly':true}]}]}",
     "{}", "spec/containers/1/volumeMounts", "[{'name':'v','mountPath':'/v','readOnly':true}]"},
    {TASK(",'volumes':[{'name':'v'},{'name':'h','host':{'sourcePath':'/srv'}}]"), "{}", "spec/volumes",
     "[{'name':'v','emptyDir':{}},{'name':'h','hostPath':{'path':'/srv'}}]"},
    {ONE("," HEALTH), "{}", "spec/containers/0/readinessProbe",
     "{'exec':{'command':['/bin/sh','-c','true']},'periodSeconds':30,'timeoutSeconds':5,"
     "'failureThreshold':3}"},
    {AWAIT("START", ""), "{}", "spec/containers/0/name", "'a'"},
    {AWAIT("START", ""), "{}", "spec/initContainers", NULL},
    {AWAIT("SUCCESS", ",'essential':false"), "{}", "spec/initContainers/0/name", "'a'"},
    {AWAIT("SUCCESS", ",'essential':false"), "{}", "spec/initContainers/0/restartPolicy", NULL},
    {AWAIT("COMPLETE", ",'essential':false"), "{}", "spec/containers/0/name", "'b'"},
    {AWAIT("HEALTHY", "," HEALTH), "{}", "spec/initContainers/0/restartPolicy", "'Always'"},
    {AWAIT("HEALTHY", "," HEALTH), "{}", "spec/initContainers/0/startupProbe/failureThreshold", "5"},
    {"{'family':'f','memory':'99','containerDefinitions':[{'name':'a','image':'i'},{'name':'b','image':'i',"
     "'essential':false,'dependsOn':[{'containerName':'a','condition':'START'}]},{'name':'c','image':'i','dependsOn':["
     "{'containerName':'b','condition':'SUCCESS'}]}]}",
     "{}", "spec/initContainers/0/restartPolicy", "'Always'"},
};

static void task_definitions_become_pods(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(MIB);

        assert_doc(a, build(a, cases[i].input, cases[i].overrides), cases[i].path, cases[i].value);
    }
}

static void annotations_tell_what_a_pod_has_no_place_for(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *pod = build(a, AWAIT("START", ",'dockerLabels':{'x':'y'}"), "{}");
    struct doc *notes = doc_path(pod, "metadata.annotations");

    assert_true(str_is(doc_str(doc_get(notes, "ecs.coracle.dev/depends-on")),
                       "{\"b\":[{\"containerName\":\"a\",\"condition\":\"START\"}]}"));
    assert_true(str_is(doc_str(doc_get(notes, "ecs.coracle.dev/docker-labels")), "{\"a\":{\"x\":\"y\"}}"));
}

static bool may_fail(const char *condition_input)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    const struct doc *notes = doc_path(build(a, condition_input, "{}"), "metadata.annotations");

    return str_is(doc_str(doc_get(notes, "may-fail.ecs.coracle.dev/a")), "true");
}

static void only_what_is_awaited_with_complete_alone_may_fail(void **state)
{
    assert_true(may_fail(AWAIT("COMPLETE", ",'essential':false")));
    assert_false(may_fail(AWAIT("SUCCESS", ",'essential':false")));
    assert_false(
        may_fail("{'family':'f','memory':'99','containerDefinitions':[{'name':'a','image':'i','essential':false},"
                 "{'name':'b','image':'i','dependsOn':[{'containerName':'a','condition':'COMPLETE'}]},"
                 "{'name':'c','image':'i','dependsOn':[{'containerName':'a','condition':'SUCCESS'}]}]}"));
}

static void names_fit_kubernetes(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct str one = pod_name(a, STR("My_App")), two = pod_name(a, STR("my_app"));

    assert_true(str_starts(one, STR("my-app-")) && str_starts(two, STR("my-app-")));
    assert_false(str_eq(one, two));
    assert_true(str_is(pod_name(a, STR("web-1")), "web-1"));
    assert_true(str_starts(pod_name(a, STR("___")), STR("x")));
    assert_int_equal(
        pod_label_value(a, str_n("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 68)).n, 63);
    assert_true(str_is(pod_label_value(a, STR("_a/b_")), "a-b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(task_definitions_become_pods),
        cmocka_unit_test(annotations_tell_what_a_pod_has_no_place_for),
        cmocka_unit_test(only_what_is_awaited_with_complete_alone_may_fail),
        cmocka_unit_test(names_fit_kubernetes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
