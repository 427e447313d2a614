/* Priority: the number behind a pod's priorityClassName. */
#include "api/status.h"
#include "apiserver/admission/plugins.h"
#include "apiserver/registry/codec.h"
#include "apiserver/registry/meta.h"

struct found {
    struct arena *arena;
    struct str name, policy;
    int64_t value;
    bool any;
};

static bool global_default(void *arg, const struct doc *pc)
{
    struct found *f = arg;
    int64_t value = doc_int_or(doc_get(pc, "value"), 0);
    if (!doc_true(doc_get(pc, "globalDefault")) || (f->any && value >= f->value))
        return true;
    f->any = true; /* of several the lowest counts */
    f->value = value;
    f->name = arena_str(f->arena, meta_name(pc));
    f->policy = arena_str(f->arena, doc_str(doc_get(pc, "preemptionPolicy")));
    return true;
}

static bool is_default(void *arg, const struct object_index *ix)
{
    bool *any = arg;
    const struct resource *res = registry_resource("scheduling.k8s.io", "priorityclasses");
    *any = str_is(codec_field_value(res, ix, STR("globalDefault")), "true");
    return !*any;
}

/* Most clusters have none: that is seen without decoding a class. */
static int find_default(const struct admit *a, const struct resource *res, struct found *f, struct err *err)
{
    bool any = false;
    if (registry_each_index(a->op->registry, res, STR(""), is_default, &any, err) < 0)
        return -1;
    return any ? registry_each(a->op->registry, res, STR(""), global_default, f, err) : 0;
}

static int find_class(const struct admit *a, struct str name, struct found *f, struct err *err)
{
    const struct resource *res = registry_resource("scheduling.k8s.io", "priorityclasses");
    struct doc *pc = NULL;
    if (!name.n)
        return find_default(a, res, f, err);
    if (registry_get_live(a->op->registry, a->op->arena, res, STR(""), name, &pc, err) < 0) {
        if (err->code != ERR_NOT_FOUND)
            return -1;
        return admit_forbidden(a, err, "no PriorityClass with name " STR_FMT " was found", STR_ARG(name));
    }
    f->name = name;
    f->value = doc_int_or(doc_get(pc, "value"), 0);
    f->policy = doc_str(doc_get(pc, "preemptionPolicy"));
    return 0;
}

static int check_given(const struct admit *a, const struct doc *spec, const struct found *f, struct err *err)
{
    int64_t given;
    struct str policy = doc_str(doc_get(spec, "preemptionPolicy"));
    if (doc_to_int(doc_get(spec, "priority"), &given) && given != f->value)
        return admit_forbidden(a, err,
                               "the integer value of priority (%lld) must not be provided in pod spec; priority "
                               "admission controller computed %lld from the given PriorityClass name",
                               (long long)given, (long long)f->value);
    if (policy.n && f->policy.n && !str_eq(policy, f->policy))
        return admit_forbidden(a, err,
                               "the string value of PreemptionPolicy (" STR_FMT
                               ") must not be provided in pod spec; priority admission controller computed " STR_FMT
                               " from the given PriorityClass name",
                               STR_ARG(policy), STR_ARG(f->policy));
    return 0;
}

int priority_mutate(const struct admit *a, struct err *err)
{
    struct arena *arena = a->op->arena;
    struct doc *spec = doc_get(a->obj, "spec");
    struct found f = {.arena = arena};
    if (!admit_is(a, "pods") || !doc_is(spec, DOC_OBJECT))
        return 0;
    if (a->what == ADMIT_UPDATE) { /* a client that does not know the fields must not lose them */
        const struct doc *old = doc_get(a->old, "spec");
        if (!doc_get(spec, "priority"))
            doc_keep(arena, spec, old, "priority");
        if (!doc_get(spec, "preemptionPolicy"))
            doc_keep(arena, spec, old, "preemptionPolicy");
        return 0;
    }
    if (find_class(a, doc_str(doc_get(spec, "priorityClassName")), &f, err) < 0 || check_given(a, spec, &f, err) < 0)
        return -1;
    if (f.name.n)
        doc_set(spec, "priorityClassName", doc_string(arena, f.name));
    doc_set(spec, "priority", doc_int(arena, f.value));
    if (!doc_str(doc_get(spec, "preemptionPolicy")).n)
        doc_set(spec, "preemptionPolicy", doc_string(arena, f.policy.n ? f.policy : STR("PreemptLowerPriority")));
    return 0;
}

int priority_validate(const struct admit *a, struct err *err)
{
    struct found f = {.arena = a->op->arena};
    if (strcmp(a->op->res->name, "priorityclasses") != 0 || !doc_true(doc_get(a->obj, "globalDefault")))
        return 0;
    if (registry_each(a->op->registry, a->op->res, STR(""), global_default, &f, err) < 0)
        return -1;
    if (f.any && !str_eq(f.name, a->op->name))
        return admit_forbidden(a, err,
                               "PriorityClass " STR_FMT " is already marked as default. Only one default can exist",
                               STR_ARG(f.name));
    return 0;
}
