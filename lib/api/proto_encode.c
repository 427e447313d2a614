#include <stdio.h>

#include "api/forms.h"
#include "api/proto_codec.h"
#include "api/proto_wire.h"
#include "api/slots.h"
#include "base/limits.h"
#include "base/parse.h"

struct encoder {
    struct buf *out;
    struct err *err;
    struct slots slots;
};

static int encode_message(struct encoder *e, const struct doc *d, const struct schema_message *m);

static int mismatch(struct encoder *e, const struct schema_field *f, const struct doc *d)
{
    return err_set(e->err, ERR_BAD_REQUEST, "cannot encode %s as field \"%s\"", form_json_kind(d), f->json);
}

/* --- scalars: d is never NULL or null --- */

static int encode_string(struct encoder *e, const struct schema_field *f, uint32_t number, const struct doc *d)
{
    if (d->type != DOC_STRING)
        return mismatch(e, f, d);
    wire_put_bytes(e->out, number, str_n(d->s, d->n));
    return 0;
}

static int encode_bool(struct encoder *e, const struct schema_field *f, uint32_t number, const struct doc *d)
{
    if (d->type != DOC_BOOL)
        return mismatch(e, f, d);
    wire_put_int(e->out, number, d->b);
    return 0;
}

static int encode_int(struct encoder *e, const struct schema_field *f, uint32_t number, const struct doc *d)
{
    int64_t v;

    if (!doc_to_int(d, &v) || (f->type == SCHEMA_INT32 && v != (int32_t)v))
        return mismatch(e, f, d);
    wire_put_int(e->out, number, v);
    return 0;
}

static int encode_double(struct encoder *e, const struct schema_field *f, uint32_t number, const struct doc *d)
{
    uint64_t bits;
    double v;

    if (!doc_to_double(d, &v))
        return mismatch(e, f, d);
    memcpy(&bits, &v, sizeof(bits));
    wire_put_tag(e->out, number, WIRE_FIXED64);
    for (int i = 0; i < 8; i++)
        buf_putc(e->out, (char)(bits >> (8 * i)));
    return 0;
}

static int encode_bytes(struct encoder *e, const struct schema_field *f, uint32_t number, const struct doc *d)
{
    if (d->type != DOC_STRING)
        return mismatch(e, f, d);
    size_t body = wire_begin(e->out, number);
    if (!base64_decode(e->out, doc_str(d)))
        return err_set(e->err, ERR_BAD_REQUEST, "illegal base64 data in field \"%s\"", f->json);
    wire_end(e->out, body);
    return 0;
}

typedef int (*encode_scalar_fn)(struct encoder *e, const struct schema_field *f, uint32_t number, const struct doc *d);
static const encode_scalar_fn scalar_encoders[] = {
    [SCHEMA_STRING] = encode_string, [SCHEMA_BOOL] = encode_bool,     [SCHEMA_INT32] = encode_int,
    [SCHEMA_INT64] = encode_int,     [SCHEMA_DOUBLE] = encode_double, [SCHEMA_BYTES] = encode_bytes,
};

static void encode_zero_scalar(struct encoder *e, const struct schema_field *f, uint32_t number)
{
    if (f->type == SCHEMA_STRING) {
        wire_put_bytes(e->out, number, STR(""));
    } else if (f->type == SCHEMA_DOUBLE) {
        wire_put_tag(e->out, number, WIRE_FIXED64);
        buf_add(e->out, "\0\0\0\0\0\0\0\0", 8);
    } else if (f->type != SCHEMA_BYTES) { /* nil bytes are not written */
        wire_put_int(e->out, number, 0);
    }
}

/* --- values --- */

/* One value, of a singular field, a list or a map; NULL and null are Go's zero value. */
static int encode_value(struct encoder *e, const struct schema_field *f, uint32_t number, const struct doc *d)
{
    if (f->type == SCHEMA_MESSAGE) {
        size_t body = wire_begin(e->out, number);
        if (encode_message(e, d, f->message) < 0)
            return -1;
        wire_end(e->out, body);
        return 0;
    }
    if (d && d->type != DOC_NULL)
        return scalar_encoders[f->type](e, f, number, d);
    encode_zero_scalar(e, f, number);
    return 0;
}

static int encode_list(struct encoder *e, const struct schema_field *f, const struct doc *list)
{
    if (list->type != DOC_ARRAY)
        return mismatch(e, f, list);
    doc_foreach (list, it)
        if (encode_value(e, f, f->number, it) < 0)
            return -1;
    return 0;
}

static int encode_entry(struct encoder *e, const struct schema_field *f, const struct doc *entry)
{
    size_t body = wire_begin(e->out, f->number);

    wire_put_bytes(e->out, 1, doc_key(entry));
    if (encode_value(e, f, 2, entry) < 0)
        return -1;
    wire_end(e->out, body);
    return 0;
}

