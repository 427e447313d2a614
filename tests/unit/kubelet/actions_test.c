/* What a worker does, for each way a pod can stand: the actions as one line of text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/limits.h"
#include "kubelet/pod/build.h"
#include "make.h"

/* "kill-pod sandbox(1) kill(main) init(a) start(main)" */
static const char *tell(struct arena *a, const Corev1__Pod *pod, const struct pod_actions *x)
{
    struct buf b = BUF_INIT(4096);
    if (x->kill_pod)
        buf_puts(&b, "kill-pod ");
    if (x->create_sandbox)
        buf_printf(&b, "sandbox(%u) ", x->attempt);
    for (size_t i = 0; i < x->n_kills; i++)
        buf_printf(&b, "kill(%s) ", x->kills[i].container->id);
    for (size_t i = 0; i < x->n_start_init; i++)
        buf_printf(&b, "init(%s) ", pod->spec->initcontainers[x->start_init[i]]->name);
    for (size_t i = 0; i < x->n_start; i++)
        buf_printf(&b, "start(%s) ", pod->spec->containers[x->start[i]]->name);
    const char *text = arena_str(a, str_trim(buf_str(&b))).p;
    buf_release(&b);
    return text;
}

struct example {
    const char *pod, *running, *liveness, *startup, *want;
};

#define SPEC(more) "{'metadata':{'name':'p','namespace':'d','uid':'u'},'spec':{" more "}}"
#define ONE SPEC("'containers':[{'name':'main','image':'i'}]")
#define TWO SPEC("'containers':[{'name':'a','image':'i'},{'name':'b','image':'i'}]")
#define NEVER SPEC("'restartPolicy':'Never','containers':[{'name':'main','image':'i'}]")
#define ON_FAILURE SPEC("'restartPolicy':'OnFailure','containers':[{'name':'a','image':'i'},{'name':'b','image':'i'}]")
#define INIT                                                                                                           \
    SPEC(                                                                                                              \
        "'initContainers':[{'name':'i1','image':'i'},{'name':'i2','image':'i'}],'containers':[{'name':'main','image':" \
        "'i'}]")
#define INIT_NEVER                                                                                                     \
    SPEC("'restartPolicy':'Never','initContainers':[{'name':'i1','image':'i'}],'containers':[{'name':'main','image':"  \
         "'i'}]")
#define MAY_FAIL(ns)                                                                                                   \
    "{'metadata':{'name':'p','namespace':'" ns "','uid':'u','annotations':{'may-fail.ecs.coracle.dev/i1':'true'}},"    \
    "'spec':{'restartPolicy':'Never','initContainers':[{'name':'i1','image':'i'}],'containers':[{'name':'main',"       \
    "'image':'i'}]}}"
#define SIDECAR                                                                                                        \
    SPEC("'initContainers':[{'name':'i1','image':'i'},{'name':'side','image':'i','restartPolicy':'Always'},{'name':"   \
         "'i2','image':'i'}],'containers':[{'name':'main','image':'i'}]")
#define SIDECAR_PROBED                                                                                                 \
    SPEC("'initContainers':[{'name':'side','image':'i','restartPolicy':'Always','startupProbe':{'exec':{'command':["   \
         "'x']}}}],'containers':[{'name':'main','image':'i'}]")
#define PROBED                                                                                                         \
    SPEC("'containers':[{'name':'main','image':'i','livenessProbe':{'exec':{'command':['x']}},'startupProbe':{'exec':" \
         "{'command':['x']}}}]")
#define RULES(policy, rules)                                                                                           \
    "{'metadata':{'name':'p','namespace':'ecs-d','uid':'u','annotations':{'restart-after.ecs.coracle.dev/main':'1'}}," \
    "'spec':{'restartPolicy':'Never','containers':[{'name':'main','image':'i','restartPolicy':'" policy "'" rules      \
    "}]}}"
#define NOT_IN_3 ",'restartPolicyRules':[{'action':'Restart','exitCodes':{'operator':'NotIn','values':[3]}}]"
#define SLOW                                                                                                           \
    "{'metadata':{'name':'p','namespace':'ecs-d','uid':'u','annotations':{'restart-after.ecs.coracle.dev/main':'2'}}," \
    "'spec':{'restartPolicy':'Never','containers':[{'name':'main','image':'i','restartPolicy':'Never'" NOT_IN_3 "}]}}"
#define DELETING                                                                                                       \
    "{'metadata':{'name':'p','namespace':'d','uid':'u','deletionTimestamp':'2026-01-01T00:00:00Z'},'spec':{"           \
    "'containers':[{'name':'main','image':'i'}]}}"

