#include "ecs/store/store.h"

#include "api/json.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/parse.h"
#include "ecs/store/cache.h"
#include "ecs/store/census.h"
#include "ecs/store/usage.h"
#include "net/http_client.h"

#include <malloc.h>
#include <stdlib.h>

#define PATH_MAX_BYTES ((size_t)4096)
#define LISTENERS_MAX 8
#define MODIFY_TRIES 12
#define START_TIMEOUT_NS (60 * NS_PER_S)
#define BACKOFF_MIN_NS (200 * NS_PER_MS)
#define BACKOFF_MAX_NS (15 * NS_PER_S)
#define WATCH_S 480
#define LIST_PAGE 50
#define DEFINITIONS "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

struct listener {
    void (*fn)(void *ctx, enum ecs_kind_id k, struct str ns, struct str name);
    void *ctx;
};

/* One kind's copy and the thread that keeps it. */
struct reflector {
    struct ecs_store *store;
    enum ecs_kind_id kind;
    struct ecs_cache cache;
    pthread_t thread;
    bool running;
    bool synced; /* atomic */
    void (*deleted)(void *ctx, const struct doc *last);
    void *deleted_ctx;
};

struct ecs_store {
    struct kube_client *client;
    struct stop *stop;
    struct ecs_usage *usage;
    struct ecs_census *census;
    struct reflector of[ECS_KINDS];
    struct listener listeners[LISTENERS_MAX];
    size_t n_listeners;
};

static void count_in(void *ctx, const struct doc *o)
{
    const struct reflector *r = ctx;

    ecs_usage_put(r->store->usage, r->kind, o);
    ecs_census_put(r->store->census, r->kind, o);
}

static void count_out(void *ctx, struct str ns, struct str name)
{
    const struct reflector *r = ctx;

    ecs_usage_remove(r->store->usage, r->kind, ns, name);
    ecs_census_remove(r->store->census, r->kind, ns, name);
}

struct ecs_store *ecs_store_new(struct kube_client *client, struct stop *stop)
{
    struct ecs_store *s = xcalloc(1, sizeof(*s));

    s->client = client;
    s->stop = stop;
    s->usage = ecs_usage_new();
    s->census = ecs_census_new();
    for (int k = 0; k < ECS_KINDS; k++) {
        s->of[k].store = s;
        s->of[k].kind = (enum ecs_kind_id)k;
        ecs_cache_init(&s->of[k].cache);
        s->of[k].cache.packed = ecs_kinds[k].many;
        s->of[k].cache.trim = &ecs_kinds[k].trim;
        s->of[k].cache.listener = (struct ecs_cache_listener){count_in, count_out, &s->of[k]};
    }
    return s;
}

void ecs_store_stop(struct ecs_store *s)
{
    for (int k = 0; k < ECS_KINDS; k++) {
        if (s->of[k].running)
            pthread_join(s->of[k].thread, NULL);
        s->of[k].running = false;
    }
}

struct ecs_store *ecs_store_free(struct ecs_store *s)
{
    if (!s)
        return NULL;
    ecs_store_stop(s);
    for (int k = 0; k < ECS_KINDS; k++)
        ecs_cache_release(&s->of[k].cache);
    ecs_usage_free(s->usage);
    ecs_census_free(s->census);
    free(s);
    return NULL;
}

struct kube_client *ecs_store_client(struct ecs_store *s)
{
    return s->client;
}

struct ecs_usage *ecs_store_usage(struct ecs_store *s)
{
    return s->usage;
}

struct ecs_census *ecs_store_census(struct ecs_store *s)
{
    return s->census;
}

void ecs_store_on_change(struct ecs_store *s, void (*fn)(void *ctx, enum ecs_kind_id k, struct str ns, struct str name),
                         void *ctx)
{
    if (s->n_listeners == LISTENERS_MAX)
        abort();
    s->listeners[s->n_listeners++] = (struct listener){fn, ctx};
}

void ecs_store_on_delete(struct ecs_store *s, enum ecs_kind_id k, void (*fn)(void *ctx, const struct doc *last),
                         void *ctx)
{
    s->of[k].deleted = fn;
    s->of[k].deleted_ctx = ctx;
}

