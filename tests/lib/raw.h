/* raw.h - plain sockets for tests that must send exactly these bytes. Every wait is bounded by RAW_TIMEOUT_MS. */
#ifndef TEST_RAW_H
#define TEST_RAW_H

#include "base/buf.h"

#define RAW_TIMEOUT_MS 10000

int raw_connect(uint16_t port);
int raw_connect_small(uint16_t port);           /* with a small receive buffer */
bool raw_send(int fd, const void *p, size_t n); /* all of it; false when the peer has closed */
bool raw_puts(int fd, const char *s);
/* Reads until the peer closes; false when it did not within the time. */
bool raw_read_all(int fd, struct buf *out);
/* Reads until out contains text. */
bool raw_read_until(int fd, struct buf *out, const char *text);
bool raw_read_n(int fd, void *p, size_t n);
bool raw_closed(int fd); /* waits until the peer closes; what it says before is dropped */
size_t raw_count(const struct buf *b, const char *text);

/* HTTP/2 frames */
void h2_frame(struct buf *out, uint8_t type, uint8_t flags, uint32_t stream, const void *p, size_t n);
void h2_preface(struct buf *out);                                               /* with empty SETTINGS */
void h2_get(struct buf *out, uint32_t stream, const char *path, uint8_t flags); /* HEADERS of a GET */
struct h2_frame {
    uint8_t type, flags;
    uint32_t stream, n;
    uint8_t data[20000];
};
bool h2_read_frame(int fd, struct h2_frame *f);                                /* false at the end */
bool h2_read_until(int fd, struct h2_frame *f, uint8_t type, uint32_t stream); /* skips others; stream 0 = any */

enum {
    H2_DATA,
    H2_HEADERS,
    H2_PRIORITY,
    H2_RST_STREAM,
    H2_SETTINGS,
    H2_PUSH,
    H2_PING,
    H2_GOAWAY,
    H2_WINDOW_UPDATE,
    H2_CONTINUATION
};
#define H2_END_STREAM 1
#define H2_END_HEADERS 4

#endif
