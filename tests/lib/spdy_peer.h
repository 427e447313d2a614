/*
 * spdy_peer.h - a SPDY/3.1 server for tests, written apart from the client it is to check: it runs "exec" as a program
 * that copies stdin to stdout and ends well when stdin ends.
 */
#ifndef TEST_SPDY_PEER_H
#define TEST_SPDY_PEER_H

#include "base/buf.h"

struct spdy_peer;

/* Streams it expects before it starts (error, stdin, stdout ...). Answers are appended to out. */
struct spdy_peer *spdy_peer_new(size_t streams, struct buf *out);
void spdy_peer_free(struct spdy_peer *p);
bool spdy_peer_input(struct spdy_peer *p, struct str data); /* false: not SPDY */
/* "error stdin stdout resize" in the order of opening, and what came on resize. */
const char *spdy_peer_opened(const struct spdy_peer *p);
struct str spdy_peer_resizes(const struct spdy_peer *p);

#endif
