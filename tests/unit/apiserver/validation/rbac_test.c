#include "cases.h"

#define GROUP "rbac.authorization.k8s.io"

static const struct vkind role = {GROUP, "v1", "Role", false};
static const struct vkind cluster_role = {GROUP, "v1", "ClusterRole", true};
static const struct vkind binding = {GROUP, "v1", "RoleBinding", false};

static void test_roles(void **state)
{
    static const struct vcase cases[] = {
        {"odd name", "{'metadata':{'name':'system:a B'},'rules':[]}", "", NULL, NULL},
        {"slash", "{'metadata':{'name':'a/b'},'rules':[]}",
         "metadata.name: Invalid value: \"a/b\": may not contain '/'", NULL, NULL},
        {"empty rule", "{'rules':[{}]}",
         "rules[0].verbs: Required value: verbs must contain at least one value\n"
         "rules[0].apiGroups: Required value: resource rules must supply at least one api group\n"
         "rules[0].resources: Required value: resource rules must supply at least one resource",
         NULL, NULL},
        {"urls", "{'rules':[{'verbs':['get'],'nonResourceURLs':['/x']}]}",
         "rules[0].nonResourceURLs: Invalid value: [\"/x\"]: namespaced rules cannot apply to non-resource URLs", NULL,
         NULL},
    };
    RUN(role, cases);
    static const struct vcase cluster[] = {
        {"urls", "{'rules':[{'verbs':['get'],'nonResourceURLs':['/x']}]}", "", NULL, NULL},
        {"aggregation", "{'aggregationRule':{}}",
         "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if "
         "aggregationRule "
         "is non-nil",
         NULL, NULL},
    };
    RUN(cluster_role, cluster);
}

static void test_bindings(void **state)
{
#define REF "'roleRef':{'apiGroup':'" GROUP "','kind':'Role','name':'r'}"
    static const struct vcase cases[] = {
        {"subjects",
         "{" REF
         ",'subjects':[{'kind':'User','name':'a'},{'kind':'ServiceAccount','name':'A'},{'kind':'Robot','name':'r'},"
         "{'kind':'Group'}]}",
         "subjects[1].name: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case "
         "alphanumeric "
         "characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex "
         "used for "
         "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')\n"
         "subjects[2].kind: Unsupported value: \"Robot\": supported values: \"ServiceAccount\", \"User\", \"Group\"\n"
         "subjects[3].name: Required value",
         NULL, NULL},
        {"ref", "{'roleRef':{'apiGroup':'" GROUP "','kind':'Thing'}}",
         "roleRef.kind: Unsupported value: \"Thing\": supported values: \"Role\", \"ClusterRole\"\n"
         "roleRef.name: Required value",
         NULL, NULL},
        {"ref changed", "{'roleRef':{'apiGroup':'" GROUP "','kind':'Role','name':'s'}}",
         "roleRef: Invalid value: {\"apiGroup\":\"" GROUP "\",\"kind\":\"Role\",\"name\":\"s\"}: cannot change roleRef",
         "{" REF "}", NULL},
    };
    RUN(binding, cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_roles), cmocka_unit_test(test_bindings)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
