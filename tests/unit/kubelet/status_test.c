#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/limits.h"
#include "kubelet/pod/build.h"
#include "kubelet/pod/status.h"
#include "make.h"

static enum probe_result ready_by_name(const void *ctx, const char *id)
{
    return strstr((const char *)ctx, id) ? PROBE_SUCCESS : PROBE_FAILURE;
}

static const char *const host_ips[] = {"192.0.2.1"};

static struct status_input input(struct arena *a, const Corev1__Pod *pod, const char *running, const char *ready)
{
    static struct probe_view probes;
    probes = make_probes(a, "", "");
    return (struct status_input){
        .pod = pod,
        .running = make_running(a, pod, running),
        .runtime_name = "containerd",
        .host_ips = host_ips,
        .n_host_ips = 1,
        .qos_class = "BestEffort",
        .now_ns = 5000 * NS_PER_S,
        .start_ns = 4000 * NS_PER_S,
        .readiness = ready_by_name,
        .probes = &probes,
        .ctx = ready,
    };
}

static const Corev1__PodCondition *condition(const Corev1__PodStatus *s, const char *type)
{
    for (size_t i = 0; i < s->n_conditions; i++)
        if (text_is(s->conditions[i]->type, type))
            return s->conditions[i];
    fail_msg("no condition %s", type);
    return NULL;
}

#define SPEC(more) "{'metadata':{'name':'p','namespace':'d','uid':'u','generation':3},'spec':{" more "}}"
#define ONE SPEC("'containers':[{'name':'main','image':'i'}]")
#define NEVER SPEC("'restartPolicy':'Never','containers':[{'name':'a','image':'i'},{'name':'b','image':'i'}]")
#define ON_FAILURE SPEC("'restartPolicy':'OnFailure','containers':[{'name':'a','image':'i'}]")
#define INIT SPEC("'initContainers':[{'name':'i1','image':'i'}],'containers':[{'name':'main','image':'i'}]")
#define INIT_NEVER                                                                                                     \
    SPEC("'restartPolicy':'Never','initContainers':[{'name':'i1','image':'i'}],'containers':[{'name':'main','image':"  \
         "'i'}]")
#define MAY_FAIL                                                                                                       \
    "{'metadata':{'name':'p','namespace':'ecs-d','uid':'u','annotations':{'may-fail.ecs.coracle.dev/"                  \
    "i1':'true'}},'spec'"                                                                                              \
    ":{'restartPolicy':'Never','initContainers':[{'name':'i1','image':'i'}],'containers':[{'name':'main','image':'i'}" \
    "]}}"
#define RULES(seconds)                                                                                                 \
    "{'metadata':{'name':'p','namespace':'ecs-d','uid':'u','annotations':{'restart-after.ecs.coracle.dev/"             \
    "main':'" seconds                                                                                                  \
    "'}},'spec':{'restartPolicy':'Never','containers':[{'name':'main','image':'i','restartPolicy':'Never',"            \
    "'restartPolicyRules':[{'action':'Restart','exitCodes':{'operator':'NotIn','values':[3]}}]}]}}"
#define READY_PROBE SPEC("'containers':[{'name':'main','image':'i','readinessProbe':{'exec':{'command':['x']}}}]")

