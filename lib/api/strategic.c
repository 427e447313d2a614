/* Strategic merge patches, step for step as upstream's strategicpatch applies them (nulls that match nothing are
 * ignored). */
#include "patch.h"

#include "api/members.h"
#include "api/schema.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/map.h"

#define ORDER_PREFIX "$setElementOrder/"
#define DELETE_PREFIX "$deleteFromPrimitiveList/"

struct merge {
    struct arena *a;
    struct err *err;
};

/* What the table says about one member. */
struct meta {
    const struct schema_message *message; /* of the value or the elements; NULL = unknown */
    const char *merge_key;                /* NULL = none */
    bool merge, replace;
};

static struct meta lookup(const struct schema_message *m, struct str key)
{
    const struct schema_field *f = m && m->form == SCHEMA_FORM_OBJECT ? schema_member(m, key) : NULL;

    if (!f)
        return (struct meta){0};
    bool has_message = f->type == SCHEMA_MESSAGE && f->message && f->message->form == SCHEMA_FORM_OBJECT;
    return (struct meta){
        .message = has_message && f->label != SCHEMA_MAP ? f->message : NULL,
        .merge_key = f->more ? f->more->merge_key : NULL,
        .merge = (f->flags & SCHEMA_F_PATCH_MERGE) != 0,
        .replace = (f->flags & SCHEMA_F_PATCH_REPLACE) != 0,
    };
}

/* --- errors --- */

/* A value as Go's %v shows it: map[a:1 b:[x y]]. */
static void write_go(struct buf *out, const struct doc *d)
{
    bool object = doc_is(d, DOC_OBJECT);

    if (object || doc_is(d, DOC_ARRAY)) {
        buf_puts(out, object ? "map[" : "[");
        doc_foreach (d, c) {
            if (object)
                buf_printf(out, STR_FMT ":", STR_ARG(doc_key(c)));
            write_go(out, c);
            buf_puts(out, c->next ? " " : "");
        }
        buf_puts(out, "]");
    } else if (doc_is(d, DOC_BOOL)) {
        buf_puts(out, d->b ? "true" : "false");
    } else if (doc_is(d, DOC_STRING) || doc_is(d, DOC_NUMBER)) {
        buf_printf(out, STR_FMT, STR_ARG(doc_text(d)));
    } else {
        buf_puts(out, "<nil>");
    }
}

static int fail_with_map(struct merge *s, const char *before, const struct doc *map, const char *after,
                         const char *word)
{
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(64 * KIB);

    struct doc *sorted = doc_clone(s->a, map, true);
    doc_sort_members(sorted, true);
    write_go(&text, sorted);
    return err_set(s->err, ERR_INTERNAL, "%s%s%s%s", before, buf_str(&text).p, after, word);
}

static int no_merge_key(struct merge *s, const struct doc *map, const char *key)
{
    return fail_with_map(s, "map: ", map, " does not contain declared merge key: ", key);
}

static int bad_directive(struct merge *s, struct str directive, const struct doc *map)
{
    const char *before = arena_printf(s->a, "unknown patch type: " STR_FMT " in map: ", STR_ARG(directive));
    return fail_with_map(s, before ? before : "", map, "", "");
}

static int bad_format(struct merge *s, const char *what)
{
    return err_set(s->err, ERR_BAD_REQUEST, "invalid patch format of %s", what);
}

/* --- values that are taken from the patch as they are --- */

static bool is_directive(struct str key)
{
    return key.n && key.p[0] == '$' &&
           (str_is(key, "$patch") || str_is(key, "$retainKeys") || str_starts(key, STR(ORDER_PREFIX)) ||
            str_starts(key, STR(DELETE_PREFIX)));
}

static bool asks_delete(const struct doc *d)
{
    return str_is(doc_str(doc_get(d, "$patch")), "delete");
}

