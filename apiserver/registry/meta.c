#include "apiserver/registry/meta.h"

#include "base/random.h"

#define GENERATE_SUFFIX 5

bool meta_has_finalizer(const struct doc *obj, const char *finalizer)
{
    doc_foreach (meta_finalizers(obj), f) {
        if (str_is(doc_str(f), finalizer))
            return true;
    }
    return false;
}

struct doc *meta_need(struct arena *a, struct doc *obj)
{
    return doc_need_object(a, obj, "metadata");
}

static void meta_set(struct arena *a, struct doc *obj, const char *field, struct doc *value)
{
    struct doc *meta = meta_need(a, obj);
    if (meta && value)
        doc_set(meta, field, value);
}

void meta_set_str(struct arena *a, struct doc *obj, const char *field, struct str value)
{
    meta_set(a, obj, field, doc_string(a, value));
}

void meta_set_int(struct arena *a, struct doc *obj, const char *field, int64_t value)
{
    meta_set(a, obj, field, doc_int(a, value));
}

void meta_remove(struct doc *obj, const char *field)
{
    struct doc *meta = meta_of(obj);
    if (doc_is(meta, DOC_OBJECT))
        doc_remove(meta, field);
}

void meta_keep(struct arena *a, struct doc *obj, const struct doc *old, const char *field)
{
    const struct doc *was = doc_get(meta_of(old), field);
    if (was && was->type != DOC_NULL)
        meta_set(a, obj, field, doc_clone(a, was, true));
    else
        meta_remove(obj, field);
}

void doc_keep(struct arena *a, struct doc *obj, const struct doc *old, const char *field)
{
    const struct doc *was = doc_get(old, field);
    if (!was) {
        doc_remove(obj, field);
        return;
    }
    struct doc *copy = doc_clone(a, was, true);
    if (copy)
        doc_set(obj, field, copy);
}

struct doc *meta_time(struct arena *a, int64_t wall_ns)
{
    char text[RFC3339_MAX];
    format_rfc3339(text, wall_ns, 0);
    return doc_string_copy(a, str_of(text));
}

bool meta_parse_time(const struct doc *d, int64_t *ret_seconds)
{
    int32_t nanos;
    return doc_is(d, DOC_STRING) && parse_rfc3339(doc_str(d), ret_seconds, &nanos);
}

void meta_fill_new(struct arena *a, struct doc *obj, int64_t wall_ns)
{
    static const char *const cleared[] = {"deletionTimestamp", "deletionGracePeriodSeconds", "selfLink",
                                          "resourceVersion"};
    for (size_t i = 0; i < ARRAY_LEN(cleared); i++)
        meta_remove(obj, cleared[i]);
    char uid[UUID_LEN + 1];
    random_uuid(uid);
    meta_set(a, obj, "uid", doc_string_copy(a, str_n(uid, UUID_LEN)));
    meta_set(a, obj, "creationTimestamp", meta_time(a, wall_ns));
}

void meta_generate_name(struct arena *a, struct doc *obj)
{
    struct str base = meta_str(obj, "generateName");
    base.n = MIN_OF(base.n, (size_t)(NAME_GENERATED_MAX - GENERATE_SUFFIX));
    char suffix[GENERATE_SUFFIX + 1];
    random_suffix(suffix, GENERATE_SUFFIX);
    meta_set(a, obj, "name", doc_printf(a, STR_FMT "%s", STR_ARG(base), suffix));
}

void meta_keep_system_fields(struct arena *a, struct doc *obj, const struct doc *old)
{
    static const char *const kept[] = {
        "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink"};
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        meta_keep(a, obj, old, kept[i]);
}

void meta_set_finalizers(struct arena *a, struct doc *obj, struct doc *finalizers)
{
    if (doc_count(finalizers))
        meta_set(a, obj, "finalizers", finalizers);
    else
        meta_remove(obj, "finalizers");
}

static bool is_nothing(const struct doc *d)
{
    return !d || d->type == DOC_NULL || ((d->type == DOC_OBJECT || d->type == DOC_ARRAY) && !doc_count(d));
}

bool doc_same(const struct doc *a, const struct doc *b)
{
    if (is_nothing(a) || is_nothing(b))
        return is_nothing(a) && is_nothing(b);
    return doc_equal(a, b);
}
