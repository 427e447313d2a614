/* Reads from memory. */
#include "cache.h"

#include "base/vec.h"
#include "continue_token.h"

#define KEY_MAX 2048

/* Waits until the cache is what the read asks for; afterwards STORAGE_ANY will do. */
static int become(struct cache *c, enum storage_at at, int64_t revision, struct err *err)
{
    if (at == STORAGE_CONSISTENT)
        return cache_wait_current(c, err);
    if (at != STORAGE_NOT_OLDER || revision <= atomic_load(&c->revision))
        return atomic_load(&c->revision) > 0 ? 0 : cache_wait_revision(c, 1, c->timeout_ms, err);
    if (cache_wait_revision(c, 1, c->timeout_ms, err) < 0)
        return -1;
    if (cache_wait_revision(c, revision, STORAGE_FUTURE_WAIT_MS, err) < 0)
        return err->code == ERR_TIMEOUT ? storage_err_future(err, revision, atomic_load(&c->revision)) : -1;
    return 0;
}

int cache_get(struct storage *s, struct str key, enum storage_at at, int64_t revision, struct storage_object **ret,
              struct err *err)
{
    struct cache *c = cache_of(s);
    if (become(c, at, revision, err) < 0)
        return -1;
    pthread_rwlock_rdlock(&c->lock);
    struct storage_object *o = keyset_find(&cache_resource(c, key)->objects, key);
    if (o)
        *ret = storage_object_ref(o);
    pthread_rwlock_unlock(&c->lock);
    return o ? 0 : storage_err_not_found(err, key);
}

struct storage_object **cache_collect(const struct resource *r, struct str prefix, struct str start, size_t max,
                                      size_t *ret_n)
{
    struct vec(struct storage_object *) found = VEC_INIT;
    struct keyset_cursor at = keyset_seek(&r->objects, start);
    struct storage_object *o;
    while (found.n < max && (o = keyset_at(&r->objects, at)) && str_starts(o->key, prefix)) {
        vec_push(&found, storage_object_ref(o));
        keyset_next(&r->objects, &at);
    }
    *ret_n = found.n;
    return found.v;
}

/* Keys with the prefix from the cursor of `start` on. */
static size_t count_from(const struct resource *r, struct str prefix, struct str start)
{
    char room[KEY_MAX];
    size_t n = MIN_OF(prefix.n, sizeof room);
    while (n && (unsigned char)prefix.p[n - 1] == 0xff)
        n--;
    if (n == 0)
        return r->objects.n - keyset_rank(&r->objects, keyset_seek(&r->objects, start));
    memcpy(room, prefix.p, n);
    room[n - 1]++;
    return keyset_rank(&r->objects, keyset_seek(&r->objects, str_n(room, n))) -
           keyset_rank(&r->objects, keyset_seek(&r->objects, start));
}

/* Drops what does not match and what is past the limit. True when objects are left behind the last one kept. */
static bool filter(const struct storage_list_options *o, struct storage_list *l)
{
    size_t kept = 0, i = 0;
    for (; i < l->n && (!o->limit || kept < o->limit); i++) {
        if (!o->match || o->match(o->user, l->v[i]))
            l->v[kept++] = l->v[i];
        else
            storage_object_unref(l->v[i]);
    }
    bool more = i < l->n;
    for (; i < l->n; i++)
        storage_object_unref(l->v[i]);
    l->n = kept;
    return more;
}

static void set_continue(const struct storage_list_options *o, struct storage_list *l)
{
    struct buf start = BUF_INIT(KEY_MAX * 2), token = BUF_INIT(CONTINUE_TOKEN_MAX);
    buf_str_add(&start, str_from(l->v[l->n - 1]->key, o->prefix.n));
    buf_putc(&start, '\0');
    continue_token_encode(&token, l->revision, buf_str(&start));
    l->continue_token = buf_take(&token);
    buf_release(&start);
}

/* 0: the list as it is now, from start on. 1: the wanted revision (when not 0) is not what is in memory. */
static int list_now(struct cache *c, const struct storage_list_options *o, struct str start, int64_t wanted,
                    struct storage_list *ret)
{
    struct storage_list l = {.remaining = -1};
    size_t max = o->limit && !o->match ? o->limit + 1 : SIZE_MAX, total = 0;
    pthread_rwlock_rdlock(&c->lock);
    const struct resource *r = cache_resource(c, o->prefix);
    int64_t now = atomic_load(&c->revision);
    bool fits = !wanted || (wanted >= r->changed && wanted <= now);
    if (fits) {
        l.v = cache_collect(r, o->prefix, start, max, &l.n);
        if (o->limit && !o->match)
            total = count_from(r, o->prefix, start);
    }
    pthread_rwlock_unlock(&c->lock);
    if (!fits)
        return 1;
    l.revision = wanted ? wanted : now;
    if (filter(o, &l) && l.n) {
        set_continue(o, &l);
        if (!o->match)
            l.remaining = (int64_t)(total - l.n);
    }
    *ret = l;
    return 0;
}

static int list_continued(struct cache *c, const struct storage_list_options *o, struct storage_list *ret,
                          struct err *err)
{
    _cleanup_(buf_releasep) struct buf start = BUF_INIT(KEY_MAX * 2);
    int64_t revision;
    buf_str_add(&start, o->prefix);
    if (continue_token_decode(o->continue_token, &revision, &start, err) < 0)
        return -1;
    if (revision < 0) {
        if (cache_wait_current(c, err) < 0)
            return -1;
        revision = 0;
    }
    if (list_now(c, o, buf_str(&start), revision, ret) == 0)
        return 0;
    return c->under->ops->list(c->under, o, ret, err); /* the past is etcd's */
}

int cache_list(struct storage *s, const struct storage_list_options *o, struct storage_list *ret, struct err *err)
{
    struct cache *c = cache_of(s);
    *ret = (struct storage_list){.remaining = -1};
    if (o->continue_token.n)
        return list_continued(c, o, ret, err);
    if (o->at == STORAGE_EXACT) {
        if (list_now(c, o, o->prefix, o->revision, ret) == 0)
            return 0;
        return c->under->ops->list(c->under, o, ret, err);
    }
    if (become(c, o->at, o->revision, err) < 0)
        return -1;
    list_now(c, o, o->prefix, 0, ret);
    return 0;
}