/* A copy without directives, without null members, and without elements that ask for their own deletion. */
static struct doc *clean(struct merge *s, const struct doc *d)
{
    if (!doc_is(d, DOC_OBJECT) && !doc_is(d, DOC_ARRAY))
        return doc_clone(s->a, d, true);
    struct doc *out = d->type == DOC_OBJECT ? doc_object(s->a) : doc_array(s->a);
    doc_foreach (d, c) {
        if (d->type == DOC_ARRAY) {
            if (!asks_delete(c))
                doc_append(out, clean(s, c));
        } else if (c->type != DOC_NULL && !is_directive(doc_key(c)) && !asks_delete(c)) {
            doc_set_str(out, doc_key(c), clean(s, c));
        }
    }
    return out;
}

/* --- lists --- */

/* What makes two elements the same: the merge key's value, or for primitives the value itself. Empty when there is
 * none. */
static struct str identity(struct merge *s, const struct doc *element, const char *merge_key)
{
    const struct doc *v = merge_key ? doc_get(element, merge_key) : element;
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(LIMIT_BODY);

    if (!v)
        return STR("");
    buf_putc(&text, (char)('0' + v->type)); /* "80" is not 80 */
    write_go(&text, v);
    return arena_str(s->a, buf_str(&text));
}

/* Identity -> place in a list, counted from 1; the first of equals counts. */
struct index {
    struct map places;
};

static void index_release(struct index *x)
{
    map_release(&x->places);
}

static void index_add(struct index *x, struct str id, size_t place)
{
    if (id.n && !map_has(&x->places, id))
        map_set(&x->places, id, (void *)(uintptr_t)(place + 1));
}

static void index_list(struct merge *s, struct index *x, const struct doc *list, const char *merge_key)
{
    size_t place = 0;

    map_init(&x->places, NULL);
    doc_foreach (list, e)
        index_add(x, identity(s, e, merge_key), place++);
}

static size_t index_get(const struct index *x, struct str id) /* 0 = absent */
{
    return id.n ? (size_t)(uintptr_t)map_get(&x->places, id) : 0;
}

struct item {
    struct doc *d;
    size_t rank;        /* in the list that orders this half */
    size_t server_rank; /* in the original list; 0 = not there */
    size_t at;
};

static int by_rank(const void *x, const void *y)
{
    const struct item *a = x, *b = y;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    return a->at < b->at ? -1 : a->at > b->at;
}

/* Puts the elements of `merged` in order: those that `order` names as it names them, the others as the server had them,
 * and both woven together so that the server's order is kept where it can be. */
static struct doc *reorder(struct merge *s, struct doc *merged, const struct index *order, const struct index *server,
                           const char *merge_key)
{
    size_t n = merged->n, n_own = 0, n_server = 0, i = 0, j = 0;
    struct item *own = n ? arena_calloc(s->a, 2 * n, sizeof(*own)) : NULL;

    if (!own)
        return merged;
    struct item *others = own + n;
    doc_foreach (merged, e) {
        struct str id = identity(s, e, merge_key);
        struct item it = {e, index_get(order, id), index_get(server, id), i++};
        if (it.rank) {
            own[n_own++] = it;
        } else {
            it.rank = it.server_rank;
            others[n_server++] = it;
        }
    }
    qsort(own, n_own, sizeof(*own), by_rank);
    qsort(others, n_server, sizeof(*others), by_rank);
    struct doc *out = doc_array(s->a);
    for (i = j = 0; out && (i < n_own || j < n_server);) {
        bool others_first = i >= n_own || (j < n_server && others[j].server_rank && own[i].server_rank &&
                                           others[j].server_rank < own[i].server_rank);
        doc_append(out, others_first ? others[j++].d : own[i++].d);
    }
    return out;
}

static struct doc *merge_map(struct merge *s, struct doc *original, const struct doc *patch,
                             const struct schema_message *m);

static bool is_map_list(const struct doc *list)
{
    return doc_count(list) && list->first->type == DOC_OBJECT;
}

static int check_kinds(struct merge *s, const struct doc *list, bool maps)
{
    doc_foreach (list, e) {
        if (e->type == DOC_ARRAY)
            return err_set(s->err, ERR_INVALID, "lists of lists are not supported");
        if ((e->type == DOC_OBJECT) != maps)
            return err_set(s->err, ERR_INTERNAL, "list element types are not identical");
    }
    return 0;
}

static struct doc *delete_primitives(struct merge *s, struct doc *original, const struct doc *patch)
{
    _cleanup_(index_release) struct index gone;

