/*
 * Who is let in and what they may, through the real apiserver: certificates, tokens, impersonation, RBAC, and what
 * validation says to a bad object.
 */
#include "net/http_client.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "net/pki.h"
#include "testapiserver/test_apiserver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define RBAC "/apis/rbac.authorization.k8s.io/v1"
#define RETRIES 300
#define PODS "/api/v1/namespaces/default/pods"

static struct test_apiserver api;
static char bob_token[4096];

static int set_up(void **state)
{
    test_apiserver_start(&api);
    return 0;
}

static int tear_down(void **state)
{
    test_apiserver_stop(&api);
    return 0;
}

struct call {
    const char
        *who; /* admin; -: nobody; as:USER impersonated by admin; cert:CN/O; token:TEXT; bob: the account's token */
    const char *method, *path, *body;
    int status;
    const char *contains; /* in the answer; NULL = anything */
};

static void use_certificate(const char *subject, const char *ca_name, struct buf *cert, struct buf *key)
{
    struct pki_pair ca = {0}, pair = {0};
    struct err err = ERR_INIT;
    const char *slash = strchr(subject, '/');
    char cn[64];
    struct str org = str_of(slash + 1);
    snprintf(cn, sizeof cn, "%.*s", (int)(slash - subject), subject);
    struct pki_request req = {
        .common_name = cn, .organizations = &org, .n_organizations = 1, .usages = CRYPTO_CERT_CLIENT};
    if (ca_name)
        assert_int_equal(pki_load(api.dir, ca_name, &ca, &err), 0);
    else
        assert_int_equal(pki_make_ca("test-ca", 10, &ca, &err), 0); /* the same name, not the same key */
    assert_int_equal(pki_issue(&ca, &req, &pair, &err), 0);
    assert_int_equal(crypto_cert_pem(pair.cert, cert, &err), 0);
    assert_int_equal(crypto_key_private_pem(pair.key, key, &err), 0);
    pki_pair_release(&ca);
    pki_pair_release(&pair);
}

/* Returns the answer's status; its body is appended to out. */
static int send_call(const struct call *c, struct buf *out)
{
    struct err err = ERR_INIT;
    _cleanup_(buf_releasep) struct buf cert = BUF_INIT(64 * KIB), key = BUF_INIT(64 * KIB);
    const char *headers[3] = {"Content-Type: application/json"};
    size_t n_headers = 1;
    char as[128];
    struct http_client_options o = {.base_url = api.url, .ca_pem = buf_str(&api.ca_pem)};
    if (strcmp(c->who, "admin") == 0)
        o.bearer_token = TEST_APISERVER_TOKEN;
    if (strcmp(c->who, "bob") == 0)
        o.bearer_token = bob_token;
    if (strncmp(c->who, "token:", 6) == 0)
        o.bearer_token = c->who + 6;
    if (strncmp(c->who, "as:", 3) == 0) {
        o.bearer_token = TEST_APISERVER_TOKEN;
        snprintf(as, sizeof as, "Impersonate-User: %s", c->who + 3);
        headers[n_headers++] = as;
    }
    if (strncmp(c->who, "cert:", 5) == 0)
        use_certificate(c->who + 5, "ca", &cert, &key);
    if (strncmp(c->who, "forged:", 7) == 0)
        use_certificate(c->who + 7, NULL, &cert, &key);
    o.cert_pem = buf_str(&cert);
    o.key_pem = buf_str(&key);
    _cleanup_(http_client_freep) struct http_client *http = NULL;
    assert_int_equal(http_client_new(&o, &http, &err), 0);
    struct http_client_request q = {.method = c->method,
                                    .path = c->path,
                                    .headers = headers,
                                    .n_headers = n_headers,
                                    .body = c->body ? str_of(c->body) : (struct str){0}};
    struct http_client_response r;
    if (http_client_call(http, &q, &r, &err) < 0)
        fail_msg("%s %s: %s", c->method, c->path, err.msg);
    int status = r.status;
    buf_add(out, r.body.data, r.body.len);
    http_client_response_release(&r);
    return status;
}

