/* What a client takes from a server: an envelope, a list's items, an object. */
#include "client/kinds.h"
#include "client/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try(const struct kube_kind *k, struct str raw)
{
    struct kube_object *o = NULL;
    struct err err = ERR_INIT;

    if (kube_object_decode(k, raw, &o, &err) == 0) {
        if (o->key.p[o->key.n] != '\0')
            abort();
        kube_object_unref(o);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct kube_kind partial = {
        .kind = "Pod", .metadata_only = true, .desc = &metav1__partial_object_metadata__descriptor};
    struct str in = str_n((const char *)data, size), raw = in;
    struct wire_envelope e;
    struct wire_field f;

    if (wire_open(in, &e))
        raw = e.raw;
    try(&kube_pods, raw);
    try(&kube_deployments, raw);
    try(&partial, raw);
    while (wire_next_field(&raw, &f) > 0)
        if (f.type == 2)
            try(&kube_pods, f.bytes);
    return 0;
}
