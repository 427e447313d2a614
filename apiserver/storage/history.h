/*
 * history.h - the last changes of one resource, so that a watch may begin a little in the past. A bounded ring, oldest
 * out first. Holds references. Not thread-safe.
 */
#ifndef APISERVER_STORAGE_HISTORY_H
#define APISERVER_STORAGE_HISTORY_H

#include "internal.h"

struct history {
    struct storage_change *ring;
    size_t cap, head, n, max;
    int64_t floor; /* every change after this revision is here */
};

void history_init(struct history *h, size_t max, int64_t floor);
void history_release(struct history *h);
void history_push(struct history *h, const struct storage_change *c); /* takes references of its own */
/* The index of the first change after the revision; history_at(h, i) for i up to n. */
size_t history_after(const struct history *h, int64_t revision);
const struct storage_change *history_at(const struct history *h, size_t i);

#endif