/* A change of a role reaches the rules with the watch event that tells of it, soon but not at once: a decision that is
 * not yet the wanted one is asked again for a while. */
static bool undecided(const struct call *c, int status)
{
    return status != c->status && (status == 403 || c->status == 403);
}

static void run(const struct call *calls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        _cleanup_(buf_releasep) struct buf body = BUF_INIT(MIB);
        int status = send_call(&calls[i], &body);
        for (int again = 0; again < RETRIES && undecided(&calls[i], status); again++) {
            sleep_ns(10 * NS_PER_MS);
            buf_clear(&body);
            status = send_call(&calls[i], &body);
        }
        if (status != calls[i].status || (calls[i].contains && !strstr(body.data ? body.data : "", calls[i].contains)))
            fail_msg("call %zu: %s %s %s: %d %s", i, calls[i].who, calls[i].method, calls[i].path, status,
                     body.data ? body.data : "");
    }
}
#define RUN(calls) run((calls), ARRAY_LEN(calls))

static void test_who(void **state)
{
    static const struct call calls[] = {
        {"-", "GET", PODS, NULL, 401, "\"reason\":\"Unauthorized\""},
        {"token:wrong", "GET", PODS, NULL, 401, "\"message\":\"Unauthorized\""},
        {"token:a.b.c", "GET", PODS, NULL, 401, NULL},
        {"token:" TEST_APISERVER_TOKEN "x", "GET", PODS, NULL, 401, NULL},
        {"admin", "GET", PODS, NULL, 200, "PodList"},
        {"cert:root/system:masters", "GET", PODS, NULL, 200, "PodList"},
        {"cert:jane/dev", "GET", PODS, NULL, 403,
         "pods is forbidden: User \\\"jane\\\" cannot list resource \\\"pods\\\" in API group \\\"\\\" in the "
         "namespace "
         "\\\"default\\\""},
        {"forged:root/system:masters", "GET", PODS, NULL, 401, NULL},
        {"cert:system:node:n1/system:nodes", "GET", "/api/v1/nodes", NULL, 200, "NodeList"},
        {"cert:system:node:n1/other", "GET", "/api/v1/nodes", NULL, 403, NULL},
        {"admin", "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews",
         "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"SelfSubjectReview\"}", 201, "\"username\":\"admin\""},
        {"as:jane", "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews",
         "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"SelfSubjectReview\"}", 201, "\"username\":\"jane\""},
    };
    RUN(calls);
}

#define ROLE(name, rules)                                                                                              \
    "{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"Role\",\"metadata\":{\"name\":\"" name                \
    "\"},\"rules\":[" rules "]}"
#define BINDING(name, kind, role, user)                                                                                \
    "{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"RoleBinding\",\"metadata\":{\"name\":\"" name         \
    "\"},\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"" kind "\",\"name\":\"" role               \
    "\"},\"subjects\":[{\"kind\":\"User\",\"apiGroup\":\"rbac.authorization.k8s.io\",\"name\":\"" user "\"}]}"
#define CAN_I(verb, resource)                                                                                          \
    "{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":\"SelfSubjectAccessReview\",\"spec\":{"                      \
    "\"resourceAttributes\":{\"namespace\":\"default\",\"verb\":\"" verb "\",\"resource\":\"" resource "\"}}}"
#define REVIEWS "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

