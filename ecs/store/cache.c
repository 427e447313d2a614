#include "ecs/store/cache.h"

#include "api/json.h"
#include "base/limits.h"

#include <stdlib.h>

struct entry {
    uint64_t version;
    size_t n;
    char text[];
};

static void free_names(void *p)
{
    map_release(p);
    free(p);
}

void ecs_cache_init(struct ecs_cache *c)
{
    pthread_mutex_init(&c->lock, NULL);
    map_init(&c->namespaces, free_names);
    c->listener = (struct ecs_cache_listener){0};
}

void ecs_cache_release(struct ecs_cache *c)
{
    map_release(&c->namespaces);
    pthread_mutex_destroy(&c->lock);
}

uint64_t ecs_object_version(const struct doc *o)
{
    struct str s = doc_str(doc_path(o, "metadata.resourceVersion"));
    uint64_t v = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || v > UINT64_MAX / 10 - 1)
            return 0;
        v = v * 10 + (uint64_t)(s.p[i] - '0');
    }
    return v;
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

bool ecs_cache_put(struct ecs_cache *c, const struct doc *o)
{
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(LIMIT_OBJECT * 4);
    struct str ns = doc_str(doc_path(o, "metadata.namespace")), name = doc_str(doc_path(o, "metadata.name"));
    uint64_t version = ecs_object_version(o);
    bool newer;

    json_write(&text, o);
    if (!buf_ok(&text))
        return false; /* larger than any server stores */
    struct entry *e = xmalloc(sizeof(*e) + text.len);
    e->version = version;
    e->n = text.len;
    memcpy(e->text, text.data, text.len);
    pthread_mutex_lock(&c->lock);
    struct map *names = names_of(c, ns);
    const struct entry *old = map_get(names, name);
    newer = !old || old->version < version;
    if (newer)
        map_set(names, name, e);
    if (newer && c->listener.put)
        c->listener.put(c->listener.ctx, o);
    pthread_mutex_unlock(&c->lock);
    if (!newer)
        free(e);
    return newer;
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
        text = arena_str(a, str_n(e->text, e->n));
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

static void add_names(struct arena *a, const struct map_entry *ns, bool with_text, struct ecs_cache_item *items,
                      size_t *n)
{
    struct str space = arena_str(a, str_n(ns->key, ns->key_len));

    map_foreach ((struct map *)ns->value, it) {
        const struct entry *e = it->value;
        items[(*n)++] = (struct ecs_cache_item){.ns = space,
                                                .name = arena_str(a, str_n(it->key, it->key_len)),
                                                .text = with_text ? arena_str(a, str_n(e->text, e->n)) : STR(""),
                                                .version = e->version};
    }
}

struct ecs_cache_item *ecs_cache_list(struct ecs_cache *c, struct arena *a, struct str ns, bool with_text,
                                      size_t *ret_n)
{
    size_t n = 0;

    pthread_mutex_lock(&c->lock);
    struct ecs_cache_item *items = arena_calloc(a, count_locked(c, ns) + 1, sizeof(*items));
    if (items)
        map_foreach (&c->namespaces, it)
            if (!ns.p || str_is(ns, it->key))
                add_names(a, it, with_text, items, &n);
    pthread_mutex_unlock(&c->lock);
    if (!items)
        return NULL;
    qsort(items, n, sizeof(*items), by_name);
    *ret_n = n;
    return items;
}
