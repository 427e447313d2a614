#include "apiserver/http/query.h"

#include "base/limits.h"
#include "base/parse.h"

static bool decode(struct arena *a, struct str in, struct str *ret)
{
    if (!memchr(in.p, '%', in.n) && !memchr(in.p, '+', in.n)) {
        *ret = in;
        return true;
    }
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_URL);
    if (!percent_decode(&b, in, true) || !buf_ok(&b))
        return false;
    *ret = arena_str(a, buf_str(&b));
    return true;
}

static size_t count_params(struct str raw)
{
    size_t n = raw.n ? 1 : 0;
    for (size_t i = 0; i < raw.n; i++)
        n += raw.p[i] == '&';
    return n;
}

int query_parse(struct arena *a, struct str raw, struct query *ret, struct err *err)
{
    size_t max = count_params(raw);
    if (max > QUERY_MAX)
        return err_set(err, ERR_BAD_REQUEST, "too many query parameters");
    struct query q = {0};
    if (max) {
        q.v = arena_calloc(a, max, sizeof(*q.v));
        raw = arena_str(a, raw);
        if (!q.v || !raw.n)
            return err_set(err, ERR_TOO_LARGE, "request too large");
    }
    struct str part;
    while (str_split(&raw, '&', &part)) {
        if (!part.n)
            continue;
        const char *eq = memchr(part.p, '=', part.n);
        struct str key = eq ? str_n(part.p, (size_t)(eq - part.p)) : part;
        struct str value = eq ? str_from(part, key.n + 1) : str_n(part.p + part.n, 0);
        if (!decode(a, key, &q.v[q.n].key) || !decode(a, value, &q.v[q.n].value))
            return err_set(err, ERR_BAD_REQUEST, "invalid URL escape in query");
        q.n++;
    }
    *ret = q;
    return 0;
}

static const struct query_param *find(const struct query *q, const char *key)
{
    for (size_t i = 0; i < q->n; i++)
        if (str_is(q->v[i].key, key))
            return &q->v[i];
    return NULL;
}

bool query_has(const struct query *q, const char *key)
{
    return find(q, key) != NULL;
}

struct str query_get(const struct query *q, const char *key)
{
    const struct query_param *p = find(q, key);
    return p ? p->value : STR("");
}

bool query_bool(const struct query *q, const char *key)
{
    const struct query_param *p = find(q, key);
    if (!p)
        return false;
    return !str_ieq(p->value, STR("false")) && !str_is(p->value, "0");
}

int query_int(const struct query *q, const char *key, bool *ret_set, int64_t *ret, struct err *err)
{
    struct str v = query_get(q, key);
    if (!v.n) {
        *ret_set = false;
        return 0;
    }
    if (!parse_int64(v, ret))
        return err_set(err, ERR_BAD_REQUEST, "strconv.ParseInt: parsing \"" STR_FMT "\": invalid syntax", STR_ARG(v));
    *ret_set = true;
    return 0;
}
