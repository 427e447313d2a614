/*
 * Any bytes as a model, a packed text and a text: unpacking stays within bounds; what is packed comes back as it was.
 */
#include <stdint.h>
#include <stdlib.h>

#include "ecs/store/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(buf_releasep) struct buf packed = BUF_INIT(4 << 20);
    struct str all = str_n((const char *)data, size);

    if (size < 2)
        return 0;
    size_t at = MIN_OF((size_t)data[0], size), n = data[1];
    struct pack_model *m = pack_model_new(str_n(all.p, at));
    struct str text = str_n(all.p + at, all.n - at);
    char *to = xmalloc(MAX_OF(text.n, n) + 1);
    if (unpack(m, text, to, n) && n > 0 && text.n == 0)
        abort();
    if (!pack(m, text, &packed) || !unpack(m, buf_str(&packed), to, text.n) || memcmp(to, text.p, text.n) != 0)
        abort();
    free(to);
    pack_model_free(m);
    return 0;
}
