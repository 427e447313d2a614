#include "workqueue.h"

#include "base/list.h"
#include "base/log.h"
#include "base/map.h"

#include <pthread.h>

/* Everything known about a key. It is in the map as long as any of this is true; freed when none is. */
struct item {
    char *key;
    struct list ready; /* in q->ready when it waits for a worker */
    bool dirty;        /* added and not yet given out */
    bool processing;
    size_t heap_at; /* place in the heap of delayed keys + 1; 0 = not delayed */
    int64_t due;    /* when heap_at */
    int failures;
};

struct workqueue {
    struct workqueue_options o;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    struct map items;
    struct list ready;
    size_t n_ready;
    struct item **heap; /* min-heap by due */
    size_t n_heap, cap_heap;
    bool shut;
    uint64_t adds, retries;
};

static int64_t now_of(const struct workqueue *q)
{
    return clock_mono(q->o.clock);
}

/* --- heap of delayed keys --- */

static void heap_put(struct workqueue *q, size_t at, struct item *it)
{
    q->heap[at] = it;
    it->heap_at = at + 1;
}

static void heap_up(struct workqueue *q, size_t at)
{
    struct item *it = q->heap[at];

    while (at && q->heap[(at - 1) / 2]->due > it->due) {
        heap_put(q, at, q->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(q, at, it);
}

static void heap_down(struct workqueue *q, size_t at)
{
    struct item *it = q->heap[at];

    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < q->n_heap && q->heap[child + 1]->due < q->heap[child]->due)
            child++;
        if (child >= q->n_heap || q->heap[child]->due >= it->due)
            break;
        heap_put(q, at, q->heap[child]);
        at = child;
    }
    heap_put(q, at, it);
}

static void heap_push(struct workqueue *q, struct item *it)
{
    if (q->n_heap == q->cap_heap) {
        q->cap_heap = q->cap_heap ? q->cap_heap * 2 : 16;
        q->heap = xrealloc(q->heap, q->cap_heap * sizeof(struct item *));
    }
    q->heap[q->n_heap] = it;
    heap_up(q, q->n_heap++);
}

static struct item *heap_pop(struct workqueue *q)
{
    struct item *it = q->heap[0];

    it->heap_at = 0;
    if (--q->n_heap) {
        q->heap[0] = q->heap[q->n_heap];
        heap_down(q, 0);
    }
    return it;
}

/* --- items; all of this under the lock --- */

static void item_free(void *p)
{
    struct item *it = p;
    free(it->key);
    free(it);
}

static struct item *item_of(struct workqueue *q, struct str key)
{
    struct item *it = map_get(&q->items, key);

    if (!it) {
        it = xcalloc(1, sizeof(*it));
        it->key = str_dup(key);
        list_init(&it->ready);
        map_set(&q->items, key, it);
    }
    return it;
}

static void drop_if_idle(struct workqueue *q, struct item *it)
{
    if (!it->dirty && !it->processing && !it->heap_at && !it->failures)
        map_del(&q->items, str_of(it->key));
}

static void make_ready(struct workqueue *q, struct item *it)
{
    if (it->dirty)
        return;
    it->dirty = true;
    q->adds++;
    if (it->processing) /* queued when the worker is done with it */
        return;
    list_push(&q->ready, &it->ready);
    q->n_ready++;
    pthread_cond_signal(&q->cond);
}

static void add_after(struct workqueue *q, struct item *it, int64_t delay)
{
    int64_t due = now_of(q) + delay;

    if (delay <= 0) {
        make_ready(q, it);
        return;
    }
    if (!it->heap_at) {
        it->due = due;
        heap_push(q, it);
    } else if (due < it->due) {
        it->due = due;
        heap_up(q, it->heap_at - 1);
    }
    if (it->heap_at == 1)
        pthread_cond_signal(&q->cond); /* somebody must wait for a shorter time */
}

static void tick(struct workqueue *q)
{
    int64_t now = q->n_heap ? now_of(q) : 0;

    while (q->n_heap && q->heap[0]->due <= now)
        make_ready(q, heap_pop(q));
}

/* --- public --- */

struct workqueue *workqueue_new(const struct workqueue_options *o)
{
    struct workqueue *q = xcalloc(1, sizeof(*q));
    pthread_condattr_t attr;

    q->o = *o;
    q->o.clock = o->clock ? o->clock : &clock_system;
    q->o.backoff_base_ns = o->backoff_base_ns ? o->backoff_base_ns : 5 * NS_PER_MS;
    q->o.backoff_max_ns = o->backoff_max_ns ? o->backoff_max_ns : 1000 * NS_PER_S;
    pthread_mutex_init(&q->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&q->cond, &attr);
    pthread_condattr_destroy(&attr);
    map_init(&q->items, item_free);
    list_init(&q->ready);
    return q;
}

struct workqueue *workqueue_free(struct workqueue *q)
{
    if (!q)
        return NULL;
    map_release(&q->items);
    free(q->heap);
    pthread_cond_destroy(&q->cond);
    pthread_mutex_destroy(&q->lock);
    free(q);
    return NULL;
}

void workqueue_add(struct workqueue *q, struct str key)
{
    workqueue_add_after(q, key, 0);
}

void workqueue_add_after(struct workqueue *q, struct str key, int64_t delay_ns)
{
    pthread_mutex_lock(&q->lock);
    if (!q->shut)
        add_after(q, item_of(q, key), delay_ns);
    pthread_mutex_unlock(&q->lock);
}

