/*
 * tls.h - the server's side of TLS, and who is at the other end.
 *
 * A tls_context is the certificate, key, client CAs and protocol list of a listener; it is shared by all threads and
 * may be reloaded at any time (connections keep what they began with). TLS 1.2 and 1.3, no renegotiation, ALPN h2 and
 * http/1.1. A client certificate is asked for when client CAs are given, and never required: a request without one, or
 * with one that does not verify, arrives with peer->verified false. Nothing of OpenSSL is seen outside lib/net.
 * A server without a certificate makes itself one with pki_self_signed (pki.h).
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/err.h"
#include "base/str.h"

struct tls_context;

struct tls_options {
    const char *cert_file;      /* PEM: leaf first, then its chain */
    const char *key_file;       /* PEM */
    const char *client_ca_file; /* PEM bundle; NULL = client certificates are not asked for */
    bool no_h2;                 /* offer http/1.1 only */
};

struct tls_context *tls_context_new(const struct tls_options *o, struct err *err) MUST_CHECK;
struct tls_context *tls_context_free(struct tls_context *c); /* returns NULL; accepts NULL */
/* Reads the files again; on failure the old ones stay in use. Any thread. */
int tls_context_reload(struct tls_context *c, struct err *err) MUST_CHECK;

/* Who is at the other end of a connection. Immutable once requests see it, shared by reference count with them. */
struct http_peer {
    char address[64]; /* "10.0.0.7" or "fd00::7", without the port; "" when unknown */
    uint16_t port;
    uint64_t id; /* of the connection; never used twice in a process */
    bool tls;
    bool presented;                /* a client certificate was sent, and its key proven */
    bool verified;                 /* ... it chains to a client CA, is within its dates and may be used by a client */
    int64_t not_before, not_after; /* of the certificate, seconds since 1970; check again on long connections */
    struct str common_name;        /* the rest is empty unless presented */
    const struct str *organizations;
    size_t n_organizations;
    struct str der;           /* the leaf certificate */
    unsigned char sha256[32]; /* of der */
};

#endif
