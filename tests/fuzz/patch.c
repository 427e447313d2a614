/* {"target":..., "patch":...}: each kind of patch on it, none may crash, and what comes out must be a sound tree. */
#include <stdint.h>
#include <stdlib.h>

#include "api/json.h"
#include "api/patch.h"
#include "api/schema.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct doc *d)
{
    size_t n = 0;

    doc_foreach (d, c) {
        check(c);
        if (++n > d->n || (!c->next && d->last != c))
            abort();
    }
    if (n != doc_count(d))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(16 * MIB);
    const struct schema_kind *pod = schema_kind_find(STR(""), STR("v1"), STR("Pod"));
    struct err err = ERR_INIT;
    struct doc *d;

    if (json_parse(a, str_n((const char *)data, size), NULL, &d, &err) < 0)
        return 0;
    const struct doc *target = doc_get(d, "target"), *patch = doc_get(d, "patch");
    if (!target || !patch)
        return 0;
    struct doc *t = doc_clone(a, target, true);
    if (json_patch_apply(a, &t, patch, &err) == 0)
        check(t);
    t = doc_clone(a, target, true);
    merge_patch_apply(a, &t, patch);
    check(t);
    for (int i = 0; i < 2; i++) {
        t = doc_clone(a, target, true);
        if (strategic_merge_apply(a, &t, patch, i ? pod->message : NULL, &err) == 0)
            check(t);
    }
    return 0;
}
