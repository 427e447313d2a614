#include "cases.h"

static const struct vkind pod = {"", "v1", "Pod", false};

#define POD(spec) "{'spec':{" spec "}}"
#define CTR(more) "{'name':'c','image':'i'" more "}"
#define WITH(more) POD("'containers':[" CTR(more) "]")
#define PATH "spec.containers[0]."
#define LABEL_RULE                                                                                                     \
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "    \
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "                     \
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
#define SUBDOMAIN_RULE                                                                                                 \
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "   \
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "                        \
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

static void test_containers(void **state)
{
    static const struct vcase cases[] = {
        {"fine", WITH(""), "", NULL, NULL},
        {"no containers", POD("'containers':[]"), "spec.containers: Required value", NULL, NULL},
        {"no image", POD("'containers':[{'name':'c'}]"), PATH "image: Required value", NULL, NULL},
        {"no name", POD("'containers':[{'image':'i'}]"), PATH "name: Required value", NULL, NULL},
        {"bad name", POD("'containers':[{'name':'A_b','image':'i'}]"), PATH "name: Invalid value: \"A_b\": " LABEL_RULE,
         NULL, NULL},
        {"twice", POD("'containers':[" CTR("") "," CTR("") "]"), "spec.containers[1].name: Duplicate value: \"c\"",
         NULL, NULL},
        {"init of the same name", POD("'containers':[" CTR("") "],'initContainers':[" CTR("") "]"),
         "spec.initContainers[0].name: Duplicate value: \"c\"", NULL, NULL},
        {"pull policy", WITH(",'imagePullPolicy':'Sometimes'"),
         PATH "imagePullPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"IfNotPresent\", "
              "\"Never\"",
         NULL, NULL},
        {"image with space", POD("'containers':[{'name':'c','image':' i'}]"),
         PATH "image: Invalid value: \" i\": must not have leading or trailing whitespace", NULL, NULL},
        {"ports",
         WITH(",'ports':[{'containerPort':0},{'containerPort':70000},{'containerPort':1,'protocol':'ICMP'},"
              "{'containerPort':2,'name':'a'},{'containerPort':3,'name':'a'}]"),
         PATH "ports[0].containerPort: Required value\n" PATH
              "ports[1].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive\n" PATH
              "ports[2].protocol: Unsupported value: \"ICMP\": supported values: \"SCTP\", \"TCP\", \"UDP\"\n" PATH
              "ports[4].name: Duplicate value: \"a\"",
         NULL, NULL},
        {"host port twice", WITH(",'ports':[{'containerPort':1,'hostPort':80},{'containerPort':2,'hostPort':80}]"),
         PATH "ports[1].hostPort: Duplicate value: \"TCP//80\"", NULL, NULL},
        {"host network",
         POD("'hostNetwork':true,'containers':[" CTR(",'ports':[{'containerPort':1,'hostPort':2}]") "]"),
         PATH "ports[0].hostPort: Invalid value: 2: must match `containerPort` when `hostNetwork` is true", NULL, NULL},
        {"probe on an init container",
         POD("'containers':[" CTR("") "],'initContainers':[{'name':'i','image':'i','readinessProbe':{'exec':{"
                                      "'command':['a']}}}]"),
         "spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without "
         "restartPolicy=Always",
         NULL, NULL},
        {"restart policy", POD("'restartPolicy':'Maybe','containers':[" CTR("") "]"),
         "spec.restartPolicy: Unsupported value: \"Maybe\": supported values: \"Always\", \"OnFailure\", \"Never\"",
         NULL, NULL},
        {"ephemeral on create", POD("'ephemeralContainers':[{'name':'e','image':'i'}],'containers':[" CTR("") "]"),
         "spec.ephemeralContainers: Forbidden: cannot be set on create", NULL, NULL},
    };
    RUN(pod, cases);
}

