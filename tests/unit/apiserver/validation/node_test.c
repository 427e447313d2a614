#include "cases.h"

static const struct vkind node = {"", "v1", "Node", true};

static void test_node(void **state)
{
    static const struct vcase cases[] = {
        {"fine",
         "{'spec':{'podCIDR':'10.1.0.0/24','podCIDRs':['10.1.0.0/24'],'taints':[{'key':'a','effect':'NoSchedule'}]}}",
         "", NULL, NULL},
        {"taints",
         "{'spec':{'taints':[{'key':'a','effect':'Now'},{'key':'b','effect':'NoSchedule'},{'key':'b','effect':"
         "'NoSchedule'}]}}",
         "metadata.taints[0].effect: Unsupported value: \"Now\": supported values: \"NoSchedule\", "
         "\"PreferNoSchedule\", "
         "\"NoExecute\"\nmetadata.taints[2]: Duplicate value: {\"key\":\"b\",\"effect\":\"NoSchedule\"}",
         NULL, NULL},
        {"cidr", "{'spec':{'podCIDRs':['10.1.0.0']}}",
         "spec.podCIDRs[0]: Invalid value: \"10.1.0.0\": must be a valid CIDR value, (e.g. 10.9.8.0/24 or "
         "2001:db8::/64)",
         NULL, NULL},
        {"cidr given", "{'spec':{'podCIDRs':['10.1.0.0/24']}}", "", "{'spec':{}}", NULL},
        {"cidr changed", "{'spec':{'podCIDRs':['10.2.0.0/24']}}",
         "spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid",
         "{'spec':{'podCIDRs':['10.1.0.0/24']}}", NULL},
        {"provider changed", "{'spec':{'providerID':'b'}}",
         "spec.providerID: Forbidden: node updates may not change providerID except from \"\" to valid",
         "{'spec':{'providerID':'a'}}", NULL},
    };
    RUN(node, cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_node)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
