#include "fake_store.h"

#include "apiserver/auth/authz.h"
#include "apiserver/auth/reviews.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct fixture {
    struct fake_store f;
    struct authorizer *z;
    struct user *jane;
};

static int set_up(void **state)
{
    struct fixture *x = xcalloc(1, sizeof(*x));
    struct err err = ERR_INIT;
    fake_init(&x->f);
    fake_add(
        &x->f,
        "{\"resource\":\"clusterroles\",\"metadata\":{\"name\":\"read\"},\"rules\":[{\"verbs\":[\"get\",\"list\"],"
        "\"apiGroups\":[\"\"],\"resources\":[\"pods\"]},{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/version\"]}]}");
    fake_add(
        &x->f,
        "{\"resource\":\"clusterrolebindings\",\"metadata\":{\"name\":\"b\"},\"roleRef\":{\"kind\":\"ClusterRole\","
        "\"name\":\"read\"},\"subjects\":[{\"kind\":\"User\",\"name\":\"jane\"}]}");
    assert_int_equal(authorizer_new("RBAC", &x->f.store, &x->z, &err), 0);
    struct str groups[] = {STR("system:authenticated")};
    struct user_extra extra[] = {{STR("k"), STR("v1")}, {STR("k"), STR("v2")}};
    x->jane = user_new(STR("jane"), STR("7"), groups, 1, extra, 2);
    *state = x;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *x = *state;
    user_unref(x->jane);
    authorizer_free(x->z);
    fake_release(&x->f);
    free(x);
    return 0;
}

static void test_modes(void **state)
{
    struct fixture *x = *state;
    struct err err = ERR_INIT;
    struct authorizer *z = NULL;
    assert_int_equal(authorizer_new("RBAC,Foo", &x->f.store, &z, &err), -1);
    assert_string_equal(err.msg, "authorization-mode \"Foo\" is not a valid mode");
    assert_int_equal(authorizer_new("", &x->f.store, &z, &err), -1);
    assert_int_equal(authorizer_new("RBAC,RBAC", &x->f.store, &z, &err), -1);
    struct authz_attributes attr = {.user = x->jane, .verb = STR("get"), .path = STR("/metrics")};
    assert_int_equal(authorizer_new("AlwaysAllow", &x->f.store, &z, &err), 0);
    assert_int_equal(authz_decide(z, &attr, NULL), AUTHZ_ALLOW);
    authorizer_free(z);
    assert_int_equal(authorizer_new("Node,AlwaysDeny", &x->f.store, &z, &err), 0);
    err_clear(&err);
    assert_int_equal(authz_require(z, &attr, x->f.arena, &err), -1);
    assert_string_equal(err.msg, "forbidden: User \"jane\" cannot get path \"/metrics\": Everything is forbidden.");
    authorizer_free(z);
}

static const char *status_json(struct fixture *x, const struct doc *out)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(65536);
    json_write(&b, doc_get(out, "status"));
    return arena_strdup(x->f.arena, b.data);
}

static void expect_self(struct fixture *x, const char *spec, const char *status)
{
    struct err err = ERR_INIT;
    struct doc *out = NULL;
    char *in = arena_printf(x->f.arena, "{\"spec\":%s}", spec);
    if (review_self_subject_access(x->z, x->f.arena, x->jane, parse_json(x->f.arena, in), &out, &err) < 0)
        assert_string_equal(err.msg, status);
    else
        assert_string_equal(status_json(x, out), status);
}

static void test_self_subject_access(void **state)
{
    struct fixture *x = *state;
    expect_self(
        x, "{\"resourceAttributes\":{\"verb\":\"get\",\"resource\":\"pods\",\"namespace\":\"a\"}}",
        "{\"allowed\":true,\"reason\":\"RBAC: allowed by ClusterRoleBinding \\\"b\\\" of ClusterRole \\\"read\\\" to "
        "User \\\"jane\\\"\"}");
    expect_self(x, "{\"resourceAttributes\":{\"verb\":\"delete\",\"resource\":\"pods\",\"namespace\":\"a\"}}",
                "{\"allowed\":false}");
    expect_self(
        x, "{\"nonResourceAttributes\":{\"verb\":\"get\",\"path\":\"/version\"}}",
        "{\"allowed\":true,\"reason\":\"RBAC: allowed by ClusterRoleBinding \\\"b\\\" of ClusterRole \\\"read\\\" to "
        "User \\\"jane\\\"\"}");
    expect_self(
        x, "{}",
        "SelfSubjectAccessReview.authorization.k8s.io \"\" is invalid: spec.resourceAttributes: Invalid value: null: "
        "exactly one of nonResourceAttributes or resourceAttributes must be specified");
}

static void test_subject_access(void **state)
{
    struct fixture *x = *state;
    struct err err = ERR_INIT;
    struct doc *out = NULL;
    const struct doc *in =
        parse_json(x->f.arena, "{\"spec\":{\"user\":\"bob\",\"groups\":[\"system:masters\"],\"resourceAttributes\":"
                               "{\"verb\":\"delete\",\"resource\":\"nodes\"}}}");
    assert_int_equal(review_subject_access(x->z, x->f.arena, in, &out, &err), 0);
    assert_string_equal(status_json(x, out), "{\"allowed\":true}");
    in = parse_json(x->f.arena, "{\"spec\":{\"resourceAttributes\":{\"verb\":\"get\",\"resource\":\"pods\"}}}");
    assert_int_equal(review_subject_access(x->z, x->f.arena, in, &out, &err), -1);
    assert_string_equal(
        err.msg, "SubjectAccessReview.authorization.k8s.io \"\" is invalid: spec.user: Invalid value: \"\": at least "
                 "one of user or group must be specified");
    in = parse_json(
        x->f.arena,
        "{\"metadata\":{\"namespace\":\"a\"},\"spec\":{\"user\":\"jane\",\"resourceAttributes\":{\"verb\":\"get\","
        "\"resource\":\"pods\",\"namespace\":\"b\"}}}");
    assert_int_equal(review_local_subject_access(x->z, x->f.arena, STR("a"), in, &out, &err), -1);
    assert_non_null(strstr(err.msg, "must match metadata.namespace"));
}

static void test_rules_and_self(void **state)
{
    struct fixture *x = *state;
    struct err err = ERR_INIT;
    struct doc *out = NULL;
    const struct doc *in = parse_json(x->f.arena, "{\"spec\":{\"namespace\":\"a\"}}");
    assert_int_equal(review_self_subject_rules(x->z, x->f.arena, x->jane, in, &out, &err), 0);
    assert_string_equal(
        status_json(x, out),
        "{\"resourceRules\":[{\"verbs\":[\"get\",\"list\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}],"
        "\"nonResourceRules\":[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/version\"]}],"
        "\"incomplete\":false}");
    assert_int_equal(review_self_subject(x->f.arena, x->jane, parse_json(x->f.arena, "{}"), &out, &err), 0);
    assert_string_equal(status_json(x, out),
                        "{\"userInfo\":{\"username\":\"jane\",\"uid\":\"7\",\"groups\":[\"system:authenticated\"],"
                        "\"extra\":{\"k\":[\"v1\",\"v2\"]}}}");
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {T(test_modes), T(test_self_subject_access), T(test_subject_access),
                                       T(test_rules_and_self)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
