/* Cells that a path describes, and what all cell functions share. */
#include "rules.h"

#include <stdio.h>

#include "api/selector.h"
#include "base/clock.h"
#include "base/limits.h"

#define CELL_MAX (MIB / 4)

struct doc *cell_string(const struct cell_context *c, struct str s)
{
    return doc_string(c->a, s);
}

struct doc *cell_take(const struct cell_context *c, struct buf *b)
{
    return doc_string_copy(c->a, buf_str(b));
}

struct str cell_since(const struct cell_context *c, const struct doc *timestamp)
{
    char text[HUMAN_DURATION_MAX];
    int64_t s;
    int32_t ns;

    if (!doc_str(timestamp).n || !parse_rfc3339(doc_str(timestamp), &s, &ns))
        return STR("<unknown>");
    printer_human_duration(c->now_s - s, text);
    return arena_str(c->a, str_of(text));
}

const struct doc *cell_find(const struct doc *list, const char *key, const char *value)
{
    doc_foreach (list, e)
        if (str_is(doc_str(doc_get(e, key)), value))
            return e;
    return NULL;
}

bool cell_condition_true(const struct doc *conditions, const char *type)
{
    return str_is(doc_str(doc_get(cell_find(conditions, "type", type), "status")), "True");
}

void cell_add(struct buf *out, struct str s, const char *separator)
{
    if (out->len)
        buf_puts(out, separator);
    buf_add(out, s.p, s.n);
}

/* The value at the path of "path|text", and the text. */
static const struct doc *look(const struct cell_context *c, const char *arg, struct str *otherwise)
{
    struct str rest = str_of(arg), path;
    const struct doc *d = c->obj;

    str_split(&rest, '|', &path);
    *otherwise = rest.p ? rest : STR("");
    for (struct str name; d && str_split(&path, '.', &name);)
        d = doc_get_str(d, name);
    return d;
}

struct doc *cell_text(const struct cell_context *c, const char *arg)
{
    struct str otherwise, s = doc_text(look(c, arg, &otherwise));
    return cell_string(c, s.n ? s : otherwise);
}

struct doc *cell_int(const struct cell_context *c, const char *arg)
{
    struct str otherwise;
    return doc_int(c->a, doc_int_or(look(c, arg, &otherwise), 0));
}

struct doc *cell_bool(const struct cell_context *c, const char *arg)
{
    struct str otherwise;
    const struct doc *d = look(c, arg, &otherwise);
    return doc_bool(c->a, doc_is(d, DOC_BOOL) ? d->b : str_is(otherwise, "true"));
}

struct doc *cell_bool_text(const struct cell_context *c, const char *arg)
{
    struct str otherwise;
    const struct doc *d = look(c, arg, &otherwise);
    return cell_string(c, !doc_is(d, DOC_BOOL) ? STR("<unset>") : d->b ? STR("True") : STR("False"));
}

struct doc *cell_count(const struct cell_context *c, const char *arg)
{
    struct str rest = str_of(arg), name;
    size_t n = 0;

    while (str_split(&rest, '+', &name)) {
        const struct doc *d = c->obj;
        for (struct str part; d && str_split(&name, '.', &part);)
            d = doc_get_str(d, part);
        n += doc_count(d);
    }
    return doc_int(c->a, (int64_t)n);
}

struct doc *cell_age(const struct cell_context *c, const char *arg)
{
    struct str otherwise;
    const struct doc *d = look(c, arg, &otherwise);
    return cell_string(c, !doc_str(d).n && otherwise.n ? otherwise : cell_since(c, d));
}

struct doc *cell_date(const struct cell_context *c, const char *arg)
{
    struct str otherwise;
    const struct doc *d = look(c, arg, &otherwise);
    return doc_str(d).n ? cell_string(c, doc_str(d)) : doc_null(c->a);
}

struct doc *cell_ratio(const struct cell_context *c, const char *arg)
{
    struct str rest = str_of(arg), path;
    int64_t v[2] = {0, 0};

    for (int i = 0; i < 2 && str_split(&rest, '/', &path); i++) {
        const struct doc *d = c->obj;
        for (struct str part; d && str_split(&path, '.', &part);)
            d = doc_get_str(d, part);
        v[i] = doc_int_or(d, 0);
    }
    return doc_printf(c->a, "%lld/%lld", (long long)v[0], (long long)v[1]);
}

static struct doc *join_members(const struct cell_context *c, const char *arg, const char *key)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(CELL_MAX);
    struct str otherwise;

    doc_foreach (look(c, arg, &otherwise), e)
        cell_add(&out, doc_str(key ? doc_get(e, key) : e), ",");
    return cell_take(c, &out);
}

struct doc *cell_names(const struct cell_context *c, const char *arg)
{
    return join_members(c, arg, "name");
}

struct doc *cell_images(const struct cell_context *c, const char *arg)
{
    return join_members(c, arg, "image");
}

struct doc *cell_join(const struct cell_context *c, const char *arg)
{
    return join_members(c, arg, NULL);
}

struct doc *cell_labels(const struct cell_context *c, const char *arg)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(CELL_MAX);
    struct str otherwise;
    struct doc *sorted = doc_clone(c->a, look(c, arg, &otherwise), true);

    doc_sort_members(sorted, false);
    doc_foreach (sorted, l) {
        cell_add(&out, doc_key(l), ",");
        buf_printf(&out, "=" STR_FMT, STR_ARG(doc_str(l)));
    }
    return out.len ? cell_take(c, &out) : cell_string(c, STR("<none>"));
}

static struct doc *selector(const struct cell_context *c, const char *arg, const char *empty, const char *broken)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(CELL_MAX);
    const struct label_selector *s;
    struct err err = ERR_INIT;
    struct str otherwise;

    if (label_selector_from_doc(c->a, look(c, arg, &otherwise), &s, &err) < 0)
        return cell_string(c, str_of(broken));
    label_selector_write(&out, s);
    return out.len ? cell_take(c, &out) : cell_string(c, str_of(empty));
}

struct doc *cell_selector(const struct cell_context *c, const char *arg)
{
    return selector(c, arg, "<none>", "<error>");
}

struct doc *cell_selector_raw(const struct cell_context *c, const char *arg)
{
    return selector(c, arg, "", "<invalid>");
}

struct doc *cell_reference(const struct cell_context *c, const char *arg)
{
    struct str otherwise;
    const struct doc *d = look(c, arg, &otherwise);
    return doc_printf(c->a, STR_FMT "/" STR_FMT, STR_ARG(doc_str(doc_get(d, "kind"))),
                      STR_ARG(doc_str(doc_get(d, "name"))));
}

struct doc *cell_fixed(const struct cell_context *c, const char *arg)
{
    return cell_string(c, str_of(arg));
}

struct doc *cell_default_seconds(const struct cell_context *c, const char *arg)
{
    struct str otherwise;
    char text[HUMAN_DURATION_MAX];
    int64_t v;

    if (!doc_to_int(look(c, arg, &otherwise), &v))
        return cell_string(c, otherwise);
    printer_human_duration(v, text);
    return doc_string_copy(c->a, str_of(text));
}

struct doc *cell_condition_status(const struct cell_context *c, const char *arg)
{
    struct str s = doc_str(doc_get(cell_find(doc_path(c->obj, "status.conditions"), "type", arg), "status"));
    return cell_string(c, s.n ? s : STR("?"));
}
