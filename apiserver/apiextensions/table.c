/* The table of what is served: built by the watch's thread, read by all. */
#include "apiserver/apiextensions/table.h"

#include "apiserver/http/discovery.h"
#include "base/map.h"

static void ref_table(void *t)
{
    atomic_fetch_add(&((struct customs_table *)t)->refs, 1);
}

static void unref_table(void *t)
{
    customs_table_unref(t);
}

void customs_table_unref(struct customs_table *t)
{
    if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
        return;
    for (size_t i = 0; i < t->n; i++)
        custom_crd_unref(t->v[i].crd);
    discovery_free(t->discovery);
    arena_free(t->arena);
}

void table_cell_init(struct cell *c, struct customs_table *t)
{
    cell_init(c, t, ref_table, unref_table);
}

/* --- groups: versions in Kubernetes' order ------------------------------------------------------------------------ */

/* v2 > v1 > v2beta1 > v1alpha3 > anything else, by the alphabet. */
struct version_rank {
    int kind; /* 3 = stable, 2 = beta, 1 = alpha, 0 = other */
    int64_t major, minor;
};

static int64_t take_number(struct str *s)
{
    int64_t v = 0;
    size_t i = 0;
    for (; i < s->n && s->p[i] >= '0' && s->p[i] <= '9' && v < INT32_MAX; i++)
        v = v * 10 + (s->p[i] - '0');
    *s = str_from(*s, i);
    return i ? v : -1;
}

static struct version_rank rank(struct str s)
{
    struct version_rank r = {3, 0, 0}, other = {0, 0, 0};
    if (!str_starts(s, STR("v")))
        return other;
    s = str_from(s, 1);
    r.major = take_number(&s);
    if (r.major < 1)
        return other;
    if (!s.n)
        return r;
    r.kind = str_starts(s, STR("beta")) ? 2 : str_starts(s, STR("alpha")) ? 1 : 0;
    s = str_from(s, r.kind == 2 ? 4 : 5);
    r.minor = take_number(&s);
    return r.kind && r.minor >= 1 && !s.n ? r : other;
}

int table_compare_versions(struct str x, struct str y)
{
    struct version_rank a = rank(x), b = rank(y);
    if (a.kind != b.kind)
        return b.kind - a.kind;
    if (a.major != b.major)
        return a.major < b.major ? 1 : -1;
    if (a.minor != b.minor)
        return a.minor < b.minor ? 1 : -1;
    return str_cmp(x, y);
}

static int compare_versions(const void *x, const void *y)
{
    return table_compare_versions(*(const struct str *)x, *(const struct str *)y);
}

static void add_version(struct customs_group *g, struct str version)
{
    for (size_t i = 0; i < g->n_versions; i++)
        if (str_eq(g->versions[i], version))
            return;
    g->versions[g->n_versions++] = version;
}

static struct customs_group *group_of(struct customs_table *t, struct str group)
{
    for (size_t i = 0; i < t->n_groups; i++)
        if (str_eq(t->groups[i].group, group))
            return &t->groups[i];
    return NULL;
}

/* Entries are sorted by group, so the groups come out sorted too. */
static bool add_groups(struct customs_table *t, size_t n_versions)
{
    t->groups = arena_calloc(t->arena, MAX_OF(t->n, (size_t)1), sizeof(*t->groups));
    for (size_t i = 0; t->groups && i < t->n; i++) {
        const struct custom_crd *c = t->v[i].crd;
        struct customs_group *g = group_of(t, c->group);
        for (size_t v = 0; v < c->n_versions; v++) {
            if (!c->versions[v].served)
                continue;
            if (!g) {
                g = &t->groups[t->n_groups++];
                g->group = c->group;
                g->versions = arena_calloc(t->arena, n_versions, sizeof(*g->versions));
                if (!g->versions)
                    return false;
            }
            add_version(g, str_of(c->versions[v].res.version));
        }
    }
    for (size_t i = 0; i < t->n_groups; i++)
        qsort(t->groups[i].versions, t->groups[i].n_versions, sizeof(struct str), compare_versions);
    return t->groups != NULL;
}

static int compare_entries(const void *x, const void *y)
{
    const struct customs_entry *a = x, *b = y;
    int c = str_cmp(a->crd->group, b->crd->group);
    return c ? c : str_cmp(a->crd->plural, b->crd->plural);
}

struct customs_table *table_new(const struct customs_entry *v, size_t n)
{
    struct arena *a = arena_new(TABLE_ARENA);
    struct customs_table *t = arena_new_of(a, struct customs_table);
    size_t n_versions = 1;
    if (!t)
        abort(); /* a fresh arena has room for this */
    t->arena = a;
    atomic_init(&t->refs, 1);
    t->v = arena_calloc(a, MAX_OF(n, (size_t)1), sizeof(*t->v));
    for (size_t i = 0; t->v && i < n; i++) {
        t->v[t->n++] = (struct customs_entry){custom_crd_ref(v[i].crd), v[i].terminating};
        t->hash = hash_bytes(&v[i].terminating, sizeof(v[i].terminating), t->hash ^ v[i].crd->versions[0].id);
        n_versions += v[i].crd->n_versions;
    }
    if (t->n)
        qsort(t->v, t->n, sizeof(*t->v), compare_entries);
    if (!add_groups(t, n_versions))
        t->n_groups = 0;
    return t;
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

static const struct custom_crd *find(const struct customs_table *t, struct str group, struct str plural)
{
    size_t low = 0, high = t->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int c = str_cmp(t->v[mid].crd->group, group);
        if (c == 0)
            c = str_cmp(t->v[mid].crd->plural, plural);
        if (c == 0)
            return t->v[mid].crd;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

const struct resource *table_find(const struct customs_table *t, struct str group, struct str version,
                                  struct str plural, struct custom_crd **ret_ref)
{
    struct custom_crd *c = (struct custom_crd *)find(t, group, plural);
    for (size_t i = 0; c && i < c->n_versions; i++)
        if (c->versions[i].served && str_is(version, c->versions[i].res.version)) {
            *ret_ref = custom_crd_ref(c);
            return &c->versions[i].res;
        }
    return NULL;
}

void customs_each(const struct customs_table *t, struct str group, struct str version, customs_visit visit, void *arg)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct custom_crd *c = t->v[i].crd;
        if (group.p && !str_eq(c->group, group))
            continue;
        for (size_t v = 0; v < c->n_versions; v++)
            if (c->versions[v].served && (!group.p || str_is(version, c->versions[v].res.version)))
                visit(arg, &c->versions[v], t->v[i].terminating);
    }
}
