#include "ecs/store/trim.h"

#define PATH_BYTES 256 /* deeper than any path of a table */

struct trimming {
    struct arena *arena;
    const struct ecs_trim *trim;
    char path[PATH_BYTES]; /* where we are */
    size_t n;
};

enum match { MATCH_NONE, MATCH_ABOVE, MATCH_IT }; /* a path of the table leads through here; ends here */

static enum match match(const struct trimming *t)
{
    enum match m = MATCH_NONE;

    for (size_t i = 0; i < ECS_TRIM_PATHS_MAX && t->trim->paths[i]; i++) {
        const char *p = t->trim->paths[i];
        if (strncmp(p, t->path, t->n) != 0)
            continue;
        if (!p[t->n])
            return MATCH_IT;
        if (p[t->n] == '.')
            m = MATCH_ABOVE;
    }
    return m;
}

static struct doc *copy(struct trimming *t, const struct doc *d);

/* A member whose path is the one it stands at; NULL when it is left out. */
static struct doc *member(struct trimming *t, const struct doc *d)
{
    switch (match(t)) {
    case MATCH_IT:
        return t->trim->keep ? doc_clone(t->arena, d, true) : NULL;
    case MATCH_ABOVE:
        return copy(t, d);
    default:
        return t->trim->keep ? NULL : doc_clone(t->arena, d, true);
    }
}

static struct doc *copy_object(struct trimming *t, const struct doc *d)
{
    struct doc *out = doc_object(t->arena);
    size_t before = t->n;

    doc_foreach (d, m) {
        size_t dot = before ? 1 : 0;
        if (before + dot + m->key_len >= PATH_BYTES)
            continue; /* no table has such a long one: an object of ours has no such member */
        if (dot)
            t->path[before] = '.';
        memcpy(t->path + before + dot, m->key, m->key_len);
        t->n = before + dot + m->key_len;
        struct doc *v = member(t, m);
        t->n = before;
        if (v)
            doc_set_str(out, doc_key(m), v);
    }
    return out;
}

static bool is_wanted(const struct trimming *t, const struct doc *element)
{
    if (!t->trim->conditions[0] || !str_is(str_n(t->path, t->n), "status.conditions"))
        return true;
    for (size_t i = 0; i < ECS_TRIM_TYPES_MAX && t->trim->conditions[i]; i++)
        if (str_is(doc_str(doc_get(element, "type")), t->trim->conditions[i]))
            return true;
    return false;
}

static struct doc *copy(struct trimming *t, const struct doc *d)
{
    if (doc_is(d, DOC_OBJECT))
        return copy_object(t, d);
    if (!doc_is(d, DOC_ARRAY))
        return doc_clone(t->arena, d, true);
    struct doc *out = doc_array(t->arena);
    doc_foreach (d, e)
        if (is_wanted(t, e))
            doc_append(out, copy(t, e));
    return out;
}

struct doc *ecs_trimmed(struct arena *a, const struct ecs_trim *trim, const struct doc *o)
{
    struct trimming t = {.arena = a, .trim = trim};

    return trim->paths[0] ? copy(&t, o) : doc_clone(a, o, true);
}
