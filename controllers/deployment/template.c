/* Which replica set belongs to a pod template: comparing and hashing templates. */
#include "controllers/deployment/rules.h"

/* --- generic comparison of messages --- */

static bool is_map(const ProtobufCFieldDescriptor *f)
{
    if (f->label != PROTOBUF_C_LABEL_REPEATED || f->type != PROTOBUF_C_TYPE_MESSAGE)
        return false;
    const ProtobufCMessageDescriptor *m = f->descriptor;
    size_t n = strlen(m->short_name);
    return m->n_fields == 2 && n > 5 && strcmp(m->short_name + n - 5, "Entry") == 0 &&
           strcmp(m->fields[0].name, "key") == 0 && strcmp(m->fields[1].name, "value") == 0;
}

static size_t scalar_size(ProtobufCType t)
{
    switch (t) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 4; /* bool is an int in protobuf-c */
    }
}

/* Two values in place; a string that is not set equals an empty one, as in Go. */
static bool value_equal(const ProtobufCFieldDescriptor *f, const void *a, const void *b)
{
    if (f->type == PROTOBUF_C_TYPE_STRING)
        return strcmp(kstr(*(char *const *)a), kstr(*(char *const *)b)) == 0;
    if (f->type == PROTOBUF_C_TYPE_MESSAGE)
        return message_equal(*(const ProtobufCMessage *const *)a, *(const ProtobufCMessage *const *)b);
    if (f->type == PROTOBUF_C_TYPE_BYTES) {
        const ProtobufCBinaryData *x = a, *y = b;
        return x->len == y->len && (!x->len || memcmp(x->data, y->data, x->len) == 0);
    }
    return memcmp(a, b, scalar_size(f->type)) == 0;
}

static const char *entry_key(const ProtobufCMessage *m)
{
    return kstr(*(char *const *)(const void *)((const char *)m + m->descriptor->fields[0].offset));
}

/* Maps are small; the order of their entries means nothing. */
static bool maps_equal(const ProtobufCMessage *const *a, const ProtobufCMessage *const *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t j = 0;
        while (j < n && strcmp(entry_key(a[i]), entry_key(b[j])) != 0)
            j++;
        if (j == n || !message_equal(a[i], b[j]))
            return false;
    }
    return true;
}

static bool field_equal(const ProtobufCFieldDescriptor *f, const char *a, const char *b)
{
    if (f->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t n = *(const size_t *)(const void *)(a + f->quantifier_offset), size = scalar_size(f->type);
        if (n != *(const size_t *)(const void *)(b + f->quantifier_offset))
            return false;
        const char *x = *(char *const *)(const void *)(a + f->offset),
                   *y = *(char *const *)(const void *)(b + f->offset);
        if (n && is_map(f))
            return maps_equal((const void *)x, (const void *)y, n);
        for (size_t i = 0; i < n; i++)
            if (!value_equal(f, x + i * size, y + i * size))
                return false;
        return true;
    }
    bool has_flag = f->type != PROTOBUF_C_TYPE_STRING && f->type != PROTOBUF_C_TYPE_MESSAGE && f->quantifier_offset;
    if (has_flag) {
        bool has_a = *(const protobuf_c_boolean *)(const void *)(a + f->quantifier_offset),
             has_b = *(const protobuf_c_boolean *)(const void *)(b + f->quantifier_offset);
        if (has_a != has_b)
            return false; /* a pointer in Go: unset and zero are two things */
        if (!has_a)
            return true;
    }
    return value_equal(f, a + f->offset, b + f->offset);
}

bool message_equal(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    if (!a || !b)
        return a == b;
    for (unsigned i = 0; i < a->descriptor->n_fields; i++)
        if (!field_equal(&a->descriptor->fields[i], (const char *)a, (const char *)b))
            return false;
    return true;
}

/* --- templates --- */

/* A copy of the metadata without the hash label; `labels` has room for all. */
static Metav1__ObjectMeta without_hash(const Metav1__ObjectMeta *m, Metav1__ObjectMeta__LabelsEntry **labels)
{
    Metav1__ObjectMeta copy = *m;

    copy.labels = labels;
    copy.n_labels = 0;
    for (size_t i = 0; i < m->n_labels; i++)
        if (strcmp(kstr(m->labels[i]->key), TEMPLATE_HASH) != 0)
            labels[copy.n_labels++] = m->labels[i];
    return copy;
}

static bool metadata_equal(const Metav1__ObjectMeta *a, const Metav1__ObjectMeta *b)
{
    static const Metav1__ObjectMeta none = METAV1__OBJECT_META__INIT;

    a = a ? a : &none;
    b = b ? b : &none;
    _cleanup_(freep) Metav1__ObjectMeta__LabelsEntry **x = xcalloc(a->n_labels + 1, sizeof(*x));
    _cleanup_(freep) Metav1__ObjectMeta__LabelsEntry **y = xcalloc(b->n_labels + 1, sizeof(*y));
    Metav1__ObjectMeta m = without_hash(a, x), n = without_hash(b, y);
    m.creationtimestamp = n.creationtimestamp = NULL; /* the Go encoder writes an empty one */
    return message_equal(&m.base, &n.base);
}

bool template_equal(const Corev1__PodTemplateSpec *a, const Corev1__PodTemplateSpec *b)
{
    return metadata_equal(a->metadata, b->metadata) &&
           message_equal(a->spec ? &a->spec->base : NULL, b->spec ? &b->spec->base : NULL);
}

/* Upstream hashes a dump of its Go structs, which nobody else can make; any hash of the content does, since sets are
 * found by comparing templates. The text form is upstream's: decimal digits as safe characters. */
char *template_hash(struct arena *a, const Corev1__PodTemplateSpec *t, const int32_t *collision)
{
    static const char safe[] = "bcdfghjklmnpqrstvwxz2456789";
    size_t n = protobuf_c_message_get_packed_size(&t->base);
    uint8_t *raw = arena_alloc(a, n + 4);
    uint32_t h = 2166136261u; /* FNV-1a's offset and prime */

    if (!raw)
        return NULL;
    protobuf_c_message_pack(&t->base, raw);
    if (collision) {
        memcpy(raw + n, collision, 4);
        n += 4;
    }
    for (size_t i = 0; i < n; i++)
        h = (h ^ raw[i]) * 16777619u;
    char *text = arena_printf(a, "%u", h);
    for (char *p = text; p && *p; p++)
        *p = safe[(unsigned char)*p % (sizeof(safe) - 1)];
    return text;
}
