/* The small rules: expansion, back-off, image names, resources, resolver and hosts files, log lines, registries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/limits.h"
#include "kubelet/pod/backoff.h"
#include "kubelet/pod/build.h"
#include "kubelet/pod/downward.h"
#include "kubelet/pod/expand.h"
#include "kubelet/pod/image_name.h"
#include "kubelet/pod/network_files.h"
#include "kubelet/pod/resources.h"
#include "kubelet/prober/prober.h"
#include "kubelet/same.h"
#include "kubelet/server/cri_log.h"
#include "kubelet/worker/pull_auth.h"
#include "make.h"

static bool look_up(const void *ctx, struct str name, struct str *ret)
{
    if (!str_is(name, "A") && !str_is(name, ""))
        return false;
    *ret = STR("value");
    return true;
}

static void variables_expand(void **state)
{
    static const char *const examples[][2] = {
        {"x", "x"},
        {"$(A)", "value"},
        {"a$(A)b$(A)", "avaluebvalue"},
        {"$$(A)", "$(A)"},
        {"$(B)", "$(B)"},
        {"$", "$"},
        {"a$", "a$"},
        {"$(A", "$(A"},
        {"$A", "$A"},
        {"$$$(A)", "$value"},
        {"$$", "$"},
        {"$()", "value"},
        {"", ""},
        {"$($(A))", "$($(A))"},
    };
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        _cleanup_(buf_releasep) struct buf out = BUF_INIT(1024);
        expand_text(&out, str_of(examples[i][0]), look_up, NULL);
        assert_string_equal(out.data ? out.data : "", examples[i][1]);
    }
}

static void back_off_doubles_and_forgets(void **state)
{
    struct backoff b;
    struct str k = STR("x");
    const int64_t s = NS_PER_S;
    backoff_init(&b, 10 * s, 300 * s);
    assert_int_equal(backoff_remaining(&b, k, 100 * s, 100 * s), 0);
    backoff_next(&b, k, 100 * s, 100 * s);
    assert_int_equal(backoff_delay(&b, k), 10 * s);
    assert_int_equal(backoff_remaining(&b, k, 102 * s, 105 * s), 7 * s);
    assert_int_equal(backoff_remaining(&b, k, 102 * s, 112 * s), 0);
    backoff_next(&b, k, 102 * s, 112 * s);
    assert_int_equal(backoff_delay(&b, k), 20 * s);
    for (int i = 0; i < 10; i++)
        backoff_next(&b, k, 112 * s, 112 * s);
    assert_int_equal(backoff_delay(&b, k), 300 * s);
    assert_int_equal(backoff_remaining_since_update(&b, k, 113 * s), 299 * s);
    backoff_next(&b, k, 2000 * s, 2000 * s); /* it ran well for long enough */
    assert_int_equal(backoff_delay(&b, k), 10 * s);
    backoff_release(&b);
}

static void image_names_are_made_explicit(void **state)
{
    static const char *const good[][2] = {
        {"busybox", "docker.io/library/busybox:latest"},
        {"busybox:1", "docker.io/library/busybox:1"},
        {"a/b", "docker.io/a/b:latest"},
        {"quay.io/a/b:v1.2-x", "quay.io/a/b:v1.2-x"},
        {"Host/b", "Host/b:latest"}, /* capitals make it a host */
        {"localhost:5000/x", "localhost:5000/x:latest"},
        {"127.0.0.1:5000/x_y:1", "127.0.0.1:5000/x_y:1"},
        {"x@sha256:0123456789012345678901234567890123456789012345678901234567890123",
         "docker.io/library/x@sha256:0123456789012345678901234567890123456789012345678901234567890123"},
    };
    static const char *const bad[] = {"",      "a/B",         "a b",   "a:", "a/",  "/a",
                                      "a:b:c", "x@sha256:12", "a__-b", "-a", "a..b"};
    struct err err = ERR_INIT;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        _cleanup_(buf_releasep) struct buf out = BUF_INIT(1024);
        assert_int_equal(image_name_normalize(&out, str_of(good[i][0]), &err), 0);
        assert_string_equal(out.data, good[i][1]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        _cleanup_(buf_releasep) struct buf out = BUF_INIT(1024);
        if (image_name_normalize(&out, str_of(bad[i]), &err) == 0)
            fail_msg("\"%s\" was taken", bad[i]);
    }
    assert_true(str_is(image_name_tag(STR("a")), "latest"));
    assert_true(str_is(image_name_tag(STR("a:1")), "1"));
    assert_true(str_is(image_name_tag(STR("h:5/a")), "latest"));
    assert_true(str_is(image_name_tag(STR("a@sha256:1")), ""));
}

