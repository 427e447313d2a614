#include "inbox.h"

#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "base/map.h"

struct inbox {
    pthread_mutex_t lock;
    pthread_cond_t news;
    struct map index; /* kind and key -> item */
    struct inbox_item *first, *last;
    bool woken;
};

struct inbox *inbox_new(void)
{
    struct inbox *b = xcalloc(1, sizeof(*b));
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&b->news, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&b->lock, NULL);
    map_init(&b->index, NULL);
    return b;
}

struct inbox_item *inbox_item_free(struct inbox_item *i)
{
    struct inbox_item *next = i->next;

    kube_object_unref(i->obj);
    free(i->key);
    free(i);
    return next;
}

struct inbox *inbox_free(struct inbox *b)
{
    if (!b)
        return NULL;
    for (struct inbox_item *i = b->first; i;)
        i = inbox_item_free(i);
    map_release(&b->index);
    pthread_cond_destroy(&b->news);
    pthread_mutex_destroy(&b->lock);
    free(b);
    return NULL;
}

static void append(struct inbox *b, struct inbox_item *i)
{
    if (b->last)
        b->last->next = i;
    else
        b->first = i;
    b->last = i;
}

void inbox_put(struct inbox *b, enum news what, struct str key, struct kube_object *obj, bool again)
{
    _cleanup_(freep) char *id = xasprintf("%d/" STR_FMT, (int)what, STR_ARG(key));
    struct kube_object *old = NULL;

    if (obj)
        kube_object_ref(obj);
    pthread_mutex_lock(&b->lock);
    struct inbox_item *i = map_gets(&b->index, id);
    if (i) {
        old = i->obj;
        i->obj = obj;
        i->again = again;
    } else {
        i = xcalloc(1, sizeof(*i));
        *i = (struct inbox_item){.what = what, .key = str_dup(key), .obj = obj, .again = again};
        map_set(&b->index, str_of(id), i);
        append(b, i);
    }
    pthread_cond_signal(&b->news);
    pthread_mutex_unlock(&b->lock);
    kube_object_unref(old);
}

void inbox_wake(struct inbox *b)
{
    pthread_mutex_lock(&b->lock);
    b->woken = true;
    pthread_cond_signal(&b->news);
    pthread_mutex_unlock(&b->lock);
}

struct inbox_item *inbox_take(struct inbox *b, int64_t until_ns)
{
    /* INT64_MAX ns are 292 years: a time_t that pthread_cond_timedwait takes */
    struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_S), .tv_nsec = (long)(until_ns % NS_PER_S)};

    pthread_mutex_lock(&b->lock);
    while (!b->first && !b->woken && until_ns > 0 && pthread_cond_timedwait(&b->news, &b->lock, &until) == 0)
        ;
    struct inbox_item *all = b->first;
    b->first = b->last = NULL;
    b->woken = false;
    map_clear(&b->index);
    pthread_mutex_unlock(&b->lock);
    return all;
}
