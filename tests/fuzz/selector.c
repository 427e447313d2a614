/* A selector that is read must read the same from its own text form. */
#include <stdint.h>
#include <stdlib.h>

#include "api/selector.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(4 * MIB);
    _cleanup_(buf_releasep) struct buf one = BUF_INIT(MIB), two = BUF_INIT(MIB);
    struct str text = str_n((const char *)data, size);
    const struct label_selector *l, *l2;
    const struct field_selector *f, *f2;
    struct err err = ERR_INIT;

    if (label_selector_parse(a, text, &l, &err) == 0) {
        label_selector_write(&one, l);
        if (label_selector_parse(a, buf_str(&one), &l2, &err) == 0) {
            label_selector_write(&two, l2);
            if (!str_eq(buf_str(&one), buf_str(&two)))
                abort();
        } else if (!memmem(one.data, one.len, "()", 2)) { /* one empty value in a set has no text form, as upstream */
            abort();
        }
        (void)label_selector_matches(l, NULL, 0);
    }
    buf_clear(&one);
    buf_clear(&two);
    if (field_selector_parse(a, text, &f, &err) == 0) {
        field_selector_write(&one, f);
        if (field_selector_parse(a, buf_str(&one), &f2, &err) < 0)
            abort();
        field_selector_write(&two, f2);
        if (!str_eq(buf_str(&one), buf_str(&two)))
            abort();
    }
    return 0;
}
