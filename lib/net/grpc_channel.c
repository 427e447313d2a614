/* The channel's thread: commands, connecting with back-off, deadlines, and the poll between them. */
#include "base/limits.h"
#include "base/random.h"
#include "grpc_internal.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

#define BACKOFF_MIN_NS (20 * NS_PER_MS)

int64_t grpc_now(void)
{
    return clock_mono(&clock_system);
}

/* --- commands --- */

static void command_free(struct grpc_command *cmd)
{
    grpc_call_unref(cmd->call);
    buf_release(&cmd->bytes);
    free(cmd);
}

bool grpc_channel_post(struct grpc_channel *ch, enum grpc_command_type type, struct grpc_call *taken,
                       struct buf *bytes_taken)
{
    struct grpc_command *cmd = xcalloc(1, sizeof *cmd);
    cmd->type = type;
    cmd->call = taken;
    if (bytes_taken) {
        cmd->bytes = *bytes_taken;
        buf_init(bytes_taken, bytes_taken->max);
    }
    pthread_mutex_lock(&ch->lock);
    bool ok = !ch->stopping, wake = ok && ch->asleep;
    if (ok)
        list_push(&ch->commands, &cmd->link);
    ch->asleep = ch->asleep && !wake;
    pthread_mutex_unlock(&ch->lock);
    if (wake)
        (void)eventfd_write(ch->wake_fd, 1);
    if (!ok)
        command_free(cmd);
    return ok;
}

static void run_start(struct grpc_channel *ch, struct grpc_call *c)
{
    grpc_call_ref(c);
    list_push(&ch->waiting, &c->link);
    if (c->deadline && (!ch->next_deadline || c->deadline < ch->next_deadline))
        ch->next_deadline = c->deadline;
}

static void run_cancel(struct grpc_channel *ch, struct grpc_call *c)
{
    struct err err = ERR_INIT;
    err_set(&err, ERR_CANCELLED, "cancelled");
    grpc_session_reset(ch, c, &err);
}

static void run_send(struct grpc_channel *ch, struct grpc_call *c, struct buf *bytes)
{
    buf_add(&c->out, bytes->data, bytes->len);
    if (!buf_ok(&c->out)) {
        struct err err = ERR_INIT;
        err_set(&err, ERR_TOO_LARGE, "too much waits to be sent on a stream");
        buf_clear(&c->out);
        c->sent_at = 0;
        grpc_session_reset(ch, c, &err);
        return;
    }
    grpc_session_resume(ch, c);
}

static void run_command(struct grpc_channel *ch, struct grpc_command *cmd)
{
    struct grpc_call *c = cmd->call;
    if (c->ended)
        return;
    switch (cmd->type) {
    case GRPC_START:
        run_start(ch, c);
        break;
    case GRPC_SEND:
        run_send(ch, c, &cmd->bytes);
        break;
    case GRPC_CLOSE_SEND:
        c->out_end = true;
        grpc_session_resume(ch, c);
        break;
    case GRPC_CANCEL:
        run_cancel(ch, c);
        break;
    case GRPC_CONSUME:
        grpc_session_consume(ch, c);
        break;
    }
}

/* False when the channel stops. */
static bool run_commands(struct grpc_channel *ch)
{
    struct list todo;
    list_init(&todo);
    pthread_mutex_lock(&ch->lock);
    ch->asleep = false;
    bool go_on = !ch->stopping;
    if (!list_empty(&ch->commands)) {
        todo = ch->commands;
        todo.next->prev = todo.prev->next = &todo;
        list_init(&ch->commands);
    }
    pthread_mutex_unlock(&ch->lock);
    while (!list_empty(&todo)) {
        struct grpc_command *cmd = list_first(&todo, struct grpc_command, link);
        list_remove(&cmd->link);
        run_command(ch, cmd);
        command_free(cmd);
    }
    return go_on;
}

/* --- deadlines --- */

