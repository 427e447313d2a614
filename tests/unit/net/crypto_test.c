#include "net/crypto.h"
#include "net/pki.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

static void test_digests(void **state)
{
    _cleanup_(buf_releasep) struct buf hex = BUF_INIT(1024);
    uint8_t sum[SHA256_LEN];
    crypto_sha256("abc", 3, sum);
    hex_encode(&hex, sum, sizeof(sum));
    assert_string_equal(hex.data, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    buf_clear(&hex);
    crypto_hmac_sha256(STR("key"), STR("The quick brown fox jumps over the lazy dog"), sum);
    hex_encode(&hex, sum, sizeof(sum));
    assert_string_equal(hex.data, "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");
    assert_true(crypto_equal(STR("same"), STR("same")));
    assert_false(crypto_equal(STR("same"), STR("samf")));
    assert_false(crypto_equal(STR("same"), STR("same ")));
}

static void sign_and_verify(enum crypto_key_kind kind, const char *alg, const char *kty)
{
    struct err err = ERR_INIT;
    _cleanup_(crypto_key_freep) struct crypto_key *key = NULL, *other = NULL, *public = NULL, *reread = NULL;
    _cleanup_(buf_releasep) struct buf sig = BUF_INIT(4096), pem = BUF_INIT(8192), id = BUF_INIT(256),
                                       id2 = BUF_INIT(256), x = BUF_INIT(2048), y = BUF_INIT(2048);
    assert_int_equal(crypto_key_generate(kind, &key, &err), 0);
    assert_int_equal(crypto_key_generate(kind, &other, &err), 0);
    assert_string_equal(crypto_jws_alg(key), alg);
    assert_int_equal(crypto_jws_sign(key, STR("payload"), &sig, &err), 0);

    assert_int_equal(crypto_key_public_pem(key, &pem, &err), 0);
    assert_int_equal(crypto_key_from_pem(buf_str(&pem), &public, &err), 0);
    assert_false(crypto_key_is_private(public));
    assert_true(crypto_jws_verify(public, str_of(alg), STR("payload"), buf_str(&sig)));
    assert_false(crypto_jws_verify(public, str_of(alg), STR("payloae"), buf_str(&sig)));
    assert_false(crypto_jws_verify(public, STR("HS256"), STR("payload"), buf_str(&sig)));
    assert_false(crypto_jws_verify(public, STR("none"), STR("payload"), STR("")));
    assert_false(crypto_jws_verify(other, str_of(alg), STR("payload"), buf_str(&sig)));
    sig.data[5] ^= 1;
    assert_false(crypto_jws_verify(public, str_of(alg), STR("payload"), buf_str(&sig)));
    assert_int_equal(crypto_jws_sign(public, STR("payload"), &sig, &err), -1);

    buf_clear(&pem);
    assert_int_equal(crypto_key_private_pem(key, &pem, &err), 0);
    assert_int_equal(crypto_key_from_pem(buf_str(&pem), &reread, &err), 0);
    assert_true(crypto_key_is_private(reread));
    assert_int_equal(crypto_key_id(reread, &id, &err), 0);
    assert_int_equal(crypto_key_id(public, &id2, &err), 0);
    assert_string_equal(id.data, id2.data);
    assert_int_equal(id.len, 43);
    const char *got_kty = NULL;
    assert_int_equal(crypto_key_jwk(public, &got_kty, &x, &y, &err), 0);
    assert_string_equal(got_kty, kty);
}

static void test_sign_ec(void **state)
{
    sign_and_verify(CRYPTO_EC_P256, "ES256", "EC");
}

static void test_sign_rsa(void **state)
{
    sign_and_verify(CRYPTO_RSA_2048, "RS256", "RSA");
}

static void test_broken_pem(void **state)
{
    struct crypto_key *key = NULL;
    struct crypto_cert *cert = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(crypto_key_from_pem(STR(""), &key, &err), -1);
    assert_int_equal(
        crypto_key_from_pem(STR("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), &key, &err), -1);
    assert_int_equal(crypto_cert_from_pem(STR("garbage"), &cert, &err), -1);
    assert_int_equal(crypto_cert_from_der(STR("\x30\x82"), &cert, &err), -1);
    assert_null(key);
    assert_null(cert);
}

static void test_certificates(void **state)
{
    struct err err = ERR_INIT;
    _cleanup_(pki_pair_release) struct pki_pair ca = {0}, other = {0}, leaf = {0};
    assert_int_equal(pki_make_ca("kubernetes-ca", 3650, &ca, &err), 0);
    assert_int_equal(pki_make_ca("kubernetes-ca", 3650, &other, &err), 0);
    const struct str orgs[] = {STR("system:nodes"), STR("b")};
    const struct str names[] = {STR("localhost"), STR("127.0.0.1"), STR("::1"), STR("a,b"),
                                STR("kubernetes.default.svc")};
    struct pki_request req = {"system:node:n1", orgs, 2, names, ARRAY_LEN(names), CRYPTO_CERT_SERVER, 10};
    assert_int_equal(pki_issue(&ca, &req, &leaf, &err), 0);

    _cleanup_(buf_releasep) struct buf text = BUF_INIT(1024), pem = BUF_INIT(16384);
    crypto_cert_common_name(leaf.cert, &text);
    assert_string_equal(text.data, "system:node:n1");
    assert_int_equal(crypto_cert_organizations(leaf.cert), 2);
    buf_clear(&text);
    crypto_cert_organization(leaf.cert, 1, &text);
    assert_string_equal(text.data, "b");
    buf_clear(&text);
    crypto_cert_organization(leaf.cert, 2, &text);
    assert_int_equal(text.len, 0);

    assert_true(crypto_cert_matches_host(leaf.cert, "127.0.0.1"));
    assert_true(crypto_cert_matches_host(leaf.cert, "::1"));
    assert_true(crypto_cert_matches_host(leaf.cert, "localhost"));
    assert_false(crypto_cert_matches_host(leaf.cert, "127.0.0.2"));
    assert_false(crypto_cert_matches_host(leaf.cert, "system:node:n1"));
    assert_true(crypto_cert_signed_by(leaf.cert, ca.cert));
    assert_false(crypto_cert_signed_by(leaf.cert, other.cert)); /* same name, another key */
    assert_true(crypto_cert_matches_key(leaf.cert, leaf.key));
    assert_false(crypto_cert_matches_key(leaf.cert, ca.key));
    int64_t now = clock_wall(&clock_system) / NS_PER_S;
    assert_true(crypto_cert_not_before(leaf.cert) <= now);
    assert_in_range(crypto_cert_not_after(leaf.cert), now + 9 * 86400, now + 11 * 86400);

    _cleanup_(crypto_cert_freep) struct crypto_cert *reread = NULL;
    assert_int_equal(crypto_cert_pem(leaf.cert, &pem, &err), 0);
    assert_int_equal(crypto_cert_from_pem(buf_str(&pem), &reread, &err), 0);
    uint8_t a[SHA256_LEN], b[SHA256_LEN];
    crypto_cert_fingerprint(leaf.cert, a);
    crypto_cert_fingerprint(reread, b);
    assert_memory_equal(a, b, sizeof(a));
}

static void expect_mode(const char *dir, const char *file, mode_t mode)
{
    _cleanup_(freep) char *path = xasprintf("%s/%s", dir, file);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, mode);
}

static void test_files_and_renewal(void **state)
{
    char dir[] = "/tmp/coracle-pki-test-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct err err = ERR_INIT;
    _cleanup_(pki_pair_release) struct pki_pair ca = {0}, again = {0};
    bool made = false;
    assert_int_equal(pki_ensure_ca(dir, "ca", "coracle", &ca, &made, &err), 0);
    assert_true(made);
    assert_int_equal(pki_ensure_ca(dir, "ca", "another name", &again, &made, &err), 0);
    assert_false(made);
    expect_mode(dir, "ca.key", 0600);
    expect_mode(dir, "ca.crt", 0644);

    const struct str names[] = {STR("127.0.0.1"), STR("10.0.0.1")};
    struct pki_request req = {"kube-apiserver", NULL, 0, names, 1, CRYPTO_CERT_SERVER, 0};
    assert_int_equal(pki_ensure(dir, "apiserver", &ca, &req, &made, &err), 0);
    assert_true(made);
    assert_int_equal(pki_ensure(dir, "apiserver", &ca, &req, &made, &err), 0);
    assert_false(made);
    req.n_names = 2; /* a new address: made anew */
    assert_int_equal(pki_ensure(dir, "apiserver", &ca, &req, &made, &err), 0);
    assert_true(made);
    req.days = PKI_RENEW_DAYS - 1; /* runs out soon: not good enough at the next check */
    assert_int_equal(pki_ensure(dir, "short", &ca, &req, &made, &err), 0);
    assert_int_equal(pki_ensure(dir, "short", &ca, &req, &made, &err), 0);
    assert_true(made);

    assert_int_equal(pki_ensure_key(dir, "sa", CRYPTO_EC_P256, &made, &err), 0);
    assert_true(made);
    assert_int_equal(pki_ensure_key(dir, "sa", CRYPTO_EC_P256, &made, &err), 0);
    assert_false(made);
    expect_mode(dir, "sa.key", 0600);
    expect_mode(dir, "sa.pub", 0644);

    _cleanup_(freep) char *ca_key = xasprintf("%s/ca.key", dir);
    assert_int_equal(file_write(ca_key, STR("not a key"), 0600, &err), 0);
    assert_int_equal(pki_ensure_ca(dir, "ca", "coracle", &again, &made, &err), -1); /* never replaced silently */
    err_clear(&err);
    assert_int_equal(file_remove_tree(dir, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digests),      cmocka_unit_test(test_sign_ec),
        cmocka_unit_test(test_sign_rsa),     cmocka_unit_test(test_broken_pem),
        cmocka_unit_test(test_certificates), cmocka_unit_test(test_files_and_renewal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
