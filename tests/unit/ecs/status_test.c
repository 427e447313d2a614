#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/limits.h"
#include "ecs/map/status.h"
#include "ecs/store/kinds.h"
#include "map_doc.h"

#define NOW 1000000
#define NEW "{'desiredStatus':'RUNNING','lastStatus':'PROVISIONING'}"
#define NEW_BRIDGE "{'desiredStatus':'RUNNING','lastStatus':'PENDING'}"
#define RAN "{'desiredStatus':'RUNNING','lastStatus':'RUNNING','startedAt':900000}"
#define ASKED                                                                                                          \
    "{'desiredStatus':'STOPPED','lastStatus':'RUNNING','stopCode':'UserInitiated','stoppedReason':'bye','startedAt':"  \
    "1}"
#define POD(phase, a, b)                                                                                               \
    "{'status':{'phase':'" phase "','podIP':'10.1.2.3','containerStatuses':[{'name':'a','containerID':"                \
    "'containerd://abc','imageID':'x@sha256:12'," a "},{'name':'b'," b "}]}}"
#define RUN "'state':{'running':{'startedAt':'1970-01-12T13:46:30Z'}}" /* ten seconds ago */
#define EXIT(code) "'state':{'terminated':{'exitCode':" code ",'reason':'Error'}}"
#define WAIT(reason) "'state':{'waiting':{'reason':'" reason "','message':'no such'}}"

