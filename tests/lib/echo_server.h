/*
 * echo_server.h - a small HTTP server over lib/net for tests and benchmarks.
 *
 *   GET  /hello              "hello\n", inline
 *   GET  /worker             "worked\n", from a worker thread
 *   GET  /big?n=BYTES        that many bytes, slices of one shared buffer
 *   GET  /stream?n=COUNT     COUNT lines, each pulled after a wake-up from a timer
 *   GET  /watch              a stream that never says anything until the server stops
 *   POST /echo               the body back (at most 1 MiB)
 *   POST /ignore             answers at once, the body is not asked for
 *   POST /read               streams the body in, answers its length
 *   GET  /whoami             peer: "verified CN O,O"
 *   GET  /headers            the header fields back, a line each
 *   GET  /never              does not answer
 *   GET  /tunnel             upgrade: bytes come back; half-close is mirrored
 *   GET  /ws                 WebSocket: messages come back
 */
#ifndef TEST_ECHO_SERVER_H
#define TEST_ECHO_SERVER_H

#include "net/http_server.h"

struct echo_server;

struct echo_server *echo_server_new(const struct http_limits *limits, const struct tls_options *tls, size_t threads,
                                    uint16_t port, struct err *err);
struct echo_server *echo_server_free(struct echo_server *s);
struct http_server *echo_server_http(struct echo_server *s);
uint16_t echo_server_port(const struct echo_server *s, bool tls); /* in clear, or TLS when tls options were given */
/* Makes a CA, a serving pair, a client pair (CN alice, O dev) and a self-signed client pair in dir. */
void echo_server_pki(const char *dir, struct tls_options *ret, char paths[3][256]);
/* What the tests of the protocols begin with: one server with the usual limits and one with strict ones. For cmocka:
 * 0 or -1. */
struct echo_pair {
    struct echo_server *patient, *quick;
};
int echo_pair_begin(struct echo_pair *p, const struct http_limits *quick);
void echo_pair_end(struct echo_pair *p);
size_t echo_server_gone(const struct echo_server *s); /* streams closed before their end */

#endif