    index_list(s, &gone, patch, NULL);
    struct doc *out = doc_array(s->a);
    doc_foreach (original, e)
        if (!index_get(&gone, identity(s, e, NULL)))
            doc_append(out, e);
    return out;
}

static struct doc *merge_primitives(struct merge *s, struct doc *original, const struct doc *patch)
{
    _cleanup_(index_release) struct index seen = {0}, order = {0}, server = {0};

    map_init(&seen.places, NULL);
    index_list(s, &order, patch, NULL);
    index_list(s, &server, original, NULL);
    struct doc *out = doc_array(s->a);
    for (int pass = 0; pass < 2; pass++) {
        doc_foreach (pass ? patch : original, e) {
            struct str id = identity(s, e, NULL);
            if (index_get(&seen, id))
                continue;
            index_add(&seen, id, 0);
            doc_append(out, pass ? doc_clone(s->a, e, true) : e);
        }
    }
    return reorder(s, out, &order, &server, NULL);
}

/* The directives among the elements: deletions happen at once, *replace tells that the patch's list takes over. Returns
 * the elements without directives as a list of the patch's own nodes (an array of pointers), NULL on error. */
static const struct doc **special_elements(struct merge *s, struct doc **original, const struct doc *patch,
                                           const char *key, bool *replace, size_t *ret_n)
{
    const struct doc **plain = arena_calloc(s->a, patch->n + 1, sizeof(const struct doc *));
    _cleanup_(index_release) struct index gone = {0};
    size_t n = 0;

    map_init(&gone.places, NULL);
    doc_foreach (patch, e) {
        const struct doc *directive = doc_get(e, "$patch");
        if (!directive) {
            if (plain)
                plain[n++] = e;
        } else if (asks_delete(e)) {
            if (!doc_get(e, key))
                return no_merge_key(s, e, key), NULL;
            index_add(&gone, identity(s, e, key), 0);
        } else if (str_is(doc_str(directive), "replace")) {
            *replace = true;
        } else if (str_is(doc_str(directive), "merge")) {
            return err_set(s->err, ERR_INTERNAL, "merging lists cannot yet be specified in the patch"), NULL;
        } else {
            return bad_directive(s, doc_text(directive), e), NULL;
        }
    }
    if (gone.places.n) {
        struct doc *kept = doc_array(s->a);
        doc_foreach (*original, e)
            if (!index_get(&gone, identity(s, e, key)))
                doc_append(kept, e);
        *original = kept;
    }
    *ret_n = n;
    if (!plain)
        err_set(s->err, ERR_TOO_LARGE, "the patched object needs too much memory");
    return plain;
}

/* Merges the plain elements into the list by key, in place; elements that are new go to the end. */
static int merge_elements(struct merge *s, struct doc *list, const struct doc **plain, size_t n, const char *key,
                          const struct schema_message *m)
{
    size_t total = list->n + n, used = 0;
    struct doc **at = arena_calloc(s->a, total + 1, sizeof(struct doc *));
    _cleanup_(index_release) struct index places = {0};

    map_init(&places.places, NULL);
    if (!at)
        return err_set(s->err, ERR_TOO_LARGE, "the patched object needs too much memory");
    doc_foreach (list, e) {
        index_add(&places, identity(s, e, key), used);
        at[used++] = e;
    }
    for (size_t i = 0; i < n; i++) {
        if (!doc_get(plain[i], key))
            return no_merge_key(s, plain[i], key);
        struct str id = identity(s, plain[i], key);
        size_t place = index_get(&places, id);
        struct doc *merged = place ? merge_map(s, at[place - 1], plain[i], m) : clean(s, plain[i]);
        if (!merged)
            return -1;
        if (!place)
            index_add(&places, id, used++);
        at[place ? place - 1 : used - 1] = merged;
    }
    list->first = list->last = NULL;
    list->n = 0;
    for (size_t i = 0; i < used; i++)
        doc_append(list, at[i]);
    return 0;
}

static struct doc *merge_list(struct merge *s, struct doc *original, const struct doc *patch, const struct meta *meta)
{
    bool maps = is_map_list(original) || is_map_list(patch), replace = false;
    size_t n;

