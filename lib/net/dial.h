/*
 * dial.h - one outgoing connection: TCP or unix socket, TLS with client certificates; then bytes. Internal to lib/net:
 * the gRPC client and the HTTP client stand on it.
 *
 * libcurl did this once. It brings two dozen libraries (a second TLS stack, Kerberos, LDAP, SSH) that cost each of our
 * processes 3 MB of memory and its start some milliseconds, for what is a connect and a handshake here.
 *
 * A conn is not thread-safe; open blocks, the rest never does. A net_tls is shared by any number of connections.
 */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include "base/err.h"
#include "base/str.h"

#include <sys/types.h>

struct net_tls;
struct net_conn;

struct net_tls_options {
    /* PEM, from files or from memory (memory wins); nothing = the system's CAs, no client certificate. Each certificate
     * in the CA file is trusted as it is, as Go does: it need not be self-signed. */
    const char *ca_file, *cert_file, *key_file;
    struct str ca_pem, cert_pem, key_pem;
    const char *server_name; /* verified, and sent as SNI, instead of the host connected to */
    bool insecure;           /* the server's certificate is not verified */
    const char *alpn;        /* "h2", or NULL for none */
};
int net_tls_new(const struct net_tls_options *o, struct net_tls **ret, struct err *err) MUST_CHECK;
struct net_tls *net_tls_free(struct net_tls *t); /* returns NULL; accepts NULL; connections keep what they need */

/* "scheme://host[:port]", host may be "[::1]". */
struct net_address {
    char *host; /* without brackets */
    char *port;
    char *authority; /* as written: for Host headers */
    bool tls;
};
int net_address_parse(struct str url, struct net_address *ret, struct err *err) MUST_CHECK;
void net_address_release(struct net_address *a);

struct net_conn_options {
    const struct net_address *address;
    const char *unix_socket;   /* connect here instead */
    const struct net_tls *tls; /* NULL for plain */
    int timeout_ms;            /* for connect and handshake together */
    /* While connecting: a readable wake_fd (-1 = none) and every 100 ms run tick; false gives up (ERR_CANCELLED). */
    int wake_fd;
    bool (*tick)(void *user);
    void *user;
};

#define NET_CONN_AGAIN (-2)

/* ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_UNAUTHORIZED (the server's certificate does not verify), ERR_CANCELLED. Resolving a
 * name blocks in the resolver, beyond the timeout. */
int net_conn_open(const struct net_conn_options *o, struct net_conn **ret, struct err *err) MUST_CHECK;
struct net_conn *net_conn_free(struct net_conn *c); /* returns NULL; accepts NULL */
int net_conn_fd(const struct net_conn *c);
bool net_conn_tls(const struct net_conn *c);
/* >0 bytes, 0 end (recv only), NET_CONN_AGAIN (recv: wait for input, send: for output), -1 error. */
ssize_t net_conn_recv(struct net_conn *c, void *p, size_t n, struct err *err) MUST_CHECK;
ssize_t net_conn_send(struct net_conn *c, const void *p, size_t n, struct err *err) MUST_CHECK;

#endif
