/* Any JSON as an object of some kind: no crash; conforming twice gives the same; what conforms can be encoded. */
#include <stdint.h>
#include <stdlib.h>

#include "api/conform.h"
#include "api/proto_codec.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 * MIB);
    _cleanup_(buf_releasep) struct buf one = BUF_INIT(16 * MIB), two = BUF_INIT(16 * MIB), pb = BUF_INIT(16 * MIB);
    struct doc_warnings w = {.n = 0};
    struct err err = ERR_INIT;
    const struct schema_kind *kinds;
    struct doc *d;

    if (size < 1)
        return 0;
    size_t n = schema_kinds(&kinds);
    const struct schema_message *message = kinds[data[0] % n].message;
    if (json_parse(a, str_n((const char *)data + 1, size - 1), NULL, &d, &err) < 0 ||
        conform(a, d, message, &w, &d, &err) < 0)
        return 0;
    json_write(&one, d);
    if (conform(a, d, message, NULL, &d, &err) < 0) {
        if (err.code != ERR_TOO_LARGE)
            abort();
        return 0;
    }
    json_write(&two, d);
    if (!str_eq(buf_str(&one), buf_str(&two)))
        abort();
    if (proto_encode(&pb, d, message, &err) < 0 && err.code != ERR_TOO_LARGE)
        abort();
    return 0;
}
