#include "ecs/store/cache.h"

#include "api/json.h"
#include "base/limits.h"

#include <stdlib.h>

#define MODEL_MIN 256
#define MODEL_MAX (16 * KIB)

struct entry {
    uint64_t version;
    uint32_t n, packed, round; /* bytes of the text; held, 0: as it is */
    uint8_t model;
    char text[];
};

static void free_names(void *p)
{
    map_release(p);
    free(p);
}

void ecs_cache_init(struct ecs_cache *c)
{
    *c = (struct ecs_cache){0};
    pthread_mutex_init(&c->lock, NULL);
    map_init(&c->namespaces, free_names);
}

void ecs_cache_release(struct ecs_cache *c)
{
    map_release(&c->namespaces);
    for (size_t i = 0; i < c->n_models; i++)
        pack_model_free(c->models[i]);
    pthread_mutex_destroy(&c->lock);
}

uint64_t ecs_version_of(struct str s)
{
    uint64_t v = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || v > UINT64_MAX / 10 - 1)
            return 0;
        v = v * 10 + (uint64_t)(s.p[i] - '0');
    }
    return v;
}

uint64_t ecs_object_version(const struct doc *o)
{
    return ecs_version_of(doc_str(doc_path(o, "metadata.resourceVersion")));
}

static struct map *names_of(struct ecs_cache *c, struct str ns)
{
    struct map *names = map_get(&c->namespaces, ns);

    if (!names) {
        names = xmalloc(sizeof(*names));
        map_init(names, free);
        map_set(&c->namespaces, ns, names);
    }
    return names;
}

/* Packs against the model that makes the least of it; false: the text is to be held as it is. */
static bool pack_best(struct ecs_cache *c, struct str text, struct buf *ret, uint8_t *ret_model)
{
    pthread_mutex_lock(&c->lock);
    size_t n = c->n_models;
    pthread_mutex_unlock(&c->lock);
    for (size_t i = 0; i < n; i++) {
        _cleanup_(buf_releasep) struct buf packed = BUF_INIT(LIMIT_OBJECT * 4);
        if (!pack(c->models[i], text, &packed) || (ret->len && packed.len >= ret->len))
            continue;
        struct buf swap = *ret;
        *ret = packed;
        packed = swap;
        *ret_model = (uint8_t)i;
    }
    return ret->len && ret->len < text.n;
}

/* A text that is little like the models so far becomes one. */
static void learn(struct ecs_cache *c, struct str text, size_t packed)
{
    if (text.n < MODEL_MIN || text.n > MODEL_MAX || packed < text.n / 4)
        return;
    pthread_mutex_lock(&c->lock);
    if (c->n_models < ECS_CACHE_MODELS_MAX) {
        c->models[c->n_models] = pack_model_new(text);
        c->n_models++;
    }
    pthread_mutex_unlock(&c->lock);
}

static struct entry *new_entry(struct ecs_cache *c, const struct doc *o)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(LIMIT_OBJECT * 4), packed = BUF_INIT(LIMIT_OBJECT * 4);
    uint8_t model = 0;

    json_write(&text, c->trim ? ecs_trimmed(a, c->trim, o) : o);
    if (arena_overflow(a) || !buf_ok(&text))
        return NULL; /* larger than any server stores */
    bool smaller = c->packed && pack_best(c, buf_str(&text), &packed, &model);
    struct str held = buf_str(smaller ? &packed : &text);
    if (c->packed)
        learn(c, buf_str(&text), held.n);
    struct entry *e = xmalloc(sizeof(*e) + held.n);
    *e = (struct entry){.version = ecs_object_version(o), .n = (uint32_t)text.len, .model = model};
    e->packed = smaller ? (uint32_t)held.n : 0;
    memcpy(e->text, held.p, held.n);
    return e;
}

/* Empty when the arena is full. */
static struct str text_of(const struct ecs_cache *c, struct arena *a, const struct entry *e)
{
    if (!e->packed)
        return arena_str(a, str_n(e->text, e->n));
    char *p = arena_alloc(a, (size_t)e->n + 1);
    if (!p || !unpack(c->models[e->model], str_n(e->text, e->packed), p, e->n))
        return STR("");
    p[e->n] = '\0';
    return str_n(p, e->n);
}

static bool put(struct ecs_cache *c, const struct doc *o, bool listed)
{
    struct str ns = doc_str(doc_path(o, "metadata.namespace")), name = doc_str(doc_path(o, "metadata.name"));
    struct entry *e = new_entry(c, o), *old;
    bool newer;

    if (!e)
        return false;
    pthread_mutex_lock(&c->lock);
    struct map *names = names_of(c, ns);
    old = map_get(names, name);
    newer = old ? old->version < e->version : listed || c->seen < e->version;
    e->round = c->round;
    if (old)
        old->round = c->round;
    if (newer)
        map_set(names, name, e);
    if (newer && c->listener.put)
        c->listener.put(c->listener.ctx, o);
    pthread_mutex_unlock(&c->lock);
    if (!newer)
        free(e);
    return newer;
}

