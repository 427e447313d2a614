#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/limits.h"
#include "ecs/map/status.h"
#include "map_doc.h"

#define NOW 1000000
#define NEW "{'desiredStatus':'RUNNING','lastStatus':'PROVISIONING'}"
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
    {NEW, "null", false, "lastStatus", "'PROVISIONING'"},
    {NEW, "{'status':{'phase':'Pending'}}", true, "lastStatus", "'PENDING'"},
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
    {ASKED, POD("Running", RUN, RUN), true, "lastStatus", "'STOPPING'"},
    {ASKED, POD("Running", RUN, RUN), true, "stoppedReason", "'bye'"},
    {ASKED, POD("Failed", EXIT("143"), EXIT("0")), true, "stopCode", "'UserInitiated'"},
    {ASKED, "null", true, "lastStatus", "'STOPPED'"},
    {"{'desiredStatus':'STOPPED','lastStatus':'STOPPED','stoppedAt':5}", POD("Running", RUN, RUN), true, "stoppedAt",
     "5"},
    {NEW, POD("Running", RUN ",'ready':true", RUN), true, "healthStatus", "'HEALTHY'"},
    {NEW, POD("Running", RUN ",'ready':false", RUN), true, "healthStatus", "'UNKNOWN'"},
    {NEW, POD("Running", "'state':{'running':{'startedAt':'1970-01-01T00:00:00Z'}},'ready':false", RUN), true,
     "healthStatus", "'UNHEALTHY'"},
    {"{'desiredStatus':'RUNNING','lastStatus':'RUNNING','containers':[{'name':'a','healthStatus':'HEALTHY'}]}",
     POD("Running", RUN ",'ready':false", RUN), true, "healthStatus", "'UNHEALTHY'"},
    {NEW, POD("Running", RUN ",'restartCount':1,'lastState':{'terminated':{'exitCode':4}}", RUN), true, "stopCode",
     "'EssentialContainerExited'"},
    {"{'desiredStatus':'RUNNING','attachments':[{'id':'e','type':'ElasticNetworkInterface','status':'ATTACHING'}]}",
     POD("Running", RUN, RUN), true, "attachments/0",
     "{'id':'e','type':'ElasticNetworkInterface','status':'ATTACHED','details':[{'name':'privateIPv4Address','value':"
     "'10.1.2.3'}]}"},
};

static struct doc *derive(struct arena *a, const char *task, const char *pod, bool made)
{
    struct pod_port port = {STR("a"), 80, 40001, STR("tcp")};
    struct task_observation o = {
        .task = doc_of(a, task),
        .taskdef = doc_of(a, "{'containerDefinitions':[{'name':'a','image':'i','essential':true,'healthCheck':{"
                             "'command':['CMD','x'],'interval':30,'timeout':5,'retries':3}},"
                             "{'name':'b','image':'i','essential':false}]}"),
        .pod = doc_of(a, pod),
        .pod_was_made = made,
        .ports = &port,
        .n_ports = 1,
        .now_s = NOW,
    };
    struct err err = ERR_INIT;
    struct doc *ret;

    o.pod = doc_is(o.pod, DOC_NULL) ? NULL : o.pod;
    assert_int_equal(task_status(a, &o, &ret, &err), 0);
    return ret;
}

static void pods_tell_what_tasks_do(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(MIB);

        assert_doc(a, derive(a, cases[i].task, cases[i].pod, cases[i].made), cases[i].path, cases[i].value);
    }
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
        cmocka_unit_test(pods_tell_what_tasks_do),
        cmocka_unit_test(pods_of_stopping_tasks_are_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
