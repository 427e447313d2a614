/*
 * arena.h - memory for one request or one sync round, freed whole.
 *
 * Bump allocation in chunks; pointers are 16-byte aligned and live until arena_reset or arena_free. An arena has a
 * ceiling: past it allocations return NULL and the flag arena_overflow() stays set, which the owner turns into one
 * error. One thread at a time. Cleanup handlers run in reverse order when the arena is reset or freed.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "str.h"

struct arena;

struct arena *arena_new(size_t max);
struct arena *arena_free(struct arena *a); /* returns NULL; accepts NULL */
static inline void arena_freep(struct arena **a)
{
    arena_free(*a);
}
void arena_reset(struct arena *a); /* runs handlers, keeps one chunk */

void *arena_alloc(struct arena *a, size_t n) MUST_CHECK;               /* uninitialised */
void *arena_calloc(struct arena *a, size_t n, size_t size) MUST_CHECK; /* zeroed */
#define arena_new_of(a, type) ((type *)arena_calloc((a), 1, sizeof(type)))
char *arena_strndup(struct arena *a, const char *s, size_t n) MUST_CHECK;
char *arena_strdup(struct arena *a, const char *s) MUST_CHECK;
struct str arena_str(struct arena *a, struct str s); /* a copy, NUL-terminated behind n; empty on overflow */
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_FMT(2, 3) MUST_CHECK;
/* Grows the most recent allocation in place where that is possible, else copies. */
void *arena_grow(struct arena *a, void *p, size_t old_n, size_t n) MUST_CHECK;

bool arena_overflow(const struct arena *a);
size_t arena_used(const struct arena *a);
void arena_defer(struct arena *a, void (*fn)(void *), void *arg);

#endif
