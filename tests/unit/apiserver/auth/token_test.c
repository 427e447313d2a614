#include "fake_store.h"

#include "apiserver/auth/token.h"
#include "base/file.h"
#include "base/parse.h"
#include "net/crypto.h"
#include "net/pki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define ISSUER "https://kubernetes.default.svc.cluster.local"

struct turned_clock {
    struct clock base;
    int64_t now;
};

static int64_t turned_now(const struct clock *c)
{
    return CONTAINER_OF(c, struct turned_clock, base)->now;
}

struct fixture {
    char dir[64];
    struct turned_clock clock;
    struct arena *arena;
    struct sa_tokens *tokens;
};

static struct sa_tokens *make_tokens(struct fixture *f, const char *signing, const char *verifying, const char *issuer)
{
    struct err err = ERR_INIT;
    struct sa_tokens *t = NULL;
    char sign_path[128], verify_path[128];
    snprintf(sign_path, sizeof(sign_path), "%s/%s.key", f->dir, signing);
    snprintf(verify_path, sizeof(verify_path), "%s/%s.pub", f->dir, verifying);
    struct flag_list keys = {{str_of(verify_path)}, 1}, issuers = {{str_of(issuer)}, 1};
    struct sa_tokens_options opt = {&f->clock.base, sign_path, &keys, &issuers, NULL, 0};
    assert_int_equal(sa_tokens_new(&opt, &t, &err), 0);
    return t;
}

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = ERR_INIT;
    strcpy(f->dir, "/tmp/coracle-token-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->clock = (struct turned_clock){{turned_now, turned_now}, 1700000000 * NS_PER_S};
    f->arena = arena_new((size_t)4 << 20);
    assert_int_equal(pki_ensure_key(f->dir, "sa", CRYPTO_EC_P256, NULL, &err), 0);
    assert_int_equal(pki_ensure_key(f->dir, "rsa", CRYPTO_RSA_2048, NULL, &err), 0);
    f->tokens = make_tokens(f, "sa", "sa", ISSUER);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    struct err err = ERR_INIT;
    sa_tokens_free(f->tokens);
    arena_free(f->arena);
    assert_int_equal(file_remove_tree(f->dir, &err), 0);
    free(f);
    return 0;
}

#define ACCOUNT "{\"metadata\":{\"name\":\"builder\",\"namespace\":\"dev\",\"uid\":\"u1\"}}"
#define POD                                                                                                            \
    "{\"metadata\":{\"name\":\"p\",\"namespace\":\"dev\",\"uid\":\"u2\"},\"spec\":{\"serviceAccountName\":\"%s\"}}"
#define NODE "{\"metadata\":{\"name\":\"n1\",\"uid\":\"u3\"}}"

static struct str issue(struct fixture *f, struct sa_tokens *t, const char *request, const char *bound)
{
    struct err err = ERR_INIT;
    struct doc *out = NULL;
    int r = sa_token_request(t, f->arena, parse_json(f->arena, request), parse_json(f->arena, ACCOUNT),
                             bound ? parse_json(f->arena, bound) : NULL, bound ? parse_json(f->arena, NODE) : NULL,
                             &out, &err);
    assert_int_equal(r, 0);
    return doc_str(doc_path(out, "status.token"));
}

static int verify(struct fixture *f, struct sa_tokens *t, struct str token, struct sa_token_claims *claims)
{
    struct err err = ERR_INIT;
    int r = sa_token_verify(t, f->arena, token, NULL, 0, claims, &err);
    assert_int_equal(err.code, r == 0 ? ERR_OK : ERR_UNAUTHORIZED);
    return r;
}

static void test_issue_and_verify(void **state)
{
    struct fixture *f = *state;
    struct sa_token_claims c;
    char pod[256];
    snprintf(pod, sizeof(pod), POD, "builder");
    struct str token =
        issue(f, f->tokens,
              "{\"spec\":{\"expirationSeconds\":700,\"boundObjectRef\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\","
              "\"name\":\"p\",\"uid\":\"u2\"}}}",
              pod);
    assert_int_equal(verify(f, f->tokens, token, &c), 0);
    assert_true(str_is(c.ns, "dev") && str_is(c.account, "builder") && str_is(c.account_uid, "u1"));
    assert_true(str_is(c.pod, "p") && str_is(c.pod_uid, "u2") && str_is(c.node, "n1") && str_is(c.node_uid, "u3"));
    assert_int_equal(c.expires_s, 1700000700);
    assert_int_equal(doc_count(c.audiences), 1);

    f->clock.now += 699 * NS_PER_S;
    assert_int_equal(verify(f, f->tokens, token, &c), 0);
    f->clock.now += 1 * NS_PER_S;
    assert_int_equal(verify(f, f->tokens, token, &c), -1); /* expired */
    f->clock.now -= 701 * NS_PER_S;
    assert_int_equal(verify(f, f->tokens, token, &c), -1); /* not yet */
}

