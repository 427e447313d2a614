#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "api/json.h"
#include "apiserver/printers/rules.h"
#include "base/clock.h"
#include "base/limits.h"

#define NOW "2026-03-01T12:00:00Z"

static int64_t now_ns(void)
{
    int64_t s;
    int32_t ns;
    assert_true(parse_rfc3339(STR(NOW), &s, &ns));
    return s * NS_PER_S;
}

static struct doc *row(struct arena *a, const char *group, const char *resource, const char *json)
{
    struct err err = ERR_INIT;
    struct doc *d;

    if (json_parse(a, str_of(json), NULL, &d, &err) < 0)
        fail_msg("%s: %s", json, err.msg);
    return printer_row(a, printer_find(str_of(group), str_of(resource)), d, now_ns());
}

static const char *text(struct arena *a, const struct doc *d)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(MIB);
    json_write(&out, d);
    return arena_str(a, buf_str(&out)).p;
}

static int setup(void **state)
{
    *state = arena_new(16 * MIB);
    return 0;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

static void test_every_rule_has_a_cell_for_every_column(void **state)
{
    for (size_t i = 0; i < printer_rules_n; i++) {
        const struct printer_rule *r = &printer_rules[i];
        const struct printer *p = printer_find(str_of(r->group), str_of(r->resource));
        if (strcmp(p->resource, r->resource) != 0 || strcmp(p->group, r->group) != 0)
            fail_msg("%s/%s has no columns", r->group, r->resource);
        if (p->n_columns != r->n)
            fail_msg("%s/%s has %zu columns and %zu cells", r->group, r->resource, p->n_columns, r->n);
        if (i && str_cmp(str_of(printer_rules[i - 1].group), str_of(r->group)) == 0 &&
            str_cmp(str_of(printer_rules[i - 1].resource), str_of(r->resource)) >= 0)
            fail_msg("%s/%s is out of order", r->group, r->resource);
    }
}

static void test_rows_of_every_resource_fit_and_survive_nonsense(void **state)
{
    static const char *const objects[] = {"{}",
                                          "{\"metadata\":{\"name\":\"x\",\"creationTimestamp\":\"" NOW
                                          "\"},\"spec\":5,\"status\":[1],\"data\":true}",
                                          "{\"metadata\":[],\"spec\":{\"containers\":7,\"ports\":[1],\"selector\":"
                                          "\"s\",\"template\":{\"spec\":{\"containers\":[null]}}},"
                                          "\"status\":{\"conditions\":[1,{}],\"containerStatuses\":[{}],"
                                          "\"initContainerStatuses\":[{\"state\":1}]},\"subsets\":[1,{\"ports\":[2],"
                                          "\"addresses\":[3]}]}"};

    for (size_t i = 0; i < printer_table_rows_n; i++) {
        const struct printer *p = &printer_table_rows[i];
        for (size_t j = 0; j < ARRAY_LEN(objects); j++) {
            struct doc *r = row(*state, p->group, p->resource, objects[j]);
            if (doc_count(doc_get(r, "cells")) != p->n_columns)
                fail_msg("%s/%s: %s", p->group, p->resource, text(*state, r));
        }
    }
}

static void test_durations(void **state)
{
    static const struct {
        int64_t s;
        const char *out;
    } cases[] = {
        {-5, "<invalid>"},  {-1, "0s"},        {0, "0s"},          {119, "119s"},  {120, "2m"},        {130, "2m10s"},
        {599, "9m59s"},     {600, "10m"},      {10799, "179m"},    {10800, "3h"},  {10860, "3h1m"},    {28800, "8h"},
        {172799, "47h"},    {172800, "2d"},    {176400, "2d1h"},   {691200, "8d"}, {63071999, "729d"}, {63072000, "2y"},
        {63158400, "2y1d"}, {252288000, "8y"}, {400000000, "12y"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[HUMAN_DURATION_MAX];
        printer_human_duration(cases[i].s, out);
        assert_string_equal(out, cases[i].out);
    }
}

/* --- pods: Ready, Status, Restarts --- */

#define META "\"metadata\":{\"name\":\"p\",\"creationTimestamp\":\"2026-03-01T11:58:00Z\"}"
#define ONE "\"spec\":{\"containers\":[{\"name\":\"a\"}]}"
#define TWO "\"spec\":{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}"
#define RUN "{\"name\":\"a\",\"ready\":true,\"state\":{\"running\":{}}}"
#define DONE "{\"name\":\"b\",\"state\":{\"terminated\":{\"exitCode\":0,\"reason\":\"Completed\"}}}"

static const struct {
    const char *what, *pod, *ready, *status, *restarts;
} pods[] = {
    {"pending", "{" META "," ONE ",\"status\":{\"phase\":\"Pending\"}}", "0/1", "Pending", "0"},
    {"running", "{" META "," ONE ",\"status\":{\"phase\":\"Running\",\"containerStatuses\":[" RUN "]}}", "1/1",
     "Running", "0"},
    {"creating",
     "{" META "," ONE ",\"status\":{\"phase\":\"Pending\",\"containerStatuses\":[{\"state\":{\"waiting\":{\"reason\":"
     "\"ContainerCreating\"}}}]}}",
     "0/1", "ContainerCreating", "0"},
    {"crash loop",
     "{" META "," ONE
     ",\"status\":{\"phase\":\"Running\",\"containerStatuses\":[{\"restartCount\":3,\"state\":{\"waiting\":{\"reason\":"
     "\"CrashLoopBackOff\"}},\"lastState\":{\"terminated\":{\"finishedAt\":\"2026-03-01T11:59:30Z\"}}}]}}",
     "0/1", "CrashLoopBackOff", "3 (30s ago)"},
    {"evicted", "{" META "," ONE ",\"status\":{\"phase\":\"Failed\",\"reason\":\"Evicted\"}}", "0/1", "Evicted", "0"},
    {"exit code",
     "{" META "," ONE
     ",\"status\":{\"phase\":\"Failed\",\"containerStatuses\":[{\"state\":{\"terminated\":{\"exitCode\":2}}}]}}",
     "0/1", "ExitCode:2", "0"},
    {"signal",
     "{" META "," ONE ",\"status\":{\"phase\":\"Failed\",\"containerStatuses\":[{\"state\":{\"terminated\":{"
     "\"exitCode\":137,\"signal\":9}}}]}}",
     "0/1", "Signal:9", "0"},
    {"one done, one runs, ready",
     "{" META "," TWO ",\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}],"
     "\"containerStatuses\":[" DONE "," RUN "]}}",
     "1/2", "Running", "0"},
    {"one done, one runs, not ready",
     "{" META "," TWO ",\"status\":{\"phase\":\"Running\",\"containerStatuses\":[" DONE "," RUN "]}}", "1/2",
     "NotReady", "0"},
    {"first done, second failed",
     "{" META "," TWO ",\"status\":{\"phase\":\"Failed\",\"containerStatuses\":[" DONE
     ",{\"state\":{\"terminated\":{\"exitCode\":1,\"reason\":\"Error\"}}}]}}",
     "0/2", "Error", "0"},
    {"terminating",
     "{\"metadata\":{\"deletionTimestamp\":\"" NOW "\"}," ONE
     ",\"status\":{\"phase\":\"Running\",\"containerStatuses\":[" RUN "]}}",
     "1/1", "Terminating", "0"},
    {"deleted after its end",
     "{\"metadata\":{\"deletionTimestamp\":\"" NOW "\"}," ONE ",\"status\":{\"phase\":\"Succeeded\"}}", "0/1",
     "Succeeded", "0"},
    {"node lost",
     "{\"metadata\":{\"deletionTimestamp\":\"" NOW "\"}," ONE
     ",\"status\":{\"phase\":\"Running\",\"reason\":\"NodeLost\"}}",
     "0/1", "Unknown", "0"},
    {"gated",
     "{" META "," ONE ",\"status\":{\"phase\":\"Pending\",\"conditions\":[{\"type\":\"PodScheduled\",\"status\":"
     "\"False\",\"reason\":\"SchedulingGated\"}]}}",
     "0/1", "SchedulingGated", "0"},
    {"second init container",
     "{" META ",\"spec\":{\"initContainers\":[{\"name\":\"i\"},{\"name\":\"j\"}],\"containers\":[{\"name\":\"a\"}]},"
     "\"status\":{\"phase\":\"Pending\","
     "\"initContainerStatuses\":[{\"name\":\"i\",\"state\":{\"terminated\":{\"exitCode\":0}}},{\"name\":\"j\","
     "\"restartCount\":1,\"state\":{\"running\":{}}}],"
     "\"containerStatuses\":[{\"state\":{\"waiting\":{\"reason\":\"PodInitializing\"}}}]}}",
     "0/1", "Init:1/2", "1"},
    {"failing init container",
     "{" META ",\"spec\":{\"initContainers\":[{\"name\":\"i\"}],\"containers\":[{\"name\":\"a\"}]},\"status\":{"
     "\"phase\":\"Pending\","
     "\"initContainerStatuses\":[{\"name\":\"i\",\"state\":{\"terminated\":{\"exitCode\":1,\"reason\":\"Error\"}}}]}}",
     "0/1", "Init:Error", "0"},
    {"init image",
     "{" META ",\"spec\":{\"initContainers\":[{\"name\":\"i\"}],\"containers\":[{\"name\":\"a\"}]},\"status\":{"
     "\"phase\":\"Pending\","
     "\"initContainerStatuses\":[{\"name\":\"i\",\"state\":{\"waiting\":{\"reason\":\"ImagePullBackOff\"}}}]}}",
     "0/1", "Init:ImagePullBackOff", "0"},
    {"sidecar",
     "{" META ",\"spec\":{\"initContainers\":[{\"name\":\"i\",\"restartPolicy\":\"Always\"}],\"containers\":[{\"name\":"
     "\"a\"}]},\"status\":{\"phase\":"
     "\"Running\",\"initContainerStatuses\":[{\"name\":\"i\",\"started\":true,\"ready\":true,\"restartCount\":2,"
     "\"state\":{\"running\":{}}}],"
     "\"containerStatuses\":[" RUN "]}}",
     "2/2", "Running", "2"},
};

static void test_pods(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(pods); i++) {
        struct doc *cells = doc_get(row(*state, "", "pods", pods[i].pod), "cells");
        if (!str_is(doc_str(doc_at(cells, 1)), pods[i].ready) || !str_is(doc_str(doc_at(cells, 2)), pods[i].status) ||
            !str_is(doc_str(doc_at(cells, 3)), pods[i].restarts))
            fail_msg("%s: %s", pods[i].what, text(*state, cells));
    }
}

static void test_an_ended_pod_has_a_row_condition(void **state)
{
    assert_string_equal(
        text(*state, doc_get(row(*state, "", "pods", "{\"status\":{\"phase\":\"Succeeded\"}}"), "conditions")),
        "[{\"type\":\"Completed\",\"status\":\"True\",\"reason\":\"Succeeded\",\"message\":\"The pod has completed "
        "successfully.\"}]");
    assert_null(doc_get(row(*state, "", "pods", "{\"status\":{\"phase\":\"Running\"}}"), "conditions"));
}

/* --- the others: object in, cells out --- */

#define M "\"metadata\":{\"name\":\"n\",\"creationTimestamp\":\"2026-03-01T11:00:00Z\"}"
#define TEMPLATE                                                                                                       \
    "\"template\":{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"i:1\"},{\"name\":\"b\",\"image\":\"j\"}]}}"

static const struct {
    const char *group, *resource, *object, *cells;
} cases[] = {
    {"apps", "deployments",
     "{" M ",\"spec\":{\"replicas\":3,\"selector\":{\"matchLabels\":{\"b\":\"2\",\"a\":\"1\"}}," TEMPLATE
     "},\"status\":{\"readyReplicas\":2,\"updatedReplicas\":1,\"availableReplicas\":2}}",
     "[\"n\",\"2/3\",1,2,\"60m\",\"a,b\",\"i:1,j\",\"a=1,b=2\"]"},
    {"apps", "replicasets", "{" M ",\"spec\":{\"replicas\":3," TEMPLATE "},\"status\":{\"replicas\":2}}",
     "[\"n\",3,2,0,\"60m\",\"a,b\",\"i:1,j\",\"\\u003cnone\\u003e\"]"},
    {"apps", "statefulsets", "{" M ",\"spec\":{\"replicas\":1," TEMPLATE "},\"status\":{\"readyReplicas\":1}}",
     "[\"n\",\"1/1\",\"60m\",\"a,b\",\"i:1,j\"]"},
    {"", "services",
     "{" M ",\"spec\":{\"type\":\"NodePort\",\"clusterIPs\":[\"10.0.0.1\"],\"ports\":[{\"port\":80,\"protocol\":"
     "\"TCP\",\"nodePort\":30080},{\"port\":53,"
     "\"protocol\":\"UDP\"}],\"selector\":{\"app\":\"x\"}}}",
     "[\"n\",\"NodePort\",\"10.0.0.1\",\"\\u003cnone\\u003e\",\"80:30080/TCP,53/UDP\",\"60m\",\"app=x\"]"},
    {"", "services", "{" M ",\"spec\":{\"type\":\"LoadBalancer\"}}",
     "[\"n\",\"LoadBalancer\",\"\\u003cnone\\u003e\",\"\\u003cpending\\u003e\",\"\\u003cnone\\u003e\",\"60m\","
     "\"\\u003cnone\\u003e\"]"},
    {"", "services",
     "{" M ",\"spec\":{\"type\":\"LoadBalancer\",\"externalIPs\":[\"1.1.1.1\"]},\"status\":{\"loadBalancer\":{"
     "\"ingress\":[{\"hostname\":\"h\"},{\"ip\":"
     "\"9.9.9.9\"},{\"ip\":\"9.9.9.9\"}]}}}",
     "[\"n\",\"LoadBalancer\",\"\\u003cnone\\u003e\",\"9.9.9.9,h,1.1.1.1\",\"\\u003cnone\\u003e\",\"60m\","
     "\"\\u003cnone\\u003e\"]"},
    {"", "services", "{" M ",\"spec\":{\"type\":\"ExternalName\",\"externalName\":\"x.org\"}}",
     "[\"n\",\"ExternalName\",\"\\u003cnone\\u003e\",\"x.org\",\"\\u003cnone\\u003e\",\"60m\",\"\\u003cnone\\u003e\"]"},
    {"", "configmaps", "{" M ",\"data\":{\"a\":\"1\",\"b\":\"2\"},\"binaryData\":{\"c\":\"\"}}", "[\"n\",3,\"60m\"]"},
    {"", "secrets", "{" M ",\"type\":\"Opaque\",\"data\":{\"a\":\"\"}}", "[\"n\",\"Opaque\",1,\"60m\"]"},
    {"", "namespaces", "{" M ",\"status\":{\"phase\":\"Active\"}}", "[\"n\",\"Active\",\"60m\"]"},
    {"", "serviceaccounts", "{" M "}", "[\"n\",\"60m\"]"},
    {"", "nodes",
     "{\"metadata\":{\"name\":\"n\",\"labels\":{\"node-role.kubernetes.io/worker\":\"\",\"node-role.kubernetes.io/"
     "control-plane\":\"\",\"kubernetes.io/role\":"
     "\"worker\"}},\"spec\":{\"unschedulable\":true},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":"
     "\"True\"}],\"addresses\":[{\"type\":"
     "\"InternalIP\",\"address\":\"10.1.1.1\"}],\"nodeInfo\":{\"kubeletVersion\":\"v1.36.2\",\"osImage\":\"Debian\"}}}",
     "[\"n\",\"Ready,SchedulingDisabled\",\"control-plane,worker\",\"\\u003cunknown\\u003e\",\"v1.36.2\",\"10.1.1.1\","
     "\"\\u003cnone\\u003e\",\"Debian\","
     "\"\\u003cunknown\\u003e\",\"\\u003cunknown\\u003e\"]"},
    {"", "events",
     "{\"metadata\":{\"name\":\"e\"},\"involvedObject\":{\"kind\":\"Pod\",\"name\":\"p\",\"fieldPath\":\"spec."
     "containers{a}\"},\"reason\":\"Pulled\",\"type\":"
     "\"Normal\",\"message\":\" m "
     "\\n\",\"source\":{\"component\":\"kubelet\",\"host\":\"h\"},\"firstTimestamp\":\"2026-03-01T11:58:00Z\","
     "\"lastTimestamp\":"
     "\"2026-03-01T11:59:00Z\",\"count\":4}",
     "[\"60s\",\"Normal\",\"Pulled\",\"pod/p\",\"spec.containers{a}\",\"kubelet, h\",\"m\",\"2m\",4,\"e\"]"},
    {"events.k8s.io", "events",
     "{\"metadata\":{\"name\":\"e\"},\"regarding\":{\"kind\":\"Pod\",\"name\":\"p\"},\"reason\":\"Scheduled\",\"type\":"
     "\"Normal\",\"note\":\"m\","
     "\"reportingController\":\"default-scheduler\",\"reportingInstance\":\"s\",\"eventTime\":\"2026-03-01T11:59:00."
     "000000Z\"}",
     "[\"60s\",\"Normal\",\"Scheduled\",\"pod/p\",\"\",\"default-scheduler, s\",\"m\",\"60s\",1,\"e\"]"},
    {"", "endpoints",
     "{" M ",\"subsets\":[{\"addresses\":[{\"ip\":\"10.0.0.1\"},{\"ip\":\"fd00::1\"}],\"ports\":[{\"port\":80},{"
     "\"port\":81}]}]}",
     "[\"n\",\"10.0.0.1:80,[fd00::1]:80,10.0.0.1:81 + 1 more...\",\"60m\"]"},
    {"", "endpoints", "{" M "}", "[\"n\",\"\\u003cnone\\u003e\",\"60m\"]"},
    {"discovery.k8s.io", "endpointslices",
     "{" M ",\"addressType\":\"IPv4\",\"ports\":[{\"port\":80},{}],\"endpoints\":[{\"addresses\":[\"1\"]},{"
     "\"addresses\":[\"2\"]},{\"addresses\":[\"3\"]},"
     "{\"addresses\":[\"4\"]}]}",
     "[\"n\",\"IPv4\",\"80,*\",\"1,2,3 + 1 more...\",\"60m\"]"},
    {"batch", "jobs",
     "{" M ",\"spec\":{\"completions\":2," TEMPLATE
     "},\"status\":{\"succeeded\":1,\"startTime\":\"2026-03-01T11:59:00Z\"}}",
     "[\"n\",\"Running\",\"1/2\",\"60s\",\"60m\",\"a,b\",\"i:1,j\",\"\\u003cnone\\u003e\"]"},
    {"batch", "cronjobs", "{" M ",\"spec\":{\"schedule\":\"* * * * *\",\"suspend\":false}}",
     "[\"n\",\"* * * * "
     "*\",\"\\u003cnone\\u003e\",\"False\",0,\"\\u003cnone\\u003e\",\"60m\",\"\",\"\",\"\\u003cnone\\u003e\"]"},
    {"rbac.authorization.k8s.io", "rolebindings",
     "{" M ",\"roleRef\":{\"kind\":\"Role\",\"name\":\"r\"},\"subjects\":[{\"kind\":\"User\",\"name\":\"u\"},{\"kind\":"
     "\"ServiceAccount\",\"namespace\":\"ns\","
     "\"name\":\"sa\"},{\"kind\":\"User\",\"name\":\"v\"}]}",
     "[\"n\",\"Role/r\",\"60m\",\"u, v\",\"\",\"ns/sa\"]"},
    {"rbac.authorization.k8s.io", "roles", "{" M "}", "[\"n\",\"2026-03-01T11:00:00Z\"]"},
    {"storage.k8s.io", "storageclasses",
     "{\"metadata\":{\"name\":\"s\",\"annotations\":{\"storageclass.kubernetes.io/"
     "is-default-class\":\"true\"}},\"provisioner\":\"p\",\"volumeBindingMode\":"
     "\"WaitForFirstConsumer\"}",
     "[\"s (default)\",\"p\",\"Delete\",\"WaitForFirstConsumer\",false,\"\\u003cunknown\\u003e\"]"},
    {"", "persistentvolumeclaims",
     "{" M ",\"spec\":{\"volumeName\":\"v\",\"storageClassName\":\"s\",\"volumeMode\":\"Filesystem\"},\"status\":{"
     "\"phase\":\"Bound\",\"capacity\":{\"storage\":"
     "\"1Gi\"},\"accessModes\":[\"ReadWriteMany\",\"ReadWriteOnce\"]}}",
     "[\"n\",\"Bound\",\"v\",\"1Gi\",\"RWO,RWX\",\"s\",\"\\u003cunset\\u003e\",\"60m\",\"Filesystem\"]"},
    {"coordination.k8s.io", "leases", "{" M ",\"spec\":{\"holderIdentity\":\"h\"}}", "[\"n\",\"h\",\"60m\"]"},
    {"networking.k8s.io", "ingresses", "{" M ",\"spec\":{\"rules\":[{\"host\":\"a\"},{}],\"tls\":[{}]}}",
     "[\"n\",\"\\u003cnone\\u003e\",\"a\",\"\",\"80, 443\",\"60m\"]"},
    {"apps", "deployments/scale", "{" M ",\"spec\":{\"replicas\":3},\"status\":{\"replicas\":2}}",
     "[\"n\",3,2,\"60m\"]"},
    {"example.com", "widgets", "{" M "}", "[\"n\",\"2026-03-01T11:00:00Z\"]"},
    {"policy", "poddisruptionbudgets", "{" M ",\"spec\":{\"minAvailable\":\"50%\"}}",
     "[\"n\",\"50%\",\"N/A\",0,\"60m\"]"},
};

static void test_cells(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *got =
            text(*state, doc_get(row(*state, cases[i].group, cases[i].resource, cases[i].object), "cells"));
        if (strcmp(got, cases[i].cells) != 0)
            fail_msg("%s: %s, not %s", cases[i].resource, got, cases[i].cells);
    }
}

static void test_table(void **state)
{
    const struct printer *p = printer_find(STR(""), STR("serviceaccounts"));
    struct doc *t = printer_table(*state, p, "meta.k8s.io/v1");

    assert_string_equal(text(*state, doc_at(doc_get(t, "columnDefinitions"), 0)),
                        "{\"name\":\"Name\",\"type\":\"string\",\"format\":\"name\",\"description\":\"Name of the "
                        "object, unique within its namespace.\","
                        "\"priority\":0}");
    assert_true(str_is(doc_str(doc_get(t, "kind")), "Table") && doc_is(doc_get(t, "rows"), DOC_ARRAY));
    p = printer_find(STR("example.com"), STR("widgets"));
    assert_string_equal(p->columns[1].name, "Age");
    assert_string_equal(p->columns[1].type, "date");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_rule_has_a_cell_for_every_column),
        cmocka_unit_test_setup_teardown(test_rows_of_every_resource_fit_and_survive_nonsense, setup, teardown),
        cmocka_unit_test(test_durations),
        cmocka_unit_test_setup_teardown(test_pods, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_ended_pod_has_a_row_condition, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cells, setup, teardown),
        cmocka_unit_test_setup_teardown(test_table, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
