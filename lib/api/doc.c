#include "doc.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"

/* --- making --- */

static struct doc *new_doc(struct arena *a, enum doc_type type)
{
    struct doc *d = arena_new_of(a, struct doc);
    if (d)
        d->type = (uint8_t)type;
    return d;
}

struct doc *doc_null(struct arena *a)
{
    return new_doc(a, DOC_NULL);
}

struct doc *doc_bool(struct arena *a, bool v)
{
    struct doc *d = new_doc(a, DOC_BOOL);
    if (d)
        d->b = v;
    return d;
}

static bool text_is_int(struct str text)
{
    size_t i = text.n && text.p[0] == '-';
    for (; i < text.n; i++)
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
    return text.n > 0;
}

static struct doc *new_text(struct arena *a, enum doc_type type, struct str s)
{
    if (s.n > UINT32_MAX)
        return NULL;
    struct doc *d = new_doc(a, type);
    if (d) {
        d->s = s.p ? s.p : "";
        d->n = (uint32_t)s.n;
    }
    return d;
}

struct doc *doc_number(struct arena *a, struct str text)
{
    struct doc *d = new_text(a, DOC_NUMBER, text);
    if (d && text_is_int(text))
        d->flags = DOC_F_INT;
    return d;
}

struct doc *doc_int(struct arena *a, int64_t v)
{
    char text[24], *p = text + sizeof(text); /* by hand: many numbers pass here when objects are read from storage */
    uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;

    do
        *--p = (char)('0' + u % 10);
    while (u /= 10);
    if (v < 0)
        *--p = '-';
    struct doc *d = new_text(a, DOC_NUMBER, arena_str(a, str_n(p, (size_t)(text + sizeof(text) - p))));
    if (d)
        d->flags = DOC_F_INT;
    return d;
}

struct doc *doc_string(struct arena *a, struct str s)
{
    return new_text(a, DOC_STRING, s);
}

struct doc *doc_string_copy(struct arena *a, struct str s)
{
    return new_text(a, DOC_STRING, arena_str(a, s));
}

struct doc *doc_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *s = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (!s)
        return NULL;
    va_start(ap, fmt);
    vsnprintf(s, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return doc_string(a, str_n(s, (size_t)n));
}

struct doc *doc_array(struct arena *a)
{
    return new_doc(a, DOC_ARRAY);
}

struct doc *doc_object(struct arena *a)
{
    return new_doc(a, DOC_OBJECT);
}

static void link_last(struct doc *parent, struct doc *child)
{
    child->next = NULL;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->n++;
}

struct doc *doc_clone(struct arena *a, const struct doc *d, bool share_strings)
{
    if (!d)
        return NULL;
    struct doc *c = new_doc(a, d->type);
    if (!c)
        return NULL;
    *c = *d;
    c->next = NULL;
    if (d->key && !share_strings)
        c->key = arena_strndup(a, d->key, d->key_len);
    if ((d->type == DOC_STRING || d->type == DOC_NUMBER) && !share_strings)
        c->s = arena_strndup(a, d->s, d->n);
    if (arena_overflow(a))
        return NULL;
    if (d->type != DOC_ARRAY && d->type != DOC_OBJECT)
        return c;
    c->first = c->last = NULL;
    c->n = 0;
    doc_foreach (d, it) {
        struct doc *child = doc_clone(a, it, share_strings);
        if (!child)
            return NULL;
        link_last(c, child);
    }
    return c;
}

/* --- reading --- */

struct str doc_str(const struct doc *d)
{
    return doc_is(d, DOC_STRING) ? str_n(d->s, d->n) : STR("");
}

struct str doc_text(const struct doc *d)
{
    return doc_is(d, DOC_STRING) || doc_is(d, DOC_NUMBER) ? str_n(d->s, d->n) : STR("");
}

bool doc_to_double(const struct doc *d, double *ret)
{
    char small[64];

    if (!doc_is(d, DOC_NUMBER))
        return false;
    _cleanup_(freep) char *big = d->n < sizeof(small) ? NULL : xstrndup(d->s, d->n);
    if (!big) {
        memcpy(small, d->s, d->n);
        small[d->n] = '\0';
    }
    double v = strtod(big ? big : small, NULL);
    if (!isfinite(v))
        return false;
    *ret = v;
    return true;
}

