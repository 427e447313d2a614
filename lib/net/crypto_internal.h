/*
 * crypto_internal.h - what crypto.c, cert.c and the TLS layer share: the OpenSSL objects inside the opaque types.
 */
#ifndef NET_CRYPTO_INTERNAL_H
#define NET_CRYPTO_INTERNAL_H

#include "net/crypto.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

struct crypto_key {
    EVP_PKEY *pkey;
    bool is_private;
};

struct crypto_cert {
    X509 *x509;
};

/* Sets ERR_INTERNAL "what: OpenSSL's reason" and empties OpenSSL's error queue. */
int crypto_fail(struct err *err, const char *what);

#endif
