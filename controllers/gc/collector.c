/* The garbage collector: what nobody owns any more goes; deletions wait for dependents, or let them go, as was asked.
 */
#include "api/json.h"
#include "api/resources.h"
#include "base/limits.h"
#include "base/log.h"
#include "controllers/controller.h"
#include "controllers/gc/graph.h"
#include "controllers/gc/kinds.h"

struct collector {
    struct controller base;
    struct all_kinds *kinds;
    pthread_mutex_t lock; /* guards the graph: all informers tell it */
    struct graph *graph;
    struct informer_handler handler;
    size_t watched;  /* of the kinds, how many have informers; the ticker's after make */
    bool look_again; /* new kinds were watched since the last tick */
};

#define DISCOVERY_NS (3 * NS_PER_S) /* how soon a new custom kind is watched */

static void emit(void *ctx, const char *uid)
{
    struct collector *c = ctx;
    workqueue_add(c->base.queue, str_of(uid));
}

static void observed(void *ctx, struct kube_object *o)
{
    struct collector *c = ctx;

    pthread_mutex_lock(&c->lock);
    graph_observe(c->graph, o);
    pthread_mutex_unlock(&c->lock);
}

static void gone(void *ctx, struct kube_object *o)
{
    struct collector *c = ctx;

    pthread_mutex_lock(&c->lock);
    graph_forget(c->graph, kstr(o->meta->uid));
    pthread_mutex_unlock(&c->lock);
}

static void changed(void *ctx, struct kube_object *old, struct kube_object *o)
{
    if (strcmp(kstr(old->meta->uid), kstr(o->meta->uid)) != 0)
        gone(ctx, old);
    observed(ctx, o);
}

static bool find(struct collector *c, const char *uid, struct graph_place *ret)
{
    pthread_mutex_lock(&c->lock);
    bool found = graph_find(c->graph, uid, ret);
    pthread_mutex_unlock(&c->lock);
    return found;
}

static void dependents(struct collector *c, const char *uid, struct graph_places *ret)
{
    pthread_mutex_lock(&c->lock);
    graph_dependents(c->graph, uid, ret);
    pthread_mutex_unlock(&c->lock);
}

/* --- requests --- */

static void put_member(struct buf *b, const char *name, const char *value)
{
    buf_printf(b, ",\"%s\":", name);
    json_write_string(b, str_of(value));
}

/* 0 also when the object is gone, or is no longer the one meant. */
static int patch(struct collector *c, const struct kube_kind *k, const char *ns, const char *name, struct buf *b,
                 struct err *err)
{
    int r = kube_patch(c->base.env.client, all_kinds_metadata(c->kinds, k), ns, name, "", KUBE_PATCH_STRATEGIC,
                       buf_str(b), NULL, err);

    if (r < 0 && (err->code == ERR_NOT_FOUND || err->code == ERR_INVALID)) {
        err_clear(err);
        return 0;
    }
    return r;
}

static void put_owner(struct buf *b, const Metav1__OwnerReference *r, bool may_block)
{
    buf_puts(b, b->data[b->len - 1] == '[' ? "{" : ",{");
    buf_puts(b, "\"apiVersion\":");
    json_write_string(b, str_of(kstr(r->apiversion)));
    put_member(b, "kind", kstr(r->kind));
    put_member(b, "name", kstr(r->name));
    put_member(b, "uid", kstr(r->uid));
    if (r->has_controller)
        buf_printf(b, ",\"controller\":%s", r->controller ? "true" : "false");
    if (r->has_blockownerdeletion)
        buf_printf(b, ",\"blockOwnerDeletion\":%s", r->blockownerdeletion && may_block ? "true" : "false");
    buf_putc(b, '}');
}

/* Custom resources take no strategic patch: the whole list is written, against the version that was read. owners are
 * dropped, references to `unblock` (NULL = none) stop blocking. */
