#include "cell.h"

#include <sched.h>

void cell_init(struct cell *c, void *value, void (*ref)(void *), void (*unref)(void *))
{
    atomic_init(&c->value, value);
    atomic_init(&c->phase, 0);
    atomic_init(&c->readers[0], 0);
    atomic_init(&c->readers[1], 0);
    pthread_mutex_init(&c->writers, NULL);
    c->ref = ref;
    c->unref = unref;
}

void cell_release(struct cell *c)
{
    void *last = atomic_exchange(&c->value, NULL);
    if (last)
        c->unref(last);
    pthread_mutex_destroy(&c->writers);
}

void *cell_get(struct cell *c)
{
    unsigned i = atomic_load(&c->phase) & 1;
    atomic_fetch_add(&c->readers[i], 1);
    void *p = atomic_load(&c->value);
    if (p)
        c->ref(p);
    atomic_fetch_sub(&c->readers[i], 1);
    return p;
}

/* A reader that saw the old value was counted, in one of the two, before the swap: each is seen empty once. New readers
 * go to the other counter meanwhile, so that a stream of them does not hold the writer up. */
static void wait_for_readers(struct cell *c)
{
    for (int i = 0; i < 2; i++) {
        unsigned old = atomic_fetch_add(&c->phase, 1) & 1;
        while (atomic_load(&c->readers[old]) != 0)
            sched_yield();
    }
}

void cell_set(struct cell *c, void *taken)
{
    pthread_mutex_lock(&c->writers);
    void *old = atomic_exchange(&c->value, taken);
    wait_for_readers(c);
    pthread_mutex_unlock(&c->writers);
    if (old)
        c->unref(old);
}
