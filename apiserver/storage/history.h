/*
 * history.h - the last changes of one resource, so that a watch may begin a little in the past. A bounded ring, oldest
 * out first. Holds references. Not thread-safe.
 *
 * What is older than HISTORY_AGE_NS goes even when there is room, down to HISTORY_MIN changes: a resource that was busy
 * once should not hold thousands of old versions, with their encodings, for ever. Watches that end and come again do so
 * within seconds.
 */
#ifndef APISERVER_STORAGE_HISTORY_H
#define APISERVER_STORAGE_HISTORY_H

#include "internal.h"

#define HISTORY_MIN 128
#define HISTORY_AGE_NS (90 * NS_PER_S)

struct history_entry {
    struct storage_change change;
    int64_t at; /* mono ns */
};

struct history {
    struct history_entry *ring;
    size_t cap, head, n, max;
    int64_t floor; /* every change after this revision is here */
};

void history_init(struct history *h, size_t max, int64_t floor);
void history_release(struct history *h);
void history_push(struct history *h, const struct storage_change *c, int64_t now); /* takes references of its own */
void history_trim(struct history *h, int64_t now);                                 /* drops what is too old */
/* The index of the first change after the revision; history_at(h, i) for i up to n. */
size_t history_after(const struct history *h, int64_t revision);
const struct storage_change *history_at(const struct history *h, size_t i);

#endif