static void expire_list(struct grpc_channel *ch, struct list *calls, int64_t now, int64_t *next)
{
    list_foreach (calls, struct grpc_call, c, link) {
        if (!c->deadline)
            continue;
        if (c->deadline > now) {
            *next = *next ? MIN_OF(*next, c->deadline) : c->deadline;
            continue;
        }
        struct err err = ERR_INIT;
        if (ch->conn || ch->last_err.code == ERR_OK)
            err_set(&err, ERR_TIMEOUT, "%s: deadline exceeded", c->path);
        else
            err_set(&err, ERR_TIMEOUT, "%s: deadline exceeded, no connection: %.400s", c->path, ch->last_err.msg);
        grpc_session_reset(ch, c, &err);
    }
}

static void expire(struct grpc_channel *ch)
{
    int64_t now = grpc_now(), next = 0;
    if (!ch->next_deadline || now < ch->next_deadline)
        return;
    expire_list(ch, &ch->waiting, now, &next);
    expire_list(ch, &ch->running, now, &next);
    ch->next_deadline = next;
}

/* --- the connection --- */

static void fail_all(struct list *calls, const struct err *err)
{
    while (!list_empty(calls))
        grpc_call_finish(list_first(calls, struct grpc_call, link), err);
}

/* After a failed attempt: the next server, and when all have been tried, a pause. */
static void back_off(struct grpc_channel *ch)
{
    ch->target_at = (ch->target_at + 1) % ch->n_targets;
    if (ch->target_at != 0)
        return;
    ch->backoff_ns = MIN_OF(MAX_OF(ch->backoff_ns * 2, BACKOFF_MIN_NS), ch->backoff_max_ms * NS_PER_MS);
    int64_t jitter = (int64_t)random_below((uint64_t)ch->backoff_ns / 4);
    ch->next_attempt = grpc_now() + ch->backoff_ns - ch->backoff_ns / 8 + jitter;
}

static void disconnect(struct grpc_channel *ch, const struct err *why)
{
    struct err err = ERR_INIT;
    const struct grpc_target *t = &ch->targets[ch->target_at];
    err_set(&err, ERR_UNAVAILABLE, "connection to %s lost: %.700s",
            t->unix_socket ? t->unix_socket : t->address.authority, why->msg);
    atomic_store(&ch->connected, false);
    nghttp2_session_del(ch->session);
    ch->session = NULL;
    ch->conn = net_conn_free(ch->conn);
    buf_clear(&ch->out);
    ch->want_write = ch->draining = ch->more_to_read = false;
    ch->last_err = err;
    if (!ch->heard) /* it takes connections and drops them: no better than one that does not listen */
        back_off(ch);
    fail_all(&ch->running, &err);
}

static bool connect_tick(void *user)
{
    struct grpc_channel *ch = user;
    eventfd_t n;
    (void)eventfd_read(ch->wake_fd, &n);
    bool go_on = run_commands(ch);
    pthread_mutex_lock(&ch->lock);
    ch->asleep = list_empty(&ch->commands);
    pthread_mutex_unlock(&ch->lock);
    expire(ch);
    return go_on;
}

static int try_connect(struct grpc_channel *ch, struct err *err)
{
    const struct grpc_target *t = &ch->targets[ch->target_at];
    struct net_conn_options o = {
        .address = &t->address,
        .unix_socket = t->unix_socket,
        .tls = t->address.tls ? ch->tls : NULL,
        .timeout_ms = ch->connect_timeout_ms,
        .wake_fd = ch->wake_fd,
        .tick = connect_tick,
        .user = ch,
    };
    if (net_conn_open(&o, &ch->conn, err) < 0)
        return -1;
    if (grpc_session_start(ch, err) < 0) {
        ch->conn = net_conn_free(ch->conn);
        nghttp2_session_del(ch->session);
        ch->session = NULL;
        return -1;
    }
    ch->last_recv = grpc_now();
    ch->ping_sent = 0;
    ch->heard = false;
    atomic_store(&ch->connected, true);
    return 0;
}

static void connect_channel(struct grpc_channel *ch)
{
    struct err err = ERR_INIT;
    if (try_connect(ch, &err) == 0)
        return; /* the back-off is forgotten when the server has said something: see serve */
    ch->last_err = err;
    back_off(ch);
    if (ch->fail_fast)
        fail_all(&ch->waiting, &err);
}

