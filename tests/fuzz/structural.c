/* Any JSON as a schema, and another as an object of it ("SCHEMA\nOBJECT"): checked, compiled, pruned, defaulted,
 * validated. What is pruned and defaulted once stays as it is. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/apiextensions/crd_validate.h"
#include "apiserver/apiextensions/structural.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(struct arena *a, const struct structural *s, struct doc *obj)
{
    struct doc_warnings unknown = {.n = 0};
    struct field_errors errs = field_errors_in(a);
    structural_prune(a, obj, s, &unknown);
    structural_default(a, obj, s);
    structural_validate(s, obj, "", &errs);
    for (const struct field_error *e = errs.first; e; e = e->next)
        if (!*e->body)
            abort();
    struct doc *before = doc_clone(a, obj, true);
    structural_default(a, obj, s);
    if (before && !arena_overflow(a) && !doc_equal(before, obj))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(16 * MIB);
    struct str text = arena_str(a, str_n((const char *)data, size)), schema_text, object_text = text;
    struct doc *schema = NULL, *obj = NULL;
    struct err err = ERR_INIT;
    const struct structural *s = NULL;
    str_split(&object_text, '\n', &schema_text);
    if (json_parse(a, schema_text, NULL, &schema, &err) == 0 && doc_is(schema, DOC_OBJECT)) {
        struct field_errors errs = field_errors_in(a);
        validate_schema(&errs, FIELD(NULL, "schema"), schema);
        if (structural_compile(a, schema, &s, &err) == 0 && object_text.p &&
            json_parse(a, object_text, NULL, &obj, &err) == 0 && doc_is(obj, DOC_OBJECT))
            walk(a, s, obj);
    }
    arena_free(a);
    return 0;
}