static void tell(struct ecs_store *s, enum ecs_kind_id k, struct str ns, struct str name)
{
    for (size_t i = 0; i < s->n_listeners; i++)
        s->listeners[i].fn(s->listeners[i].ctx, k, ns, name);
}

/* --- paths and requests --- */

static void path_of(struct buf *b, enum ecs_kind_id k, const char *ns, const char *name)
{
    buf_puts(b, ecs_kinds[k].base ? ecs_kinds[k].base : "/apis/" ECS_GROUP "/" ECS_VERSION "/");
    if (ecs_kinds[k].namespaced && ns && *ns)
        buf_printf(b, "namespaces/%s/", ns);
    buf_puts(b, ecs_kinds[k].resource);
    if (name)
        buf_printf(b, "/%s", name);
}

static void put_selector(struct buf *b, char sep, const struct ecs_kind *k)
{
    if (k->selector)
        buf_printf(b, "%clabelSelector=%s", sep, k->selector); /* a label's name alone: a query may hold all of it */
}

/* Names are ours (names.h): only what DNS names have. Anything else would change the path. */
static bool plain(const char *name)
{
    return *name && !name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.")];
}

static int answer(struct ecs_store *s, struct arena *a, const char *method, const char *path, struct str body,
                  struct doc **ret, struct err *err)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(LIMIT_RESPONSE);

    if (kube_raw(s->client, method, path, body.n ? "application/json" : NULL, body, NULL, &out, err) < 0)
        return -1;
    return ret ? json_parse(a, arena_str(a, buf_str(&out)), NULL, ret, err) : 0;
}

/* --- the reflector --- */

static void take(struct reflector *r, const struct doc *o, bool listed)
{
    if (listed ? ecs_cache_put_listed(&r->cache, o) : ecs_cache_put(&r->cache, o))
        tell(r->store, r->kind, doc_str(doc_path(o, "metadata.namespace")), doc_str(doc_path(o, "metadata.name")));
}

static void forget(struct reflector *r, struct str ns, struct str name, uint64_t version)
{
    if (ecs_cache_remove(&r->cache, ns, name, version))
        tell(r->store, r->kind, ns, name);
}

/* What the copy has and the list has not, and is not newer than the list, is gone. */
static int forget_unlisted(struct reflector *r, uint64_t version, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    size_t n = 0;
    struct ecs_cache_item *gone = ecs_cache_unlisted(&r->cache, a, &n);

    if (!gone || arena_overflow(a))
        return err_set(err, ERR_TOO_LARGE, "list of %s", ecs_kinds[r->kind].resource);
    for (size_t i = 0; i < n; i++)
        forget(r, gone[i].ns, gone[i].name, version);
    return 0;
}

/* One page of the list: small, so that a large list leaves no large hole in the heap. `next` is the token to go on
 * with, and in the end empty. */
static int list_page(struct reflector *r, char version[32], struct buf *next, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(PATH_MAX_BYTES);
    struct doc *list;

    path_of(&path, r->kind, NULL, NULL);
    buf_printf(&path, "?limit=%d", LIST_PAGE);
    put_selector(&path, '&', &ecs_kinds[r->kind]);
    if (next->len) {
        buf_puts(&path, "&continue=");
        percent_encode(&path, buf_str(next));
    }
    if (!buf_ok(&path))
        return err_set(err, ERR_TOO_LARGE, "list of %s: the token", ecs_kinds[r->kind].resource);
    if (answer(r->store, a, "GET", path.data, STR(""), &list, err) < 0)
        return -1;
    doc_foreach (doc_get(list, "items"), o)
        take(r, o, true);
    buf_clear(next);
    buf_str_add(next, doc_str(doc_path(list, "metadata.continue")));
    if (!buf_ok(next) || arena_overflow(a) ||
        !str_copy(version, 32, doc_str(doc_path(list, "metadata.resourceVersion"))))
        return err_set(err, ERR_TOO_LARGE, "list of %s", ecs_kinds[r->kind].resource);
    return 0;
}

