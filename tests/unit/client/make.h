/* Objects for tests, made the way they come from the wire. */
#ifndef UNIT_CLIENT_MAKE_H
#define UNIT_CLIENT_MAKE_H

#include "client/kinds.h"

static inline struct kube_object *pack_object(const struct kube_kind *k, const ProtobufCMessage *m)
{
    struct err err = ERR_INIT;
    struct kube_object *o = NULL;
    size_t n = protobuf_c_message_get_packed_size(m);
    uint8_t *raw = xmalloc(n);

    protobuf_c_message_pack(m, raw);
    int r = kube_object_decode(k, str_n((char *)raw, n), &o, &err);
    free(raw);
    return r == 0 ? o : NULL;
}

static inline struct kube_object *make_pod(const char *ns, const char *name, const char *node, const char *owner_uid)
{
    Metav1__ObjectMeta m = METAV1__OBJECT_META__INIT;
    Metav1__OwnerReference r = METAV1__OWNER_REFERENCE__INIT, *rp = &r;
    Corev1__PodSpec spec = COREV1__POD_SPEC__INIT;
    Corev1__Pod p = COREV1__POD__INIT;

    m.name = (char *)name, m.namespace_ = (char *)ns;
    r.uid = (char *)owner_uid, r.has_controller = r.controller = true;
    m.n_ownerreferences = owner_uid ? 1 : 0;
    m.ownerreferences = &rp;
    spec.nodename = (char *)node;
    p.metadata = &m, p.spec = &spec;
    return pack_object(&kube_pods, &p.base);
}

#endif
