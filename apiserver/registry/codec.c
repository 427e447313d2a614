#include "apiserver/registry/codec.h"

#include <stdio.h>

#include "api/json.h"
#include "api/proto_codec.h"
#include "apiserver/apiextensions/custom.h"
#include "apiserver/registry/convert.h"
#include "apiserver/registry/meta.h"
#include "base/limits.h"

/* Slots of a storage object. An alternative version (events.k8s.io, autoscaling/v1) has slots of its own. */
enum slot { SLOT_INDEX, SLOT_JSON, SLOT_PROTO, SLOT_ALT_JSON, SLOT_ALT_PROTO, SLOT_META_JSON, SLOT_META_PROTO };
_Static_assert(SLOT_META_PROTO < STORAGE_SLOTS, "more slots than a storage object has");

#define LIMIT_ENCODED (16 * MIB) /* JSON of a stored object: LIMIT_OBJECT with every byte escaped, and room */

/* --- stored <-> document ----------------------------------------------------------------------------------------- */

static int decode_value(const struct resource *res, struct arena *a, struct str value, struct doc **ret,
                        struct err *err)
{
    if (proto_has_envelope(value))
        return proto_decode_object(a, value, res->storage_message, ret, err);
    return json_parse(a, value, NULL, ret, err);
}

/* An object that is in no store (a dry run) has none. */
static void set_revision(struct arena *a, struct doc *obj, int64_t revision)
{
    if (!revision)
        return;
    struct doc *meta = meta_need(a, obj);
    struct doc *text = doc_printf(a, "%lld", (long long)revision);
    struct doc *uid = doc_get(meta, "uid");
    if (!meta || !text)
        return;
    if (!uid || doc_get(meta, "resourceVersion")) {
        doc_set(meta, "resourceVersion", text);
        return;
    }
    /* Behind uid, where Go's struct has it: the stored form never holds it, so nothing has to be replaced. */
    text->key = "resourceVersion";
    text->key_len = (uint32_t)strlen(text->key);
    text->next = uid->next;
    uid->next = text;
    if (meta->last == uid)
        meta->last = text;
    meta->n++;
}

int codec_load(const struct resource *res, struct arena *a, const struct storage_object *o, struct doc **ret,
               struct err *err)
{
    struct doc *obj = NULL;
    if (decode_value(res, a, o->value, &obj, err) < 0)
        return err_wrap(err, "decoding " STR_FMT, STR_ARG(o->key));
    if (!doc_is(obj, DOC_OBJECT))
        return err_set(err, ERR_INTERNAL, "decoding " STR_FMT ": not an object", STR_ARG(o->key));
    set_revision(a, obj, o->mod_revision);
    convert_from_storage(res, a, obj);
    if (res->custom)
        custom_restore(res->custom, a, obj);
    if (arena_overflow(a))
        return err_set(err, ERR_TOO_LARGE, "request too large");
    *ret = obj;
    return 0;
}

static int encode_value(const struct resource *res, const struct doc *obj, struct buf *out, struct err *err)
{
    if (!res->storage_json)
        return proto_encode_object(out, obj, res->storage_message, err);
    json_write(out, obj);
    buf_putc(out, '\n');
    return 0;
}

int codec_store(const struct resource *res, struct arena *a, struct doc *obj, struct buf *out, struct err *err)
{
    struct doc *stored = obj;
    if (!convert_is_storage_version(res)) {
        stored = doc_clone(a, obj, true);
        if (!stored)
            return err_set(err, ERR_TOO_LARGE, "request too large");
        convert_to_storage(res, a, stored);
    }
    struct doc *revision = doc_get(meta_of(stored), "resourceVersion");
    if (revision)
        doc_remove(meta_of(stored), "resourceVersion");
    int r = encode_value(res, stored, out, err);
    if (revision)
        doc_set(meta_of(stored), "resourceVersion", revision);
    if (r < 0)
        return -1;
    if (!buf_ok(out) || out->len > LIMIT_OBJECT)
        return err_set(err, ERR_TOO_LARGE, "Request entity too large: limit is %zu", LIMIT_OBJECT);
    return 0;
}

/* --- encoded answers --------------------------------------------------------------------------------------------- */

static void encoded_free(void *p)
{
    struct encoded *e = p;
    shared_buf_unref(e->buf);
    free(e);
}

static struct encoded *encoded_new(struct buf *b, size_t inner_at, size_t inner_n)
{
    struct encoded *e = xcalloc(1, sizeof(*e));
    e->buf = shared_buf_from(b);
    e->all = shared_buf_str(e->buf);
    e->inner = str_n(e->all.p + inner_at, inner_n);
    return e;
}

