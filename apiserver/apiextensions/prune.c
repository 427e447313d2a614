/* Pruning and defaulting: what an object has is made what its schema says. */
#include "apiserver/apiextensions/structural.h"

#define PATH_MAX_TEXT 4096

/* Where we are, on the C stack. */
struct place {
    const struct place *up;
    struct str key; /* p NULL = a list element */
    size_t index;
};

struct pruner {
    struct arena *a;
    struct doc_warnings *unknown; /* NULL */
};

static void path_text(struct buf *out, const struct place *at)
{
    if (!at)
        return;
    path_text(out, at->up);
    if (!at->key.p) {
        buf_printf(out, "[%zu]", at->index);
        return;
    }
    if (out->len)
        buf_putc(out, '.');
    buf_str_add(out, at->key);
}

static void report(struct pruner *p, const struct place *at)
{
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(PATH_MAX_TEXT);
    if (!p->unknown)
        return;
    path_text(&path, at);
    char *text = arena_printf(p->a, "unknown field \"" STR_FMT "\"", STR_ARG(buf_str(&path)));
    if (text)
        doc_warn(p->unknown, text);
}

static bool is_meta(struct str key)
{
    return str_is(key, "apiVersion") || str_is(key, "kind") || str_is(key, "metadata");
}

static void prune(struct pruner *p, const struct place *up, struct doc *d, const struct structural *s, bool resource);

static void prune_list(struct pruner *p, const struct place *up, struct doc *d, const struct structural *items,
                       bool keep)
{
    size_t i = 0;
    doc_foreach (d, e) {
        const struct place at = {up, {NULL, 0}, i++};
        /* Below a list whose unknown members stay, they stay in its elements too. */
        if (!keep || items)
            prune(p, &at, e, items, false);
    }
}

/* keep: unknown members stay, but what is specified is pruned by its own schema. */
static void prune_object(struct pruner *p, const struct place *up, struct doc *d, const struct structural *s,
                         bool resource, bool keep)
{
    doc_foreach (d, m) {
        const struct place at = {up, doc_key(m), 0};
        if (resource && is_meta(doc_key(m)))
            continue;
        const struct structural *of = structural_property(s, doc_key(m));
        if (of) {
            prune(p, &at, m, of, false);
        } else if (s && s->has_additional) {
            prune(p, &at, m, s->additional, false);
        } else if (!keep) {
            report(p, &at);
            doc_unlink(d, m);
        }
    }
}

static void prune(struct pruner *p, const struct place *up, struct doc *d, const struct structural *s, bool resource)
{
    bool keep = s && s->preserve_unknown;
    if (d->type == DOC_OBJECT)
        prune_object(p, up, d, s, resource || (s && s->embedded), keep);
    else if (d->type == DOC_ARRAY)
        prune_list(p, up, d, s ? s->items : NULL, keep);
}

static int compare_texts(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

void structural_prune(struct arena *a, struct doc *obj, const struct structural *s, struct doc_warnings *unknown)
{
    struct pruner p = {a, unknown};
    size_t before = unknown ? unknown->n : 0;
    prune(&p, NULL, obj, s, true);
    if (unknown && unknown->n > before)
        qsort(unknown->text + before, unknown->n - before, sizeof(*unknown->text), compare_texts);
}

/* --- defaults --- */

static bool forbidden_null(const struct doc *d, const struct structural *s)
{
    return d && d->type == DOC_NULL && s && !s->nullable;
}

static struct doc *default_of(struct arena *a, const struct structural *s)
{
    return doc_clone(a, s->default_value, true);
}

static void apply(struct arena *a, struct doc *d, const struct structural *s);

static void apply_members(struct arena *a, struct doc *d, const struct structural *s)
{
    for (size_t i = 0; i < s->n_properties; i++) {
        const struct structural_property *p = &s->properties[i];
        if (!p->schema->default_value)
            continue;
        struct doc *have = doc_get_str(d, p->name), *value;
        if (have && !forbidden_null(have, p->schema))
            continue;
        value = default_of(a, p->schema);
        if (value)
            doc_set_str(d, p->name, value);
    }
    doc_foreach (d, m) {
        const struct structural *of = structural_property(s, doc_key(m));
        if (!of)
            of = s->additional;
        if (forbidden_null(m, of)) {
            struct doc *value = of->default_value ? default_of(a, of) : NULL;
            if (!value) {
                doc_unlink(d, m);
                continue;
            }
            doc_replace(d, m, value);
            apply(a, value, of);
            continue;
        }
        apply(a, m, of);
    }
}

static void apply_elements(struct arena *a, struct doc *d, const struct structural *items)
{
    doc_foreach (d, e) {
        struct doc *value = forbidden_null(e, items) && items->default_value ? default_of(a, items) : NULL;
        if (value)
            doc_replace(d, e, value);
        apply(a, value ? value : e, items);
    }
}

static void apply(struct arena *a, struct doc *d, const struct structural *s)
{
    if (!s)
        return;
    if (d->type == DOC_OBJECT)
        apply_members(a, d, s);
    else if (d->type == DOC_ARRAY && s->items)
        apply_elements(a, d, s->items);
}

void structural_default(struct arena *a, struct doc *obj, const struct structural *s)
{
    apply(a, obj, s);
}