static void test_may(void **state)
{
    static const struct call calls[] = {
        {"as:jane", "POST", REVIEWS, CAN_I("list", "pods"), 201, "\"allowed\":false"},
        {"admin", "POST", RBAC "/namespaces/default/roles",
         ROLE("read", "{\"verbs\":[\"get\",\"list\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}"), 201, NULL},
        {"admin", "POST", RBAC "/namespaces/default/rolebindings", BINDING("jane-reads", "Role", "read", "jane"), 201,
         NULL},
        {"as:jane", "GET", PODS, NULL, 200, "PodList"},
        {"as:jane", "POST", REVIEWS, CAN_I("list", "pods"), 201, "\"allowed\":true"},
        {"as:jane", "DELETE", PODS "/x", NULL, 403, "cannot delete resource \\\"pods\\\""},
        {"as:jane", "GET", "/api/v1/namespaces/kube-system/pods", NULL, 403, NULL},
        {"as:jane", "GET", "/metrics", NULL, 403, "forbidden: User \\\"jane\\\" cannot get path \\\"/metrics\\\""},
        {"as:jane", "GET", "/version", NULL, 200, "gitVersion"},
        {"admin", "DELETE", RBAC "/namespaces/default/rolebindings/jane-reads", NULL, 200, NULL},
        {"as:jane", "GET", PODS, NULL, 403, NULL},
    };
    RUN(calls);
}

static void test_no_escalation(void **state)
{
    static const struct call calls[] = {
        {"admin", "POST", RBAC "/namespaces/default/rolebindings",
         BINDING("jane-admin", "ClusterRole", "admin", "jane"), 201, NULL},
        {"as:jane", "POST", RBAC "/namespaces/default/roles",
         ROLE("mine", "{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"secrets\"]}"), 201, NULL},
        {"as:jane", "POST", RBAC "/namespaces/default/roles",
         ROLE("more", "{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"nodes\"]}"), 403,
         "is attempting to grant RBAC permissions not currently held"},
        {"as:jane", "POST", RBAC "/namespaces/default/rolebindings",
         BINDING("root", "ClusterRole", "cluster-admin", "jane"), 403,
         "is attempting to grant RBAC permissions not currently held"},
        {"admin", "DELETE", RBAC "/namespaces/default/rolebindings/jane-admin", NULL, 200, NULL},
    };
    RUN(calls);
}

/* The text of a JSON member: good enough for a token, which has nothing to escape. */
static void copy_member(const char *json, const char *name, char *out, size_t size)
{
    const char *at = strstr(json, name);
    assert_non_null(at);
    at += strlen(name);
    size_t n = strcspn(at, "\"");
    assert_true(n < size);
    memcpy(out, at, n);
    out[n] = '\0';
}

#define ACCOUNTS "/api/v1/namespaces/default/serviceaccounts"
#define TOKEN_REQUEST(spec)                                                                                            \
    "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenRequest\",\"spec\":{" spec "}}"

static void test_account_tokens(void **state)
{
    static const struct call make = {
        "admin",  "POST",
        ACCOUNTS, "{\"apiVersion\":\"v1\",\"kind\":\"ServiceAccount\",\"metadata\":{\"name\":\"bob\"}}",
        201,      NULL};
    static const struct call ask = {"admin", "POST", ACCOUNTS "/bob/token", TOKEN_REQUEST(""), 201, NULL};
    static const struct call calls[] = {
        {"bob", "GET", PODS, NULL, 403, "User \\\"system:serviceaccount:default:bob\\\" cannot list"},
        {"bob", "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews",
         "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"SelfSubjectReview\"}", 201,
         "\"system:serviceaccounts:default\""},
        {"admin", "POST", ACCOUNTS "/bob/token", TOKEN_REQUEST("\"expirationSeconds\":5"), 422,
         "spec.expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes"},
        {"admin", "POST", ACCOUNTS "/nobody/token", TOKEN_REQUEST(""), 404, "serviceaccounts \\\"nobody\\\" not found"},
        {"admin", "POST", ACCOUNTS "/bob/token",
         TOKEN_REQUEST("\"boundObjectRef\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"name\":\"gone\"}"), 404, NULL},
    };
    _cleanup_(buf_releasep) struct buf body = BUF_INIT(MIB), review = BUF_INIT(MIB);
    run(&make, 1);
    assert_int_equal(send_call(&ask, &body), 201);
    copy_member(body.data, "\"token\":\"", bob_token, sizeof bob_token);
    RUN(calls);
    char text[5000];
    snprintf(text, sizeof text,
             "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenReview\",\"spec\":{\"token\":\"%s\"}}",
             bob_token);
    const struct call check = {"admin", "POST", "/apis/authentication.k8s.io/v1/tokenreviews", text, 201, NULL};
    assert_int_equal(send_call(&check, &review), 201);
    assert_non_null(strstr(review.data, "\"authenticated\":true"));
    assert_non_null(strstr(review.data, "system:serviceaccount:default:bob"));
}