static const struct example examples[] = {
    /* sandboxes */
    {ONE, "", "", "", "kill-pod sandbox(0) start(main)"},
    {ONE, "gone; main exited 0", "", "", "kill-pod sandbox(1) start(main)"},
    {ONE, "ready; main running", "", "", "kill-pod sandbox(1) start(main)"}, /* no address */
    {ONE, "ready 10.0.0.1; ready 10.0.0.2; main running", "", "", "kill-pod sandbox(2) start(main)"},
    {NEVER, "gone; main exited 1", "", "", "kill-pod"},
    {ON_FAILURE, "gone; a exited 0; b exited 1", "", "", "kill-pod sandbox(1) start(b)"},
    {ON_FAILURE, "gone; a exited 0; b exited 0", "", "", "kill-pod"},
    {INIT, "", "", "", "kill-pod sandbox(0) init(i1)"},
    /* a container's own policy and rules; it has run for a second */
    {RULES("Never", NOT_IN_3), "ready 10.0.0.1; main exited 1", "", "", "start(main)"},
    {RULES("Never", NOT_IN_3), "ready 10.0.0.1; main exited 0", "", "", "start(main)"},
    {RULES("Never", NOT_IN_3), "ready 10.0.0.1; main exited 3", "", "", "kill-pod"},
    {RULES("OnFailure", ""), "ready 10.0.0.1; main exited 3", "", "", "start(main)"},
    {RULES("OnFailure", ""), "ready 10.0.0.1; main exited 0", "", "", "kill-pod"},
    {RULES("Always", ""), "ready 10.0.0.1; main exited 0", "", "", "start(main)"},
    {SLOW, "ready 10.0.0.1; main exited 1", "", "", "kill-pod"},
    /* restart policies */
    {ONE, "ready 10.0.0.1", "", "", "start(main)"},
    {ONE, "ready 10.0.0.1; main running", "", "", ""},
    {ONE, "ready 10.0.0.1; main created", "", "", "start(main)"},
    {ONE, "ready 10.0.0.1; main exited 0", "", "", "start(main)"},
    {ONE, "ready 10.0.0.1; main unknown", "", "", "kill(main/0) start(main)"},
    {TWO, "ready 10.0.0.1; a running; b exited 1", "", "", "start(b)"},
    {NEVER, "ready 10.0.0.1; main exited 1", "", "", "kill-pod"},
    {ON_FAILURE, "ready 10.0.0.1; a exited 0; b exited 1", "", "", "start(b)"},
    {ON_FAILURE, "ready 10.0.0.1; a exited 0; b exited 0", "", "", "kill-pod"},
    {DELETING, "ready 10.0.0.1; main exited 1", "", "", "kill-pod"},
    /* init containers */
    {INIT, "ready 10.0.0.1", "", "", "init(i1)"},
    {INIT, "ready 10.0.0.1; i1 running", "", "", ""},
    {INIT, "ready 10.0.0.1; i1 exited 0", "", "", "init(i2)"},
    {INIT, "ready 10.0.0.1; i1 exited 1", "", "", "init(i1)"},
    {MAY_FAIL("ecs-demo"), "ready 10.0.0.1; i1 exited 1", "", "", "start(main)"},
    {MAY_FAIL("demo"), "ready 10.0.0.1; i1 exited 1", "", "", "kill-pod"},
    {INIT, "ready 10.0.0.1; i2 exited 0; i1 exited 0", "", "", "start(main)"},
    {INIT, "ready 10.0.0.1; i2 exited 0", "", "", "start(main)"},   /* i1 was removed */
    {INIT, "ready 10.0.0.1; main exited 1", "", "", "start(main)"}, /* both were removed */
    {INIT_NEVER, "ready 10.0.0.1; i1 exited 1", "", "", "kill-pod"},
    /* sidecars */
    {SIDECAR, "ready 10.0.0.1; i1 exited 0", "", "", "init(side)"},
    {SIDECAR, "ready 10.0.0.1; side running; i1 exited 0", "", "", "init(i2)"},
    {SIDECAR, "ready 10.0.0.1; side exited 1; i1 exited 0", "", "", "init(side)"},
    {SIDECAR, "ready 10.0.0.1; i2 exited 0; side running; i1 exited 0", "", "", "start(main)"},
    {SIDECAR, "ready 10.0.0.1; main running; i2 exited 0; side exited 2; i1 exited 0", "", "", "init(side)"},
    {SIDECAR_PROBED, "ready 10.0.0.1; side running", "", "", ""},
    {SIDECAR_PROBED, "ready 10.0.0.1; side running", "", "side/0=ok", "start(main)"},
    {SIDECAR_PROBED, "ready 10.0.0.1; side running", "", "side/0=fail", "kill(side/0) init(side)"},
    /* probes and changes */
    {PROBED, "ready 10.0.0.1; main running", "main/0=fail", "main/0=ok", "kill(main/0) start(main)"},
    {PROBED, "ready 10.0.0.1; main running", "", "main/0=fail", "kill(main/0) start(main)"},
    {PROBED, "ready 10.0.0.1; main running; main exited 1", "main/0=fail", "", ""}, /* the old one's result */
};

static void actions_follow_from_the_state(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        const struct example *e = &examples[i];
        _cleanup_(arena_freep) struct arena *a = arena_new(MIB * 4);
        Corev1__Pod *pod = make_pod(a, e->pod);
        struct probe_view probes = make_probes(a, e->liveness, e->startup);
        struct pod_actions x;
        pod_actions_compute(a, pod, make_running(a, pod, e->running), &probes, &x);
        const char *got = tell(a, pod, &x);
        if (strcmp(got, e->want) != 0)
            fail_msg("example %zu (%s): got \"%s\", want \"%s\"", i, e->running, got, e->want);
    }
}

static void a_changed_image_restarts_even_with_policy_never(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB * 4);
    Corev1__Pod *pod = make_pod(a, NEVER);
    struct runtime_pod *r = make_running(a, pod, "ready 10.0.0.1; main running");
    struct probe_view probes = make_probes(a, "", "");
    struct pod_actions x;
    r->containers[0].hash++;
    pod_actions_compute(a, pod, r, &probes, &x);
    assert_string_equal(tell(a, pod, &x), "kill(main/0) start(main)");
    assert_string_equal(x.kills[0].message, "Container main definition changed, will be restarted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(actions_follow_from_the_state),
        cmocka_unit_test(a_changed_image_restarts_even_with_policy_never),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