/* An exact integer from text with a fraction or an exponent: digits and the place of the point. */
static bool scaled_to_int(struct str s, int64_t *ret)
{
    bool neg = s.n && s.p[0] == '-';
    size_t i = neg;
    __int128 v = 0;
    int64_t exp10 = 0, e = 0;
    bool point = false;

    for (; i < s.n && s.p[i] != 'e' && s.p[i] != 'E'; i++) {
        if (s.p[i] == '.') {
            point = true;
            continue;
        }
        if (v > (__int128)INT64_MAX * 1000000000)
            return false;
        v = v * 10 + (s.p[i] - '0');
        exp10 -= point;
    }
    if (i < s.n) {
        struct str t = str_from(s, i + 1);
        if (t.n && t.p[0] == '+')
            t = str_from(t, 1);
        if (!parse_range(t, -10000, 10000, &e))
            return false;
    }
    exp10 += e;
    for (; v && exp10 < 0; exp10++, v /= 10)
        if (v % 10)
            return false;
    for (; v && exp10 > 0 && v <= INT64_MAX; exp10--)
        v *= 10;
    if (neg)
        v = -v;
    if (v > INT64_MAX || v < INT64_MIN)
        return false;
    *ret = (int64_t)v;
    return true;
}

bool doc_to_int(const struct doc *d, int64_t *ret)
{
    if (!doc_is(d, DOC_NUMBER))
        return false;
    struct str s = str_n(d->s, d->n);
    return d->flags & DOC_F_INT ? parse_int64(s, ret) : scaled_to_int(s, ret);
}

int64_t doc_int_or(const struct doc *d, int64_t otherwise)
{
    int64_t v;
    return doc_to_int(d, &v) ? v : otherwise;
}

bool doc_true(const struct doc *d)
{
    return doc_is(d, DOC_BOOL) && d->b;
}

struct doc *doc_get_str(const struct doc *obj, struct str key)
{
    if (!doc_is(obj, DOC_OBJECT))
        return NULL;
    for (struct doc *d = obj->first; d; d = d->next)
        if (d->key_len == key.n && (!key.n || memcmp(d->key, key.p, key.n) == 0))
            return d;
    return NULL;
}

struct doc *doc_get(const struct doc *obj, const char *key)
{
    return doc_get_str(obj, str_of(key));
}

struct doc *doc_at(const struct doc *arr, size_t i)
{
    if (!doc_is(arr, DOC_ARRAY) || i >= arr->n)
        return NULL;
    struct doc *d = arr->first;
    while (i--)
        d = d->next;
    return d;
}

struct doc *doc_path(const struct doc *d, const char *path)
{
    struct str rest = str_of(path), name;
    const struct doc *at = d;

    while (at && str_split(&rest, '.', &name))
        at = doc_get_str(at, name);
    return (struct doc *)at;
}

/* --- changing --- */

static struct doc *previous(const struct doc *parent, const struct doc *child, bool *found)
{
    struct doc *prev = NULL;

    *found = true;
    for (struct doc *d = parent->first; d; prev = d, d = d->next)
        if (d == child)
            return prev;
    *found = false;
    return NULL;
}

bool doc_unlink(struct doc *parent, struct doc *child)
{
    bool found;

    if (!doc_count(parent) || !child)
        return false;
    struct doc *prev = previous(parent, child, &found);
    if (!found)
        return false;
    if (prev)
        prev->next = child->next;
    else
        parent->first = child->next;
    if (parent->last == child)
        parent->last = prev;
    parent->n--;
    child->next = NULL;
    return true;
}

void doc_replace(struct doc *parent, struct doc *old, struct doc *value)
{
    bool found;

    if (!value || value == old || !doc_count(parent))
        return;
    struct doc *prev = previous(parent, old, &found);
    if (!found)
        return;
    value->key = old->key;
    value->key_len = old->key_len;
    value->next = old->next;
    if (prev)
        prev->next = value;
    else
        parent->first = value;
    if (parent->last == old)
        parent->last = value;
    old->next = NULL;
}