static const struct {
    const char *pod, *running;
    bool terminal;
    const char *phase;
} phases[] = {
    {ONE, "", false, "Pending"},
    {ONE, "ready 10.0.0.1; main created", false, "Pending"},
    {ONE, "ready 10.0.0.1; main running", false, "Running"},
    {ONE, "ready 10.0.0.1; main exited 1", false, "Running"}, /* will be restarted */
    {ONE, "ready 10.0.0.1; main exited 0", true, "Succeeded"},
    {ONE, "ready 10.0.0.1; main exited 1", true, "Failed"},
    {ONE, "ready 10.0.0.1; main running", true, "Running"},
    {ONE, "", true, "Failed"},
    {NEVER, "ready 10.0.0.1; a exited 0; b running", false, "Running"},
    {NEVER, "ready 10.0.0.1; a exited 0; b exited 0", false, "Succeeded"},
    {NEVER, "ready 10.0.0.1; a exited 0; b exited 2", false, "Failed"},
    {ON_FAILURE, "ready 10.0.0.1; a exited 1", false, "Running"},
    {ON_FAILURE, "ready 10.0.0.1; a exited 0", false, "Succeeded"},
    {INIT, "ready 10.0.0.1; i1 running", false, "Pending"},
    {INIT, "ready 10.0.0.1; i1 exited 1", false, "Pending"},
    {INIT, "ready 10.0.0.1; i1 exited 0", false, "Pending"},
    {INIT, "ready 10.0.0.1; main running; i1 exited 0", false, "Running"},
    {INIT_NEVER, "ready 10.0.0.1; i1 exited 1", false, "Failed"},
    {RULES("1"), "ready 10.0.0.1; main exited 1", false, "Running"},
    {RULES("1"), "ready 10.0.0.1; main exited 3", false, "Failed"},
    {RULES("2"), "ready 10.0.0.1; main exited 1", false, "Failed"},
    {RULES("1"), "ready 10.0.0.1; main exited 1", true, "Failed"},
    {MAY_FAIL, "ready 10.0.0.1; i1 exited 1", false, "Pending"},
    {MAY_FAIL, "ready 10.0.0.1; main running; i1 exited 1", false, "Running"},
    {MAY_FAIL, "ready 10.0.0.1; main exited 0; i1 exited 1", true, "Succeeded"},
};

static void the_phase_follows_from_the_containers(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(phases); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new(MIB * 4);
        struct status_input in = input(a, make_pod(a, phases[i].pod), phases[i].running, "");
        in.terminal = phases[i].terminal;
        const Corev1__PodStatus *s = pod_status_make(a, &in);
        if (strcmp(s->phase, phases[i].phase) != 0)
            fail_msg("example %zu (%s): got %s, want %s", i, phases[i].running, s->phase, phases[i].phase);
    }
}

static void a_running_pod_is_ready(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB * 4);
    struct status_input in = input(a, make_pod(a, ONE), "ready 10.0.0.7; main running", "");
    const Corev1__PodStatus *s = pod_status_make(a, &in);
    assert_string_equal(s->podip, "10.0.0.7");
    assert_string_equal(s->hostip, "192.0.2.1");
    assert_int_equal(s->observedgeneration, 3);
    assert_int_equal(s->starttime->seconds, 4000);
    assert_string_equal(s->containerstatuses[0]->containerid, "containerd://main/0");
    assert_true(s->containerstatuses[0]->ready && s->containerstatuses[0]->started);
    static const char *const types[] = {"PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady",
                                        "PodScheduled"};
    assert_int_equal(s->n_conditions, ARRAY_LEN(types));
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        assert_string_equal(s->conditions[i]->type, types[i]);
        assert_string_equal(s->conditions[i]->status, "True");
    }
}

static void a_failing_readiness_probe_shows_in_the_conditions(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB * 4);
    struct status_input in = input(a, make_pod(a, READY_PROBE), "ready 10.0.0.7; main running", "");
    const Corev1__PodStatus *s = pod_status_make(a, &in);
    assert_false(s->containerstatuses[0]->ready);
    assert_string_equal(condition(s, "Ready")->status, "False");
    assert_string_equal(condition(s, "Ready")->reason, "ContainersNotReady");
    assert_string_equal(condition(s, "Ready")->message, "containers with unready status: [main]");
    in.ctx = "main/0";
    assert_string_equal(condition(pod_status_make(a, &in), "Ready")->status, "True");
}

static void init_containers_hold_the_others_back(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB * 4);
    struct status_input in = input(a, make_pod(a, INIT), "ready 10.0.0.7; i1 running", "");
    const Corev1__PodStatus *s = pod_status_make(a, &in);
    assert_string_equal(condition(s, "Initialized")->status, "False");
    assert_string_equal(condition(s, "Initialized")->reason, "ContainersNotInitialized");
    assert_string_equal(condition(s, "Initialized")->message, "containers with incomplete status: [i1]");
    assert_string_equal(s->containerstatuses[0]->state->waiting->reason, "PodInitializing");
}