static void test_env(void **state)
{
    static const struct vcase cases[] = {
        {"names", WITH(",'env':[{'name':''},{'name':'a=b'},{'name':'1 ok'}]"),
         PATH "env[0].name: Required value\n" PATH
              "env[1].name: Invalid value: \"a=b\": a valid environment variable name must consist only of printable "
              "ASCII characters other than '='",
         NULL, NULL},
        {"value and source",
         WITH(",'env':[{'name':'A','value':'x','valueFrom':{'fieldRef':{'fieldPath':"
              "'metadata.name'}}}]"),
         PATH "env[0].valueFrom: Invalid value: \"\": may not be specified when `value` is not empty", NULL, NULL},
        {"no source", WITH(",'env':[{'name':'A','valueFrom':{}}]"),
         PATH "env[0].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, `resourceFieldRef`, "
              "`configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
         NULL, NULL},
        {"unknown field", WITH(",'env':[{'name':'A','valueFrom':{'fieldRef':{'fieldPath':'spec.foo'}}}]"),
         PATH
         "env[0].valueFrom.fieldRef.fieldPath: Invalid value: \"spec.foo\": error converting fieldPath: field label "
         "not supported: spec.foo",
         NULL, NULL},
        {"field not for env", WITH(",'env':[{'name':'A','valueFrom':{'fieldRef':{'fieldPath':'metadata.labels'}}}]"),
         PATH "env[0].valueFrom.fieldRef.fieldPath: Unsupported value: \"metadata.labels\": supported values: "
              "\"metadata.name\", \"metadata.namespace\", \"metadata.uid\", \"spec.nodeName\", "
              "\"spec.serviceAccountName\", \"status.hostIP\", \"status.hostIPs\", \"status.podIP\", \"status.podIPs\"",
         NULL, NULL},
        {"one label",
         WITH(",'env':[{'name':'A','valueFrom':{'fieldRef':{'fieldPath':'metadata.labels[\\u0027a\\u0027]'"
              "}}}]"),
         "", NULL, NULL},
        {"key", WITH(",'env':[{'name':'A','valueFrom':{'secretKeyRef':{'name':'s','key':''}}}]"),
         PATH "env[0].valueFrom.secretKeyRef.key: Required value", NULL, NULL},
        {"from nothing", WITH(",'envFrom':[{}]"),
         PATH "envFrom: Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`", NULL, NULL},
    };
    RUN(pod, cases);
}

static void test_resources(void **state)
{
    static const struct vcase cases[] = {
        {"request above limit", WITH(",'resources':{'limits':{'cpu':'1'},'requests':{'cpu':'2'}}"),
         PATH "resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1", NULL, NULL},
        {"unknown resource", WITH(",'resources':{'limits':{'foo':'1'}}"),
         PATH
         "resources.limits[foo]: Invalid value: \"foo\": must be a standard resource type or fully qualified\n" PATH
         "resources.limits[foo]: Invalid value: \"foo\": must be a standard resource for containers\n" PATH
         "resources.requests[foo]: Invalid value: \"foo\": must be a standard resource type or fully qualified\n" PATH
         "resources.requests[foo]: Invalid value: \"foo\": must be a standard resource for containers",
         NULL, NULL},
        {"extended resource", WITH(",'resources':{'limits':{'example.com/gpu':'1'}}"), "", NULL, NULL},
        {"half a gpu", WITH(",'resources':{'limits':{'example.com/gpu':'500m'}}"),
         PATH "resources.limits[example.com/gpu]: Invalid value: \"500m\": must be an integer\n" PATH
              "resources.requests[example.com/gpu]: Invalid value: \"500m\": must be an integer",
         NULL, NULL},
        {"negative", WITH(",'resources':{'requests':{'memory':'-1'}}"),
         PATH "resources.requests[memory]: Invalid value: \"-1\": must be greater than or equal to 0", NULL, NULL},
    };
    RUN(pod, cases);
}

