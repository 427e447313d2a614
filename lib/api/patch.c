#include "patch.h"

#include "api/members.h"
#include "api/status.h"
#include "base/limits.h"
#include "base/parse.h"

/* What upstream answers whatever the reason is. */
static const char rejected[] = "the server rejected our request due to an error in our request";

/* --- RFC 6901 pointers --- */

/* Takes one token off the front ("/a~1b/c" -> "a/b"); the result may live in the arena. */
static bool next_token(struct arena *a, struct str *pointer, struct str *ret)
{
    struct str rest = str_from(*pointer, 1), raw = rest;
    const char *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;

    if (slash)
        raw.n = (size_t)(slash - raw.p);
    *pointer = str_from(rest, raw.n);
    if (!raw.n || !memchr(raw.p, '~', raw.n)) {
        *ret = raw;
        return true;
    }
    char *out = arena_alloc(a, raw.n);
    size_t n = 0;
    for (size_t i = 0; out && i < raw.n; i++) {
        if (raw.p[i] != '~') {
            out[n++] = raw.p[i];
            continue;
        }
        if (++i == raw.n || (raw.p[i] != '0' && raw.p[i] != '1'))
            return false;
        out[n++] = raw.p[i] == '0' ? '~' : '/';
    }
    *ret = str_n(out ? out : "", n);
    return out != NULL;
}

/* An index below limit, without leading zeros. */
static bool read_index(struct str s, size_t limit, size_t *ret)
{
    int64_t v;

    if ((s.n > 1 && s.p[0] == '0') || !parse_int64(s, &v) || v < 0 || (uint64_t)v >= limit || s.p[0] == '-')
        return false;
    *ret = (size_t)v;
    return true;
}

static struct doc *child(const struct doc *parent, struct str token)
{
    size_t i;

    if (doc_is(parent, DOC_OBJECT))
        return doc_get_str(parent, token);
    return doc_is(parent, DOC_ARRAY) && read_index(token, parent->n, &i) ? doc_at(parent, i) : NULL;
}

/* The container that a pointer's last token is in; NULL when it does not exist. pointer is not empty. */
static struct doc *find_parent(struct arena *a, struct doc *root, struct str pointer, struct str *last)
{
    struct doc *d = root;

    while (d) {
        if (pointer.p[0] != '/' || !next_token(a, &pointer, last))
            return NULL;
        if (!pointer.n)
            return d;
        d = child(d, *last);
    }
    return NULL;
}

/* --- the operations --- */

struct change {
    struct arena *a;
    struct doc **root;
    struct str path, from;
    const struct doc *value;
};

static struct doc *find(struct change *c, struct str pointer)
{
    struct str last;

    if (!pointer.n)
        return *c->root;
    return child(find_parent(c->a, *c->root, pointer, &last), last);
}

static bool put(struct change *c, struct doc *value)
{
    struct str last;
    size_t i;

    if (!value)
        return false;
    if (!c->path.n) {
        *c->root = value;
        return true;
    }
    struct doc *parent = find_parent(c->a, *c->root, c->path, &last);
    if (doc_is(parent, DOC_OBJECT))
        return doc_set_str(parent, last, value) != NULL;
    if (!doc_is(parent, DOC_ARRAY))
        return false;
    if (str_is(last, "-")) {
        doc_append(parent, value);
        return true;
    }
    if (!read_index(last, (size_t)parent->n + 1, &i))
        return false;
    doc_insert_before(parent, doc_at(parent, i), value);
    return true;
}

static struct doc *take(struct change *c, struct str pointer)
{
    struct str last;

    if (!pointer.n)
        return NULL; /* the whole document cannot go */
    struct doc *parent = find_parent(c->a, *c->root, pointer, &last), *d = child(parent, last);
    return d && doc_unlink(parent, d) ? d : NULL;
}

static bool op_add(struct change *c)
{
    return put(c, doc_clone(c->a, c->value, true));
}

