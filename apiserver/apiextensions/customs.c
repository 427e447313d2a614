#include "apiserver/apiextensions/customs.h"

#include <pthread.h>

#include "apiserver/apiextensions/crd_status.h"
#include "apiserver/apiextensions/table.h"
#include "apiserver/http/discovery.h"
#include "apiserver/registry/codec.h"
#include "apiserver/registry/meta.h"
#include "apiserver/registry/registry.h"
#include "apiserver/registry/store.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/vec.h"

#define RETRY_NS (200 * NS_PER_MS)
#define DEFINITIONS_MAX 2000 /* served at most */

struct customs {
    struct registry *registry;
    const struct resource *crds;
    struct cell table;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool signalled, stopping; /* under lock */
    struct storage_watch *watch;
};

/* --- reading ----------------------------------------------------------------------------------------------------- */

struct customs_table *customs_table(struct customs *c)
{
    return cell_get(&c->table);
}

const struct resource *customs_find(struct customs *c, struct str group, struct str version, struct str plural,
                                    struct custom_crd **ret_ref)
{
    _cleanup_(customs_table_unrefp) struct customs_table *t = customs_table(c);
    return table_find(t, group, version, plural, ret_ref);
}

/* --- one round: look at all definitions -------------------------------------------------------------------------- */

/* What one round works with: definitions as documents, and what was made from each. */
struct round {
    struct customs *c;
    struct arena *arena;
    struct doc *all; /* the definitions */
    struct vec(struct customs_entry) served;
    bool again; /* something is left for the next round */
};

static bool collect(void *arg, const struct doc *crd)
{
    struct round *r = arg;
    struct doc *copy = doc_clone(r->arena, crd, false);
    if (copy)
        doc_append(r->all, copy);
    return copy && r->all->n < DEFINITIONS_MAX;
}

static struct custom_crd *compiled_before(const struct customs_table *t, const struct doc *crd)
{
    for (size_t i = 0; i < t->n; i++)
        if (custom_is_of(t->v[i].crd, crd))
            return custom_crd_ref(t->v[i].crd);
    return NULL;
}

static void announce(struct customs *c, const struct custom_crd *crd)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_URL);
    if (crd->n_versions && codec_key(&crd->versions[0].res, c->registry->etcd_prefix, STR(""), STR(""), &b))
        storage_add_resource(c->registry->storage, buf_str(&b));
}

/* Compiles what is established, or takes what was compiled before. */
static void serve(struct round *r, const struct customs_table *before, const struct doc *crd)
{
    struct err err = ERR_INIT;
    if (!crd_condition_is_true(crd, "Established"))
        return;
    struct custom_crd *made = compiled_before(before, crd);
    if (!made && custom_compile(crd, &made, &err) < 0) {
        log_warn("cannot serve a custom resource", LOG_STR("name", meta_name(crd)), LOG_ERR(&err));
        return;
    }
    bool terminating = meta_is_deleting(crd);
    atomic_store(&made->terminating, terminating);
    announce(r->c, made);
    vec_push(&r->served, (struct customs_entry){made, terminating});
}

static bool is_in(const struct customs_table *t, const struct custom_crd *crd)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->v[i].crd == crd)
            return true;
    return false;
}

static bool same_tables(const struct customs_table *a, const struct customs_table *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = a->v[i].crd == b->v[i].crd && a->v[i].terminating == b->v[i].terminating;
    return same;
}

/* Publishes what this round serves, and ends the watches of what is served no longer. */
static void publish(struct round *r, struct customs_table *before)
{
    struct customs_table *now = table_new(r->served.v, r->served.n);
    if (same_tables(before, now)) {
        customs_table_unref(now);
        return;
    }
    now->discovery = discovery_new(now);
    atomic_fetch_add(&now->refs, 1);
    cell_set(&r->c->table, now);
    for (size_t i = 0; i < before->n; i++)
        if (!is_in(now, before->v[i].crd))
            custom_retire(before->v[i].crd);
    customs_table_unref(now);
}

/* --- writing what was decided ------------------------------------------------------------------------------------ */

static int replace_status(void *ctx, struct op *op, const struct doc *old, struct doc **ret, struct err *err)
{
    const struct doc *crd = ctx;
    struct doc *obj = doc_clone(op->arena, old, true);
    /* Somebody changed it since: the next round decides anew. */
    if (!str_eq(meta_str(old, "resourceVersion"), meta_str(crd, "resourceVersion")))
        return err_set(err, ERR_CANCELLED, "changed meanwhile");
    if (!obj)
        return err_set(err, ERR_TOO_LARGE, "request too large");
    doc_keep(op->arena, obj, crd, "status");
    if (!*op->sub) /* the end of a deletion */
        meta_keep(op->arena, obj, crd, "finalizers");
    *ret = obj;
    return 0;
}

