#include "json.h"

#include "base/parse.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* How many bytes at p may be copied as they are: none of ", \, <, >, &, control characters, and nothing outside ASCII.
 */
static inline size_t plain_run(const char *p, size_t n)
{
    size_t i = 0;
#if defined(__SSE2__)
    for (; n - i >= 16; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        __m128i stop = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
        stop = _mm_or_si128(stop,
                            _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('<')), _mm_cmpeq_epi8(v, _mm_set1_epi8('>'))));
        stop = _mm_or_si128(stop, _mm_cmpeq_epi8(v, _mm_set1_epi8('&')));
        stop = _mm_or_si128(stop, _mm_cmplt_epi8(v, _mm_set1_epi8(0x20))); /* signed: 0x80 and up stop too */
        unsigned mask = (unsigned)_mm_movemask_epi8(stop);
        if (mask)
            return i + (size_t)__builtin_ctz(mask);
    }
#endif
    for (; i < n; i++) {
        signed char c = (signed char)p[i];
        if (c < 0x20 || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&')
            break;
    }
    return i;
}

static void write_ascii_escape(struct buf *out, unsigned char c)
{
    static const char letter[256] = {
        ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    static const char hex[] = "0123456789abcdef";

    if (letter[c]) {
        buf_add(out, (char[]){'\\', letter[c]}, 2);
        return;
    }
    buf_add(out, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
}

static size_t sequence_length(const unsigned char *p, size_t n)
{
    size_t want = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    return want <= n && utf8_valid(str_n((const char *)p, want)) ? want : 0;
}

/* One character outside ASCII; bytes that are no UTF-8 become U+FFFD, as in Go. Returns the bytes used. */
static size_t write_wide(struct buf *out, const char *p, size_t n)
{
    size_t len = sequence_length((const unsigned char *)p, n);

    if (!len) {
        buf_add(out, "\\ufffd", 6);
        return 1;
    }
    if (len == 3 && memcmp(p, "\xe2\x80", 2) == 0 && ((unsigned char)p[2] & 0xfe) == 0xa8)
        buf_add(out, (unsigned char)p[2] == 0xa8 ? "\\u2028" : "\\u2029", 6);
    else
        buf_add(out, p, len);
    return len;
}

void json_write_string(struct buf *out, struct str s)
{
    buf_putc(out, '"');
    while (s.n) {
        size_t n = plain_run(s.p, s.n);
        if (n) {
            buf_add(out, s.p, n);
            s = str_from(s, n);
            continue;
        }
        if ((unsigned char)s.p[0] < 0x80) {
            write_ascii_escape(out, (unsigned char)s.p[0]);
            n = 1;
        } else {
            n = write_wide(out, s.p, s.n);
        }
        s = str_from(s, n);
    }
    buf_putc(out, '"');
}

static void write_scalar(struct buf *out, const struct doc *d)
{
    switch (d->type) {
    case DOC_BOOL:
        buf_add(out, d->b ? "true" : "false", d->b ? 4 : 5);
        break;
    case DOC_NUMBER:
        buf_add(out, d->s, d->n);
        break;
    case DOC_STRING:
        json_write_string(out, str_n(d->s, d->n));
        break;
    default:
        buf_add(out, "null", 4);
    }
}

void json_write(struct buf *out, const struct doc *d)
{
    bool object = doc_is(d, DOC_OBJECT);

    if (!d || (!object && d->type != DOC_ARRAY)) {
        if (d)
            write_scalar(out, d);
        else
            buf_add(out, "null", 4);
        return;
    }
    buf_putc(out, object ? '{' : '[');
    for (const struct doc *c = d->n ? d->first : NULL; c; c = c->next) {
        if (object) {
            json_write_string(out, doc_key(c));
            buf_putc(out, ':');
        }
        json_write(out, c);
        if (c->next)
            buf_putc(out, ',');
    }
    buf_putc(out, object ? '}' : ']');
}

static void new_line(struct buf *out, struct str indent, int level)
{
    buf_putc(out, '\n');
    while (level--)
        buf_add(out, indent.p, indent.n);
}

static void write_indented(struct buf *out, const struct doc *d, struct str indent, int level)
{
    if (!doc_count(d)) {
        json_write(out, d);
        return;
    }
    bool object = d->type == DOC_OBJECT;
    buf_putc(out, object ? '{' : '[');
    doc_foreach (d, c) {
        new_line(out, indent, level + 1);
        if (object) {
            json_write_string(out, doc_key(c));
            buf_add(out, ": ", 2);
        }
        write_indented(out, c, indent, level + 1);
        if (c->next)
            buf_putc(out, ',');
    }
    new_line(out, indent, level);
    buf_putc(out, object ? '}' : ']');
}

void json_write_indent(struct buf *out, const struct doc *d, const char *indent)
{
    write_indented(out, d, str_of(indent), 0);
}
