/* Any bytes as a bearer token or a token file: no crash, and nothing that was not signed is believed. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "apiserver/auth/token.h"
#include "apiserver/auth/token_file.h"
#include "base/file.h"
#include "base/limits.h"
#include "net/pki.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sa_tokens *make_tokens(void)
{
    char dir[] = "/tmp/coracle-fuzz-token-XXXXXX", path[64];
    struct sa_tokens *t = NULL;
    struct err err = ERR_INIT;
    if (!mkdtemp(dir) || pki_ensure_key(dir, "sa", CRYPTO_EC_P256, NULL, &err) < 0)
        abort();
    (void)snprintf(path, sizeof(path), "%s/sa.key", dir);
    struct flag_list issuers = {{STR("i")}, 1};
    struct sa_tokens_options opt = {&clock_system, path, NULL, &issuers, NULL, 0};
    if (sa_tokens_new(&opt, &t, &err) < 0 || file_remove_tree(dir, &err) < 0)
        abort();
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sa_tokens *tokens; /* made once: a key costs more than a run */
    _cleanup_(arena_freep) struct arena *a = arena_new(4 * MIB);
    struct sa_token_claims claims;
    struct token_file *file = NULL;
    struct err err = ERR_INIT;
    struct str text = {(const char *)data, size};
    if (!tokens)
        tokens = make_tokens();
    if (sa_token_verify(tokens, a, text, NULL, 0, &claims, &err) == 0)
        abort();
    if (token_file_parse(text, &file, &err) == 0)
        token_file_free(file);
    return 0;
}
