#include "fake_store.h"

#include "apiserver/auth/rbac.h"
#include "apiserver/auth/rbac_rule.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct rbac_rule rule(struct arena *a, const char *json)
{
    struct rbac_rule r;
    rbac_rule_compile(a, parse_json(a, json), &r);
    return r;
}

static void test_rule_matching(void **state)
{
    static const struct {
        const char *rule, *verb, *group, *resource, *sub, *name, *path;
        bool allowed;
    } cases[] = {
        {"{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}", "get", "", "pods", "", "x", "", true},
        {"{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}", "list", "", "pods", "", "", "", false},
        {"{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}", "get", "apps", "pods", "", "", "",
         false},
        {"{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}", "get", "", "pods", "log", "", "",
         false},
        {"{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods/log\"]}", "get", "", "pods", "log", "", "",
         true},
        {"{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods/log\"]}", "get", "", "pods", "", "", "",
         false},
        {"{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"*/scale\"]}", "update", "apps", "deployments",
         "scale", "", "", true},
        {"{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"*/scale\"]}", "update", "apps", "deployments", "",
         "", "", false},
        {"{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"*\"]}", "update", "apps", "deployments", "scale",
         "", "", true},
        {"{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"resourceNames\":[\"a\"]}", "get", "",
         "pods", "", "a", "", true},
        {"{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"resourceNames\":[\"a\"]}", "get", "",
         "pods", "", "b", "", false},
        {"{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"resourceNames\":[\"a\"]}", "get", "",
         "pods", "", "", "", false},
        {"{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/healthz\",\"/apis/*\"]}", "get", NULL, "", "", "", "/healthz",
         true},
        {"{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/healthz\",\"/apis/*\"]}", "get", NULL, "", "", "", "/apis/apps",
         true},
        {"{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/healthz\",\"/apis/*\"]}", "get", NULL, "", "", "", "/apis",
         false},
        {"{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"*\"]}", "get", NULL, "", "", "", "/x", true},
        {"{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"*\"]}", "get", "", "pods", "", "", "", false},
    };
    _cleanup_(arena_freep) struct arena *a = arena_new((size_t)1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rbac_rule r = rule(a, cases[i].rule);
        struct authz_attributes attr = {.verb = str_of(cases[i].verb),
                                        .is_resource = cases[i].group != NULL,
                                        .group = str_of(cases[i].group),
                                        .resource = str_of(cases[i].resource),
                                        .subresource = str_of(cases[i].sub),
                                        .name = str_of(cases[i].name),
                                        .path = str_of(cases[i].path)};
        if (rbac_rule_allows(&r, &attr) != cases[i].allowed)
            fail_msg("case %zu", i);
    }
}

static void test_covers(void **state)
{
    static const struct {
        const char *held, *wanted;
        bool covers;
    } cases[] = {
        {"{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"*\"]}",
         "{\"verbs\":[\"get\",\"list\"],\"apiGroups\":[\"\",\"apps\"],\"resources\":[\"pods\",\"pods/log\"]}", true},
        {"{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}",
         "{\"verbs\":[\"get\",\"list\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}", false},
        {"{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}",
         "{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"resourceNames\":[\"a\"]}", true},
        {"{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"resourceNames\":[\"a\"]}",
         "{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}", false},
        {"{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/api*\"]}",
         "{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/api/v1\"]}", true},
        {"{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/api\"]}",
         "{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/api*\"]}", false},
        {"{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"*/log\"]}",
         "{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods/log\"]}", true},
    };
    _cleanup_(arena_freep) struct arena *a = arena_new((size_t)1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rbac_rule held = rule(a, cases[i].held), wanted = rule(a, cases[i].wanted);
        if (rbac_rules_cover(&held, 1, &wanted) != cases[i].covers)
            fail_msg("case %zu", i);
    }
}

/* --- a cluster with the bootstrap policy and a few objects more --- */

struct fixture {
    struct fake_store f;
    struct authorizer *z;
    struct arena *arena;
};

