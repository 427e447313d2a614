#include "loop.h"

#include "base/vec.h"

#include <libwebsockets.h>
#include <pthread.h>
#include <sys/epoll.h>

#define EVENTS_A_TURN 256

struct loop {
    const struct clock *clock;
    struct lws_context *lws;
    struct lws_vhost *vhost;
    lws_sorted_usec_list_t sul; /* stands for the first timer of the heap */
    int64_t sul_at;             /* what sul is set to; 0 = not set */
    int epfd;                   /* lws's once adopted */
    bool adopted;
    int64_t now;
    struct epoll_event events[EVENTS_A_TURN];
    int n_events, event_at;
    struct vec(struct loop_timer *) heap;
    bool in_timers;
    struct list hooks;

    bool running;
    pthread_t thread;
    bool draining_soon; /* the running turn will still look at the tasks: no wake-up needed from this thread */

    pthread_mutex_t lock; /* the fields below */
    struct loop_task *tasks, **tasks_end;
    bool closed; /* no further tasks */
    bool stop;
};

/* --- timers: a binary heap --- */

static void heap_put(struct loop *l, size_t i, struct loop_timer *t)
{
    l->heap.v[i] = t;
    t->pos = i + 1;
}

static void heap_up(struct loop *l, size_t i, struct loop_timer *t)
{
    while (i > 0 && l->heap.v[(i - 1) / 2]->at > t->at) {
        heap_put(l, i, l->heap.v[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    heap_put(l, i, t);
}

static void heap_down(struct loop *l, size_t i, struct loop_timer *t)
{
    for (size_t kid; (kid = 2 * i + 1) < l->heap.n; i = kid) {
        if (kid + 1 < l->heap.n && l->heap.v[kid + 1]->at < l->heap.v[kid]->at)
            kid++;
        if (l->heap.v[kid]->at >= t->at)
            break;
        heap_put(l, i, l->heap.v[kid]);
    }
    heap_put(l, i, t);
}

void loop_timer_cancel(struct loop *l, struct loop_timer *t)
{
    if (!t->pos)
        return;
    size_t i = t->pos - 1;
    struct loop_timer *last = vec_pop(&l->heap);
    t->pos = 0;
    if (last == t)
        return;
    if (i > 0 && l->heap.v[(i - 1) / 2]->at > last->at)
        heap_up(l, i, last);
    else
        heap_down(l, i, last);
}

void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t delay_ns)
{
    loop_timer_cancel(l, t);
    t->at = clock_mono(l->clock) + MAX_OF(delay_ns, 0);
    if (l->in_timers) /* what a timer arms is for the next turn, or a delay of 0 would hold the loop */
        t->at = MAX_OF(t->at, l->now + 1);
    vec_push(&l->heap, t);
    heap_up(l, l->heap.n - 1, t);
}

static void run_timers(struct loop *l)
{
    l->in_timers = true;
    while (l->heap.n && l->heap.v[0]->at <= l->now) {
        struct loop_timer *t = l->heap.v[0];
        loop_timer_cancel(l, t);
        t->fn(t);
    }
    l->in_timers = false;
}

/* --- descriptors --- */

int loop_io_add(struct loop *l, struct loop_io *io, uint32_t events, struct err *err)
{
    struct epoll_event e = {.events = events, .data.ptr = io};
    io->events = events;
    if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, io->fd, &e) < 0)
        return err_errno(err, errno, "cannot watch a descriptor");
    return 0;
}

void loop_io_events(struct loop *l, struct loop_io *io, uint32_t events)
{
    if (io->events == events)
        return;
    struct epoll_event e = {.events = events, .data.ptr = io};
    io->events = events;
    (void)epoll_ctl(l->epfd, EPOLL_CTL_MOD, io->fd, &e); /* cannot fail for a descriptor that is in the set */
}

void loop_io_remove(struct loop *l, struct loop_io *io)
{
    (void)epoll_ctl(l->epfd, EPOLL_CTL_DEL, io->fd, NULL);
    for (int i = l->event_at; i < l->n_events; i++)
        if (l->events[i].data.ptr == io)
            l->events[i].data.ptr = NULL;
}

static void run_descriptors(struct loop *l)
{
    l->n_events = epoll_wait(l->epfd, l->events, EVENTS_A_TURN, 0);
    for (l->event_at = 0; l->event_at < l->n_events;) {
        struct epoll_event *e = &l->events[l->event_at++];
        struct loop_io *io = e->data.ptr;
        if (io)
            io->fn(io, e->events);
    }
    l->n_events = l->event_at = 0;
}

/* --- tasks and hooks --- */

bool loop_post(struct loop *l, struct loop_task *t)
{
    t->next = NULL;
    pthread_mutex_lock(&l->lock);
    bool ok = !l->closed, wake = ok && !l->tasks && !(loop_on_thread(l) && l->draining_soon);
    if (ok) {
        *l->tasks_end = t;
        l->tasks_end = &t->next;
    }
    if (wake) /* under the lock, so that the context cannot be destroyed meanwhile */
        lws_cancel_service(l->lws);
    pthread_mutex_unlock(&l->lock);
    return ok;
}

static struct loop_task *take_tasks(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    struct loop_task *first = l->tasks;
    l->tasks = NULL;
    l->tasks_end = &l->tasks;
    l->draining_soon = false;
    pthread_mutex_unlock(&l->lock);
    return first;
}

