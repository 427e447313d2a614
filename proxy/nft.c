#include "proxy/nft.h"

#include "base/str.h"
#include "proxy/rules.h"

#include <nftables/libnftables.h>

struct nft {
    struct nft_ctx *ctx;
};

struct nft *nft_open(struct err *err)
{
    struct nft *n = xcalloc(1, sizeof(*n));
    n->ctx = nft_ctx_new(NFT_CTX_DEFAULT);
    if (!n->ctx || nft_ctx_buffer_error(n->ctx) != 0 || nft_ctx_buffer_output(n->ctx) != 0) {
        err_set(err, ERR_SYSTEM, "cannot open nftables");
        return nft_close(n);
    }
    return n;
}

struct nft *nft_close(struct nft *n)
{
    if (!n)
        return NULL;
    if (n->ctx)
        nft_ctx_free(n->ctx);
    free(n);
    return NULL;
}

int nft_apply(struct nft *n, const char *script, struct err *err)
{
    if (nft_run_cmd_from_buffer(n->ctx, script) == 0)
        return 0;
    struct str text = str_of(nft_ctx_get_error_buffer(n->ctx)), line;
    if (!str_split(&text, '\n', &line) || line.n == 0)
        line = STR("refused");
    return err_set(err, ERR_SYSTEM, "nftables: " STR_FMT, STR_ARG(line));
}

bool nft_has_table(struct nft *n)
{
    bool there = nft_run_cmd_from_buffer(n->ctx, "list chain " PROXY_TABLE " services") == 0;
    (void)nft_ctx_get_output_buffer(n->ctx); /* emptied by the next command */
    return there;
}
