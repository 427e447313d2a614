#include "keyset.h"

void keyset_release(struct keyset *k)
{
    for (size_t c = 0; c < k->n_chunks; c++) {
        for (size_t i = 0; i < k->chunks[c]->n; i++)
            storage_object_unref(k->chunks[c]->v[i]);
        free(k->chunks[c]);
    }
    free(k->chunks);
    *k = (struct keyset){0};
}

/* The last chunk that begins at or before the key; 0 when none does. */
static size_t chunk_for(const struct keyset *k, struct str key)
{
    size_t lo = 0, hi = k->n_chunks;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (str_cmp(k->chunks[mid]->v[0]->key, key) <= 0)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

/* The first position in the chunk whose key is not smaller. */
static size_t lower_bound(const struct keyset_chunk *c, struct str key)
{
    size_t lo = 0, hi = c->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (str_cmp(c->v[mid]->key, key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct keyset_cursor keyset_seek(const struct keyset *k, struct str key)
{
    struct keyset_cursor c = {0, 0};
    if (k->n_chunks == 0)
        return c;
    c.chunk = chunk_for(k, key);
    c.i = lower_bound(k->chunks[c.chunk], key);
    if (c.i == k->chunks[c.chunk]->n)
        c = (struct keyset_cursor){c.chunk + 1, 0};
    return c;
}

struct storage_object *keyset_at(const struct keyset *k, struct keyset_cursor c)
{
    return c.chunk < k->n_chunks ? k->chunks[c.chunk]->v[c.i] : NULL;
}

void keyset_next(const struct keyset *k, struct keyset_cursor *c)
{
    if (++c->i == k->chunks[c->chunk]->n)
        *c = (struct keyset_cursor){c->chunk + 1, 0};
}

size_t keyset_rank(const struct keyset *k, struct keyset_cursor c)
{
    size_t n = c.i;
    for (size_t i = 0; i < c.chunk && i < k->n_chunks; i++)
        n += k->chunks[i]->n;
    return n;
}

struct storage_object *keyset_find(const struct keyset *k, struct str key)
{
    struct storage_object *o = keyset_at(k, keyset_seek(k, key));
    return o && str_eq(o->key, key) ? o : NULL;
}

static struct keyset_chunk *insert_chunk(struct keyset *k, size_t at)
{
    if (k->n_chunks == k->cap) {
        k->cap = k->cap ? k->cap * 2 : 4;
        k->chunks = xrealloc(k->chunks, k->cap * sizeof(*k->chunks));
    }
    memmove(k->chunks + at + 1, k->chunks + at, (k->n_chunks - at) * sizeof(*k->chunks));
    k->n_chunks++;
    k->chunks[at] = xmalloc(sizeof(struct keyset_chunk));
    k->chunks[at]->n = 0;
    return k->chunks[at];
}

/* Makes room in a full chunk: its upper half becomes a new one, or, at the very end, an empty one follows (keys that
 * come in order fill their chunks). */
static void split(struct keyset *k, size_t at, size_t *pos, size_t *ret_chunk)
{
    bool append = at == k->n_chunks - 1 && *pos == KEYSET_CHUNK;
    struct keyset_chunk *upper = insert_chunk(k, at + 1), *lower = k->chunks[at];
    size_t keep = append ? KEYSET_CHUNK : KEYSET_CHUNK / 2;
    upper->n = lower->n - keep;
    memcpy(upper->v, lower->v + keep, upper->n * sizeof(*upper->v));
    lower->n = keep;
    *ret_chunk = *pos > keep || append ? at + 1 : at;
    if (*ret_chunk == at + 1)
        *pos -= keep;
}

struct storage_object *keyset_put(struct keyset *k, struct storage_object *taken)
{
    if (k->n_chunks == 0)
        insert_chunk(k, 0);
    size_t at = k->chunks[0]->n ? chunk_for(k, taken->key) : 0, pos = lower_bound(k->chunks[at], taken->key);
    struct keyset_chunk *c = k->chunks[at];
    if (pos < c->n && str_eq(c->v[pos]->key, taken->key)) {
        struct storage_object *old = c->v[pos];
        c->v[pos] = taken;
        return old;
    }
    if (c->n == KEYSET_CHUNK) {
        split(k, at, &pos, &at);
        c = k->chunks[at];
    }
    memmove(c->v + pos + 1, c->v + pos, (c->n - pos) * sizeof(*c->v));
    c->v[pos] = taken;
    c->n++;
    k->n++;
    return NULL;
}

struct storage_object *keyset_remove(struct keyset *k, struct str key)
{
    struct keyset_cursor at = keyset_seek(k, key);
    struct storage_object *o = keyset_at(k, at);
    if (!o || !str_eq(o->key, key))
        return NULL;
    struct keyset_chunk *c = k->chunks[at.chunk];
    memmove(c->v + at.i, c->v + at.i + 1, (c->n - at.i - 1) * sizeof(*c->v));
    k->n--;
    if (--c->n == 0) {
        free(c);
        memmove(k->chunks + at.chunk, k->chunks + at.chunk + 1, (k->n_chunks - at.chunk - 1) * sizeof(*k->chunks));
        k->n_chunks--;
    }
    return o;
}
