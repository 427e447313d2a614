/*
 * nft.h - the kernel's nftables through libnftables, the only place that sees it. One thread.
 */
#ifndef PROXY_NFT_H
#define PROXY_NFT_H

#include "base/err.h"

struct nft;

struct nft *nft_open(struct err *err) MUST_CHECK; /* NULL on failure */
struct nft *nft_close(struct nft *n);             /* returns NULL; accepts NULL */
/* Runs the commands as one transaction: all or nothing. */
int nft_apply(struct nft *n, const char *script, struct err *err) MUST_CHECK;
/* Is our table there? */
bool nft_has_table(struct nft *n);

#endif
