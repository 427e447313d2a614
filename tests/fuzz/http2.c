/* Any frames behind an HTTP/2 preface and SETTINGS. */
#include "http_conn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    fuzz_connection(preface, sizeof(preface) - 1, data, size);
    return 0;
}
