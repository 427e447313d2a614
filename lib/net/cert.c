#include "net/crypto_internal.h"

#include "base/random.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <time.h>

#define SERIAL_BYTES 16
#define X509_VERSION_3_VALUE 2
#define NAME_MAX_BYTES 253

static struct crypto_cert *cert_wrap(X509 *x)
{
    struct crypto_cert *c = xcalloc(1, sizeof(*c));
    c->x509 = x;
    return c;
}

struct crypto_cert *crypto_cert_free(struct crypto_cert *c)
{
    if (c) {
        X509_free(c->x509);
        free(c);
    }
    return NULL;
}

int crypto_cert_from_pem(struct str pem, struct crypto_cert **ret, struct err *err)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    if (!x)
        return crypto_fail(err, "cannot read a certificate in PEM form");
    *ret = cert_wrap(x);
    return 0;
}

int crypto_cert_from_der(struct str der, struct crypto_cert **ret, struct err *err)
{
    const unsigned char *p = (const unsigned char *)der.p;
    X509 *x = d2i_X509(NULL, &p, (long)der.n);
    if (!x)
        return crypto_fail(err, "cannot read a certificate in DER form");
    *ret = cert_wrap(x);
    return 0;
}

int crypto_cert_pem(const struct crypto_cert *c, struct buf *out, struct err *err)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (!bio || PEM_write_bio_X509(bio, c->x509) != 1) {
        BIO_free(bio);
        return crypto_fail(err, "cannot write a certificate");
    }
    char *p;
    long n = BIO_get_mem_data(bio, &p);
    buf_add(out, p, (size_t)n);
    BIO_free(bio);
    return buf_ok(out) ? 0 : err_set(err, ERR_TOO_LARGE, "PEM text does not fit");
}

/* --- the subject --- */

static void add_entry(const X509_NAME *name, int at, struct buf *out)
{
    unsigned char *utf8 = NULL;
    int n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (n > 0)
        buf_add(out, utf8, (size_t)n);
    OPENSSL_free(utf8);
}

void crypto_cert_common_name(const struct crypto_cert *c, struct buf *out)
{
    X509_NAME *name = X509_get_subject_name(c->x509);
    int last = -1;
    for (int at = -1; (at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0;)
        last = at;
    if (last >= 0)
        add_entry(name, last, out);
}

size_t crypto_cert_organizations(const struct crypto_cert *c)
{
    X509_NAME *name = X509_get_subject_name(c->x509);
    size_t n = 0;
    for (int at = -1; (at = X509_NAME_get_index_by_NID(name, NID_organizationName, at)) >= 0;)
        n++;
    return n;
}

void crypto_cert_organization(const struct crypto_cert *c, size_t i, struct buf *out)
{
    X509_NAME *name = X509_get_subject_name(c->x509);
    int at = -1;
    do
        at = X509_NAME_get_index_by_NID(name, NID_organizationName, at);
    while (at >= 0 && i-- > 0);
    if (at >= 0)
        add_entry(name, at, out);
}

void crypto_cert_fingerprint(const struct crypto_cert *c, uint8_t out[SHA256_LEN])
{
    unsigned int n = SHA256_LEN;
    if (X509_digest(c->x509, EVP_sha256(), out, &n) != 1)
        memset(out, 0, SHA256_LEN);
}

static int64_t asn1_seconds(const ASN1_TIME *t)
{
    struct tm tm = {0};
    return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

int64_t crypto_cert_not_before(const struct crypto_cert *c)
{
    return asn1_seconds(X509_get0_notBefore(c->x509));
}

int64_t crypto_cert_not_after(const struct crypto_cert *c)
{
    return asn1_seconds(X509_get0_notAfter(c->x509));
}

/* --- what it is good for --- */

static bool is_ip(const char *s)
{
    unsigned char addr[16];
    return inet_pton(AF_INET, s, addr) == 1 || inet_pton(AF_INET6, s, addr) == 1;
}

bool crypto_cert_matches_host(const struct crypto_cert *c, const char *host_or_ip)
{
    if (is_ip(host_or_ip))
        return X509_check_ip_asc(c->x509, host_or_ip, 0) == 1;
    return X509_check_host(c->x509, host_or_ip, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
}

bool crypto_cert_signed_by(const struct crypto_cert *c, const struct crypto_cert *ca)
{
    EVP_PKEY *key = X509_get0_pubkey(ca->x509);
    bool ok = key && X509_NAME_cmp(X509_get_issuer_name(c->x509), X509_get_subject_name(ca->x509)) == 0 &&
              X509_verify(c->x509, key) == 1;
    ERR_clear_error();
    return ok;
}

bool crypto_cert_matches_key(const struct crypto_cert *c, const struct crypto_key *k)
{
    bool ok = X509_check_private_key(c->x509, k->pkey) == 1;
    ERR_clear_error();
    return ok;
}

/* --- making one --- */

static bool add_name(X509_NAME *name, int nid, struct str text)
{
    return X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, (const unsigned char *)text.p, (int)text.n, -1, 0) == 1;
}

static bool set_subject(X509 *x, const struct crypto_cert_template *t)
{
    X509_NAME *name = X509_get_subject_name(x);
    for (size_t i = 0; i < t->n_organizations; i++)
        if (!add_name(name, NID_organizationName, t->organizations[i]))
            return false;
    return t->common_name.n == 0 || add_name(name, NID_commonName, t->common_name);
}

static bool set_serial(X509 *x)
{
    unsigned char bytes[SERIAL_BYTES];
    random_bytes(bytes, sizeof(bytes));
    bytes[0] = (bytes[0] & 0x7f) | 0x40; /* positive, and of full length */
    BIGNUM *bn = BN_bin2bn(bytes, sizeof(bytes), NULL);
    bool ok = bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x));
    BN_free(bn);
    return ok;
}