static const struct {
    const char *task, *pod; /* pod "null": none */
    bool made;
    const char *path, *value;
} cases[] = {
    {NEW_BRIDGE, "null", false, "lastStatus", "'PENDING'"},
    {NEW_BRIDGE, "null", false, "stopCode", NULL},
    {NEW_BRIDGE, "{'status':{'phase':'Pending'}}", true, "lastStatus", "'PENDING'"},
    {NEW_BRIDGE, "{'status':{'phase':'Pending'}}", true, "connectivity", NULL},
    {NEW_BRIDGE, "{'spec':{'nodeName':'n'},'status':{'phase':'Pending'}}", true, "connectivity", "'CONNECTED'"},
    {NEW_BRIDGE, "null", true, "stopCode", "'TaskFailedToStart'"},
    {NEW_BRIDGE, "null", true, "containers/0/lastStatus", "'STOPPED'"},
    {"{'desiredStatus':'STOPPED','lastStatus':'PENDING'}", "null", false, "containers/0/lastStatus", "'STOPPED'"},
    {NEW, POD("Running", RUN, WAIT("ContainerCreating")), true, "lastStatus", "'PENDING'"},
    {NEW, POD("Running", RUN, RUN), true, "lastStatus", "'RUNNING'"},
    {NEW, POD("Running", RUN, RUN), true, "startedAt", "1000000"},
    {RAN, POD("Running", RUN, RUN), true, "startedAt", "900000"},
    {NEW, POD("Running", RUN, RUN), true, "connectivity", "'CONNECTED'"},
    {NEW, POD("Running", RUN, RUN), true, "containers/0/runtimeId", "'abc'"},
    {NEW, POD("Running", RUN, RUN), true, "containers/0/imageDigest", "'sha256:12'"},
    {NEW, POD("Running", RUN, RUN), true, "containers/0/networkBindings",
     "[{'bindIP':'0.0.0.0','containerPort':80,'hostPort':40001,'protocol':'tcp'}]"},
    {NEW, POD("Running", RUN, RUN), true, "containers/1/networkBindings", "[]"},
    {NEW, POD("Running", RUN, RUN), true, "stopCode", NULL},
    {RAN, POD("Running", RUN, EXIT("7")), true, "lastStatus", "'RUNNING'"},
    {RAN, POD("Running", RUN, EXIT("7")), true, "containers/1/exitCode", "7"},
    {RAN, POD("Running", EXIT("3"), RUN), true, "lastStatus", "'STOPPING'"},
    {RAN, POD("Running", EXIT("3"), RUN), true, "desiredStatus", "'STOPPED'"},
    {RAN, POD("Running", EXIT("3"), RUN), true, "stopCode", "'EssentialContainerExited'"},
    {RAN, POD("Running", EXIT("3"), RUN), true, "stoppedReason", "'Essential container in task exited'"},
    {RAN, POD("Failed", EXIT("3"), EXIT("0")), true, "lastStatus", "'STOPPED'"},
    {RAN, POD("Failed", EXIT("3"), EXIT("0")), true, "stoppedAt", "1000000"},
    {RAN, POD("Failed", EXIT("3"), EXIT("0")), true, "containers/0/exitCode", "3"},
    {RAN, POD("Failed", "'state':{'terminated':{'exitCode':137,'reason':'OOMKilled'}}", RUN), true,
     "containers/0/reason", "'OutOfMemoryError: Container killed due to memory usage'"},
    {NEW, POD("Succeeded", EXIT("0"), EXIT("0")), true, "stopCode", "'EssentialContainerExited'"},
    {NEW, POD("Pending", WAIT("ErrImagePull"), RUN), true, "stopCode", "'TaskFailedToStart'"},
    {NEW, POD("Pending", WAIT("ErrImagePull"), RUN), true, "stoppedReason", "'CannotPullContainerError: no such'"},
    {NEW, POD("Pending", WAIT("ErrImagePull"), RUN), true, "lastStatus", "'STOPPING'"},
    {RAN, "null", true, "lastStatus", "'STOPPED'"},
    {RAN, "null", true, "stopCode", "'TerminationNotice'"},
    {RAN, "null", true, "containers/0/exitCode", NULL},
    {RAN, "null", true, "stoppedReason", "'The pod of the task was deleted.'"},
    {RAN,
     "{'metadata':{'deletionTimestamp':'x'},'status':{'phase':'Running','conditions':[{'type':'DisruptionTarget',"
     "'message':'drained'}]}}",
     true, "stoppedReason", "'drained'"},
    {RAN, "{'metadata':{'deletionTimestamp':'x'},'status':{'phase':'Running'}}", true, "lastStatus", "'STOPPING'"},
    {RAN, "{'status':{'phase':'Failed','reason':'Evicted','message':'no memory'}}", true, "stopCode",
     "'TerminationNotice'"},
    {RAN, "{'status':{'phase':'Failed','reason':'Evicted','message':'no memory'}}", true, "stoppedReason",
     "'no memory'"},
    {NEW, "{'status':{'phase':'Failed','reason':'OutOfcpu','message':'no room'}}", true, "stopCode",
     "'TaskFailedToStart'"},
    {NEW, POD("Failed", "'state':{'terminated':{'exitCode':128,'reason':'StartError','message':'no sh'}}", RUN), true,
     "stoppedReason", "'CannotStartContainerError: no sh'"},
    {NEW, POD("Failed", "'state':{'terminated':{'exitCode':128,'reason':'StartError','message':'no sh'}}", RUN), true,
     "containers/0/exitCode", NULL},
    {NEW, POD("Running", RUN, WAIT("ContainerCreating")), true, "startedAt", NULL},
    {NEW, POD("Succeeded", EXIT("0"), EXIT("0")), true, "startedAt", "1000000"},
    {"{'desiredStatus':'RUNNING','overrides':{'containerOverrides':[{'name':'a','memory':7}]}}",
     POD("Running", RUN, RUN), true, "containers/0/memory", "'7'"},
    {NEW, POD("Running", RUN, RUN), true, "containers/0/cpu", "'0'"},
    {NEW, POD("Running", RUN, RUN), true, "containers/0/memory", NULL},
    {ASKED, POD("Running", RUN, RUN), true, "lastStatus", "'STOPPING'"},
    {ASKED, POD("Running", RUN, RUN), true, "stoppedReason", "'bye'"},
    {ASKED, POD("Failed", EXIT("143"), EXIT("0")), true, "stopCode", "'UserInitiated'"},
    {ASKED, "null", true, "lastStatus", "'STOPPED'"},
    {"{'desiredStatus':'STOPPED','lastStatus':'STOPPED','stoppedAt':5}", POD("Running", RUN, RUN), true, "stoppedAt",
     "5"},
    {RAN, POD("Failed", "'state':{'terminated':{'exitCode':3,'finishedAt':'1970-01-12T13:46:20Z'}}", EXIT("0")), true,
     "executionStoppedAt", "999980"},
    {NEW, POD("Running", RUN ",'ready':true", RUN), true, "healthStatus", "'HEALTHY'"},
    {NEW, POD("Running", RUN ",'ready':false", RUN), true, "healthStatus", "'UNKNOWN'"},
    {NEW, POD("Running", "'state':{'running':{'startedAt':'1970-01-01T00:00:01Z'}},'ready':false", RUN), true,
     "healthStatus", "'UNHEALTHY'"},
    {"{'desiredStatus':'RUNNING','lastStatus':'RUNNING','containers':[{'name':'a','healthStatus':'HEALTHY'}]}",
     POD("Running", RUN ",'ready':false", RUN), true, "healthStatus", "'UNHEALTHY'"},
    {NEW, POD("Running", RUN ",'restartCount':1,'lastState':{'terminated':{'exitCode':4}}", RUN), true, "stopCode",
     "'EssentialContainerExited'"},
};

