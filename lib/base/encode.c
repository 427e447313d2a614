/* The encodings of parse.h: base64, hex, percent, UTF-8. */
#include "parse.h"

static const char std_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode64(struct buf *out, const unsigned char *p, size_t n, const char *alphabet, bool pad)
{
    if (!buf_reserve(out, (n + 2) / 3 * 4))
        return;
    char *o = out->data + out->len;
    for (; n >= 3; n -= 3, p += 3) {
        *o++ = alphabet[p[0] >> 2];
        *o++ = alphabet[(p[0] & 3) << 4 | p[1] >> 4];
        *o++ = alphabet[(p[1] & 15) << 2 | p[2] >> 6];
        *o++ = alphabet[p[2] & 63];
    }
    if (n) {
        *o++ = alphabet[p[0] >> 2];
        *o++ = alphabet[(p[0] & 3) << 4 | (n > 1 ? p[1] >> 4 : 0)];
        if (n > 1)
            *o++ = alphabet[(p[1] & 15) << 2];
        for (size_t i = n; pad && i < 3; i++)
            *o++ = '=';
    }
    *o = '\0';
    out->len = (size_t)(o - out->data);
}

static int value64(char c, bool url)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == (url ? '-' : '+'))
        return 62;
    if (c == (url ? '_' : '/'))
        return 63;
    return -1;
}

static bool decode64(struct buf *out, struct str s, bool url)
{
    uint32_t bits = 0;
    size_t chars = 0, pad = 0;

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!url && (c == '\r' || c == '\n'))
            continue;
        if (!url && c == '=') {
            pad++;
            continue;
        }
        int v = value64(c, url);
        if (v < 0 || pad)
            return false;
        bits = bits << 6 | (uint32_t)v;
        if (++chars % 4 == 0) {
            char three[3] = {(char)(bits >> 16), (char)(bits >> 8), (char)bits};
            buf_add(out, three, 3);
            bits = 0;
        }
    }
    size_t rest = chars % 4;
    if (rest == 1 || (!url && pad != (rest ? 4 - rest : 0)))
        return false;
    if (rest == 2)
        buf_putc(out, (char)(bits >> 4));
    if (rest == 3) {
        buf_putc(out, (char)(bits >> 10));
        buf_putc(out, (char)(bits >> 2));
    }
    return buf_ok(out);
}

void base64_encode(struct buf *out, const void *p, size_t n)
{
    encode64(out, p, n, std_alphabet, true);
}

bool base64_decode(struct buf *out, struct str s)
{
    return decode64(out, s, false);
}

void base64url_encode(struct buf *out, const void *p, size_t n)
{
    encode64(out, p, n, url_alphabet, false);
}

bool base64url_decode(struct buf *out, struct str s)
{
    return decode64(out, s, true);
}

void hex_encode(struct buf *out, const void *ptr, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *p = ptr;

    for (size_t i = 0; i < n; i++) {
        buf_putc(out, hex[p[i] >> 4]);
        buf_putc(out, hex[p[i] & 15]);
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 32) >= 'a' && (c | 32) <= 'f')
        return (c | 32) - 'a' + 10;
    return -1;
}

bool percent_decode(struct buf *out, struct str s, bool plus_is_space)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '+' && plus_is_space) {
            buf_putc(out, ' ');
        } else if (s.p[i] != '%') {
            buf_putc(out, s.p[i]);
        } else {
            int hi = s.n - i > 2 ? hex_value(s.p[i + 1]) : -1, lo = s.n - i > 2 ? hex_value(s.p[i + 2]) : -1;
            if (hi < 0 || lo < 0)
                return false;
            buf_putc(out, (char)(hi << 4 | lo));
            i += 2;
        }
    }
    return buf_ok(out);
}

void percent_encode(struct buf *out, struct str s)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || (c && strchr("-._~", c))) {
            buf_putc(out, (char)c);
        } else {
            buf_putc(out, '%');
            buf_putc(out, hex[c >> 4]);
            buf_putc(out, hex[c & 15]);
        }
    }
}

bool utf8_valid(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p, *end = p + s.n;

    while (p < end) {
        if (*p < 0x80) {
            p++;
            continue;
        }
        size_t n = *p >= 0xF0 ? 3 : *p >= 0xE0 ? 2 : 1;
        if (*p < 0xC2 || *p > 0xF4 || (size_t)(end - p) <= n)
            return false;
        if ((*p == 0xE0 && p[1] < 0xA0) || (*p == 0xED && p[1] > 0x9F) || (*p == 0xF0 && p[1] < 0x90) ||
            (*p == 0xF4 && p[1] > 0x8F))
            return false;
        for (size_t i = 1; i <= n; i++)
            if ((p[i] & 0xC0) != 0x80)
                return false;
        p += n + 1;
    }
    return true;
}
