/*
 * wire.h - just enough of the protobuf wire format to take messages apart without decoding them: the envelope of
 * objects, the items of a list, the frames of a watch. Views into the input; nothing is copied. All readers refuse what
 * is truncated.
 */
#ifndef CLIENT_WIRE_H
#define CLIENT_WIRE_H

#include "base/buf.h"

struct wire_field {
    uint32_t number;
    uint8_t type; /* 0 varint, 1 fixed64, 2 bytes, 5 fixed32 */
    uint64_t varint;
    struct str bytes; /* type 2: the content */
    struct str whole; /* tag and all */
};

/* Takes the next field off the front. 1 = a field, 0 = the end, -1 = not protobuf. */
int wire_next_field(struct str *rest, struct wire_field *ret);
/* The last field of that number, tag included; empty when absent (a valid message with nothing in it). False: not
 * protobuf. */
bool wire_find(struct str msg, uint32_t number, struct str *ret_whole);

/* "k8s\0" + runtime.Unknown. */
struct wire_envelope {
    struct str api_version, kind, raw;
};
bool wire_open(struct str body, struct wire_envelope *ret); /* false: no envelope, or broken */
void wire_seal(struct buf *out, const char *api_version, const char *kind, struct str raw);

#endif
