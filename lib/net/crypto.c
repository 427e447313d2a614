#include "net/crypto_internal.h"

#include "base/parse.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#define P256_COORD 32
#define KEYS_PER_FILE_MAX 64

int crypto_fail(struct err *err, const char *what)
{
    unsigned long code = ERR_get_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return err_set(err, ERR_INTERNAL, "%s: %s", what, reason ? reason : "failed");
}

void crypto_sha256(const void *p, size_t n, uint8_t out[SHA256_LEN])
{
    SHA256(p, n, out);
}

void crypto_hmac_sha256(struct str key, struct str data, uint8_t out[SHA256_LEN])
{
    HMAC(EVP_sha256(), key.p, (int)key.n, (const unsigned char *)data.p, data.n, out, NULL);
}

void crypto_sha1(const void *p, size_t n, uint8_t out[20])
{
    SHA1(p, n, out);
}

bool crypto_equal(struct str a, struct str b)
{
    return a.n == b.n && CRYPTO_memcmp(a.p, b.p, a.n) == 0;
}

void crypto_wipe(void *p, size_t n)
{
    OPENSSL_cleanse(p, n);
}

/* --- keys --- */

static struct crypto_key *key_wrap(EVP_PKEY *pkey, bool is_private)
{
    struct crypto_key *k = xcalloc(1, sizeof(*k));
    k->pkey = pkey;
    k->is_private = is_private;
    return k;
}

struct crypto_key *crypto_key_free(struct crypto_key *k)
{
    if (k) {
        EVP_PKEY_free(k->pkey);
        free(k);
    }
    return NULL;
}

bool crypto_key_is_private(const struct crypto_key *k)
{
    return k->is_private;
}

int crypto_key_generate(enum crypto_key_kind kind, struct crypto_key **ret, struct err *err)
{
    EVP_PKEY *pkey = kind == CRYPTO_EC_P256 ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048);
    if (!pkey)
        return crypto_fail(err, "cannot generate a key");
    *ret = key_wrap(pkey, true);
    return 0;
}

static EVP_PKEY *private_of_der(const unsigned char *p, long n)
{
    return d2i_AutoPrivateKey(NULL, &p, n); /* PKCS#8, PKCS#1 or SEC1, told apart by content */
}

static EVP_PKEY *public_of_der(const unsigned char *p, long n)
{
    return d2i_PUBKEY(NULL, &p, n);
}

static EVP_PKEY *rsa_public_of_der(const unsigned char *p, long n)
{
    return d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, n);
}

static EVP_PKEY *cert_key_of_der(const unsigned char *p, long n)
{
    X509 *x = d2i_X509(NULL, &p, n);
    EVP_PKEY *pkey = x ? X509_get_pubkey(x) : NULL;
    X509_free(x);
    return pkey;
}

/* PEM block names that hold a key. Others ("EC PARAMETERS" in front of a key by openssl ecparam) are skipped. */
static const struct {
    const char *name;
    bool is_private;
    EVP_PKEY *(*decode)(const unsigned char *p, long n);
} key_blocks[] = {
    {"PRIVATE KEY", true, private_of_der},        {"EC PRIVATE KEY", true, private_of_der},
    {"RSA PRIVATE KEY", true, private_of_der},    {"PUBLIC KEY", false, public_of_der},
    {"RSA PUBLIC KEY", false, rsa_public_of_der}, {"CERTIFICATE", false, cert_key_of_der},
};

/* The next key of the text; NULL at its end, with err set when a block was broken. */
static struct crypto_key *next_key(BIO *bio, struct err *err)
{
    struct crypto_key *key = NULL;
    char *name = NULL, *header = NULL;
    unsigned char *data = NULL;
    long n = 0;
    while (!key && PEM_read_bio(bio, &name, &header, &data, &n) == 1) {
        for (size_t i = 0; i < ARRAY_LEN(key_blocks) && !key; i++) {
            if (strcmp(name, key_blocks[i].name) != 0)
                continue;
            EVP_PKEY *pkey = key_blocks[i].decode(data, n);
            if (pkey)
                key = key_wrap(pkey, key_blocks[i].is_private);
            else
                (void)crypto_fail(err, "cannot read a key in PEM form");
        }
        OPENSSL_cleanse(data, (size_t)n);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(data);
        if (err->code != ERR_OK)
            break;
    }
    ERR_clear_error();
    return key;
}

