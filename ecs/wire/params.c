#include "params.h"

#include "base/limits.h"
#include "base/parse.h"

#include <stdlib.h>

static bool decode(struct arena *a, struct str s, struct str *ret)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(LIMIT_BODY);

    if (!memchr(s.p, '%', s.n) && !memchr(s.p, '+', s.n)) {
        *ret = s; /* a view of the request */
    } else {
        if (!percent_decode(&out, s, true))
            return false;
        *ret = arena_str(a, buf_str(&out));
        if (arena_overflow(a))
            return false;
    }
    return utf8_valid(*ret) && !memchr(ret->p, '\0', ret->n);
}

bool params_read(struct arena *a, struct params *p, struct str text)
{
    size_t more = 1, cap;
    struct str pair, name;

    if (text.n == 0)
        return true;
    for (size_t i = 0; i < text.n; i++)
        more += text.p[i] == '&';
    cap = p->n + more;
    if (cap > PARAMS_MAX)
        return false;
    struct param *v = arena_calloc(a, cap, sizeof(*v));
    if (!v)
        return false;
    if (p->n)
        memcpy(v, p->v, p->n * sizeof(*v));
    p->v = v;
    while (str_split(&text, '&', &pair)) {
        struct str value = pair;
        if (pair.n == 0)
            continue;
        if (!str_split(&value, '=', &name))
            return false;
        if (!decode(a, name, &v[p->n].name) || !decode(a, value.p ? value : STR(""), &v[p->n].value))
            return false;
        p->n++;
    }
    return true;
}

static int compare(const void *a, const void *b)
{
    return str_cmp(((const struct param *)a)->name, ((const struct param *)b)->name);
}

void params_sort(struct params *p)
{
    if (p->n)
        qsort(p->v, p->n, sizeof(p->v[0]), compare);
}

size_t params_lower(const struct params *p, struct str name)
{
    size_t lo = 0, hi = p->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (str_cmp(p->v[mid].name, name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct str params_get(const struct params *p, struct str name)
{
    struct str value = {0};

    for (size_t i = params_lower(p, name); i < p->n && str_eq(p->v[i].name, name); i++)
        value = p->v[i].value;
    return value;
}
