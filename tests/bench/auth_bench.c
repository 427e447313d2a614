/*
 * What a request pays for who it is and what it may: cached identities, RBAC decisions, signatures, compiling all
 * rules.
 */
#include "../unit/apiserver/auth/fake_store.h"

#include "apiserver/auth/authn.h"
#include "apiserver/auth/authz.h"
#include "apiserver/auth/rbac.h"
#include "apiserver/auth/rbac_snapshot.h"
#include "apiserver/auth/token.h"
#include "base/clock.h"
#include "base/file.h"
#include "net/pki.h"

#include <stdio.h>

#define ROUNDS 200000
#define BINDINGS 10000

static struct fake_store store;

static void report(const char *what, int64_t from, int64_t rounds)
{
    printf("%-44s %8.2f us\n", what, (double)(clock_mono(&clock_system) - from) / 1e3 / (double)rounds);
}

static void decide(struct authorizer *z, const char *what, const char *user, const char *group, const char *resource)
{
    struct str groups[] = {str_of(group), STR("system:authenticated")};
    struct user *u = user_new(str_of(user), STR(""), groups, 2, NULL, 0);
    struct authz_attributes attr = {.user = u,
                                    .verb = STR("list"),
                                    .is_resource = true,
                                    .ns = STR("ns7"),
                                    .version = STR("v1"),
                                    .resource = str_of(resource)};
    int allowed = 0;
    int64_t from = clock_mono(&clock_system);
    for (int i = 0; i < ROUNDS; i++)
        allowed += authz_decide(z, &attr, NULL) == AUTHZ_ALLOW;
    char label[64];
    (void)snprintf(label, sizeof label, "%s (%s)", what, allowed ? "allowed" : "refused");
    report(label, from, ROUNDS);
    user_unref(u);
}

static void bench_rbac(void)
{
    struct authorizer *z = NULL;
    struct err err = ERR_INIT;
    for (size_t i = 0; i < rbac_bootstrap_count(); i++) {
        struct doc *d = rbac_bootstrap_doc(i, store.arena);
        doc_set(d, "resource", doc_string(store.arena, str_of(rbac_bootstrap_at(i).resource)));
        doc_append(store.objects, d);
    }
    for (int i = 0; i < BINDINGS; i++)
        fake_add(&store,
                 arena_printf(store.arena,
                              "{\"resource\":\"rolebindings\",\"metadata\":{\"name\":\"b\",\"namespace\":\"ns%d\"},"
                              "\"roleRef\":{\"kind\":\"ClusterRole\",\"name\":\"edit\"},\"subjects\":[{\"kind\":"
                              "\"User\",\"name\":\"user%d\"}]}",
                              i, i));
    if (authorizer_new("Node,RBAC", &store.store, &z, &err) < 0)
        abort();
    struct rbac_snapshot *s = NULL;
    int64_t from = clock_mono(&clock_system);
    if (rbac_snapshot_new(&store.store, &s, &err) < 0)
        abort();
    report("compile bootstrap and 10,000 bindings", from, 1);
    rbac_snapshot_unref(s);
    decide(z, "system:masters", "admin", "system:masters", "pods");
    decide(z, "scheduler", "system:kube-scheduler", "x", "pods");
    decide(z, "node", "system:node:n1", "system:nodes", "pods");
    decide(z, "edit by a role binding", "user7", "x", "pods");
    decide(z, "nobody in particular", "user8", "x", "pods");
    authorizer_free(z);
}

static void bench_tokens(void)
{
    char dir[] = "/tmp/coracle-auth-bench-XXXXXX", key[64];
    struct err err = ERR_INIT;
    struct sa_tokens *t = NULL;
    struct authn *a = NULL;
    struct doc *out = NULL;
    if (!mkdtemp(dir) || pki_ensure_key(dir, "sa", CRYPTO_EC_P256, NULL, &err) < 0)
        abort();
    (void)snprintf(key, sizeof key, "%s/sa.key", dir);
    struct flag_list issuers = {{STR("https://kubernetes.default.svc")}, 1};
    struct sa_tokens_options topt = {&clock_system, key, NULL, &issuers, NULL, 0};
    struct authn_options opt = {&clock_system, NULL, NULL, &store.store};
    fake_add(&store,
             "{\"resource\":\"serviceaccounts\",\"metadata\":{\"name\":\"a\",\"namespace\":\"n\",\"uid\":\"u\"}}");
    if (sa_tokens_new(&topt, &t, &err) < 0)
        abort();
    opt.sa_tokens = t;
    if (authn_new(&opt, &a, &err) < 0 || sa_token_request(t, store.arena, parse_json(store.arena, "{}"),
                                                          store.objects->last, NULL, NULL, &out, &err) < 0)
        abort();
    char *header = arena_printf(store.arena, "Bearer " STR_FMT, STR_ARG(doc_str(doc_path(out, "status.token"))));
    struct authn_request req = {.authorization = str_of(header)};
    struct user *u = NULL;
    int64_t from = clock_mono(&clock_system);
    for (int i = 0; i < 200; i++) {
        _cleanup_(arena_freep) struct arena *arena = arena_new((size_t)1 << 20);
        struct sa_token_claims claims;
        if (sa_token_verify(t, arena, doc_str(doc_path(out, "status.token")), NULL, 0, &claims, &err) < 0)
            abort();
    }
    report("verify an ES256 token", from, 200);
    if (authn_authenticate(a, &req, &u, &err) < 0)
        abort();
    user_unref(u);
    from = clock_mono(&clock_system);
    for (int i = 0; i < ROUNDS; i++)
        user_unref(authn_cached(a, &req));
    report("cached token", from, ROUNDS);
    struct str orgs[] = {STR("system:nodes")};
    struct authn_request cert = {
        .has_cert = true, .cert_cn = STR("system:node:n1"), .cert_orgs = orgs, .n_cert_orgs = 1};
    from = clock_mono(&clock_system);
    for (int i = 0; i < ROUNDS; i++)
        user_unref(authn_cached(a, &cert));
    report("cached certificate", from, ROUNDS);
    authn_free(a);
    sa_tokens_free(t);
    if (file_remove_tree(dir, &err) < 0)
        abort();
}

int main(void)
{
    fake_init(&store);
    bench_rbac();
    bench_tokens();
    fake_release(&store);
    return 0;
}