static int failed_encoding(struct err *err)
{
    return err_set(err, ERR_INTERNAL, "an object is too large to be encoded");
}

/* {"kind":K,"apiVersion":V, first, then the rest in its order; takes the two members out of obj. */
static int encode_json(struct doc *obj, struct encoded **ret, struct err *err)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_ENCODED);
    struct str kind = doc_str(doc_get(obj, "kind")), version = doc_str(doc_get(obj, "apiVersion"));
    doc_remove(obj, "kind");
    doc_remove(obj, "apiVersion");
    buf_puts(&b, "{\"kind\":");
    json_write_string(&b, kind);
    buf_puts(&b, ",\"apiVersion\":");
    json_write_string(&b, version);
    size_t brace_at = b.len;
    json_write(&b, obj);
    if (!buf_ok(&b))
        return failed_encoding(err);
    b.data[brace_at] = ','; /* in place of the object's own brace: metadata is always there */
    size_t inner_at = brace_at + 1, inner_n = b.len - inner_at;
    *ret = encoded_new(&b, inner_at, inner_n);
    return 0;
}

static int encode_proto(const struct doc *obj, const struct schema_message *m, struct encoded **ret, struct err *err)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_ENCODED);
    if (proto_encode_object(&b, obj, m, err) < 0)
        return -1;
    if (!buf_ok(&b))
        return failed_encoding(err);
    struct proto_envelope env;
    if (proto_open(buf_str(&b), &env, err) < 0)
        return -1;
    size_t at = (size_t)(env.raw.p - b.data);
    *ret = encoded_new(&b, at, env.raw.n);
    return 0;
}

static int encode(struct doc *obj, const struct schema_message *m, enum encoding enc, struct encoded **ret,
                  struct err *err)
{
    return enc == ENC_PROTOBUF ? encode_proto(obj, m, ret, err) : encode_json(obj, ret, err);
}

static int encode_object(const struct resource *res, const struct storage_object *o, enum encoding enc,
                         bool metadata_only, struct encoded **ret, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    struct doc *obj = NULL;
    if (codec_load(res, a, o, &obj, err) < 0)
        return -1;
    const struct schema_message *m = res->message;
    if (metadata_only) {
        obj = codec_partial_metadata(a, obj, false);
        const struct schema_kind *k = schema_kind_find(STR("meta.k8s.io"), STR("v1"), STR("PartialObjectMetadata"));
        if (!obj || !k)
            return failed_encoding(err);
        m = k->message;
    }
    if (!m && enc == ENC_PROTOBUF)
        return err_set(err, ERR_NOT_ACCEPTABLE, "object does not implement the protobuf marshalling interface");
    return encode(obj, m, enc, ret, err);
}

/* An encoding that another version of the schema made is of no use; then there is one that is not kept. */
static int encoded_slot(const struct resource *res, const struct storage_object *o, unsigned slot, enum encoding enc,
                        bool metadata_only, struct encoded *ret, struct err *err)
{
    const struct encoded *have = storage_object_slot(o, slot);
    uint64_t id = res->custom && !metadata_only ? res->custom->id : 0;
    struct encoded *made = NULL;
    if (UNLIKELY(!have || have->made_by != id)) {
        if (encode_object(res, o, enc, metadata_only, &made, err) < 0)
            return -1;
        made->made_by = id;
        if (have) {
            *ret = *made; /* with its reference */
            free(made);
            return 0;
        }
        have = storage_object_set_slot(o, slot, made, encoded_free);
        if (have->made_by != id)
            return encoded_slot(res, o, slot, enc, metadata_only, ret, err);
    }
    *ret = *have;
    shared_buf_ref(ret->buf);
    return 0;
}

int codec_encoded(const struct resource *res, const struct storage_object *o, enum encoding enc, struct encoded *ret,
                  struct err *err)
{
    unsigned slot = enc == ENC_PROTOBUF ? SLOT_PROTO : SLOT_JSON;
    if (!convert_is_storage_version(res))
        slot += SLOT_ALT_JSON - SLOT_JSON;
    return encoded_slot(res, o, slot, enc, false, ret, err);
}

int codec_encoded_metadata(const struct resource *res, const struct storage_object *o, enum encoding enc,
                           struct encoded *ret, struct err *err)
{
    unsigned slot = enc == ENC_PROTOBUF ? SLOT_META_PROTO : SLOT_META_JSON;
    return encoded_slot(res, o, slot, enc, true, ret, err);
}

struct doc *codec_partial_metadata(struct arena *a, const struct doc *obj, bool beta)
{
    struct doc *d = doc_object(a), *meta = doc_clone(a, meta_of(obj), true);
    if (!d || !meta)
        return NULL;
    doc_set(d, "kind", doc_string(a, STR("PartialObjectMetadata")));
    doc_set(d, "apiVersion", doc_string(a, beta ? STR("meta.k8s.io/v1beta1") : STR("meta.k8s.io/v1")));
    doc_set(d, "metadata", meta);
    return d;
}

