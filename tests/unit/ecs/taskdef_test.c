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
#define HOST(more)                                                                                                     \
    "{'family':'f','networkMode':'host','containerDefinitions':[{'name':'web','image':'i','memory':64" more "}]}"
#define AWSVPC(more)                                                                                                   \
    "{'family':'f','networkMode':'awsvpc','containerDefinitions':[{'name':'web','image':'i','memory':64" more "}]}"
#define VOLUME(volume, points)                                                                                         \
    "{'family':'f','volumes':[" volume "],'containerDefinitions':[{'name':'web','image':'i','memory':64,"              \
    "'mountPoints':[" points "]}]}"
#define FARGATE_WITH(container, task)                                                                                  \
    "{'family':'f','networkMode':'awsvpc','requiresCompatibilities':['FARGATE'],'cpu':'256','memory':'512',"           \
    "'containerDefinitions':[{'name':'web','image':'i'" container "}]" task "}"
#define BAD_SIZE(what)                                                                                                 \
    "Invalid '" what "' setting for task. For more information, see the Troubleshooting section of the Amazon ECS "    \
    "Developer Guide."
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
    {ONE(",'memoryReservation':65"),
     "Invalid setting for container 'web'. 'memory' must be greater than or equal to 'memoryReservation'."},
    {ONE(",'cpu':-1"), "Invalid setting for container 'web'. 'cpu' must not be negative."},
    {TASK(",'memory':'63'"), "The 'memory' setting for container 'web' is greater than for the task."},
    {TASK(",'memory':'lots'"), BAD_SIZE("memory")},
    {TASK(",'cpu':'127'"), BAD_SIZE("cpu")},
    {TASK(",'cpu':'.00 vCPU'"), BAD_SIZE("cpu")},
    {TASK(",'cpu':'196609'"), BAD_SIZE("cpu")},
    {TASK(",'cpu':'.125 vCPU'"), NULL},
    {"{'family':'f','cpu':'256','memory':'512','containerDefinitions':[{'name':'a','image':'i','cpu':200},"
     "{'name':'b','image':'i','cpu':57}]}",
     "The sum of all container 'cpu' values cannot be greater than the task-level 'cpu' value."},
    {ONE(",'essential':false"), "At least one container of a task definition must be essential."},
    {ONE(",'ulimits':[{'name':'nofile','softLimit':2,'hardLimit':1}]"),
     "Soft limit exceeds hard limit for ulimit nofile"},
    {ONE(",'ulimits':[{'name':'nofile','softLimit':-1,'hardLimit':1}]"),
     "Soft limit exceeds hard limit for ulimit nofile"},
    {ONE(",'ulimits':[{'name':'core','softLimit':-1,'hardLimit':-1},{'name':'cpu','softLimit':1,'hardLimit':-1}]"),
     NULL},
    {ONE(",'ulimits':[{'name':'cpu','softLimit':1,'hardLimit':2},{'name':'cpu','softLimit':1,'hardLimit':2}]"),
     "Invalid setting for container 'web'. The ulimit 'cpu' is given twice."},
    {ONE(",'ulimits':[{'name':'cpu','softLimit':-2,'hardLimit':2}]"),
     "Invalid setting for container 'web'. The limits of ulimit 'cpu' must not be negative."},
    {ONE(",'ulimits':[]"), NULL},
    {ONE(",'secrets':[{'name':'x','valueFrom':'y'}]"),
     "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."},
    {"{'family':'f','executionRoleArn':'r','containerDefinitions':[{'name':'web','image':'i','memory':64,'secrets':"
     "[{'name':'x','valueFrom':'y'}]}]}",
     "Invalid setting for container 'web'. 'secrets' is not supported: there is no Secrets Manager and no Parameter "
     "Store yet; put the value into 'environment'."},
    {ONE(",'environmentFiles':[{'type':'s3','value':'arn'}]"),
     "Invalid setting for container 'web'. 'environmentFiles' is not supported: there is no S3; put the variables into "
     "'environment'."},
    {ONE(",'firelensConfiguration':{'type':'fluentd'}"),
     "Invalid setting for container 'web'. 'firelensConfiguration' is not supported: logs are read with kubectl logs."},
    {ONE(",'credentialSpecs':['x']"),
     "Invalid setting for container 'web'. 'credentialSpecs' is not supported: there is no Active Directory."},
    {ONE(",'disableNetworking':true"), "Invalid setting for container 'web'. 'disableNetworking' is not supported: the "
                                       "containers of a task share one network."},
    {ONE(",'linuxParameters':{'devices':[{'hostPath':'/dev/x'}]}"),
     "Invalid setting for container 'web'. 'linuxParameters.devices' is not supported: a pod gets devices with "
     "'privileged' only."},
    {ONE(",'linuxParameters':{'maxSwap':1}"), "Invalid setting for container 'web'. 'linuxParameters.maxSwap' is not "
                                              "supported: Kubernetes gives containers no swap."},
    {ONE(",'linuxParameters':{'maxSwap':0,'swappiness':10}"), NULL},
    {ONE(",'linuxParameters':{'tmpfs':[{'containerPath':'/t','size':1,'mountOptions':['rw','noatime']}]}"), NULL},
    {ONE(",'linuxParameters':{'tmpfs':[{'containerPath':'/t','size':1,'mountOptions':['noexec']}]}"),
     "Invalid setting for container 'web'. The tmpfs option 'noexec' is not supported: a pod's volumes have no mount "
     "options."},
    {ONE(",'linuxParameters':{'tmpfs':[{'containerPath':'/t','size':1},{'containerPath':'/t','size':1}]}"),
     "Invalid setting for container 'web'. Duplicate mount point '/t'."},
    {ONE(",'linuxParameters':{'tmpfs':[{'containerPath':'/t','size':0}]}"),
     "Invalid setting for container 'web'. The size of a tmpfs must be at least 1."},
    {ONE(",'linuxParameters':{'sharedMemorySize':8,'tmpfs':[{'containerPath':'/dev/shm','size':1}]}"),
     "Invalid setting for container 'web'. Duplicate mount point '/dev/shm'."},
    {ONE(",'systemControls':[{'namespace':'net.core.somaxconn','value':'1'}]"), NULL},
    {ONE(",'systemControls':[{'namespace':'vm.swappiness','value':'1'}]"),
     "Invalid setting for container 'web'. The kernel parameter 'vm.swappiness' is not a namespaced one."},
    {HOST(",'systemControls':[{'namespace':'net.core.somaxconn','value':'1'}]"),
     "Invalid setting for container 'web'. The kernel parameter 'net.core.somaxconn' is not supported when "
     "networkMode=host."},
    {TWO(",'systemControls':[{'namespace':'kernel.sem','value':'1'}]",
         ",'systemControls':[{'namespace':'kernel.sem','value':'2'}]"),
     "Invalid setting for container 'a'. Two values of the kernel parameter 'kernel.sem' in one task are not "
     "supported: "
     "the containers share it."},
    {ONE(",'dockerSecurityOptions':['no-new-privileges','apparmor:mine']"), NULL},
    {ONE(",'dockerSecurityOptions':['label:disable']"),
     "Invalid setting for container 'web'. The security option 'label:disable' is not supported."},
    {ONE(",'privileged':true,'dockerSecurityOptions':['no-new-privileges']"),
     "Invalid setting for container 'web'. 'no-new-privileges' is not supported in a privileged container."},
    {ONE(",'restartPolicy':{'enabled':false}"), NULL},
    {ONE(",'restartPolicy':{'enabled':true,'ignoredExitCodes':[0,3],'restartAttemptPeriod':60}"), NULL},
    {ONE(",'restartPolicy':{'enabled':true,'restartAttemptPeriod':59}"),
     "Invalid setting for container 'web'. 'restartAttemptPeriod' must be between 60 and 1800."},
    {TWO(",'restartPolicy':{'enabled':true}", ",'dependsOn':[{'containerName':'a','condition':'START'}]"),
     "Invalid setting for container 'a'. 'restartPolicy' is not supported for a container that others depend on."},
    {ONE(",'user':'nginx'"), NULL},
    {ONE(",'user':'nginx:101'"), NULL},
    {ONE(",'user':'nginx:www'"),
     "Invalid setting for container 'web'. 'user' 'nginx:www' is not supported: it must be a "
     "name or a number, and a group must be a number."},
    {ONE(",'user':'1:2:3'"),
     "Invalid setting for container 'web'. 'user' '1:2:3' is not supported: it must be a name or "
     "a number, and a group must be a number."},
    {ONE(",'user':'1 '"), "Invalid setting for container 'web'. 'user' '1 ' is not supported: it must be a name or a "
                          "number, and a group must be a number."},
    {ONE(",'environment':[{'name':'','value':'x'}]"),
     "Invalid setting for container 'web'. An environment variable must have a name, without '='."},
    {"{'family':'f','containerDefinitions':[{'name':'w','image':'a b','memory':64}]}",
     "Container.image contains invalid characters."},
    {ONE(",'hostname':'Web'"),
     "Invalid setting for container 'web'. The hostname 'Web' is not supported: it must be a DNS "
     "name in lower case."},
    {ONE(",'hostname':'web.example.com'"), NULL},
    {ONE(",'hostname':'web-.x'"),
     "Invalid setting for container 'web'. The hostname 'web-.x' is not supported: it must "
     "be a DNS name in lower case."},
    {TWO(",'hostname':'a'", ",'hostname':'b'"), "Invalid setting for container 'b'. Another 'hostname' than another "
                                                "container's is not supported: they share one."},
    {TWO(",'dnsServers':['1.2.3.4']", ",'dnsServers':['1.2.3.4']"), NULL},
    {ONE(",'dnsServers':['a']"), "Invalid setting for container 'web'. The DNS server 'a' is no IP address."},
    {ONE(",'extraHosts':[{'hostname':'db','ipAddress':'x'}]"),
     "Invalid setting for container 'web'. The extra host 'db' is not supported: it must be a DNS name in lower case "
     "with "
     "an IP address."},
    {TWO("", ",'links':['a:db']"), NULL},
    {TWO("", ",'links':['x']"), "Invalid setting for container 'b'. It links an unknown container 'x'."},
    {TWO("", ",'links':['a:my_db']"),
     "Invalid setting for container 'b'. The link 'a:my_db' is not supported: it needs an "
     "alias that is a DNS name."},
    {HOST(",'links':['web']"), "Links are not supported when networkMode=host."},
    {HOST(",'hostname':'x'"), "hostname is not supported on container when networkMode=host."},
    {AWSVPC(",'links':['web']"), "Links are not supported when networkMode=awsvpc."},
    {AWSVPC(",'hostname':'x'"), "hostname is not supported on container when networkMode=awsvpc."},
    {AWSVPC(",'extraHosts':[{'hostname':'db','ipAddress':'1.2.3.4'}]"),
     "Extra hosts are not supported on container when networkMode=awsvpc."},
    {AWSVPC(",'disableNetworking':true"), "Disable Networking is not supported on container when networkMode=awsvpc."},
    {AWSVPC(",'portMappings':[{'containerPortRange':'8080-8090'}]"), NULL},
    {AWSVPC(",'portMappings':[{'containerPortRange':'8080-8090','containerPort':1}]"),
     "Invalid setting for container 'web'. cannot specify both single port and port range"},
    {AWSVPC(",'portMappings':[{'containerPortRange':'8090-8080'}]"),
     "Invalid setting for container 'web'. Invalid 'containerPortRange' setting '8090-8080'."},
    {AWSVPC(",'portMappings':[{'containerPortRange':'8080-8090'},{'containerPort':8085}]"),
     "Invalid setting for container 'web'. The container port is used multiple times in task."},
    {ONE(",'portMappings':[{'containerPortRange':'8080-8090'}]"),
     "Invalid setting for container 'web'. 'containerPortRange' is not supported when networkMode=bridge."},
    {ONE(",'portMappings':[{'containerPort':80,'name':'Web'}]"),
     "Invalid setting for container 'web'. The port mapping name 'Web' contains invalid characters."},
    {ONE(",'portMappings':[{'containerPort':80,'name':'w'},{'containerPort':81,'name':'w'}]"),
     "Invalid setting for container 'web'. The port mapping name 'w' is already used."},
    {ONE(",'portMappings':[{'containerPort':80,'hostPort':8080},{'containerPort':80,'hostPort':8081}]"), NULL},
    {ONE(",'portMappings':[{'containerPort':80,'hostPort':8080},{'containerPort':81,'hostPort':8080}]"),
     "The host port 8080 is used twice in the task definition."},
    {ONE(",'logConfiguration':{'logDriver':'awslogs','options':{'awslogs-region':'r'}}"),
     "Log driver awslogs requires options: awslogs-group"},
    {ONE(",'logConfiguration':{'logDriver':'awslogs'}"),
     "Log driver awslogs requires options: awslogs-group, awslogs-region"},
    {ONE(",'logConfiguration':{'logDriver':'awslogs','options':{'awslogs-region':'r','awslogs-group':'g','x':'y'}}"),
     "Log driver awslogs disallows options: x"},
    {ONE(",'logConfiguration':{'logDriver':'json-file'}"), NULL},
    {ONE(",'logConfiguration':{'logDriver':'awsfirelens'}"),
     "When awsfirelens log driver is specified in log configuration, a firelens configuration object must be "
     "specified."},
    {ONE(",'stopTimeout':-1"), "Invalid setting for container 'web'. 'stopTimeout' must not be negative."},
    {ONE(",'user':'1000:0'"), NULL},
    {ONE(",'user':'root'"), NULL},
    {ONE(",'mountPoints':[{'sourceVolume':'v','containerPath':'/x'}]"), "Unknown volume 'v'."},
    {VOLUME("{'name':'v'}", "{'sourceVolume':'v','containerPath':'x'}"),
     "Invalid setting for container 'web'. The container path 'x' must be absolute and without ':'."},
    {VOLUME("{'name':'v'}", "{'sourceVolume':'v','containerPath':'/x'},{'sourceVolume':'v','containerPath':'/x'}"),
     "Invalid setting for container 'web'. Duplicate mount point '/x'."},
    {VOLUME("{'name':'v','host':{'sourcePath':'etc'}}", ""), "Volume 'v': 'sourcePath' must be absolute."},
    {VOLUME("{'name':'v','dockerVolumeConfiguration':{'driver':'rexray'}}", ""),
     "Volume 'v': the driver 'rexray' is not supported."},
    {VOLUME("{'name':'v','dockerVolumeConfiguration':{'driver':'local','driverOpts':{'type':'nfs'}}}", ""),
     "Volume 'v': 'driverOpts' is not supported."},
    {VOLUME("{'name':'v','configuredAtLaunch':true}", ""), "Volume 'v': 'configuredAtLaunch' is not supported."},
    {TWO(",'volumesFrom':[{'sourceContainer':'b'}]", ",'volumesFrom':[{'sourceContainer':'a'}]"),
     "Invalid 'volumesFrom': the containers refer to each other in a ring."},
    {TWO("", ",'volumesFrom':[{'sourceContainer':'a'},{'sourceContainer':'a'}]"),
     "Invalid 'volumesFrom': 'a' is given twice."},
    {ONE(",'volumesFrom':[{'sourceContainer':'web'}]"), "Invalid 'volumesFrom': unknown container 'web'."},
    {ONE(",'portMappings':[{'containerPort':0}]"), "Invalid port mapping for container 'web'."},
    {ONE(",'portMappings':[{'containerPort':80,'protocol':'sctp'}]"), "Invalid protocol 'sctp' in a port mapping."},
    {ONE(",'healthCheck':{'command':['true']}"), "Invalid setting for container 'web'. The health check command must "
                                                 "start with CMD or CMD-SHELL and hold a command."},
    {ONE(",'healthCheck':{'command':['CMD','true'],'retries':11}"),
     "Invalid setting for container 'web'. Health check 'retries' must be between 1 and 10."},
    {TASK(",'networkMode':'none'"), "'networkMode' 'none' is not supported: a pod always has a network."},
    {TASK(",'ipcMode':'none'"), NULL},
    {"{'family':'f','memory':'512','ipcMode':'none','containerDefinitions':[{'name':'a','image':'i'},{'name':'b',"
     "'image':'i'}]}",
     "'ipcMode' 'none' is not supported for more than one container: they share the IPC namespace."},
    {TASK(",'inferenceAccelerators':[{'deviceName':'a','deviceType':'b'}]"),
     "Unsupported field 'inferenceAccelerators'"},
    {TASK(",'placementConstraints':[{'type':'memberOf','expression':'attribute:zone == a'}]"), NULL},
    {TASK(",'volumes':[{'name':'v'},{'name':'v'}]"), "Duplicate volume name 'v'."},
    {TASK(",'volumes':[{'name':'v','efsVolumeConfiguration':{'fileSystemId':'fs-1'}}]"),
     "Volume 'v': 'efsVolumeConfiguration' is not supported."},
    {TASK(",'requiresCompatibilities':['FARGATE']"), "Fargate only supports network mode 'awsvpc'."},
    {TASK(",'networkMode':'awsvpc','requiresCompatibilities':['FARGATE'],'cpu':'256'"),
     "Fargate requires that 'memory' be defined at the task level."},
    {FARGATE("256", "9999"), "No Fargate configuration exists for given values: 256 CPU, 9999 memory"},
    {FARGATE("256", "1536"), "No Fargate configuration exists for given values: 256 CPU, 1536 memory"},
    {TASK(",'networkMode':'awsvpc','requiresCompatibilities':['EC2','EXTERNAL']"),
     "'requiresCompatibilities' 'EXTERNAL' is not supported by this task definition."},
    {TASK(",'requiresCompatibilities':['MANAGED_INSTANCES']"),
     "'requiresCompatibilities' 'MANAGED_INSTANCES' is not supported by this task definition."},
    {TASK(",'requiresCompatibilities':['EC2','MANAGED_INSTANCES']"), NULL},
    {FARGATE("256", "2048"), NULL},
    {FARGATE("4096", "4096"), "No Fargate configuration exists for given values: 4096 CPU, 4096 memory"},
    {FARGATE_WITH("", ",'ipcMode':'task'"), "Tasks using the Fargate launch type do not support ipcMode."},
    {FARGATE_WITH("", ",'pidMode':'task'"), NULL},
    {FARGATE_WITH("", ",'pidMode':'host'"), "Fargate compatible task definitions do not support pidMode 'host'"},
    {FARGATE_WITH("", ",'placementConstraints':[{'type':'memberOf','expression':'attribute:a == b'}]"),
     "Fargate compatible task definitions do not support constraints"},
    {FARGATE_WITH("", ",'volumes':[{'name':'v','host':{'sourcePath':'/x'}}]"),
     "Fargate compatible task definitions do not support sourcePath"},
    {FARGATE_WITH("", ",'volumes':[{'name':'v','dockerVolumeConfiguration':{'driver':'local'}}]"),
     "Fargate compatible task definitions do not support dockerVolumeConfiguration"},
    {FARGATE_WITH("", ",'ephemeralStorage':{'sizeInGiB':20}"), "Ephemeral storage must be between 21 and 200 GiB."},
    {FARGATE_WITH(",'privileged':true", ""), "Fargate compatible task definitions do not support privileged"},
    {FARGATE_WITH(",'linuxParameters':{'sharedMemorySize':9}", ""),
     "Fargate compatible task definitions do not support sharedMemorySize"},
    {FARGATE_WITH(",'linuxParameters':{'maxSwap':9}", ""),
     "Fargate compatible task definitions do not support maxSwap"},
    {FARGATE_WITH(",'linuxParameters':{'devices':[{'hostPath':'/dev/x'}]}", ""),
     "Fargate compatible task definitions do not support devices"},
    {FARGATE_WITH(",'linuxParameters':{'capabilities':{'add':['NET_ADMIN']}}", ""),
     "NET_ADMIN is not allowed on Fargate."},
    {FARGATE_WITH(",'linuxParameters':{'capabilities':{'add':['SYS_PTRACE']}}", ""), NULL},
    {FARGATE_WITH(",'dockerSecurityOptions':['no-new-privileges']", ""),
     "Fargate compatible task definitions do not support dockerSecurityOptions"},
    {FARGATE_WITH(",'stopTimeout':121", ""), "Invalid setting for container 'web'. 'stopTimeout' exceeds 120."},
    {FARGATE_WITH(",'logConfiguration':{'logDriver':'json-file'}", ""),
     "json-file is not a valid log driver. Must be one of [awslogs, splunk, awsfirelens]"},
    {FARGATE_WITH(",'logConfiguration':{'logDriver':'awslogs','options':{'awslogs-region':'r','awslogs-group':'g'}}",
                  ""),
     "Fargate requires task definition to have execution role ARN to support log driver awslogs."},
    {"{'family':'f','networkMode':'awsvpc','requiresCompatibilities':['FARGATE'],'cpu':'256','memory':'512',"
     "'containerDefinitions':[{'name':'w','image':'1.dkr.ecr.us-east-1.amazonaws.com/x'}]}",
     "Fargate requires task definition to have execution role ARN to support ECR images."},
    {FARGATE("1 vCPU", "2GB"), NULL},
    {FARGATE(".5 vcpu", "1 GB"), NULL},
    {FARGATE("16384", "40960"), NULL},
    {TWO("", ",'dependsOn':[{'containerName':'x','condition':'START'}]"),
     "Cannot depend on container x because it does not exist."},
    {TWO("", ",'dependsOn':[{'containerName':'b','condition':'START'}]"),
     "Cannot depend on container b because it is the same container."},
    {TWO("", ",'dependsOn':[{'containerName':'a','condition':'SUCCESS'}]"),
     "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container."},
    {TWO(",'essential':false", ",'dependsOn':[{'containerName':'a','condition':'COMPLETE'}]"), NULL},
    {TWO("", ",'dependsOn':[{'containerName':'a','condition':'HEALTHY'}]"),
     "A dependency container with HEALTHY condition must have health check configured."},
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
     "Container names must be unique within a task definition."},
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
    {ONE(",'logConfiguration':{'logDriver':'awslogs','options':{'awslogs-region':'r','awslogs-group':'g'}},"
         "'linuxParameters':{'initProcessEnabled':true,'tmpfs':[]}"),
     "requiresAttributes",
     "[{'name':'com.amazonaws.ecs.capability.docker-remote-api.1.18'},"
     "{'name':'com.amazonaws.ecs.capability.docker-remote-api.1.25'},"
     "{'name':'com.amazonaws.ecs.capability.logging-driver.awslogs'},"
     "{'name':'com.amazonaws.ecs.capability.docker-remote-api.1.19'}]"},
    {"{'family':'f','executionRoleArn':'r','taskRoleArn':'t','networkMode':'host','containerDefinitions':[{'name':'a',"
     "'image':'1.dkr.ecr.eu-west-1.amazonaws.com/x:1','memory':9}]}",
     "requiresAttributes",
     "[{'name':'com.amazonaws.ecs.capability.docker-remote-api.1.18'},{'name':'com.amazonaws.ecs.capability.ecr-auth'},"
     "{'name':'ecs.capability.execution-role-ecr-pull'},"
     "{'name':'com.amazonaws.ecs.capability.task-iam-role-network-host'}]"},
    {FARGATE_WITH("", ",'pidMode':'task'"), "compatibilities", "['EC2','FARGATE']"},
    {AWSVPC(",'privileged':true"), "compatibilities", "['EC2']"},
    {AWSVPC(",'portMappings':[{'containerPortRange':'80-90'}]"), "containerDefinitions/0/portMappings/0",
     "{'containerPortRange':'80-90','protocol':'tcp'}"},
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