static int relist(struct reflector *r, char version[32], struct err *err)
{
    _cleanup_(buf_releasep) struct buf next = BUF_INIT(PATH_MAX_BYTES / 2);
    char at[32] = "";

    ecs_cache_list_begin(&r->cache);
    do {
        if (stop_requested(r->store->stop))
            return err_set(err, ERR_CANCELLED, "stopped");
        if (list_page(r, at, &next, err) < 0)
            return -1;
    } while (next.len);
    if (forget_unlisted(r, ecs_version_of(str_of(at)), err) < 0)
        return -1;
    ecs_cache_seen(&r->cache, ecs_version_of(str_of(at)));
    malloc_trim(0); /* the pages of a list were most of what this process needs for the next hours */
    memcpy(version, at, sizeof(at));
    __atomic_store_n(&r->synced, true, __ATOMIC_RELEASE);
    return 0;
}

static int event(struct reflector *r, struct arena *a, struct str line, char version[32], struct err *err)
{
    struct doc *e;

    if (json_parse(a, line, NULL, &e, err) < 0)
        return -1;
    const struct doc *o = doc_get(e, "object");
    struct str type = doc_str(doc_get(e, "type"));
    if (str_is(type, "ERROR")) {
        int64_t code = doc_int_or(doc_get(o, "code"), 500);
        return err_set(err, err_from_http((int)code), STR_FMT, STR_ARG(doc_str(doc_get(o, "message"))));
    }
    struct str ns = doc_str(doc_path(o, "metadata.namespace")), name = doc_str(doc_path(o, "metadata.name"));
    if (str_is(type, "DELETED") && r->deleted)
        r->deleted(r->deleted_ctx, o);
    if (str_is(type, "DELETED"))
        forget(r, ns, name, ecs_object_version(o));
    else if (!str_is(type, "BOOKMARK"))
        take(r, o, false);
    str_copy(version, 32, doc_str(doc_path(o, "metadata.resourceVersion")));
    ecs_cache_seen(&r->cache, ecs_object_version(o));
    return 0;
}

/* Complete lines of `in`, one event each. */
static int events(struct reflector *r, struct arena *a, struct buf *in, char version[32], struct err *err)
{
    const char *end;
    size_t at = 0;

    while (at < in->len && (end = memchr(in->data + at, '\n', in->len - at))) {
        struct str line = str_trim(str_n(in->data + at, (size_t)(end - in->data) - at));
        arena_reset(a);
        if (line.n && event(r, a, line, version, err) < 0)
            return -1;
        at = (size_t)(end - in->data) + 1;
    }
    buf_consume(in, at);
    if (in->len == 0)
        buf_release(in); /* thirteen of these wait at any time */
    return 0;
}

static void cancel(void *stream)
{
    http_client_stream_cancel(stream);
}

/* One watch, until the server ends it (0) or it breaks (-1). */
static int watch(struct reflector *r, char version[32], struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(PATH_MAX_BYTES), in = BUF_INIT(LIMIT_OBJECT * 4);
    _cleanup_(http_client_stream_freep) struct http_client_stream *stream = NULL;
    int got;

    path_of(&path, r->kind, NULL, NULL);
    buf_printf(&path, "?watch=true&allowWatchBookmarks=true&timeoutSeconds=%d&resourceVersion=%s", WATCH_S, version);
    put_selector(&path, '&', &ecs_kinds[r->kind]);
    if (kube_raw_stream(r->store->client, path.data, NULL, &stream, err) < 0)
        return -1;
    struct stop_hook *hook = stop_on(r->store->stop, cancel, stream);
    while ((got = http_client_stream_read(stream, (WATCH_S + 30) * 1000, &in, err)) > 0)
        if (!buf_ok(&in)) {
            got = err_set(err, ERR_TOO_LARGE, "an event of %zu bytes", in.len);
            break;
        } else if (events(r, a, &in, version, err) < 0) {
            got = -1;
            break;
        }
    stop_off(r->store->stop, hook);
    return got;
}

static void *reflect(void *arg)
{
    struct reflector *r = arg;
    int64_t pause = BACKOFF_MIN_NS;
    char version[32] = "";

    while (!stop_requested(r->store->stop)) {
        struct err err = ERR_INIT;
        int got = *version ? 0 : relist(r, version, &err);
        if (got == 0)
            got = watch(r, version, &err);
        if (got == 0) {
            pause = BACKOFF_MIN_NS;
            continue;
        }
        if (stop_requested(r->store->stop))
            break;
        if (err.code != ERR_UNAVAILABLE && err.code != ERR_TIMEOUT)
            *version = '\0'; /* expired, or something we do not understand: from the start */
        log_warn("watch broke", LOG_S("resource", ecs_kinds[r->kind].resource), LOG_ERR(&err));
        stop_wait(r->store->stop, pause);
        pause = pause * 2 < BACKOFF_MAX_NS ? pause * 2 : BACKOFF_MAX_NS;
    }
    return NULL;
}

