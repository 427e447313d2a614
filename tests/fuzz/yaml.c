/* Any bytes as a stream of YAML documents: no crash, an end, and trees that JSON can carry. */
#include <stdint.h>
#include <stdlib.h>

#include "api/json.h"
#include "api/yaml.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 * MIB);
    struct str text = str_n((const char *)data, size);
    size_t offset = 0, before = 0;
    struct err err = ERR_INIT;
    struct doc *d, *again;

    while (yaml_parse(a, text, &offset, &d, &err) == 1) {
        _cleanup_(buf_releasep) struct buf out = BUF_INIT(16 * MIB);
        if (offset <= before)
            abort();
        before = offset;
        json_write(&out, d);
        if (buf_ok(&out) && json_parse(a, buf_str(&out), NULL, &again, &err) < 0 && err.code != ERR_TOO_LARGE)
            abort();
    }
    return 0;
}