/* sub "status", or "" for the finalizers together with the status. */
static void write_back(struct round *r, struct doc *crd, const char *sub)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    struct storage_object *o = NULL;
    struct err err = ERR_INIT;
    struct op op = registry_op(r->c->registry, a, r->c->crds, STR(""), meta_name(crd));
    op.sub = sub;
    if (store_update(&op, replace_status, crd, &o, &err) < 0 && err.code != ERR_NOT_FOUND &&
        err.code != ERR_CANCELLED) {
        log_warn("cannot write a CustomResourceDefinition", LOG_STR("name", meta_name(crd)), LOG_ERR(&err));
        r->again = true;
    }
    storage_object_unref(o);
}

/* --- deletion ---------------------------------------------------------------------------------------------------- */

static int delete_one(struct round *r, const struct resource *res, const struct storage_object *o, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    struct doc *obj = NULL;
    struct storage_object *gone = NULL;
    struct delete_options options = {0};
    bool removed;
    if (codec_load(res, a, o, &obj, err) < 0)
        return -1;
    if (meta_is_deleting(obj)) /* waits for somebody's finalizer */
        return 0;
    struct op op = registry_op(r->c->registry, a, res, meta_namespace(obj), meta_name(obj));
    int result = store_delete(&op, &options, &gone, &removed, err);
    storage_object_unref(gone);
    if (result < 0 && err->code == ERR_NOT_FOUND) {
        err_clear(err);
        return 0;
    }
    return result;
}

/* Deletes every instance. *ret_left: how many there were before. */
static int delete_instances(struct round *r, const struct resource *res, size_t *ret_left, struct err *err)
{
    _cleanup_(buf_releasep) struct buf prefix = BUF_INIT(LIMIT_URL);
    struct storage_list list;
    if (!codec_key(res, r->c->registry->etcd_prefix, STR(""), STR(""), &prefix))
        return err_set(err, ERR_INTERNAL, "no such key");
    struct storage_list_options o = {.prefix = buf_str(&prefix), .at = STORAGE_CONSISTENT};
    if (storage_list(r->c->registry->storage, &o, &list, err) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; i < list.n && result == 0; i++)
        result = delete_one(r, res, list.v[i], err);
    *ret_left = list.n;
    storage_list_release(&list);
    return result;
}

static void remove_finalizer(struct arena *a, struct doc *crd)
{
    struct doc *list = meta_finalizers(crd);
    doc_foreach (list, f) {
        if (str_is(doc_str(f), CRD_FINALIZER))
            doc_unlink(list, f);
    }
    meta_set_finalizers(a, crd, list);
}

static const struct resource *storage_row(const struct round *r, const struct doc *crd)
{
    for (size_t i = 0; i < r->served.n; i++) {
        const struct custom_crd *c = r->served.v[i].crd;
        for (size_t v = 0; v < c->n_versions && str_eq(c->name, meta_name(crd)); v++)
            if (c->versions[v].storage)
                return &c->versions[v].res;
    }
    return NULL;
}

static void finalize(struct round *r, struct doc *crd)
{
    struct err err = ERR_INIT;
    int64_t now = clock_wall(r->c->registry->clock);
    const struct resource *res = storage_row(r, crd);
    size_t left = 0;
    if (!meta_has_finalizer(crd, CRD_FINALIZER))
        return;
    if (res && delete_instances(r, res, &left, &err) < 0) {
        log_warn("cannot delete custom resources", LOG_STR("name", meta_name(crd)), LOG_ERR(&err));
        r->again = true;
        return;
    }
    if (left) { /* look again whether they are gone */
        r->again = true;
        return;
    }
    crd_set_condition(r->arena, crd, "Terminating", false, res ? "InstanceDeletionCompleted" : "NeverEstablished",
                      res ? "removed all instances" : "resource was never established", now);
    remove_finalizer(r->arena, crd);
    write_back(r, crd, "");
}

/* --- the rounds -------------------------------------------------------------------------------------------------- */