static void run_tasks(struct loop *l)
{
    for (struct loop_task *t = take_tasks(l), *next; t; t = next) {
        next = t->next;
        t->fn(t);
    }
}

void loop_hook_add(struct loop *l, struct loop_hook *h)
{
    list_push(&l->hooks, &h->link);
}

void loop_hook_remove(struct loop_hook *h)
{
    list_remove(&h->link);
}

static void turn_begin(struct loop *l)
{
    l->now = clock_mono(l->clock);
    l->draining_soon = true;
}

static void turn_end(struct loop *l)
{
    run_tasks(l);
    list_foreach (&l->hooks, struct loop_hook, h, link)
        h->fn(h);
}

void loop_turn(struct loop *l)
{
    turn_begin(l);
    run_descriptors(l);
    run_timers(l);
    turn_end(l);
}

/* --- libwebsockets --- */

static void on_sul(lws_sorted_usec_list_t *sul);

static void arm_sul(struct loop *l)
{
    int64_t at = l->heap.n ? l->heap.v[0]->at : 0;
    if (at == l->sul_at)
        return;
    l->sul_at = at;
    if (!at) {
        lws_sul_cancel(&l->sul);
        return;
    }
    int64_t us = (at - clock_mono(l->clock) + 999) / 1000;
    lws_sul_schedule(l->lws, 0, &l->sul, on_sul, MAX_OF(us, 1));
}

static void on_sul(lws_sorted_usec_list_t *sul)
{
    struct loop *l = CONTAINER_OF(sul, struct loop, sul);
    turn_begin(l);
    l->sul_at = 0;
    run_timers(l);
    turn_end(l);
    arm_sul(l);
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    struct loop *l = wsi ? lws_context_user(lws_get_context(wsi)) : NULL;
    if (!l || (reason != LWS_CALLBACK_RAW_RX_FILE && reason != LWS_CALLBACK_EVENT_WAIT_CANCELLED))
        return 0;
    turn_begin(l);
    if (reason == LWS_CALLBACK_RAW_RX_FILE)
        run_descriptors(l);
    turn_end(l);
    return 0;
}

static const struct lws_protocols protocols[] = {{.name = "loop", .callback = on_lws}, {0}};

static void quiet_lws(void)
{
    lws_set_log_level(0, NULL);
}

static int open_lws(struct loop *l, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, quiet_lws);
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .user = l,
        .fd_limit_per_thread = 8, /* the wake-up pipe and our epoll descriptor */
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
    };
    l->lws = lws_create_context(&info);
    l->vhost = l->lws ? lws_get_vhost_by_name(l->lws, "default") : NULL;
    if (!l->vhost)
        return err_set(err, ERR_SYSTEM, "cannot make an event loop");
    lws_sock_file_fd_type fd = {.filefd = l->epfd};
    if (!lws_adopt_descriptor_vhost(l->vhost, LWS_ADOPT_RAW_FILE_DESC, fd, protocols[0].name, NULL))
        return err_set(err, ERR_SYSTEM, "cannot adopt the epoll descriptor");
    l->adopted = true;
    return 0;
}

struct loop *loop_new(const struct clock *clock, struct err *err)
{
    struct loop *l = xcalloc(1, sizeof(*l));
    l->clock = clock ? clock : &clock_system;
    l->now = clock_mono(l->clock);
    list_init(&l->hooks);
    pthread_mutex_init(&l->lock, NULL);
    l->tasks_end = &l->tasks;
    l->epfd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epfd < 0) {
        err_errno(err, errno, "cannot make an epoll descriptor");
        return loop_free(l);
    }
    if (open_lws(l, err) < 0)
        return loop_free(l);
    return l;
}

struct loop *loop_free(struct loop *l)
{
    if (!l)
        return NULL;
    pthread_mutex_lock(&l->lock);
    l->closed = true;
    pthread_mutex_unlock(&l->lock);
    if (l->lws)
        lws_context_destroy(l->lws);
    if (!l->adopted && l->epfd >= 0)
        close(l->epfd);
    vec_release(&l->heap);
    pthread_mutex_destroy(&l->lock);
    free(l);
    return NULL;
}

void loop_run(struct loop *l)
{
    __atomic_store_n(&l->thread, pthread_self(), __ATOMIC_RELAXED);
    __atomic_store_n(&l->running, true, __ATOMIC_RELEASE);
    for (;;) {
        pthread_mutex_lock(&l->lock);
        bool stop = l->stop;
        pthread_mutex_unlock(&l->lock);
        if (stop)
            break;
        arm_sul(l);
        if (lws_service(l->lws, 0) < 0)
            break;
    }
    __atomic_store_n(&l->running, false, __ATOMIC_RELEASE);
}

void loop_stop(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    lws_cancel_service(l->lws);
    pthread_mutex_unlock(&l->lock);
}

int64_t loop_now(const struct loop *l)
{
    return l->now;
}

bool loop_on_thread(const struct loop *l)
{
    return __atomic_load_n(&l->running, __ATOMIC_ACQUIRE) &&
           pthread_equal(__atomic_load_n(&l->thread, __ATOMIC_RELAXED), pthread_self());
}