static const struct schema_kind *kind_of(const struct doc *d)
{
    struct str version = doc_str(doc_get(d, "apiVersion")), group = STR("");
    const char *slash = memchr(version.p, '/', version.n);
    if (slash) {
        group = str_n(version.p, (size_t)(slash - version.p));
        version = str_from(version, group.n + 1);
    }
    return schema_kind_find(group, version, doc_str(doc_get(d, "kind")));
}

int codec_write(const struct doc *d, enum encoding enc, struct buf *out, struct err *err)
{
    const struct schema_kind *k = enc == ENC_PROTOBUF ? kind_of(d) : NULL;
    if (enc == ENC_PROTOBUF) {
        if (!k)
            return err_set(err, ERR_NOT_ACCEPTABLE, "object does not implement the protobuf marshalling interface");
        if (proto_encode_object(out, d, k->message, err) < 0)
            return -1;
    } else {
        json_write(out, d);
        buf_putc(out, '\n');
    }
    return buf_ok(out) ? 0 : failed_encoding(err);
}

/* --- what selectors look at -------------------------------------------------------------------------------------- */

static int label_cmp(const void *a, const void *b)
{
    const struct label *x = a, *y = b;
    return str_cmp(x->key, y->key);
}

static struct str copy(char **at, struct str s)
{
    char *p = *at;
    if (s.n)
        memcpy(p, s.p, s.n);
    *at += s.n;
    return str_n(p, s.n);
}

static struct object_index *index_build(const struct doc *obj, const struct str *fields, size_t n_fields)
{
    const struct doc *labels = doc_get(meta_of(obj), "labels");
    size_t bytes = meta_namespace(obj).n + meta_name(obj).n, n_labels = doc_count(labels);
    doc_foreach (labels, l)
        bytes += l->key_len + doc_str(l).n;
    for (size_t i = 0; i < n_fields; i++)
        bytes += fields[i].n;
    struct object_index *ix =
        xcalloc(1, sizeof(*ix) + n_labels * sizeof(struct label) + n_fields * sizeof(struct str) + bytes + 1);
    struct label *lv = (struct label *)(ix + 1);
    struct str *fv = (struct str *)(lv + n_labels);
    char *at = (char *)(fv + n_fields);
    ix->ns = copy(&at, meta_namespace(obj));
    ix->name = copy(&at, meta_name(obj));
    size_t i = 0;
    doc_foreach (labels, l) {
        lv[i].key = copy(&at, doc_key(l));
        lv[i++].value = copy(&at, doc_str(l));
    }
    if (n_labels)
        qsort(lv, n_labels, sizeof(*lv), label_cmp);
    for (i = 0; i < n_fields; i++)
        fv[i] = copy(&at, fields[i]);
    ix->labels = lv;
    ix->n_labels = n_labels;
    ix->fields = fv;
    ix->n_fields = n_fields;
    return ix;
}

#define FIELDS_MAX 16

const struct object_index *codec_index(const struct resource *res, const struct storage_object *o)
{
    const struct object_index *have = storage_object_slot(o, SLOT_INDEX);
    if (have)
        return have;
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    struct doc *obj = NULL;
    struct err err = ERR_INIT;
    if (decode_value(res, a, o->value, &obj, &err) < 0)
        return NULL;
    const struct field_def *defs;
    size_t n = codec_fields(res, &defs);
    struct str fields[FIELDS_MAX];
    n = MIN_OF(n, (size_t)FIELDS_MAX);
    for (size_t i = 0; i < n; i++)
        fields[i] = defs[i].value ? defs[i].value(obj, a) : doc_str(doc_path(obj, defs[i].path));
    return storage_object_set_slot(o, SLOT_INDEX, index_build(obj, fields, n), free);
}

/* --- keys -------------------------------------------------------------------------------------------------------- */

bool codec_key(const struct resource *res, const char *etcd_prefix, struct str ns, struct str name, struct buf *out)
{
    static const char usual[] = "/registry";
    const char *rest = res->key_prefix;
    if (!rest)
        return false;
    if (strncmp(rest, usual, sizeof(usual) - 1) == 0)
        rest += sizeof(usual) - 1;
    buf_puts(out, etcd_prefix);
    buf_puts(out, rest);
    buf_putc(out, '/');
    if (res->namespaced && ns.n) {
        buf_str_add(out, ns);
        buf_putc(out, '/');
    }
    buf_str_add(out, name);
    return buf_ok(out);
}
