/* Values against a schema, with the errors of kube-openapi's validator as field errors. */
#include <math.h>
#include <stdio.h>

#include "apiserver/apiextensions/formats.h"
#include "api/regex.h"
#include "apiserver/apiextensions/structural.h"

#define PATH_MAX_TEXT 4096

/* Where we are, on the C stack. */
struct place {
    const struct place *up;
    struct str key; /* p NULL = a list element */
    size_t index;
};

static void path_text(struct buf *out, const struct place *at)
{
    if (!at)
        return;
    path_text(out, at->up);
    if (!at->key.p) {
        buf_printf(out, "[%zu]", at->index);
        return;
    }
    if (out->len)
        buf_putc(out, '.');
    buf_str_add(out, at->key);
}

static const char *path_of(struct field_errors *e, const struct place *at)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(PATH_MAX_TEXT);
    path_text(&b, at);
    const char *text = arena_strndup(e->arena, buf_str(&b).p, b.len);
    return text ? text : "";
}

/* The whole path is one name: its dots and brackets are in it already. Empty = upstream's nil path. */
#define PATH(name) (*(name) ? FIELD(NULL, (name)) : NULL)

/* An error whose detail begins with the path: "spec.x in body should ...". */
#define REPORT(e, kind, at, value, fmt, ...)                                                                           \
    do {                                                                                                               \
        const char *path_ = path_of((e), (at));                                                                        \
        field_error_add((e), (kind), PATH(path_), (value), "%s in body " fmt, path_, __VA_ARGS__);                     \
    } while (0)

static void check(struct field_errors *e, const struct place *at, const struct doc *d, const struct structural *s);

/* --- types ------------------------------------------------------------------------------------------------------- */

static const char *const type_names[] = {"", "object", "array", "string", "integer", "number", "boolean"};

static bool is_integer(const struct doc *d)
{
    double v;
    return d->type == DOC_NUMBER && ((d->flags & DOC_F_INT) || (doc_to_double(d, &v) && v == floor(v)));
}

static const char *kind_of(const struct doc *d)
{
    static const char *const names[] = {"null", "boolean", "number", "string", "array", "object"};
    return is_integer(d) ? "integer" : names[d->type];
}

static bool type_fits(const struct structural *s, const struct doc *d)
{
    static const uint8_t wanted[] = {0, DOC_OBJECT, DOC_ARRAY, DOC_STRING, DOC_NUMBER, DOC_NUMBER, DOC_BOOL};
    if (s->int_or_string)
        return d->type == DOC_STRING || is_integer(d);
    if (s->type == ST_INTEGER)
        return is_integer(d);
    return s->type == ST_ANY || d->type == wanted[s->type];
}

/* False ends the checks of this value: nothing else about it would make sense. */
static bool check_type(struct field_errors *e, const struct place *at, const struct doc *d, const struct structural *s)
{
    if (d->type == DOC_NULL && (s->nullable || (s->type == ST_ANY && !s->int_or_string)))
        return false;
    if (type_fits(s, d))
        return true;
    const char *got = kind_of(d), *want = s->int_or_string ? "integer,string" : type_names[s->type];
    REPORT(e, FIELD_ERR_TYPE_INVALID, at, field_quote(e->arena, str_of(got)), "must be of type %s: \"%s\"", want, got);
    return false;
}

/* --- strings ----------------------------------------------------------------------------------------------------- */

static int64_t runes(struct str s)
{
    int64_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += (s.p[i] & 0xC0) != 0x80;
    return n;
}

static void check_string(struct field_errors *e, const struct place *at, const struct doc *d,
                         const struct structural *s)
{
    struct str text = doc_str(d);
    const char *quoted = NULL;
    if (s->max_length >= 0 && runes(text) > s->max_length)
        field_too_long(e, PATH(path_of(e, at)), (size_t)s->max_length);
    if (s->min_length >= 0 && runes(text) < s->min_length) {
        quoted = field_quote(e->arena, text);
        REPORT(e, FIELD_ERR_INVALID, at, quoted, "should be at least %lld chars long", (long long)s->min_length);
    }
    if (s->regex && !regex_match(s->regex, text)) {
        quoted = field_quote(e->arena, text);
        REPORT(e, FIELD_ERR_INVALID, at, quoted, "should match '" STR_FMT "'", STR_ARG(s->pattern));
    }
    if (s->checked && !s->checked->valid(text)) {
        quoted = field_quote(e->arena, text);
        REPORT(e, FIELD_ERR_INVALID, at, quoted, "must be of type " STR_FMT ": %s", STR_ARG(s->format), quoted);
    }
}

/* --- numbers ----------------------------------------------------------------------------------------------------- */

static double value_of(const struct doc *d)
{
    double v = 0;
    (void)doc_to_double(d, &v);
    return v;
}

