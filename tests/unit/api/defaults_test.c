/* The defaults against what upstream's code was seen to do, and the conditional ones by hand. */
#include "check.h"

#include "api/conform.h"
#include "api/defaults.h"
#include "testlib/shared.h"

/* --- the observed table: a probe object of each kind --- */

#define PROBE_DEPTH 16

/* Lists of one zero struct; when filled, all pointers to structs set too. */
static struct doc *probe(struct arena *a, const struct schema_message *m, bool filled, int depth)
{
    struct doc *obj = doc_object(a);

    for (size_t i = 0; i < m->n_slots; i++) {
        const struct schema_field *f = m->slots[i];
        bool pointer = f->flags & SCHEMA_F_POINTER;
        if (strcmp(m->name, "JSONSchemaProps") == 0) /* holds itself in many ways, and has no defaults */
            break;
        if (!f->message || f->message->form != SCHEMA_FORM_OBJECT || f->label == SCHEMA_MAP || depth == 0)
            continue;
        if (f->label == SCHEMA_ONE && (!pointer || filled)) {
            doc_set(obj, f->json, probe(a, f->message, filled, depth - 1));
        } else if (f->label == SCHEMA_LIST) {
            struct doc *list = doc_array(a);
            doc_append(list, probe(a, f->message, filled, depth - 1));
            doc_set(obj, f->json, list);
        }
    }
    return obj;
}

/* The value at "spec.containers[*].ports[*].protocol" */
static const struct doc *find(const struct doc *d, struct str path)
{
    struct str segment;

    while (d && str_split(&path, '.', &segment)) {
        bool list = str_ends(segment, STR("[*]"));
        if (list)
            segment.n -= 3;
        d = doc_get_str(d, segment);
        if (list)
            d = doc_at(d, 0);
    }
    return d;
}

/* A zero value that JSON leaves out cannot be seen. */
static bool is_visible(const struct schema_message *m, struct str path, const struct doc *value)
{
    char plain[256];
    size_t n = 0;

    for (size_t i = 0; i < path.n && n < sizeof(plain) - 1; i++)
        if (!memchr("[*]", path.p[i], 3))
            plain[n++] = path.p[i];
    const struct schema_field *f = schema_path(m, str_n(plain, n));
    assert_non_null(f);
    return f->label != SCHEMA_MAP || doc_count(value) > 0;
}

struct counts {
    size_t tested, matched, invisible, not_served;
};

static void check_row(struct counts *n, struct str cells[6])
{
    const struct schema_kind *kind = schema_kind_find(cells[0], cells[1], cells[2]);
    _cleanup_(arena_freep) struct arena *a = arena_new(64 * MIB);
    struct err err = ERR_INIT;
    struct doc *want, *obj;

    if (!kind || strcmp(kind->group, "meta.k8s.io") == 0) {
        n->not_served++;
        return;
    }
    assert_int_equal(json_parse(a, cells[5], NULL, &want, &err), 0);
    if (!is_visible(kind->message, cells[4], want)) {
        n->invisible++;
        return;
    }
    assert_int_equal(
        conform(a, probe(a, kind->message, str_is(cells[3], "filled"), PROBE_DEPTH), kind->message, NULL, &obj, &err),
        0);
    defaults_apply(a, obj, kind);
    const struct doc *have = find(obj, cells[4]);
    bool now = str_ends(cells[4], STR("timeAdded"));
    bool ok = now ? doc_str(have).n == 20 : have ? doc_equal(have, want) : want->type == DOC_NULL;
    n->tested++;
    n->matched += ok;
    if (!ok)
        print_error(STR_FMT " " STR_FMT " " STR_FMT ": is %s, not " STR_FMT "\n", STR_ARG(cells[2]), STR_ARG(cells[3]),
                    STR_ARG(cells[4]), have ? text_of(a, have) : "absent", STR_ARG(cells[5]));
}

static void test_observed(void **state)
{
    size_t n;
    _cleanup_(freep) char *text = shared_read("facts/kubernetes/behaviour/defaults-observed.tsv", &n);
    struct counts counts = {0};
    struct str rest = str_n(text, n), line;

    if (!text) {
        print_message("skipped: no defaults-observed.tsv\n");
        return;
    }
    str_split(&rest, '\n', &line);
    while (rest.p && str_split(&rest, '\n', &line) && line.n) {
        struct str cells[6];
        for (size_t i = 0; i < 6; i++)
            if (!line.p || !str_split(&line, '\t', &cells[i]))
                cells[i] = STR("");
        check_row(&counts, cells);
    }
    print_message("%zu rows tested, %zu matched; %zu invisible in JSON, %zu not served\n", counts.tested,
                  counts.matched, counts.invisible, counts.not_served);
    assert_int_equal(counts.matched, counts.tested);
    assert_true(counts.tested > 1000);
}

