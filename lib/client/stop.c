#include "stop.h"

#include "base/clock.h"
#include "base/list.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

struct stop {
    pthread_mutex_t lock;
    pthread_cond_t cond; /* requested, or a hook has ended */
    bool requested;
    struct list hooks;
};

struct stop_hook {
    struct list link;
    void (*fn)(void *);
    void *arg;
    bool running;
};

static void cond_init_mono(pthread_cond_t *c)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(c, &attr);
    pthread_condattr_destroy(&attr);
}

struct stop *stop_new(void)
{
    struct stop *s = xcalloc(1, sizeof(*s));

    pthread_mutex_init(&s->lock, NULL);
    cond_init_mono(&s->cond);
    list_init(&s->hooks);
    return s;
}

struct stop *stop_free(struct stop *s)
{
    if (!s)
        return NULL;
    pthread_cond_destroy(&s->cond);
    pthread_mutex_destroy(&s->lock);
    free(s);
    return NULL;
}

/* Hooks run without the lock, so that they may use the stop; `running` keeps stop_off from freeing one under its feet.
 */
void stop_request(struct stop *s)
{
    pthread_mutex_lock(&s->lock);
    if (!s->requested) {
        s->requested = true;
        pthread_cond_broadcast(&s->cond);
        while (!list_empty(&s->hooks)) {
            struct stop_hook *h = list_first(&s->hooks, struct stop_hook, link);
            list_remove(&h->link);
            h->running = true;
            pthread_mutex_unlock(&s->lock);
            h->fn(h->arg);
            pthread_mutex_lock(&s->lock);
            h->running = false;
            pthread_cond_broadcast(&s->cond);
        }
    }
    pthread_mutex_unlock(&s->lock);
}

bool stop_requested(const struct stop *s)
{
    struct stop *m = (struct stop *)s; /* the lock is not part of the value */

    pthread_mutex_lock(&m->lock);
    bool r = m->requested;
    pthread_mutex_unlock(&m->lock);
    return r;
}

bool stop_wait(struct stop *s, int64_t ns)
{
    int64_t until = clock_mono(&clock_system) + (ns < 0 ? 0 : ns);
    struct timespec ts = {until / NS_PER_S, until % NS_PER_S};

    pthread_mutex_lock(&s->lock);
    while (!s->requested) {
        int r = ns < 0 ? pthread_cond_wait(&s->cond, &s->lock) : pthread_cond_timedwait(&s->cond, &s->lock, &ts);
        if (r == ETIMEDOUT)
            break;
    }
    bool requested = s->requested;
    pthread_mutex_unlock(&s->lock);
    return requested;
}

struct stop_hook *stop_on(struct stop *s, void (*fn)(void *), void *arg)
{
    struct stop_hook *h = xcalloc(1, sizeof(*h));

    list_init(&h->link);
    h->fn = fn;
    h->arg = arg;
    pthread_mutex_lock(&s->lock);
    bool now = s->requested;
    if (!now)
        list_push(&s->hooks, &h->link);
    pthread_mutex_unlock(&s->lock);
    if (now)
        fn(arg);
    return h;
}

void stop_off(struct stop *s, struct stop_hook *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&s->lock);
    list_remove(&h->link);
    while (h->running)
        pthread_cond_wait(&s->cond, &s->lock);
    pthread_mutex_unlock(&s->lock);
    free(h);
}

static void *wait_for_signals(void *arg)
{
    struct stop *s = arg;
    sigset_t set;
    int sig;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    while (sigwait(&set, &sig) != 0)
        continue;
    stop_request(s);
    while (sigwait(&set, &sig) != 0)
        continue;
    _exit(1);
}

void stop_on_signals(struct stop *s)
{
    sigset_t set;
    pthread_t t;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (pthread_create(&t, NULL, wait_for_signals, s) != 0)
        abort();
    pthread_detach(t);
}