/* --- the start --- */

static int install(struct ecs_store *s, const struct ecs_kind *k, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    _cleanup_(buf_releasep) struct buf body = BUF_INIT(LIMIT_BODY);

    ecs_kind_definition(&body, k);
    if (answer(s, a, "POST", DEFINITIONS, buf_str(&body), NULL, err) == 0)
        return 0;
    if (err->code != ERR_ALREADY_EXISTS)
        return err_wrap(err, "installing %s", k->resource);
    err_clear(err);
    return 0;
}

static bool served(struct ecs_store *s, const struct ecs_kind *k, struct err *err)
{
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(PATH_MAX_BYTES);

    buf_printf(&path, "/apis/" ECS_GROUP "/" ECS_VERSION "/%s?limit=1", k->resource);
    return answer(s, NULL, "GET", path.data, STR(""), NULL, err) == 0;
}

static int wait_until(struct ecs_store *s, const struct ecs_kind *k, const bool *synced, struct err *err)
{
    int64_t until = clock_mono(&clock_system) + START_TIMEOUT_NS;

    while (!(synced ? __atomic_load_n(synced, __ATOMIC_ACQUIRE) : served(s, k, err))) {
        if (stop_wait(s->stop, 20 * NS_PER_MS))
            return err_set(err, ERR_CANCELLED, "stopped");
        if (clock_mono(&clock_system) > until)
            return err_set(err, ERR_TIMEOUT, "%s are not served after 60 s", k->resource);
    }
    err_clear(err);
    return 0;
}

int ecs_store_start(struct ecs_store *s, struct err *err)
{
    for (int k = 0; k < ECS_KINDS; k++)
        if (!ecs_kinds[k].base && install(s, &ecs_kinds[k], err) < 0)
            return -1;
    for (int k = 0; k < ECS_KINDS; k++) {
        if (!ecs_kinds[k].base && wait_until(s, &ecs_kinds[k], NULL, err) < 0)
            return -1;
        int r = pthread_create(&s->of[k].thread, NULL, reflect, &s->of[k]);
        if (r)
            return err_errno(err, r, "cannot start a thread");
        s->of[k].running = true;
    }
    for (int k = 0; k < ECS_KINDS; k++)
        if (wait_until(s, &ecs_kinds[k], &s->of[k].synced, err) < 0)
            return -1;
    return 0;
}

/* --- reads --- */

static struct str ns_of(enum ecs_kind_id k, const char *ns)
{
    return ecs_kinds[k].namespaced ? str_of(ns) : STR("");
}

static int fetch(struct ecs_store *s, struct arena *a, enum ecs_kind_id k, const char *ns, const char *name,
                 struct doc **ret, struct err *err)
{
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(PATH_MAX_BYTES);

    path_of(&path, k, ns, name);
    if (answer(s, a, "GET", path.data, STR(""), ret, err) < 0)
        return -1;
    ecs_cache_put(&s->of[k].cache, *ret);
    *ret = ecs_trimmed(a, &ecs_kinds[k].trim, *ret);
    return 0;
}

int ecs_store_get(struct ecs_store *s, struct arena *a, enum ecs_kind_id k, const char *ns, const char *name,
                  struct doc **ret, struct err *err)
{
    if (!plain(name))
        return err_set(err, ERR_NOT_FOUND, "%s \"%s\" not found", ecs_kinds[k].resource, name);
    struct str text = ecs_cache_get(&s->of[k].cache, a, ns_of(k, ns), str_of(name));
    return text.n ? json_parse(a, text, NULL, ret, err) : fetch(s, a, k, ns, name, ret, err);
}

