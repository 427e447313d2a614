#include "kubelet/pod/expand.h"

/* text stands behind "$(": appends the expansion and returns how many bytes were used up, 0 without a closing bracket.
 */
static size_t expand_reference(struct buf *out, struct str text, expand_lookup lookup, const void *ctx)
{
    const char *close = text.n ? memchr(text.p, ')', text.n) : NULL;
    if (!close)
        return 0;
    struct str name = str_n(text.p, (size_t)(close - text.p)), value;
    if (lookup(ctx, name, &value)) {
        buf_str_add(out, value);
    } else {
        buf_puts(out, "$(");
        buf_str_add(out, name);
        buf_putc(out, ')');
    }
    return name.n + 1;
}

void expand_text(struct buf *out, struct str text, expand_lookup lookup, const void *ctx)
{
    size_t i = 0;
    while (i < text.n) {
        const char *dollar = memchr(text.p + i, '$', text.n - i);
        size_t at = dollar ? (size_t)(dollar - text.p) : text.n;
        buf_add(out, text.p + i, at - i);
        i = at;
        if (i + 1 >= text.n) { /* a trailing '$' stays */
            buf_add(out, text.p + i, text.n - i);
            return;
        }
        char next = text.p[i + 1];
        if (next == '$') {
            buf_putc(out, '$');
            i += 2;
        } else if (next == '(') {
            size_t used = expand_reference(out, str_from(text, i + 2), lookup, ctx);
            if (!used)
                buf_puts(out, "$(");
            i += 2 + used;
        } else {
            buf_add(out, text.p + i, 2);
            i += 2;
        }
    }
}