#define POD(spec) "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},\"spec\":{" spec "}}"

static void test_bad_objects(void **state)
{
    static const struct call calls[] = {
        {"admin", "POST", ACCOUNTS,
         "{\"apiVersion\":\"v1\",\"kind\":\"ServiceAccount\",\"metadata\":{\"name\":\"default\"}}", 201, NULL},
        {"admin", "POST", "/api/v1/namespaces/default/configmaps",
         "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"Foo\"}}", 422,
         "ConfigMap \\\"Foo\\\" is invalid: metadata.name: Invalid value: \\\"Foo\\\": a lowercase RFC 1123 subdomain "
         "must"},
        {"admin", "POST", PODS, POD("\"containers\":[{\"name\":\"c\"}]"), 422,
         "\"causes\":[{\"reason\":\"FieldValueRequired\",\"message\":\"Required "
         "value\",\"field\":\"spec.containers[0].image\"}]"},
        {"admin", "POST", PODS, POD("\"containers\":[{\"name\":\"c\",\"image\":\"i\"}],\"restartPolicy\":\"Maybe\""),
         422, "Unsupported value: \\\"Maybe\\\": supported values: \\\"Always\\\", \\\"OnFailure\\\", \\\"Never\\\""},
        {"admin", "POST", PODS, POD("\"containers\":\"x\""), 400, "cannot unmarshal string"},
    };
    RUN(calls);
}

#define SECRETS "/api/v1/namespaces/default/secrets"
#define N1 "cert:system:node:n1/system:nodes"
#define SECRET(name) "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"" name "\"}}"

/* A node reads the secrets of its own pods, and no others. */
static void test_node_graph(void **state)
{
    static const struct call calls[] = {
        {"admin", "POST", SECRETS, SECRET("used"), 201, NULL},
        {"admin", "POST", SECRETS, SECRET("other"), 201, NULL},
        {N1, "GET", SECRETS "/used", NULL, 403, "no relationship found between node 'n1' and this object"},
        {"admin", "POST", PODS,
         POD("\"nodeName\":\"n1\",\"automountServiceAccountToken\":false,\"containers\":[{\"name\":\"c\",\"image\":"
             "\"i\","
             "\"envFrom\":[{\"secretRef\":{\"name\":\"used\"}}]}]"),
         201, NULL},
        {N1, "GET", SECRETS "/used", NULL, 200, NULL},
        {N1, "GET", SECRETS "/other", NULL, 403, NULL},
        {N1, "GET", SECRETS, NULL, 403, NULL},
        {"cert:system:node:n2/system:nodes", "GET", SECRETS "/used", NULL, 403, NULL},
        {N1, "POST", ACCOUNTS "/bob/token", TOKEN_REQUEST(""), 403, NULL},
    };
    RUN(calls);
}

int main(void)
{
    if (!test_apiserver_available()) {
        printf("skipped: no etcd or no apiserver program\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who),           cmocka_unit_test(test_may),
        cmocka_unit_test(test_no_escalation), cmocka_unit_test(test_account_tokens),
        cmocka_unit_test(test_bad_objects),   cmocka_unit_test(test_node_graph),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