static void test_probes(void **state)
{
    static const struct vcase cases[] = {
        {"none", WITH(",'livenessProbe':{}"), PATH "livenessProbe: Required value: must specify a handler type", NULL,
         NULL},
        {"two", WITH(",'livenessProbe':{'exec':{'command':['a']},'tcpSocket':{'port':1}}"),
         PATH "livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type", NULL, NULL},
        {"successes", WITH(",'livenessProbe':{'exec':{'command':['a']},'successThreshold':2}"),
         PATH "livenessProbe.successThreshold: Invalid value: 2: must be 1", NULL, NULL},
        {"port name", WITH(",'readinessProbe':{'httpGet':{'port':'no_good'}}"),
         PATH
         "readinessProbe.httpGet.port: Invalid value: \"no_good\": must contain only alpha-numeric characters (a-z, "
         "0-9), and hyphens (-)",
         NULL, NULL},
        {"negative", WITH(",'readinessProbe':{'tcpSocket':{'port':80},'periodSeconds':-1}"),
         PATH "readinessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0", NULL, NULL},
        {"sleep too long", WITH(",'lifecycle':{'preStop':{'sleep':{'seconds':40}}}"),
         PATH "lifecycle.preStop.sleep: Invalid value: 40: must be non-negative and less than "
              "terminationGracePeriodSeconds (30)",
         NULL, NULL},
    };
    RUN(pod, cases);
}

#define VOL(v) POD("'volumes':[" v "],'containers':[" CTR("") "]")
static void test_volumes(void **state)
{
    static const struct vcase cases[] = {
        {"no source is an emptyDir", VOL("{'name':'v'}"), "", NULL, NULL},
        {"two sources", VOL("{'name':'v','emptyDir':{},'hostPath':{'path':'/x'}}"),
         "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type", NULL, NULL},
        {"names", VOL("{'name':'A','emptyDir':{}},{'name':'b','emptyDir':{}},{'name':'b','emptyDir':{}}"),
         "spec.volumes[0].name: Invalid value: \"A\": " LABEL_RULE "\nspec.volumes[2].name: Duplicate value: \"b\"",
         NULL, NULL},
        {"host path", VOL("{'name':'v','hostPath':{'path':'/a/../b','type':'Foo'}}"),
         "spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'\n"
         "spec.volumes[0].hostPath.type: Unsupported value: \"Foo\": supported values: \"\", \"BlockDevice\", "
         "\"CharDevice\", \"Directory\", \"DirectoryOrCreate\", \"File\", \"FileOrCreate\", \"Socket\"",
         NULL, NULL},
        {"items", VOL("{'name':'v','configMap':{'name':'c','items':[{'key':'','path':'/abs'}],'defaultMode':512}}"),
         "spec.volumes[0].configMap.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both "
         "inclusive\nspec.volumes[0].configMap.items[0].key: Required value\nspec.volumes[0].configMap.items[0].path: "
         "Invalid value: \"/abs\": must be a relative path",
         NULL, NULL},
        {"secret without name", VOL("{'name':'v','secret':{}}"), "spec.volumes[0].secret.secretName: Required value",
         NULL, NULL},
        {"token",
         POD("'serviceAccountName':'a','volumes':[{'name':'v','projected':{'sources':[{'serviceAccountToken':{"
             "'path':'t','expirationSeconds':5}}]}}],'containers':[" CTR("") "]"),
         "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 5: may not "
         "specify a "
         "duration less than 10 minutes",
         NULL, NULL},
        {"mounts",
         POD("'volumes':[{'name':'v','emptyDir':{}}],'containers':[" CTR(
             ",'volumeMounts':[{'name':'w','mountPath':'/a'},{'name':'v','mountPath':'/a'},{'name':'v','mountPath':'',"
             "'subPath':'../x'}]") "]"),
         PATH "volumeMounts[0].name: Not found: \"w\"\n" PATH
              "volumeMounts[1].mountPath: Invalid value: \"/a\": must be unique\n" PATH
              "volumeMounts[2].mountPath: Required value\n" PATH
              "volumeMounts[2].subPath: Invalid value: \"../x\": must not contain '..'",
         NULL, NULL},
    };
    RUN(pod, cases);
}