static int compare_keys(const void *a, const void *b)
{
    return str_cmp(doc_key(*(const struct doc *const *)a), doc_key(*(const struct doc *const *)b));
}

static bool keys_ascend(const struct doc *map)
{
    for (const struct doc *d = map->first; d && d->next; d = d->next)
        if (str_cmp(doc_key(d), doc_key(d->next)) >= 0)
            return false;
    return true;
}

static int encode_unsorted(struct encoder *e, const struct schema_field *f, const struct doc *map)
{
    _cleanup_(freep) const struct doc **order = xmalloc(map->n * sizeof(*order));
    size_t n = 0;

    doc_foreach (map, it)
        order[n++] = it;
    qsort(order, n, sizeof(*order), compare_keys);
    for (size_t i = 0; i < n; i++)
        if (encode_entry(e, f, order[i]) < 0)
            return -1;
    return 0;
}

static int encode_map(struct encoder *e, const struct schema_field *f, const struct doc *map)
{
    if (map->type != DOC_OBJECT)
        return mismatch(e, f, map);
    if (!keys_ascend(map))
        return encode_unsorted(e, f, map);
    doc_foreach (map, it)
        if (encode_entry(e, f, it) < 0)
            return -1;
    return 0;
}

/* --- messages --- */

static int encode_field(struct encoder *e, const struct schema_field *f, const struct doc *d)
{
    if (d && d->type == DOC_NULL)
        d = NULL;
    if (f->label == SCHEMA_LIST)
        return d ? encode_list(e, f, d) : 0;
    if (f->label == SCHEMA_MAP)
        return d ? encode_map(e, f, d) : 0;
    if (!d && f->flags & SCHEMA_F_POINTER)
        return 0;
    return encode_value(e, f, f->number, d);
}

static int encode_fields(struct encoder *e, const struct schema_message *m, struct doc *const *frame)
{
    for (size_t i = 0; i < m->n_numbers; i++) {
        const struct schema_field *f = &m->fields[m->by_number[i]];
        if (!(f->flags & SCHEMA_F_INLINE)) {
            if (encode_field(e, f, frame[f->slot]) < 0)
                return -1;
            continue;
        }
        size_t body = wire_begin(e->out, f->number);
        if (encode_fields(e, f->message, frame + f->slot) < 0)
            return -1;
        wire_end(e->out, body);
    }
    return 0;
}

static int encode_object(struct encoder *e, const struct doc *d, const struct schema_message *m)
{
    uint16_t slot;

    if (d && d->type != DOC_OBJECT)
        return err_set(e->err, ERR_BAD_REQUEST, "cannot encode %s as %s", form_json_kind(d), m->name);
    struct doc **frame = slots_push(&e->slots, m->n_slots);
    if (!frame)
        return err_set(e->err, ERR_TOO_LARGE, "the object is nested too deep");
    for (struct doc *it = d ? d->first : NULL; it; it = it->next)
        if (schema_member_slot(m, doc_key(it), &slot))
            frame[slot] = it;
    int r = encode_fields(e, m, frame);
    slots_pop(&e->slots, m->n_slots);
    return r;
}

/* JSONSchemaProps or something else: the message has one field for either. */
static int encode_alternative(struct encoder *e, const struct doc *d, const struct schema_message *m)
{
    const struct schema_field *schema = schema_number(m, m->form == SCHEMA_FORM_SCHEMA_OR_BOOL ? 2 : 1);
    const struct schema_field *other = schema_number(m, m->form == SCHEMA_FORM_SCHEMA_OR_BOOL ? 1 : 2);

    if (m->form == SCHEMA_FORM_SCHEMA_OR_BOOL)
        wire_put_int(e->out, other->number, d && (d->type == DOC_OBJECT || doc_true(d)));
    if (d && d->type == DOC_OBJECT)
        return encode_value(e, schema, schema->number, d);
    return d && d->type == DOC_ARRAY ? encode_list(e, other, d) : 0;
}

static int encode_message(struct encoder *e, const struct doc *d, const struct schema_message *m)
{
    const struct form *form = form_of(m);

    if (d && d->type == DOC_NULL)
        d = NULL;
    if (form)
        return form->encode(e->out, d, e->err);
    if (m->form == SCHEMA_FORM_OBJECT)
        return encode_object(e, d, m);
    if (m->form == SCHEMA_FORM_LIST)
        return d ? encode_list(e, &m->fields[0], d) : 0;
    return encode_alternative(e, d, m);
}

int proto_encode(struct buf *out, const struct doc *d, const struct schema_message *m, struct err *err)
{
    struct encoder e;

    e.out = out;
    e.err = err;
    e.slots.top = 0;
    if (encode_message(&e, d, m) < 0)
        return -1;
    return buf_ok(out) ? 0 : err_set(err, ERR_TOO_LARGE, "the object is too large");
}
