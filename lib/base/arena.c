#include "arena.h"

#include <stdarg.h>
#include <stdio.h>

#define CHUNK_MIN ((size_t)8192)
#define CHUNK_MAX ((size_t)1 << 20)
#define ALIGN ((size_t)16)

struct chunk {
    struct chunk *next;
    size_t cap;
    _Alignas(16) char bytes[];
};

struct deferred {
    struct deferred *next;
    void (*fn)(void *);
    void *arg;
};

struct arena {
    char *at, *end; /* the free room of the newest chunk */
    struct chunk *chunks;
    struct deferred *deferred;
    size_t used, max; /* bytes in chunks, and their ceiling */
    bool overflow;
};

struct arena *arena_new(size_t max)
{
    struct arena *a = xcalloc(1, sizeof(*a));
    a->max = max;
    return a;
}

static void run_deferred(struct arena *a)
{
    while (a->deferred) {
        struct deferred *d = a->deferred;
        a->deferred = d->next;
        d->fn(d->arg);
    }
}

void arena_reset(struct arena *a)
{
    run_deferred(a);
    struct chunk *keep = a->chunks;
    while (keep && keep->next) { /* keep the first one made: it is the smallest */
        struct chunk *next = keep->next;
        free(keep);
        keep = next;
    }
    a->chunks = keep;
    a->used = keep ? keep->cap : 0;
    a->at = keep ? keep->bytes : NULL;
    a->end = keep ? keep->bytes + keep->cap : NULL;
    a->overflow = false;
}

struct arena *arena_free(struct arena *a)
{
    if (!a)
        return NULL;
    run_deferred(a);
    while (a->chunks) {
        struct chunk *next = a->chunks->next;
        free(a->chunks);
        a->chunks = next;
    }
    free(a);
    return NULL;
}

static bool add_chunk(struct arena *a, size_t n)
{
    size_t cap = a->used < CHUNK_MIN ? CHUNK_MIN : MIN_OF(a->used, CHUNK_MAX);

    if (cap < n)
        cap = n;
    if (cap > a->max - a->used)
        cap = a->max - a->used; /* the last chunk may be a short one */
    struct chunk *c = cap >= n ? malloc(sizeof(*c) + cap) : NULL;
    if (!c) {
        a->overflow = true;
        return false;
    }
    c->cap = cap;
    c->next = a->chunks;
    a->chunks = c;
    a->used += cap;
    a->at = c->bytes;
    a->end = c->bytes + cap;
    return true;
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (UNLIKELY(n > SIZE_MAX - ALIGN)) {
        a->overflow = true;
        return NULL;
    }
    n = (n + ALIGN - 1) & ~(ALIGN - 1);
    if (UNLIKELY((size_t)(a->end - a->at) < n) && !add_chunk(a, n))
        return NULL;
    void *p = a->at;
    a->at += n;
    return p;
}

void *arena_calloc(struct arena *a, size_t n, size_t size)
{
    if (size && n > SIZE_MAX / size) {
        a->overflow = true;
        return NULL;
    }
    void *p = arena_alloc(a, n * size);
    return p ? memset(p, 0, n * size) : NULL;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    char *p = arena_alloc(a, n + 1);
    if (!p)
        return NULL;
    if (n)
        memcpy(p, s, n);
    p[n] = '\0';
    return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return arena_strndup(a, s, strlen(s));
}

struct str arena_str(struct arena *a, struct str s)
{
    char *p = arena_strndup(a, s.p, s.n);
    return p ? str_n(p, s.n) : STR("");
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (!p)
        return NULL;
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return p;
}

void *arena_grow(struct arena *a, void *p, size_t old_n, size_t n)
{
    size_t old_room = (old_n + ALIGN - 1) & ~(ALIGN - 1);

    if (p && n <= old_room)
        return p;
    if (p && (char *)p + old_room == a->at && n <= (size_t)(a->end - (char *)p) && n < SIZE_MAX - ALIGN) {
        size_t room = (n + ALIGN - 1) & ~(ALIGN - 1);
        a->at = room <= (size_t)(a->end - (char *)p) ? (char *)p + room : a->end;
        return p;
    }
    void *q = arena_alloc(a, n);
    if (q && old_n)
        memcpy(q, p, old_n);
    return q;
}

bool arena_overflow(const struct arena *a)
{
    return a->overflow;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}

void arena_defer(struct arena *a, void (*fn)(void *), void *arg)
{
    /* A handler must never be lost, so its record does not count against the ceiling. */
    size_t max = a->max;
    a->max = SIZE_MAX;
    struct deferred *d = arena_alloc(a, sizeof(*d));
    a->max = max;
    if (!d)
        abort();
    *d = (struct deferred){a->deferred, fn, arg};
    a->deferred = d;
}
