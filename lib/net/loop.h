/*
 * loop.h - an event loop: one a thread, it owns what is attached to it.
 *
 * Everything here belongs to the loop's own thread, except loop_post and loop_stop, which any thread may
 * call. Callbacks must not block. Underneath is a libwebsockets context (the loop, timers, wake-up) with one epoll
 * descriptor in it that holds all descriptors of the thread, so that a wake-up costs the same with ten or ten thousand
 * of them. libwebsockets is seen in loop.c only.
 *
 * One turn: ready descriptors, posted tasks, due timers, then the before-sleep hooks (which flush output once for
 * everything that happened in the turn).
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"

struct loop;

struct loop *loop_new(const struct clock *clock, struct err *err) MUST_CHECK; /* NULL on failure; clock may be NULL */
struct loop *loop_free(struct loop *l); /* not while it runs; returns NULL; accepts NULL. Posted tasks are dropped. */
void loop_run(struct loop *l);          /* until loop_stop */
void loop_stop(struct loop *l);         /* any thread */
int64_t loop_now(const struct loop *l); /* monotonic ns, read once a turn */
bool loop_on_thread(const struct loop *l); /* is this the thread in loop_run? */
/* One turn without waiting and without libwebsockets: for tests and fuzzers that drive connections by hand. */
void loop_turn(struct loop *l);

/* Descriptors. Level-triggered; events are EPOLLIN, EPOLLOUT ... The struct lives in its owner. */
struct loop_io {
    int fd;
    uint32_t events; /* set by loop_io_add and loop_io_events, read-only for others */
    void (*fn)(struct loop_io *io, uint32_t events);
};
int loop_io_add(struct loop *l, struct loop_io *io, uint32_t events, struct err *err) MUST_CHECK;
void loop_io_events(struct loop *l, struct loop_io *io, uint32_t events);
/* Legal inside any callback of the turn: an event already fetched for it is dropped. Does not close the fd. */
void loop_io_remove(struct loop *l, struct loop_io *io);

/* Timers: one shot. A zeroed struct with fn set is a timer that is not armed. */
struct loop_timer {
    void (*fn)(struct loop_timer *t);
    int64_t at; /* monotonic ns */
    size_t pos; /* 1-based place in the heap; 0 = not armed */
};
void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t delay_ns); /* re-arms when armed */
void loop_timer_cancel(struct loop *l, struct loop_timer *t);                /* fine when not armed */

/* Tasks: run once on the loop's thread, in the order of posting. The struct belongs to the loop from loop_post until fn
 * is called; fn may free it. Returns false (and does not keep the task) when the loop has been stopped for good. */
struct loop_task {
    struct loop_task *next;
    void (*fn)(struct loop_task *t);
};
bool loop_post(struct loop *l, struct loop_task *t); /* any thread */

/* Hooks run at the end of every turn. The struct lives in its owner. */
struct loop_hook {
    struct list link;
    void (*fn)(struct loop_hook *h);
};
void loop_hook_add(struct loop *l, struct loop_hook *h);
void loop_hook_remove(struct loop_hook *h);

#endif