static void test_scheduling(void **state)
{
    static const struct vcase cases[] = {
        {"tolerations",
         POD("'tolerations':[{'operator':'Equal'},{'key':'a','operator':'Exists','value':'v'},{'key':'a','operator':"
             "'Foo'},{'key':'a','effect':'Bad'},{'key':'a','tolerationSeconds':1}],'containers':[" CTR("") "]"),
         "spec.tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists when `key` is empty, which "
         "means "
         "\"match all values and all keys\"\n"
         "spec.tolerations[1].operator: Invalid value: \"v\": value must be empty when `operator` is 'Exists'\n"
         "spec.tolerations[2].operator: Unsupported value: \"Foo\": supported values: \"Equal\", \"Exists\"\n"
         "spec.tolerations[3].effect: Unsupported value: \"Bad\": supported values: \"NoSchedule\", "
         "\"PreferNoSchedule\", "
         "\"NoExecute\"\n"
         "spec.tolerations[4].effect: Invalid value: \"\": effect must be 'NoExecute' when `tolerationSeconds` is set",
         NULL, NULL},
        {"node affinity",
         POD("'affinity':{'nodeAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':{'nodeSelectorTerms':["
             "{'matchExpressions':[{'key':'a','operator':'In'},{'key':'b','operator':'Near'}]}]},"
             "'preferredDuringSchedulingIgnoredDuringExecution':[{'weight':0,'preference':{}}]}},'containers':[" CTR(
                 "") "]"),
         "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]."
         "matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'\n"
         "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]."
         "matchExpressions[1].operator: Invalid value: \"Near\": not a valid selector operator\n"
         "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must "
         "be "
         "in the range 1-100",
         NULL, NULL},
        {"pod anti affinity",
         POD("'affinity':{'podAntiAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':[{'labelSelector':{}}]}},"
             "'containers':[" CTR("") "]"),
         "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: "
         "can "
         "not be empty\nspec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: "
         "Invalid value: \"\": name part must be non-empty\nspec.affinity.podAntiAffinity."
         "requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: \"\": name part must consist "
         "of "
         "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. "
         "'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
         "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
         NULL, NULL},
        {"spread",
         POD("'topologySpreadConstraints':[{'maxSkew':0,'topologyKey':'z','whenUnsatisfiable':'No'}],'containers':"
             "[" CTR("") "]"),
         "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero\n"
         "spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: \"No\": supported values: "
         "\"DoNotSchedule\", \"ScheduleAnyway\"",
         NULL, NULL},
    };
    RUN(pod, cases);
}

static void test_pod_fields(void **state)
{
    static const struct vcase cases[] = {
        {"dns policy None", POD("'dnsPolicy':'None','containers':[" CTR("") "]"),
         "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None", NULL, NULL},
        {"names",
         POD("'hostname':'A','nodeName':'N','serviceAccountName':'S','priorityClassName':'P','containers':[" CTR(
             "") "]"),
         "spec.serviceAccountName: Invalid value: \"S\": " SUBDOMAIN_RULE
         "\nspec.nodeName: Invalid value: \"N\": " SUBDOMAIN_RULE "\nspec.hostname: Invalid value: \"A\": " LABEL_RULE
         "\nspec.priorityClassName: Invalid value: \"P\": " SUBDOMAIN_RULE,
         NULL, NULL},
        {"deadline", POD("'activeDeadlineSeconds':0,'containers':[" CTR("") "]"),
         "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive", NULL, NULL},
        {"user ids",
         POD("'securityContext':{'runAsUser':-1},'containers':[" CTR(",'securityContext':{'runAsGroup':-2}") "]"),
         PATH "securityContext.runAsGroup: Invalid value: -2: must be between 0 and 2147483647, inclusive\n"
              "spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive",
         NULL, NULL},
        {"seccomp", WITH(",'securityContext':{'seccompProfile':{'type':'Localhost'}}"),
         PATH
         "securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost",
         NULL, NULL},
        {"sysctls",
         POD("'securityContext':{'sysctls':[{'name':'a..b','value':'1'},{'name':'net.x','value':'1'},{'name':"
             "'net.x','value':'1'}]},'containers':[" CTR("") "]"),
         "spec.securityContext.sysctls[0].name: Invalid value: \"a..b\": must have at most 253 characters and match "
         "regex "
         "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$\n"
         "spec.securityContext.sysctls[2].name: Duplicate value: \"net.x\"",
         NULL, NULL},
    };
    RUN(pod, cases);
}

