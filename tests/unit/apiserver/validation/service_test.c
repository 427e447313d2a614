/* Services and what stands behind them. */
#include "cases.h"

static const struct vkind service = {"", "v1", "Service", false};
static const struct vkind endpoints = {"", "v1", "Endpoints", false};
static const struct vkind slice = {"discovery.k8s.io", "v1", "EndpointSlice", false};

#define SPEC(s) "{'spec':{" s "}}"
#define PORT80 "'ports':[{'port':80}]"

static void test_service(void **state)
{
    static const struct vcase cases[] = {
        {"fine", SPEC(PORT80), "", NULL, NULL},
        {"no ports", SPEC(""), "spec.ports: Required value", NULL, NULL},
        {"headless without ports", SPEC("'clusterIP':'None','clusterIPs':['None']"), "", NULL, NULL},
        {"port range", SPEC("'ports':[{'port':0}]"),
         "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive\n"
         "spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
         NULL, NULL},
        {"names", SPEC("'ports':[{'port':80},{'port':81,'name':'a'},{'port':82,'name':'a'}]"),
         "spec.ports[0].name: Required value\nspec.ports[2].name: Duplicate value: \"a\"", NULL, NULL},
        {"same port", SPEC("'ports':[{'port':80,'name':'a'},{'port':80,'name':'b'}]"),
         "spec.ports[1]: Duplicate value: {\"protocol\":\"TCP\",\"port\":80}", NULL, NULL},
        {"node port", SPEC("'ports':[{'port':80,'nodePort':30000}]"),
         "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'", NULL, NULL},
        {"type", SPEC("'type':'Foo'," PORT80),
         "spec.type: Unsupported value: \"Foo\": supported values: \"ClusterIP\", \"ExternalName\", \"LoadBalancer\", "
         "\"NodePort\"",
         NULL, NULL},
        {"external name", SPEC("'type':'ExternalName'"), "spec.externalName: Required value", NULL, NULL},
        {"affinity", SPEC("'sessionAffinity':'Foo'," PORT80),
         "spec.sessionAffinity: Unsupported value: \"Foo\": supported values: \"ClientIP\", \"None\"", NULL, NULL},
        {"selector", SPEC("'selector':{'a':'-'}," PORT80),
         "spec.selector: Invalid value: \"-\": a valid label must be an empty string or consist of alphanumeric "
         "characters, "
         "'-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or "
         "'12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
         NULL, NULL},
        {"address", SPEC("'clusterIP':'10.0.0.300','clusterIPs':['10.0.0.300']," PORT80),
         "spec.clusterIPs[0]: Invalid value: \"10.0.0.300\": must be a valid IP address, (e.g. 10.9.8.7 or "
         "2001:db8::ffff)",
         NULL, NULL},
        {"external address", SPEC("'externalIPs':['127.0.0.1']," PORT80),
         "spec.externalIPs[0]: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)",
         NULL, NULL},
        {"capitals", "{'metadata':{'name':'Web'},'spec':{" PORT80 "}}",
         "metadata.name: Invalid value: \"Web\": a lowercase RFC 1123 label must consist of lower case alphanumeric "
         "characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', "
         "regex "
         "used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
         NULL, NULL},
        {"address changed", SPEC("'clusterIP':'10.0.0.2','clusterIPs':['10.0.0.2']," PORT80),
         "spec.clusterIPs[0]: Invalid value: [\"10.0.0.2\"]: may not change once set",
         SPEC("'clusterIP':'10.0.0.1','clusterIPs':['10.0.0.1']," PORT80), NULL},
        {"ingress of a ClusterIP", "{'status':{'loadBalancer':{'ingress':[{'ip':'1.2.3.4'}]}}}",
         "status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'", SPEC(PORT80),
         "status"},
    };
    RUN(service, cases);
}

static void test_endpoints(void **state)
{
    static const struct vcase cases[] = {
        {"fine", "{'subsets':[{'addresses':[{'ip':'10.0.0.1'}],'ports':[{'port':80}]}]}", "", NULL, NULL},
        {"nothing", "{'subsets':[{}]}", "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`",
         NULL, NULL},
        {"loopback", "{'subsets':[{'addresses':[{'ip':'127.0.0.1'}]}]}",
         "subsets[0].addresses[0].ip: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, "
         "::1/128)",
         NULL, NULL},
        {"leading zero", "{'subsets':[{'addresses':[{'ip':'10.0.0.01'}]}]}",
         "subsets[0].addresses[0].ip: Invalid value: \"10.0.0.01\": must not have leading 0s", NULL, NULL},
        {"port", "{'subsets':[{'addresses':[{'ip':'10.0.0.1'}],'ports':[{'port':0,'protocol':'X'}]}]}",
         "subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive\n"
         "subsets[0].ports[0].protocol: Unsupported value: \"X\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
         NULL, NULL},
    };
    RUN(endpoints, cases);
    static const struct vcase slices[] = {
        {"fine", "{'addressType':'IPv4','endpoints':[{'addresses':['10.0.0.1']}],'ports':[{'port':80}]}", "", NULL,
         NULL},
        {"no type", "{'endpoints':[]}", "addressType: Required value", NULL, NULL},
        {"type", "{'addressType':'IPX','endpoints':[]}",
         "addressType: Unsupported value: \"IPX\": supported values: \"FQDN\", \"IPv4\", \"IPv6\"", NULL, NULL},
        {"no address", "{'addressType':'IPv4','endpoints':[{}]}",
         "endpoints[0].addresses: Required value: must contain at least 1 address", NULL, NULL},
        {"family", "{'addressType':'IPv6','endpoints':[{'addresses':['10.0.0.1']}]}",
         "endpoints[0].addresses: Invalid value: \"10.0.0.1\": must be an IPv6 address", NULL, NULL},
        {"type changed", "{'addressType':'IPv6','endpoints':[]}",
         "addressType: Invalid value: \"IPv6\": field is immutable", "{'addressType':'IPv4','endpoints':[]}", NULL},
    };
    RUN(slice, slices);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_service), cmocka_unit_test(test_endpoints)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
