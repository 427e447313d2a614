/*
 * crypto.h - digests, keys, signatures and certificates: the one door to OpenSSL beside the TLS server and clients.
 *
 * Objects are opaque, made by one of the functions here and freed by their free function; a key or certificate may be
 * used by several threads once made. Errors tell what failed and OpenSSL's first reason, never key material.
 */
#ifndef NET_CRYPTO_H
#define NET_CRYPTO_H

#include "base/buf.h"
#include "base/err.h"

#define SHA256_LEN 32

void crypto_sha256(const void *p, size_t n, uint8_t out[SHA256_LEN]);
void crypto_hmac_sha256(struct str key, struct str data, uint8_t out[SHA256_LEN]);
void crypto_sha1(const void *p, size_t n, uint8_t out[20]); /* WebSocket accept keys and key identifiers only */
/* In time that depends on the lengths only. */
bool crypto_equal(struct str a, struct str b);
void crypto_wipe(void *p, size_t n); /* is not optimised away */

/* --- keys --- */
struct crypto_key; /* a private key, or only its public half */

enum crypto_key_kind { CRYPTO_EC_P256, CRYPTO_RSA_2048 };

int crypto_key_generate(enum crypto_key_kind kind, struct crypto_key **ret, struct err *err) MUST_CHECK;
/* The first key of a PEM text: private (PKCS#1, SEC1, PKCS#8), public, or that of a certificate. */
int crypto_key_from_pem(struct str pem, struct crypto_key **ret, struct err *err) MUST_CHECK;
/* Every key of a PEM text (a verification key file may hold several). Calls add for each, which takes the key over. */
int crypto_keys_from_pem(struct str pem, void (*add)(void *arg, struct crypto_key *key), void *arg,
                         struct err *err) MUST_CHECK;
struct crypto_key *crypto_key_free(struct crypto_key *k);
static inline void crypto_key_freep(struct crypto_key **k)
{
    crypto_key_free(*k);
}
bool crypto_key_is_private(const struct crypto_key *k);
int crypto_key_private_pem(const struct crypto_key *k, struct buf *out, struct err *err) MUST_CHECK; /* PKCS#8 */
int crypto_key_public_pem(const struct crypto_key *k, struct buf *out, struct err *err) MUST_CHECK;
/* JWT "kid" as upstream makes it: base64url of the SHA-256 of the public key's DER. */
int crypto_key_id(const struct crypto_key *k, struct buf *out, struct err *err) MUST_CHECK;

/* JSON Web Signature over data: "ES256" or "RS256". */
const char *crypto_jws_alg(const struct crypto_key *k); /* NULL when the key fits neither */
int crypto_jws_sign(const struct crypto_key *k, struct str data, struct buf *out_signature, struct err *err) MUST_CHECK;
bool crypto_jws_verify(const struct crypto_key *k, struct str alg, struct str data, struct str signature);
/* The members of a JSON Web Key: kind "EC" with x and y, or "RSA" with n (x) and e (y), base64url. */
int crypto_key_jwk(const struct crypto_key *k, const char **ret_kty, struct buf *x, struct buf *y,
                   struct err *err) MUST_CHECK;

/* --- certificates --- */
struct crypto_cert;

int crypto_cert_from_pem(struct str pem, struct crypto_cert **ret, struct err *err) MUST_CHECK; /* the first one */
int crypto_cert_from_der(struct str der, struct crypto_cert **ret, struct err *err) MUST_CHECK;
struct crypto_cert *crypto_cert_free(struct crypto_cert *c);
static inline void crypto_cert_freep(struct crypto_cert **c)
{
    crypto_cert_free(*c);
}
int crypto_cert_pem(const struct crypto_cert *c, struct buf *out, struct err *err) MUST_CHECK;
void crypto_cert_common_name(const struct crypto_cert *c, struct buf *out); /* the last CN; empty when none */
size_t crypto_cert_organizations(const struct crypto_cert *c);              /* how many O the subject has */
void crypto_cert_organization(const struct crypto_cert *c, size_t i, struct buf *out);
void crypto_cert_fingerprint(const struct crypto_cert *c, uint8_t out[SHA256_LEN]);
int64_t crypto_cert_not_before(const struct crypto_cert *c); /* seconds since 1970 */
int64_t crypto_cert_not_after(const struct crypto_cert *c);
bool crypto_cert_matches_host(const struct crypto_cert *c, const char *host_or_ip);
bool crypto_cert_signed_by(const struct crypto_cert *c, const struct crypto_cert *ca);
bool crypto_cert_matches_key(const struct crypto_cert *c, const struct crypto_key *k);

enum crypto_cert_usage { CRYPTO_CERT_CA = 1, CRYPTO_CERT_SERVER = 2, CRYPTO_CERT_CLIENT = 4 };

struct crypto_cert_template {
    struct str common_name;
    const struct str *organizations;
    size_t n_organizations;
    const struct str *names; /* subject alternative names: text that is an IP address becomes one, else DNS */
    size_t n_names;
    unsigned usages; /* enum crypto_cert_usage */
    int64_t not_before_s, not_after_s;
};
/* A certificate for the key, signed by the CA's key (issuer NULL = signed by key itself). Serial numbers are random. */
int crypto_cert_make(const struct crypto_cert_template *t, const struct crypto_key *key,
                     const struct crypto_cert *issuer, const struct crypto_key *issuer_key, struct crypto_cert **ret,
                     struct err *err) MUST_CHECK;

#endif