struct doc *doc_set_str(struct doc *obj, struct str key, struct doc *value)
{
    if (!doc_is(obj, DOC_OBJECT) || !value)
        return NULL;
    struct doc *old = doc_get_str(obj, key);
    if (old) {
        doc_replace(obj, old, value);
        return value;
    }
    value->key = key.p;
    value->key_len = (uint32_t)key.n;
    link_last(obj, value);
    return value;
}

struct doc *doc_set(struct doc *obj, const char *key, struct doc *value)
{
    return doc_set_str(obj, str_of(key), value);
}

struct doc *doc_remove_str(struct doc *obj, struct str key)
{
    struct doc *d = doc_get_str(obj, key);
    return d && doc_unlink(obj, d) ? d : NULL;
}

struct doc *doc_remove(struct doc *obj, const char *key)
{
    return doc_remove_str(obj, str_of(key));
}

struct doc *doc_append(struct doc *arr, struct doc *value)
{
    if (!doc_is(arr, DOC_ARRAY) || !value)
        return NULL;
    value->key = NULL;
    value->key_len = 0;
    link_last(arr, value);
    return value;
}

void doc_insert_before(struct doc *arr, struct doc *at, struct doc *value)
{
    bool found;

    if (!at) {
        doc_append(arr, value);
        return;
    }
    if (!doc_is(arr, DOC_ARRAY) || !value)
        return;
    struct doc *prev = previous(arr, at, &found);
    if (!found)
        return;
    value->key = NULL;
    value->key_len = 0;
    value->next = at;
    if (prev)
        prev->next = value;
    else
        arr->first = value;
    arr->n++;
}

static struct doc *need(struct doc *obj, struct str key, struct doc *(*make)(struct arena *), struct arena *a,
                        enum doc_type type)
{
    struct doc *d = doc_get_str(obj, key);
    if (d && d->type != DOC_NULL)
        return d->type == type ? d : NULL;
    return doc_set_str(obj, key, make(a));
}

struct doc *doc_need_object(struct arena *a, struct doc *obj, const char *key)
{
    return need(obj, str_of(key), doc_object, a, DOC_OBJECT);
}

struct doc *doc_need_array(struct arena *a, struct doc *obj, const char *key)
{
    return need(obj, str_of(key), doc_array, a, DOC_ARRAY);
}

bool doc_set_path(struct arena *a, struct doc *d, const char *path, struct doc *value)
{
    struct str rest = str_of(path), name;

    while (d && str_split(&rest, '.', &name)) {
        if (!rest.p)
            return doc_set_str(d, name, value) != NULL;
        d = need(d, name, doc_object, a, DOC_OBJECT);
    }
    return false;
}

/* Merge sort on the links: stable, no memory. */
static struct doc *merge(struct doc *a, struct doc *b)
{
    struct doc *head = NULL, **tail = &head;

    while (a && b) {
        struct doc **least = str_cmp(doc_key(b), doc_key(a)) < 0 ? &b : &a;
        *tail = *least;
        tail = &(*least)->next;
        *least = *tail;
    }
    *tail = a ? a : b;
    return head;
}

static struct doc *sort_list(struct doc *list, uint32_t n)
{
    if (n < 2)
        return list;
    struct doc *mid = list;
    for (uint32_t i = 1; i < n / 2; i++)
        mid = mid->next;
    struct doc *right = mid->next;
    mid->next = NULL;
    return merge(sort_list(list, n / 2), sort_list(right, n - n / 2));
}

static bool is_sorted(const struct doc *obj)
{
    for (struct doc *d = obj->first; d && d->next; d = d->next)
        if (str_cmp(doc_key(d), doc_key(d->next)) > 0)
            return false;
    return true;
}