static void submit_waiting(struct grpc_channel *ch)
{
    while (!ch->draining && !list_empty(&ch->waiting))
        grpc_session_submit(ch, list_first(&ch->waiting, struct grpc_call, link));
}

static int keepalive(struct grpc_channel *ch, struct err *err)
{
    int64_t now = grpc_now();
    if (!ch->keepalive_ns || now - ch->last_recv < ch->keepalive_ns)
        return 0;
    if (!ch->ping_sent) {
        ch->ping_sent = now;
        grpc_session_ping(ch);
    } else if (now - ch->ping_sent >= ch->keepalive_ns) {
        return err_set(err, ERR_UNAVAILABLE, "no answer to a PING");
    }
    return 0;
}

/* One turn with a standing connection, after poll. */
static void serve(struct grpc_channel *ch, short revents)
{
    struct err err = ERR_INIT;
    if (revents & (POLLIN | POLLHUP | POLLERR)) {
        int rc = grpc_session_recv(ch, &err);
        if (rc < 0) {
            disconnect(ch, &err);
            return;
        }
        if (ch->heard)
            ch->backoff_ns = 0;
    }
    submit_waiting(ch);
    if (keepalive(ch, &err) < 0 || grpc_session_send(ch, &err) < 0) {
        disconnect(ch, &err);
        return;
    }
    if ((ch->draining && list_empty(&ch->running)) ||
        (!nghttp2_session_want_read(ch->session) && !nghttp2_session_want_write(ch->session))) {
        err_set(&err, ERR_UNAVAILABLE, "the server said goodbye");
        disconnect(ch, &err);
    }
}

/* --- the loop --- */

static int timeout_ms(const struct grpc_channel *ch)
{
    int64_t now = grpc_now(), until = INT64_MAX;
    if (ch->next_deadline)
        until = ch->next_deadline;
    if (!ch->conn && !list_empty(&ch->waiting))
        until = MIN_OF(until, ch->next_attempt);
    if (ch->conn && ch->keepalive_ns)
        until = MIN_OF(until, (ch->ping_sent ? ch->ping_sent : ch->last_recv) + ch->keepalive_ns);
    if (until == INT64_MAX)
        return -1;
    return until <= now ? 0 : (int)MIN_OF((until - now + NS_PER_MS - 1) / NS_PER_MS, 60000);
}

/* Sleeps until there is something to do; the events of the connection. */
static short wait_for_events(struct grpc_channel *ch)
{
    struct pollfd fds[2] = {{ch->wake_fd, POLLIN, 0}, {-1, POLLIN, 0}};
    if (ch->conn) {
        fds[1].fd = net_conn_fd(ch->conn);
        if (ch->want_write)
            fds[1].events |= POLLOUT;
    }
    pthread_mutex_lock(&ch->lock);
    bool idle = list_empty(&ch->commands) && !ch->stopping;
    ch->asleep = idle;
    pthread_mutex_unlock(&ch->lock);
    if (poll(fds, 2, idle && !ch->more_to_read ? timeout_ms(ch) : 0) < 0)
        return 0;
    if (fds[0].revents) {
        eventfd_t n;
        (void)eventfd_read(ch->wake_fd, &n);
    }
    return (short)(fds[1].revents | (ch->more_to_read ? POLLIN : 0));
}

static void *channel_main(void *user)
{
    struct grpc_channel *ch = user;
    struct err err = ERR_INIT;
    for (;;) {
        short revents = wait_for_events(ch);
        if (!run_commands(ch))
            break;
        expire(ch);
        if (!ch->conn && !list_empty(&ch->waiting) && grpc_now() >= ch->next_attempt) {
            connect_channel(ch);
            revents = 0;
        }
        if (ch->conn)
            serve(ch, revents);
    }
    err_set(&err, ERR_CANCELLED, "the channel was closed");
    fail_all(&ch->running, &err);
    fail_all(&ch->waiting, &err);
    if (ch->conn)
        disconnect(ch, &err);
    return NULL;
}

/* --- life cycle --- */

