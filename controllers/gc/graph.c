#include "controllers/gc/graph.h"

#include "base/map.h"
#include "client/meta.h"

struct owner {
    char *uid;
    bool blocks;
};

struct node {
    struct graph_place place;
    struct vec(struct owner) owners;
    bool orphaning;
};

struct graph {
    struct map nodes;      /* uid -> node */
    struct map dependents; /* owner's uid -> struct map of uid -> node */
    void (*emit)(void *, const char *);
    void *ctx;
};

void graph_place_release(struct graph_place *p)
{
    free(p->ns);
    free(p->name);
    free(p->uid);
}

void graph_places_release(struct graph_places *l)
{
    vec_foreach (l, p)
        graph_place_release(p);
    vec_release(l);
}

static void free_owners(struct node *n)
{
    vec_foreach (&n->owners, o)
        free(o->uid);
    vec_clear(&n->owners);
}

static void node_free(void *p)
{
    struct node *n = p;

    free_owners(n);
    vec_release(&n->owners);
    graph_place_release(&n->place);
    free(n);
}

static void set_free(void *p)
{
    map_release(p);
    free(p);
}

struct graph *graph_new(void (*emit)(void *, const char *), void *ctx)
{
    struct graph *g = xcalloc(1, sizeof(*g));

    g->emit = emit;
    g->ctx = ctx;
    map_init(&g->nodes, node_free);
    map_init(&g->dependents, set_free);
    return g;
}

struct graph *graph_free(struct graph *g)
{
    if (!g)
        return NULL;
    map_release(&g->dependents);
    map_release(&g->nodes);
    free(g);
    return NULL;
}

static void link_owner(struct graph *g, struct node *n, const char *owner)
{
    struct map *set = map_gets(&g->dependents, owner);

    if (!set) {
        set = xmalloc(sizeof(*set));
        map_init(set, NULL);
        map_set(&g->dependents, str_of(owner), set);
    }
    map_set(set, str_of(n->place.uid), n);
}

static void unlink_owner(struct graph *g, struct node *n, const char *owner)
{
    struct map *set = map_gets(&g->dependents, owner);

    if (set && map_del(set, str_of(n->place.uid)) && set->n == 0)
        map_del(&g->dependents, str_of(owner));
}

/* An owner that waits for its dependents may be able to go on. */
static void nudge_owner(struct graph *g, const char *uid)
{
    struct node *owner = map_gets(&g->nodes, uid);
    if (owner && owner->place.foreground)
        g->emit(g->ctx, uid);
}

static bool owns(const Metav1__ObjectMeta *m, const char *uid)
{
    for (size_t i = 0; i < m->n_ownerreferences; i++)
        if (strcmp(kstr(m->ownerreferences[i]->uid), uid) == 0)
            return true;
    return false;
}

/* True when an owner is named that is not known: somebody must ask the server. */
static bool set_owners(struct graph *g, struct node *n, const Metav1__ObjectMeta *m)
{
    bool unknown = false;

    vec_foreach (&n->owners, o) {
        bool kept = owns(m, o->uid);
        if (!kept)
            unlink_owner(g, n, o->uid);
        nudge_owner(g, o->uid); /* it is left, or no longer blocked */
    }
    free_owners(n);
    for (size_t i = 0; i < m->n_ownerreferences; i++) {
        const Metav1__OwnerReference *r = m->ownerreferences[i];
        struct owner o = {xstrdup(kstr(r->uid)), r->has_blockownerdeletion && r->blockownerdeletion};
        vec_push(&n->owners, o);
        link_owner(g, n, o.uid);
        unknown |= !map_has(&g->nodes, str_of(o.uid));
    }
    return unknown;
}

static void emit_dependents(struct graph *g, const char *uid)
{
    struct map *set = map_gets(&g->dependents, uid);

    if (set)
        map_foreach (set, e)
            g->emit(g->ctx, e->key);
}

void graph_observe(struct graph *g, const struct kube_object *o)
{
    const Metav1__ObjectMeta *m = o->meta;
    struct node *n = map_gets(&g->nodes, kstr(m->uid));

    if (!n) {
        n = xcalloc(1, sizeof(*n));
        n->place = (struct graph_place){
            o->kind, xstrdup(kstr(m->namespace_)), xstrdup(kstr(m->name)), xstrdup(kstr(m->uid)), false, false, false};
        map_set(&g->nodes, str_of(m->uid), n);
    }
    bool waited = n->place.foreground;
    n->place.deleting = meta_deleting(m);
    n->place.foreground = n->place.deleting && meta_has_finalizer(m, FINALIZER_FOREGROUND);
    n->orphaning = n->place.deleting && meta_has_finalizer(m, FINALIZER_ORPHAN);
    bool unknown = set_owners(g, n, m);
    if (unknown || n->place.foreground || n->orphaning)
        g->emit(g->ctx, n->place.uid);
    if (n->place.foreground && !waited)
        emit_dependents(g, n->place.uid);
    if (n->place.foreground && !waited) /* its own owners may count it as on its way out */
        vec_foreach (&n->owners, w)
            nudge_owner(g, w->uid);
}

void graph_forget(struct graph *g, const char *uid)
{
    struct node *n = map_gets(&g->nodes, uid);

    if (n) {
        vec_foreach (&n->owners, o) {
            unlink_owner(g, n, o->uid);
            nudge_owner(g, o->uid);
        }
        n = map_take(&g->nodes, str_of(uid));
    }
    emit_dependents(g, uid);
    if (n)
        node_free(n);
}

static struct graph_place copy_place(const struct graph_place *p)
{
    struct graph_place c = *p;

    c.ns = xstrdup(p->ns);
    c.name = xstrdup(p->name);
    c.uid = xstrdup(p->uid);
    return c;
}

bool graph_find(const struct graph *g, const char *uid, struct graph_place *ret)
{
    struct node *n = map_gets(&g->nodes, uid);

    if (n)
        *ret = copy_place(&n->place);
    return n != NULL;
}

void graph_dependents(const struct graph *g, const char *uid, struct graph_places *ret)
{
    struct map *set = map_gets(&g->dependents, uid);

    if (!set)
        return;
    map_foreach (set, e) {
        struct node *n = e->value;
        struct graph_place p = copy_place(&n->place);
        vec_foreach (&n->owners, o)
            p.blocks |= o->blocks && strcmp(o->uid, uid) == 0;
        vec_push(ret, p);
    }
}

size_t graph_count(const struct graph *g)
{
    return g->nodes.n;
}

void graph_emit_owned(struct graph *g)
{
    map_foreach (&g->nodes, e) {
        const struct node *n = e->value;
        if (n->owners.n)
            g->emit(g->ctx, n->place.uid);
    }
}
