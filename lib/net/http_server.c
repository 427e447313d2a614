#include "conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define BACKLOG 1024
#define ACCEPT_PAUSE_MS 100 /* when descriptors have run out */
#define KEEPALIVE_S 30
#define OTHER_DESCRIPTORS 1000 /* of the process, besides connections */

struct server_thread {
    struct http_thread t; /* first */
    struct http_server *server;
    pthread_t id;
    bool started;
    struct loop_task stop_task, kill_task; /* each is posted once: a task may not be touched while the loop has it */
};

struct bound {
    int fd;
    uint16_t port;
    struct tls_context *tls;
    char *unix_path; /* to unlink */
};

struct http_server {
    struct http_core core;
    struct bound *listeners;
    size_t n_listeners;
    struct server_thread *threads;
    size_t n_threads, next_thread;
    char name[12];
    pthread_t acceptor;
    int wake_fd; /* ends the acceptor */
    bool accepting, stopped;
    pthread_mutex_t lock;
    pthread_cond_t idle;
};

union address {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

/* --- listeners --- */

static bool parse_address(const struct http_listener *l, union address *ret, socklen_t *ret_n)
{
    memset(ret, 0, sizeof(*ret));
    if (l->address[0] == '/' || l->address[0] == '@') {
        size_t n = strlen(l->address);
        if (n >= sizeof(ret->un.sun_path))
            return false;
        ret->un.sun_family = AF_UNIX;
        memcpy(ret->un.sun_path, l->address, n);
        if (l->address[0] == '@')
            ret->un.sun_path[0] = '\0';
        *ret_n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (l->address[0] == '/'));
        return true;
    }
    if (inet_pton(AF_INET, l->address, &ret->in.sin_addr) == 1) {
        ret->in.sin_family = AF_INET;
        ret->in.sin_port = htons(l->port);
        *ret_n = sizeof(ret->in);
        return true;
    }
    ret->in6.sin6_family = AF_INET6;
    ret->in6.sin6_port = htons(l->port);
    *ret_n = sizeof(ret->in6);
    return inet_pton(AF_INET6, l->address, &ret->in6.sin6_addr) == 1;
}