int crypto_keys_from_pem(struct str pem, void (*add)(void *arg, struct crypto_key *key), void *arg, struct err *err)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    if (!bio)
        return crypto_fail(err, "cannot read PEM");
    struct err local = ERR_INIT;
    size_t n = 0;
    for (struct crypto_key *key; n < KEYS_PER_FILE_MAX && (key = next_key(bio, &local)); n++)
        add(arg, key);
    BIO_free(bio);
    if (local.code != ERR_OK) {
        *err = local;
        return -1;
    }
    return n ? 0 : err_set(err, ERR_BAD_REQUEST, "no key in PEM form found");
}

static void keep_first(void *arg, struct crypto_key *key)
{
    struct crypto_key **first = arg;
    if (*first)
        crypto_key_free(key);
    else
        *first = key;
}

int crypto_key_from_pem(struct str pem, struct crypto_key **ret, struct err *err)
{
    struct crypto_key *first = NULL;
    if (crypto_keys_from_pem(pem, keep_first, &first, err) < 0) {
        crypto_key_free(first);
        return -1;
    }
    *ret = first;
    return 0;
}

static int bio_to_buf(BIO *bio, struct buf *out, struct err *err)
{
    char *p;
    long n = BIO_get_mem_data(bio, &p);
    buf_add(out, p, (size_t)n);
    OPENSSL_cleanse(p, (size_t)n);
    BIO_free(bio);
    return buf_ok(out) ? 0 : err_set(err, ERR_TOO_LARGE, "PEM text does not fit");
}

int crypto_key_private_pem(const struct crypto_key *k, struct buf *out, struct err *err)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (!bio || PEM_write_bio_PKCS8PrivateKey(bio, k->pkey, NULL, NULL, 0, NULL, NULL) != 1) {
        BIO_free(bio);
        return crypto_fail(err, "cannot write a private key");
    }
    return bio_to_buf(bio, out, err);
}

int crypto_key_public_pem(const struct crypto_key *k, struct buf *out, struct err *err)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (!bio || PEM_write_bio_PUBKEY(bio, k->pkey) != 1) {
        BIO_free(bio);
        return crypto_fail(err, "cannot write a public key");
    }
    return bio_to_buf(bio, out, err);
}

int crypto_key_id(const struct crypto_key *k, struct buf *out, struct err *err)
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(k->pkey, &der);
    if (n <= 0)
        return crypto_fail(err, "cannot encode a public key");
    uint8_t sum[SHA256_LEN];
    crypto_sha256(der, (size_t)n, sum);
    OPENSSL_free(der);
    base64url_encode(out, sum, sizeof(sum));
    return buf_ok(out) ? 0 : err_set(err, ERR_TOO_LARGE, "key id does not fit");
}

/* --- JSON Web Signatures --- */

static bool is_p256(const EVP_PKEY *pkey)
{
    char group[64];
    size_t n = 0;
    return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC &&
           EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group), &n) == 1 &&
           (strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0);
}

const char *crypto_jws_alg(const struct crypto_key *k)
{
    if (EVP_PKEY_get_base_id(k->pkey) == EVP_PKEY_RSA)
        return "RS256";
    return is_p256(k->pkey) ? "ES256" : NULL;
}

/* X9.62 DER (what OpenSSL makes) to the plain r||s of RFC 7518. */
static bool ecdsa_der_to_raw(const unsigned char *der, size_t n, unsigned char raw[2 * P256_COORD])
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
    bool ok = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, P256_COORD) == P256_COORD &&
              BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + P256_COORD, P256_COORD) == P256_COORD;
    ECDSA_SIG_free(sig);
    return ok;
}

