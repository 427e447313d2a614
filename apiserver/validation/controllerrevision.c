#include "apiserver/validation/kinds.h"

void validate_controller_revision(struct kind_check *k)
{
    const struct doc *data = v_get(k->obj, "data");
    if (!data)
        field_required(k->e, FIELD(NULL, "data"), "data is mandatory");
    else if (data->type != DOC_OBJECT)
        field_required(k->e, FIELD(NULL, "data"), "data must be a valid JSON object");
    v_not_negative(k->e, FIELD(NULL, "revision"), v_get(k->obj, "revision"));
}

void validate_controller_revision_update(struct kind_check *k)
{
    validate_controller_revision(k);
    v_immutable(k->e, FIELD(NULL, "data"), v_get(k->obj, "data"), v_get(k->old, "data"));
}