#define IMMUTABLE                                                                                                      \
    "spec: Forbidden: pod updates may not change fields other than "                                                   \
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only " \
    "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "      \
    "previously negative)\n"

static void test_update(void **state)
{
    static const struct vcase cases[] = {
        {"image", POD("'containers':[{'name':'c','image':'j'}]"), "", WITH(""), NULL},
        {"toleration added", POD("'tolerations':[{'key':'a','operator':'Exists'}],'containers':[" CTR("") "]"), "",
         WITH(""), NULL},
        {"toleration removed", WITH(""),
         "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds",
         POD("'tolerations':[{'key':'a','operator':'Exists'}],'containers':[" CTR("") "]"), NULL},
        {"container added", POD("'containers':[" CTR("") ",{'name':'d','image':'i'}]"),
         "spec.containers: Forbidden: pod updates may not add or remove containers", WITH(""), NULL},
        {"deadline raised", POD("'activeDeadlineSeconds':20,'containers':[" CTR("") "]"),
         "spec.activeDeadlineSeconds: Invalid value: 20: must be less than or equal to previous value",
         POD("'activeDeadlineSeconds':10,'containers':[" CTR("") "]"), NULL},
        {"gate added", POD("'schedulingGates':[{'name':'g'}],'containers':[" CTR("") "]"),
         "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'g'",
         WITH(""), NULL},
        {"gate removed", WITH(""), "", POD("'schedulingGates':[{'name':'g'}],'containers':[" CTR("") "]"), NULL},
        {"mirror annotation",
         "{'metadata':{'annotations':{'kubernetes.io/config.mirror':'x'}},'spec':{'nodeName':'n',"
         "'containers':[" CTR("") "]}}",
         "metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not add mirror pod annotation",
         POD("'nodeName':'n','containers':[" CTR("") "]"), NULL},
        {"back from the dead", "{'status':{'containerStatuses':[{'name':'c','state':{'running':{}}}]}}",
         "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state",
         "{'spec':{'restartPolicy':'Never','containers':[" CTR(
             "") "]},'status':{'containerStatuses':[{'name':'c','state':{"
                 "'terminated':{'exitCode':1}}}]}}",
         "status"},
    };
    RUN(pod, cases);
}

#define CPU(r) WITH(",'resources':{'requests':{" r "}}")
static void test_resize(void **state)
{
    static const struct vcase cases[] = {
        {"more cpu", CPU("'cpu':'2'"), "", CPU("'cpu':'1'"), "resize"},
        {"cpu added", CPU("'cpu':'2','memory':'1Gi'"), "", CPU("'cpu':'1'"), "resize"},
        {"cpu removed", CPU("'memory':'1Gi'"),
         PATH "resources.requests: Forbidden: resource requests cannot be removed", CPU("'cpu':'1','memory':'1Gi'"),
         "resize"},
        {"storage", CPU("'cpu':'1','ephemeral-storage':'2Gi'"),
         "spec: Forbidden: only cpu and memory resources are mutable", CPU("'cpu':'1','ephemeral-storage':'1Gi'"),
         "resize"},
        {"image", POD("'containers':[{'name':'c','image':'j'}]"),
         "spec: Forbidden: only cpu and memory resources are mutable", WITH(""), "resize"},
        {"renamed", POD("'containers':[{'name':'d','image':'i'}]"),
         "spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize", WITH(""),
         "resize"},
        {"added", POD("'containers':[" CTR("") ",{'name':'d','image':'i'}]"),
         "spec.containers: Forbidden: containers may not be added or removed on resize", WITH(""), "resize"},
    };
    RUN(pod, cases);
}

