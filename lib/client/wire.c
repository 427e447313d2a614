#include "wire.h"

static bool take_varint(struct str *s, uint64_t *ret)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < 10 && i < s->n; i++) {
        unsigned char c = (unsigned char)s->p[i];
        v |= (uint64_t)(c & 0x7F) << (7 * i);
        if (!(c & 0x80)) {
            *s = str_from(*s, i + 1);
            *ret = v;
            return true;
        }
    }
    return false;
}

static bool take_bytes(struct str *s, uint64_t n, struct str *ret)
{
    if (n > s->n)
        return false;
    *ret = str_n(s->p, (size_t)n);
    *s = str_from(*s, (size_t)n);
    return true;
}

int wire_next_field(struct str *rest, struct wire_field *ret)
{
    struct str start = *rest;
    uint64_t tag, n;
    bool ok = false;

    if (!rest->n)
        return 0;
    *ret = (struct wire_field){0};
    if (!take_varint(rest, &tag) || tag >> 3 == 0 || tag >> 3 > UINT32_MAX)
        return -1;
    ret->number = (uint32_t)(tag >> 3);
    ret->type = tag & 7;
    if (ret->type == 0)
        ok = take_varint(rest, &ret->varint);
    else if (ret->type == 1)
        ok = take_bytes(rest, 8, &ret->bytes);
    else if (ret->type == 2)
        ok = take_varint(rest, &n) && take_bytes(rest, n, &ret->bytes);
    else if (ret->type == 5)
        ok = take_bytes(rest, 4, &ret->bytes);
    ret->whole = str_n(start.p, start.n - rest->n);
    return ok ? 1 : -1;
}

bool wire_find(struct str msg, uint32_t number, struct str *ret_whole)
{
    struct wire_field f;
    struct str found = {"", 0};
    int r;

    while ((r = wire_next_field(&msg, &f)) > 0)
        if (f.number == number)
            found = f.whole;
    if (r < 0)
        return false;
    *ret_whole = found;
    return true;
}

static const char magic[4] = {'k', '8', 's', 0};

bool wire_open(struct str body, struct wire_envelope *ret)
{
    struct wire_envelope e = {{"", 0}, {"", 0}, {"", 0}};
    struct wire_field f, t;
    int r;

    if (!str_starts(body, str_n(magic, sizeof(magic))))
        return false;
    body = str_from(body, sizeof(magic));
    while ((r = wire_next_field(&body, &f)) > 0) {
        if (f.number == 2 && f.type == 2)
            e.raw = f.bytes;
        if (f.number != 1 || f.type != 2)
            continue;
        while ((r = wire_next_field(&f.bytes, &t)) > 0)
            if (t.type == 2)
                *(t.number == 1 ? &e.api_version : &e.kind) = t.bytes;
        if (r < 0)
            return false;
    }
    if (r < 0)
        return false;
    *ret = e;
    return true;
}

static void put_varint(struct buf *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_putc(out, (char)(v | 0x80));
    buf_putc(out, (char)v);
}

static size_t varint_len(uint64_t v)
{
    size_t n = 1;
    for (; v >= 0x80; v >>= 7)
        n++;
    return n;
}

static void put_bytes(struct buf *out, uint32_t number, struct str s)
{
    put_varint(out, number << 3 | 2);
    put_varint(out, s.n);
    buf_str_add(out, s);
}

void wire_seal(struct buf *out, const char *api_version, const char *kind, struct str raw)
{
    struct str a = str_of(api_version), k = str_of(kind);
    size_t type_len = 2 + varint_len(a.n) + a.n + varint_len(k.n) + k.n;

    buf_add(out, magic, sizeof(magic));
    put_varint(out, 1 << 3 | 2);
    put_varint(out, type_len);
    put_bytes(out, 1, a);
    put_bytes(out, 2, k);
    put_bytes(out, 2, raw);
    put_bytes(out, 3, STR("")); /* contentEncoding and contentType are written empty by upstream's encoder */
    put_bytes(out, 4, STR(""));
}
