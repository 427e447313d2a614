#include "api/proto_codec.h"
#include "api/proto_wire.h"

static const char magic[4] = {'k', '8', 's', '\0'};

bool proto_has_envelope(struct str bytes)
{
    return bytes.n >= sizeof(magic) && memcmp(bytes.p, magic, sizeof(magic)) == 0;
}

static int broken(struct err *err)
{
    return err_set(err, ERR_BAD_REQUEST, "proto: illegal runtime.Unknown");
}

static int read_type(struct str bytes, struct proto_envelope *e, struct err *err)
{
    struct wire_reader r = wire_read(bytes);
    struct wire_field f;

    while (wire_more(&r)) {
        if (!wire_next(&r, &f) || (f.number <= 2 && f.type != WIRE_BYTES))
            return broken(err);
        if (f.number == 1)
            e->api_version = f.bytes;
        else if (f.number == 2)
            e->kind = f.bytes;
    }
    return 0;
}

int proto_open(struct str bytes, struct proto_envelope *ret, struct err *err)
{
    struct proto_envelope e = {STR(""), STR(""), STR("")};
    struct wire_field f;

    if (!proto_has_envelope(bytes))
        return err_set(err, ERR_BAD_REQUEST,
                       "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]");
    struct wire_reader r = wire_read(str_from(bytes, sizeof(magic)));
    while (wire_more(&r)) {
        if (!wire_next(&r, &f) || (f.number <= 2 && f.type != WIRE_BYTES))
            return broken(err);
        if (f.number == 1 && read_type(f.bytes, &e, err) < 0)
            return -1;
        if (f.number == 2)
            e.raw = f.bytes;
    }
    *ret = e;
    return 0;
}

int proto_encode_object_as(struct buf *out, const struct doc *d, const struct schema_message *m, struct str api_version,
                           struct str kind, struct err *err)
{
    buf_add(out, magic, sizeof(magic));
    size_t type = wire_begin(out, 1);
    wire_put_bytes(out, 1, api_version);
    wire_put_bytes(out, 2, kind);
    wire_end(out, type);
    size_t raw = wire_begin(out, 2);
    if (proto_encode(out, d, m, err) < 0)
        return -1;
    wire_end(out, raw);
    wire_put_bytes(out, 3, STR("")); /* contentEncoding, contentType */
    wire_put_bytes(out, 4, STR(""));
    return buf_ok(out) ? 0 : err_set(err, ERR_TOO_LARGE, "the object is too large");
}

int proto_encode_object(struct buf *out, const struct doc *d, const struct schema_message *m, struct err *err)
{
    return proto_encode_object_as(out, d, m, doc_str(doc_get(d, "apiVersion")), doc_str(doc_get(d, "kind")), err);
}

/* apiVersion and kind stand first in Go's JSON: the members are made in front of the others. */
static void set_type(struct arena *a, struct doc *obj, const char *key, struct str value)
{
    struct doc *v = value.n ? doc_string(a, value) : NULL;

    if (!v || doc_get(obj, key))
        return;
    v->key = key;
    v->key_len = (uint32_t)strlen(key);
    v->next = obj->first;
    obj->first = v;
    if (!obj->last)
        obj->last = v;
    obj->n++;
}

int proto_decode_object(struct arena *a, struct str bytes, const struct schema_message *m, struct doc **ret,
                        struct err *err)
{
    struct proto_envelope e;
    struct doc *d;

    if (proto_open(bytes, &e, err) < 0 || proto_decode(a, e.raw, m, &d, err) < 0)
        return -1;
    if (doc_is(d, DOC_OBJECT)) {
        set_type(a, d, "apiVersion", e.api_version);
        set_type(a, d, "kind", e.kind);
    }
    *ret = d;
    return 0;
}
