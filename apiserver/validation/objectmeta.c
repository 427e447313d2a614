/*
 * The rules of metadata, the same for every kind.
 */
#include "apiserver/validation/common.h"

static const char *const standard_finalizers[] = {"kubernetes", "orphan", "foregroundDeletion", NULL};

/* A generateName ends in what the server fills in: a trailing dash counts as any letter. */
static struct str mask_trailing_dash(errors *e, struct str s)
{
    if (s.n < 2 || s.p[s.n - 1] != '-')
        return s;
    char *copy = arena_strndup(e->arena, s.p, s.n);
    if (copy)
        copy[s.n - 1] = 'a';
    return copy ? str_n(copy, s.n) : s;
}

static void check_generate_name(errors *e, path_t p, struct str s, name_check name)
{
    struct name_problems problems = {.n = 0};
    name(mask_trailing_dash(e, s), &problems);
    for (size_t i = 0; i < problems.n; i++)
        field_invalid_str(e, p, s, "%s", problems.text[i]);
}

static void check_namespace(errors *e, path_t p, struct str ns, bool namespaced)
{
    if (!namespaced) {
        if (ns.n)
            field_forbidden(e, p, "not allowed on this type");
    } else if (!ns.n) {
        field_required(e, p, "%s", "");
    } else {
        v_name(e, p, ns, name_dns1123_label);
    }
}

static void check_owner(errors *e, path_t p, const struct doc *ref)
{
    struct str api_version = v_str(ref, "apiVersion"), kind = v_str(ref, "kind");
    if (!api_version.n || str_ends(api_version, STR("/")))
        field_invalid_str(e, FIELD(p, "apiVersion"), api_version, "version must not be empty");
    if (!kind.n)
        field_invalid_str(e, FIELD(p, "kind"), kind, "must not be empty");
    if (!v_str(ref, "name").n)
        field_invalid_str(e, FIELD(p, "name"), STR(""), "must not be empty");
    if (!v_str(ref, "uid").n)
        field_invalid_str(e, FIELD(p, "uid"), STR(""), "must not be empty");
    if (str_is(api_version, "v1") && str_is(kind, "Event"))
        field_invalid(e, p, ref, "/v1, Kind=Event is disallowed from being an owner");
}

static void check_owners(errors *e, path_t p, const struct doc *refs)
{
    const struct doc *controller = NULL;
    V_EACH (refs, r) {
        check_owner(e, FIELD_AT(p, r.i), r.at);
        if (!v_true(r.at, "controller"))
            continue;
        if (controller)
            field_invalid(
                e, p, refs,
                "Only one reference can have Controller set to true. Found \"true\" in references for " STR_FMT
                "/" STR_FMT " and " STR_FMT "/" STR_FMT,
                STR_ARG(v_str(controller, "kind")), STR_ARG(v_str(controller, "name")), STR_ARG(v_str(r.at, "kind")),
                STR_ARG(v_str(r.at, "name")));
        else
            controller = r.at;
    }
}

void v_finalizer(errors *e, path_t p, struct str s)
{
    v_name(e, p, s, name_qualified);
    if (s.n && !memchr(s.p, '/', s.n) && !v_among(s, standard_finalizers))
        field_invalid_str(e, p, s, "name is neither a standard finalizer name nor is it fully qualified");
}

static void check_finalizers(errors *e, path_t p, const struct doc *list)
{
    bool orphan = false, foreground = false;
    V_EACH (list, f) {
        v_finalizer(e, p, doc_str(f.at));
        orphan |= str_is(doc_str(f.at), "orphan");
        foreground |= str_is(doc_str(f.at), "foregroundDeletion");
    }
    if (orphan && foreground)
        field_invalid(e, p, list, "finalizer orphan and foregroundDeletion cannot be both set");
}

void v_object_meta(errors *e, path_t p, const struct doc *meta, bool namespaced, name_check name)
{
    struct str generate = v_str(meta, "generateName"), own = v_str(meta, "name");
    if (generate.n)
        check_generate_name(e, FIELD(p, "generateName"), generate, name);
    if (own.n)
        v_name(e, FIELD(p, "name"), own, name);
    else
        field_required(e, FIELD(p, "name"), "name or generateName is required");
    check_namespace(e, FIELD(p, "namespace"), v_str(meta, "namespace"), namespaced);
    v_not_negative(e, FIELD(p, "generation"), v_get(meta, "generation"));
    v_labels(e, FIELD(p, "labels"), v_get(meta, "labels"));
    v_annotations(e, FIELD(p, "annotations"), v_get(meta, "annotations"));
    check_owners(e, FIELD(p, "ownerReferences"), v_get(meta, "ownerReferences"));
    check_finalizers(e, FIELD(p, "finalizers"), v_get(meta, "finalizers"));
}

static bool list_has(const struct doc *list, struct str s)
{
    V_EACH (list, it) {
        if (str_eq(doc_str(it.at), s))
            return true;
    }
    return false;
}

static void check_new_finalizers(errors *e, path_t p, const struct doc *now, const struct doc *old)
{
    struct buf names = BUF_INIT(4096);
    V_EACH (now, f) {
        if (!list_has(old, doc_str(f.at))) {
            const char *q = field_quote(e->arena, doc_str(f.at));
            buf_printf(&names, "%s%s", names.len ? ", " : "", q ? q : "");
        }
    }
    if (names.len)
        field_forbidden(
            e, p, "no new finalizers can be added if the object is being deleted, found new finalizers []string{%s}",
            names.data);
    buf_release(&names);
}

void v_object_meta_update(errors *e, path_t p, const struct doc *meta, const struct doc *old)
{
    static const char *const immutable[] = {
        "name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", NULL};
    check_finalizers(e, FIELD(p, "finalizers"), v_get(meta, "finalizers"));
    if (v_get(old, "deletionTimestamp"))
        check_new_finalizers(e, FIELD(p, "finalizers"), v_get(meta, "finalizers"), v_get(old, "finalizers"));
    if (!v_str(meta, "resourceVersion").n)
        field_invalid_str(e, FIELD(p, "resourceVersion"), STR(""), "must be specified for an update");
    if (v_int(meta, "generation") < v_int(old, "generation"))
        field_invalid_int(e, FIELD(p, "generation"), v_int(meta, "generation"), "must not be decremented");
    for (const char *const *field = immutable; *field; field++)
        v_immutable(e, FIELD(p, *field), v_get(meta, *field), v_get(old, *field));
    v_labels(e, FIELD(p, "labels"), v_get(meta, "labels"));
    v_annotations(e, FIELD(p, "annotations"), v_get(meta, "annotations"));
    check_owners(e, FIELD(p, "ownerReferences"), v_get(meta, "ownerReferences"));
}
