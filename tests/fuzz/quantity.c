/* A quantity that is read must keep its value through its canonical form (a binary one may be rounded up to an
 * integer). */
#include <stdint.h>
#include <stdlib.h>

#include "api/quantity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct quantity q, again;
    char text[QUANTITY_TEXT_MAX], text2[QUANTITY_TEXT_MAX];

    if (!quantity_read(str_n((const char *)data, size), &q))
        return 0;
    quantity_format(&q, text);
    if (!quantity_read(str_of(text), &again))
        abort();
    if (q.format != QUANTITY_BINARY_SI && quantity_cmp(&q, &again) != 0)
        abort();
    quantity_format(&again,
                    text2); /* a binary one without suffix reads as decimal: the text may differ, the value not */
    if (!quantity_read(str_of(text2), &q) || quantity_cmp(&q, &again) != 0)
        abort();
    return 0;
}
