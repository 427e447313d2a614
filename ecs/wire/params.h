/*
 * params.h - the parameters of a query string or form, decoded, sorted by name. They live in an arena.
 */
#ifndef ECS_WIRE_PARAMS_H
#define ECS_WIRE_PARAMS_H

#include "base/arena.h"

#define PARAMS_MAX 10000

struct param {
    struct str name, value; /* valid UTF-8 */
};

struct params {
    struct param *v;
    size_t n;
};

/* Adds those of text ("a=1&b=2"), where '+' is a space. False: an escape or UTF-8 sequence is malformed, there are too
 * many, or the arena is full. */
bool params_read(struct arena *a, struct params *p, struct str text) MUST_CHECK;
void params_sort(struct params *p); /* once all are read */
/* A value of that name; .p is NULL when there is none. */
struct str params_get(const struct params *p, struct str name);
/* The number of the first parameter whose name is not below `name`. */
size_t params_lower(const struct params *p, struct str name);

#endif
