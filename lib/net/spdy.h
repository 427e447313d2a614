/*
 * spdy.h - the client's side of a SPDY/3.1 session, as Kubernetes' streaming servers speak it: streams with headers,
 * data and half-close; no flow control (their implementation has none: TCP holds up).
 *
 * Pure: bytes in, bytes out, no socket. Headers are compressed by zlib with SPDY/3's dictionary, one state a direction
 * for the life of the session. One thread.
 */
#ifndef NET_SPDY_H
#define NET_SPDY_H

#include "base/buf.h"
#include "base/err.h"

struct spdy;

struct spdy_header {
    struct str name, value; /* lower-case name */
};

struct spdy_ops {
    void (*on_reply)(void *ctx, uint32_t stream);                           /* the other side has taken the stream */
    void (*on_data)(void *ctx, uint32_t stream, struct str data, bool fin); /* fin: nothing more comes on it */
    void (*on_reset)(void *ctx, uint32_t stream, uint32_t status);
};

/* Output is appended to out, whose ceiling bounds it: the owner sends and empties it. */
int spdy_new(const struct spdy_ops *ops, void *ctx, struct buf *out, struct spdy **ret, struct err *err) MUST_CHECK;
struct spdy *spdy_free(struct spdy *s); /* returns NULL; accepts NULL */
/* Opens a stream (ids 1, 3, 5 ...); returns its id, 0 on failure. */
uint32_t spdy_open(struct spdy *s, const struct spdy_header *headers, size_t n);
void spdy_send(struct spdy *s, uint32_t stream, struct str data, bool fin);
void spdy_reset(struct spdy *s, uint32_t stream, uint32_t status);
void spdy_goaway(struct spdy *s);
/* Takes bytes that arrived, of any length. -1: the other side does not speak SPDY, end the connection. */
int spdy_input(struct spdy *s, struct str data, struct err *err) MUST_CHECK;

void spdy_dictionary(struct buf *out); /* what the compression of both sides starts with; for peers in tests */

#define SPDY_CANCEL 5
#define SPDY_DATA_MAX ((size_t)(64 * 1024)) /* a longer piece is split into frames of this */

#endif
