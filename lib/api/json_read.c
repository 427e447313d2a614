#include "json.h"

#include <stdio.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/limits.h"

#define SLAB_MIN 16 /* nodes are cut from slabs of the arena */
#define SLAB_MAX 256
#define SMALL_OBJECT 64 /* up to here repetitions are looked for at once, past it by sorting when the object ends */

/* The containers around the place being read, from the inside out; lives on the C stack. */
struct frame {
    struct frame *up;
    struct doc *d;
};

struct reader {
    const char *p, *end;
    struct arena *a;
    struct doc *slab, *slab_end;
    size_t slab_n;
    size_t depth;
    struct doc_warnings *warnings;
    bool strict;
    struct frame *top;
    struct err *err;
};

/* --- errors, in the words of Go's encoding/json --- */

/* Go's quoteChar. */
static void quote_char(unsigned char c, char out[16])
{
    if (c == '\'')
        snprintf(out, 16, "'\\''");
    else if (c == '\\')
        snprintf(out, 16, "'\\\\'");
    else if (c == '\n' || c == '\r' || c == '\t')
        snprintf(out, 16, "'\\%c'", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else if (c < 0x20 || c == 0x7f)
        snprintf(out, 16, "'\\x%02x'", c);
    else if (c < 0x80)
        snprintf(out, 16, "'%c'", c);
    else /* Go shows the byte as the rune of that number */
        snprintf(out, 16, "'%c%c'", 0xc0 | c >> 6, 0x80 | (c & 0x3f));
}

static bool unexpected(struct reader *r, const char *where)
{
    char quoted[16];

    if (r->p >= r->end) {
        err_set(r->err, ERR_BAD_REQUEST, "unexpected end of JSON input");
        return false;
    }
    quote_char((unsigned char)*r->p, quoted);
    err_set(r->err, ERR_BAD_REQUEST, "invalid character %s %s", quoted, where);
    return false;
}

static bool overflow(struct reader *r)
{
    err_set(r->err, ERR_TOO_LARGE, "the document needs too much memory");
    return false;
}

/* --- scanning --- */

static inline void skip_space(struct reader *r)
{
    const char *p = r->p, *end = r->end;

    if (LIKELY(p < end && (unsigned char)*p > ' '))
        return;
#if defined(__SSE2__)
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i space =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(' ')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\n'))),
                         _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\r')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\t'))));
        unsigned other = (unsigned)_mm_movemask_epi8(space) ^ 0xffff;
        if (other) {
            r->p = p + __builtin_ctz(other);
            return;
        }
    }
#endif
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    r->p = p;
}

/* Bytes of the UTF-8 sequence at p, 0 when it is none. */
static size_t utf8_step(const char *text, const char *end)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t have = (size_t)(end - text);

    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        return have >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
    if (have < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80)
        return 0;
    if ((p[0] & 0xf0) == 0xe0)
        return (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ? 0 : 3;
    if (p[0] < 0xf0 || p[0] > 0xf4 || have < 4 || (p[3] & 0xc0) != 0x80)
        return 0;
    return (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f) ? 0 : 4;
}

/* The first byte at or behind p that is a quote, a backslash, a control character, or not ASCII. */
static inline const char *scan_ascii(const char *p, const char *end)
{
#if defined(__SSE2__)
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i stop = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
        /* signed: bytes of 0x80 and up are negative, so they stop here too */
        stop = _mm_or_si128(stop, _mm_cmplt_epi8(v, _mm_set1_epi8(0x20)));
        unsigned mask = (unsigned)_mm_movemask_epi8(stop);
        if (mask)
            return p + __builtin_ctz(mask);
    }
#endif
    while (p < end && *p != '"' && *p != '\\' && (signed char)*p >= 0x20)
        p++;
    return p;
}

/* As scan_ascii, past valid UTF-8 too. */
static inline const char *scan_plain(const char *p, const char *end)
{
    for (;;) {
        p = scan_ascii(p, end);
        if (LIKELY(p >= end || (unsigned char)*p < 0x80))
            return p;
        size_t n = utf8_step(p, end);
        if (!n)
            return p;
        p += n;
    }
}

/* --- strings --- */

