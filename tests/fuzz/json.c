/* Any bytes: no crash, and what is read must be the same after writing and reading again. */
#include <stdint.h>
#include <stdlib.h>

#include "api/json.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 * MIB);
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(16 * MIB);
    struct doc_warnings w = {.n = 0};
    struct err err = ERR_INIT;
    struct doc *d, *again;

    if (json_parse(a, str_n((const char *)data, size), &(struct json_options){.warnings = &w}, &d, &err) < 0)
        return 0;
    json_write(&out, d);
    if (!buf_ok(&out))
        return 0;
    if (json_parse(a, buf_str(&out), &(struct json_options){.strict = true}, &again, &err) < 0
            ? err.code != ERR_TOO_LARGE
            : !doc_equal(d, again))
        abort();
    return 0;
}
