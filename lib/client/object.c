#include "object.h"

#include "base/limits.h"
#include "client/wire.h"
#include "k8s/meta/v1.pb-c.h"

/* All memory of an object: one block sized by the encoded bytes, and more only when the guess was short. */
struct block {
    struct block *next;
    char bytes[] __attribute__((aligned(16)));
};

struct object {
    struct kube_object pub;
    struct block *more;
    char *at, *end;
    size_t room; /* what may still be allocated in further blocks */
    bool failed;
};

#define DECODED_PER_BYTE 3 /* measured on pods and deployments: structs and pointers against wire bytes */
#define BLOCK_MIN ((size_t)2048)

static void *bump(void *ctx, size_t n)
{
    struct object *o = ctx;

    n = (n + 15) & ~(size_t)15;
    if ((size_t)(o->end - o->at) < n) {
        size_t size = n > BLOCK_MIN ? n : BLOCK_MIN;
        struct block *b = size <= o->room ? malloc(sizeof(*b) + size) : NULL;
        if (!b) {
            o->failed = true;
            return NULL;
        }
        o->room -= size;
        b->next = o->more;
        o->more = b;
        o->at = b->bytes;
        o->end = b->bytes + size;
    }
    void *p = o->at;
    o->at += n;
    return p;
}

static void bump_free(void *ctx, void *p)
{
    /* freed whole with the object */
}

static void object_free(struct object *o)
{
    while (o->more) {
        struct block *next = o->more->next;
        free(o->more);
        o->more = next;
    }
    free(o);
}

static const Metav1__ObjectMeta *metadata_of(const struct kube_kind *kind, const ProtobufCMessage *msg)
{
    static const Metav1__ObjectMeta empty = METAV1__OBJECT_META__INIT;
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(kind->desc, 1);
    const Metav1__ObjectMeta *m = NULL;

    if (f && f->type == PROTOBUF_C_TYPE_MESSAGE && f->descriptor == &metav1__object_meta__descriptor)
        m = *(Metav1__ObjectMeta *const *)(const void *)((const char *)msg + f->offset);
    return m ? m : &empty;
}

/* Also NUL-terminated, for logs and C interfaces. */
static bool make_key(struct object *o)
{
    const char *ns = kstr(o->pub.meta->namespace_), *name = kstr(o->pub.meta->name);
    size_t ns_len = strlen(ns), name_len = strlen(name), n = ns_len + (ns_len ? 1 : 0) + name_len;
    char *p = bump(o, n + 1);

    if (!p)
        return false;
    char *at = p;
    memcpy(at, ns, ns_len);
    at += ns_len;
    if (ns_len)
        *at++ = '/';
    memcpy(at, name, name_len + 1);
    o->pub.key = str_n(p, n);
    return true;
}

int kube_object_decode(const struct kube_kind *kind, struct str raw, struct kube_object **ret, struct err *err)
{
    if (raw.n > LIMIT_OBJECT * 4)
        return err_set(err, ERR_TOO_LARGE, "%s of %zu bytes", kind->kind, raw.n);
    if (kind->metadata_only && !wire_find(raw, 1, &raw)) /* a message with field 1 alone, tag included */
        return err_set(err, ERR_BAD_REQUEST, "%s: not a protobuf message", kind->kind);
    size_t guess = raw.n * DECODED_PER_BYTE + 512;
    struct object *o = xcalloc(1, sizeof(*o));
    struct block *b = xmalloc(sizeof(*b) + guess);
    *o = (struct object){.pub = {.kind = kind, .refs = 1},
                         .more = b,
                         .at = b->bytes,
                         .end = b->bytes + guess,
                         .room = 16 * raw.n + 64 * KIB};
    b->next = NULL;
    ProtobufCAllocator alloc = {bump, bump_free, o};
    o->pub.msg = protobuf_c_message_unpack(kind->desc, &alloc, raw.n, (const uint8_t *)raw.p);
    if (o->pub.msg)
        o->pub.meta = metadata_of(kind, o->pub.msg);
    if (!o->pub.msg || !make_key(o)) {
        bool failed = o->failed;
        object_free(o);
        return failed ? err_set(err, ERR_TOO_LARGE, "%s decodes to too much memory", kind->kind)
                      : err_set(err, ERR_BAD_REQUEST, "%s: not a valid protobuf message", kind->kind);
    }
    *ret = &o->pub;
    return 0;
}

struct kube_object *kube_object_ref(struct kube_object *o)
{
    __atomic_add_fetch(&o->refs, 1, __ATOMIC_RELAXED);
    return o;
}

struct kube_object *kube_object_unref(struct kube_object *o)
{
    if (o && __atomic_sub_fetch(&o->refs, 1, __ATOMIC_ACQ_REL) == 0)
        object_free(CONTAINER_OF(o, struct object, pub));
    return NULL;
}

const void *kube_object_msg(const struct kube_object *o, const ProtobufCMessageDescriptor *desc)
{
    if (o->msg->descriptor != desc)
        abort();
    return o->msg;
}

void kube_objects_push(struct kube_objects *l, struct kube_object *o)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 16;
        l->v = xrealloc(l->v, l->cap * sizeof(*l->v));
    }
    l->v[l->n++] = o;
}

void kube_objects_release(struct kube_objects *l)
{
    for (size_t i = 0; i < l->n; i++)
        kube_object_unref(l->v[i]);
    free(l->v);
    *l = (struct kube_objects){0};
}

void *kube_copy(struct arena *a, const void *msg, size_t size)
{
    void *p = arena_alloc(a, size);
    if (!p)
        abort();
    return memcpy(p, msg, size);
}
