#include "api/conform.h"

#include "api/forms.h"
#include "api/slots.h"
#include "base/limits.h"
#include "base/parse.h"

/* Where we are: one link a member, element or key, on the C stack. */
struct place {
    const struct place *up;
    struct str key;                  /* of a member or map entry */
    size_t index;                    /* of a list element */
    const struct schema_message *in; /* a member's: the message it belongs to; NULL = map entry or element */
    bool element;
};

struct conformer {
    struct arena *a;
    struct err *err;
    struct doc_warnings *warnings;
    struct slots slots;
};

static int conform_message(struct conformer *c, const struct place *at, struct doc *d, const struct schema_message *m,
                           struct doc **ret);

/* --- error texts, as Go words them --- */

/* "spec.containers.env.value": members only. */
static void member_path(struct buf *out, const struct place *at)
{
    if (!at)
        return;
    member_path(out, at->up);
    if (!at->in)
        return;
    if (out->len)
        buf_putc(out, '.');
    buf_str_add(out, at->key);
}

/* "spec.containers[0].foo" */
static void full_path(struct buf *out, const struct place *at)
{
    if (!at)
        return;
    full_path(out, at->up);
    if (at->element) {
        buf_printf(out, "[%zu]", at->index);
        return;
    }
    if (out->len)
        buf_putc(out, '.');
    buf_str_add(out, at->key);
}

static const char *scalar_type(const struct schema_field *f)
{
    static const char *const names[] = {
        [SCHEMA_STRING] = "string", [SCHEMA_BOOL] = "bool",      [SCHEMA_INT32] = "int32",
        [SCHEMA_INT64] = "int64",   [SCHEMA_DOUBLE] = "float64", [SCHEMA_BYTES] = "[]uint8",
    };
    return names[f->type];
}

/* The Go type of a field's value, or of one element of it. */
static void go_type(struct buf *out, const struct schema_field *f, bool element)
{
    static const char *const heads[] = {[SCHEMA_ONE] = "", [SCHEMA_LIST] = "[]", [SCHEMA_MAP] = "map[string]"};
    const char *go = f->more ? f->more->go : NULL;
    const char *head = heads[f->label];

    if (go && !element) {
        buf_puts(out, go);
        return;
    }
    if (go && strncmp(go, head, strlen(head)) == 0) {
        buf_puts(out, go + strlen(head));
        return;
    }
    if (!element)
        buf_puts(out, head);
    if (f->message)
        buf_printf(out, "%s.%s", f->message->go_package, f->message->name);
    else
        buf_puts(out, scalar_type(f));
}

static const struct place *innermost_member(const struct place *at)
{
    while (at && !at->in)
        at = at->up;
    return at;
}

/* "json: cannot unmarshal WHAT into Go struct field Struct.path of type T" */
static int mismatch(struct conformer *c, const struct place *at, const struct doc *d, const char *type)
{
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(ERR_TEXT_MAX);
    const struct place *member = innermost_member(at);
    struct str number = d->type == DOC_NUMBER && strcmp(type, "string") != 0 ? doc_text(d) : STR("");
    bool literal = number.n && (str_starts(str_of(type), STR("int")) || str_is(str_of(type), "float64"));

    if (!member)
        return err_set(c->err, ERR_BAD_REQUEST, "json: cannot unmarshal %s into Go value of type %s", form_json_kind(d),
                       type);
    member_path(&path, at);
    return err_set(c->err, ERR_BAD_REQUEST,
                   "json: cannot unmarshal %s%s" STR_FMT " into Go struct field %s." STR_FMT " of type %s",
                   form_json_kind(d), literal ? " " : "", STR_ARG(literal ? number : STR("")), member->in->name,
                   STR_ARG(buf_str(&path)), type);
}

static int field_mismatch(struct conformer *c, const struct place *at, const struct doc *d,
                          const struct schema_field *f, bool element)
{
    _cleanup_(buf_releasep) struct buf type = BUF_INIT(256);

    go_type(&type, f, element);
    return mismatch(c, at, d, buf_str(&type).p);
}

static int full(struct conformer *c)
{
    return err_set(c->err, ERR_TOO_LARGE, "the object needs too much memory");
}

static void report_unknown(struct conformer *c, const struct place *at)
{
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(4096);

    if (!c->warnings || c->warnings->n >= JSON_WARNINGS_MAX)
        return;
    full_path(&path, at);
    char *text = arena_printf(c->a, "unknown field \"" STR_FMT "\"", STR_ARG(buf_str(&path)));
    if (text)
        doc_warn(c->warnings, text);
}

/* --- scalars --- */

static bool is_int(const struct doc *d, enum schema_type type)
{
    int64_t v;

    return d->type == DOC_NUMBER && d->flags & DOC_F_INT &&
           parse_range(doc_text(d), type == SCHEMA_INT32 ? INT32_MIN : INT64_MIN,
                       type == SCHEMA_INT32 ? INT32_MAX : INT64_MAX, &v);
}

