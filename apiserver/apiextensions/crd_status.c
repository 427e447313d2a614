#include "apiserver/apiextensions/crd_status.h"

#include "apiserver/registry/meta.h"

const struct doc *crd_condition(const struct doc *crd, const char *type)
{
    doc_foreach (doc_path(crd, "status.conditions"), c) {
        if (str_is(doc_str(doc_get(c, "type")), type))
            return c;
    }
    return NULL;
}

bool crd_condition_is_true(const struct doc *crd, const char *type)
{
    return str_is(doc_str(doc_get(crd_condition(crd, type), "status")), "True");
}

void crd_set_condition(struct arena *a, struct doc *crd, const char *type, bool value, const char *reason,
                       const char *message, int64_t now_ns)
{
    struct doc *status = doc_need_object(a, crd, "status");
    struct doc *list = status ? doc_need_array(a, status, "conditions") : NULL;
    struct doc *c = (struct doc *)crd_condition(crd, type);
    struct str text = value ? STR("True") : STR("False");
    if (!list)
        return;
    bool moved = !c || !str_eq(doc_str(doc_get(c, "status")), text);
    if (!c)
        c = doc_append(list, doc_object(a));
    if (!c)
        return;
    if (moved)
        doc_set(c, "lastTransitionTime", meta_time(a, now_ns));
    doc_set(c, "message", doc_string_copy(a, str_of(message)));
    doc_set(c, "reason", doc_string(a, str_of(reason)));
    doc_set(c, "status", doc_string(a, text));
    doc_set(c, "type", doc_string(a, str_of(type)));
}

/* --- names ------------------------------------------------------------------------------------------------------- */

static bool in_list(const struct doc *list, struct str s)
{
    doc_foreach (list, e) {
        if (str_eq(doc_str(e), s))
            return true;
    }
    return false;
}

/* Resource names (plural, singular, short) share one space in a group, kinds and list kinds another. */
static bool takes(const struct doc *names, struct str s, bool kinds)
{
    static const char *const members[2][2] = {{"plural", "singular"}, {"kind", "listKind"}};
    for (size_t i = 0; i < 2; i++)
        if (str_eq(doc_str(doc_get(names, members[kinds][i])), s))
            return true;
    return !kinds && in_list(doc_get(names, "shortNames"), s);
}

static bool taken(const struct doc *crd, const struct doc *all, struct str s, bool kinds)
{
    struct str group = doc_str(doc_path(crd, "spec.group"));
    doc_foreach (all, other) {
        if (str_eq(doc_str(doc_path(other, "spec.group")), group) && !str_eq(meta_name(other), meta_name(crd)) &&
            takes(doc_path(other, "status.acceptedNames"), s, kinds))
            return true;
    }
    return false;
}

struct verdict {
    const char *reason; /* NULL = no conflict */
    const char *message;
};

/* The last conflict found is the one that is told, as upstream. */
static void conflict(struct arena *a, struct verdict *v, const char *reason, struct str name)
{
    v->reason = reason;
    v->message = arena_printf(a, "\"" STR_FMT "\" is already in use", STR_ARG(name));
}

static void accept_one(struct arena *a, const struct doc *crd, const struct doc *all, struct doc *accepted,
                       const char *member, bool kinds, const char *reason, struct verdict *v)
{
    struct str wanted = doc_str(doc_get(doc_path(crd, "spec.names"), member));
    if (taken(crd, all, wanted, kinds))
        conflict(a, v, reason, wanted);
    else if (wanted.n)
        doc_set(accepted, member, doc_string(a, wanted));
}

/* A name that conflicts stays what it was; the others are taken from the spec. */
static struct verdict accept_names(struct arena *a, struct doc *crd, const struct doc *all, struct doc *accepted)
{
    const struct doc *names = doc_path(crd, "spec.names"), *shorts = doc_get(names, "shortNames");
    struct verdict v = {NULL, NULL};
    accept_one(a, crd, all, accepted, "plural", false, "PluralConflict", &v);
    accept_one(a, crd, all, accepted, "singular", false, "SingularConflict", &v);
    bool clash = false;
    doc_foreach (shorts, s) {
        if (!taken(crd, all, doc_str(s), false))
            continue;
        conflict(a, &v, "ShortNamesConflict", doc_str(s));
        clash = true;
    }
    if (!clash && doc_count(shorts))
        doc_set(accepted, "shortNames", doc_clone(a, shorts, true));
    else if (!clash)
        doc_remove(accepted, "shortNames");
    accept_one(a, crd, all, accepted, "kind", true, "KindConflict", &v);
    accept_one(a, crd, all, accepted, "listKind", true, "ListKindConflict", &v);
    if (doc_count(doc_get(names, "categories")))
        doc_set(accepted, "categories", doc_clone(a, doc_get(names, "categories"), true));
    else
        doc_remove(accepted, "categories");
    return v;
}

bool crd_decide(struct arena *a, struct doc *crd, const struct doc *all, int64_t now_ns)
{
    struct doc *before = doc_clone(a, doc_get(crd, "status"), true), *status = doc_need_object(a, crd, "status");
    struct doc *accepted = status ? doc_need_object(a, status, "acceptedNames") : NULL;
    if (!accepted)
        return false;
    struct verdict v = accept_names(a, crd, all, accepted);
    crd_set_condition(a, crd, "NamesAccepted", !v.reason, v.reason ? v.reason : "NoConflicts",
                      v.reason ? v.message : "no conflicts found", now_ns);
    /* What is established once stays so: a later conflict of new names leaves the old ones served. */
    if (!crd_condition_is_true(crd, "Established")) {
        if (v.reason)
            crd_set_condition(a, crd, "Established", false, "NotAccepted", "not all names are accepted", now_ns);
        else
            crd_set_condition(a, crd, "Established", true, "InitialNamesAccepted",
                              "the initial names have been accepted", now_ns);
    }
    return !doc_equal(before, status);
}

void crd_begin_deletion(struct arena *a, struct doc *crd, int64_t now_ns)
{
    struct doc *meta = meta_need(a, crd), *list = meta ? doc_need_array(a, meta, "finalizers") : NULL;
    if (list && !meta_has_finalizer(crd, CRD_FINALIZER))
        doc_append(list, doc_string(a, STR(CRD_FINALIZER)));
    crd_set_condition(a, crd, "Terminating", true, "InstanceDeletionPending",
                      "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon", now_ns);
}

static bool has_rules(const struct doc *schema)
{
    doc_foreach (schema, m) {
        bool object = doc_is(schema, DOC_OBJECT);
        if (object && str_is(doc_key(m), "x-kubernetes-validations") && doc_count(m))
            return true;
        bool data = object && (str_is(doc_key(m), "default") || str_is(doc_key(m), "enum"));
        if (!data && has_rules(m))
            return true;
    }
    return false;
}

bool crd_has_rules(const struct doc *crd)
{
    doc_foreach (doc_path(crd, "spec.versions"), v) {
        if (has_rules(doc_path(v, "schema.openAPIV3Schema")))
            return true;
    }
    return false;
}
