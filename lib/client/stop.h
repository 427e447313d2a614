/*
 * stop.h - the wish to end, seen by every thread of a program.
 *
 * One struct stop hangs on the program's context. stop_request() may be called from any thread, more than once (for
 * signals block them in main and sigwait in a thread of their own; see stop_on_signals). Waiting threads wake at once.
 * Callbacks let blocking calls elsewhere be cancelled (an HTTP watch): they run on the thread that requests the stop,
 * or at once when it was requested already.
 */
#ifndef CLIENT_STOP_H
#define CLIENT_STOP_H

#include "base/compiler.h"

struct stop;

struct stop *stop_new(void);
struct stop *stop_free(struct stop *s); /* nobody may wait any more; returns NULL, accepts NULL */
static inline void stop_freep(struct stop **s)
{
    stop_free(*s);
}

void stop_request(struct stop *s);
bool stop_requested(const struct stop *s);
bool stop_wait(struct stop *s, int64_t ns); /* sleeps up to ns (<0: for ever); true when it is time to end */

/* fn(arg) once, when the stop is requested. stop_off waits until a running callback has returned. */
struct stop_hook;
struct stop_hook *stop_on(struct stop *s, void (*fn)(void *arg), void *arg) MUST_CHECK;
void stop_off(struct stop *s, struct stop_hook *h); /* accepts NULL */

/* Blocks SIGTERM and SIGINT in the calling thread (call it in main before any thread is made) and starts a thread that
 * turns the first into stop_request and the second into an immediate exit. SIGPIPE is ignored. */
void stop_on_signals(struct stop *s);

#endif