static void test_other_keys_issuers_audiences(void **state)
{
    struct fixture *f = *state;
    struct sa_token_claims c;
    struct err err = ERR_INIT;
    struct str token = issue(f, f->tokens, "{}", NULL);
    struct sa_tokens *rsa = make_tokens(f, "rsa", "rsa", ISSUER), *other = make_tokens(f, "sa", "sa", "https://other");
    assert_int_equal(verify(f, rsa, token, &c), -1);
    assert_int_equal(verify(f, other, token, &c), -1);
    assert_int_equal(verify(f, rsa, issue(f, rsa, "{}", NULL), &c), 0);

    struct str vault = issue(f, f->tokens, "{\"spec\":{\"audiences\":[\"vault\",\"x\"]}}", NULL),
               wanted[] = {STR("vault"), STR("y")};
    assert_int_equal(verify(f, f->tokens, vault, &c), -1);
    assert_int_equal(sa_token_verify(f->tokens, f->arena, vault, wanted, 2, &c, &err), 0);
    assert_int_equal(doc_count(sa_token_audiences(f->tokens, f->arena, &c, wanted, 2)), 1);
    sa_tokens_free(rsa);
    sa_tokens_free(other);
}

/* No changed token passes: every byte is flipped in turn. */
static void test_tampering(void **state)
{
    struct fixture *f = *state;
    struct str token = issue(f, f->tokens, "{}", NULL);
    char *copy = arena_strndup(f->arena, token.p, token.n);
    struct sa_token_claims c;
    for (size_t i = 0; i < token.n; i += 3) {
        char was = copy[i];
        copy[i] = was == 'A' ? 'Q' : 'A';
        assert_int_equal(verify(f, f->tokens, str_n(copy, token.n), &c), -1);
        copy[i] = was;
    }
    assert_int_equal(verify(f, f->tokens, str_n(copy, token.n), &c), 0);
    static const char *const junk[] = {"", ".", "..", "...", "a.b.c", "e30.e30.", "e30.e30.e30.e30"};
    for (size_t i = 0; i < ARRAY_LEN(junk); i++)
        assert_int_equal(verify(f, f->tokens, str_of(junk[i]), &c), -1);
    /* alg none, with our issuer */
    _cleanup_(buf_releasep) struct buf none = BUF_INIT(4096);
    base64url_encode(&none, "{\"alg\":\"none\"}", 14);
    buf_putc(&none, '.');
    static const char claims[] = "{\"iss\":\"" ISSUER "\",\"exp\":9999999999}";
    base64url_encode(&none, claims, sizeof(claims) - 1);
    buf_putc(&none, '.');
    assert_int_equal(verify(f, f->tokens, buf_str(&none), &c), -1);
}

static void expect_error(struct fixture *f, const char *request, const char *bound, enum err_code code, const char *msg)
{
    struct err err = ERR_INIT;
    struct doc *out = NULL;
    assert_int_equal(sa_token_request(f->tokens, f->arena, parse_json(f->arena, request), parse_json(f->arena, ACCOUNT),
                                      bound ? parse_json(f->arena, bound) : NULL, NULL, &out, &err),
                     -1);
    assert_string_equal(err.msg, msg);
    assert_int_equal(err.code, code);
}

static void test_refused_requests(void **state)
{
    struct fixture *f = *state;
    char pod[256];
    snprintf(pod, sizeof(pod), POD, "another");
    expect_error(
        f, "{\"spec\":{\"expirationSeconds\":599}}", NULL, ERR_INVALID,
        "TokenRequest.authentication.k8s.io \"builder\" is invalid: spec.expirationSeconds: Invalid value: 599: "
        "may not specify a duration less than 10 minutes");
    expect_error(f, "{\"spec\":{\"boundObjectRef\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"name\":\"p\"}}}", pod,
                 ERR_BAD_REQUEST,
                 "cannot bind token for serviceaccount \"builder\" to pod running with different serviceaccount name");
    expect_error(
        f, "{\"spec\":{\"boundObjectRef\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"name\":\"p\",\"uid\":\"u9\"}}}",
        pod, ERR_CONFLICT,
        "Operation cannot be fulfilled on Pod \"p\": the UID in the bound object reference (u9) does not match the "
        "UID in record. The object might have been deleted and then recreated");
    expect_error(f, "{\"spec\":{\"boundObjectRef\":{\"kind\":\"Job\",\"apiVersion\":\"batch/v1\",\"name\":\"p\"}}}",
                 NULL, ERR_BAD_REQUEST, "cannot bind token to object of type batch/v1, Kind=Job");
}

static void test_discovery_documents(void **state)
{
    struct fixture *f = *state;
    _cleanup_(buf_releasep) struct buf json = BUF_INIT(65536);
    json_write(&json, sa_tokens_openid_configuration(f->tokens, f->arena, STR("10.0.0.1:6443")));
    assert_string_equal(json.data,
                        "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"https://10.0.0.1:6443/openid/v1/jwks\","
                        "\"response_types_supported\":[\"id_token\"],\"subject_types_supported\":[\"public\"],"
                        "\"id_token_signing_alg_values_supported\":[\"ES256\"]}");
    const struct doc *key = doc_at(doc_get(sa_tokens_jwks(f->tokens, f->arena), "keys"), 0);
    assert_true(str_is(doc_str(doc_get(key, "crv")), "P-256"));
    assert_int_equal(doc_str(doc_get(key, "x")).n, 43);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_issue_and_verify), T(test_other_keys_issuers_audiences), T(test_tampering),
        T(test_refused_requests), T(test_discovery_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
