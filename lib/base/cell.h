/*
 * cell.h - a pointer to something immutable and refcounted, that many threads read and few replace.
 *
 * Readers take no lock: two atomic counters tell a writer when nobody is any longer between reading the pointer and
 * taking a reference. A writer swaps the pointer, waits that moment (it is short: a reader does nothing in between but
 * the increment) and drops the cell's reference to the old value. Any thread.
 */
#ifndef BASE_CELL_H
#define BASE_CELL_H

#include <pthread.h>
#include <stdatomic.h>

#include "compiler.h"

struct cell {
    _Atomic(void *) value;
    atomic_uint phase;
    atomic_long readers[2];
    pthread_mutex_t writers;
    void (*ref)(void *);
    void (*unref)(void *);
};

/* Takes over the reference to value, which may be NULL. */
void cell_init(struct cell *c, void *value, void (*ref)(void *), void (*unref)(void *));
void cell_release(struct cell *c); /* drops the value; no readers any more */
void *cell_get(struct cell *c);    /* with a reference for the caller; NULL when empty */
void cell_set(struct cell *c, void *taken);

#endif