static void check_bound(struct field_errors *e, const struct place *at, const struct doc *d, const struct doc *bound,
                        bool upper, bool exclusive)
{
    static const char *const texts[2][2] = {{"should be greater than or equal to ", "should be greater than "},
                                            {"should be less than or equal to ", "should be less than "}};
    if (!bound)
        return;
    double v = value_of(d), limit = value_of(bound);
    bool fine = upper ? (exclusive ? v < limit : v <= limit) : (exclusive ? v > limit : v >= limit);
    if (!fine)
        REPORT(e, FIELD_ERR_INVALID, at, field_value_text(e->arena, d), "%s" STR_FMT, texts[upper][exclusive],
               STR_ARG(doc_text(bound)));
}

static void check_number(struct field_errors *e, const struct place *at, const struct doc *d,
                         const struct structural *s)
{
    int64_t v;
    bool in_range = (d->flags & DOC_F_INT) ? doc_to_int(d, &v) : true;
    bool integer = s->type == ST_INTEGER && is_integer(d);
    if (integer && str_is(s->format, "int32"))
        in_range = doc_to_int(d, &v) && v >= INT32_MIN && v <= INT32_MAX;
    if (integer && !in_range)
        field_error_add(e, FIELD_ERR_INVALID, NULL, "\"\"",
                        "Checked value must be of type integer with format %s in %s",
                        str_is(s->format, "int32") ? "int32" : "int64", path_of(e, at));
    if (s->multiple_of && value_of(s->multiple_of) > 0) {
        double q = value_of(d) / value_of(s->multiple_of);
        if (fabs(q - round(q)) > 1e-9 * fmax(1, fabs(q)))
            REPORT(e, FIELD_ERR_INVALID, at, field_value_text(e->arena, d), "should be a multiple of " STR_FMT,
                   STR_ARG(doc_text(s->multiple_of)));
    }
    check_bound(e, at, d, s->maximum, true, s->exclusive_maximum);
    check_bound(e, at, d, s->minimum, false, s->exclusive_minimum);
}

/* --- lists ------------------------------------------------------------------------------------------------------- */

static bool same_keys(const struct structural *s, const struct doc *a, const struct doc *b)
{
    for (size_t i = 0; i < s->n_map_keys; i++) {
        const struct structural *of = structural_property(s->items, s->map_keys[i]);
        const struct doc *x = doc_get_str(a, s->map_keys[i]), *y = doc_get_str(b, s->map_keys[i]);
        x = !x && of ? of->default_value : x;
        y = !y && of ? of->default_value : y;
        if (x && y ? !doc_equal(x, y) : x != y)
            return false;
    }
    return true;
}

static const char *key_text(struct field_errors *e, const struct structural *s, const struct doc *d)
{
    struct doc *keys = doc_object(e->arena);
    for (size_t i = 0; keys && i < s->n_map_keys; i++) {
        const struct doc *v = doc_get_str(d, s->map_keys[i]);
        struct doc *copy = v ? doc_clone(e->arena, v, true) : NULL;
        if (copy)
            doc_set_str(keys, s->map_keys[i], copy);
    }
    return field_value_text(e->arena, keys);
}

/* Elements of a set, and keys of a list that is a map, occur once. */
static void check_duplicates(struct field_errors *e, const struct place *up, const struct doc *d,
                             const struct structural *s)
{
    size_t i = 0;
    if (s->list_type == ST_LIST_ATOMIC || (s->list_type == ST_LIST_MAP && !s->n_map_keys))
        return;
    doc_foreach (d, x) {
        const struct place at = {up, {NULL, 0}, i++};
        for (const struct doc *y = d->first; y != x; y = y->next) {
            bool same = s->list_type == ST_LIST_SET ? doc_equal(x, y) : same_keys(s, x, y);
            if (!same)
                continue;
            field_error_add(e, FIELD_ERR_DUPLICATE, PATH(path_of(e, &at)),
                            s->list_type == ST_LIST_SET ? field_value_text(e->arena, x) : key_text(e, s, x), "%s", "");
            break;
        }
    }
}

static void check_list(struct field_errors *e, const struct place *up, const struct doc *d, const struct structural *s)
{
    size_t i = 0;
    doc_foreach (d, x) {
        const struct place at = {up, {NULL, 0}, i++};
        if (s->items)
            check(e, &at, x, s->items);
    }
    if (s->min_items >= 0 && (int64_t)d->n < s->min_items)
        REPORT(e, FIELD_ERR_INVALID, up, arena_printf(e->arena, "%u", d->n), "should have at least %lld items",
               (long long)s->min_items);
    if (s->max_items >= 0 && (int64_t)d->n > s->max_items)
        field_too_many(e, PATH(path_of(e, up)), d->n, (size_t)s->max_items);
    check_duplicates(e, up, d, s);
}

/* --- objects ----------------------------------------------------------------------------------------------------- */

