/*
 * buf.h - a growing byte buffer with a ceiling.
 *
 * Every buffer is born with the largest size it may reach. Past it (or out of memory) the buffer turns `failed`:
 * further appends do nothing and the caller checks once at the end with buf_ok(). The bytes are always NUL-terminated
 * behind len, so data is a C string when the content is text.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "str.h"
#include <stdarg.h>

struct buf {
    char *data; /* NULL until the first append */
    size_t len, cap, max;
    bool failed;
};

/* clang-format off */
#define BUF_INIT(ceiling) {.max = (ceiling)}
/* clang-format on */

void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b); /* frees the bytes; the buffer may be used again with the same ceiling */
void buf_clear(struct buf *b);   /* length 0 and not failed, keeps the memory */
static inline void buf_releasep(struct buf *b)
{
    buf_release(b);
}

static inline bool buf_ok(const struct buf *b)
{
    return !b->failed;
}
static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->data ? b->data : "", b->len};
}

bool buf_grow_slow(struct buf *b, size_t more);
/* Makes room for `more` bytes behind len, so that they can be written in place; then add to len. */
static inline bool buf_reserve(struct buf *b, size_t more)
{
    return LIKELY(b->cap - b->len > more) ? !b->failed : buf_grow_slow(b, more);
}

void buf_add(struct buf *b, const void *p, size_t n);
static inline void buf_str_add(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.n);
}
static inline void buf_puts(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}
static inline void buf_putc(struct buf *b, char c)
{
    if (buf_reserve(b, 1)) {
        b->data[b->len++] = c;
        b->data[b->len] = '\0';
    }
}
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_FMT(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap);
void buf_int(struct buf *b, int64_t v);    /* decimal, faster than printf */
void buf_consume(struct buf *b, size_t n); /* drops n bytes at the front */
char *buf_take(struct buf *b);             /* the malloc'd bytes (never NULL); the buffer is empty afterwards */

#endif
