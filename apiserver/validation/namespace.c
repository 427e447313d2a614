#include "apiserver/validation/kinds.h"

void validate_namespace(struct kind_check *k)
{
    V_EACH (v_get(v_get(k->obj, "spec"), "finalizers"), f) {
        v_finalizer(k->e, FIELD(FIELD(NULL, "spec"), "finalizers"), doc_str(f.at));
    }
}

void validate_namespace_status(struct kind_check *k)
{
    struct str phase = v_str(v_get(k->obj, "status"), "phase");
    path_t p = FIELD(FIELD(NULL, "status"), "Phase");
    bool deleted = v_get(v_get(k->obj, "metadata"), "deletionTimestamp") != NULL;
    if (!deleted && !str_is(phase, "Active"))
        field_invalid_str(k->e, p, phase, "may only be 'Active' if `deletionTimestamp` is empty");
    if (deleted && !str_is(phase, "Terminating"))
        field_invalid_str(k->e, p, phase, "may only be 'Terminating' if `deletionTimestamp` is not empty");
}
