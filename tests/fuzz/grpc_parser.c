/* DATA bytes of a server cut anywhere: the parser never reads past its input, and the bound holds. */
#include "net/grpc_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct grpc_parser p;
    struct err err = ERR_INIT;
    size_t piece = size ? data[0] % 32 + 1 : 1;
    char text[64];
    int rc = 0;
    grpc_parser_init(&p, 4096);
    for (size_t at = 1; at < size && rc >= 0; at += piece) {
        struct str in = str_n((const char *)data + at, MIN_OF(piece, size - at));
        while ((rc = grpc_parser_feed(&p, &in, &err)) == 1)
            if (p.message.len > 4096)
                abort();
    }
    grpc_parser_release(&p);
    grpc_message_decode(text, sizeof text, str_n((const char *)data, size));
    struct grpc_target t;
    if (grpc_target_parse(str_n((const char *)data, size), &t, &err) == 0)
        grpc_target_release(&t);
    return 0;
}
