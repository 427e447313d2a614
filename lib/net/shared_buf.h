/*
 * shared_buf.h - immutable bytes shared by reference count, across threads.
 *
 * Who makes one fills it before anybody else sees it and never changes it again. A list answer or a watch event is a
 * gather of slices of such buffers: a thousand readers hold one copy.
 */
#ifndef NET_SHARED_BUF_H
#define NET_SHARED_BUF_H

#include "base/buf.h"

struct shared_buf; /* opaque: only its bytes and its count */

struct shared_buf *shared_buf_new(size_t n, char **ret_bytes); /* n writable bytes in one allocation, one reference */
struct shared_buf *shared_buf_copy(struct str s);
/* Takes the bytes out of b (which is empty afterwards). */
struct shared_buf *shared_buf_from(struct buf *b);
/* Bytes that belong to something else; release(ctx) when the last reference goes, on whatever thread that is. */
struct shared_buf *shared_buf_wrap(struct str s, void (*release)(void *ctx), void *ctx);
struct shared_buf *shared_buf_ref(struct shared_buf *b);
struct shared_buf *shared_buf_unref(struct shared_buf *b); /* returns NULL; accepts NULL */
struct str shared_buf_str(const struct shared_buf *b);
static inline void shared_buf_unrefp(struct shared_buf **b)
{
    shared_buf_unref(*b);
}

/* A part of a shared buffer. owner may be NULL for bytes that live for ever (string literals). */
struct slice {
    struct shared_buf *owner;
    struct str bytes;
};

/* A queue of slices, each with a reference of its own. Not thread-safe; bounded by who fills it. */
struct slice_queue {
    struct slice *v;
    size_t head, n, cap; /* v[head..n) */
    size_t bytes;
};

/* Takes over the caller's reference. Empty slices are dropped. */
void slice_queue_push(struct slice_queue *q, struct shared_buf *owner_taken, struct str bytes);
/* Copies up to n bytes out and drops them. Returns how many. */
size_t slice_queue_read(struct slice_queue *q, char *to, size_t n);
void slice_queue_release(struct slice_queue *q);

#endif