/* A socket file that nobody listens on any more is in the way of the next start. */
static void unlink_stale(const char *path)
{
    struct stat st;
    if (path[0] == '/' && lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        (void)unlink(path);
}

static int bind_listener(const struct http_listener *l, struct bound *b, struct err *err)
{
    union address a;
    socklen_t n;
    int on = 1;
    if (!parse_address(l, &a, &n))
        return err_set(err, ERR_BAD_REQUEST, "cannot listen on \"%s\": not an address", l->address);
    b->fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (b->fd < 0)
        return err_errno(err, errno, "cannot make a socket");
    (void)setsockopt(b->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (a.sa.sa_family == AF_UNIX)
        unlink_stale(l->address);
    if (bind(b->fd, &a.sa, n) < 0 || listen(b->fd, BACKLOG) < 0)
        return err_errno(err, errno, "cannot listen on %s port %u", l->address, l->port);
    b->tls = l->tls;
    n = sizeof(a);
    if (getsockname(b->fd, &a.sa, &n) == 0)
        b->port = a.sa.sa_family == AF_INET    ? ntohs(a.in.sin_port)
                  : a.sa.sa_family == AF_INET6 ? ntohs(a.in6.sin6_port)
                                               : 0;
    if (l->address[0] == '/')
        b->unix_path = xstrdup(l->address);
    return 0;
}

/* --- accepting --- */

struct arrival {
    struct loop_task task;
    struct server_thread *thread;
    struct tls_context *tls;
    struct http_peer *peer;
    int fd;
};

static void on_arrival(struct loop_task *task)
{
    struct arrival *a = CONTAINER_OF(task, struct arrival, task);
    conn_new(&a->thread->t, a->fd, a->tls, a->peer);
    free(a);
}

static void fill_peer(struct http_peer *peer, const union address *a)
{
    if (a->sa.sa_family == AF_INET) {
        inet_ntop(AF_INET, &a->in.sin_addr, peer->address, sizeof(peer->address));
        peer->port = ntohs(a->in.sin_port);
    } else if (a->sa.sa_family == AF_INET6) {
        const struct in6_addr *ip = &a->in6.sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(ip))
            inet_ntop(AF_INET, ip->s6_addr + 12, peer->address, sizeof(peer->address));
        else
            inet_ntop(AF_INET6, ip, peer->address, sizeof(peer->address));
        peer->port = ntohs(a->in6.sin6_port);
    }
}

static void tune_socket(int fd)
{
    static const int on = 1, idle = KEEPALIVE_S, interval = KEEPALIVE_S / 2, count = 3;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

static void hand_over(struct http_server *s, const struct bound *b, int fd, const union address *from)
{
    struct server_thread *thread = &s->threads[s->next_thread++ % s->n_threads];
    struct arrival *a = xcalloc(1, sizeof(*a));
    *a = (struct arrival){{.fn = on_arrival}, thread, b->tls, http_peer_new(++s->core.next_id), fd};
    fill_peer(a->peer, from);
    if (from->sa.sa_family != AF_UNIX)
        tune_socket(fd);
    if (!loop_post(thread->t.loop, &a->task)) {
        http_peer_unref(a->peer);
        close(fd);
        free(a);
    }
}

/* Takes what waits on one listener. False when descriptors have run out. */
static bool accept_some(struct http_server *s, const struct bound *b)
{
    for (int i = 0; i < 64; i++) {
        union address from = {0};
        socklen_t n = sizeof(from);
        int fd = accept4(b->fd, &from.sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != ENOBUFS;
        if (atomic_load(&s->core.connections) >= s->core.limits.connections) {
            s->core.refused++;
            close(fd);
            continue;
        }
        s->core.accepted++;
        hand_over(s, b, fd, &from);
    }
    return true;
}

static void *acceptor_main(void *arg)
{
    struct http_server *s = arg;
    struct pollfd *fds = xcalloc(s->n_listeners + 1, sizeof(*fds));
    for (size_t i = 0; i < s->n_listeners; i++)
        fds[i] = (struct pollfd){.fd = s->listeners[i].fd, .events = POLLIN};
    fds[s->n_listeners] = (struct pollfd){.fd = s->wake_fd, .events = POLLIN};
    for (;;) {
        if (poll(fds, s->n_listeners + 1, -1) < 0 && errno != EINTR)
            break;
        if (fds[s->n_listeners].revents)
            break;
        bool ok = true;
        for (size_t i = 0; i < s->n_listeners; i++)
            if (fds[i].revents & POLLIN)
                ok = accept_some(s, &s->listeners[i]) && ok;
        if (!ok) /* wait for descriptors, or for the end */
            (void)poll(&fds[s->n_listeners], 1, ACCEPT_PAUSE_MS);
    }
    free(fds);
    return NULL;
}

/* --- threads --- */

static void *thread_main(void *arg)
{
    struct server_thread *thread = arg;
    loop_run(thread->t.loop);
    return NULL;
}

static void on_idle(struct http_thread *t, void *arg)
{
    struct http_server *s = arg;
    pthread_mutex_lock(&s->lock);
    pthread_cond_broadcast(&s->idle);
    pthread_mutex_unlock(&s->lock);
}

static int start_thread(struct http_server *s, size_t i, struct err *err)
{
    struct server_thread *thread = &s->threads[i];
    thread->server = s;
    struct loop *loop = loop_new(NULL, err);
    if (!loop)
        return -1;
    http_thread_init(&thread->t, &s->core, loop);
    thread->t.on_idle = on_idle;
    thread->t.on_idle_arg = s;
    int rc = pthread_create(&thread->id, NULL, thread_main, thread);
    if (rc)
        return err_errno(err, rc, "cannot start a thread");
    thread->started = true;
    char name[16];
    snprintf(name, sizeof(name), "%.11s-%zu", s->name, i % 100);
    pthread_setname_np(thread->id, name);
    return 0;
}

/* The usual soft limit of 1024 descriptors is far below what we may serve: it is raised, as far as the hard one lets.
 */
static void allow_descriptors(size_t connections)
{
    struct rlimit l;
    rlim_t want = connections + OTHER_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur >= want)
        return;
    l.rlim_cur = MIN_OF(l.rlim_max, want);
    (void)setrlimit(RLIMIT_NOFILE, &l);
}

static int start(struct http_server *s, const struct http_server_options *o, struct err *err)
{
    for (; s->n_listeners < o->n_listeners; s->n_listeners++)
        if (bind_listener(&o->listeners[s->n_listeners], &s->listeners[s->n_listeners], err) < 0) {
            s->n_listeners++; /* so that its descriptor is closed */
            return -1;
        }
    for (size_t want = s->n_threads, i = s->n_threads = 0; i < want; i++) {
        s->n_threads++;
        if (start_thread(s, i, err) < 0)
            return -1;
    }
    allow_descriptors(s->core.limits.connections);
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->wake_fd < 0)
        return err_errno(err, errno, "cannot make an eventfd");
    int rc = pthread_create(&s->acceptor, NULL, acceptor_main, s);
    if (rc)
        return err_errno(err, rc, "cannot start a thread");
    s->accepting = true;
    pthread_setname_np(s->acceptor, "accept");
    return 0;
}

struct http_server *http_server_new(const struct http_server_options *o, struct err *err)
{
    struct http_server *s = xcalloc(1, sizeof(*s));
    s->core.limits = o->limits;
    http_limits_fill(&s->core.limits);
    s->core.on_request = o->on_request;
    s->core.user = o->user;
    s->wake_fd = -1;
    snprintf(s->name, sizeof(s->name), "%s", o->name ? o->name : "http");
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->idle, &attr);
    pthread_condattr_destroy(&attr);
    s->listeners = xcalloc(o->n_listeners + 1, sizeof(*s->listeners));
    s->n_threads = o->threads ? o->threads : 2;
    s->threads = xcalloc(s->n_threads, sizeof(*s->threads));
    if (start(s, o, err) < 0)
        return http_server_free(s);
    return s;
}

