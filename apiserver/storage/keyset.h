/*
 * keyset.h - objects ordered by key: a sorted array cut into chunks, so that inserting into 100,000 moves 2 KB.
 *
 * Holds a reference to each object. Not thread-safe.
 */
#ifndef APISERVER_STORAGE_KEYSET_H
#define APISERVER_STORAGE_KEYSET_H

#include "storage.h"

#define KEYSET_CHUNK 256

struct keyset_chunk {
    size_t n; /* never 0 */
    struct storage_object *v[KEYSET_CHUNK];
};

struct keyset {
    struct keyset_chunk **chunks;
    size_t n_chunks, cap;
    size_t n;
};

struct keyset_cursor {
    size_t chunk, i;
};

void keyset_release(struct keyset *k);
struct storage_object *keyset_find(const struct keyset *k, struct str key); /* no reference; NULL when absent */
/* Takes the reference; returns the object that was there (its reference is the caller's), or NULL. */
struct storage_object *keyset_put(struct keyset *k, struct storage_object *taken);
struct storage_object *keyset_remove(struct keyset *k, struct str key); /* reference to the caller; NULL when absent */
/* The first object whose key is not smaller. */
struct keyset_cursor keyset_seek(const struct keyset *k, struct str key);
struct storage_object *keyset_at(const struct keyset *k, struct keyset_cursor c); /* no reference; NULL = the end */
void keyset_next(const struct keyset *k, struct keyset_cursor *c);
size_t keyset_rank(const struct keyset *k, struct keyset_cursor c); /* objects before the cursor */

#endif