static const char resources_pod[] =
    "{'metadata':{'name':'p','namespace':'d','uid':'u'},'spec':{'containers':[{'name':'main','image':'i',"
    "'resources':{'limits':{'cpu':'200m','memory':'64Mi'},'requests':{'cpu':'100m','memory':'32Mi'}}}]}}";

static void resources_become_cgroup_settings(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB * 4);
    Corev1__Pod *pod = make_pod(a, resources_pod);
    struct runtime_resources r = container_cgroup_resources(pod, pod->spec->containers[0], (int64_t)MIB * 1024);
    assert_int_equal(r.cpu_shares, 102);
    assert_int_equal(r.cpu_quota, 20000);
    assert_int_equal(r.cpu_period, 100000);
    assert_int_equal(r.memory_limit, 64 * MIB);
    assert_int_equal(r.oom_score_adj, 1000 - 31); /* 32 of 1024 MiB */
    assert_string_equal(pod_qos(pod), "Burstable");
    struct buf cgroup = BUF_INIT(1024);
    pod_cgroup(&cgroup, "", pod);
    assert_string_equal(cgroup.data, "/kubepods/burstable/podu");
    buf_release(&cgroup);
    Corev1__Pod *plain = make_pod(a, "{'metadata':{'uid':'u'},'spec':{'containers':[{'name':'a'}]}}");
    assert_string_equal(pod_qos(plain), "BestEffort");
    r = container_cgroup_resources(plain, plain->spec->containers[0], MIB);
    assert_int_equal(r.cpu_shares, 2);
    assert_int_equal(r.oom_score_adj, 1000);
    Corev1__Pod *sure = make_pod(a, "{'metadata':{'uid':'u'},'spec':{'containers':[{'name':'a','resources':{'limits':"
                                    "{'cpu':'1','memory':'1Gi'}}}]}}");
    assert_string_equal(pod_qos(sure), "Guaranteed");
    assert_int_equal(container_cgroup_resources(sure, sure->spec->containers[0], MIB).oom_score_adj, -997);
}

static void pods_learn_about_themselves(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB * 4);
    static const char *const ips[] = {"10.0.0.1", "fd00::1"};
    struct downward_facts f = {.node_name = "n1", .pod_ips = ips, .n_pod_ips = 2, .allocatable = {.cpu_milli = 1500}};
    Corev1__Pod *pod = make_pod(a, "{'metadata':{'name':'p','namespace':'d','uid':'u','labels':{'b':'2','a':'x\\ny'}},"
                                   "'spec':{'containers':[{'name':'main'}]}}");
    static const char *const examples[][2] = {
        {"metadata.name", "p"},
        {"spec.nodeName", "n1"},
        {"status.podIP", "10.0.0.1"},
        {"status.podIPs", "10.0.0.1,fd00::1"},
        {"metadata.labels['b']", "2"},
        {"metadata.labels['no']", ""},
        {"metadata.labels", "a=\"x\\ny\"\nb=\"2\""},
    };
    struct err err = ERR_INIT;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        _cleanup_(buf_releasep) struct buf out = BUF_INIT(1024);
        assert_int_equal(downward_field(&out, pod, &f, examples[i][0], &err), 0);
        assert_string_equal(out.data ? out.data : "", examples[i][1]);
    }
    struct buf out = BUF_INIT(64);
    assert_int_equal(downward_field(&out, pod, &f, "spec.nothing", &err), -1);
    assert_string_equal(err.msg, "unsupported fieldPath: spec.nothing");
    Corev1__ResourceFieldSelector s = COREV1__RESOURCE_FIELD_SELECTOR__INIT;
    s.resource = (char *)"limits.cpu";
    assert_int_equal(downward_resource(&out, pod->spec->containers[0], &f, &s, &err), 0);
    assert_string_equal(out.data, "2"); /* the node's 1.5, rounded up */
    buf_release(&out);
}