static int rewrite_owners(struct collector *c, const struct graph_place *p, const char *const *owners, size_t n,
                          const char *unblock, struct err *err)
{
    const struct kube_kind *k = all_kinds_metadata(c->kinds, p->kind);
    _cleanup_(kube_object_unrefp) struct kube_object *o = NULL;
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(256 * KIB);

    if (kube_get(c->base.env.client, k, p->ns, p->name, &o, err) < 0) {
        if (err->code != ERR_NOT_FOUND)
            return -1;
        err_clear(err);
        return 0;
    }
    buf_puts(&b, "{\"metadata\":{\"ownerReferences\":[");
    for (size_t i = 0; i < o->meta->n_ownerreferences; i++) {
        const Metav1__OwnerReference *r = o->meta->ownerreferences[i];
        bool drop = false;
        for (size_t j = 0; j < n; j++)
            drop |= strcmp(owners[j], kstr(r->uid)) == 0;
        if (!drop)
            put_owner(&b, r, !unblock || strcmp(unblock, kstr(r->uid)) != 0);
    }
    buf_putc(&b, ']');
    put_member(&b, "resourceVersion", kstr(o->meta->resourceversion));
    put_member(&b, "uid", p->uid);
    buf_puts(&b, "}}");
    int r = kube_patch(c->base.env.client, k, p->ns, p->name, "", KUBE_PATCH_MERGE, buf_str(&b), NULL, err);
    if (r < 0 && (err->code == ERR_NOT_FOUND || err->code == ERR_INVALID)) {
        err_clear(err);
        return 0;
    }
    return r;
}

/* Takes owner references away from an object. uid makes sure that it is the object meant. */
static int drop_owners(struct collector *c, const struct graph_place *p, const char *const *owners, size_t n,
                       struct err *err)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(256 * KIB);

    if (all_kinds_is_custom(c->kinds, p->kind))
        return rewrite_owners(c, p, owners, n, NULL, err);
    buf_puts(&b, "{\"metadata\":{\"ownerReferences\":[");
    for (size_t i = 0; i < n; i++) {
        buf_printf(&b, "%s{\"$patch\":\"delete\"", i ? "," : "");
        put_member(&b, "uid", owners[i]);
        buf_putc(&b, '}');
    }
    buf_putc(&b, ']');
    put_member(&b, "uid", p->uid);
    buf_puts(&b, "}}");
    return patch(c, p->kind, p->ns, p->name, &b, err);
}

/* With the version that was read: finalizers are a list that others write too. */
static int drop_finalizer(struct collector *c, const struct kube_kind *k, const Metav1__ObjectMeta *m,
                          const char *finalizer, struct err *err)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(64 * KIB);
    bool first = true;

    buf_puts(&b, "{\"metadata\":{\"finalizers\":[");
    for (size_t i = 0; i < m->n_finalizers; i++) {
        if (strcmp(kstr(m->finalizers[i]), finalizer) == 0)
            continue;
        if (!first)
            buf_putc(&b, ',');
        json_write_string(&b, str_of(m->finalizers[i]));
        first = false;
    }
    buf_putc(&b, ']');
    put_member(&b, "resourceVersion", kstr(m->resourceversion));
    put_member(&b, "uid", kstr(m->uid));
    buf_puts(&b, "}}");
    int r = kube_patch(c->base.env.client, all_kinds_metadata(c->kinds, k), m->namespace_, m->name, "",
                       KUBE_PATCH_MERGE, buf_str(&b), NULL, err);
    if (r < 0 && err->code == ERR_NOT_FOUND) {
        err_clear(err);
        return 0;
    }
    return r;
}

static int delete_object(struct collector *c, const struct kube_kind *k, const Metav1__ObjectMeta *m,
                         const char *propagation, struct err *err)
{
    struct kube_delete_options o = KUBE_DELETE_INIT;

    o.uid = m->uid;
    o.resource_version = m->resourceversion;
    o.propagation = propagation;
    int r = kube_delete(c->base.env.client, k, m->namespace_, m->name, &o, err);
    if (r < 0 && err->code == ERR_NOT_FOUND) {
        err_clear(err);
        return 0;
    }
    return r;
}

/* --- owners --- */

enum owner_state { OWNER_SOLID, OWNER_WAITING, OWNER_GONE };

static enum owner_state state_of(const Metav1__ObjectMeta *m)
{
    return meta_deleting(m) && meta_has_finalizer(m, FINALIZER_FOREGROUND) ? OWNER_WAITING : OWNER_SOLID;
}

/* What the informers know is enough to let an object live; that an owner is gone only the server can say. */
static const struct kube_kind *kind_of(struct collector *c, const Metav1__OwnerReference *r, struct err *err)
{
    const struct kube_kind *k = all_kinds_find(c->kinds, str_of(r->apiversion), str_of(r->kind));

    if (!k && all_kinds_refresh(c->kinds, c->base.env.client, err) < 0)
        err_clear(err);
    return k ? k : all_kinds_find(c->kinds, str_of(r->apiversion), str_of(r->kind));
}

static int owner_state(struct collector *c, const struct kube_object *o, const Metav1__OwnerReference *r,
                       enum owner_state *ret, struct err *err)
{
    const struct kube_kind *k = kind_of(c, r, err);
    _cleanup_(kube_object_unrefp) struct kube_object *owner = NULL;
    const char *ns = kstr(o->meta->namespace_);
    struct graph_place p;

