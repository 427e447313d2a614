#include "apiserver/validation/kinds.h"

#define DATA_MAX ((size_t)1 << 20)

/* Bytes behind base64 text. */
static size_t decoded_size(struct str s)
{
    size_t pad = str_ends(s, STR("==")) ? 2 : str_ends(s, STR("=")) ? 1 : 0;
    return s.n / 4 * 3 >= pad ? s.n / 4 * 3 - pad : 0;
}

void validate_config_map(struct kind_check *k)
{
    const struct doc *data = v_get(k->obj, "data"), *binary = v_get(k->obj, "binaryData");
    size_t total = 0;
    doc_foreach (data, it) {
        path_t at = FIELD_KEY(FIELD(NULL, "data"), doc_key(it));
        v_name(k->e, at, doc_key(it), name_config_key);
        if (binary && doc_get_str(binary, doc_key(it)))
            field_invalid_str(k->e, at, doc_key(it), "duplicate of key present in binaryData");
        total += doc_str(it).n;
    }
    doc_foreach (binary, it) {
        v_name(k->e, FIELD_KEY(FIELD(NULL, "binaryData"), doc_key(it)), doc_key(it), name_config_key);
        total += decoded_size(doc_str(it));
    }
    if (total > DATA_MAX)
        field_too_long(k->e, FIELD(NULL, ""), DATA_MAX);
}

void validate_config_map_update(struct kind_check *k)
{
    static const char *const frozen[] = {"data", "binaryData", NULL};
    if (v_true(k->old, "immutable")) {
        if (!v_true(k->obj, "immutable"))
            field_forbidden(k->e, FIELD(NULL, "immutable"), "field is immutable when `immutable` is set");
        for (const char *const *field = frozen; *field; field++)
            if (!v_equal(v_get(k->obj, *field), v_get(k->old, *field)))
                field_forbidden(k->e, FIELD(NULL, *field), "field is immutable when `immutable` is set");
    }
    validate_config_map(k);
}