static void resolvers_follow_the_policy(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB * 4);
    struct resolver node, r;
    bool missing;
    static const char *const dns[] = {"10.96.0.10"};
    resolver_parse(a, STR("# c\nnameserver 1.1.1.1\nsearch old\nsearch corp.example  x\noptions timeout:1\n"), &node);
    struct dns_settings s = {.cluster_dns = dns, .n_cluster_dns = 1, .cluster_domain = "cluster.local", .node = &node};
    Corev1__Pod *pod = make_pod(a, "{'metadata':{'namespace':'d'},'spec':{'dnsConfig':{'options':[{'name':'ndots',"
                                   "'value':'2'}]}}}");
    pod_resolver(a, pod, &s, &r, &missing);
    assert_false(missing);
    assert_string_equal(r.servers[0], "10.96.0.10");
    assert_int_equal(r.n_searches, 5);
    assert_string_equal(r.searches[0], "d.svc.cluster.local");
    assert_string_equal(r.searches[4], "x");
    assert_int_equal(r.n_options, 1);
    assert_string_equal(r.options[0], "ndots:2");
    s.n_cluster_dns = 0;
    pod_resolver(a, pod, &s, &r, &missing);
    assert_true(missing);
    assert_string_equal(r.servers[0], "1.1.1.1");
    char *policy = pod->spec->dnspolicy;
    pod->spec->dnspolicy = (char *)"None";
    pod_resolver(a, pod, &s, &r, &missing);
    assert_int_equal(r.n_servers, 0);
    pod->spec->dnspolicy = policy;
}

static void hosts_files_name_the_pod(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB * 4);
    static const char *const ips[] = {"10.0.0.1"};
    struct buf out = BUF_INIT(4096);
    Corev1__Pod *pod = make_pod(a, "{'metadata':{'name':'p','namespace':'d'},'spec':{'subdomain':'s','hostAliases':[{"
                                   "'ip':'1.2.3.4','hostnames':['x','y']}]}}");
    pod_hosts_file(&out, pod, ips, 1, pod_hostname(a, pod, "n", "c.l"), "c.l", STR(""));
    assert_non_null(strstr(out.data, "\n10.0.0.1\tp.s.d.svc.c.l\tp\n"));
    assert_non_null(strstr(out.data, "\n# Entries added by HostAliases.\n1.2.3.4\tx\ty\n"));
    buf_release(&out);
    pod->metadata->name[0] = 'q';
    assert_string_equal(pod_hostname(a, pod, "n", ""), "q");
    pod->spec->hostnetwork = true;
    assert_string_equal(pod_hostname(a, pod, "n", ""), "n");
}