/* --- conditions --- */

static void check(const char *group, const char *version, const char *kind, const char *in, const char *path,
                  const char *want)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    const struct schema_kind *k = schema_kind_find(str_of(group), str_of(version), str_of(kind));
    _cleanup_(buf_releasep) struct buf once = BUF_INIT(MIB);
    struct err err = ERR_INIT;
    struct doc *d;

    if (conform(a, parse(a, in), k->message, NULL, &d, &err) < 0)
        fail_msg("%s", err.msg);
    defaults_apply(a, d, k);
    const struct doc *have = find(d, str_of(path));
    if (strcmp(have ? text_of(a, have) : "absent", want) != 0)
        fail_msg("%s of %s is %s, not %s", path, in, have ? text_of(a, have) : "absent", want);
    json_write(&once, d);
    defaults_apply(a, d, k);
    assert_doc(a, d, once.data); /* idempotent */
    assert_int_equal(conform(a, d, k->message, NULL, &d, &err), 0);
    assert_doc(a, d, once.data); /* in Go's order */
}

static void test_images(void **state)
{
    static const char *const images[][2] = {{"nginx", "\"Always\""},
                                            {"nginx:latest", "\"Always\""},
                                            {"nginx:1.27", "\"IfNotPresent\""},
                                            {"reg:5000/nginx", "\"Always\""},
                                            {"reg:5000/nginx:1", "\"IfNotPresent\""},
                                            {"nginx@sha256:0123", "\"IfNotPresent\""},
                                            {"nginx:latest@sha256:0123", "\"Always\""},
                                            {"", "\"IfNotPresent\""}};

    for (size_t i = 0; i < ARRAY_LEN(images); i++) {
        char in[200];
        snprintf(in, sizeof(in), "{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"%s\"}]}}", images[i][0]);
        check("", "v1", "Pod", in, "spec.containers[*].imagePullPolicy", images[i][1]);
    }
}

static void test_pod(void **state)
{
    check("", "v1", "Pod",
          "{\"spec\":{\"containers\":[{\"resources\":{\"limits\":{\"cpu\":\"1\",\"memory\":\"1Gi\"},\"requests\":"
          "{\"cpu\":\"500m\"}}}]}}",
          "spec.containers[*].resources.requests", "{\"cpu\":\"500m\",\"memory\":\"1Gi\"}");
    check("", "v1", "Pod", "{\"spec\":{\"containers\":[{\"resources\":{\"limits\":{\"cpu\":\"100u\"}}}]}}",
          "spec.containers[*].resources.limits", "{\"cpu\":\"1m\"}");
    check("", "v1", "Pod", "{\"spec\":{\"hostNetwork\":true,\"containers\":[{\"ports\":[{\"containerPort\":80}]}]}}",
          "spec.containers[*].ports[*].hostPort", "80");
    check("apps", "v1", "Deployment",
          "{\"spec\":{\"template\":{\"spec\":{\"hostNetwork\":true,\"containers\":[{\"ports\":[{\"containerPort\":80}]}"
          "]}}}}",
          "spec.template.spec.containers[*].ports[*].hostPort", "absent");
    check("", "v1", "Pod",
          "{\"spec\":{\"resources\":{\"limits\":{\"cpu\":\"4\"}},\"containers\":[{\"resources\":{\"requests\":"
          "{\"cpu\":\"1\"}}},{\"resources\":{\"requests\":{\"cpu\":\"500m\"}}}],\"initContainers\":[{\"resources\":"
          "{\"requests\":{\"cpu\":\"1\"}}}]}}",
          "spec.resources", "{\"limits\":{\"cpu\":\"4\"},\"requests\":{\"cpu\":\"1500m\"}}");
    check("", "v1", "Pod", "{\"spec\":{\"volumes\":[{\"name\":\"a\",\"hostPath\":{\"path\":\"/x\"}}]}}",
          "spec.volumes[*]", "{\"name\":\"a\",\"hostPath\":{\"path\":\"/x\",\"type\":\"\"}}");
}