#define ENI "'attachments':[{'id':'e','type':'ElasticNetworkInterface','status':'PRECREATED'}]"

/* The same of a task in the network mode awsvpc: made always. */
static const struct {
    const char *task, *pod, *path, *value;
} awsvpc_cases[] = {
    {NEW, "{'status':{'phase':'Pending'}}", "lastStatus", "'PROVISIONING'"},
    {NEW, "{'status':{'phase':'Pending','podIP':'10.1.2.3'}}", "lastStatus", "'PENDING'"},
    {NEW, POD("Running", RUN, RUN), "lastStatus", "'RUNNING'"},
    {NEW, POD("Running", RUN, RUN), "containers/0/networkBindings", "[]"},
    {NEW, POD("Running", RUN, RUN), "containers/0/networkInterfaces", "[{'privateIpv4Address':'10.1.2.3'}]"},
    {"{'desiredStatus':'RUNNING'," ENI "}", POD("Running", RUN, RUN), "attachments/0",
     "{'id':'e','type':'ElasticNetworkInterface','status':'ATTACHED','details':[{'name':'macAddress','value':"
     "'0a:58:0a:01:02:03'},{'name':'privateDnsName','value':'ip-10-1-2-3.ec2.internal'},{'name':'privateIPv4Address',"
     "'value':'10.1.2.3'}]}"},
    {"{'desiredStatus':'STOPPED','lastStatus':'RUNNING'," ENI "}", "null", "attachments/0/status", "'DELETED'"},
    {ASKED, "{'metadata':{'deletionTimestamp':'x'},'status':{'phase':'Running'}}", "lastStatus", "'STOPPING'"},
    {ASKED, "{'metadata':{'deletionTimestamp':'x'},'status':{'phase':'Failed'}}", "lastStatus", "'DEPROVISIONING'"},
    {ASKED, "{'metadata':{'deletionTimestamp':'x'},'status':{'phase':'Failed'}}", "executionStoppedAt", "1000000"},
    {ASKED, "{'metadata':{'deletionTimestamp':'x'},'status':{'phase':'Failed'}}", "stoppedAt", NULL},
    {ASKED, "{'status':{'phase':'Failed'}}", "lastStatus", "'STOPPED'"},
    {"{'desiredStatus':'STOPPED','lastStatus':'DEPROVISIONING'}", POD("Running", RUN, RUN), "lastStatus",
     "'DEPROVISIONING'"},
};

/* A pod as the store keeps it: what the rules read must be there. */
static struct doc *pod_of(struct arena *a, const char *text)
{
    return ecs_trimmed(a, &ecs_kinds[ECS_POD].trim, doc_of(a, text));
}

static struct doc *derive_in(struct arena *a, const char *mode, const char *task, const char *pod, bool made,
                             int64_t *ret_again)
{
    struct pod_port port = {STR("a"), 80, 40001, STR("tcp")};
    struct task_observation o = {
        .task = doc_of(a, task),
        .taskdef = doc_of(a, "{'containerDefinitions':[{'name':'a','image':'i','essential':true,'healthCheck':{"
                             "'command':['CMD','x'],'interval':30,'timeout':5,'retries':3}},"
                             "{'name':'b','image':'i','essential':false}]}"),
        .pod = pod_of(a, pod),
        .ports = &port,
        .n_ports = 1,
        .now_s = NOW,
    };
    struct err err = ERR_INIT;
    struct doc *ret;

    o.pod = doc_is(o.pod, DOC_NULL) ? NULL : o.pod;
    o.pod_gone = made && !o.pod;
    doc_set((struct doc *)o.taskdef, "networkMode", doc_string(a, str_of(mode)));
    assert_int_equal(task_status(a, &o, &ret, ret_again, &err), 0);
    return ret;
}

static struct doc *derive(struct arena *a, const char *task, const char *pod, bool made)
{
    return derive_in(a, "bridge", task, pod, made, NULL);
}

#define ENDED(code, second)                                                                                            \
    "{'status':{'phase':'Running','containerStatuses':[{'name':'a','state':{'terminated':{'exitCode':" code            \
    ",'startedAt':'1970-01-12T13:44:00Z','finishedAt':'1970-01-12T13:46:" second "Z'}}}]}}"

