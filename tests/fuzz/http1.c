/* Any bytes on an HTTP/1.1 connection (or one that becomes HTTP/2): no crash, and nothing is left behind. */
#include "http_conn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_connection("", 0, data, size);
    return 0;
}
