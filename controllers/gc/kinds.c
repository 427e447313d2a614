#include "controllers/gc/kinds.h"

#include "api/resources.h"

#include <pthread.h>

#include "api/json.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/vec.h"
#include "client/kube_client.h"

#define REFRESH_NS NS_PER_S /* discovery is asked at most that often */
#define CUSTOM_KINDS_MAX 5000

struct pair {
    const struct kube_kind *row; /* a typed one, or &partial */
    struct kube_kind partial;
    bool custom;
    char *strings[4]; /* of a custom kind */
};

/* Rows are never moved or taken away while this lives: graphs and informers point to them. */
struct all_kinds {
    uint16_t verbs;
    pthread_mutex_t lock; /* guards v, which grows, and refreshed */
    struct vec(struct pair *) v;
    int64_t refreshed;
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

static bool is_there(struct all_kinds *k, struct str group, struct str version, struct str resource)
{
    vec_foreach (&k->v, p)
        if (str_is(group, (*p)->partial.group) && str_is(resource, (*p)->partial.resource) &&
            (!version.p || str_is(version, (*p)->partial.version)))
            return true;
    return false;
}

static struct pair *add(struct all_kinds *k, const char *group, const char *version, const char *resource,
                        const char *kind, bool namespaced)
{
    struct pair *p = xcalloc(1, sizeof(*p));

    p->partial = (struct kube_kind){.group = group,
                                    .version = version,
                                    .resource = resource,
                                    .kind = kind,
                                    .namespaced = namespaced,
                                    .metadata_only = true,
                                    .desc = &metav1__partial_object_metadata__descriptor};
    p->row = &p->partial;
    vec_push(&k->v, p);
    return p;
}

struct all_kinds *all_kinds_new(uint16_t verbs)
{
    const struct resource *r;
    size_t n = resources(&r);
    struct all_kinds *k = xcalloc(1, sizeof(*k));

    k->verbs = verbs;
    pthread_mutex_init(&k->lock, NULL);
    for (size_t i = 0; i < n; i++) {
        if ((r[i].verbs & verbs) != verbs || strcmp(r[i].name, "events") == 0 ||
            is_there(k, str_of(r[i].group), (struct str){NULL, 0}, str_of(r[i].name)))
            continue;
        struct pair *p = add(k, r[i].group, r[i].version, r[i].name, r[i].kind, r[i].namespaced);
        const struct kube_kind *typed = typed_row(&r[i]);
        if (typed)
            p->row = typed;
    }
    return k;
}

struct all_kinds *all_kinds_free(struct all_kinds *k)
{
    if (!k)
        return NULL;
    vec_foreach (&k->v, p) {
        for (size_t i = 0; i < ARRAY_LEN((*p)->strings); i++)
            free((*p)->strings[i]);
        free(*p);
    }
    vec_release(&k->v);
    pthread_mutex_destroy(&k->lock);
    free(k);
    return NULL;
}

/* --- custom kinds: what discovery has beyond the table --- */

static uint16_t verbs_of(const struct doc *list)
{
    uint16_t verbs = 0;

    doc_foreach (list, v)
        verbs |= resource_verb(doc_str(v));
    return verbs;
}

static void add_custom(struct all_kinds *k, struct str group, struct str version, const struct doc *r)
{
    struct str resource = doc_str(doc_get(r, "resource")), kind = doc_str(doc_path(r, "responseKind.kind"));

    if ((verbs_of(doc_get(r, "verbs")) & k->verbs) != k->verbs || !kind.n || k->v.n >= CUSTOM_KINDS_MAX ||
        resource_find(group, version, resource) || is_there(k, group, version, resource))
        return;
    char *strings[] = {str_dup(group), str_dup(version), str_dup(resource), str_dup(kind)};
    struct pair *p =
        add(k, strings[0], strings[1], strings[2], strings[3], str_is(doc_str(doc_get(r, "scope")), "Namespaced"));
    p->custom = true;
    memcpy(p->strings, strings, sizeof(strings));
}

/* The preferred version of each group comes first; one version is enough. */
static void add_group(struct all_kinds *k, const struct doc *g)
{
    struct str group = doc_str(doc_path(g, "metadata.name"));

    doc_foreach (doc_get(g, "versions"), v)
        doc_foreach (doc_get(v, "resources"), r) {
            bool before = false;
            doc_foreach (doc_get(g, "versions"), w) {
                if (w == v)
                    break;
                doc_foreach (doc_get(w, "resources"), other)
                    before |= str_eq(doc_str(doc_get(other, "resource")), doc_str(doc_get(r, "resource")));
            }
            if (!before)
                add_custom(k, group, doc_str(doc_get(v, "version")), r);
        }
}

static bool refresh_is_due(struct all_kinds *k)
{
    int64_t now = clock_mono(&clock_system);

    pthread_mutex_lock(&k->lock);
    bool due = !k->refreshed || now - k->refreshed >= REFRESH_NS;
    if (due)
        k->refreshed = now;
    pthread_mutex_unlock(&k->lock);
    return due;
}

int all_kinds_refresh(struct all_kinds *k, struct kube_client *client, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    _cleanup_(buf_releasep) struct buf body = BUF_INIT(16 * MIB);
    struct doc *d;

    if (!refresh_is_due(k))
        return 0;
    if (kube_raw(client, "GET", "/apis", NULL, STR(""),
                 "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", &body, err) < 0 ||
        json_parse(a, buf_str(&body), NULL, &d, err) < 0)
        return -1;
    pthread_mutex_lock(&k->lock);
    doc_foreach (doc_get(d, "items"), g)
        add_group(k, g);
    pthread_mutex_unlock(&k->lock);
    return 0;
}

/* --- looking up --- */

size_t all_kinds_count(const struct all_kinds *k)
{
    struct all_kinds *m = (struct all_kinds *)k;

    pthread_mutex_lock(&m->lock);
    size_t n = k->v.n;
    pthread_mutex_unlock(&m->lock);
    return n;
}

static const struct pair *pair_at(const struct all_kinds *k, size_t i)
{
    struct all_kinds *m = (struct all_kinds *)k;

    pthread_mutex_lock(&m->lock);
    const struct pair *p = k->v.v[i];
    pthread_mutex_unlock(&m->lock);
    return p;
}

const struct kube_kind *all_kinds_at(const struct all_kinds *k, size_t i)
{
    return pair_at(k, i)->row;
}

const struct kube_kind *all_kinds_find(const struct all_kinds *k, struct str api_version, struct str kind)
{
    const char *slash = memchr(api_version.p, '/', api_version.n);
    struct str group = slash ? str_n(api_version.p, (size_t)(slash - api_version.p)) : STR("");

    /* Of a custom kind the newest: its version may have been exchanged. */
    for (size_t i = all_kinds_count(k); i-- > 0;) {
        const struct pair *p = pair_at(k, i);
        if (str_is(group, p->partial.group) && str_is(kind, p->partial.kind))
            return p->row;
    }
    return NULL;
}

const struct kube_kind *all_kinds_metadata(const struct all_kinds *k, const struct kube_kind *row)
{
    for (size_t i = 0, n = all_kinds_count(k); i < n; i++) {
        const struct pair *p = pair_at(k, i);
        if (p->row == row)
            return &p->partial;
    }
    return row;
}

bool all_kinds_is_custom(const struct all_kinds *k, const struct kube_kind *row)
{
    for (size_t i = 0, n = all_kinds_count(k); i < n; i++) {
        const struct pair *p = pair_at(k, i);
        if (p->row == row || &p->partial == row)
            return p->custom;
    }
    return false;
}
