/* http_conn.h - a server connection without a socket, for fuzzing: bytes go in as they are cut, output is dropped. */
#ifndef FUZZ_HTTP_CONN_H
#define FUZZ_HTTP_CONN_H

#include <stddef.h>
#include <stdint.h>

/* prefix is sent first (an HTTP/2 preface); data[0] chooses how the rest is cut into pieces. */
void fuzz_connection(const char *prefix, size_t prefix_n, const uint8_t *data, size_t size);

#endif
