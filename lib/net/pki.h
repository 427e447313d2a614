/*
 * pki.h - the cluster's certificates as files: a CA, what it signs, and the service-account key pair.
 *
 * A pair is <dir>/<name>.crt (mode 0644) and <dir>/<name>.key (mode 0600), PEM. The ensure functions leave a pair alone
 * that is there, fits together, is signed by the given CA, names what it should and stays valid for PKI_RENEW_DAYS
 * more; otherwise they make it new. So calling them again at every start is the renewal check. Keys are ECDSA P-256
 * unless said otherwise.
 */
#ifndef NET_PKI_H
#define NET_PKI_H

#include "net/crypto.h"

#define PKI_CA_DAYS 3650
#define PKI_CERT_DAYS 365
#define PKI_RENEW_DAYS 30

struct pki_pair {
    struct crypto_cert *cert;
    struct crypto_key *key;
};
void pki_pair_release(struct pki_pair *p);

/* In memory. */
int pki_make_ca(const char *common_name, int days, struct pki_pair *ret, struct err *err) MUST_CHECK;

struct pki_request {
    const char *common_name;
    const struct str *organizations;
    size_t n_organizations;
    const struct str *names; /* subject alternative names, DNS or IP */
    size_t n_names;
    unsigned usages; /* CRYPTO_CERT_SERVER | CRYPTO_CERT_CLIENT */
    int days;        /* 0 = PKI_CERT_DAYS */
};
int pki_issue(const struct pki_pair *ca, const struct pki_request *req, struct pki_pair *ret,
              struct err *err) MUST_CHECK;
int pki_self_signed(const struct pki_request *req, struct pki_pair *ret, struct err *err) MUST_CHECK;

/* As files. ret_made (may be NULL) tells whether something was written. */
int pki_load(const char *dir, const char *name, struct pki_pair *ret, struct err *err) MUST_CHECK;
int pki_save(const char *dir, const char *name, const struct pki_pair *pair, struct err *err) MUST_CHECK;
int pki_ensure_ca(const char *dir, const char *name, const char *common_name, struct pki_pair *ret, bool *ret_made,
                  struct err *err) MUST_CHECK;
int pki_ensure(const char *dir, const char *name, const struct pki_pair *ca, const struct pki_request *req,
               bool *ret_made, struct err *err) MUST_CHECK;
/* Is the pair still good for the request? (fits, signed by ca or self-signed when ca is NULL, names, subject, time) */
bool pki_fits(const struct pki_pair *pair, const struct pki_pair *ca, const struct pki_request *req);
/* <dir>/<name>.key (0600) and <dir>/<name>.pub: the key that signs service-account tokens. */
int pki_ensure_key(const char *dir, const char *name, enum crypto_key_kind kind, bool *ret_made,
                   struct err *err) MUST_CHECK;

#endif