int ecs_store_find(struct ecs_store *s, struct arena *a, enum ecs_kind_id k, const char *ns, const char *name,
                   struct doc **ret, struct err *err)
{
    *ret = NULL;
    if (ecs_store_get(s, a, k, ns, name, ret, err) == 0)
        return 0;
    *ret = NULL;
    if (err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    return 1;
}

int ecs_store_list(struct ecs_store *s, struct arena *a, enum ecs_kind_id k, const char *ns, struct doc **ret,
                   struct err *err)
{
    struct doc *list = doc_array(a);
    size_t n = 0;
    struct ecs_cache_item *items = ecs_cache_list(&s->of[k].cache, a, ns ? ns_of(k, ns) : str_n(NULL, 0), true, &n);

    for (size_t i = 0; items && i < n; i++) {
        struct doc *o;
        if (json_parse(a, items[i].text, NULL, &o, err) < 0)
            return -1;
        doc_append(list, o);
    }
    if (arena_overflow(a))
        return err_set(err, ERR_TOO_LARGE, "list of %zu %s", n, ecs_kinds[k].resource);
    *ret = list;
    return 0;
}

size_t ecs_store_count(struct ecs_store *s, enum ecs_kind_id k, const char *ns)
{
    return ecs_cache_count(&s->of[k].cache, ns ? ns_of(k, ns) : str_n(NULL, 0));
}

void ecs_store_each_name(struct ecs_store *s, enum ecs_kind_id k, const char *ns,
                         void (*fn)(void *ctx, struct str ns, struct str name), void *ctx)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    size_t n = 0;
    struct ecs_cache_item *items = ecs_cache_list(&s->of[k].cache, a, ns ? ns_of(k, ns) : str_n(NULL, 0), false, &n);

    for (size_t i = 0; items && i < n; i++)
        fn(ctx, items[i].ns, items[i].name);
}

int ecs_store_each(struct ecs_store *s, enum ecs_kind_id k, const char *ns, const char *holds,
                   int (*fn)(void *ctx, const struct doc *o, struct err *err), void *ctx, struct err *err)
{
    _cleanup_(arena_freep) struct arena *names = arena_new(LIMIT_DOC_ARENA), *a = arena_new(LIMIT_DOC_ARENA);
    size_t n = 0;
    struct ecs_cache_item *items =
        ecs_cache_list(&s->of[k].cache, names, ns ? ns_of(k, ns) : str_n(NULL, 0), false, &n);

    if (!items)
        return err_set(err, ERR_TOO_LARGE, "list of %s", ecs_kinds[k].resource);
    for (size_t i = 0; i < n; i++) {
        struct doc *o;

        arena_reset(a);
        struct str text = ecs_cache_get(&s->of[k].cache, a, items[i].ns, items[i].name);
        if (!text.n || (holds && !memmem(text.p, text.n, holds, strlen(holds))))
            continue;
        if (json_parse(a, text, NULL, &o, err) < 0 || fn(ctx, o, err) < 0)
            return -1;
    }
    return 0;
}

/* --- writes --- */

struct doc *ecs_object_new(struct arena *a, const char *ns, const char *name)
{
    struct doc *o = doc_object(a);

    doc_set_path(a, o, "metadata.name", doc_string_copy(a, str_of(name)));
    if (ns && *ns)
        doc_set_path(a, o, "metadata.namespace", doc_string_copy(a, str_of(ns)));
    return o;
}

static int write_object(struct ecs_store *s, struct arena *a, enum ecs_kind_id k, const char *method, const char *name,
                        const struct doc *object, struct doc **ret, struct err *err)
{
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(PATH_MAX_BYTES), body = BUF_INIT(LIMIT_BODY);
    const char *ns = arena_str(a, doc_str(doc_path(object, "metadata.namespace"))).p;
    struct doc *got;

    path_of(&path, k, ns, name);
    json_write(&body, object);
    if (arena_overflow(a) || !buf_ok(&body))
        return err_set(err, ERR_TOO_LARGE, "%s too large", ecs_kinds[k].kind);
    if (answer(s, a, method, path.data, buf_str(&body), &got, err) < 0)
        return -1;
    ecs_cache_put(&s->of[k].cache, got);
    got = ecs_trimmed(a, &ecs_kinds[k].trim, got);
    tell(s, k, doc_str(doc_path(got, "metadata.namespace")), doc_str(doc_path(got, "metadata.name")));
    if (ret)
        *ret = got;
    return 0;
}