    if (check_kinds(s, original, maps) < 0 || check_kinds(s, patch, maps) < 0)
        return NULL;
    if (!maps)
        return merge_primitives(s, original, patch);
    if (!meta->merge_key) {
        err_set(s->err, ERR_INTERNAL, "cannot merge lists without merge key for %s",
                meta->message ? meta->message->name : "");
        return NULL;
    }
    const struct doc **plain = special_elements(s, &original, patch, meta->merge_key, &replace, &n);
    if (!plain)
        return NULL;
    if (replace)
        original = doc_array(s->a);
    _cleanup_(index_release) struct index order = {0}, server = {0};
    index_list(s, &server, original, meta->merge_key);
    map_init(&order.places, NULL);
    for (size_t i = 0; i < n; i++)
        index_add(&order, identity(s, plain[i], meta->merge_key), i);
    if (merge_elements(s, original, plain, n, meta->merge_key, meta->message) < 0)
        return NULL;
    return replace ? original : reorder(s, original, &order, &server, meta->merge_key);
}

/* --- $setElementOrder --- */

static int check_order(struct merge *s, const struct doc *patch, const struct doc *order, const char *key)
{
    const struct doc *o = doc_count(order) ? order->first : NULL;

    doc_foreach (patch, e) {
        if (asks_delete(e) || (doc_get(e, "$patch") && !doc_get(e, key ? key : "")))
            continue;
        struct str id = identity(s, e, key);
        while (o && !str_eq(identity(s, o, key), id))
            o = o->next;
        if (!o) {
            _cleanup_(buf_releasep) struct buf a = BUF_INIT(16 * KIB), b = BUF_INIT(16 * KIB);
            write_go(&a, patch);
            write_go(&b, order);
            return err_set(s->err, ERR_INTERNAL,
                           "The order in patch list:\n%s\n doesn't match $setElementOrder list:\n%s\n", buf_str(&a).p,
                           buf_str(&b).p);
        }
        o = o->next;
    }
    return 0;
}

/* The list `key`, changed by the patch's list (if there is one) and put in the order asked for. */
static int ordered_list(struct merge *s, struct doc *original, const struct doc *patch, struct str key,
                        const struct doc *order, const struct schema_message *m)
{
    struct meta meta = lookup(m, key);
    struct doc *have = doc_get_str(original, key), *merged = NULL;
    const struct doc *change = doc_get_str(patch, key);
    _cleanup_(index_release) struct index by_order = {0}, server = {0};

    if (!doc_is(order, DOC_ARRAY) || (have && have->type != DOC_ARRAY) || (change && change->type != DOC_ARRAY))
        return bad_format(s, "setElementOrder list");
    if (check_order(s, change, order, meta.merge_key) < 0)
        return -1;
    if (!have && !change)
        return 0;
    index_list(s, &server, have, meta.merge_key);
    index_list(s, &by_order, order, meta.merge_key);
    if (have && change)
        merged = meta.merge ? merge_list(s, have, change, &meta) : clean(s, change);
    else
        merged = have ? have : clean(s, change);
    if (!merged)
        return -1;
    struct doc *sorted = reorder(s, merged, &by_order, &server, meta.merge_key);
    if (sorted != have)
        doc_set_str(original, key, sorted);
    return 0;
}

/* --- maps --- */

static void link_member(struct doc *obj, struct doc *d)
{
    d->next = NULL;
    if (obj->last)
        obj->last->next = d;
    else
        obj->first = d;
    obj->last = d;
    obj->n++;
}

static int retain_keys(struct merge *s, struct doc *original, const struct doc *patch)
{
    const struct doc *keys = doc_get(patch, "$retainKeys");
    _cleanup_(index_release) struct index keep = {0};
    size_t n = 0;

    map_init(&keep.places, NULL);
    if (!keys)
        return 0;
    if (keys->type != DOC_ARRAY)
        return bad_format(s, "retainKeys");
    doc_foreach (keys, k) {
        if (k->type != DOC_STRING)
            return bad_format(s, "retainKeys");
        index_add(&keep, doc_str(k), n++);
    }
    doc_foreach (patch, p)
        if (p->type != DOC_NULL && !is_directive(doc_key(p)) && !index_get(&keep, doc_key(p)))
            return bad_format(s, "retainKeys");
    struct doc *list = original->n ? original->first : NULL;
    original->first = original->last = NULL;
    original->n = 0;
    for (struct doc *o = list, *next; o; o = next) {
        next = o->next;
        if (index_get(&keep, doc_key(o)))
            link_member(original, o);
    }
    return 0;
}