static int64_t backoff(const struct workqueue *q, int failures)
{
    int64_t d = q->o.backoff_base_ns;

    for (int i = 0; i < failures && d < q->o.backoff_max_ns; i++)
        d *= 2;
    return MIN_OF(d, q->o.backoff_max_ns);
}

void workqueue_add_rate_limited(struct workqueue *q, struct str key)
{
    pthread_mutex_lock(&q->lock);
    if (!q->shut) {
        struct item *it = item_of(q, key);
        add_after(q, it, backoff(q, it->failures));
        it->failures++;
        q->retries++;
    }
    pthread_mutex_unlock(&q->lock);
}

void workqueue_forget(struct workqueue *q, struct str key)
{
    pthread_mutex_lock(&q->lock);
    struct item *it = map_get(&q->items, key);
    if (it) {
        it->failures = 0;
        drop_if_idle(q, it);
    }
    pthread_mutex_unlock(&q->lock);
}

int workqueue_retries(struct workqueue *q, struct str key)
{
    pthread_mutex_lock(&q->lock);
    struct item *it = map_get(&q->items, key);
    int n = it ? it->failures : 0;
    pthread_mutex_unlock(&q->lock);
    return n;
}

size_t workqueue_len(struct workqueue *q)
{
    pthread_mutex_lock(&q->lock);
    size_t n = q->n_ready;
    pthread_mutex_unlock(&q->lock);
    return n;
}

struct workqueue_numbers workqueue_numbers(struct workqueue *q)
{
    pthread_mutex_lock(&q->lock);
    struct workqueue_numbers n = {q->o.name, q->n_ready, q->n_heap, q->adds, q->retries};
    pthread_mutex_unlock(&q->lock);
    return n;
}

static void wait_for_work(struct workqueue *q)
{
    if (!q->n_heap) {
        pthread_cond_wait(&q->cond, &q->lock);
        return;
    }
    int64_t due = q->heap[0]->due;
    struct timespec ts = {due / NS_PER_S, due % NS_PER_S};
    pthread_cond_timedwait(&q->cond, &q->lock, &ts);
}

char *workqueue_get(struct workqueue *q)
{
    char *key = NULL;

    pthread_mutex_lock(&q->lock);
    for (tick(q); list_empty(&q->ready) && !q->shut; tick(q))
        wait_for_work(q);
    if (!q->shut) {
        struct item *it = list_first(&q->ready, struct item, ready);
        list_remove(&it->ready);
        q->n_ready--;
        it->dirty = false;
        it->processing = true;
        key = xstrdup(it->key);
        if (q->n_ready || q->n_heap)
            pthread_cond_signal(&q->cond); /* the next waiter takes over the watch of the clock */
    }
    pthread_mutex_unlock(&q->lock);
    return key;
}

void workqueue_done(struct workqueue *q, char *key)
{
    pthread_mutex_lock(&q->lock);
    struct item *it = map_get(&q->items, str_of(key));
    if (it) {
        it->processing = false;
        if (it->dirty) {
            it->dirty = false;
            q->adds--; /* counted when it was added */
            make_ready(q, it);
        } else {
            drop_if_idle(q, it);
        }
    }
    pthread_mutex_unlock(&q->lock);
    free(key);
}

void workqueue_shutdown(struct workqueue *q)
{
    pthread_mutex_lock(&q->lock);
    q->shut = true;
    while (q->n_heap)
        drop_if_idle(q, heap_pop(q));
    pthread_cond_broadcast(&q->cond);
    pthread_mutex_unlock(&q->lock);
}

void workqueue_tick(struct workqueue *q)
{
    pthread_mutex_lock(&q->lock);
    tick(q);
    pthread_mutex_unlock(&q->lock);
}

/* --- workers --- */

#define STACK_BYTES ((size_t)1024 * 1024)

struct workers {
    struct workqueue *q;
    sync_fn *sync;
    void *ctx;
    int n;
    pthread_t threads[];
};

static void *work(void *arg)
{
    struct workers *w = arg;
    char *key;

    while ((key = workqueue_get(w->q))) {
        struct err err = ERR_INIT;
        struct str k = str_of(key);
        if (w->sync(w->ctx, k, &err) == 0) {
            workqueue_forget(w->q, k);
        } else {
            bool stale =
                err.code == ERR_CONFLICT || err.code == ERR_ALREADY_EXISTS; /* the informer is a little behind */
            enum log_level level = stale ? LOG_DEBUG : LOG_WARN;
            LOG_AT(level, "sync failed", LOG_S("queue", w->q->o.name), LOG_S("key", key), LOG_ERR(&err));
            workqueue_add_rate_limited(w->q, k);
        }
        workqueue_done(w->q, key);
    }
    return NULL;
}

struct workers *workers_start(struct workqueue *q, int n, sync_fn *sync, void *ctx)
{
    struct workers *w = xcalloc(1, sizeof(*w) + (size_t)n * sizeof(pthread_t));

    *w = (struct workers){.q = q, .sync = sync, .ctx = ctx, .n = n};
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    for (int i = 0; i < n; i++)
        if (pthread_create(&w->threads[i], &attr, work, w) != 0)
            abort();
    pthread_attr_destroy(&attr);
    return w;
}

struct workers *workers_join(struct workers *w)
{
    if (!w)
        return NULL;
    for (int i = 0; i < w->n; i++)
        pthread_join(w->threads[i], NULL);
    free(w);
    return NULL;
}
