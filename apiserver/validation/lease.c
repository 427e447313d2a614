#include "apiserver/validation/kinds.h"

void validate_lease(struct kind_check *k)
{
    const struct doc *spec = v_get(k->obj, "spec"), *duration = v_get(spec, "leaseDurationSeconds");
    path_t p = FIELD(NULL, "spec");
    if (duration && doc_int_or(duration, 0) <= 0)
        field_invalid(k->e, FIELD(p, "leaseDurationSeconds"), duration, "must be greater than 0");
    v_not_negative(k->e, FIELD(p, "leaseTransitions"), v_get(spec, "leaseTransitions"));
    if (v_str(spec, "preferredHolder").n && !v_str(spec, "strategy").n)
        field_forbidden(k->e, FIELD(p, "preferredHolder"), "may only be specified if `strategy` is defined");
}
