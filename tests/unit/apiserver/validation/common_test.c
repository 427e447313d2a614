/* Metadata, the same for every kind, and fields that are for life. */
#include "cases.h"

static const struct vkind config_map = {"", "v1", "ConfigMap", false};
static const struct vkind priority = {"scheduling.k8s.io", "v1", "PriorityClass", true};
static const struct vkind cron_job = {"batch", "v1", "CronJob", false};

#define SUBDOMAIN_RULE                                                                                                 \
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "   \
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "                        \
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
#define QUALIFIED_RULE                                                                                                 \
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric " \
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "                            \
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"

#define META(m) "{'metadata':{" m "}}"

static void test_create(void **state)
{
    static const struct vcase cases[] = {
        {"capitals", META("'name':'Foo'"), "metadata.name: Invalid value: \"Foo\": " SUBDOMAIN_RULE, NULL, NULL},
        {"generated", META("'generateName':'foo-'"), "", NULL, NULL},
        {"no name", META("'name':''"), "metadata.name: Required value: name or generateName is required", NULL, NULL},
        {"no namespace", META("'namespace':''"), "metadata.namespace: Required value", NULL, NULL},
        {"label value", META("'labels':{'a':'-'}"),
         "metadata.labels: Invalid value: \"-\": a valid label must be an empty string or consist of alphanumeric "
         "characters, "
         "'-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or "
         "'12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
         NULL, NULL},
        {"label key", META("'labels':{'a b':'c'}"), "metadata.labels: Invalid value: \"a b\": " QUALIFIED_RULE, NULL,
         NULL},
        {"annotation key may have capitals", META("'annotations':{'Example.com/Foo':'any thing'}"), "", NULL, NULL},
        {"owner",
         META("'ownerReferences':[{'apiVersion':'v1','kind':'Pod','name':'a','uid':'u','controller':true},{'apiVersion'"
              ":'',"
              "'kind':'','name':'','uid':''}]"),
         "metadata.ownerReferences[1].apiVersion: Invalid value: \"\": version must not be empty\n"
         "metadata.ownerReferences[1].kind: Invalid value: \"\": must not be empty\n"
         "metadata.ownerReferences[1].name: Invalid value: \"\": must not be empty\n"
         "metadata.ownerReferences[1].uid: Invalid value: \"\": must not be empty",
         NULL, NULL},
        {"finalizer", META("'finalizers':['foo','example.com/bar','orphan']"),
         "metadata.finalizers: Invalid value: \"foo\": name is neither a standard finalizer name nor is it fully "
         "qualified",
         NULL, NULL},
    };
    RUN(config_map, cases);
}

static void test_update(void **state)
{
    static const struct vcase cases[] = {
        {"uid", META("'uid':'b'"), "metadata.uid: Invalid value: \"b\": field is immutable", META("'uid':'a'"), NULL},
        {"no version", META("'resourceVersion':''"),
         "metadata.resourceVersion: Invalid value: \"\": must be specified for an update", META(""), NULL},
        {"new finalizer while going", META("'deletionTimestamp':'2024-01-01T00:00:00Z','finalizers':['a.b/c','a.b/d']"),
         "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new "
         "finalizers []string{\"a.b/d\"}",
         META("'deletionTimestamp':'2024-01-01T00:00:00Z','finalizers':['a.b/c']"), NULL},
    };
    RUN(config_map, cases);
}

static void test_other_kinds(void **state)
{
    static const struct vcase cases[] = {
        {"namespace on a cluster object", "{'metadata':{'namespace':'a'},'value':1}",
         "metadata.namespace: Forbidden: not allowed on this type", NULL, NULL},
        {"value changed", "{'value':1}", "value: Forbidden: may not be changed in an update.", "{'value':2}", NULL},
    };
    RUN(priority, cases);
    static const struct vcase cron[] = {
        {"long name",
         "{'metadata':{'name':'a123456789012345678901234567890123456789012345678901234567890'},'spec':{'schedule':'* * "
         "* * *',"
         "'jobTemplate':{'spec':{'template':{'spec':{'restartPolicy':'Never','containers':[{'name':'c','image':'i'}]}}}"
         "}}}",
         "metadata.name: Invalid value: \"a123456789012345678901234567890123456789012345678901234567890\": must be no "
         "more "
         "than 52 characters",
         NULL, NULL},
        {"schedule",
         "{'spec':{'schedule':'* "
         "*','jobTemplate':{'spec':{'template':{'spec':{'restartPolicy':'Never','containers':[{'name'"
         ":'c','image':'i'}]}}}}}}",
         "spec.schedule: Invalid value: \"* *\": expected exactly 5 fields, found 2: [* *]", NULL, NULL},
    };
    RUN(cron_job, cron);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_create), cmocka_unit_test(test_update),
                                       cmocka_unit_test(test_other_kinds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
