#include "client_pipe.h"

#include "base/limits.h"
#include "shared_buf.h"

#include <sys/epoll.h>

#define CHUNK (32 * KIB)
#define READS_A_TURN 8
#define LOW_WATER (64 * KIB)
#define HIGH_WATER (256 * KIB)

struct client_pipe {
    struct loop_io io; /* first use of the descriptor is ours: the tunnel itself never waits here */
    struct loop *loop;
    struct loop_timer kick; /* work that no event of the descriptor announces */
    struct http_client_tunnel *tunnel;
    const struct client_pipe_ops *ops;
    void *ctx;
    struct slice_queue out;
    bool paused, full, ending, eof_told, broken;
    bool busy, freed; /* freed inside one of its callbacks */
};

static void destroy(struct client_pipe *p)
{
    loop_timer_cancel(p->loop, &p->kick);
    if (p->io.fn)
        loop_io_remove(p->loop, &p->io);
    http_client_tunnel_free(p->tunnel);
    slice_queue_release(&p->out);
    free(p);
}

struct client_pipe *client_pipe_free(struct client_pipe *p)
{
    if (p && p->busy)
        p->freed = true;
    else if (p)
        destroy(p);
    return NULL;
}

static void update_interest(struct client_pipe *p)
{
    if (p->io.fn)
        loop_io_events(p->loop, &p->io, (p->paused || p->eof_told ? 0 : EPOLLIN) | (p->out.bytes ? EPOLLOUT : 0));
}

/* The descriptor would report a broken connection for ever: it leaves the loop with the news. */
static void tell_eof(struct client_pipe *p)
{
    if (p->eof_told)
        return;
    p->eof_told = true;
    p->ops->on_eof(p->ctx);
}

static void read_some(struct client_pipe *p)
{
    char chunk[CHUNK];
    struct err err = ERR_INIT;
    for (int i = 0; i < READS_A_TURN && !p->paused && !p->eof_told && !p->freed; i++) {
        ssize_t n = http_client_tunnel_read(p->tunnel, chunk, sizeof(chunk), &err);
        if (n == HTTP_CLIENT_TUNNEL_AGAIN)
            return;
        if (n <= 0) {
            p->broken = p->broken || n < 0;
            tell_eof(p);
            return;
        }
        p->ops->on_data(p->ctx, str_n(chunk, (size_t)n));
    }
    if (!p->paused && !p->eof_told && !p->freed) /* TLS may hold more than the descriptor shows */
        loop_timer_set(p->loop, &p->kick, 0);
}

static void write_some(struct client_pipe *p)
{
    char chunk[CHUNK];
    struct err err = ERR_INIT;
    while (p->out.bytes && !p->broken) {
        struct slice *first = &p->out.v[p->out.head];
        ssize_t n = http_client_tunnel_write(p->tunnel, first->bytes.p, first->bytes.n, &err);
        if (n == HTTP_CLIENT_TUNNEL_AGAIN)
            return;
        if (n < 0) {
            p->broken = true;
            break;
        }
        for (size_t left = (size_t)n; left;) /* what went is dropped */
            left -= slice_queue_read(&p->out, chunk, MIN_OF(left, sizeof(chunk)));
    }
    if (p->broken)
        slice_queue_release(&p->out);
}

static void work(struct client_pipe *p, bool readable)
{
    p->busy = true;
    write_some(p);
    if (p->full && p->out.bytes <= LOW_WATER && !p->broken) {
        p->full = false;
        p->ops->on_writable(p->ctx);
    }
    if (readable && !p->freed)
        read_some(p);
    if ((p->broken || (p->ending && p->out.bytes == 0)) && !p->freed)
        tell_eof(p);
    p->busy = false;
    if (p->freed) {
        destroy(p);
        return;
    }
    if (p->eof_told && p->io.fn && (p->broken || p->out.bytes == 0)) {
        loop_io_remove(p->loop, &p->io);
        p->io.fn = NULL;
    }
    update_interest(p);
}

static void on_io(struct loop_io *io, uint32_t events)
{
    struct client_pipe *p = CONTAINER_OF(io, struct client_pipe, io);
    if ((events & (EPOLLERR | EPOLLHUP)) && !(events & EPOLLIN) && p->eof_told)
        p->broken = true;
    work(p, events & (EPOLLIN | EPOLLERR | EPOLLHUP));
}

static void on_kick(struct loop_timer *t)
{
    work(CONTAINER_OF(t, struct client_pipe, kick), true);
}

struct client_pipe *client_pipe_new(struct loop *l, struct http_client_tunnel *taken, const struct client_pipe_ops *ops,
                                    void *ctx, struct err *err)
{
    struct client_pipe *p = xcalloc(1, sizeof(*p));
    p->loop = l;
    p->tunnel = taken;
    p->ops = ops;
    p->ctx = ctx;
    p->kick.fn = on_kick;
    p->io.fd = http_client_tunnel_fd(taken);
    if (loop_io_add(l, &p->io, EPOLLIN, err) < 0)
        return client_pipe_free(p);
    p->io.fn = on_io;
    loop_timer_set(l, &p->kick, 0); /* bytes that came with the 101 are in the tunnel already */
    return p;
}

bool client_pipe_write(struct client_pipe *p, struct str data)
{
    if (p->broken || p->ending || p->freed)
        return true;
    if (data.n) {
        struct shared_buf *b = shared_buf_copy(data);
        slice_queue_push(&p->out, b, shared_buf_str(b));
    }
    if (p->out.bytes > LIMIT_TUNNEL_BUFFER)
        p->broken = true;
    loop_timer_set(p->loop, &p->kick, 0); /* one write for all that comes in this turn */
    p->full = p->full || p->out.bytes >= HIGH_WATER;
    return !p->full;
}

void client_pipe_pause(struct client_pipe *p, bool paused)
{
    if (p->paused == paused)
        return;
    p->paused = paused;
    if (!paused)
        loop_timer_set(p->loop, &p->kick, 0);
    update_interest(p);
}

void client_pipe_shutdown(struct client_pipe *p)
{
    p->ending = true;
    loop_timer_set(p->loop, &p->kick, 0);
}
