#include "store.h"

#include "base/map.h"
#include "client/meta.h"

#include <pthread.h>

struct index {
    informer_index_fn *fn;
    struct map buckets; /* value -> struct map of objects by key, which hold no references: the store's map does */
};

struct store {
    pthread_rwlock_t lock;
    struct map objects;
    struct index indexes[STORE_INDEXES_MAX];
    int n_indexes;
};

static void unref_value(void *o)
{
    kube_object_unref(o);
}

static void bucket_free(void *p)
{
    map_release(p);
    free(p);
}

struct store *store_new(void)
{
    struct store *s = xcalloc(1, sizeof(*s));

    pthread_rwlock_init(&s->lock, NULL);
    map_init(&s->objects, unref_value);
    return s;
}

struct store *store_free(struct store *s)
{
    if (!s)
        return NULL;
    for (int i = 0; i < s->n_indexes; i++)
        map_release(&s->indexes[i].buckets);
    map_release(&s->objects);
    pthread_rwlock_destroy(&s->lock);
    free(s);
    return NULL;
}

int store_add_index(struct store *s, informer_index_fn *fn)
{
    for (int i = 0; i < s->n_indexes; i++)
        if (s->indexes[i].fn == fn)
            return i;
    if (s->n_indexes == STORE_INDEXES_MAX || s->objects.n)
        abort(); /* a mistake of the program's wiring */
    struct index *x = &s->indexes[s->n_indexes];
    x->fn = fn;
    map_init(&x->buckets, bucket_free);
    return s->n_indexes++;
}

struct index_change {
    struct map *buckets;
    struct kube_object *o;
};

static void index_insert(void *sink, struct str value)
{
    struct index_change *c = sink;
    struct map *bucket = map_get(c->buckets, value);

    if (!bucket) {
        bucket = xmalloc(sizeof(*bucket));
        map_init(bucket, NULL);
        map_set(c->buckets, value, bucket);
    }
    map_set(bucket, c->o->key, c->o);
}

static void index_remove(void *sink, struct str value)
{
    struct index_change *c = sink;
    struct map *bucket = map_get(c->buckets, value);

    if (bucket && map_del(bucket, c->o->key) && bucket->n == 0)
        map_del(c->buckets, value);
}

static void reindex(struct store *s, struct kube_object *o, void (*change)(void *, struct str))
{
    for (int i = 0; i < s->n_indexes; i++) {
        struct index_change c = {&s->indexes[i].buckets, o};
        s->indexes[i].fn(o, change, &c);
    }
}

struct kube_object *store_set(struct store *s, struct kube_object *o)
{
    pthread_rwlock_wrlock(&s->lock);
    struct kube_object *old = map_take(&s->objects, o->key);
    if (old)
        reindex(s, old, index_remove);
    map_set(&s->objects, o->key, kube_object_ref(o));
    reindex(s, o, index_insert);
    pthread_rwlock_unlock(&s->lock);
    return old;
}

struct kube_object *store_take(struct store *s, struct str key)
{
    pthread_rwlock_wrlock(&s->lock);
    struct kube_object *old = map_take(&s->objects, key);
    if (old)
        reindex(s, old, index_remove);
    pthread_rwlock_unlock(&s->lock);
    return old;
}

struct kube_object *store_get(struct store *s, struct str key)
{
    pthread_rwlock_rdlock(&s->lock);
    struct kube_object *o = map_get(&s->objects, key);
    if (o)
        kube_object_ref(o);
    pthread_rwlock_unlock(&s->lock);
    return o;
}

static void push_all(const struct map *m, struct kube_objects *ret)
{
    map_foreach (m, e)
        kube_objects_push(ret, kube_object_ref(e->value));
}

void store_list(struct store *s, struct kube_objects *ret)
{
    pthread_rwlock_rdlock(&s->lock);
    push_all(&s->objects, ret);
    pthread_rwlock_unlock(&s->lock);
}

void store_by_index(struct store *s, int index, struct str value, struct kube_objects *ret)
{
    pthread_rwlock_rdlock(&s->lock);
    struct map *bucket = map_get(&s->indexes[index].buckets, value);
    if (bucket)
        push_all(bucket, ret);
    pthread_rwlock_unlock(&s->lock);
}

size_t store_count(struct store *s)
{
    pthread_rwlock_rdlock(&s->lock);
    size_t n = s->objects.n;
    pthread_rwlock_unlock(&s->lock);
    return n;
}

void store_each(struct store *s, void (*fn)(void *, const struct kube_object *), void *ctx)
{
    pthread_rwlock_rdlock(&s->lock);
    map_foreach (&s->objects, e)
        fn(ctx, e->value);
    pthread_rwlock_unlock(&s->lock);
}

/* --- indexes everybody needs --- */

void informer_index_namespace(const struct kube_object *o, void (*emit)(void *, struct str), void *sink)
{
    emit(sink, str_of(o->meta->namespace_));
}

void informer_index_controller_uid(const struct kube_object *o, void (*emit)(void *, struct str), void *sink)
{
    const Metav1__OwnerReference *r = meta_controller(o->meta);
    if (r)
        emit(sink, str_of(r->uid));
}

void informer_index_pod_node(const struct kube_object *o, void (*emit)(void *, struct str), void *sink)
{
    const Corev1__Pod *p = kube_pod(o);
    if (p->spec && *kstr(p->spec->nodename))
        emit(sink, str_of(p->spec->nodename));
}