    *ret = OWNER_SOLID;
    if (!k)
        return 0; /* a kind that we cannot look up: whoever serves it knows more than we do */
    if (find(c, kstr(r->uid), &p)) {
        bool right_place = !*p.ns || strcmp(p.ns, ns) == 0;
        *ret = p.foreground ? OWNER_WAITING : OWNER_SOLID;
        graph_place_release(&p);
        if (right_place)
            return 0;
        recorder_event(c->base.recorder, o, EVENT_WARNING, "OwnerRefInvalidNamespace",
                       "ownerRef [%s/%s, namespace: %s, name: %s, uid: %s] does not exist in namespace \"%s\"",
                       kstr(r->apiversion), kstr(r->kind), ns, kstr(r->name), kstr(r->uid), ns);
    }
    if (k->namespaced && !*ns) {
        *ret = OWNER_GONE; /* a cluster-wide object cannot be owned by one in a namespace */
        return 0;
    }
    if (kube_get(c->base.env.client, all_kinds_metadata(c->kinds, k), ns, kstr(r->name), &owner, err) < 0) {
        if (err->code != ERR_NOT_FOUND)
            return -1;
        err_clear(err);
        *ret = OWNER_GONE;
        return 0;
    }
    *ret = strcmp(kstr(owner->meta->uid), kstr(r->uid)) == 0 ? state_of(owner->meta) : OWNER_GONE;
    return 0;
}

/* --- what is to be done with one object --- */

/* Dependents that are themselves waiting for theirs must not wait for each other in a circle: this object's references
 * on them stop blocking. */
static int unblock(struct collector *c, const struct kube_object *o, const struct graph_places *deps, struct err *err)
{
    for (size_t i = 0; i < deps->n; i++) {
        const struct graph_place *d = &deps->v[i];
        _cleanup_(buf_releasep) struct buf b = BUF_INIT(16 * KIB);
        if (!d->foreground || !d->blocks)
            continue;
        if (all_kinds_is_custom(c->kinds, d->kind)) {
            if (rewrite_owners(c, d, NULL, 0, kstr(o->meta->uid), err) < 0)
                return -1;
            continue;
        }
        buf_puts(&b, "{\"metadata\":{\"ownerReferences\":[{\"blockOwnerDeletion\":false");
        put_member(&b, "uid", kstr(o->meta->uid));
        buf_puts(&b, "}]");
        put_member(&b, "uid", d->uid);
        buf_puts(&b, "}}");
        if (patch(c, d->kind, d->ns, d->name, &b, err) < 0)
            return -1;
    }
    return 0;
}

static int judge_owned(struct collector *c, const struct kube_kind *k, const struct kube_object *o,
                       const struct graph_places *deps, struct err *err)
{
    const Metav1__ObjectMeta *m = o->meta;
    _cleanup_(freep) const char **drop = xcalloc(m->n_ownerreferences, sizeof(*drop));
    size_t solid = 0, waiting = 0, gone_or_waiting = 0;

    for (size_t i = 0; i < m->n_ownerreferences; i++) {
        enum owner_state s;
        if (owner_state(c, o, m->ownerreferences[i], &s, err) < 0)
            return -1;
        solid += s == OWNER_SOLID;
        waiting += s == OWNER_WAITING;
        if (s != OWNER_SOLID)
            drop[gone_or_waiting++] = kstr(m->ownerreferences[i]->uid);
    }
    if (solid) {
        struct graph_place p = {.kind = k, .ns = m->namespace_, .name = m->name, .uid = m->uid};
        return gone_or_waiting ? drop_owners(c, &p, drop, gone_or_waiting, err) : 0;
    }
    if (waiting && deps->n) { /* the owner's deletion goes on downwards in the same way */
        if (unblock(c, o, deps, err) < 0)
            return -1;
        return delete_object(c, k, m, "Foreground", err);
    }
    const char *propagation = meta_has_finalizer(m, FINALIZER_ORPHAN)       ? "Orphan"
                              : meta_has_finalizer(m, FINALIZER_FOREGROUND) ? "Foreground"
                                                                            : "Background";
    log_debug("collecting", LOG_S("kind", k->kind), LOG_STR("object", o->key));
    return delete_object(c, k, m, propagation, err);
}

static int let_go(struct collector *c, const struct kube_kind *k, const struct kube_object *o,
                  const struct graph_places *deps, struct err *err)
{
    const char *uid = kstr(o->meta->uid);

    for (size_t i = 0; i < deps->n; i++)
        if (drop_owners(c, &deps->v[i], &uid, 1, err) < 0)
            return -1;
    return drop_finalizer(c, k, o->meta, FINALIZER_ORPHAN, err);
}