static int set_up(void **state)
{
    struct fixture *x = xcalloc(1, sizeof(*x));
    struct err err = ERR_INIT;
    fake_init(&x->f);
    x->arena = arena_new((size_t)8 << 20);
    for (size_t i = 0; i < rbac_bootstrap_count(); i++) {
        struct doc *d = rbac_bootstrap_doc(i, x->f.arena);
        doc_set(d, "resource", doc_string(x->f.arena, str_of(rbac_bootstrap_at(i).resource)));
        doc_append(x->f.objects, d);
    }
    assert_int_equal(authorizer_new("Node,RBAC", &x->f.store, &x->z, &err), 0);
    *state = x;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *x = *state;
    authorizer_free(x->z);
    arena_free(x->arena);
    fake_release(&x->f);
    free(x);
    return 0;
}

static struct user *make_user(const char *name, const char *group)
{
    struct str groups[] = {str_of(group), STR("system:authenticated")};
    return user_new(str_of(name), STR(""), groups, 2, NULL, 0);
}

/* what: "verb group/resource[/sub] [ns [name]]" */
static bool may(struct fixture *x, const char *name, const char *group, const char *verb, const char *api,
                const char *resource, const char *ns, const char *object)
{
    struct user *u = make_user(name, group);
    struct authz_attributes attr = {.user = u,
                                    .verb = str_of(verb),
                                    .is_resource = true,
                                    .ns = str_of(ns),
                                    .group = str_of(api),
                                    .resource = str_of(resource),
                                    .name = str_of(object)};
    bool allowed = authz_decide(x->z, &attr, NULL) == AUTHZ_ALLOW;
    user_unref(u);
    return allowed;
}

static void test_bootstrap_policy(void **state)
{
    struct fixture *x = *state;
    assert_true(rbac_bootstrap_count() > 120);
    assert_true(may(x, "root", "system:masters", "delete", "apps", "deployments", "default", "x"));
    assert_false(may(x, "jane", "dev", "list", "", "pods", "default", ""));
    assert_true(may(x, "jane", "dev", "create", "authorization.k8s.io", "selfsubjectaccessreviews", "", ""));
    assert_true(may(x, "system:kube-scheduler", "x", "list", "", "nodes", "", ""));
    assert_true(may(x, "system:kube-scheduler", "x", "update", "coordination.k8s.io", "leases", "kube-system",
                    "kube-scheduler"));
    assert_false(may(x, "system:kube-scheduler", "x", "delete", "", "secrets", "default", "x"));
    assert_true(may(x, "system:kube-controller-manager", "x", "create", "", "serviceaccounts", "default", ""));
    assert_true(may(x, "system:serviceaccount:kube-system:deployment-controller", "x", "create", "apps", "replicasets",
                    "dev", ""));
    assert_false(
        may(x, "system:serviceaccount:dev:deployment-controller", "x", "create", "apps", "replicasets", "dev", ""));
    assert_true(may(x, "system:kube-proxy", "x", "watch", "discovery.k8s.io", "endpointslices", "", ""));
}

static void test_nodes(void **state)
{
    struct fixture *x = *state;
    assert_true(may(x, "system:node:n1", "system:nodes", "list", "", "pods", "", ""));
    assert_true(may(x, "system:node:n1", "system:nodes", "create", "", "nodes", "", ""));
    assert_true(may(x, "system:node:n1", "system:nodes", "get", "", "secrets", "default", "s"));
    assert_false(may(x, "system:node:n1", "system:nodes", "list", "", "secrets", "default", ""));
    assert_false(may(x, "system:node:n1", "system:nodes", "update", "", "secrets", "default", "s"));
    assert_true(
        may(x, "system:node:n1", "system:nodes", "update", "coordination.k8s.io", "leases", "kube-node-lease", "n1"));
    assert_false(
        may(x, "system:node:n1", "system:nodes", "update", "coordination.k8s.io", "leases", "kube-node-lease", "n2"));
    assert_false(may(x, "system:node:n1", "other", "list", "", "pods", "", "")); /* not in the group */
}