static bool op_remove(struct change *c)
{
    return take(c, c->path) != NULL;
}

static bool op_replace(struct change *c)
{
    struct str last;
    struct doc *value = doc_clone(c->a, c->value, true);

    if (!c->path.n)
        return put(c, value);
    struct doc *parent = find_parent(c->a, *c->root, c->path, &last), *old = child(parent, last);
    if (!old || !value)
        return false;
    doc_replace(parent, old, value);
    return true;
}

static bool op_move(struct change *c)
{
    if (str_eq(c->from, c->path))
        return find(c, c->from) != NULL;
    struct doc *d = take(c, c->from);
    return d && put(c, d);
}

static bool op_copy(struct change *c)
{
    return put(c, doc_clone(c->a, find(c, c->from), true));
}

static bool op_test(struct change *c)
{
    struct doc *d = find(c, c->path);

    if (!d) { /* as upstream: a member that is not there is null */
        struct str last;
        return doc_is(c->value, DOC_NULL) && c->path.n &&
               doc_is(find_parent(c->a, *c->root, c->path, &last), DOC_OBJECT);
    }
    return doc_equal(d, c->value);
}

static const struct operation {
    const char *name;
    bool needs_value, needs_from;
    bool (*run)(struct change *c);
} operations[] = {
    {"add", true, false, op_add},   {"remove", false, false, op_remove}, {"replace", true, false, op_replace},
    {"move", false, true, op_move}, {"copy", false, true, op_copy},      {"test", true, false, op_test},
};

static bool apply_one(struct arena *a, struct doc **root, const struct doc *op)
{
    const struct doc *path = doc_get(op, "path"), *from = doc_get(op, "from");
    struct change c = {a, root, doc_str(path), doc_str(from), doc_get(op, "value")};

    if (!doc_is(path, DOC_STRING))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        const struct operation *o = &operations[i];
        if (str_is(doc_str(doc_get(op, "op")), o->name))
            return (!o->needs_value || c.value) && (!o->needs_from || doc_is(from, DOC_STRING)) && o->run(&c);
    }
    return false;
}

int json_patch_apply(struct arena *a, struct doc **target, const struct doc *patch, struct err *err)
{
    static const struct status_details details;

    if (!doc_is(patch, DOC_ARRAY))
        return err_set(err, ERR_BAD_REQUEST, "json: cannot unmarshal object into Go value of type jsonpatch.Patch");
    if (patch->n > LIMIT_JSON_PATCH_OPS)
        return status_too_large(err, "The allowed maximum operations in a JSON patch is %d, got %u",
                                LIMIT_JSON_PATCH_OPS, patch->n);
    doc_foreach (patch, op) {
        bool done = apply_one(a, target, op);
        if (arena_overflow(a))
            return err_set(err, ERR_TOO_LARGE, "the patched object needs too much memory");
        if (!done) {
            err_set(err, ERR_INVALID, "%s", rejected);
            err->detail = &details;
            return -1;
        }
    }
    return 0;
}

/* --- RFC 7386 --- */

static struct doc *merge(struct arena *a, struct doc *target, const struct doc *patch)
{
    if (!doc_is(patch, DOC_OBJECT))
        return doc_clone(a, patch, true);
    if (!doc_is(target, DOC_OBJECT))
        target = doc_object(a);
    _cleanup_(members_close) struct members m;
    members_open(&m, a, target, patch->n);
    doc_foreach (patch, p) {
        struct str key = doc_key(p);
        if (p->type == DOC_NULL) {
            members_remove(&m, key);
            continue;
        }
        struct doc *old = members_get(&m, key), *merged = merge(a, old, p);
        if (merged != old)
            members_set(&m, key, merged);
    }
    return target;
}

void merge_patch_apply(struct arena *a, struct doc **target, const struct doc *patch)
{
    struct doc *merged = merge(a, *target, patch);
    if (merged)
        *target = merged;
}
