#include "ecs/map/tags.h"

#include "ecs/map/fault.h"

#define LIMIT "LimitExceededException"

static struct str key_of(const struct doc *tag)
{
    return doc_str(doc_get(tag, "key"));
}

static bool reserved(struct str s)
{
    return s.n >= 4 && str_ieq(str_n(s.p, 4), STR("aws:"));
}

static int refuse_reserved(struct err *err)
{
    return ecs_fault(err, ECS_INVALID, "aws: prefixed tag key names are not allowed for external use.");
}

int tags_check(const struct doc *tags, struct err *err)
{
    if (doc_count(tags) > TAGS_MAX)
        return ecs_fault(err, ECS_INVALID, "The maximum number of tags on a resource is %d.", TAGS_MAX);
    doc_foreach (tags, t) {
        if (!key_of(t).n)
            return ecs_fault(err, ECS_INVALID, "Tag key can not be empty.");
        if (reserved(key_of(t)) || reserved(doc_str(doc_get(t, "value"))))
            return refuse_reserved(err);
        for (const struct doc *other = t->next; other; other = other->next)
            if (str_eq(key_of(t), key_of(other)))
                return ecs_fault(err, ECS_INVALID, "Duplicate tag keys found: '" STR_FMT "'.", STR_ARG(key_of(t)));
    }
    return 0;
}

static struct doc *filled(struct arena *a, const struct doc *tag)
{
    struct doc *t = doc_object(a);

    doc_set(t, "key", doc_string(a, key_of(tag)));
    doc_set(t, "value", doc_string(a, doc_str(doc_get(tag, "value"))));
    return t;
}

struct doc *tags_filled(struct arena *a, const struct doc *tags)
{
    struct doc *list = doc_array(a);

    doc_foreach (tags, t)
        doc_append(list, filled(a, t));
    return list;
}

static void set_tag(struct arena *a, struct doc *list, const struct doc *tag)
{
    doc_foreach (list, t)
        if (str_eq(key_of(t), key_of(tag))) {
            doc_replace(list, t, filled(a, tag));
            return;
        }
    doc_append(list, filled(a, tag));
}

int tags_merge(struct arena *a, const struct doc *tags, const struct doc *more, struct doc **ret, struct err *err)
{
    struct doc *list = tags_filled(a, tags);
    size_t n = 0;

    if (tags_check(more, err) < 0)
        return -1;
    doc_foreach (more, t)
        set_tag(a, list, t);
    doc_foreach (list, t)
        n += !reserved(key_of(t));
    if (n > TAGS_MAX)
        return ecs_fault(err, LIMIT, "The maximum number of tags on a resource is %d.", TAGS_MAX);
    *ret = list;
    return 0;
}

int tags_without(struct arena *a, const struct doc *tags, const struct doc *keys, struct doc **ret, struct err *err)
{
    struct doc *list = tags_filled(a, tags);

    doc_foreach (keys, k) {
        if (reserved(doc_str(k)))
            return refuse_reserved(err);
        doc_foreach (list, t)
            if (str_eq(key_of(t), doc_str(k)))
                doc_unlink(list, t);
    }
    *ret = list;
    return 0;
}
