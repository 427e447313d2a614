#include "ecs/store/pack.h"

#include <stdlib.h>

#define HASH_BITS 10
#define MATCH_MIN 5 /* a copy takes three bytes or more */

/* Where bytes with this hash were seen last. Positions count through the model and then the text; 0 = nowhere, so that
 * the first byte of the model is never the start of a copy. */
struct table {
    uint32_t at[1 << HASH_BITS];
};

struct pack_model {
    struct table table;
    size_t n;
    char text[];
};

static uint32_t hash(const char *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v * 2654435761u >> (32 - HASH_BITS);
}

struct pack_model *pack_model_new(struct str text)
{
    if (text.n > PACK_TEXT_MAX)
        return NULL;
    struct pack_model *m = xcalloc(1, sizeof(*m) + text.n);
    m->n = text.n;
    if (text.n)
        memcpy(m->text, text.p, text.n);
    for (size_t i = 0; i + sizeof(uint32_t) <= m->n; i++)
        m->table.at[hash(m->text + i)] = (uint32_t)i;
    return m;
}

struct pack_model *pack_model_free(struct pack_model *m)
{
    free(m);
    return NULL;
}

/* --- packing --- */

static void put_number(struct buf *out, size_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_putc(out, (char)(v | 0x80));
    buf_putc(out, (char)v);
}

/* How many bytes at `at` of the text are also at position `from`. A copy ends where the model ends. */
static size_t match(const struct pack_model *m, struct str text, size_t at, size_t from)
{
    const char *source = from < m->n ? m->text + from : text.p + (from - m->n);
    size_t max = text.n - at, n = 0;

    if (from < m->n)
        max = MIN_OF(max, m->n - from);
    while (n < max && source[n] == text.p[at + n])
        n++;
    return n;
}

/* The longest of two places: where this was seen last, and behind the copy before (texts go on alike). */
static size_t find(const struct pack_model *m, const struct table *t, struct str text, size_t at, size_t behind,
                   size_t *ret_from)
{
    size_t seen = t->at[hash(text.p + at)], n = seen ? match(m, text, at, seen) : 0;
    size_t other = behind && behind < m->n ? match(m, text, at, behind) : 0;

    *ret_from = other >= n ? behind : seen;
    return MAX_OF(n, other);
}

bool pack(const struct pack_model *m, struct str text, struct buf *out)
{
    struct table t = m->table;
    size_t at = 0, plain = 0, behind = 0, from;

    if (text.n > PACK_TEXT_MAX)
        return false;
    while (at + sizeof(uint32_t) <= text.n) {
        size_t n = find(m, &t, text, at, behind, &from);
        if (n < MATCH_MIN) {
            t.at[hash(text.p + at)] = (uint32_t)(m->n + at);
            at++;
            behind += behind > 0; /* values of equal length differ: the rest goes on alike */
            continue;
        }
        put_number(out, at - plain);
        buf_add(out, text.p + plain, at - plain);
        put_number(out, n);
        put_number(out, from);
        behind = from + n;
        at += n;
        plain = at;
    }
    put_number(out, text.n - plain);
    buf_add(out, text.p + plain, text.n - plain);
    return buf_ok(out);
}

/* --- unpacking --- */

static bool take_number(struct str *in, size_t *ret)
{
    size_t v = 0;

    for (unsigned shift = 0; in->n && shift < 28; shift += 7) {
        unsigned char c = (unsigned char)*in->p++;
        in->n--;
        v |= (size_t)(c & 0x7f) << shift;
        if (c < 0x80) {
            *ret = v;
            return true;
        }
    }
    return false;
}

/* A copy from the text itself may overlap what it writes: then it repeats. */
static bool copy(const struct pack_model *m, char *to, size_t at, size_t from, size_t n)
{
    if (from < m->n) {
        if (n > m->n - from)
            return false;
        memcpy(to + at, m->text + from, n);
        return true;
    }
    from -= m->n;
    if (from >= at)
        return false;
    for (size_t i = 0; i < n; i++)
        to[at + i] = to[from + i];
    return true;
}

bool unpack(const struct pack_model *m, struct str packed, char *to, size_t n)
{
    size_t at = 0, length, from;

    while (take_number(&packed, &length)) {
        if (length > packed.n || length > n - at)
            return false;
        memcpy(to + at, packed.p, length);
        packed = str_n(packed.p + length, packed.n - length);
        at += length;
        if (packed.n == 0)
            return at == n;
        if (!take_number(&packed, &length) || !take_number(&packed, &from) || length > n - at ||
            !copy(m, to, at, from, length))
            return false;
        at += length;
    }
    return false;
}
