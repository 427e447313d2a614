#include <string.h>

#include "api/forms.h"
#include "api/proto_codec.h"
#include "api/proto_wire.h"
#include "api/slots.h"
#include "base/limits.h"
#include "base/parse.h"

struct decoder {
    struct arena *a;
    struct err *err;
    struct slots slots;
};

static int decode_message(struct decoder *c, struct str bytes, const struct schema_message *m, struct doc **ret);

static int broken(struct decoder *c, const char *what)
{
    return form_broken(c->err, what);
}

static int full(struct decoder *c)
{
    return err_set(c->err, ERR_TOO_LARGE, "the object needs too much memory");
}

/* --- scalars --- */

static int decode_string(struct decoder *c, const struct wire_field *w, struct doc **ret)
{
    if (w->type != WIRE_BYTES)
        return broken(c, "wireType");
    if (!utf8_valid(w->bytes))
        return broken(c, "UTF-8");
    *ret = doc_string(c->a, w->bytes);
    return 0;
}

static int decode_bool(struct decoder *c, const struct wire_field *w, struct doc **ret)
{
    if (w->type != WIRE_VARINT)
        return broken(c, "wireType");
    *ret = doc_bool(c->a, w->value != 0);
    return 0;
}

static int decode_int32(struct decoder *c, const struct wire_field *w, struct doc **ret)
{
    if (w->type != WIRE_VARINT)
        return broken(c, "wireType");
    *ret = doc_int(c->a, (int32_t)w->value);
    return 0;
}

static int decode_int64(struct decoder *c, const struct wire_field *w, struct doc **ret)
{
    if (w->type != WIRE_VARINT)
        return broken(c, "wireType");
    *ret = doc_int(c->a, (int64_t)w->value);
    return 0;
}

static int decode_double(struct decoder *c, const struct wire_field *w, struct doc **ret)
{
    double v;

    if (w->type != WIRE_FIXED64)
        return broken(c, "wireType");
    memcpy(&v, &w->value, sizeof(v));
    if (!(v - v == 0)) /* NaN and infinities have no JSON */
        return broken(c, "number");
    *ret = doc_double(c->a, v);
    return 0;
}

static int decode_bytes(struct decoder *c, const struct wire_field *w, struct doc **ret)
{
    if (w->type != WIRE_BYTES)
        return broken(c, "wireType");
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(LIMIT_DOC_ARENA);
    base64_encode(&text, w->bytes.p, w->bytes.n);
    if (!buf_ok(&text))
        return full(c);
    *ret = doc_string_copy(c->a, buf_str(&text));
    return 0;
}

typedef int (*decode_scalar_fn)(struct decoder *c, const struct wire_field *w, struct doc **ret);
static const decode_scalar_fn scalar_decoders[] = {
    [SCHEMA_STRING] = decode_string, [SCHEMA_BOOL] = decode_bool,     [SCHEMA_INT32] = decode_int32,
    [SCHEMA_INT64] = decode_int64,   [SCHEMA_DOUBLE] = decode_double, [SCHEMA_BYTES] = decode_bytes,
};

/* --- values: *ret is NULL for a zero value that JSON writes as null --- */

static int decode_value(struct decoder *c, const struct schema_field *f, const struct wire_field *w, struct doc **ret)
{
    if (f->type != SCHEMA_MESSAGE) {
        if (scalar_decoders[f->type](c, w, ret) < 0)
            return -1;
        return *ret ? 0 : full(c);
    }
    if (w->type != WIRE_BYTES)
        return broken(c, "wireType");
    return decode_message(c, w->bytes, f->message, ret);
}

static struct doc *or_null(struct decoder *c, struct doc *d)
{
    return d ? d : doc_null(c->a);
}

/* A list of numbers may come packed. */
static int decode_packed(struct decoder *c, const struct schema_field *f, struct str bytes, struct doc *list)
{
    struct wire_reader r = wire_read(bytes);
    struct wire_field w = {.type = WIRE_VARINT};
    struct doc *v;

    while (wire_more(&r)) {
        if (!wire_read_varint(&r, &w.value))
            return broken(c, "packed list");
        if (decode_value(c, f, &w, &v) < 0)
            return -1;
        doc_append(list, v);
    }
    return 0;
}

static int decode_element(struct decoder *c, const struct schema_field *f, const struct wire_field *w,
                          struct doc **list)
{
    struct doc *v = NULL;

    if (!*list)
        *list = doc_array(c->a);
    if (!*list)
        return full(c);
    if (w->type == WIRE_BYTES && (f->type == SCHEMA_BOOL || f->type == SCHEMA_INT32 || f->type == SCHEMA_INT64))
        return decode_packed(c, f, w->bytes, *list);
    if (decode_value(c, f, w, &v) < 0)
        return -1;
    return doc_append(*list, or_null(c, v)) ? 0 : full(c);
}

static struct doc *zero_value(struct decoder *c, const struct schema_field *f)
{
    switch (f->type) {
    case SCHEMA_STRING:
        return doc_string(c->a, STR(""));
    case SCHEMA_MESSAGE:
        return slots_zero(c->a, f->message);
    case SCHEMA_BYTES:
        return doc_null(c->a);
    case SCHEMA_BOOL:
        return doc_bool(c->a, false);
    default:
        return doc_int(c->a, 0);
    }
}

/* Appends without looking for an equal key: decode_fields' caller sorts the map once. */
static void append_member(struct doc *map, struct str key, struct doc *v)
{
    v->key = key.p;
    v->key_len = (uint32_t)key.n;
    v->next = NULL;
    if (map->last)
        map->last->next = v;
    else
        map->first = v;
    map->last = v;
    map->n++;
}

