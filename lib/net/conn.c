#include "conn.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#define READS_A_TURN 4
#define WRITES_A_TURN 16
#define LINGER_NS (2 * NS_PER_S)
#define SWEEP_MS 1000

static void on_io(struct loop_io *io, uint32_t events);

/* --- life --- */

struct conn *conn_new(struct http_thread *t, int fd, struct tls_context *tls, struct http_peer *peer)
{
    struct conn *c = xcalloc(1, sizeof(*c));
    c->t = t;
    c->io = (struct loop_io){.fd = fd, .fn = on_io};
    c->peer = peer;
    c->opened = c->last_rx = c->last_tx = loop_now(t->loop);
    buf_init(&c->pending, 4 * CONN_CHUNK);
    buf_init(&c->out, CONN_OUT_MAX);
    list_init(&c->dirty);
    list_push(&t->conns, &c->link);
    atomic_fetch_add(&t->n_conns, 1);
    atomic_fetch_add(&t->core->connections, 1);
    if (!t->sweep.pos)
        loop_timer_set(t->loop, &t->sweep, 0);
    c->tls = tls ? tls_session_new(tls, &t->cipher) : NULL;
    c->secure_ready = !tls;
    struct err err = ERR_INIT;
    if ((tls && !c->tls) || (fd >= 0 && loop_io_add(t->loop, &c->io, EPOLLIN | EPOLLRDHUP, &err) < 0))
        conn_close(c);
    return c;
}

void conn_close(struct conn *c)
{
    if (c->dead)
        return;
    c->dead = true;
    if (c->io.fd >= 0 && !c->unwatched)
        loop_io_remove(c->t->loop, &c->io);
    list_remove(&c->link);
    list_push(&c->t->dead, &c->link);
    conn_dirty(c);
}

static void conn_free(struct conn *c)
{
    if (c->proto)
        c->proto->free(c);
    list_remove(&c->link);
    list_remove(&c->dirty);
    tls_session_free(c->tls);
    if (c->io.fd >= 0)
        close(c->io.fd);
    http_peer_unref(c->peer);
    buf_release(&c->pending);
    buf_release(&c->out);
    atomic_fetch_sub(&c->t->core->connections, 1);
    struct http_thread *t = c->t;
    free(c);
    if (atomic_fetch_sub(&t->n_conns, 1) == 1 && t->on_idle)
        t->on_idle(t, t->on_idle_arg);
}

void conn_dirty(struct conn *c)
{
    if (list_empty(&c->dirty))
        list_push(&c->t->dirty, &c->dirty);
}

void conn_close_flushed(struct conn *c)
{
    c->close_flushed = true;
    conn_dirty(c);
}

void conn_limit_hit(struct conn *c)
{
    atomic_fetch_add_explicit(&c->t->core->limit_hits, 1, memory_order_relaxed);
}

/* --- interest --- */

static bool has_out(const struct conn *c)
{
    return c->out.len > c->out_at;
}

static bool wants_input(const struct conn *c)
{
    if (c->rx_eof)
        return false;
    if (c->linger_until || !c->secure_ready || !c->proto)
        return true;
    return c->pending.len == 0 && !c->close_flushed && c->proto->wants_input(c);
}

static void update_interest(struct conn *c)
{
    if (c->dead || c->io.fd < 0 || c->unwatched)
        return;
    uint32_t events =
        (c->rx_eof || c->rdhup ? 0 : EPOLLRDHUP) | (wants_input(c) ? EPOLLIN : 0) | (has_out(c) ? EPOLLOUT : 0);
    loop_io_events(c->t->loop, &c->io, events);
}

/* --- input --- */

static void choose_proto(struct conn *c, const char *p, size_t n)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n";
    bool h2 = c->tls ? tls_is_h2(c->tls) : memcmp(p, preface, MIN_OF(n, sizeof(preface) - 1)) == 0;
    if (!c->tls && h2 && n < 4) /* "P" alone may still become POST */
        return;
    if (h2)
        h2_start(c);
    else
        h1_start(c);
}

/* Gives the protocol what it takes; returns how much that was. */
static size_t offer(struct conn *c, const char *p, size_t n)
{
    size_t done = 0;
    while (done < n && !c->dead && !c->close_flushed) {
        if (!c->proto)
            choose_proto(c, p + done, n - done);
        size_t used = c->proto ? c->proto->input(c, p + done, n - done) : 0;
        if (used == 0)
            break;
        done += used;
    }
    return done;
}

