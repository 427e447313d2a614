/*
 * tls_session.h - inside lib/net: one server connection's TLS, bytes in and bytes out, no socket.
 *
 * Ciphertext goes in by tls_feed (borrowed until tls_read says it wants more) and comes out appended to the buf given;
 * so a thread needs one cipher buffer for all its connections.
 */
#ifndef NET_TLS_SESSION_H
#define NET_TLS_SESSION_H

#include "tls.h"
#include "base/buf.h"

struct tls_session;

enum tls_state {
    TLS_FAILED = -1,
    TLS_WANT = 0, /* more ciphertext is needed */
    TLS_DONE = 1,
    TLS_CLOSED = 2, /* close_notify */
};

struct tls_session *tls_session_new(struct tls_context *c, struct buf *out);
void tls_session_free(struct tls_session *s); /* accepts NULL */
void tls_feed(struct tls_session *s, const char *p, size_t n);
enum tls_state tls_handshake(struct tls_session *s);
enum tls_state tls_read(struct tls_session *s, char *to, size_t n, size_t *ret_n); /* ret_n > 0 with TLS_DONE */
int tls_write(struct tls_session *s, const char *p, size_t n) MUST_CHECK;          /* all of it, 0 or -1 */
void tls_close_notify(struct tls_session *s);
bool tls_is_h2(const struct tls_session *s);
/* Fills the certificate's part; der and the names are malloc'd and belong to the peer. */
void tls_peer_fill(struct tls_session *s, struct http_peer *peer);
void tls_peer_release(struct http_peer *peer);

#endif
