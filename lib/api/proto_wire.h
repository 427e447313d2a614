/*
 * proto_wire.h - protobuf's wire format: varints, tags, lengths. For the codec and whoever reads small messages by
 * hand.
 */
#ifndef API_PROTO_WIRE_H
#define API_PROTO_WIRE_H

#include "base/buf.h"

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

#define WIRE_VARINT_MAX 10

static inline size_t wire_varint(uint8_t *p, uint64_t v)
{
    size_t n = 0;

    while (v >= 0x80) {
        p[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    p[n++] = (uint8_t)v;
    return n;
}

static inline void wire_put_varint(struct buf *out, uint64_t v)
{
    if (buf_reserve(out, WIRE_VARINT_MAX))
        out->len += wire_varint((uint8_t *)out->data + out->len, v);
}

static inline void wire_put_tag(struct buf *out, uint32_t number, enum wire_type type)
{
    wire_put_varint(out, (uint64_t)number << 3 | type);
}

static inline void wire_put_bytes(struct buf *out, uint32_t number, struct str s)
{
    wire_put_tag(out, number, WIRE_BYTES);
    wire_put_varint(out, s.n);
    buf_str_add(out, s);
}

static inline void wire_put_int(struct buf *out, uint32_t number, int64_t v)
{
    wire_put_tag(out, number, WIRE_VARINT);
    wire_put_varint(out, (uint64_t)v);
}

/* A length that is not known yet: begin keeps one byte free, end writes the length and moves the body when it needs
 * more. */
static inline size_t wire_begin(struct buf *out, uint32_t number)
{
    wire_put_tag(out, number, WIRE_BYTES);
    buf_putc(out, 0);
    return out->len;
}
void wire_end(struct buf *out, size_t body);

struct wire_reader {
    const uint8_t *p, *end;
};

struct wire_field {
    uint32_t number;
    enum wire_type type;
    uint64_t value;   /* of the number types */
    struct str bytes; /* of WIRE_BYTES */
};

static inline struct wire_reader wire_read(struct str s)
{
    return (struct wire_reader){(const uint8_t *)s.p, (const uint8_t *)s.p + s.n};
}
static inline bool wire_more(const struct wire_reader *r)
{
    return r->p < r->end;
}
/* The next field; false when the bytes are no protobuf. Groups are skipped as nobody writes them: they are an error. */
bool wire_next(struct wire_reader *r, struct wire_field *ret) MUST_CHECK;
/* One varint of a packed list. */
bool wire_read_varint(struct wire_reader *r, uint64_t *ret) MUST_CHECK;

#endif
