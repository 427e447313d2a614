#include "cases.h"

static const struct vkind deployment = {"apps", "v1", "Deployment", false};
static const struct vkind replica_set = {"apps", "v1", "ReplicaSet", false};
static const struct vkind daemon_set = {"apps", "v1", "DaemonSet", false};
static const struct vkind stateful_set = {"apps", "v1", "StatefulSet", false};
static const struct vkind job = {"batch", "v1", "Job", false};

#define TEMPLATE(labels, spec)                                                                                         \
    "'template':{'metadata':{'labels':{" labels "}},'spec':{'containers':[{'name':'c','image':'i'}]" spec "}}"
#define A_SELECTOR "'selector':{'matchLabels':{'app':'a'}},"
#define A_TEMPLATE TEMPLATE("'app':'a'", "")
#define SPEC(s) "{'spec':{" s "}}"
#define A_SPEC(more) SPEC(A_SELECTOR A_TEMPLATE more)

static void test_deployment(void **state)
{
    static const struct vcase cases[] = {
        {"fine", A_SPEC(""), "", NULL, NULL},
        {"negative", A_SPEC(",'replicas':-1,'minReadySeconds':-2,'revisionHistoryLimit':-3"),
         "spec.replicas: Invalid value: -1: must be greater than or equal to 0\n"
         "spec.minReadySeconds: Invalid value: -2: must be greater than or equal to 0\n"
         "spec.revisionHistoryLimit: Invalid value: -3: must be greater than or equal to 0",
         NULL, NULL},
        {"labels do not fit", SPEC(A_SELECTOR TEMPLATE("'app':'b'", "")),
         "spec.template.metadata.labels: Invalid value: {\"app\":\"b\"}: `selector` does not match template `labels`",
         NULL, NULL},
        {"no selector", SPEC(A_TEMPLATE), "spec.selector: Required value", NULL, NULL},
        {"empty selector", SPEC("'selector':{}," A_TEMPLATE),
         "spec.selector: Invalid value: {}: empty selector is invalid for deployment", NULL, NULL},
        {"strategy", A_SPEC(",'strategy':{'type':'Slow'}"),
         "spec.strategy: Unsupported value: {\"type\":\"Slow\"}: supported values: \"Recreate\", \"RollingUpdate\"",
         NULL, NULL},
        {"no way on", A_SPEC(",'strategy':{'type':'RollingUpdate','rollingUpdate':{'maxSurge':0,'maxUnavailable':0}}"),
         "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0", NULL, NULL},
        {"percent",
         A_SPEC(",'strategy':{'type':'RollingUpdate','rollingUpdate':{'maxSurge':'1x','maxUnavailable':'101%'}}"),
         "spec.strategy.rollingUpdate.maxSurge: Invalid value: \"1x\": a valid percent string must be a numeric string "
         "followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')\n"
         "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"101%\": must not be greater than 100%",
         NULL, NULL},
        {"restart policy", SPEC(A_SELECTOR TEMPLATE("'app':'a'", ",'restartPolicy':'Never'")),
         "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\"", NULL, NULL},
        {"deadline", A_SPEC(",'minReadySeconds':10,'progressDeadlineSeconds':10"),
         "spec.progressDeadlineSeconds: Invalid value: 10: must be greater than minReadySeconds", NULL, NULL},
        {"template",
         SPEC(A_SELECTOR "'template':{'metadata':{'labels':{'app':'a'}},'spec':{'containers':[{'name':'c'}]}}"),
         "spec.template.spec.containers[0].image: Required value", NULL, NULL},
        {"selector changed", SPEC("'selector':{'matchLabels':{'app':'b'}}," TEMPLATE("'app':'b'", "")),
         "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"b\"}}: field is immutable", A_SPEC(""), NULL},
        {"status", "{'status':{'replicas':1,'updatedReplicas':2,'readyReplicas':-1}}",
         "status.readyReplicas: Invalid value: -1: must be greater than or equal to 0\n"
         "status.updatedReplicas: Invalid value: 2: cannot be greater than status.replicas\n"
         "status.availableReplicas: Invalid value: 0: cannot be greater than readyReplicas",
         A_SPEC(""), "status"},
    };
    RUN(deployment, cases);
}

static void test_others(void **state)
{
    static const struct vcase rs[] = {
        {"fine", A_SPEC(""), "", NULL, NULL},
        {"selector changed", SPEC("'selector':{'matchLabels':{'app':'b'}}," TEMPLATE("'app':'b'", "")),
         "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"b\"}}: field is immutable", A_SPEC(""), NULL},
    };
    RUN(replica_set, rs);
    static const struct vcase ds[] = {
        {"fine", A_SPEC(""), "", NULL, NULL},
        {"empty selector", SPEC("'selector':{}," A_TEMPLATE),
         "spec.selector: Invalid value: {}: empty selector is invalid for daemonset", NULL, NULL},
        {"both", A_SPEC(",'updateStrategy':{'type':'RollingUpdate','rollingUpdate':{'maxSurge':1,'maxUnavailable':1}}"),
         "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero",
         NULL, NULL},
    };
    RUN(daemon_set, ds);
    static const struct vcase sts[] = {
        {"fine", A_SPEC(",'serviceName':'s'"), "", NULL, NULL},
        {"claims are volumes",
         SPEC(A_SELECTOR
              "'serviceName':'s','volumeClaimTemplates':[{'metadata':{'name':'data'}}],'template':{'metadata':{"
              "'labels':{'app':'a'}},'spec':{'containers':[{'name':'c','image':'i','volumeMounts':[{'name':'data',"
              "'mountPath':'/d'},{'name':'other','mountPath':'/o'}]}]}}"),
         "spec.template.spec.containers[0].volumeMounts[1].name: Not found: \"other\"", NULL, NULL},
        {"replicas", A_SPEC(",'serviceName':'s','replicas':3"), "", A_SPEC(",'serviceName':'s'"), NULL},
        {"service", A_SPEC(",'serviceName':'t'"),
         "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
         "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are "
         "forbidden",
         A_SPEC(",'serviceName':'s'"), NULL},
    };
    RUN(stateful_set, sts);
    static const struct vcase jobs[] = {
        {"fine", SPEC(A_SELECTOR TEMPLATE("'app':'a'", ",'restartPolicy':'Never'")), "", NULL, NULL},
        {"restart policy", A_SPEC(""),
         "spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\"", NULL, NULL},
    };
    RUN(job, jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_deployment), cmocka_unit_test(test_others)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
