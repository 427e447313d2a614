/*
 * object.h - API objects as this side of the wire holds them: typed, immutable, reference-counted.
 *
 * A struct kube_object owns one decoded protobuf-c message (all memory of it in one block, freed whole). Whoever has a
 * reference may read it from any thread; nobody ever writes to it. To change an object copy *shallowly* what differs
 * and leave the rest shared, for packing only reads:
 *
 *     Appsv1__Deployment d = *kube_deployment(obj);         // the struct, not what it points to
 *     Appsv1__DeploymentSpec spec = *d.spec;
 *     spec.has_replicas = true, spec.replicas = 3, d.spec = &spec;
 *     kube_update(client, &kube_deployments, &d.base, NULL, &err);
 *
 * KUBE_COPY puts such a shallow copy into the arena of the sync round. The original must outlive every shallow copy of
 * it.
 *
 * Strings that are not set are NULL: read them through kstr(). Kind names follow the proto packages: Corev1__Pod,
 * Appsv1__ReplicaSet.
 */
#ifndef CLIENT_OBJECT_H
#define CLIENT_OBJECT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <protobuf-c/protobuf-c.h>

typedef struct Metav1__ObjectMeta Metav1__ObjectMeta;

/* A resource, one row each in kinds.h; rows may also be made at run time (the garbage collector's metadata-only kinds).
 */
struct kube_kind {
    const char *group, *version; /* "" = core */
    const char *resource;        /* "pods" */
    const char *kind;            /* "Pod" */
    bool namespaced;
    bool metadata_only; /* only metadata is decoded, and asked for; desc is Metav1__PartialObjectMetadata's */
    const ProtobufCMessageDescriptor *desc;
};

struct kube_object;

/* raw: the message without envelope. ERR_BAD_REQUEST when it is no such message, ERR_TOO_LARGE past LIMIT_OBJECT * 4.
 */
int kube_object_decode(const struct kube_kind *kind, struct str raw, struct kube_object **ret,
                       struct err *err) MUST_CHECK;
struct kube_object *kube_object_ref(struct kube_object *o);
struct kube_object *kube_object_unref(struct kube_object *o); /* returns NULL; accepts NULL */
static inline void kube_object_unrefp(struct kube_object **o)
{
    kube_object_unref(*o);
}

struct kube_object {
    const struct kube_kind *kind;
    const ProtobufCMessage *msg;
    const Metav1__ObjectMeta *meta; /* never NULL: an object without metadata has an empty one */
    struct str key;                 /* "namespace/name", or "name" for what has no namespace; NUL-terminated */
    uint32_t refs;                  /* only kube_object_ref/unref touch it */
};

/* The message of an object that must be of the given type; aborts otherwise. Use the typed accessors of kinds.h
 * (kube_pod(obj) ...). */
const void *kube_object_msg(const struct kube_object *o, const ProtobufCMessageDescriptor *desc);

static inline const char *kstr(const char *s)
{
    return s ? s : "";
}

/* A list of references, as LISTs, indexes and stores hand out. */
struct kube_objects {
    struct kube_object **v;
    size_t n, cap;
};
void kube_objects_push(struct kube_objects *l, struct kube_object *o); /* takes over the reference */
void kube_objects_release(struct kube_objects *l);
static inline void kube_objects_releasep(struct kube_objects *l)
{
    kube_objects_release(l);
}
#define kube_objects_foreach(l, it)                                                                                    \
    for (struct kube_object **it##_p = (l)->v, *it; it##_p < (l)->v + (l)->n && (it = *it##_p); it##_p++)

/* A shallow copy of a message in the arena, to be changed; aborts when the arena is full (sync arenas are generous). */
void *kube_copy(struct arena *a, const void *msg, size_t size);
#define KUBE_COPY(arena, Type, ptr) ((Type *)kube_copy((arena), (const Type *)(ptr), sizeof(Type)))

#endif
