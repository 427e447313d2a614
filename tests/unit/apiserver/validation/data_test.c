/* Config maps and secrets, namespaces, events, leases. */
#include "cases.h"

static const struct vkind config_map = {"", "v1", "ConfigMap", false};
static const struct vkind secret = {"", "v1", "Secret", false};
static const struct vkind ns = {"", "v1", "Namespace", true};
static const struct vkind event = {"", "v1", "Event", false};
static const struct vkind new_event = {"events.k8s.io", "v1", "Event", false};
static const struct vkind lease = {"coordination.k8s.io", "v1", "Lease", false};

#define KEY_RULE                                                                                                       \
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  "  \
    "or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"

static void test_config_map(void **state)
{
    static const struct vcase cases[] = {
        {"key", "{'data':{'a b':'x'}}", "data[a b]: Invalid value: \"a b\": " KEY_RULE, NULL, NULL},
        {"dots", "{'data':{'..':'x'}}", "data[..]: Invalid value: \"..\": must not be '..'", NULL, NULL},
        {"both", "{'data':{'a':'x'},'binaryData':{'a':'eA=='}}",
         "data[a]: Invalid value: \"a\": duplicate of key present in binaryData", NULL, NULL},
        {"frozen", "{'data':{'a':'y'}}",
         "immutable: Forbidden: field is immutable when `immutable` is set\n"
         "data: Forbidden: field is immutable when `immutable` is set",
         "{'data':{'a':'x'},'immutable':true}", NULL},
    };
    RUN(config_map, cases);
}

static void test_size(void **state)
{
    size_t n = ((size_t)1 << 20) + 1;
    _cleanup_(freep) char *text = xmalloc(n + 64);
    strcpy(text, "{'data':{'a':'");
    memset(text + 14, 'x', n);
    strcpy(text + 14 + n, "'}}");
    const struct vcase big = {"too big", text, "[]: Too long: may not be more than 1048576 bytes", NULL, NULL};
    run_case(&config_map, &big);
}

static void test_secret(void **state)
{
    static const struct vcase cases[] = {
        {"tls", "{'type':'kubernetes.io/tls','data':{}}",
         "data[tls.crt]: Required value\ndata[tls.key]: Required value", NULL, NULL},
        {"account", "{'type':'kubernetes.io/service-account-token'}",
         "metadata.annotations[kubernetes.io/service-account.name]: Required value", NULL, NULL},
        {"basic", "{'type':'kubernetes.io/basic-auth','data':{'username':'eA=='}}", "", NULL, NULL},
        {"docker", "{'type':'kubernetes.io/dockerconfigjson','data':{'.dockerconfigjson':'eA=='}}",
         "data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": unexpected end of JSON input", NULL,
         NULL},
        {"type changed", "{'type':'b'}", "type: Invalid value: \"b\": field is immutable", "{'type':'a'}", NULL},
    };
    RUN(secret, cases);
}

static void test_namespace(void **state)
{
    static const struct vcase cases[] = {
        {"dots", "{'metadata':{'name':'a.b'}}", "metadata.name: Invalid value: \"a.b\": must not contain dots", NULL,
         NULL},
        {"phase", "{'status':{'phase':'Terminating'}}",
         "status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty", "{}",
         "status"},
    };
    RUN(ns, cases);
}

static void test_event(void **state)
{
    static const struct vcase cases[] = {
        {"fine", "{'involvedObject':{'namespace':'default'}}", "", NULL, NULL},
        {"elsewhere", "{'involvedObject':{'namespace':'other'}}",
         "involvedObject.namespace: Invalid value: \"other\": does not match event.namespace", NULL, NULL},
        {"new form",
         "{'eventTime':'2024-01-01T00:00:00.000000Z','involvedObject':{'namespace':'default'},'action':'a'}",
         "reportingComponent: Required value\nreportingInstance: Required value\nreason: Required value", NULL, NULL},
    };
    RUN(event, cases);
    static const struct vcase strict[] = {
        {"nothing", "{'regarding':{'namespace':'default'},'type':'Odd'}",
         "eventTime: Required value\ntype: Invalid value: \"\": has invalid value: Odd", NULL, NULL},
    };
    RUN(new_event, strict);
}

static void test_lease(void **state)
{
    static const struct vcase cases[] = {
        {"numbers", "{'spec':{'leaseDurationSeconds':0,'leaseTransitions':-1}}",
         "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0\n"
         "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
         NULL, NULL},
    };
    RUN(lease, cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_map), cmocka_unit_test(test_size),  cmocka_unit_test(test_secret),
        cmocka_unit_test(test_namespace),  cmocka_unit_test(test_event), cmocka_unit_test(test_lease),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
