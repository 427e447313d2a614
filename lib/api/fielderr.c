#include "fielderr.h"

#include <stdarg.h>
#include <stdio.h>

#include "api/json.h"
#include "api/status.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/parse.h"

#define VALUE_MAX (MIB / 4) /* a bad value is shown up to here */

static const struct {
    const char *reason, *text;
    bool has_value;
} types[] = {
    [FIELD_ERR_REQUIRED] = {"FieldValueRequired", "Required value", false},
    [FIELD_ERR_INVALID] = {"FieldValueInvalid", "Invalid value", true},
    [FIELD_ERR_NOT_SUPPORTED] = {"FieldValueNotSupported", "Unsupported value", true},
    [FIELD_ERR_DUPLICATE] = {"FieldValueDuplicate", "Duplicate value", true},
    [FIELD_ERR_FORBIDDEN] = {"FieldValueForbidden", "Forbidden", false},
    [FIELD_ERR_TOO_LONG] = {"FieldValueTooLong", "Too long", false},
    [FIELD_ERR_TOO_MANY] = {"FieldValueTooMany", "Too many", true},
    [FIELD_ERR_TOO_FEW] = {"FieldValueTooFew", "Too few", true},
    [FIELD_ERR_TOO_SHORT] = {"FieldValueTooShort", "Too short", false},
    [FIELD_ERR_NOT_FOUND] = {"FieldValueNotFound", "Not found", true},
    [FIELD_ERR_INTERNAL] = {"InternalError", "Internal error", false},
    [FIELD_ERR_TYPE_INVALID] = {"FieldValueTypeInvalid", "Invalid value", true},
};

static void write_path(struct buf *out, const struct field_path *p)
{
    if (p->parent)
        write_path(out, p->parent);
    switch (p->kind) {
    case FIELD_NAME:
        if (!p->name.n) /* as upstream writes field.NewPath("") */
            buf_puts(out, "[]");
        else
            buf_printf(out, "%s" STR_FMT, p->parent ? "." : "", STR_ARG(p->name));
        break;
    case FIELD_INDEX:
        buf_printf(out, "[%zu]", p->index);
        break;
    case FIELD_MAP_KEY:
        buf_printf(out, "[" STR_FMT "]", STR_ARG(p->name));
        break;
    }
}

const char *field_path_text(struct arena *a, const struct field_path *p)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(64 * KIB);

    if (!p)
        return "<nil>";
    write_path(&out, p);
    return arena_str(a, buf_str(&out)).p;
}

/* --- values as upstream shows them --- */

/* Characters that Go's unicode.IsPrint refuses, those that are met in practice: C1 controls, format characters,
 * separators. */
static bool printable(uint32_t c)
{
    if (c < 0xa0)
        return c >= 0x20 && c < 0x7f;
    return c != 0xa0 && c != 0xad && c != 0x1680 && !(c >= 0x2000 && c <= 0x200f) && !(c >= 0x2028 && c <= 0x202f) &&
           !(c >= 0x205f && c <= 0x206f) && c != 0x3000 && c != 0xfeff && !(c >= 0xe000 && c <= 0xf8ff) &&
           !(c >= 0xfff0 && c <= 0xfffb) && (c & 0xfffe) != 0xfffe;
}

static size_t decode_rune(const unsigned char *p, size_t n, uint32_t *ret)
{
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

    if (len > n || !utf8_valid(str_n((const char *)p, len)))
        return 0;
    uint32_t c = len == 1 ? p[0] : p[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++)
        c = c << 6 | (p[i] & 0x3f);
    *ret = c;
    return len;
}

static void quote_rune(struct buf *out, uint32_t c, struct str raw)
{
    static const char letter[128] = {['\a'] = 'a', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r',
                                     ['\t'] = 't', ['\v'] = 'v', ['"'] = '"',  ['\\'] = '\\'};

    if (c < 128 && letter[c])
        buf_printf(out, "\\%c", letter[c]);
    else if (printable(c))
        buf_add(out, raw.p, raw.n);
    else if (c < 0x80)
        buf_printf(out, "\\x%02x", c);
    else
        buf_printf(out, c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
}

const char *field_quote(struct arena *a, struct str s)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(VALUE_MAX);
    uint32_t c;

    buf_putc(&out, '"');
    for (size_t i = 0; i < s.n;) {
        size_t n = decode_rune((const unsigned char *)s.p + i, s.n - i, &c);
        if (n)
            quote_rune(&out, c, str_n(s.p + i, n));
        else
            buf_printf(&out, "\\x%02x", (unsigned char)s.p[i]);
        i += n ? n : 1;
    }
    buf_putc(&out, '"');
    return arena_str(a, buf_str(&out)).p;
}