static void test_bindings_and_recompilation(void **state)
{
    struct fixture *x = *state;
    assert_false(may(x, "jane", "dev", "list", "", "pods", "team", ""));
    fake_add(
        &x->f,
        "{\"resource\":\"rolebindings\",\"metadata\":{\"name\":\"b\",\"namespace\":\"team\"},"
        "\"roleRef\":{\"kind\":\"ClusterRole\",\"name\":\"edit\"},\"subjects\":[{\"kind\":\"Group\",\"name\":\"dev\"},"
        "{\"kind\":\"ServiceAccount\",\"name\":\"robot\"}]}");
    assert_true(may(x, "jane", "dev", "list", "", "pods", "team", "")); /* by aggregation: edit holds view */
    assert_true(may(x, "jane", "dev", "create", "apps", "deployments", "team", ""));
    assert_false(may(x, "jane", "dev", "list", "", "pods", "other", ""));
    assert_false(may(x, "jane", "dev", "list", "", "pods", "", ""));
    assert_false(
        may(x, "jane", "dev", "create", "rbac.authorization.k8s.io", "roles", "team", "")); /* that is admin's */
    assert_true(may(x, "system:serviceaccount:team:robot", "x", "list", "", "pods", "team", ""));
    int lists = x->f.lists;
    for (int i = 0; i < 100; i++)
        may(x, "jane", "dev", "list", "", "pods", "team", "");
    assert_int_equal(x->f.lists, lists); /* nothing is read while nothing changes */
}

static void expect_forbidden(struct fixture *x, const char *user, struct authz_attributes attr, const char *msg)
{
    struct err err = ERR_INIT;
    struct user *u = make_user(user, "dev");
    attr.user = u;
    assert_int_equal(authz_require(x->z, &attr, x->arena, &err), -1);
    assert_string_equal(err.msg, msg);
    assert_int_equal(err.code, ERR_FORBIDDEN);
    user_unref(u);
}

static void test_messages(void **state)
{
    struct fixture *x = *state;
    expect_forbidden(x, "jane",
                     (struct authz_attributes){
                         .verb = STR("list"), .is_resource = true, .ns = STR("default"), .resource = STR("pods")},
                     "pods is forbidden: User \"jane\" cannot list resource \"pods\" in API group \"\" in the "
                     "namespace \"default\"");
    expect_forbidden(x, "jane",
                     (struct authz_attributes){.verb = STR("get"),
                                               .is_resource = true,
                                               .group = STR("apps"),
                                               .resource = STR("deployments"),
                                               .subresource = STR("scale"),
                                               .name = STR("web"),
                                               .ns = STR("x")},
                     "deployments.apps \"web\" is forbidden: User \"jane\" cannot get resource \"deployments/scale\" "
                     "in API group \"apps\" in the namespace \"x\"");
    expect_forbidden(
        x, "jane", (struct authz_attributes){.verb = STR("list"), .is_resource = true, .resource = STR("nodes")},
        "nodes is forbidden: User \"jane\" cannot list resource \"nodes\" in API group \"\" at the cluster scope");
    expect_forbidden(x, "a<b>&\"c", (struct authz_attributes){.verb = STR("get"), .path = STR("/metrics")},
                     "forbidden: User \"a&lt;b&gt;&amp;\\\"c\" cannot get path \"/metrics\"");
    fake_add(
        &x->f,
        "{\"resource\":\"clusterrolebindings\",\"metadata\":{\"name\":\"b\"},\"roleRef\":{\"kind\":\"ClusterRole\","
        "\"name\":\"nope\"},\"subjects\":[{\"kind\":\"User\",\"name\":\"jane\"}]}");
    expect_forbidden(
        x, "jane", (struct authz_attributes){.verb = STR("list"), .is_resource = true, .resource = STR("nodes")},
        "nodes is forbidden: User \"jane\" cannot list resource \"nodes\" in API group \"\" at the cluster scope: "
        "RBAC: clusterrole.rbac.authorization.k8s.io \"nope\" not found");
}