static int base64_error(struct conformer *c, struct str s)
{
    size_t at = 0;

    while (at < s.n && (s.p[at] == '+' || s.p[at] == '/' || (s.p[at] >= '0' && s.p[at] <= '9') ||
                        ((s.p[at] | 0x20) >= 'a' && (s.p[at] | 0x20) <= 'z')))
        at++;
    return err_set(c->err, ERR_BAD_REQUEST, "illegal base64 data at input byte %zu", at == s.n ? s.n / 4 * 4 : at);
}

static int conform_bytes(struct conformer *c, struct doc *d, struct doc **ret)
{
    _cleanup_(buf_releasep) struct buf bytes = BUF_INIT(LIMIT_DOC_ARENA), text = BUF_INIT(LIMIT_DOC_ARENA);

    if (!base64_decode(&bytes, doc_str(d)))
        return base64_error(c, doc_str(d));
    *ret = d;
    if (!memchr(doc_str(d).p, '\n', d->n) && !memchr(doc_str(d).p, '\r', d->n))
        return 0;
    base64_encode(&text, buf_str(&bytes).p, bytes.len); /* line breaks go */
    *ret = doc_string_copy(c->a, buf_str(&text));
    return *ret && buf_ok(&text) ? 0 : full(c);
}

static int conform_double(struct conformer *c, const struct place *at, struct doc *d, const struct schema_field *f,
                          bool element, struct doc **ret)
{
    double v;

    if (!doc_to_double(d, &v))
        return field_mismatch(c, at, d, f, element);
    *ret = d->flags & DOC_F_INT && d->n < 16 ? d : doc_double(c->a, v);
    return 0;
}

static int conform_scalar(struct conformer *c, const struct place *at, struct doc *d, const struct schema_field *f,
                          bool element, struct doc **ret)
{
    static const uint8_t wanted[] = {
        [SCHEMA_STRING] = DOC_STRING, [SCHEMA_BOOL] = DOC_BOOL,     [SCHEMA_INT32] = DOC_NUMBER,
        [SCHEMA_INT64] = DOC_NUMBER,  [SCHEMA_DOUBLE] = DOC_NUMBER, [SCHEMA_BYTES] = DOC_STRING,
    };

    if (d->type != wanted[f->type])
        return field_mismatch(c, at, d, f, element);
    *ret = d;
    switch (f->type) {
    case SCHEMA_INT32:
    case SCHEMA_INT64:
        if (!is_int(d, (enum schema_type)f->type))
            return field_mismatch(c, at, d, f, element);
        if (str_is(doc_text(d), "-0"))
            *ret = doc_int(c->a, 0);
        return 0;
    case SCHEMA_DOUBLE:
        return conform_double(c, at, d, f, element, ret);
    case SCHEMA_BYTES:
        return conform_bytes(c, d, ret);
    default:
        return 0;
    }
}

/* --- values --- */

static struct doc *zero_of(struct conformer *c, const struct schema_field *f)
{
    switch (f->type) {
    case SCHEMA_STRING:
        return doc_string(c->a, STR(""));
    case SCHEMA_BOOL:
        return doc_bool(c->a, false);
    case SCHEMA_MESSAGE:
        return slots_zero(c->a, f->message);
    case SCHEMA_BYTES:
        return doc_null(c->a);
    default:
        return doc_int(c->a, 0);
    }
}

/* The value of a singular field, one element of a list or one entry of a map. */
static int conform_value(struct conformer *c, const struct place *at, struct doc *d, const struct schema_field *f,
                         struct doc **ret)
{
    bool element = f->label != SCHEMA_ONE;

    if (f->type != SCHEMA_MESSAGE)
        return conform_scalar(c, at, d, f, element, ret);
    if (f->message->form == SCHEMA_FORM_OBJECT && d->type != DOC_OBJECT)
        return field_mismatch(c, at, d, f, element);
    return conform_message(c, at, d, f->message, ret);
}

static void link_child(struct doc *parent, struct doc *child, const char *key, uint32_t key_len)
{
    child->key = key;
    child->key_len = key_len;
    child->next = NULL;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->n++;
}

/* A list or map is rebuilt in place: its node stays, its children become conformed ones. */
static int conform_children(struct conformer *c, const struct place *up, struct doc *d, const struct schema_field *f)
{
    struct place at = {.up = up, .element = f->label == SCHEMA_LIST};
    struct doc *child = d->first;

    d->first = d->last = NULL;
    d->n = 0;
    for (struct doc *next; child; child = next, at.index++) {
        struct doc *v = NULL;
        const char *key = child->key;
        uint32_t key_len = child->key_len;
        next = child->next;
        at.key = str_n(key, key_len);
        if (child->type != DOC_NULL && conform_value(c, &at, child, f, &v) < 0)
            return -1;
        if (!v)
            v = zero_of(c, f);
        if (!v)
            return full(c);
        link_child(d, v, key, key_len);
    }
    return 0;
}