static char *put_utf8(char *o, uint32_t c)
{
    if (c < 0x80) {
        *o++ = (char)c;
    } else if (c < 0x800) {
        *o++ = (char)(0xc0 | c >> 6);
        *o++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *o++ = (char)(0xe0 | c >> 12);
        *o++ = (char)(0x80 | (c >> 6 & 0x3f));
        *o++ = (char)(0x80 | (c & 0x3f));
    } else {
        *o++ = (char)(0xf0 | c >> 18);
        *o++ = (char)(0x80 | (c >> 12 & 0x3f));
        *o++ = (char)(0x80 | (c >> 6 & 0x3f));
        *o++ = (char)(0x80 | (c & 0x3f));
    }
    return o;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four hex digits at r->p. */
static bool read_hex4(struct reader *r, uint32_t *ret)
{
    uint32_t v = 0;

    for (int i = 0; i < 4; i++, r->p++) {
        int d = r->p < r->end ? hex_digit(*r->p) : -1;
        if (d < 0)
            return unexpected(r, "in \\u hexadecimal character escape");
        v = v << 4 | (uint32_t)d;
    }
    *ret = v;
    return true;
}

/* Behind "\u"; a surrogate that has no partner becomes U+FFFD. */
static bool read_unicode(struct reader *r, char **o)
{
    uint32_t c, low;

    if (!read_hex4(r, &c))
        return false;
    if (c >= 0xd800 && c < 0xdc00 && r->end - r->p >= 6 && r->p[0] == '\\' && r->p[1] == 'u') {
        const char *back = r->p;
        r->p += 2;
        if (!read_hex4(r, &low))
            return false;
        if (low >= 0xdc00 && low < 0xe000)
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        else
            r->p = back; /* read again on its own */
    }
    *o = put_utf8(*o, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
    return true;
}

static bool read_escape(struct reader *r, char **o)
{
    static const char plain[256] = {
        ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'};

    r->p++;
    if (r->p >= r->end)
        return unexpected(r, "");
    char c = *r->p;
    if (plain[(unsigned char)c]) {
        *(*o)++ = plain[(unsigned char)c];
        r->p++;
        return true;
    }
    if (c != 'u')
        return unexpected(r, "in string escape code");
    r->p++;
    return read_unicode(r, o);
}

static bool bad_string_byte(struct reader *r)
{
    if (r->p < r->end && (unsigned char)*r->p >= 0x80) {
        err_set(r->err, ERR_BAD_REQUEST, "invalid UTF-8 in string literal");
        return false;
    }
    return unexpected(r, "in string literal");
}

/* A string with escapes; start is its first byte, r->p the first backslash. */
static bool read_escaped(struct reader *r, const char *start, struct str *ret)
{
    const char *q = r->p;

    while (q < r->end && *q != '"') /* to the closing quote: the result is never longer than the text */
        q += *q == '\\' && r->end - q > 1 ? 2 : 1;
    char *out = arena_alloc(r->a, (size_t)(q - start)), *o = out;
    if (!out)
        return overflow(r);
    memcpy(o, start, (size_t)(r->p - start));
    o += r->p - start;
    while (r->p < r->end && *r->p != '"') {
        if (*r->p == '\\') {
            if (!read_escape(r, &o))
                return false;
            continue;
        }
        const char *stop = scan_plain(r->p, r->end);
        if (stop == r->p)
            return bad_string_byte(r);
        memcpy(o, r->p, (size_t)(stop - r->p));
        o += stop - r->p;
        r->p = stop;
    }
    if (r->p >= r->end)
        return unexpected(r, "");
    r->p++;
    *ret = str_n(out, (size_t)(o - out));
    return true;
}

/* r->p is at the opening quote. */
static inline bool read_string(struct reader *r, struct str *ret)
{
    const char *start = r->p + 1, *q = scan_plain(start, r->end);

    r->p = q;
    if (LIKELY(q < r->end && *q == '"')) {
        r->p = q + 1;
        *ret = str_n(start, (size_t)(q - start));
        return true;
    }
    if (q < r->end && *q == '\\')
        return read_escaped(r, start, ret);
    return bad_string_byte(r);
}

/* --- scalars --- */

static bool digits(struct reader *r, const char *where)
{
    if (r->p >= r->end || *r->p < '0' || *r->p > '9')
        return unexpected(r, where);
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
        r->p++;
    return true;
}

static bool read_number(struct reader *r, struct doc *d)
{
    const char *start = r->p;

    d->type = DOC_NUMBER;
    d->flags = DOC_F_INT;
    if (*r->p == '-')
        r->p++;
    if (r->p < r->end && *r->p == '0')
        r->p++;
    else if (!digits(r, "in numeric literal"))
        return false;
    if (r->p < r->end && *r->p == '.') {
        d->flags = 0;
        r->p++;
        if (!digits(r, "after decimal point in numeric literal"))
            return false;
    }
    if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
        d->flags = 0;
        r->p++;
        if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
            r->p++;
        if (!digits(r, "in exponent of numeric literal"))
            return false;
    }
    d->s = start;
    d->n = (uint32_t)(r->p - start);
    return true;
}

static bool read_literal(struct reader *r, const char *word)
{
    char where[48];

    for (const char *w = word; *w; w++, r->p++) {
        if (r->p < r->end && *r->p == *w)
            continue;
        snprintf(where, sizeof(where), "in literal %s (expecting '%c')", word, *w);
        return unexpected(r, where);
    }
    return true;
}

/* --- containers --- */

static inline struct doc *new_node(struct reader *r)
{
    if (UNLIKELY(r->slab == r->slab_end)) {
        size_t n = r->slab_n < SLAB_MAX ? r->slab_n * 2 : SLAB_MAX;
        r->slab = arena_alloc(r->a, n * sizeof(struct doc));
        if (!r->slab) {
            r->slab_end = NULL;
            return NULL;
        }
        r->slab_n = n;
        r->slab_end = r->slab + n;
    }
    struct doc *d = r->slab++;
    *d = (struct doc){0};
    return d;
}

static inline void link_child(struct doc *parent, struct doc *d)
{
    if (parent->last)
        parent->last->next = d;
    else
        parent->first = d;
    parent->last = d;
    parent->n++;
}

static bool read_value(struct reader *r, struct doc *d);

static bool enter(struct reader *r, struct frame *f, struct doc *d, enum doc_type type)
{
    if (r->depth == 0) {
        err_set(r->err, ERR_BAD_REQUEST, "exceeded max depth");
        return false;
    }
    r->depth--;
    d->type = (uint8_t)type;
    f->d = d;
    f->up = r->top;
    r->top = f;
    r->p++;
    skip_space(r);
    return true;
}

static bool leave(struct reader *r, struct frame *f)
{
    r->p++;
    r->depth++;
    r->top = f->up;
    return true;
}

static bool read_array(struct reader *r, struct doc *d)
{
    struct frame f;

    if (!enter(r, &f, d, DOC_ARRAY))
        return false;
    if (r->p < r->end && *r->p == ']')
        return leave(r, &f);
    for (;;) {
        struct doc *child = new_node(r);
        if (!child)
            return overflow(r);
        link_child(d, child);
        if (!read_value(r, child))
            return false;
        skip_space(r);
        if (r->p >= r->end || (*r->p != ',' && *r->p != ']'))
            return unexpected(r, "after array element");
        if (*r->p == ']')
            return leave(r, &f);
        r->p++;
        skip_space(r);
    }
}

/* --- repeated members --- */

static void write_path(struct buf *out, const struct frame *f)
{
    if (f->up)
        write_path(out, f->up);
    if (f->d->type == DOC_ARRAY)
        buf_printf(out, "[%u]", f->d->n - 1);
    else
        buf_printf(out, "%s" STR_FMT, out->len ? "." : "", STR_ARG(doc_key(f->d->last)));
}

void doc_warn(struct doc_warnings *w, const char *text)
{
    if (w && text && w->n < JSON_WARNINGS_MAX)
        w->text[w->n++] = text;
}

/* The last member of the innermost object stands there already: reports it. False in strict mode. */
static bool report_repeated(struct reader *r)
{
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(4096);

    write_path(&path, r->top);
    if (r->strict) {
        err_set(r->err, ERR_BAD_REQUEST, "duplicate field \"%s\"", buf_str(&path).p);
        return false;
    }
    doc_warn(r->warnings, arena_printf(r->a, "duplicate field \"%s\"", buf_str(&path).p));
    return true;
}

/* The last member d of obj repeats `first`: its value moves there. */
static void fold_repeated(struct doc *obj, struct doc *first, struct doc *d)
{
    doc_unlink(obj, d);
    struct doc moved = *d;
    moved.next = first->next;
    *first = moved;
}

/* Sorted by key, of equal keys in order of the text. */
struct member {
    struct doc *d;
    size_t at;
};

static int by_key(const void *x, const void *y)
{
    const struct member *a = x, *b = y;
    int c = str_cmp(doc_key(a->d), doc_key(b->d));
    return c ? c : a->at < b->at ? -1 : 1;
}

/* A large object has ended: finds its repetitions by sorting, in n log n whatever the keys are. */
static bool check_large(struct reader *r, struct doc *obj)
{
    struct member *m = arena_alloc(r->a, obj->n * sizeof(*m));
    size_t n = 0;

    if (!m)
        return overflow(r);
    for (struct doc *d = obj->first; d; d = d->next, n++)
        m[n] = (struct member){d, n};
    qsort(m, n, sizeof(*m), by_key);
    struct doc *first = m[0].d, *last = obj->last;
    bool any = false;
    for (size_t i = 1; i < n; i++) {
        if (!str_eq(doc_key(m[i].d), doc_key(first))) {
            first = m[i].d;
            continue;
        }
        obj->last = m[i].d; /* so that the path names this member */
        bool go_on = report_repeated(r);
        obj->last = last;
        if (!go_on)
            return false;
        struct doc *next = first->next, keep = *m[i].d;
        keep.next = next;
        *first = keep;
        m[i].d->key = NULL; /* marks it for removal */
        any = true;
    }
    if (!any)
        return true;
    struct doc *list = obj->first;
    obj->first = obj->last = NULL;
    obj->n = 0;
    for (struct doc *d = list, *next; d; d = next) {
        next = d->next;
        d->next = NULL;
        if (d->key)
            link_child(obj, d);
    }
    return true;
}

/* One bit for a key, so that most members need no comparison with the others. */
static inline uint64_t key_bit(struct str key)
{
    if (!key.n)
        return 1;
    return (uint64_t)1 << ((key.n * 7 + (unsigned char)key.p[0] * 3 + (unsigned char)key.p[key.n - 1] * 5 +
                            (unsigned char)key.p[key.n / 2] * 11) &
                           63);
}

/* "key": ... up to the value; *repeats is an earlier member of that name. */
static inline struct doc *read_member(struct reader *r, struct doc *obj, uint64_t *seen, struct doc **repeats)
{
    struct str key;

    *repeats = NULL;
    if (r->p >= r->end || *r->p != '"') {
        unexpected(r, "looking for beginning of object key string");
        return NULL;
    }
    if (!read_string(r, &key))
        return NULL;
    skip_space(r);
    if (r->p >= r->end || *r->p != ':') {
        unexpected(r, "after object key");
        return NULL;
    }
    r->p++;
    uint64_t bit = key_bit(key);
    if (UNLIKELY(*seen & bit) && obj->n <= SMALL_OBJECT)
        *repeats = doc_get_str(obj, key);
    *seen |= bit;
    struct doc *d = new_node(r);
    if (!d) {
        overflow(r);
        return NULL;
    }
    d->key = key.p;
    d->key_len = (uint32_t)key.n;
    link_child(obj, d);
    if (UNLIKELY(*repeats) && !report_repeated(r))
        return NULL;
    return d;
}

static bool read_object(struct reader *r, struct doc *obj)
{
    struct frame f;
    uint64_t seen = 0;

    if (!enter(r, &f, obj, DOC_OBJECT))
        return false;
    if (r->p < r->end && *r->p == '}')
        return leave(r, &f);
    for (;;) {
        struct doc *repeats, *d = read_member(r, obj, &seen, &repeats);
        if (!d)
            return false;
        if (!read_value(r, d))
            return false;
        if (UNLIKELY(repeats))
            fold_repeated(obj, repeats, d);
        skip_space(r);
        if (r->p >= r->end || (*r->p != ',' && *r->p != '}'))
            return unexpected(r, "after object key:value pair");
        if (*r->p == '}')
            break;
        r->p++;
        skip_space(r);
    }
    if (UNLIKELY(obj->n > SMALL_OBJECT) && !check_large(r, obj))
        return false;
    return leave(r, &f);
}

static bool read_value(struct reader *r, struct doc *d)
{
    struct str s;

    skip_space(r);
    if (r->p >= r->end)
        return unexpected(r, "");
    switch (*r->p) {
    case '"':
        if (!read_string(r, &s))
            return false;
        d->type = DOC_STRING;
        d->s = s.p;
        d->n = (uint32_t)s.n;
        return true;
    case '{':
        return read_object(r, d);
    case '[':
        return read_array(r, d);
    case 't':
    case 'f':
        d->type = DOC_BOOL;
        d->b = *r->p == 't';
        return read_literal(r, d->b ? "true" : "false");
    case 'n':
        d->type = DOC_NULL;
        return read_literal(r, "null");
    default:
        if (*r->p == '-' || (*r->p >= '0' && *r->p <= '9'))
            return read_number(r, d);
        return unexpected(r, "looking for beginning of value");
    }
}

int json_parse(struct arena *a, struct str text, const struct json_options *opt, struct doc **ret, struct err *err)
{
    static const struct json_options defaults;

    if (!opt)
        opt = &defaults;
    if (text.n >= UINT32_MAX)
        return err_set(err, ERR_TOO_LARGE, "the document is too large");
    struct reader r = {
        .p = text.p,
        .end = text.p + text.n,
        .a = a,
        .slab_n = SLAB_MIN / 2,
        .depth = opt->max_depth ? opt->max_depth : LIMIT_DOC_DEPTH,
        .warnings = opt->warnings,
        .strict = opt->strict,
        .err = err,
    };
    struct doc *root = new_node(&r);
    if (!root) {
        overflow(&r);
        return -1;
    }
    if (!read_value(&r, root))
        return -1;
    skip_space(&r);
    if (r.p < r.end) {
        unexpected(&r, "after top-level value");
        return -1;
    }
    if (arena_overflow(a))
        return err_set(err, ERR_TOO_LARGE, "the document needs too much memory");
    *ret = root;
    return 0;
}