bool ecs_cache_put(struct ecs_cache *c, const struct doc *o)
{
    return put(c, o, false);
}

bool ecs_cache_put_listed(struct ecs_cache *c, const struct doc *o)
{
    return put(c, o, true);
}

void ecs_cache_list_begin(struct ecs_cache *c)
{
    pthread_mutex_lock(&c->lock);
    c->round++;
    pthread_mutex_unlock(&c->lock);
}

void ecs_cache_seen(struct ecs_cache *c, uint64_t version)
{
    pthread_mutex_lock(&c->lock);
    if (version > c->seen)
        c->seen = version;
    pthread_mutex_unlock(&c->lock);
}

bool ecs_cache_remove(struct ecs_cache *c, struct str ns, struct str name, uint64_t version)
{
    bool removed = false;

    pthread_mutex_lock(&c->lock);
    struct map *names = map_get(&c->namespaces, ns);
    const struct entry *old = names ? map_get(names, name) : NULL;
    if (old && (!version || old->version <= version))
        removed = map_del(names, name);
    if (removed && c->listener.remove)
        c->listener.remove(c->listener.ctx, ns, name);
    if (names && names->n == 0)
        map_del(&c->namespaces, ns);
    pthread_mutex_unlock(&c->lock);
    return removed;
}

struct str ecs_cache_get(struct ecs_cache *c, struct arena *a, struct str ns, struct str name)
{
    struct str text = {NULL, 0};

    pthread_mutex_lock(&c->lock);
    struct map *names = map_get(&c->namespaces, ns);
    const struct entry *e = names ? map_get(names, name) : NULL;
    if (e)
        text = text_of(c, a, e);
    pthread_mutex_unlock(&c->lock);
    return text;
}

static size_t count_locked(struct ecs_cache *c, struct str ns)
{
    size_t n = 0;

    map_foreach (&c->namespaces, it)
        if (!ns.p || str_is(ns, it->key))
            n += ((struct map *)it->value)->n;
    return n;
}

size_t ecs_cache_count(struct ecs_cache *c, struct str ns)
{
    pthread_mutex_lock(&c->lock);
    size_t n = count_locked(c, ns);
    pthread_mutex_unlock(&c->lock);
    return n;
}

static int by_name(const void *a, const void *b)
{
    const struct ecs_cache_item *x = a, *y = b;
    int r = str_cmp(x->ns, y->ns);
    return r ? r : str_cmp(x->name, y->name);
}

/* Which entries of a namespace, and with what. */
struct selection {
    struct str ns; /* .p NULL: all */
    bool text;
    bool unlisted;
};

static void add_names(struct ecs_cache *c, struct arena *a, const struct map_entry *ns, const struct selection *which,
                      struct ecs_cache_item *items, size_t *n)
{
    struct str space = arena_str(a, str_n(ns->key, ns->key_len));

    map_foreach ((struct map *)ns->value, it) {
        const struct entry *e = it->value;
        if (which->unlisted && e->round == c->round)
            continue;
        items[(*n)++] = (struct ecs_cache_item){.ns = space,
                                                .name = arena_str(a, str_n(it->key, it->key_len)),
                                                .text = which->text ? text_of(c, a, e) : STR(""),
                                                .version = e->version};
    }
}

static struct ecs_cache_item *pick(struct ecs_cache *c, struct arena *a, const struct selection *which, size_t *ret_n)
{
    size_t n = 0;

    pthread_mutex_lock(&c->lock);
    struct ecs_cache_item *items = arena_calloc(a, count_locked(c, which->ns) + 1, sizeof(*items));
    if (items)
        map_foreach (&c->namespaces, it)
            if (!which->ns.p || str_is(which->ns, it->key))
                add_names(c, a, it, which, items, &n);
    pthread_mutex_unlock(&c->lock);
    if (!items)
        return NULL;
    qsort(items, n, sizeof(*items), by_name);
    *ret_n = n;
    return items;
}

struct ecs_cache_item *ecs_cache_list(struct ecs_cache *c, struct arena *a, struct str ns, bool with_text,
                                      size_t *ret_n)
{
    return pick(c, a, &(struct selection){.ns = ns, .text = with_text}, ret_n);
}

struct ecs_cache_item *ecs_cache_unlisted(struct ecs_cache *c, struct arena *a, size_t *ret_n)
{
    return pick(c, a, &(struct selection){.unlisted = true}, ret_n);
}