static int conform_field(struct conformer *c, const struct place *at, struct doc *d, const struct schema_field *f,
                         struct doc **ret)
{
    static const uint8_t wanted[] = {[SCHEMA_LIST] = DOC_ARRAY, [SCHEMA_MAP] = DOC_OBJECT};

    if (d->type == DOC_NULL)
        return *ret = NULL, 0;
    if (f->label == SCHEMA_ONE)
        return conform_value(c, at, d, f, ret);
    if (d->type != wanted[f->label])
        return field_mismatch(c, at, d, f, false);
    if (conform_children(c, at, d, f) < 0)
        return -1;
    if (f->label == SCHEMA_MAP)
        slots_sort_map(d);
    *ret = d;
    return 0;
}

/* --- messages --- */

static int conform_members(struct conformer *c, const struct place *up, struct doc *d, const struct schema_message *m,
                           struct doc **frame)
{
    for (struct doc *it = d->first, *next; it; it = next) {
        struct place at = {.up = up, .key = doc_key(it), .in = m};
        struct doc *v = NULL;
        uint16_t slot;
        const struct schema_field *f = schema_member_slot(m, at.key, &slot);
        next = it->next;
        if (!f)
            report_unknown(c, &at);
        else if (conform_field(c, &at, it, f, &v) < 0)
            return -1;
        else
            frame[slot] = v;
    }
    return 0;
}

static int conform_object(struct conformer *c, const struct place *at, struct doc *d, const struct schema_message *m,
                          struct doc **ret)
{
    struct doc **frame = slots_push(&c->slots, m->n_slots);

    if (!frame)
        return err_set(c->err, ERR_TOO_LARGE, "the object is nested too deep");
    int r = conform_members(c, at, d, m, frame);
    struct doc *obj = r == 0 ? slots_object(c->a, m, frame) : NULL;
    slots_pop(&c->slots, m->n_slots);
    if (r < 0)
        return -1;
    if (!obj)
        return full(c);
    *ret = obj;
    return 0;
}

/* JSONSchemaProps or a list or a boolean. Upstream decodes these apart, without strict checking. */
static int conform_alternative(struct conformer *c, struct doc *d, const struct schema_message *m, struct doc **ret)
{
    bool or_bool = m->form == SCHEMA_FORM_SCHEMA_OR_BOOL;
    const struct schema_field *schema = schema_number(m, or_bool ? 2 : 1), *other = schema_number(m, or_bool ? 1 : 2);
    struct doc_warnings *warnings = TAKE(c->warnings);
    int r = 0;

    *ret = d;
    if (d->type == DOC_OBJECT)
        r = conform_message(c, NULL, d, schema->message, ret);
    else if (or_bool && d->type != DOC_BOOL)
        r = err_set(c->err, ERR_BAD_REQUEST, "boolean or JSON schema expected");
    else if (!or_bool && d->type == DOC_ARRAY)
        r = conform_field(c, NULL, d, other, ret);
    else if (!or_bool)
        *ret = NULL;
    c->warnings = warnings;
    return r;
}

static int conform_message(struct conformer *c, const struct place *at, struct doc *d, const struct schema_message *m,
                           struct doc **ret)
{
    const struct form *form = form_of(m);

    *ret = d;
    if (form)
        return form->conform ? form->conform(c->a, d, ret, c->err) : 0;
    if (m->form == SCHEMA_FORM_OBJECT)
        return d->type == DOC_OBJECT ? conform_object(c, at, d, m, ret)
                                     : mismatch(c, at, d, arena_printf(c->a, "%s.%s", m->go_package, m->name));
    if (m->form == SCHEMA_FORM_LIST) /* a list type of its own: its element errors name the list's field */
        return conform_field(c, at, d, &m->fields[0], ret);
    return conform_alternative(c, d, m, ret);
}

int conform(struct arena *a, struct doc *d, const struct schema_message *m, struct doc_warnings *warnings,
            struct doc **ret, struct err *err)
{
    struct conformer c;
    struct doc *out = NULL;

    c.a = a;
    c.err = err;
    c.warnings = warnings;
    c.slots.top = 0;
    if (conform_message(&c, NULL, d, m, &out) < 0)
        return -1;
    if (!out)
        out = slots_zero(a, m);
    if (!out || arena_overflow(a))
        return full(&c);
    *ret = out;
    return 0;
}

struct doc *conform_zero(struct arena *a, const struct schema_message *m)
{
    return slots_zero(a, m);
}
