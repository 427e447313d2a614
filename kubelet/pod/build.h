/*
 * build.h - making API messages in an arena. An arena that is full aborts: what is built here is bounded by the size of
 * one stored object, far below any arena's ceiling.
 */
#ifndef KUBELET_POD_BUILD_H
#define KUBELET_POD_BUILD_H

#include "base/arena.h"
#include "base/clock.h"
#include "k8s/core/v1.pb-c.h"

static inline void *build_must(void *p)
{
    if (!p)
        abort();
    return p;
}

#define BUILD(a, Type, prefix)                                                                                         \
    ({                                                                                                                 \
        Type *_m = build_must(arena_alloc((a), sizeof(Type)));                                                         \
        prefix##__init(_m);                                                                                            \
        _m;                                                                                                            \
    })
/* n elements, and one more that is zero. */
#define BUILD_ARRAY(a, n, Type) ((Type *)build_must(arena_calloc((a), (n) + 1, sizeof(Type))))
#define BUILD_PRINTF(a, ...) ((char *)build_must(arena_printf((a), __VA_ARGS__)))

static inline char *build_text(struct arena *a, const char *s)
{
    return s ? build_must(arena_strdup(a, s)) : NULL;
}

/* Whole seconds, as the API stores them. */
static inline Metav1__Time *build_time(struct arena *a, int64_t wall_ns)
{
    Metav1__Time *t = BUILD(a, Metav1__Time, metav1__time);
    t->has_seconds = true;
    t->seconds = wall_ns / NS_PER_S;
    return t;
}

#endif