/* Definitions are served as they will be when their conditions are written: who reads Established finds it served. */
static void decide(struct round *r, struct customs_table *before)
{
    int64_t now = clock_wall(r->c->registry->clock);
    struct doc **changed = arena_calloc(r->arena, doc_count(r->all) + 1, sizeof(*changed));
    size_t n = 0;
    doc_foreach (r->all, crd) {
        if (changed && !meta_is_deleting(crd) && crd_decide(r->arena, crd, r->all, now))
            changed[n++] = crd;
        serve(r, before, crd);
    }
    publish(r, before);
    for (size_t i = 0; i < n; i++)
        write_back(r, changed[i], "status");
    doc_foreach (r->all, crd) {
        if (meta_is_deleting(crd))
            finalize(r, crd);
    }
}

/* True: another round is needed although nothing will say so. */
static bool run_round(struct customs *c)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(2 * LIMIT_DOC_ARENA);
    _cleanup_(customs_table_unrefp) struct customs_table *before = customs_table(c);
    struct round r = {.c = c, .arena = a, .all = doc_array(a)};
    struct err err = ERR_INIT;
    if (!r.all || registry_each(c->registry, c->crds, STR(""), collect, &r, &err) < 0) {
        log_warn("cannot read the CustomResourceDefinitions", LOG_ERR(&err));
        return true;
    }
    decide(&r, before);
    for (size_t i = 0; i < r.served.n; i++)
        custom_crd_unref(r.served.v[i].crd);
    vec_release(&r.served);
    return r.again;
}

static void wake(void *user)
{
    struct customs *c = user;
    pthread_mutex_lock(&c->lock);
    c->signalled = true;
    pthread_cond_signal(&c->cond);
    pthread_mutex_unlock(&c->lock);
}

static bool open_watch(struct customs *c)
{
    _cleanup_(buf_releasep) struct buf prefix = BUF_INIT(LIMIT_URL);
    struct err err = ERR_INIT;
    if (c->watch)
        return true;
    if (!codec_key(c->crds, c->registry->etcd_prefix, STR(""), STR(""), &prefix))
        return false;
    struct storage_watch_options o = {.prefix = buf_str(&prefix), .wake = wake, .wake_user = c};
    if (storage_watch(c->registry->storage, &o, &c->watch, &err) < 0) {
        log_warn("cannot watch CustomResourceDefinitions", LOG_ERR(&err));
        return false;
    }
    return true;
}

/* Takes all events; true when there was any that matters. */
static bool drain(struct customs *c)
{
    struct storage_event e;
    bool any = false, ended = false;
    while (storage_watch_next(c->watch, &e)) {
        any = any || e.type != STORAGE_BOOKMARK;
        ended = e.type == STORAGE_ERROR;
        storage_object_unref(e.obj);
    }
    if (ended)
        c->watch = storage_watch_free(c->watch);
    return any;
}

/* Waits for a wake-up, or a moment when there is something to try again. False when stopping. */
static bool wait_signal(struct customs *c, bool retry)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += RETRY_NS;
    until.tv_sec += until.tv_nsec / NS_PER_S;
    until.tv_nsec %= NS_PER_S;
    pthread_mutex_lock(&c->lock);
    int r = 0;
    while (!c->signalled && !c->stopping && r == 0)
        r = retry ? pthread_cond_timedwait(&c->cond, &c->lock, &until) : pthread_cond_wait(&c->cond, &c->lock);
    c->signalled = false;
    bool go_on = !c->stopping;
    pthread_mutex_unlock(&c->lock);
    return go_on;
}

static void *run(void *arg)
{
    struct customs *c = arg;
    bool again = false;
    do {
        bool watching = open_watch(c);
        if ((watching && drain(c)) || again)
            again = run_round(c);
        again = again || !c->watch;
    } while (wait_signal(c, again));
    return NULL;
}

struct customs *customs_new(struct registry *g)
{
    struct customs *c = xcalloc(1, sizeof(*c));
    c->registry = g;
    c->crds = registry_resource("apiextensions.k8s.io", "customresourcedefinitions");
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->cond, NULL);
    struct customs_table *empty = table_new(NULL, 0);
    empty->discovery = discovery_new(empty);
    table_cell_init(&c->table, empty);
    return c;
}

int customs_start(struct customs *c, struct err *err)
{
    (void)run_round(c);
    int r = pthread_create(&c->thread, NULL, run, c);
    if (r)
        return err_errno(err, r, "cannot start a thread");
    c->running = true;
    return 0;
}

struct customs *customs_free(struct customs *c)
{
    if (!c)
        return NULL;
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    pthread_cond_signal(&c->cond);
    pthread_mutex_unlock(&c->lock);
    if (c->running)
        pthread_join(c->thread, NULL);
    storage_watch_free(c->watch);
    cell_release(&c->table);
    pthread_cond_destroy(&c->cond);
    pthread_mutex_destroy(&c->lock);
    free(c);
    return NULL;
}