/* Container a has restartPolicy with a period of 60 s, and code 3 is ignored. It is 13:46:40. */
static const struct {
    const char *pod, *path, *value;
} restart_cases[] = {
    {ENDED("1", "35"), "lastStatus", "'RUNNING'"},
    {ENDED("1", "35"), "containers/0/exitCode", NULL},
    {ENDED("1", "30"), "stopCode", "'EssentialContainerExited'"}, /* nothing has started it again for ten seconds */
    {ENDED("3", "35"), "stopCode", "'EssentialContainerExited'"},
    {"{'status':{'phase':'Running','containerStatuses':[{'name':'a','restartCount':2," RUN
     ",'lastState':{'terminated':{'exitCode':4}}}]}}",
     "lastStatus", "'RUNNING'"},
    {"{'status':{'phase':'Running','containerStatuses':[{'name':'a','state':{'terminated':{'exitCode':1,'startedAt':"
     "'1970-01-12T13:46:30Z','finishedAt':'1970-01-12T13:46:39Z'}}}]}}",
     "stopCode", "'EssentialContainerExited'"}, /* too short */
    {"{'status':{'phase':'Failed','containerStatuses':[{'name':'a','state':{'terminated':{'exitCode':1,'startedAt':"
     "'1970-01-12T13:44:00Z','finishedAt':'1970-01-12T13:46:39Z'}}}]}}",
     "lastStatus", "'STOPPED'"},
};

static void a_restart_policy_is_waited_for(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(restart_cases); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
        struct task_observation o = {
            .task = doc_of(a, RAN),
            .taskdef = doc_of(a, "{'containerDefinitions':[{'name':'a','image':'i','essential':true,'restartPolicy':{"
                                 "'enabled':true,'restartAttemptPeriod':60,'ignoredExitCodes':[3]}}]}"),
            .pod = doc_of(a, restart_cases[i].pod),
            .now_s = NOW,
        };
        struct err err = ERR_INIT;
        struct doc *ret;

        assert_int_equal(task_status(a, &o, &ret, NULL, &err), 0);
        assert_doc(a, ret, restart_cases[i].path, restart_cases[i].value);
    }
}

static void pods_tell_what_tasks_do(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(MIB);

        assert_doc(a, derive(a, cases[i].task, cases[i].pod, cases[i].made), cases[i].path, cases[i].value);
    }
}

static void interfaces_come_and_go(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(awsvpc_cases); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(MIB);

        assert_doc(a, derive_in(a, "awsvpc", awsvpc_cases[i].task, awsvpc_cases[i].pod, true, NULL),
                   awsvpc_cases[i].path, awsvpc_cases[i].value);
    }
}

static void a_lost_host_stops_its_tasks(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct task_observation o = {.task = doc_of(a, RAN),
                                 .taskdef = doc_of(a, "{'containerDefinitions':[{'name':'a','essential':true}]}"),
                                 .pod = pod_of(a, POD("Running", RUN, RUN)),
                                 .host_lost = "Host gone",
                                 .now_s = NOW};
    struct err err = ERR_INIT;
    struct doc *ret;

    assert_int_equal(task_status(a, &o, &ret, NULL, &err), 0);
    assert_doc(a, ret, "lastStatus", "'STOPPED'");
    assert_doc(a, ret, "stopCode", "'TerminationNotice'");
    assert_doc(a, ret, "stoppedReason", "'Host gone'");
    assert_doc(a, ret, "containers/0/exitCode", NULL);
}

