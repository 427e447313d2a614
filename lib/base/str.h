/*
 * str.h - a view of bytes: pointer and length, not owned, not NUL-terminated.
 *
 * Pass it by value. Whoever made the view says how long the bytes live.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "compiler.h"
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){("" literal), sizeof(literal) - 1})
#define STR_FMT "%.*s" /* with STR_ARG(s) */
#define STR_ARG(s) (int)(s).n, (s).p

static inline struct str str_of(const char *s)
{
    return (struct str){s ? s : "", s ? strlen(s) : 0};
}
static inline struct str str_n(const char *p, size_t n)
{
    return (struct str){p, n};
}
static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool str_is(struct str a, const char *s)
{
    return str_eq(a, str_of(s));
}
static inline bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && memcmp(s.p, prefix.p, prefix.n) == 0;
}
static inline bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0;
}
static inline struct str str_from(struct str s, size_t at)
{
    return at >= s.n ? (struct str){s.p + s.n, 0} : (struct str){s.p + at, s.n - at};
}

/* <0, 0, >0 in byte order, as sorting of keys wants it. */
int str_cmp(struct str a, struct str b);
bool str_ieq(struct str a, struct str b); /* ASCII case-insensitive */
struct str str_trim(struct str s);        /* without ASCII white space at both ends */

/* Takes what stands before `sep` off the front of *rest (and the separator too). False when *rest was empty; an empty
 * field between two separators is a result like any other. After the last field rest->p is NULL. */
bool str_split(struct str *rest, char sep, struct str *ret);

/* Copies into dst as a C string; false when it does not fit (dst is then ""). */
bool str_copy(char *dst, size_t size, struct str s);
char *str_dup(struct str s); /* malloc'd C string */

#endif