static void check_object(struct field_errors *e, const struct place *up, const struct doc *d,
                         const struct structural *s)
{
    if (s->max_properties >= 0 && (int64_t)d->n > s->max_properties)
        field_too_many(e, PATH(path_of(e, up)), d->n, (size_t)s->max_properties);
    if (s->min_properties >= 0 && (int64_t)d->n < s->min_properties)
        REPORT(e, FIELD_ERR_INVALID, up, arena_printf(e->arena, "%u", d->n), "should have at least %lld properties",
               (long long)s->min_properties);
    for (size_t i = 0; i < s->n_required; i++) {
        const struct place at = {up, s->required[i], 0};
        if (!doc_get_str(d, s->required[i]))
            field_required(e, PATH(path_of(e, &at)), "%s", "");
    }
    doc_foreach (d, m) {
        const struct place at = {up, doc_key(m), 0};
        const struct structural *of = structural_property(s, doc_key(m));
        if (!of)
            of = s->additional;
        if (of)
            check(e, &at, m, of);
    }
}

/* --- several schemas at once ------------------------------------------------------------------------------------- */

static size_t errors_of(struct field_errors *into, const struct place *at, const struct doc *d,
                        const struct structural *s)
{
    *into = field_errors_in(into->arena);
    check(into, at, d, s);
    return into->n;
}

static void append(struct field_errors *e, const struct field_errors *more)
{
    if (!more->first)
        return;
    if (e->n + more->n > FIELD_ERRORS_MAX) {
        e->n += more->n; /* counted, not kept */
        return;
    }
    if (e->last)
        e->last->next = more->first;
    else
        e->first = more->first;
    e->last = more->last;
    e->n += more->n;
}

static void composite(struct field_errors *e, const struct place *at, const char *fmt, const char *tail)
{
    const char *path = path_of(e, at);
    field_error_add(e, FIELD_ERR_INVALID, NULL, "\"\"", "\"%s\" %s%s", path, fmt, tail);
}

/* How many of them fit; *ret_best = the errors of the one that comes closest. */
static size_t count_valid(struct field_errors *e, const struct place *at, const struct doc *d,
                          const struct structural_list_of *l, struct field_errors *ret_best)
{
    size_t valid = 0;
    *ret_best = field_errors_in(e->arena);
    for (size_t i = 0; i < l->n; i++) {
        struct field_errors one = field_errors_in(e->arena);
        if (errors_of(&one, at, d, l->v[i]) == 0)
            valid++;
        else if (!ret_best->n || one.n < ret_best->n)
            *ret_best = one;
    }
    return valid;
}

static void check_junctors(struct field_errors *e, const struct place *at, const struct doc *d,
                           const struct structural *s)
{
    struct field_errors best;
    if (s->any_of.n && count_valid(e, at, d, &s->any_of, &best) == 0) {
        composite(e, at, "must validate at least one schema (anyOf)", "");
        append(e, &best);
    }
    size_t valid = s->one_of.n ? count_valid(e, at, d, &s->one_of, &best) : 1;
    if (valid != 1) {
        const char *found = valid ? arena_printf(e->arena, "Found %zu valid alternatives", valid) : "Found none valid";
        composite(e, at, "must validate one and only one schema (oneOf). ", found ? found : "");
        if (!valid)
            append(e, &best);
    }
    size_t n_valid = 0;
    struct field_errors all = field_errors_in(e->arena);
    for (size_t i = 0; i < s->all_of.n; i++) {
        struct field_errors one = field_errors_in(e->arena);
        n_valid += errors_of(&one, at, d, s->all_of.v[i]) == 0;
        append(&all, &one);
    }
    if (n_valid < s->all_of.n) {
        composite(e, at, "must validate all the schemas (allOf)", n_valid ? "" : ". None validated");
        append(e, &all);
    }
    struct field_errors one = field_errors_in(e->arena);
    if (s->not_schema && errors_of(&one, at, d, s->not_schema) == 0)
        composite(e, at, "must not validate the schema (not)", "");
}

static void check_enum(struct field_errors *e, const struct place *at, const struct doc *d, const struct structural *s)
{
    if (!s->enum_values)
        return;
    size_t n = 0;
    const char **texts = arena_calloc(e->arena, s->enum_values->n, sizeof(*texts));
    doc_foreach (s->enum_values, v) {
        if (doc_equal(v, d))
            return;
        const char *t =
            v->type == DOC_STRING ? arena_strndup(e->arena, doc_str(v).p, doc_str(v).n) : field_value_text(e->arena, v);
        if (texts && t)
            texts[n++] = t;
    }
    field_not_supported(e, PATH(path_of(e, at)), d, texts, n);
}

static void check(struct field_errors *e, const struct place *at, const struct doc *d, const struct structural *s)
{
    if (!check_type(e, at, d, s))
        return;
    check_junctors(e, at, d, s);
    switch (d->type) {
    case DOC_STRING:
        check_string(e, at, d, s);
        break;
    case DOC_NUMBER:
        check_number(e, at, d, s);
        break;
    case DOC_ARRAY:
        check_list(e, at, d, s);
        break;
    default:
        break;
    }
    check_enum(e, at, d, s);
    if (d->type == DOC_OBJECT)
        check_object(e, at, d, s);
}

void structural_validate(const struct structural *s, const struct doc *value, const char *prefix,
                         struct field_errors *errs)
{
    const struct place root = {NULL, str_of(prefix), 0};
    if (s && value)
        check(errs, *prefix ? &root : NULL, value, s);
}
