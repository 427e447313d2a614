/* Any JSON as an object of some kind, created or as an update of another: no crash, conformed or not, and every error
 * has a text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/conform.h"
#include "api/defaults.h"
#include "apiserver/validation/validation.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const subresources[] = {"", "status", "ephemeralcontainers", "finalize", "scale"};

static void validate_all(struct arena *a, const struct schema_kind *kind, const struct doc *obj, const struct doc *old,
                         const char *sub)
{
    struct validation_request req = {.arena = a,
                                     .group = kind->group,
                                     .version = kind->version,
                                     .kind = kind->kind,
                                     .subresource = sub,
                                     .namespaced = true,
                                     .obj = obj,
                                     .old = old};
    struct field_errors errs = field_errors_in(a);
    struct err err = ERR_INIT;
    validate_errors(&req, &errs);
    for (const struct field_error *e = errs.first; e; e = e->next)
        if (!arena_overflow(a) && (!e->field || !e->body))
            abort();
    if (validate_object(&req, &err) < 0 && !err.msg[0])
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 * MIB);
    struct err err = ERR_INIT;
    const struct schema_kind *kinds;
    struct doc *raw, *old = NULL, *conformed;
    if (size < 2)
        return 0;
    size_t n = schema_kinds(&kinds);
    const struct schema_kind *kind = &kinds[data[0] % n];
    const char *sub = subresources[data[1] % ARRAY_LEN(subresources)];
    const char *text = (const char *)data + 2, *cut = memchr(text, '\n', size - 2);
    struct str first = str_n(text, cut ? (size_t)(cut - text) : size - 2);
    if (json_parse(a, first, NULL, &raw, &err) < 0)
        return 0;
    if (cut && json_parse(a, str_n(cut + 1, size - 2 - first.n - 1), NULL, &old, &err) < 0)
        old = NULL;
    validate_all(a, kind, raw, old, sub);
    if (conform(a, raw, kind->message, NULL, &conformed, &err) < 0)
        return 0;
    defaults_apply(a, conformed, kind);
    validate_all(a, kind, conformed, NULL, "");
    validate_all(a, kind, conformed, conformed, sub);
    return 0;
}