static void test_ephemeral(void **state)
{
#define EPHEMERAL(e) POD("'containers':[" CTR("") "],'ephemeralContainers':[" e "]")
    static const struct vcase cases[] = {
        {"added", EPHEMERAL("{'name':'d','image':'i'}"), "", WITH(""), "ephemeralcontainers"},
        {"removed", WITH(""),
         "spec.ephemeralContainers: Forbidden: existing ephemeral containers \"d\" may not be removed\n",
         EPHEMERAL("{'name':'d','image':'i'}"), "ephemeralcontainers"},
        {"ports", EPHEMERAL("{'name':'d','image':'i','ports':[{'containerPort':1}]}"),
         "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container", WITH(""),
         "ephemeralcontainers"},
        {"target", EPHEMERAL("{'name':'d','image':'i','targetContainerName':'x'}"),
         "spec.ephemeralContainers[0].targetContainerName: Not found: \"x\"", WITH(""), "ephemeralcontainers"},
        {"same name", EPHEMERAL("{'name':'c','image':'i'}"), "spec.ephemeralContainers[0].name: Duplicate value: \"c\"",
         WITH(""), "ephemeralcontainers"},
    };
    RUN(pod, cases);
}

static void test_update_message(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new((size_t)32 << 20);
    struct err err = ERR_INIT;
    struct validation_request req = {.arena = a,
                                     .group = "",
                                     .version = "v1",
                                     .kind = "Pod",
                                     .subresource = "",
                                     .namespaced = true,
                                     .obj = read_object(a, &pod, WITH(",'command':['a']"), "new"),
                                     .old = read_object(a, &pod, WITH(""), "old")};
    assert_int_equal(validate_object(&req, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(strncmp(err.msg, "Pod \"x\" is invalid: " IMMUTABLE "@@ ",
                             sizeof("Pod \"x\" is invalid: " IMMUTABLE "@@ ") - 1),
                     0);
    assert_non_null(strstr(err.msg, "+      \"command\": [\n"));
}

static void test_privileged(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new((size_t)32 << 20);
    struct err err = ERR_INIT;
    struct validation_request req = {.arena = a,
                                     .group = "",
                                     .version = "v1",
                                     .kind = "Pod",
                                     .subresource = "",
                                     .namespaced = true,
                                     .obj =
                                         read_object(a, &pod, WITH(",'securityContext':{'privileged':true}"), "new")};
    assert_int_equal(validate_object(&req, &err), 0);
    req.forbid_privileged = true;
    assert_int_equal(validate_object(&req, &err), -1);
    assert_string_equal(err.msg, "Pod \"x\" is invalid: " PATH
                                 "securityContext.privileged: Forbidden: disallowed by cluster policy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_containers), cmocka_unit_test(test_env),     cmocka_unit_test(test_resources),
        cmocka_unit_test(test_probes),     cmocka_unit_test(test_volumes), cmocka_unit_test(test_scheduling),
        cmocka_unit_test(test_pod_fields), cmocka_unit_test(test_update),  cmocka_unit_test(test_update_message),
        cmocka_unit_test(test_privileged), cmocka_unit_test(test_resize),  cmocka_unit_test(test_ephemeral),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