static bool add_ext(X509 *x, const X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, (X509 *)issuer, x, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&ctx);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = ext && X509_add_ext(x, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return ok;
}

/* Built as objects, not as configuration text: names come from outside and may hold commas. */
static GENERAL_NAME *general_name(struct str text)
{
    char name[NAME_MAX_BYTES + 1];
    unsigned char addr[16];
    if (text.n == 0 || !str_copy(name, sizeof(name), text))
        return NULL;
    int n = inet_pton(AF_INET, name, addr) == 1 ? 4 : inet_pton(AF_INET6, name, addr) == 1 ? 16 : 0;
    ASN1_STRING *value = n ? (ASN1_STRING *)ASN1_OCTET_STRING_new() : (ASN1_STRING *)ASN1_IA5STRING_new();
    GENERAL_NAME *gn = GENERAL_NAME_new();
    if (!gn || !value || ASN1_STRING_set(value, n ? (void *)addr : name, n ? n : (int)text.n) != 1) {
        ASN1_STRING_free(value);
        GENERAL_NAME_free(gn);
        return NULL;
    }
    GENERAL_NAME_set0_value(gn, n ? GEN_IPADD : GEN_DNS, value);
    return gn;
}

static bool set_alt_names(X509 *x, const struct crypto_cert_template *t)
{
    if (t->n_names == 0)
        return true;
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    bool ok = names != NULL;
    for (size_t i = 0; ok && i < t->n_names; i++) {
        GENERAL_NAME *gn = general_name(t->names[i]);
        ok = gn && sk_GENERAL_NAME_push(names, gn) > 0;
        if (!ok)
            GENERAL_NAME_free(gn);
    }
    ok = ok && X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
    GENERAL_NAMES_free(names);
    return ok;
}

static bool set_usages(X509 *x, unsigned usages)
{
    if (usages & CRYPTO_CERT_CA)
        return add_ext(x, x, NID_basic_constraints, "critical,CA:TRUE") &&
               add_ext(x, x, NID_key_usage, "critical,digitalSignature,keyEncipherment,keyCertSign,cRLSign");
    const char *extended = (usages & CRYPTO_CERT_SERVER) && (usages & CRYPTO_CERT_CLIENT) ? "serverAuth,clientAuth"
                           : (usages & CRYPTO_CERT_SERVER)                                ? "serverAuth"
                                                                                          : "clientAuth";
    return add_ext(x, x, NID_basic_constraints, "critical,CA:FALSE") &&
           add_ext(x, x, NID_key_usage, "critical,digitalSignature,keyEncipherment") &&
           add_ext(x, x, NID_ext_key_usage, extended);
}

static bool fill_cert(X509 *x, const struct crypto_cert_template *t, const struct crypto_key *key, X509 *issuer,
                      const struct crypto_key *issuer_key)
{
    return X509_set_version(x, X509_VERSION_3_VALUE) == 1 && set_serial(x) && set_subject(x, t) &&
           ASN1_TIME_set(X509_getm_notBefore(x), (time_t)t->not_before_s) &&
           ASN1_TIME_set(X509_getm_notAfter(x), (time_t)t->not_after_s) &&
           X509_set_issuer_name(x, X509_get_subject_name(issuer)) == 1 && X509_set_pubkey(x, key->pkey) == 1 &&
           set_usages(x, t->usages) && set_alt_names(x, t) && add_ext(x, issuer, NID_subject_key_identifier, "hash") &&
           (issuer == x || add_ext(x, issuer, NID_authority_key_identifier, "keyid")) &&
           X509_sign(x, issuer_key->pkey, EVP_sha256()) > 0;
}

int crypto_cert_make(const struct crypto_cert_template *t, const struct crypto_key *key,
                     const struct crypto_cert *issuer, const struct crypto_key *issuer_key, struct crypto_cert **ret,
                     struct err *err)
{
    X509 *x = X509_new();
    if (!x || !fill_cert(x, t, key, issuer ? issuer->x509 : x, issuer ? issuer_key : key)) {
        X509_free(x);
        return crypto_fail(err, "cannot make a certificate");
    }
    *ret = cert_wrap(x);
    return 0;
}