static void log_lines_are_read(void **state)
{
    struct cri_log_line l;
    struct err err = ERR_INIT;
    assert_int_equal(cri_log_parse(STR("2016-10-06T00:17:09.669794202Z stderr P a b \n"), &l, &err), 0);
    assert_true(l.is_stderr && l.partial);
    assert_true(str_is(l.text, "a b "));
    assert_int_equal(l.wall_ns % NS_PER_S, 669794202);
    assert_int_equal(cri_log_parse(STR("2016-10-06T00:17:09Z stdout F"), &l, &err), 0);
    assert_int_equal(l.text.n, 0);
    static const char *const bad[] = {"",
                                      "x",
                                      "2016-10-06T00:17:09Z stdout",
                                      "2016-10-06T00:17:09Z stdin F x",
                                      "2016-10-06T00:17:09Z stdout X x",
                                      "no stdout F x"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(cri_log_parse(str_of(bad[i]), &l, &err), -1);
}

static void probe_outcomes_count(void **state)
{
    Corev1__Probe p = COREV1__PROBE__INIT;
    p.failurethreshold = 3;
    p.successthreshold = 2;
    struct probe_count c = {0};
    enum probe_result r = PROBE_FAILURE;
    static const struct {
        enum probe_result now, want;
    } steps[] = {
        {PROBE_SUCCESS, PROBE_FAILURE}, {PROBE_SUCCESS, PROBE_SUCCESS}, {PROBE_FAILURE, PROBE_SUCCESS},
        {PROBE_FAILURE, PROBE_SUCCESS}, {PROBE_SUCCESS, PROBE_SUCCESS}, {PROBE_FAILURE, PROBE_SUCCESS},
        {PROBE_FAILURE, PROBE_SUCCESS}, {PROBE_FAILURE, PROBE_FAILURE},
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        r = probe_count_add(&c, steps[i].now, &p, r);
        assert_int_equal(r, steps[i].want);
    }
}

static void messages_are_the_same_when_they_mean_the_same(void **state)
{
    Corev1__ContainerStatus x = COREV1__CONTAINER_STATUS__INIT, y = COREV1__CONTAINER_STATUS__INIT;
    Corev1__ContainerState empty = COREV1__CONTAINER_STATE__INIT, waits = COREV1__CONTAINER_STATE__INIT;
    Corev1__ContainerStateWaiting w = COREV1__CONTAINER_STATE_WAITING__INIT;
    assert_true(message_same(&x.base, &y.base));
    x.containerid = (char *)"";
    x.has_ready = true;
    x.state = &empty;
    assert_true(message_same(&x.base, &y.base));
    y.ready = y.has_ready = true;
    assert_false(message_same(&x.base, &y.base));
    x.ready = true;
    w.reason = (char *)"r";
    waits.waiting = &w;
    y.state = &waits;
    assert_false(message_same(&x.base, &y.base));
    assert_true(message_same(NULL, &empty.base));
}

static void registries_are_found_in_pull_secrets(void **state)
{
    struct str config = STR("{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"Ym9iOnB3OjE=\"},"
                            "\"r.example:5000\":{\"username\":\"u\",\"password\":\"p\"}}}");
    struct pull_auth a = {0};
    assert_true(pull_auth_parse(config, STR("docker.io"), &a));
    assert_string_equal(a.name, "bob");
    assert_string_equal(a.password, "pw:1");
    pull_auth_release(&a);
    assert_true(pull_auth_parse(config, STR("r.example:5000"), &a));
    assert_string_equal(a.server, "https://r.example:5000");
    pull_auth_release(&a);
    assert_false(pull_auth_parse(config, STR("other"), &a));
    assert_false(pull_auth_parse(STR("{"), STR("other"), &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_expand),
        cmocka_unit_test(back_off_doubles_and_forgets),
        cmocka_unit_test(image_names_are_made_explicit),
        cmocka_unit_test(resources_become_cgroup_settings),
        cmocka_unit_test(pods_learn_about_themselves),
        cmocka_unit_test(resolvers_follow_the_policy),
        cmocka_unit_test(hosts_files_name_the_pod),
        cmocka_unit_test(log_lines_are_read),
        cmocka_unit_test(probe_outcomes_count),
        cmocka_unit_test(messages_are_the_same_when_they_mean_the_same),
        cmocka_unit_test(registries_are_found_in_pull_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
