/* --allow-privileged=false: no pod may have a privileged container. Upstream's validation, which knows the flag. */
#include "api/fielderr.h"
#include "apiserver/admission/plugins.h"
#include "apiserver/registry/meta.h"

static void check(struct field_errors *errs, const struct doc *containers, const char *field)
{
    size_t i = 0;
    doc_foreach (containers, c) {
        const struct field_path *p = FIELD_AT(FIELD(FIELD(NULL, "spec"), field), i++);
        if (doc_true(doc_path(c, "securityContext.privileged")))
            field_forbidden(errs, FIELD(FIELD(p, "securityContext"), "privileged"), "disallowed by cluster policy");
    }
}

int privileged_containers(const struct admit *a, struct err *err)
{
    if (a->op->registry->allow_privileged || !admit_is(a, "pods") || a->what != ADMIT_CREATE)
        return 0;
    struct field_errors errs = field_errors_in(a->op->arena);
    check(&errs, doc_path(a->obj, "spec.containers"), "containers");
    check(&errs, doc_path(a->obj, "spec.initContainers"), "initContainers");
    return field_errors_to_err(&errs, STR(""), STR("Pod"), a->op->name, err);
}
