#include "fake_store.h"

#include "apiserver/auth/authn.h"
#include "apiserver/auth/authz.h"
#include "apiserver/auth/token.h"
#include "apiserver/auth/token_file.h"
#include "base/file.h"
#include "net/pki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

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
    struct fake_store f;
    struct sa_tokens *tokens;
    struct authn *a;
};

static int set_up(void **state)
{
    struct fixture *x = xcalloc(1, sizeof(*x));
    struct err err = ERR_INIT;
    strcpy(x->dir, "/tmp/coracle-authn-test-XXXXXX");
    assert_non_null(mkdtemp(x->dir));
    x->clock = (struct turned_clock){{turned_now, turned_now}, 1700000000 * NS_PER_S};
    fake_init(&x->f);
    char key[128], csv[128];
    snprintf(key, sizeof(key), "%s/sa.key", x->dir);
    snprintf(csv, sizeof(csv), "%s/tokens.csv", x->dir);
    assert_int_equal(pki_ensure_key(x->dir, "sa", CRYPTO_EC_P256, NULL, &err), 0);
    assert_int_equal(
        file_write(csv, STR("# admins\ns3cret,admin,1,\"system:masters, ops\"\nplain,jane,2\n"), 0600, &err), 0);
    struct flag_list issuers = {{STR("https://issuer")}, 1};
    struct sa_tokens_options topt = {&x->clock.base, key, NULL, &issuers, NULL, 0};
    assert_int_equal(sa_tokens_new(&topt, &x->tokens, &err), 0);
    struct authn_options opt = {&x->clock.base, csv, x->tokens, &x->f.store};
    assert_int_equal(authn_new(&opt, &x->a, &err), 0);
    *state = x;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *x = *state;
    struct err err = ERR_INIT;
    authn_free(x->a);
    sa_tokens_free(x->tokens);
    fake_release(&x->f);
    assert_int_equal(file_remove_tree(x->dir, &err), 0);
    free(x);
    return 0;
}

static struct user *by_header(struct fixture *x, const char *header)
{
    struct err err = ERR_INIT;
    struct user *u = NULL;
    struct authn_request req = {.authorization = str_of(header)};
    if (authn_authenticate(x->a, &req, &u, &err) < 0) {
        assert_int_equal(err.code, ERR_UNAUTHORIZED);
        assert_string_equal(err.msg, "Unauthorized");
        return NULL;
    }
    return u;
}

static void test_token_file(void **state)
{
    struct fixture *x = *state;
    _cleanup_(user_unrefp) struct user *admin = by_header(x, "Bearer s3cret"), *jane = by_header(x, "bearer plain");
    assert_non_null(admin);
    assert_true(str_is(admin->name, "admin") && str_is(admin->uid, "1") && admin->n_groups == 3);
    assert_true(user_in_group(admin, STR("system:masters")) && user_in_group(admin, STR("ops")) &&
                user_in_group(admin, STR("system:authenticated")));
    assert_int_equal(jane->n_groups, 1);
    static const char *const refused[] = {
        "",      "Bearer", "Bearer ", "Bearer x", "Bearer s3cre", "Bearer s3crett", "Basic s3cret", "Bearer s3cret x",
        "s3cret"};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        assert_null(by_header(x, refused[i]));
}

static void test_token_file_syntax(void **state)
{
    struct err err = ERR_INIT;
    struct token_file *f = NULL;
    assert_int_equal(token_file_parse(STR("a,b\n"), &f, &err), -1);
    assert_int_equal(token_file_parse(STR("a,\"b,c\n"), &f, &err), -1);
    assert_int_equal(token_file_parse(STR("a,\"b\"c,d\n"), &f, &err), -1);
    assert_int_equal(token_file_parse(STR("\"q\"\"t\",b,c\n\n,empty,1\nt2,u,3,\n"), &f, &err), 0);
    assert_int_equal(token_file_count(f), 2);
    token_file_free(f);
}

static void test_certificate(void **state)
{
    struct fixture *x = *state;
    struct err err = ERR_INIT;
    struct str orgs[] = {STR("system:nodes")};
    struct authn_request req = {.has_cert = true,
                                .cert_cn = STR("system:node:n1"),
                                .cert_orgs = orgs,
                                .n_cert_orgs = 1,
                                .cert_fingerprint = STR("\x01\xff")};
    _cleanup_(user_unrefp) struct user *u = authn_cached(x->a, &req), *again = authn_cached(x->a, &req);
    assert_non_null(u);
    assert_ptr_equal(u, again);
    assert_true(user_in_group(u, STR("system:nodes")) && user_in_group(u, STR("system:authenticated")));
    assert_true(str_is(u->extra[0].value, "X509SHA256=01ff"));
    orgs[0] = STR("system:masters"); /* another subject is another user */
    _cleanup_(user_unrefp) struct user *other = authn_cached(x->a, &req);
    assert_ptr_not_equal(u, other);
    req.cert_cn = STR("");
    struct user *nobody = NULL;
    assert_null(authn_cached(x->a, &req));
    assert_int_equal(authn_authenticate(x->a, &req, &nobody, &err), -1);
}