/* The other way; returns a length, 0 on failure. The DER is OpenSSL's to free. */
static size_t ecdsa_raw_to_der(struct str raw, unsigned char **ret)
{
    if (raw.n != 2 * P256_COORD)
        return 0;
    const unsigned char *p = (const unsigned char *)raw.p;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(p, P256_COORD, NULL), *s = BN_bin2bn(p + P256_COORD, P256_COORD, NULL);
    if (!sig || !r || !s || ECDSA_SIG_set0(sig, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(sig);
        return 0;
    }
    int n = i2d_ECDSA_SIG(sig, ret);
    ECDSA_SIG_free(sig);
    return n > 0 ? (size_t)n : 0;
}

int crypto_jws_sign(const struct crypto_key *k, struct str data, struct buf *out_signature, struct err *err)
{
    const char *alg = crypto_jws_alg(k);
    if (!alg || !k->is_private)
        return err_set(err, ERR_BAD_REQUEST, "signing needs a private RSA or P-256 key");
    unsigned char sig[1024], raw[2 * P256_COORD];
    size_t n = sizeof(sig);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && (size_t)EVP_PKEY_get_size(k->pkey) <= sizeof(sig) &&
              EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, k->pkey) == 1 &&
              EVP_DigestSign(ctx, sig, &n, (const unsigned char *)data.p, data.n) == 1;
    EVP_MD_CTX_free(ctx);
    bool ec = alg[0] == 'E';
    if (!ok || (ec && !ecdsa_der_to_raw(sig, n, raw)))
        return crypto_fail(err, "cannot sign");
    buf_add(out_signature, ec ? raw : sig, ec ? sizeof(raw) : n);
    return buf_ok(out_signature) ? 0 : err_set(err, ERR_TOO_LARGE, "signature does not fit");
}

bool crypto_jws_verify(const struct crypto_key *k, struct str alg, struct str data, struct str signature)
{
    const char *own = crypto_jws_alg(k);
    if (!own || !str_is(alg, own)) /* the key decides about the algorithm, never the token */
        return false;
    unsigned char *der = NULL;
    const unsigned char *sig = (const unsigned char *)signature.p;
    size_t n = signature.n;
    if (own[0] == 'E') {
        n = ecdsa_raw_to_der(signature, &der);
        sig = der;
    }
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = n && ctx && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, k->pkey) == 1 &&
              EVP_DigestVerify(ctx, sig, n, (const unsigned char *)data.p, data.n) == 1;
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
    ERR_clear_error();
    return ok;
}

/* One big number of a key as base64url, padded with zeros to pad bytes (0 = as short as it is). */
static bool param_base64(const EVP_PKEY *pkey, const char *param, int pad, struct buf *out)
{
    BIGNUM *bn = NULL;
    unsigned char bytes[1024];
    if (EVP_PKEY_get_bn_param(pkey, param, &bn) != 1)
        return false;
    int n = pad ? pad : BN_num_bytes(bn);
    bool ok = n <= (int)sizeof(bytes) && BN_bn2binpad(bn, bytes, n) == n;
    if (ok)
        base64url_encode(out, bytes, (size_t)n);
    BN_free(bn);
    return ok && buf_ok(out);
}

int crypto_key_jwk(const struct crypto_key *k, const char **ret_kty, struct buf *x, struct buf *y, struct err *err)
{
    const char *alg = crypto_jws_alg(k);
    bool ok = false;
    if (alg && alg[0] == 'E')
        ok = param_base64(k->pkey, OSSL_PKEY_PARAM_EC_PUB_X, P256_COORD, x) &&
             param_base64(k->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, P256_COORD, y);
    else if (alg)
        ok = param_base64(k->pkey, OSSL_PKEY_PARAM_RSA_N, 0, x) && param_base64(k->pkey, OSSL_PKEY_PARAM_RSA_E, 0, y);
    if (!ok)
        return crypto_fail(err, "cannot export a public key");
    *ret_kty = alg[0] == 'E' ? "EC" : "RSA";
    return 0;
}
