/*
 * parse.h - strict reading of numbers, addresses and encodings from text. Nothing is skipped, nothing is left over.
 */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include "buf.h"

/* Decimal, an optional '-', no spaces, no plus, no overflow. */
bool parse_int64(struct str s, int64_t *ret);
bool parse_uint64(struct str s, uint64_t *ret);
bool parse_range(struct str s, int64_t min, int64_t max, int64_t *ret);
bool parse_bool(struct str s, bool *ret); /* Go's strconv.ParseBool: 1 t T TRUE true True and their opposites */
/* Go's time.ParseDuration: "1h30m", "250ms", "0"; nanoseconds. */
bool parse_duration(struct str s, int64_t *ret_ns);
/* Go's Duration.String: "1h30m0s", "250ms". */
void format_duration(struct buf *out, int64_t ns);

void base64_encode(struct buf *out, const void *p, size_t n);    /* standard alphabet, padded */
bool base64_decode(struct buf *out, struct str s);               /* standard, padded; skips CR and LF as Go does */
void base64url_encode(struct buf *out, const void *p, size_t n); /* URL alphabet, no padding (JWT) */
bool base64url_decode(struct buf *out, struct str s);            /* URL alphabet, without padding */
void hex_encode(struct buf *out, const void *p, size_t n);       /* lower case */
bool percent_decode(struct buf *out, struct str s, bool plus_is_space);
void percent_encode(struct buf *out, struct str s); /* all but RFC 3986 unreserved */
bool utf8_valid(struct str s);                      /* RFC 3629: no surrogates, no overlong forms */

#endif
