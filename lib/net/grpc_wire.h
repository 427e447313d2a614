/*
 * grpc_wire.h - the pure parts of gRPC's wire format: message framing, timeouts, status text, targets. Internal to
 * lib/net.
 */
#ifndef NET_GRPC_WIRE_H
#define NET_GRPC_WIRE_H

#include "base/buf.h"
#include "base/err.h"
#include "dial.h"

#define GRPC_PREFIX 5 /* compressed flag, big-endian length */

void grpc_prefix_write(unsigned char out[GRPC_PREFIX], size_t n);

/* Cuts a stream of DATA bytes into messages. */
struct grpc_parser {
    unsigned char prefix[GRPC_PREFIX];
    size_t have; /* of prefix */
    size_t need; /* bytes of the message still to come */
    struct buf message;
};
void grpc_parser_init(struct grpc_parser *p, size_t max_message);
void grpc_parser_release(struct grpc_parser *p);
/* Takes bytes off the front of *in. 1 = p->message holds a whole message: use it (take or clear) before the next call;
 * 0 = *in is used up; -1 = ERR_TOO_LARGE or ERR_INTERNAL (a compressed message, which nobody asked for). */
int grpc_parser_feed(struct grpc_parser *p, struct str *in, struct err *err) MUST_CHECK;
bool grpc_parser_idle(const struct grpc_parser *p); /* not in the middle of a message */

#define GRPC_TIMEOUT_MAX 24
/* grpc-timeout: at most eight digits and a unit; rounded up. */
void grpc_timeout_format(char out[GRPC_TIMEOUT_MAX], int64_t ms);
/* grpc-message: percent-decoded as far as it is well-formed, cut to the size. */
void grpc_message_decode(char *out, size_t size, struct str s);
/* What an answer without grpc-status means, by its HTTP status: a gRPC status. */
int grpc_status_of_http(int http);

struct grpc_target {
    struct net_address address; /* of a unix socket: localhost */
    char *unix_socket;          /* or NULL */
};
int grpc_target_parse(struct str s, struct grpc_target *ret, struct err *err) MUST_CHECK;
void grpc_target_release(struct grpc_target *t);

#endif
