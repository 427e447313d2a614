#include "controllers/gc/kinds.h"

#include "api/resources.h"

struct pair {
    const struct kube_kind *row; /* a typed one, or &partial */
    struct kube_kind partial;
};

struct all_kinds {
    size_t n;
    struct pair *v;
};

static const struct kube_kind *typed_row(const struct resource *r)
{
#define X(plural, singular, group, version, resource, kind, namespaced, Type, prefix) &kube_##plural,
    static const struct kube_kind *const typed[] = {KUBE_KINDS(X)};
#undef X
    for (size_t i = 0; i < ARRAY_LEN(typed); i++)
        if (strcmp(typed[i]->group, r->group) == 0 && strcmp(typed[i]->version, r->version) == 0 &&
            strcmp(typed[i]->resource, r->name) == 0)
            return typed[i];
    return NULL;
}

static bool is_there(const struct all_kinds *k, const struct resource *r)
{
    for (size_t i = 0; i < k->n; i++)
        if (strcmp(k->v[i].partial.group, r->group) == 0 && strcmp(k->v[i].partial.resource, r->name) == 0)
            return true;
    return false;
}

struct all_kinds *all_kinds_new(uint16_t verbs)
{
    const struct resource *r;
    size_t n = resources(&r);
    struct all_kinds *k = xcalloc(1, sizeof(*k));

    k->v = xcalloc(n, sizeof(*k->v));
    for (size_t i = 0; i < n; i++) {
        if ((r[i].verbs & verbs) != verbs || strcmp(r[i].name, "events") == 0 || is_there(k, &r[i]))
            continue;
        struct pair *p = &k->v[k->n++];
        p->partial = (struct kube_kind){.group = r[i].group,
                                        .version = r[i].version,
                                        .resource = r[i].name,
                                        .kind = r[i].kind,
                                        .namespaced = r[i].namespaced,
                                        .metadata_only = true,
                                        .desc = &metav1__partial_object_metadata__descriptor};
        p->row = typed_row(&r[i]);
        if (!p->row)
            p->row = &p->partial;
    }
    return k;
}

struct all_kinds *all_kinds_free(struct all_kinds *k)
{
    if (!k)
        return NULL;
    free(k->v);
    free(k);
    return NULL;
}

size_t all_kinds_count(const struct all_kinds *k)
{
    return k->n;
}

const struct kube_kind *all_kinds_at(const struct all_kinds *k, size_t i)
{
    return k->v[i].row;
}

const struct kube_kind *all_kinds_find(const struct all_kinds *k, struct str api_version, struct str kind)
{
    const char *slash = memchr(api_version.p, '/', api_version.n);
    struct str group = slash ? str_n(api_version.p, (size_t)(slash - api_version.p)) : STR("");

    for (size_t i = 0; i < k->n; i++)
        if (str_is(group, k->v[i].partial.group) && str_is(kind, k->v[i].partial.kind))
            return k->v[i].row;
    return NULL;
}

const struct kube_kind *all_kinds_metadata(const struct all_kinds *k, const struct kube_kind *row)
{
    for (size_t i = 0; i < k->n; i++)
        if (k->v[i].row == row)
            return &k->v[i].partial;
    return row;
}