static void test_escalation(void **state)
{
    struct fixture *x = *state;
    struct err err = ERR_INIT;
    fake_add(&x->f, "{\"resource\":\"rolebindings\",\"metadata\":{\"name\":\"b\",\"namespace\":\"team\"},"
                    "\"roleRef\":{\"kind\":\"ClusterRole\",\"name\":\"admin\"},\"subjects\":[{\"kind\":\"User\","
                    "\"name\":\"jane\"}]}");
    struct user *u = make_user("jane", "dev");
    const struct doc *modest =
        parse_json(x->arena, "{\"metadata\":{\"name\":\"r\",\"namespace\":\"team\"},\"rules\":[{\"verbs\":[\"get\"],"
                             "\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}]}");
    assert_int_equal(rbac_check_write(x->z, u, "roles", modest, NULL, x->arena, &err), 0);
    const struct doc *greedy = parse_json(
        x->arena, "{\"metadata\":{\"name\":\"r\",\"namespace\":\"team\"},\"rules\":[{\"verbs\":[\"get\",\"delete\"],"
                  "\"apiGroups\":[\"\"],\"resources\":[\"nodes\"]}]}");
    assert_int_equal(rbac_check_write(x->z, u, "roles", greedy, NULL, x->arena, &err), -1);
    assert_string_equal(
        err.msg, "roles.rbac.authorization.k8s.io \"r\" is forbidden: user \"jane\" (groups=[\"dev\" "
                 "\"system:authenticated\"]) is "
                 "attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"nodes\"], "
                 "Verbs:[\"get\" \"delete\"]}");
    err_clear(&err);
    const struct doc *bind_view = parse_json(x->arena, "{\"metadata\":{\"name\":\"b2\",\"namespace\":\"team\"},"
                                                       "\"roleRef\":{\"kind\":\"ClusterRole\",\"name\":\"view\"}}");
    assert_int_equal(rbac_check_write(x->z, u, "rolebindings", bind_view, NULL, x->arena, &err), 0);
    const struct doc *bind_root =
        parse_json(x->arena, "{\"metadata\":{\"name\":\"b2\",\"namespace\":\"team\"},\"roleRef\":{\"kind\":"
                             "\"ClusterRole\",\"name\":\"cluster-admin\"}}");
    assert_int_equal(rbac_check_write(x->z, u, "rolebindings", bind_root, NULL, x->arena, &err), -1);
    assert_int_equal(err.code, ERR_FORBIDDEN);
    user_unref(u);
}

static void test_reconcile(void **state)
{
    struct fixture *x = *state;
    for (size_t i = 0; i < rbac_bootstrap_count(); i++)
        assert_null(rbac_bootstrap_reconcile(i, rbac_bootstrap_doc(i, x->arena), x->arena));
    struct doc *stripped = rbac_bootstrap_doc(2, x->arena);
    doc_set(stripped, "rules", doc_array(x->arena));
    doc_remove(stripped, "aggregationRule");
    struct doc *fixed = rbac_bootstrap_reconcile(2, stripped, x->arena);
    assert_non_null(fixed);
    doc_set(doc_path(stripped, "metadata.annotations"), "rbac.authorization.kubernetes.io/autoupdate",
            doc_string(x->arena, STR("false")));
    assert_null(rbac_bootstrap_reconcile(2, stripped, x->arena));
}

/* Many decide while the rules are compiled anew again and again: what holds all the time is allowed all the time. */
static void *decide_often(void *arg)
{
    struct fixture *x = arg;
    intptr_t wrong = 0;
    for (int i = 0; i < 300; i++) {
        wrong += !may(x, "system:kube-scheduler", "x", "list", "", "nodes", "", "");
        wrong += may(x, "jane", "dev", "list", "", "nodes", "", "");
    }
    return (void *)wrong;
}

static void test_threads(void **state)
{
    struct fixture *x = *state;
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, decide_often, x), 0);
    for (int i = 0; i < 50; i++) {
        x->f.generation++;
        sched_yield();
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    int lists = x->f.lists;
    x->f.generation++;
    assert_true(may(x, "system:kube-scheduler", "x", "list", "", "nodes", "", ""));
    assert_true(x->f.lists > lists); /* new rules are read, also after all that */
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rule_matching),
        cmocka_unit_test(test_covers),
        T(test_bootstrap_policy),
        T(test_nodes),
        T(test_bindings_and_recompilation),
        T(test_messages),
        T(test_escalation),
        T(test_reconcile),
        T(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
