/* Any bytes from a SPDY server. */
#include "base/limits.h"
#include "net/spdy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_reply(void *ctx, uint32_t stream)
{
}

static void on_data(void *ctx, uint32_t stream, struct str data, bool fin)
{
    *(size_t *)ctx += data.n;
}

static void on_reset(void *ctx, uint32_t stream, uint32_t status)
{
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct spdy_ops ops = {on_reply, on_data, on_reset};
    const struct spdy_header h = {STR("streamtype"), STR("stdin")};
    struct err err = ERR_INIT;
    struct buf out = BUF_INIT(MIB);
    struct spdy *s = NULL;
    size_t seen = 0;
    if (spdy_new(&ops, &seen, &out, &s, &err) < 0)
        return 0;
    spdy_open(s, &h, 1);
    size_t cut = size ? data[0] % (size + 1) : 0;
    if (spdy_input(s, str_n((const char *)data, cut), &err) == 0)
        (void)!spdy_input(s, str_n((const char *)data + cut, size - cut), &err);
    if (seen > size)
        abort();
    spdy_free(s);
    buf_release(&out);
    return 0;
}
