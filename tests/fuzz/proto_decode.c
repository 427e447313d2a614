/* Any bytes as a Pod, a CustomResourceDefinition or an enveloped object: no crash, and what is read must encode and
 * read again as the same. */
#include <stdint.h>
#include <stdlib.h>

#include "api/proto_codec.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct schema_message *pick(uint8_t which)
{
    static const char *const kinds[][2] = {{"", "Pod"},
                                           {"", "ConfigMap"},
                                           {"apps", "Deployment"},
                                           {"", "Node"},
                                           {"apiextensions.k8s.io", "CustomResourceDefinition"},
                                           {"coordination.k8s.io", "Lease"},
                                           {"authorization.k8s.io", "SubjectAccessReview"}};
    const char *const *k = kinds[which % ARRAY_LEN(kinds)];

    return schema_kind_find(str_of(k[0]), STR("v1"), str_of(k[1]))->message;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 * MIB);
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(16 * MIB);
    struct err err = ERR_INIT;
    struct proto_envelope envelope;
    struct doc *d, *again;

    if (size < 1)
        return 0;
    const struct schema_message *m = pick(data[0]);
    struct str bytes = str_n((const char *)data + 1, size - 1);
    if (proto_has_envelope(bytes) && proto_open(bytes, &envelope, &err) == 0)
        bytes = envelope.raw;
    if (proto_decode(a, bytes, m, &d, &err) < 0)
        return 0;
    if (proto_encode(&out, d, m, &err) < 0) {
        if (err.code != ERR_TOO_LARGE)
            abort();
        return 0;
    }
    if (proto_decode(a, buf_str(&out), m, &again, &err) < 0 ? err.code != ERR_TOO_LARGE : !doc_equal(d, again))
        abort();
    return 0;
}