void conn_take(struct conn *c, const char *p, size_t n)
{
    if (c->dead || c->linger_until || c->close_flushed)
        return;
    size_t used = 0;
    if (c->pending.len == 0) {
        c->input_busy = true;
        used = offer(c, p, n);
        c->input_busy = false;
    }
    buf_add(&c->pending, p + used, n - used);
    if (!buf_ok(&c->pending))
        conn_close(c);
    conn_dirty(c);
}

/* The protocol may take again what it has left. */
static void offer_pending(struct conn *c)
{
    if (c->pending.len == 0 || c->input_busy)
        return;
    c->input_busy = true;
    size_t used = offer(c, c->pending.data, c->pending.len);
    c->input_busy = false;
    buf_consume(&c->pending, used);
    if (c->pending.len == 0)
        buf_release(&c->pending);
}

/* The protocol hears of the end behind the last byte, not before. */
static void tell_eof(struct conn *c)
{
    if (!c->rx_eof || c->eof_told || c->pending.len || c->dead || (c->close_flushed && !c->linger_until))
        return;
    c->eof_told = true;
    if (c->linger_until || !c->proto || !c->secure_ready)
        conn_close(c);
    else
        c->proto->eof(c);
}

static void take_eof(struct conn *c)
{
    c->rx_eof = true;
    tell_eof(c);
    conn_dirty(c);
}

static bool secure(struct conn *c)
{
    enum tls_state state = tls_handshake(c->tls);
    if (state == TLS_DONE) {
        c->secure_ready = true;
        tls_peer_fill(c->tls, c->peer);
        if (tls_is_h2(c->tls))
            h2_start(c); /* the server speaks first there: SETTINGS */
    } else if (state != TLS_WANT) {
        atomic_fetch_add_explicit(&c->t->core->handshakes_failed, 1, memory_order_relaxed);
        conn_close_flushed(c); /* the alert is still to be sent */
    }
    return c->secure_ready;
}

static void take_cipher(struct conn *c, const char *p, size_t n)
{
    tls_feed(c->tls, p, n);
    if (!c->secure_ready && !secure(c))
        return;
    for (;;) {
        size_t got = 0;
        enum tls_state state = tls_read(c->tls, c->t->plain_in, CONN_CHUNK, &got);
        if (state == TLS_DONE) {
            conn_take(c, c->t->plain_in, got);
        } else {
            if (state == TLS_CLOSED)
                take_eof(c);
            else if (state == TLS_FAILED)
                conn_close_flushed(c);
            return;
        }
        if (c->dead)
            return;
    }
}

/* --- output --- */