void doc_sort_members(struct doc *obj, bool deep)
{
    if (doc_is(obj, DOC_OBJECT) && obj->n > 1 && !is_sorted(obj)) {
        obj->first = sort_list(obj->first, obj->n);
        for (obj->last = obj->first; obj->last->next;)
            obj->last = obj->last->next;
    }
    if (deep)
        doc_foreach (obj, it)
            doc_sort_members(it, true);
}

/* --- comparing --- */

/* A number as sign, significant digits without zeros at the ends, and the power of ten of the last digit. */
struct decimal {
    bool negative;
    struct str text; /* from the first to the last significant digit; may hold a point */
    int64_t exp10;
    size_t digits;
};

static void trim_zeros(struct decimal *d)
{
    while (d->text.n && (d->text.p[0] == '0' || d->text.p[0] == '.'))
        d->text = str_from(d->text, 1);
    while (d->text.n && (d->text.p[d->text.n - 1] == '0' || d->text.p[d->text.n - 1] == '.'))
        d->text.n--;
}

static struct decimal to_decimal(const struct doc *n)
{
    struct str s = str_n(n->s, n->n);
    struct decimal d = {.negative = s.n && s.p[0] == '-'};

    s = str_from(s, d.negative);
    const char *e = memchr(s.p, 'e', s.n);
    if (!e)
        e = memchr(s.p, 'E', s.n);
    d.text = e ? str_n(s.p, (size_t)(e - s.p)) : s;
    struct str exp = e ? str_from(s, (size_t)(e - s.p) + 1) : STR("0");
    if (exp.n && exp.p[0] == '+')
        exp = str_from(exp, 1);
    if (!parse_range(exp, -1000000000000, 1000000000000, &d.exp10))
        d.exp10 = exp.n && exp.p[0] == '-' ? INT64_MIN / 2 : INT64_MAX / 2;

    const char *end = d.text.p + d.text.n, *point = memchr(d.text.p, '.', d.text.n);
    trim_zeros(&d);
    const char *last = d.text.p + d.text.n; /* behind the last significant digit */
    d.digits = d.text.n - (d.text.n && memchr(d.text.p, '.', d.text.n) ? 1 : 0);
    if (!point)
        point = end;
    d.exp10 += point >= last ? point - last : -(last - point - 1);
    if (!d.digits)
        d = (struct decimal){.text = STR("")}; /* -0 is 0 */
    return d;
}

static bool numbers_equal(const struct doc *a, const struct doc *b)
{
    if (a->n == b->n && memcmp(a->s, b->s, a->n) == 0)
        return true;
    struct decimal x = to_decimal(a), y = to_decimal(b);
    if (x.negative != y.negative || x.digits != y.digits || (x.digits && x.exp10 != y.exp10))
        return false;
    for (size_t i = 0, j = 0; i < x.text.n && j < y.text.n; i++, j++) {
        i += x.text.p[i] == '.';
        j += y.text.p[j] == '.';
        if (x.text.p[i] != y.text.p[j])
            return false;
    }
    return true;
}

static bool objects_equal(const struct doc *a, const struct doc *b)
{
    const struct doc *guess = b->first; /* the members mostly stand in the same order */

    doc_foreach (a, it) {
        const struct doc *other = guess && str_eq(doc_key(guess), doc_key(it)) ? guess : doc_get_str(b, doc_key(it));
        if (!other || !doc_equal(it, other))
            return false;
        guess = other->next;
    }
    return true;
}

static bool arrays_equal(const struct doc *a, const struct doc *b)
{
    const struct doc *y = b->first;

    for (const struct doc *x = a->first; x; x = x->next, y = y->next)
        if (!doc_equal(x, y))
            return false;
    return true;
}

bool doc_equal(const struct doc *a, const struct doc *b)
{
    if (a == b || !a || !b)
        return a == b;
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case DOC_NULL:
        return true;
    case DOC_BOOL:
        return a->b == b->b;
    case DOC_NUMBER:
        return numbers_equal(a, b);
    case DOC_STRING:
        return str_eq(doc_str(a), doc_str(b));
    case DOC_ARRAY:
        return a->n == b->n && arrays_equal(a, b);
    default:
        return a->n == b->n && objects_equal(a, b);
    }
}