/* One member of the patch, directives apart. */
static int merge_member(struct merge *s, struct members *original, const struct doc *p, const struct schema_message *m)
{
    struct str key = doc_key(p);
    struct doc *old = members_get(original, key), *merged;

    if (p->type == DOC_NULL) {
        members_remove(original, key);
        return 0;
    }
    struct meta meta = lookup(m, key);
    bool container = p->type == DOC_OBJECT || p->type == DOC_ARRAY;
    if (!old || old->type != p->type || !container)
        merged = asks_delete(p) && !old ? NULL : clean(s, p);
    else if (p->type == DOC_OBJECT)
        merged = meta.replace ? clean(s, p) : merge_map(s, old, p, meta.message);
    else
        merged = meta.merge ? merge_list(s, old, p, &meta) : clean(s, p);
    if (!merged)
        return s->err->code == ERR_OK && !arena_overflow(s->a) ? 0 : -1;
    if (merged != old)
        members_set(original, key, merged);
    return 0;
}

static int delete_from_list(struct merge *s, struct members *original, const struct doc *p)
{
    struct str key = str_from(doc_key(p), strlen(DELETE_PREFIX));
    struct doc *old = members_get(original, key);

    if (p->type != DOC_ARRAY)
        return bad_format(s, "primitive list");
    if (doc_is(old, DOC_ARRAY))
        members_set(original, key, delete_primitives(s, old, p));
    return 0;
}

static int merge_members(struct merge *s, struct doc *original, const struct doc *patch, const struct schema_message *m)
{
    _cleanup_(index_release) struct index ordered = {0};

    map_init(&ordered.places, NULL);
    doc_foreach (patch, p) {
        struct str key = doc_key(p);
        if (!str_starts(key, STR(ORDER_PREFIX)))
            continue;
        index_add(&ordered, str_from(key, strlen(ORDER_PREFIX)), 0);
        if (ordered_list(s, original, patch, str_from(key, strlen(ORDER_PREFIX)), p, m) < 0)
            return -1;
    }
    _cleanup_(members_close) struct members members;
    members_open(&members, s->a, original, patch->n);
    doc_foreach (patch, p) {
        struct str key = doc_key(p);
        int rc = 0;
        if (str_starts(key, STR(DELETE_PREFIX)))
            rc = delete_from_list(s, &members, p);
        else if (!is_directive(key) && !index_get(&ordered, key))
            rc = merge_member(s, &members, p, m);
        if (rc < 0)
            return -1;
    }
    return 0;
}

static struct doc *merge_map(struct merge *s, struct doc *original, const struct doc *patch,
                             const struct schema_message *m)
{
    const struct doc *directive = doc_get(patch, "$patch");

    if (directive) {
        if (str_is(doc_str(directive), "replace"))
            return clean(s, patch);
        if (asks_delete(patch))
            return doc_object(s->a);
        bad_directive(s, doc_text(directive), patch);
        return NULL;
    }
    if (retain_keys(s, original, patch) < 0 || merge_members(s, original, patch, m) < 0)
        return NULL;
    return original;
}

int strategic_merge_apply(struct arena *a, struct doc **target, const struct doc *patch, const struct schema_message *m,
                          struct err *err)
{
    struct err own = ERR_INIT;
    struct merge s = {a, &own};

    if (!doc_is(patch, DOC_OBJECT) || !doc_is(*target, DOC_OBJECT))
        return err_set(err, ERR_BAD_REQUEST, "invalid JSON document");
    struct doc *merged = merge_map(&s, *target, patch, m);
    if (arena_overflow(a))
        return err_set(err, ERR_TOO_LARGE, "the patched object needs too much memory");
    if (!merged) {
        *err = own;
        return -1;
    }
    *target = merged;
    return 0;
}