static int decode_entry(struct decoder *c, const struct schema_field *f, const struct wire_field *w, struct doc **map)
{
    struct wire_reader r = wire_read(w->bytes);
    struct wire_field part;
    struct str key = STR("");
    struct doc *v = NULL;

    if (w->type != WIRE_BYTES)
        return broken(c, "wireType");
    while (wire_more(&r)) {
        if (!wire_next(&r, &part) || (part.number == 1 && part.type != WIRE_BYTES))
            return broken(c, "map entry");
        if (part.number == 1)
            key = part.bytes;
        else if (part.number == 2 && decode_value(c, f, &part, &v) < 0)
            return -1;
    }
    if (!utf8_valid(key))
        return broken(c, "UTF-8");
    if (!*map)
        *map = doc_object(c->a);
    if (!v)
        v = zero_value(c, f);
    if (!*map || !v)
        return full(c);
    append_member(*map, key, v);
    return 0;
}

/* --- messages --- */

static int decode_field(struct decoder *c, const struct schema_field *f, const struct wire_field *w, struct doc **slot)
{
    if (f->label == SCHEMA_LIST)
        return decode_element(c, f, w, slot);
    if (f->label == SCHEMA_MAP)
        return decode_entry(c, f, w, slot);
    if (decode_value(c, f, w, slot) < 0)
        return -1;
    if (!*slot && f->flags & SCHEMA_F_POINTER) /* present, but zero: a pointer to a zero time */
        *slot = or_null(c, *slot);
    return 0;
}

/* The field of a number; fields come in ascending order, so look at the next one first. */
static const struct schema_field *find_field(const struct schema_message *m, uint32_t number, size_t *hint)
{
    for (size_t i = *hint; i < m->n_numbers && i < *hint + 3; i++) {
        const struct schema_field *f = &m->fields[m->by_number[i]];
        if (f->number == number) {
            *hint = i;
            return f;
        }
    }
    return schema_number(m, number);
}

static int decode_fields(struct decoder *c, struct str bytes, const struct schema_message *m, struct doc **frame)
{
    struct wire_reader r = wire_read(bytes);
    struct wire_field w;
    size_t hint = 0;

    while (wire_more(&r)) {
        if (!wire_next(&r, &w))
            return broken(c, "tag or length");
        const struct schema_field *f = find_field(m, w.number, &hint);
        if (!f)
            continue;
        if (f->flags & SCHEMA_F_INLINE) {
            if (w.type != WIRE_BYTES)
                return broken(c, "wireType");
            if (decode_fields(c, w.bytes, f->message, frame + f->slot) < 0)
                return -1;
        } else if (decode_field(c, f, &w, &frame[f->slot]) < 0) {
            return -1;
        }
    }
    return 0;
}

static int decode_object(struct decoder *c, struct str bytes, const struct schema_message *m, struct doc **ret)
{
    struct doc **frame = slots_push(&c->slots, m->n_slots);

    if (!frame)
        return err_set(c->err, ERR_TOO_LARGE, "the object is nested too deep");
    int r = decode_fields(c, bytes, m, frame);
    for (size_t i = 0; r == 0 && i < m->n_slots; i++)
        if (m->slots[i]->label == SCHEMA_MAP && frame[i])
            slots_sort_map(frame[i]);
    struct doc *obj = r == 0 ? slots_object(c->a, m, frame) : NULL;
    slots_pop(&c->slots, m->n_slots);
    if (r < 0)
        return -1;
    if (!obj)
        return full(c);
    *ret = obj;
    return 0;
}

static int decode_list(struct decoder *c, struct str bytes, const struct schema_field *f, struct doc **ret)
{
    struct wire_reader r = wire_read(bytes);
    struct wire_field w;

    while (wire_more(&r)) {
        if (!wire_next(&r, &w))
            return broken(c, "tag or length");
        if (w.number == f->number && decode_element(c, f, &w, ret) < 0)
            return -1;
    }
    return 0;
}

static int decode_alternative(struct decoder *c, struct str bytes, const struct schema_message *m, struct doc **ret)
{
    struct wire_reader r = wire_read(bytes);
    struct wire_field w;
    struct doc *schema = NULL, *list = NULL;
    bool allows = false;

    while (wire_more(&r)) {
        if (!wire_next(&r, &w))
            return broken(c, "tag or length");
        const struct schema_field *f = schema_number(m, w.number);
        if (!f)
            continue;
        if (f->type == SCHEMA_BOOL)
            allows = w.value != 0;
        else if (f->label == SCHEMA_LIST ? decode_element(c, f, &w, &list) < 0 : decode_value(c, f, &w, &schema) < 0)
            return -1;
    }
    if (m->form == SCHEMA_FORM_SCHEMA_OR_BOOL && !schema)
        schema = doc_bool(c->a, allows);
    *ret = list ? list : schema;
    return 0;
}

static int decode_message(struct decoder *c, struct str bytes, const struct schema_message *m, struct doc **ret)
{
    const struct form *form = form_of(m);

    *ret = NULL;
    if (form)
        return form->decode(c->a, bytes, ret, c->err);
    if (m->form == SCHEMA_FORM_OBJECT)
        return decode_object(c, bytes, m, ret);
    if (m->form == SCHEMA_FORM_LIST)
        return decode_list(c, bytes, &m->fields[0], ret);
    return decode_alternative(c, bytes, m, ret);
}

int proto_decode(struct arena *a, struct str bytes, const struct schema_message *m, struct doc **ret, struct err *err)
{
    struct decoder c;
    struct doc *d = NULL;

    c.a = a;
    c.err = err;
    c.slots.top = 0;
    if (decode_message(&c, bytes, m, &d) < 0)
        return -1;
    if (arena_overflow(a))
        return full(&c);
    *ret = or_null(&c, d);
    return 0;
}
