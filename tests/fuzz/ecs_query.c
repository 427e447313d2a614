/* A query that parses can be asked, whatever the values. */
#include <stdint.h>
#include <stdlib.h>

#include "base/limits.h"
#include "ecs/map/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool value_of(const void *ctx, struct str subject, size_t i, struct str *ret)
{
    *ret = i == 0 ? subject : *(const struct str *)ctx;
    return i < 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MIB);
    struct str text = str_n((const char *)data, size);
    const struct query *q;
    struct err err = ERR_INIT;

    if (query_parse(a, text, &q, &err) == 0)
        (void)query_matches(q, value_of, &text);
    return 0;
}
