#include "shared_buf.h"

#include <stdatomic.h>

struct shared_buf {
    atomic_size_t refs;
    struct str s;
    void (*release)(void *ctx);
    void *ctx;
    char inline_bytes[];
};

struct shared_buf *shared_buf_new(size_t n, char **ret_bytes)
{
    struct shared_buf *b = xmalloc(sizeof(*b) + n);
    atomic_init(&b->refs, 1);
    b->s = (struct str){b->inline_bytes, n};
    b->release = NULL;
    b->ctx = NULL;
    *ret_bytes = b->inline_bytes;
    return b;
}

struct shared_buf *shared_buf_copy(struct str s)
{
    char *p;
    struct shared_buf *b = shared_buf_new(s.n, &p);
    if (s.n)
        memcpy(p, s.p, s.n);
    return b;
}

struct shared_buf *shared_buf_wrap(struct str s, void (*release)(void *ctx), void *ctx)
{
    char *unused;
    struct shared_buf *b = shared_buf_new(0, &unused);
    b->s = s;
    b->release = release;
    b->ctx = ctx;
    return b;
}

struct shared_buf *shared_buf_from(struct buf *from)
{
    size_t n = from->len;
    char *bytes = buf_take(from);
    return shared_buf_wrap((struct str){bytes, n}, free, bytes);
}

struct shared_buf *shared_buf_ref(struct shared_buf *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

struct shared_buf *shared_buf_unref(struct shared_buf *b)
{
    if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1) {
        if (b->release)
            b->release(b->ctx);
        free(b);
    }
    return NULL;
}

struct str shared_buf_str(const struct shared_buf *b)
{
    return b->s;
}

void slice_queue_push(struct slice_queue *q, struct shared_buf *owner_taken, struct str bytes)
{
    if (bytes.n == 0) {
        shared_buf_unref(owner_taken);
        return;
    }
    if (q->n == q->cap && q->head >= q->cap / 2 && q->head) { /* the front half is free: move instead of growing */
        memmove(q->v, q->v + q->head, (q->n - q->head) * sizeof(*q->v));
        q->n -= q->head;
        q->head = 0;
    }
    if (q->n == q->cap) {
        q->cap = q->cap ? q->cap * 2 : 2;
        q->v = xrealloc(q->v, q->cap * sizeof(*q->v));
    }
    q->v[q->n++] = (struct slice){owner_taken, bytes};
    q->bytes += bytes.n;
}

size_t slice_queue_read(struct slice_queue *q, char *to, size_t n)
{
    size_t done = 0;
    while (done < n && q->head < q->n) {
        struct slice *s = &q->v[q->head];
        size_t take = MIN_OF(n - done, s->bytes.n);
        memcpy(to + done, s->bytes.p, take);
        done += take;
        s->bytes = str_from(s->bytes, take);
        if (s->bytes.n == 0) {
            shared_buf_unref(s->owner);
            q->head++;
        }
    }
    q->bytes -= done;
    if (q->head == q->n)
        q->head = q->n = 0;
    return done;
}

void slice_queue_release(struct slice_queue *q)
{
    for (size_t i = q->head; i < q->n; i++)
        shared_buf_unref(q->v[i].owner);
    free(q->v);
    *q = (struct slice_queue){0};
}
