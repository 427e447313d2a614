#include "queue.h"

static bool active_before(const struct sched_pod *a, const struct sched_pod *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->since_ns < b->since_ns;
}

static bool ready_before(const struct sched_pod *a, const struct sched_pod *b)
{
    return a->ready_ns < b->ready_ns;
}

/* --- a binary heap that knows where each pod is --- */

static void put(struct pod_heap *h, size_t at, struct sched_pod *p)
{
    h->v[at] = p;
    p->heap_at = at;
}

static void up(struct pod_heap *h, size_t at)
{
    struct sched_pod *p = h->v[at];

    for (; at && h->before(p, h->v[(at - 1) / 2]); at = (at - 1) / 2)
        put(h, at, h->v[(at - 1) / 2]);
    put(h, at, p);
}

static void down(struct pod_heap *h, size_t at)
{
    struct sched_pod *p = h->v[at];

    for (size_t child; (child = 2 * at + 1) < h->n; at = child) {
        child += child + 1 < h->n && h->before(h->v[child + 1], h->v[child]);
        if (!h->before(h->v[child], p))
            break;
        put(h, at, h->v[child]);
    }
    put(h, at, p);
}

static void push(struct pod_heap *h, struct sched_pod *p)
{
    if (h->n == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 16;
        h->v = xrealloc(h->v, h->cap * sizeof(struct sched_pod *));
    }
    put(h, h->n, p);
    up(h, h->n++);
}

static void take(struct pod_heap *h, struct sched_pod *p)
{
    size_t at = p->heap_at;
    struct sched_pod *last = h->v[--h->n];

    if (last == p)
        return;
    put(h, at, last);
    up(h, at);
    down(h, last->heap_at);
}

/* --- the queue --- */

void queue_init(struct queue *q)
{
    *q = (struct queue){.active = {.before = active_before},
                        .backoff = {.before = ready_before},
                        .unschedulable = {.before = ready_before}};
}

void queue_release(struct queue *q)
{
    free(q->active.v);
    free(q->backoff.v);
    free(q->unschedulable.v);
    queue_init(q);
}

int64_t queue_backoff(int attempts)
{
    int64_t ns = QUEUE_BACKOFF_NS;

    for (int i = 1; i < attempts && ns < QUEUE_BACKOFF_MAX_NS; i++)
        ns *= 2;
    return MIN_OF(ns, QUEUE_BACKOFF_MAX_NS);
}

static struct pod_heap *heap_of(struct queue *q, const struct sched_pod *p)
{
    switch (p->state) {
    case POD_ACTIVE:
        return &q->active;
    case POD_BACKOFF:
        return &q->backoff;
    case POD_UNSCHEDULABLE:
        return &q->unschedulable;
    default:
        return NULL;
    }
}

void queue_remove(struct queue *q, struct sched_pod *p)
{
    struct pod_heap *h = heap_of(q, p);

    if (h && p->heap_at < h->n && h->v[p->heap_at] == p)
        take(h, p);
}

static void enter(struct queue *q, struct sched_pod *p, enum pod_state state)
{
    queue_remove(q, p);
    p->state = state;
    push(heap_of(q, p), p);
}

/* An unschedulable pod counts its back-off from when it failed. */
static void wake(struct queue *q, struct sched_pod *p, int64_t now)
{
    int64_t ready = p->ready_ns + queue_backoff(p->attempts);

    queue_remove(q, p);
    if (ready > now) {
        p->state = POD_GATED; /* in no heap while its key changes */
        p->ready_ns = ready;
        enter(q, p, POD_BACKOFF);
    } else {
        enter(q, p, POD_ACTIVE);
    }
}

void queue_add(struct queue *q, struct sched_pod *p, int64_t now)
{
    if (!p->since_ns)
        p->since_ns = now;
    if (p->state == POD_UNSCHEDULABLE) {
        wake(q, p, now);
        return;
    }
    if (p->state == POD_BACKOFF || p->state == POD_ACTIVE)
        queue_remove(q, p);
    enter(q, p, p->state == POD_BACKOFF && p->ready_ns > now ? POD_BACKOFF : POD_ACTIVE);
}

struct sched_pod *queue_pop(struct queue *q)
{
    if (!q->active.n)
        return NULL;
    struct sched_pod *p = q->active.v[0];
    take(&q->active, p);
    p->state = POD_GATED; /* in no heap */
    p->attempts++;
    return p;
}

void queue_fail(struct queue *q, struct sched_pod *p, uint64_t blockers, int64_t now)
{
    queue_remove(q, p);
    p->state = POD_GATED;
    p->blockers = blockers;
    p->ready_ns = blockers ? now : now + queue_backoff(p->attempts);
    enter(q, p, blockers ? POD_UNSCHEDULABLE : POD_BACKOFF);
}

void queue_move(struct queue *q, uint64_t plugins, int64_t now)
{
    size_t n = q->unschedulable.n;
    struct sched_pod **all = n ? xcalloc(n, sizeof(struct sched_pod *)) : NULL;

    if (!n)
        return;
    memcpy(all, q->unschedulable.v, n * sizeof(struct sched_pod *));
    for (size_t i = 0; i < n; i++)
        if (all[i]->blockers & plugins)
            wake(q, all[i], now);
    free(all);
}

int64_t queue_tick(struct queue *q, int64_t now)
{
    struct pod_heap *u = &q->unschedulable, *b = &q->backoff;
    int64_t next = INT64_MAX;

    while (u->n && u->v[0]->ready_ns + QUEUE_UNSCHEDULABLE_NS <= now)
        wake(q, u->v[0], now);
    while (b->n && b->v[0]->ready_ns <= now)
        enter(q, b->v[0], POD_ACTIVE);
    if (u->n)
        next = u->v[0]->ready_ns + QUEUE_UNSCHEDULABLE_NS;
    if (b->n)
        next = MIN_OF(next, b->v[0]->ready_ns);
    return next;
}
