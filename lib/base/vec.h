/*
 * vec.h - a growing array of any type, malloc'd.
 *
 *     struct vec(struct pod *) pods = VEC_INIT;        // declares an anonymous struct: use a typedef to pass it on
 *     vec_push(&pods, p);
 *     vec_foreach(&pods, it) use(*it);
 *     vec_release(&pods);
 *
 * Elements are moved by memcpy when the array grows. Growth aborts on OOM: the number of elements is bounded by the
 * caller.
 */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include "compiler.h"

#define vec(type)                                                                                                      \
    {                                                                                                                  \
        type *v;                                                                                                       \
        size_t n, cap;                                                                                                 \
    }
/* clang-format off */
#define VEC_INIT {0}
/* clang-format on */

#define vec_reserve(vec_, want)                                                                                        \
    do {                                                                                                               \
        if ((vec_)->cap < (want)) {                                                                                    \
            size_t _cap = (vec_)->cap ? (vec_)->cap * 2 : 8;                                                           \
            if (_cap < (size_t)(want))                                                                                 \
                _cap = (want);                                                                                         \
            (vec_)->v = xrealloc((vec_)->v, _cap * sizeof(*(vec_)->v));                                                \
            (vec_)->cap = _cap;                                                                                        \
        }                                                                                                              \
    } while (0)

#define vec_push(vec_, ...)                                                                                            \
    do {                                                                                                               \
        vec_reserve(vec_, (vec_)->n + 1);                                                                              \
        (vec_)->v[(vec_)->n++] = (__VA_ARGS__);                                                                        \
    } while (0)

#define vec_last(vec_) (&(vec_)->v[(vec_)->n - 1])
#define vec_pop(vec_) ((vec_)->v[--(vec_)->n])
/* Removes element i in O(1); the last element takes its place. */
#define vec_swap_remove(vec_, i)                                                                                       \
    do {                                                                                                               \
        size_t _i = (i);                                                                                               \
        (vec_)->v[_i] = (vec_)->v[--(vec_)->n];                                                                        \
    } while (0)
#define vec_clear(vec_) ((void)((vec_)->n = 0))
#define vec_release(vec_)                                                                                              \
    do {                                                                                                               \
        free((vec_)->v);                                                                                               \
        (vec_)->v = NULL;                                                                                              \
        (vec_)->n = (vec_)->cap = 0;                                                                                   \
    } while (0)
#define vec_foreach(vec_, it) for (__typeof__((vec_)->v) it = (vec_)->v; it && it < (vec_)->v + (vec_)->n; it++)
#define vec_sort(vec_, cmp) ((vec_)->n ? qsort((vec_)->v, (vec_)->n, sizeof(*(vec_)->v), cmp) : (void)0)

#endif