const char *field_value_text(struct arena *a, const struct doc *value)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(VALUE_MAX);

    if (doc_is(value, DOC_STRING))
        return field_quote(a, doc_str(value));
    json_write(&out, value);
    return arena_str(a, buf_str(&out)).p;
}

/* --- the list --- */

void field_error_add(struct field_errors *l, enum field_error_type type, const struct field_path *p,
                     const char *value_text, const char *fmt, ...)
{
    _cleanup_(buf_releasep) struct buf body = BUF_INIT(2 * VALUE_MAX);
    va_list ap;

    if (l->n++ >= FIELD_ERRORS_MAX)
        return;
    buf_puts(&body, types[type].text);
    if (types[type].has_value)
        buf_printf(&body, ": %s", value_text ? value_text : "null");
    size_t before = body.len;
    buf_puts(&body, ": ");
    va_start(ap, fmt);
    buf_vprintf(&body, fmt, ap);
    va_end(ap);
    if (body.len == before + 2)
        body.len = before; /* no detail */

    struct field_error *e = arena_new_of(l->arena, struct field_error);
    if (!e)
        return;
    e->type = type;
    e->field = field_path_text(l->arena, p);
    e->body = arena_str(l->arena, buf_str(&body)).p;
    if (l->last)
        l->last->next = e;
    else
        l->first = e;
    l->last = e;
}

static void not_supported(struct field_errors *l, const struct field_path *p, const char *value,
                          const char *const *supported, size_t n)
{
    _cleanup_(buf_releasep) struct buf list = BUF_INIT(64 * KIB);

    for (size_t i = 0; i < n; i++)
        buf_printf(&list, "%s%s", i ? ", " : "", field_quote(l->arena, str_of(supported[i])));
    if (n)
        field_error_add(l, FIELD_ERR_NOT_SUPPORTED, p, value, "supported values: %s", buf_str(&list).p);
    else
        field_error_add(l, FIELD_ERR_NOT_SUPPORTED, p, value, "%s", "");
}

void field_not_supported(struct field_errors *l, const struct field_path *p, const struct doc *value,
                         const char *const *supported, size_t n)
{
    not_supported(l, p, field_value_text(l->arena, value), supported, n);
}

void field_not_supported_str(struct field_errors *l, const struct field_path *p, struct str value,
                             const char *const *supported, size_t n)
{
    not_supported(l, p, field_quote(l->arena, value), supported, n);
}

void field_too_long(struct field_errors *l, const struct field_path *p, size_t max_bytes)
{
    field_error_add(l, FIELD_ERR_TOO_LONG, p, NULL, "may not be more than %zu bytes", max_bytes);
}

void field_too_many(struct field_errors *l, const struct field_path *p, size_t actual, size_t max)
{
    field_error_add(l, FIELD_ERR_TOO_MANY, p, arena_printf(l->arena, "%zu", actual), "must have at most %zu item%s",
                    max, max == 1 ? "" : "s");
}

void field_too_few(struct field_errors *l, const struct field_path *p, size_t actual, size_t min)
{
    field_error_add(l, FIELD_ERR_TOO_FEW, p, arena_printf(l->arena, "%zu", actual), "must have at least %zu item%s",
                    min, min == 1 ? "" : "s");
}

int field_errors_to_err(const struct field_errors *l, struct str group, struct str kind, struct str name,
                        struct err *err)
{
    size_t n = 0;

    if (!l->n)
        return 0;
    struct status_cause *causes = arena_calloc(l->arena, MIN_OF(l->n, FIELD_ERRORS_MAX), sizeof(*causes));
    for (struct field_error *e = causes ? l->first : NULL; e; e = e->next)
        causes[n++] = (struct status_cause){types[e->type].reason, e->body, e->field};
    return status_invalid(err, l->arena, group, kind, name, causes, n);
}
