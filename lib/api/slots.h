/*
 * slots.h - one object as an array of its members by slot, and back (lib/api only).
 *
 * The walkers (conform, decode, encode) fill an array with the documents of an object's members. The frames of nested
 * objects lie on one stack of fixed size, which bounds the depth.
 */
#ifndef API_SLOTS_H
#define API_SLOTS_H

#include "api/doc.h"
#include "api/schema.h"

#define SLOTS_MAX 8192

struct slots {
    size_t top;
    struct doc *v[SLOTS_MAX];
};

/* A frame of n empty slots; NULL when objects are nested too deep. slots_pop gives it back. */
struct doc **slots_push(struct slots *s, size_t n);
static inline void slots_pop(struct slots *s, size_t n)
{
    s->top -= n;
}

/* The object as Go would write it: zero values added or left out, in order of the slots. */
struct doc *slots_object(struct arena *a, const struct schema_message *m, struct doc *const *slots);

/* The zero Go value of a message; NULL on overflow of the arena. */
struct doc *slots_zero(struct arena *a, const struct schema_message *m);

/* Orders the members of a map by key (as Go writes them); of equal keys the last stays. */
void slots_sort_map(struct doc *map);

#endif