static void test_services(void **state)
{
    check("", "v1", "Service", "{\"spec\":{\"ports\":[{\"port\":80}]}}", "spec.ports[*]",
          "{\"protocol\":\"TCP\",\"port\":80,\"targetPort\":80}");
    check("", "v1", "Service", "{\"spec\":{\"sessionAffinity\":\"ClientIP\"}}", "spec.sessionAffinityConfig",
          "{\"clientIP\":{\"timeoutSeconds\":10800}}");
    check("", "v1", "Service", "{\"spec\":{\"type\":\"NodePort\"}}", "spec.externalTrafficPolicy", "\"Cluster\"");
    check("", "v1", "Service", "{\"spec\":{\"type\":\"ExternalName\"}}", "spec.internalTrafficPolicy", "absent");
    check("", "v1", "Service",
          "{\"spec\":{\"type\":\"LoadBalancer\"},\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"1.2.3.4\"}]}}}",
          "status.loadBalancer.ingress[*].ipMode", "\"VIP\"");
    check("", "v1", "Service", "{\"spec\":{\"type\":\"LoadBalancer\"}}", "spec.allocateLoadBalancerNodePorts", "true");
    check("", "v1", "Service", "{\"spec\":{}}", "spec.allocateLoadBalancerNodePorts", "absent");
}

static void test_others(void **state)
{
    check("apps", "v1", "Deployment", "{\"spec\":{\"strategy\":{\"type\":\"Recreate\"}}}", "spec.strategy",
          "{\"type\":\"Recreate\"}");
    check("apps", "v1", "Deployment", "{\"spec\":{\"replicas\":0}}", "spec.replicas", "0");
    check("apps", "v1", "StatefulSet", "{\"spec\":{\"updateStrategy\":{\"type\":\"RollingUpdate\"}}}",
          "spec.updateStrategy", "{\"type\":\"RollingUpdate\"}");
    check("apps", "v1", "StatefulSet", "{\"spec\":{}}", "spec.updateStrategy",
          "{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"partition\":0}}");
    check("batch", "v1", "Job", "{\"spec\":{\"parallelism\":2}}", "spec.completions", "absent");
    check("batch", "v1", "Job", "{\"spec\":{\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}}}}}",
          "metadata.labels", "{\"a\":\"b\"}");
    check("batch", "v1", "Job", "{\"spec\":{\"backoffLimitPerIndex\":1}}", "spec.backoffLimit", "2147483647");
    check("", "v1", "Namespace", "{\"metadata\":{\"name\":\"x\",\"labels\":{\"z\":\"1\"}}}", "metadata.labels",
          "{\"kubernetes.io/metadata.name\":\"x\",\"z\":\"1\"}");
    check("", "v1", "LimitRange",
          "{\"spec\":{\"limits\":[{\"type\":\"Container\",\"max\":{\"cpu\":\"2\"},\"min\":{\"memory\":\"1\"}}]}}",
          "spec.limits[*].defaultRequest", "{\"cpu\":\"2\",\"memory\":\"1\"}");
    check("", "v1", "Node", "{\"status\":{\"capacity\":{\"cpu\":\"2\"}}}", "status.allocatable", "{\"cpu\":\"2\"}");
    check("rbac.authorization.k8s.io", "v1", "RoleBinding", "{\"subjects\":[{\"kind\":\"User\",\"name\":\"u\"}]}",
          "subjects[*].apiGroup", "\"rbac.authorization.k8s.io\"");
    check("rbac.authorization.k8s.io", "v1", "RoleBinding",
          "{\"subjects\":[{\"kind\":\"ServiceAccount\",\"name\":\"u\"}]}", "subjects[*].apiGroup", "absent");
    check("autoscaling", "v2", "HorizontalPodAutoscaler",
          "{\"spec\":{\"behavior\":{\"scaleDown\":{\"selectPolicy\":\"Min\"}}}}", "spec.behavior.scaleDown",
          "{\"selectPolicy\":\"Min\",\"policies\":[{\"type\":\"Percent\",\"value\":100,\"periodSeconds\":15}]}");
    check("apiextensions.k8s.io", "v1", "CustomResourceDefinition",
          "{\"spec\":{\"names\":{\"kind\":\"CronTab\"},\"versions\":[{\"name\":\"v1\",\"storage\":true}]}}",
          "spec.names", "{\"plural\":\"\",\"singular\":\"crontab\",\"kind\":\"CronTab\",\"listKind\":\"CronTabList\"}");
    check("", "v1", "PodList", "{\"items\":[{}]}", "items[*].spec.restartPolicy", "\"Always\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_observed), cmocka_unit_test(test_images), cmocka_unit_test(test_pod),
        cmocka_unit_test(test_services), cmocka_unit_test(test_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
