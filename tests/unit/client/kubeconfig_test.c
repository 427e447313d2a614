#include "client/kubeconfig.h"

#include "base/file.h"
#include "base/limits.h"
#include "test.h"

static const char whole[] = "apiVersion: v1\nkind: Config\ncurrent-context: one\n"
                            "clusters:\n"
                            "- name: c1\n  cluster: {server: 'https://10.0.0.1:6443/', certificate-authority-data: "
                            "Q0E=, tls-server-name: api}\n"
                            "- name: c2\n  cluster: {server: https://10.0.0.2:6443, insecure-skip-tls-verify: true}\n"
                            "users:\n"
                            "- name: u1\n  user: {client-certificate-data: Q0VSVA==, client-key-data: S0VZ}\n"
                            "- name: u2\n  user: {token: abc}\n"
                            "- name: u3\n  user: {exec: {command: aws}}\n"
                            "- name: u4\n  user: {client-certificate-data: Q0VSVA==}\n"
                            "contexts:\n"
                            "- name: one\n  context: {cluster: c1, user: u1, namespace: team}\n"
                            "- name: two\n  context: {cluster: c2, user: u2}\n"
                            "- name: three\n  context: {cluster: c2, user: u3}\n"
                            "- name: four\n  context: {cluster: c2, user: u4}\n"
                            "- name: five\n  context: {cluster: c9, user: u1}\n"
                            "- name: six\n  context: {cluster: c1, user: u9}\n";

static void embedded(void **state)
{
    _cleanup_(kubeconfig_freep) struct kubeconfig *k = NULL;
    struct err err = ERR_INIT;

    assert_int_equal(kubeconfig_parse(str_of(whole), ".", NULL, &k, &err), 0);
    assert_string_equal(k->server, "https://10.0.0.1:6443");
    assert_string_equal(k->server_name, "api");
    assert_string_equal(k->ca_pem, "CA");
    assert_string_equal(k->cert_pem, "CERT");
    assert_string_equal(k->key_pem, "KEY");
    assert_string_equal(k->ns, "team");
    assert_null(k->token);
    assert_false(k->insecure);
}

static void another_context(void **state)
{
    _cleanup_(kubeconfig_freep) struct kubeconfig *k = NULL;
    struct err err = ERR_INIT;

    assert_int_equal(kubeconfig_parse(str_of(whole), ".", "two", &k, &err), 0);
    assert_string_equal(k->token, "abc");
    assert_true(k->insecure);
    assert_null(k->ca_pem);
}

static void what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *context, *text;
    } rows[] = {
        {"three", "exec and auth-provider users are not supported"},
        {"four", "client-certificate and client-key must come together"},
        {"five", "cluster \"c9\" does not exist"},
        {"six", "user \"u9\" does not exist"},
        {"seven", "context \"seven\" does not exist"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kubeconfig *k = NULL;
        struct err err = ERR_INIT;
        assert_int_equal(kubeconfig_parse(str_of(whole), ".", rows[i].context, &k, &err), -1);
        assert_string_equal(err.msg, rows[i].text);
        assert_null(k);
    }
    struct kubeconfig *k = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(kubeconfig_parse(STR(""), ".", NULL, &k, &err), -1);
    assert_string_equal(err.msg, "no current-context");
    assert_int_equal(kubeconfig_parse(STR("a: [b"), ".", NULL, &k, &err), -1);
}

static void files_are_relative_to_the_kubeconfig(void **state)
{
    static const char text[] =
        "current-context: a\nclusters: [{name: a, cluster: {server: http://h, certificate-authority: ca.pem}}]\n"
        "users: [{name: a, user: {tokenFile: token}}]\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n";
    char dir[] = "/tmp/coracle-kubeconfig-XXXXXX";
    _cleanup_(kubeconfig_freep) struct kubeconfig *k = NULL;
    struct err err = ERR_INIT;

    assert_non_null(mkdtemp(dir));
    _cleanup_(freep) char *path = xasprintf("%s/config", dir), *ca = xasprintf("%s/ca.pem", dir),
                          *token = xasprintf("%s/token", dir);
    assert_int_equal(file_write(path, str_of(text), 0600, &err), 0);
    assert_int_equal(kubeconfig_load(path, NULL, &k, &err), -1); /* no ca.pem yet */
    assert_int_equal(file_write(ca, STR("PEM"), 0600, &err), 0);
    assert_int_equal(kubeconfig_load(path, NULL, &k, &err), 0);
    assert_string_equal(k->ca_pem, "PEM");
    assert_string_equal(k->token_file, token);
    assert_int_equal(file_remove_tree(dir, &err), 0);
    assert_int_equal(kubeconfig_load(path, NULL, &k, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(embedded),
        cmocka_unit_test(another_context),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(files_are_relative_to_the_kubeconfig),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