static int wait_for_dependents(struct collector *c, const struct kube_kind *k, const struct kube_object *o,
                               const struct graph_places *deps, struct err *err)
{
    size_t blocking = 0;

    for (size_t i = 0; i < deps->n; i++) {
        blocking += deps->v[i].blocks;
        if (!deps->v[i].deleting)
            emit(c, deps->v[i].uid);
    }
    return blocking ? 0 : drop_finalizer(c, k, o->meta, FINALIZER_FOREGROUND, err);
}

static int judge(struct collector *c, const struct kube_kind *k, const struct kube_object *o, struct err *err)
{
    const Metav1__ObjectMeta *m = o->meta;
    struct graph_places deps = VEC_INIT;
    int r = 0;

    dependents(c, kstr(m->uid), &deps);
    if (meta_deleting(m) && meta_has_finalizer(m, FINALIZER_ORPHAN))
        r = let_go(c, k, o, &deps, err);
    else if (meta_deleting(m) && meta_has_finalizer(m, FINALIZER_FOREGROUND))
        r = wait_for_dependents(c, k, o, &deps, err);
    else if (!meta_deleting(m) && m->n_ownerreferences)
        r = judge_owned(c, k, o, &deps, err);
    graph_places_release(&deps);
    return r;
}

static int sync_object(void *ctx, struct str key, struct err *err)
{
    struct collector *c = ctx;
    _cleanup_(kube_object_unrefp) struct kube_object *o = NULL;
    struct graph_place p;

    if (!find(c, key.p, &p))
        return 0;
    int r = kube_get(c->base.env.client, all_kinds_metadata(c->kinds, p.kind), p.ns, p.name, &o, err);
    bool other = r == 0 && strcmp(kstr(o->meta->uid), p.uid) != 0;
    if ((r < 0 && err->code == ERR_NOT_FOUND) || other) { /* its dependents need not wait for the informer */
        err_clear(err);
        pthread_mutex_lock(&c->lock);
        graph_forget(c->graph, p.uid);
        pthread_mutex_unlock(&c->lock);
        r = 0;
    } else if (r == 0) {
        r = judge(c, p.kind, o, err);
    }
    graph_place_release(&p);
    return r;
}

/* --- wiring --- */

static bool watch_kinds(struct collector *c)
{
    size_t n = all_kinds_count(c->kinds), before = c->watched;

    for (; c->watched < n; c->watched++)
        informer_add_handler(informer_of(c->base.env.informers, all_kinds_at(c->kinds, c->watched), NULL), &c->handler);
    return n > before;
}

static struct controller *make(const struct controller_env *env)
{
    struct collector *c = controller_alloc(sizeof(*c), &garbage_collector, env);
    struct err err = ERR_INIT;

    pthread_mutex_init(&c->lock, NULL);
    c->graph = graph_new(emit, c);
    c->handler = (struct informer_handler){c, observed, changed, gone};
    c->kinds = all_kinds_new(VERB_LIST | VERB_WATCH | VERB_DELETE);
    if (all_kinds_refresh(c->kinds, env->client, &err) < 0)
        log_debug("custom kinds are asked for later", LOG_ERR(&err));
    watch_kinds(c);
    return &c->base;
}

/* New custom kinds: their informers start now. What is owned is judged once more when they have had the time to fill,
 * since an owner among them may have gone unseen. */
static void tick(struct controller *base)
{
    struct collector *c = (struct collector *)base;
    struct err err = ERR_INIT;

    if (c->look_again) {
        pthread_mutex_lock(&c->lock);
        graph_emit_owned(c->graph);
        pthread_mutex_unlock(&c->lock);
    }
    c->look_again = false;
    if (all_kinds_refresh(c->kinds, base->env.client, &err) < 0) {
        log_debug("cannot ask for custom kinds", LOG_ERR(&err));
        return;
    }
    if (watch_kinds(c)) {
        informer_factory_start(base->env.informers);
        c->look_again = true;
    }
}

static void unmake(struct controller *base)
{
    struct collector *c = (struct collector *)base;

    graph_free(c->graph);
    all_kinds_free(c->kinds);
    pthread_mutex_destroy(&c->lock);
    controller_free(base);
}

const struct controller_def garbage_collector = {
    .name = "garbage-collector-controller",
    .alias = "garbagecollector",
    .account = "generic-garbage-collector",
    .component = "garbage-collector-controller",
    .workers = offsetof(struct controllers_options, gc_syncs),
    .make = make,
    .sync = sync_object,
    .tick = tick,
    .tick_ns = DISCOVERY_NS,
    .unmake = unmake,
};
