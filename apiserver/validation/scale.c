#include "apiserver/validation/kinds.h"

void validate_scale(struct kind_check *k)
{
    v_not_negative(k->e, FIELD(FIELD(NULL, "spec"), "replicas"), v_get(v_get(k->obj, "spec"), "replicas"));
}
