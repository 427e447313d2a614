#include "api/proto_wire.h"

void wire_end(struct buf *out, size_t body)
{
    uint8_t length[WIRE_VARINT_MAX];

    if (!buf_ok(out))
        return;
    size_t size = out->len - body;
    size_t n = wire_varint(length, size);
    if (n > 1) {
        if (!buf_reserve(out, n))
            return;
        memmove(out->data + body + n - 1, out->data + body, size);
        out->len += n - 1;
    }
    memcpy(out->data + body - 1, length, n);
}

bool wire_read_varint(struct wire_reader *r, uint64_t *ret)
{
    uint64_t v = 0;

    if (r->p < r->end && *r->p < 0x80) {
        *ret = *r->p++;
        return true;
    }
    for (unsigned shift = 0; shift < 64 && r->p < r->end; shift += 7) {
        uint8_t b = *r->p++;
        if (shift == 63 && b > 1)
            return false;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80) {
            *ret = v;
            return true;
        }
    }
    return false;
}

static bool read_fixed(struct wire_reader *r, size_t n, uint64_t *ret)
{
    uint64_t v = 0;

    if ((size_t)(r->end - r->p) < n)
        return false;
    for (size_t i = n; i-- > 0;)
        v = v << 8 | r->p[i];
    r->p += n;
    *ret = v;
    return true;
}

static bool read_bytes(struct wire_reader *r, struct str *ret)
{
    uint64_t n;

    if (!wire_read_varint(r, &n) || n > (uint64_t)(r->end - r->p))
        return false;
    *ret = str_n((const char *)r->p, (size_t)n);
    r->p += n;
    return true;
}

bool wire_next(struct wire_reader *r, struct wire_field *ret)
{
    uint64_t tag;

    if (!wire_read_varint(r, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
        return false;
    ret->number = (uint32_t)(tag >> 3);
    ret->type = (enum wire_type)(tag & 7);
    switch (ret->type) {
    case WIRE_VARINT:
        return wire_read_varint(r, &ret->value);
    case WIRE_FIXED64:
        return read_fixed(r, 8, &ret->value);
    case WIRE_BYTES:
        return read_bytes(r, &ret->bytes);
    case WIRE_FIXED32:
        return read_fixed(r, 4, &ret->value);
    }
    return false;
}
