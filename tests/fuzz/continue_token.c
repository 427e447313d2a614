/* Tokens come from clients: whatever is accepted stays within the list's prefix and survives a round trip. */
#include "apiserver/storage/continue_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(buf_releasep) struct buf start = BUF_INIT(CONTINUE_TOKEN_MAX), token = BUF_INIT(2 * CONTINUE_TOKEN_MAX),
                                       again = BUF_INIT(CONTINUE_TOKEN_MAX);
    struct err err = ERR_INIT;
    int64_t revision, same;
    if (continue_token_decode(str_n((const char *)data, size), &revision, &start, &err) < 0)
        return 0;
    if (start.len == 0 || start.data[0] == '/')
        abort();
    continue_token_encode(&token, revision, buf_str(&start));
    if (buf_ok(&token) && token.len <= CONTINUE_TOKEN_MAX &&
        (continue_token_decode(buf_str(&token), &same, &again, &err) < 0 || same != revision ||
         !str_eq(buf_str(&again), buf_str(&start))))
        abort();
    return 0;
}
