/* NamespaceLifecycle: nothing new in a namespace that is missing or going away; three namespaces stay. */
#include "api/status.h"
#include "apiserver/admission/plugins.h"
#include "apiserver/registry/meta.h"

static const char *const IMMORTAL[] = {"default", "kube-system", "kube-public"};

static int check_immortal(const struct admit *a, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(IMMORTAL); i++)
        if (str_is(a->op->name, IMMORTAL[i]))
            return admit_forbidden(a, err, "this namespace may not be deleted");
    return 0;
}

static int check_terminating(const struct admit *a, struct str phase, struct err *err)
{
    if (!str_is(phase, "Terminating"))
        return 0;
    admit_forbidden(a, err, "unable to create new content in namespace " STR_FMT " because it is being terminated",
                    STR_ARG(a->op->ns));
    status_add_cause(err, a->op->arena, "NamespaceTerminating",
                     arena_printf(a->op->arena, "namespace " STR_FMT " is being terminated", STR_ARG(a->op->ns)),
                     "metadata.namespace");
    return -1;
}

int namespace_lifecycle(const struct admit *a, struct err *err)
{
    const struct resource *namespaces = registry_resource("", "namespaces");
    struct str phase;
    if (!a->op->res->namespaced || !namespaces)
        return 0;
    static const char *const fields[] = {"status.phase"};
    if (registry_fields_live(a->op->registry, a->op->arena, namespaces, STR(""), a->op->ns, fields, 1, &phase, err) < 0)
        return -1;
    return a->what == ADMIT_CREATE ? check_terminating(a, phase, err) : 0;
}

int namespace_lifecycle_delete(const struct admit *a, struct err *err)
{
    return a->what == ADMIT_DELETE && admit_is(a, "namespaces") ? check_immortal(a, err) : 0;
}
