#include "kubelet/same.h"

#include <stdint.h>
#include <string.h>

static size_t width_of(ProtobufCType t)
{
    switch (t) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_ENUM:
        return 4;
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    default:
        return 8;
    }
}

/* Values at x and y; NULL = not set. */
static bool value_same(const ProtobufCFieldDescriptor *f, const void *x, const void *y)
{
    static const uint64_t zero[2];
    const void *a = x ? x : zero, *b = y ? y : zero;
    if (f->type == PROTOBUF_C_TYPE_MESSAGE)
        return message_same(*(ProtobufCMessage *const *)a, *(ProtobufCMessage *const *)b);
    if (f->type == PROTOBUF_C_TYPE_STRING) {
        const char *s = *(char *const *)a, *t = *(char *const *)b;
        return strcmp(s ? s : "", t ? t : "") == 0;
    }
    if (f->type == PROTOBUF_C_TYPE_BYTES) {
        const ProtobufCBinaryData *s = a, *t = b;
        return s->len == t->len && (s->len == 0 || memcmp(s->data, t->data, s->len) == 0);
    }
    return memcmp(a, b, width_of(f->type)) == 0;
}

static const char *at(const ProtobufCMessage *m, unsigned offset)
{
    return (const char *)m + offset;
}

static bool repeated_same(const ProtobufCFieldDescriptor *f, const ProtobufCMessage *x, const ProtobufCMessage *y)
{
    size_t n = x ? *(const size_t *)(const void *)at(x, f->quantifier_offset) : 0;
    size_t m = y ? *(const size_t *)(const void *)at(y, f->quantifier_offset) : 0;
    if (n != m)
        return false;
    if (n == 0)
        return true;
    const char *a = *(const char *const *)(const void *)at(x, f->offset);
    const char *b = *(const char *const *)(const void *)at(y, f->offset);
    for (size_t i = 0; i < n; i++)
        if (!value_same(f, a + i * width_of(f->type), b + i * width_of(f->type)))
            return false;
    return true;
}

/* The place of an optional scalar's value, or NULL when it is not set. */
static const void *set_value(const ProtobufCFieldDescriptor *f, const ProtobufCMessage *m)
{
    if (!m)
        return NULL;
    bool pointer = f->type == PROTOBUF_C_TYPE_MESSAGE || f->type == PROTOBUF_C_TYPE_STRING;
    if (!pointer && f->label == PROTOBUF_C_LABEL_OPTIONAL && f->quantifier_offset &&
        !*(const protobuf_c_boolean *)at(m, f->quantifier_offset))
        return NULL;
    return at(m, f->offset);
}

bool message_same(const ProtobufCMessage *x, const ProtobufCMessage *y)
{
    if (x == y)
        return true;
    const ProtobufCMessageDescriptor *d = x ? x->descriptor : y->descriptor;
    for (unsigned i = 0; i < d->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &d->fields[i];
        bool same = f->label == PROTOBUF_C_LABEL_REPEATED ? repeated_same(f, x, y)
                                                          : value_same(f, set_value(f, x), set_value(f, y));
        if (!same)
            return false;
    }
    return true;
}
