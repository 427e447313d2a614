#include "str.h"

#include <ctype.h>
#include <strings.h>

int str_cmp(struct str a, struct str b)
{
    size_t n = MIN_OF(a.n, b.n);
    int c = n ? memcmp(a.p, b.p, n) : 0;
    if (c)
        return c;
    return a.n < b.n ? -1 : a.n > b.n;
}

bool str_ieq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

struct str str_trim(struct str s)
{
    while (s.n && isspace((unsigned char)s.p[0]))
        s.p++, s.n--;
    while (s.n && isspace((unsigned char)s.p[s.n - 1]))
        s.n--;
    return s;
}

bool str_split(struct str *rest, char sep, struct str *ret)
{
    if (!rest->p)
        return false;
    const char *at = rest->n ? memchr(rest->p, sep, rest->n) : NULL;
    if (!at) {
        *ret = *rest;
        *rest = (struct str){NULL, 0};
        return true;
    }
    *ret = str_n(rest->p, (size_t)(at - rest->p));
    *rest = str_n(at + 1, rest->n - ret->n - 1);
    return true;
}

bool str_copy(char *dst, size_t size, struct str s)
{
    if (s.n >= size) {
        if (size)
            dst[0] = '\0';
        return false;
    }
    if (s.n)
        memcpy(dst, s.p, s.n);
    dst[s.n] = '\0';
    return true;
}

char *str_dup(struct str s)
{
    return xstrndup(s.p ? s.p : "", s.n);
}