/* --- the end --- */

static void stop_accepting(struct http_server *s)
{
    if (s->accepting) {
        (void)eventfd_write(s->wake_fd, 1);
        pthread_join(s->acceptor, NULL);
        s->accepting = false;
    }
    for (size_t i = 0; i < s->n_listeners; i++) {
        struct bound *b = &s->listeners[i];
        if (b->fd > 0)
            close(b->fd);
        if (b->unix_path)
            (void)unlink(b->unix_path);
        free(b->unix_path);
        *b = (struct bound){.fd = -1, .port = b->port};
    }
}

static void on_stop(struct loop_task *task)
{
    struct server_thread *thread = CONTAINER_OF(task, struct server_thread, stop_task);
    list_foreach (&thread->t.conns, struct conn, c, link) {
        if (c->proto)
            c->proto->shutdown(c);
        else
            conn_close(c);
    }
}

static void on_kill(struct loop_task *task)
{
    struct server_thread *thread = CONTAINER_OF(task, struct server_thread, kill_task);
    list_foreach (&thread->t.conns, struct conn, c, link)
        conn_close(c);
}

static void tell_threads(struct http_server *s, bool hard)
{
    for (size_t i = 0; i < s->n_threads; i++) {
        struct server_thread *thread = &s->threads[i];
        struct loop_task *task = hard ? &thread->kill_task : &thread->stop_task;
        task->fn = hard ? on_kill : on_stop;
        if (thread->started)
            (void)loop_post(thread->t.loop, task);
    }
}

/* Waits until no connection is left, at most until the deadline (monotonic). */
static bool wait_idle(struct http_server *s, int64_t deadline)
{
    struct timespec ts = {deadline / NS_PER_S, deadline % NS_PER_S};
    int rc = 0;
    pthread_mutex_lock(&s->lock);
    while (atomic_load(&s->core.connections) > 0 && rc == 0)
        rc = pthread_cond_timedwait(&s->idle, &s->lock, &ts);
    pthread_mutex_unlock(&s->lock);
    return atomic_load(&s->core.connections) == 0;
}

void http_server_stop(struct http_server *s, int64_t grace_ms)
{
    if (s->stopped)
        return;
    s->stopped = true;
    atomic_store(&s->core.stopping, true);
    stop_accepting(s);
    bool running = s->n_threads && s->threads[s->n_threads - 1].started;
    if (!running)
        return;
    tell_threads(s, false);
    int64_t now = clock_mono(&clock_system);
    if (!wait_idle(s, now + grace_ms * NS_PER_MS)) {
        tell_threads(s, true);
        (void)wait_idle(s, clock_mono(&clock_system) + 5 * NS_PER_S);
    }
}

struct http_server *http_server_free(struct http_server *s)
{
    if (!s)
        return NULL;
    http_server_stop(s, 0);
    for (size_t i = 0; i < s->n_threads; i++) {
        struct server_thread *thread = &s->threads[i];
        if (!thread->t.loop)
            continue;
        if (thread->started) {
            loop_stop(thread->t.loop);
            pthread_join(thread->id, NULL);
        }
        http_thread_release(&thread->t);
        loop_free(thread->t.loop);
    }
    if (s->wake_fd >= 0)
        close(s->wake_fd);
    pthread_cond_destroy(&s->idle);
    pthread_mutex_destroy(&s->lock);
    free(s->listeners);
    free(s->threads);
    free(s);
    return NULL;
}

/* --- questions --- */

uint16_t http_server_port(const struct http_server *s, size_t listener)
{
    return listener < s->n_listeners ? s->listeners[listener].port : 0;
}

size_t http_server_threads(const struct http_server *s)
{
    return s->n_threads;
}

struct loop *http_server_loop(struct http_server *s, size_t thread)
{
    return s->threads[thread % s->n_threads].t.loop;
}

void http_server_stats(const struct http_server *s, struct http_stats *ret)
{
    struct http_core *c = (struct http_core *)&s->core; /* atomic loads do not take const */
    *ret = (struct http_stats){
        .connections = c->connections,
        .requests_active = c->active,
        .accepted = c->accepted,
        .refused = c->refused,
        .handshakes_failed = c->handshakes_failed,
        .requests = c->requests,
        .limit_hits = c->limit_hits,
    };
}