/* Sends p[0..n) behind what is left; what does not go stays in c->out. */
static void send_some(struct conn *c, const char *p, size_t n)
{
    if (c->io.fd < 0) {
        if (c->sink)
            buf_add(c->sink, p, n);
        return;
    }
    size_t done = 0;
    while (done < n && !has_out(c)) {
        ssize_t rc = send(c->io.fd, p + done, n - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (rc < 0 && errno == EINTR)
            continue;
        if (rc < 0 && errno != EAGAIN) {
            conn_close(c);
            return;
        }
        if (rc < 0)
            break;
        done += (size_t)rc;
        c->last_tx = loop_now(c->t->loop);
    }
    if (done < n) {
        if (!has_out(c))
            c->last_tx = loop_now(c->t->loop); /* a stall is counted from here */
        buf_add(&c->out, p + done, n - done);
        if (!buf_ok(&c->out))
            conn_close(c);
    }
}

static void send_left(struct conn *c)
{
    while (has_out(c)) {
        ssize_t rc = send(c->io.fd, c->out.data + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (rc < 0 && errno == EINTR)
            continue;
        if (rc < 0 && errno != EAGAIN)
            conn_close(c);
        if (rc < 0)
            return;
        c->out_at += (size_t)rc;
        c->last_tx = loop_now(c->t->loop);
    }
    c->out_at = 0;
    buf_release(&c->out);
}

/* The thread's cipher buffer is emptied before anything else is encrypted. */
static void send_cipher(struct conn *c)
{
    struct buf *b = &c->t->cipher;
    if (b->len && !c->dead)
        send_some(c, b->data, b->len);
    buf_clear(b);
}

static size_t produce(struct conn *c)
{
    if (!c->proto || !c->secure_ready || c->linger_until)
        return 0;
    size_t n = c->proto->produce(c, c->t->plain_out, CONN_CHUNK);
    if (n == 0 || c->dead)
        return 0;
    if (!c->tls) {
        send_some(c, c->t->plain_out, n);
    } else {
        if (tls_write(c->tls, c->t->plain_out, n) < 0)
            conn_close(c);
        send_cipher(c);
    }
    return n;
}

static void end_direction(struct conn *c)
{
    if (c->tls && c->secure_ready) {
        tls_close_notify(c->tls);
        send_cipher(c);
    }
    if (c->io.fd >= 0 && !has_out(c))
        (void)shutdown(c->io.fd, SHUT_WR);
}

/* All output is in the kernel: close if that was wanted. A peer that is still sending would lose our last answer to a
 * reset, so we end our direction and wait a little for it to close. */
static void flushed(struct conn *c)
{
    if (c->half_close && !c->half_closed) {
        c->half_closed = true;
        end_direction(c);
    }
    if (!c->close_flushed || c->linger_until)
        return;
    buf_release(&c->pending);
    end_direction(c);
    if (c->rx_eof || c->io.fd < 0) {
        conn_close(c);
        return;
    }
    c->linger_until = loop_now(c->t->loop) + LINGER_NS;
}

static void flush(struct conn *c)
{
    int rounds = 0;
    send_cipher(c); /* handshake messages, alerts */
    send_left(c);
    while (!c->dead && !has_out(c)) {
        if (produce(c) == 0) {
            flushed(c);
            if (c->pending.len && !c->dead && !c->close_flushed) {
                size_t before = c->pending.len;
                offer_pending(c);
                if (c->pending.len != before && !c->dead)
                    continue;
            }
            tell_eof(c);
            break;
        }
        if (++rounds == WRITES_A_TURN) {
            conn_dirty(c); /* others first */
            break;
        }
    }
    update_interest(c);
}

static void again(struct loop_timer *timer)
{
    /* exists to wake the loop: the hook behind it does the work */
}

static void flush_dirty(struct http_thread *t)
{
    struct list todo;
    list_init(&todo);
    while (!list_empty(&t->dirty)) { /* those that get dirty again meanwhile are for the next turn */
        struct list *item = t->dirty.next;
        list_remove(item);
        list_push(&todo, item);
    }
    while (!list_empty(&todo)) {
        struct conn *c = list_first(&todo, struct conn, dirty);
        list_remove(&c->dirty);
        if (!c->dead)
            flush(c);
    }
}

static void on_hook(struct loop_hook *h)
{
    struct http_thread *t = CONTAINER_OF(h, struct http_thread, hook);
    flush_dirty(t);
    while (!list_empty(&t->dead))
        conn_free(list_first(&t->dead, struct conn, link));
    if (!list_empty(&t->dirty))
        loop_timer_set(t->loop, &t->again, 0);
}

/* --- events --- */

static void discard_input(struct conn *c)
{
    ssize_t n;
    for (int i = 0; i < READS_A_TURN; i++) {
        n = recv(c->io.fd, c->t->rx, CONN_CHUNK, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            conn_close(c);
        if (n <= 0)
            return;
    }
}

/* One chunk; false when there is nothing (more) to read now. */
static bool read_once(struct conn *c)
{
    ssize_t n = recv(c->io.fd, c->t->rx, CONN_CHUNK, MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        conn_close(c);
    if (n == 0)
        take_eof(c);
    if (n <= 0)
        return false;
    c->last_rx = loop_now(c->t->loop);
    if (c->tls) {
        take_cipher(c, c->t->rx, (size_t)n);
        send_cipher(c);
    } else {
        conn_take(c, c->t->rx, (size_t)n);
    }
    return (size_t)n == CONN_CHUNK;
}

static void read_input(struct conn *c)
{
    for (int i = 0; i < READS_A_TURN && !c->dead && wants_input(c); i++)
        if (!read_once(c))
            return;
}

/* Both directions are shut. A tunnel still gets what the socket holds, also when it does not want it just now (it is
 * bounded: the ceiling of pending); the descriptor leaves the loop, which would report it for ever. */
static void on_hangup(struct conn *c, uint32_t events)
{
    if ((events & EPOLLERR) || !(events & EPOLLIN) || !c->proto || !c->proto->drains) {
        conn_close(c);
        return;
    }
    loop_io_remove(c->t->loop, &c->io);
    c->unwatched = true;
    while (!c->dead && !c->rx_eof)
        if (!read_once(c))
            take_eof(c);
}

static void on_io(struct loop_io *io, uint32_t events)
{
    struct conn *c = CONTAINER_OF(io, struct conn, io);
    if (c->linger_until && !(events & EPOLLERR)) {
        discard_input(c);
        return;
    }
    if (events & (EPOLLERR | EPOLLHUP))
        on_hangup(c, events);
    else if (events & EPOLLIN)
        read_input(c);
    else if (events & EPOLLRDHUP) { /* it will say no more, and we are not reading what it said */
        c->rdhup = true;
        if (c->proto && c->proto->hangup)
            c->proto->hangup(c);
    }
    if (!c->dead)
        conn_dirty(c);
}

/* --- time limits --- */

static void tick(struct conn *c, int64_t now)
{
    const struct http_limits *l = &c->t->core->limits;
    if (c->linger_until) {
        if (now > c->linger_until)
            conn_close(c);
        return;
    }
    bool hit = false;
    if (!c->secure_ready)
        hit = now - c->opened > l->handshake_ms * NS_PER_MS;
    else if (!c->proto)
        hit = now - c->opened > l->headers_ms * NS_PER_MS;
    else if (has_out(c) && (c->close_flushed || c->proto->stallable(c)))
        hit = now - c->last_tx > l->write_stall_ms * NS_PER_MS;
    if (hit) {
        conn_limit_hit(c);
        conn_close(c);
    } else if (c->proto && !c->close_flushed) {
        c->proto->tick(c, now);
    }
}

static void on_sweep(struct loop_timer *timer)
{
    struct http_thread *t = CONTAINER_OF(timer, struct http_thread, sweep);
    const struct http_limits *l = &t->core->limits;
    int64_t now = loop_now(t->loop);
    list_foreach (&t->conns, struct conn, c, link)
        tick(c, now);
    int64_t ms = SWEEP_MS;
    const int64_t times[] = {l->handshake_ms, l->headers_ms, l->body_stall_ms, l->write_stall_ms, l->idle_ms};
    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        ms = MIN_OF(ms, MAX_OF(times[i] / 4, 1));
    if (!list_empty(&t->conns))
        loop_timer_set(t->loop, timer, ms * NS_PER_MS);
}

/* --- threads --- */

void http_thread_init(struct http_thread *t, struct http_core *core, struct loop *loop)
{
    t->core = core;
    t->loop = loop;
    t->hook.fn = on_hook;
    t->sweep.fn = on_sweep;
    t->again.fn = again;
    list_init(&t->conns);
    list_init(&t->dirty);
    list_init(&t->dead);
    t->rx = xmalloc(CONN_CHUNK);
    t->plain_in = xmalloc(CONN_CHUNK);
    t->plain_out = xmalloc(CONN_CHUNK);
    buf_init(&t->cipher, 4 * CONN_CHUNK);
    loop_hook_add(loop, &t->hook);
}

void http_thread_release(struct http_thread *t)
{
    list_foreach (&t->conns, struct conn, c, link)
        conn_close(c);
    loop_turn(t->loop);
    loop_timer_cancel(t->loop, &t->sweep);
    loop_timer_cancel(t->loop, &t->again);
    loop_hook_remove(&t->hook);
    free(t->rx);
    free(t->plain_in);
    free(t->plain_out);
    buf_release(&t->cipher);
}

const char *http_thread_date(struct http_thread *t)
{
    int64_t now = loop_now(t->loop) / NS_PER_S;
    if (t->date_at != now) {
        struct tm tm;
        time_t wall = (time_t)(clock_wall(&clock_system) / NS_PER_S);
        gmtime_r(&wall, &tm);
        strftime(t->date, sizeof(t->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
        t->date_at = now;
    }
    return t->date;
}

void http_limits_fill(struct http_limits *l)
{
#define FILL(field, value) l->field = l->field ? l->field : (value)
    FILL(header_bytes, LIMIT_HEADER_BYTES);
    FILL(headers, LIMIT_HEADERS);
    FILL(url, LIMIT_URL);
    FILL(streams, LIMIT_H2_STREAMS);
    FILL(connections, LIMIT_CONNECTIONS);
    FILL(connection_bodies, LIMIT_CONN_BODIES);
    FILL(server_bodies, LIMIT_SERVER_BODIES);
    FILL(handshake_ms, LIMIT_HANDSHAKE_S * 1000);
    FILL(headers_ms, LIMIT_HEADERS_S * 1000);
    FILL(body_stall_ms, LIMIT_BODY_STALL_S * 1000);
    FILL(write_stall_ms, LIMIT_WRITE_STALL_S * 1000);
    FILL(idle_ms, LIMIT_IDLE_S * 1000);
    FILL(control_frames_per_s, LIMIT_CONTROL_FRAMES);
#undef FILL
}