int ecs_store_create(struct ecs_store *s, struct arena *a, enum ecs_kind_id k, struct doc *object, struct doc **ret,
                     struct err *err)
{
    doc_set(object, "apiVersion",
            ecs_kinds[k].base ? doc_string(a, STR("v1")) : doc_string(a, STR(ECS_GROUP "/" ECS_VERSION)));
    doc_set(object, "kind", doc_string(a, str_of(ecs_kinds[k].kind)));
    return write_object(s, a, k, "POST", NULL, object, ret, err);
}

int ecs_store_update(struct ecs_store *s, struct arena *a, enum ecs_kind_id k, const struct doc *object,
                     struct doc **ret, struct err *err)
{
    if (ecs_kinds[k].base)
        return err_set(err, ERR_INTERNAL, "%s are not ours to update", ecs_kinds[k].resource);
    return write_object(s, a, k, "PUT", ecs_object_name(object, a), object, ret, err);
}

int ecs_store_delete(struct ecs_store *s, enum ecs_kind_id k, const char *ns, const char *name, struct err *err)
{
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(PATH_MAX_BYTES);

    path_of(&path, k, ns, name);
    if (answer(s, NULL, "DELETE", path.data, STR(""), NULL, err) < 0 && err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    forget(&s->of[k], ns_of(k, ns), str_of(name), 0);
    return 0;
}

int ecs_store_delete_seen(struct ecs_store *s, enum ecs_kind_id k, const struct doc *object, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(64 * KIB);
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(PATH_MAX_BYTES), body = BUF_INIT(PATH_MAX_BYTES);
    struct doc *options = doc_object(a);
    const char *ns = arena_str(a, doc_str(doc_path(object, "metadata.namespace"))).p,
               *name = ecs_object_name(object, a);

    doc_set_path(a, options, "preconditions.resourceVersion",
                 doc_string(a, doc_str(doc_path(object, "metadata.resourceVersion"))));
    doc_set(options, "kind", doc_string(a, STR("DeleteOptions")));
    doc_set(options, "apiVersion", doc_string(a, STR("v1")));
    json_write(&body, options);
    path_of(&path, k, ns, name);
    if (answer(s, NULL, "DELETE", path.data, buf_str(&body), NULL, err) < 0 && err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    forget(&s->of[k], ns_of(k, ns), str_of(name), 0);
    return 0;
}

int ecs_store_modify(struct ecs_store *s, struct arena *a, enum ecs_kind_id k, const char *ns, const char *name,
                     ecs_store_change *change, void *ctx, struct doc **ret, struct err *err)
{
    struct doc *o = NULL;

    if (ecs_store_get(s, a, k, ns, name, &o, err) < 0)
        return -1;
    for (int i = 0; i < MODIFY_TRIES; i++) {
        int r = change(ctx, a, o, err);
        if (r < 0)
            return -1;
        if (r == 0) {
            if (ret)
                *ret = o;
            return 0;
        }
        if (ecs_store_update(s, a, k, o, ret, err) == 0)
            return 0;
        if (err->code != ERR_CONFLICT)
            return -1;
        err_clear(err);
        if (fetch(s, a, k, ns, name, &o, err) < 0)
            return -1;
    }
    return err_set(err, ERR_CONFLICT, "%s %s changes too fast", ecs_kinds[k].kind, name);
}

int ecs_store_put(struct ecs_store *s, struct arena *a, enum ecs_kind_id k, struct doc *object,
                  ecs_store_change *change, void *ctx, struct doc **ret, struct err *err)
{
    const char *ns = arena_str(a, doc_str(doc_path(object, "metadata.namespace"))).p,
               *name = ecs_object_name(object, a);

    for (int i = 0; i < MODIFY_TRIES; i++) {
        if (ecs_store_create(s, a, k, object, ret, err) == 0)
            return 0;
        if (err->code != ERR_ALREADY_EXISTS)
            return -1;
        err_clear(err);
        if (ecs_store_modify(s, a, k, ns, name, change, ctx, ret, err) == 0)
            return 0;
        if (err->code != ERR_NOT_FOUND)
            return -1;
        err_clear(err); /* somebody deleted it in between */
    }
    return err_set(err, ERR_CONFLICT, "%s %s comes and goes", ecs_kinds[k].kind, name);
}