void grpc_channel_unref(struct grpc_channel *ch)
{
    if (atomic_fetch_sub(&ch->refs, 1) != 1)
        return;
    for (size_t i = 0; i < ch->n_targets; i++)
        grpc_target_release(&ch->targets[i]);
    free(ch->targets);
    net_tls_free(ch->tls);
    free(ch->authority);
    free(ch->recv_buf);
    buf_release(&ch->out);
    if (ch->wake_fd >= 0)
        close(ch->wake_fd);
    pthread_mutex_destroy(&ch->lock);
    free(ch);
}

static void grpc_channel_unrefp(struct grpc_channel **ch)
{
    if (*ch)
        grpc_channel_unref(*ch);
}

static int parse_targets(struct grpc_channel *ch, const char *text, struct err *err)
{
    struct str rest = str_of(text), one;
    while (str_split(&rest, ',', &one)) {
        ch->targets = xrealloc(ch->targets, (ch->n_targets + 1) * sizeof *ch->targets);
        if (grpc_target_parse(one, &ch->targets[ch->n_targets], err) < 0)
            return -1;
        ch->n_targets++;
    }
    return ch->n_targets ? 0 : err_set(err, ERR_BAD_REQUEST, "no target");
}

static const char *or_null(const char *s)
{
    return s && *s ? s : NULL;
}

static int load_tls(struct grpc_channel *ch, const struct grpc_channel_options *o, struct err *err)
{
    const struct net_tls_options tls = {
        .ca_file = or_null(o->ca_file),
        .cert_file = or_null(o->cert_file),
        .key_file = or_null(o->key_file),
        .server_name = or_null(o->server_name),
        .alpn = "h2",
    };
    bool needed = false;
    for (size_t i = 0; i < ch->n_targets; i++)
        needed = needed || ch->targets[i].address.tls;
    return needed ? net_tls_new(&tls, &ch->tls, err) : 0;
}

static struct grpc_channel *channel_alloc(const struct grpc_channel_options *o)
{
    struct grpc_channel *ch = xcalloc(1, sizeof *ch);
    atomic_init(&ch->refs, 1);
    pthread_mutex_init(&ch->lock, NULL);
    list_init(&ch->commands);
    list_init(&ch->waiting);
    list_init(&ch->running);
    ch->authority = or_null(o->authority) ? xstrdup(o->authority) : NULL;
    ch->max_message = o->max_message ? o->max_message : LIMIT_GRPC_MESSAGE;
    ch->connect_timeout_ms = o->connect_timeout_ms ? o->connect_timeout_ms : 5000;
    ch->backoff_max_ms = o->backoff_max_ms ? o->backoff_max_ms : 2000;
    ch->keepalive_ns = o->keepalive_ms * NS_PER_MS;
    ch->fail_fast = o->fail_fast;
    ch->recv_buf = xmalloc(GRPC_RECV_SIZE);
    buf_init(&ch->out, GRPC_SEND_BATCH * 2 + 1024 * 1024);
    ch->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return ch;
}

int grpc_channel_new(const struct grpc_channel_options *o, struct grpc_channel **ret, struct err *err)
{
    _cleanup_(grpc_channel_unrefp) struct grpc_channel *ch = channel_alloc(o);
    if (ch->wake_fd < 0)
        return err_errno(err, errno, "eventfd");
    if (parse_targets(ch, o->target, err) < 0 || load_tls(ch, o, err) < 0)
        return -1;
    int rc = pthread_create(&ch->thread, NULL, channel_main, ch);
    if (rc)
        return err_errno(err, rc, "cannot start a thread");
    *ret = TAKE(ch);
    return 0;
}

struct grpc_channel *grpc_channel_free(struct grpc_channel *ch)
{
    if (!ch)
        return NULL;
    pthread_mutex_lock(&ch->lock);
    ch->stopping = true;
    pthread_mutex_unlock(&ch->lock);
    (void)eventfd_write(ch->wake_fd, 1);
    pthread_join(ch->thread, NULL);
    grpc_channel_unref(ch);
    return NULL;
}

bool grpc_channel_connected(struct grpc_channel *ch)
{
    return atomic_load(&ch->connected);
}