static const char *last_words(const void *ctx, const struct runtime_container *c)
{
    return c->exit_code ? "it hurt" : NULL;
}

static void a_crash_loop_shows_the_back_off_and_the_last_end(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB * 4);
    struct waiting_reason w = {"main", "CrashLoopBackOff", "back-off 10s"};
    struct status_input in = input(a, make_pod(a, ONE), "ready 10.0.0.7; main exited 7; main exited 6", "");
    in.waiting = &w;
    in.n_waiting = 1;
    in.message = last_words;
    const Corev1__ContainerStatus *c = pod_status_make(a, &in)->containerstatuses[0];
    assert_string_equal(c->state->waiting->reason, "CrashLoopBackOff");
    assert_int_equal(c->laststate->terminated->exitcode, 7);
    assert_string_equal(c->laststate->terminated->reason, "Error");
    assert_string_equal(c->laststate->terminated->message, "it hurt");
    assert_int_equal(c->restartcount, 1);
}

static void times_of_unchanged_conditions_stay(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB * 4);
    Corev1__Pod *pod = make_pod(
        a, "{'metadata':{'name':'p','namespace':'d','uid':'u'},'spec':{'containers':[{'name':'main','image':'i'}]},"
           "'status':{'startTime':'1970-01-01T00:10:00Z','conditions':[{'type':'Ready','status':'True',"
           "'lastTransitionTime':'1970-01-01T00:11:00Z'},{'type':'Others','status':'Unknown'}]}}");
    struct status_input in = input(a, pod, "ready 10.0.0.7; main running", "");
    const Corev1__PodStatus *s = pod_status_make(a, &in);
    assert_int_equal(s->starttime->seconds, 600);
    assert_int_equal(condition(s, "Ready")->lasttransitiontime->seconds, 660);
    assert_int_equal(condition(s, "Initialized")->lasttransitiontime->seconds, 5000);
    assert_string_equal(condition(s, "Others")->status, "Unknown");
}

static void a_container_that_vanished_is_told(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB * 4);
    Corev1__Pod *pod = make_pod(
        a, "{'metadata':{'name':'p','namespace':'d','uid':'u'},'spec':{'containers':[{'name':'main','image':'i'}]},"
           "'status':{'containerStatuses':[{'name':'main','image':'i','imageID':'','ready':true,'restartCount':2,"
           "'state':{'running':{}},'lastState':{}}]}}");
    struct status_input in = input(a, pod, "", "");
    const Corev1__ContainerStatus *c = pod_status_make(a, &in)->containerstatuses[0];
    assert_non_null(c->state->waiting);
    assert_string_equal(c->laststate->terminated->reason, "ContainerStatusUnknown");
    assert_int_equal(c->laststate->terminated->exitcode, 137);
    in.terminal = true;
    c = pod_status_make(a, &in)->containerstatuses[0];
    assert_string_equal(c->state->terminated->reason, "ContainerStatusUnknown");
}

static void an_end_is_an_end(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB * 4);
    Corev1__Pod *pod = make_pod(a, "{'metadata':{'name':'p','namespace':'d','uid':'u'},'spec':{'containers':[{'name':"
                                   "'main','image':'i'}]},'status':{'phase':'Succeeded'}}");
    struct status_input in = input(a, pod, "ready 10.0.0.7; main running", "");
    assert_string_equal(pod_status_make(a, &in)->phase, "Succeeded");
    in.failed_reason = "DeadlineExceeded";
    in.failed_message = "too long";
    const Corev1__PodStatus *s = pod_status_make(a, &in);
    assert_string_equal(s->phase, "Failed");
    assert_string_equal(s->reason, "DeadlineExceeded");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_phase_follows_from_the_containers),
        cmocka_unit_test(a_running_pod_is_ready),
        cmocka_unit_test(a_failing_readiness_probe_shows_in_the_conditions),
        cmocka_unit_test(init_containers_hold_the_others_back),
        cmocka_unit_test(a_crash_loop_shows_the_back_off_and_the_last_end),
        cmocka_unit_test(times_of_unchanged_conditions_stay),
        cmocka_unit_test(a_container_that_vanished_is_told),
        cmocka_unit_test(an_end_is_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