/* A container that waits for another gives up after that one's startTimeout. */
static void start_timeouts_end_the_task(void **state)
{
    static const struct {
        const char *started, *reason;
        int64_t again;
    } rows[] = {
        {"1970-01-12T13:46:30Z", NULL, NOW - 10 + 20},
        {"1970-01-12T13:46:00Z", "'Container b was not complete within its startTimeout of 20 s.'", 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
        const char *pod = arena_printf(
            a,
            "{'status':{'phase':'Pending','containerStatuses':[{'name':'a'," WAIT(
                "PodInitializing") "}],'initContainerStatuses':[{'name':'b','state':{'running':{'startedAt':'%s'}}}]}}",
            rows[i].started);
        struct task_observation o = {
            .task = doc_of(a, NEW),
            .taskdef = doc_of(a, "{'containerDefinitions':[{'name':'a','essential':true,'dependsOn':[{'containerName':"
                                 "'b','condition':'COMPLETE'}]},{'name':'b','essential':false,'startTimeout':20}]}"),
            .pod = pod_of(a, pod),
            .now_s = NOW};
        struct err err = ERR_INIT;
        struct doc *ret;
        int64_t again = -1;

        assert_int_equal(task_status(a, &o, &ret, &again, &err), 0);
        assert_doc(a, ret, "stoppedReason", rows[i].reason);
        assert_doc(a, ret, "stopCode", rows[i].reason ? "'TaskFailedToStart'" : NULL);
        assert_int_equal(again, rows[i].again);
    }
}

#define SETUP(since)                                                                                                   \
    "{'spec':{'nodeName':'n'},'status':{'phase':'Pending','conditions':[{'type':'PodReadyToStartContainers','status':" \
    "'False','lastTransitionTime':'" since "'}]}}"

/* A pod that its node cannot set up is given up after a while. */
static void setups_have_a_limit(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *t;
    int64_t again = -1;

    t = derive_in(a, "bridge", NEW, SETUP("1970-01-12T13:46:30Z"), true, &again);
    assert_doc(a, t, "lastStatus", "'PENDING'");
    assert_int_equal(again, NOW - 10 + 180);
    t = derive_in(a, "bridge", NEW, SETUP("1970-01-12T13:43:40Z"), true, &again);
    assert_doc(a, t, "stopCode", "'TaskFailedToStart'");
    t = derive_in(a, "bridge", RAN, SETUP("1970-01-12T13:43:40Z"), true, &again);
    assert_doc(a, t, "stopCode", NULL);
}

/* A container that awaits one which failed never runs. */
static void failed_dependencies_end_the_task(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct task_observation o = {
        .task = doc_of(a, NEW),
        .taskdef = doc_of(a, "{'containerDefinitions':[{'name':'a','essential':true,'dependsOn':[{'containerName':"
                             "'b','condition':'SUCCESS'}]},{'name':'b','essential':false}]}"),
        .pod = pod_of(a, "{'status':{'phase':'Failed','containerStatuses':[{'name':'a'," WAIT(
                             "PodInitializing") "}],'initContainerStatuses':[{'name':'b'," EXIT("4") "}]}}"),
        .now_s = NOW};
    struct err err = ERR_INIT;
    struct doc *ret;

    assert_int_equal(task_status(a, &o, &ret, NULL, &err), 0);
    assert_doc(a, ret, "stopCode", "'TaskFailedToStart'");
    assert_doc(a, ret, "startedAt", NULL);
    assert_doc(a, ret, "containers/0/exitCode", NULL);
    assert_doc(a, ret, "containers/0/reason", "'dependency graph: dependent container not in expected state'");
    assert_doc(a, ret, "containers/1/exitCode", "4");
}

/* A check that has not passed yet tells nothing until it has had its time. */
static void health_is_looked_at_again(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    int64_t again = -1;

    derive_in(a, "bridge", NEW, POD("Running", RUN ",'ready':false", RUN), true, &again);
    assert_int_equal(again, NOW - 10 + 3 * 35);
    derive_in(a, "bridge", NEW, POD("Running", RUN ",'ready':true", RUN), true, &again);
    assert_int_equal(again, 0);
}

/* The ARN of a container follows from the task's and its name: it is the same whenever it is made. */
static void containers_have_arns_of_their_own(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct doc *t = derive(a, "{'desiredStatus':'RUNNING','taskArn':'arn:aws:ecs:r:1:task/c/9'}", "null", false);
    struct str first = doc_str(doc_get(doc_at(doc_get(t, "containers"), 0), "containerArn")),
               second = doc_str(doc_get(doc_at(doc_get(t, "containers"), 1), "containerArn"));

    assert_true(str_starts(first, STR("arn:aws:ecs:r:1:container/c/9/")));
    assert_int_equal(first.n, strlen("arn:aws:ecs:r:1:container/c/9/") + 36);
    assert_int_equal(second.n, first.n);
    assert_false(str_eq(first, second));
    assert_doc(a, t, "containers/1/taskArn", "'arn:aws:ecs:r:1:task/c/9'");
}

static void pods_of_stopping_tasks_are_removed(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);

    assert_true(task_must_stop_pod(doc_of(a, ASKED)));
    assert_false(task_must_stop_pod(doc_of(a, RAN)));
    assert_false(task_must_stop_pod(doc_of(a, "{'desiredStatus':'STOPPED','lastStatus':'STOPPED'}")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pods_tell_what_tasks_do),     cmocka_unit_test(a_restart_policy_is_waited_for),
        cmocka_unit_test(interfaces_come_and_go),      cmocka_unit_test(a_lost_host_stops_its_tasks),
        cmocka_unit_test(start_timeouts_end_the_task), cmocka_unit_test(failed_dependencies_end_the_task),
        cmocka_unit_test(setups_have_a_limit),         cmocka_unit_test(containers_have_arns_of_their_own),
        cmocka_unit_test(health_is_looked_at_again),   cmocka_unit_test(pods_of_stopping_tasks_are_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