static void test_account_tokens(void **state)
{
    struct fixture *x = *state;
    struct err err = ERR_INIT;
    fake_add(
        &x->f,
        "{\"resource\":\"serviceaccounts\",\"metadata\":{\"name\":\"robot\",\"namespace\":\"dev\",\"uid\":\"u1\"}}");
    fake_add(&x->f, "{\"resource\":\"pods\",\"metadata\":{\"name\":\"p\",\"namespace\":\"dev\",\"uid\":\"u2\"},"
                    "\"spec\":{\"serviceAccountName\":\"robot\"}}");
    struct doc *account = doc_at(x->f.objects, 0), *pod = doc_at(x->f.objects, 1), *out = NULL;
    const struct doc *request = parse_json(
        x->f.arena, "{\"spec\":{\"boundObjectRef\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"name\":\"p\"}}}");
    assert_int_equal(sa_token_request(x->tokens, x->f.arena, request, account, pod, NULL, &out, &err), 0);
    struct str token = doc_str(doc_path(out, "status.token"));
    char header[4096];
    snprintf(header, sizeof(header), "Bearer " STR_FMT, STR_ARG(token));

    struct authn_request req = {.authorization = str_of(header)};
    assert_null(authn_cached(x->a, &req));
    _cleanup_(user_unrefp) struct user *u = by_header(x, header);
    assert_non_null(u);
    assert_true(str_is(u->name, "system:serviceaccount:dev:robot") && str_is(u->uid, "u1"));
    assert_true(user_in_group(u, STR("system:serviceaccounts:dev")) && user_in_group(u, STR("system:serviceaccounts")));
    _cleanup_(user_unrefp) struct user *cached = authn_cached(x->a, &req);
    assert_ptr_equal(u, cached);

    /* The pod is replaced by one of the same name: the token dies as soon as the cache forgets it. */
    doc_set_path(x->f.arena, pod, "metadata.uid", doc_string(x->f.arena, STR("u3")));
    x->clock.now += (AUTHN_CACHE_S + 1) * NS_PER_S;
    assert_null(authn_cached(x->a, &req));
    assert_null(by_header(x, header));
    doc_set_path(x->f.arena, pod, "metadata.uid", doc_string(x->f.arena, STR("u2")));
    _cleanup_(user_unrefp) struct user *back = by_header(x, header);
    assert_non_null(back);
    doc_set_path(x->f.arena, account, "metadata.deletionTimestamp",
                 doc_string(x->f.arena, STR("2023-11-14T22:00:00Z")));
    x->clock.now += (AUTHN_CACHE_S + 1) * NS_PER_S;
    assert_null(by_header(x, header));
}

static void test_impersonation(void **state)
{
    struct fixture *x = *state;
    struct err err = ERR_INIT;
    struct authorizer *z = NULL;
    assert_int_equal(authorizer_new("RBAC", &x->f.store, &z, &err), 0);
    _cleanup_(user_unrefp) struct user *admin = by_header(x, "Bearer s3cret"), *jane = by_header(x, "Bearer plain"),
                                       *as = NULL;
    struct str groups[] = {STR("dev")};
    struct authn_impersonation imp = {.user = STR("bob"), .groups = groups, .n_groups = 1};
    assert_int_equal(authn_impersonate(z, admin, &imp, x->f.arena, &as, &err), 0);
    assert_true(str_is(as->name, "bob") && as->n_groups == 2 && user_in_group(as, STR("system:authenticated")));
    as = user_unref(as);
    assert_int_equal(authn_impersonate(z, jane, &imp, x->f.arena, &as, &err), -1);
    assert_string_equal(err.msg,
                        "users \"bob\" is forbidden: User \"jane\" cannot impersonate resource \"users\" in API group "
                        "\"\" at the cluster scope");
    imp = (struct authn_impersonation){.user = STR("system:serviceaccount:dev:robot")};
    assert_int_equal(authn_impersonate(z, admin, &imp, x->f.arena, &as, &err), 0);
    assert_true(user_in_group(as, STR("system:serviceaccounts:dev")));
    authorizer_free(z);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_token_file),    cmocka_unit_test(test_token_file_syntax), T(test_certificate), T(test_account_tokens),
        T(test_impersonation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
