/*
 * /containerLogs/{namespace}/{pod}/{container}: read from the file, and with follow=true as the file grows.
 *
 * One thread (the watcher) hears from the kernel that log files grow and wakes the responses that follow them. The
 * end of a container shows by the runtime closing its log; then the runtime is asked whether it has ended.
 */
#include "kubelet/server/internal.h"

#include "base/list.h"
#include "base/log.h"
#include "base/parse.h"
#include "kubelet/server/log_read.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

#define FOLLOWERS_MAX 1000
#define CHECK_MS 100
#define SLOW_CHECK_MS 1000

struct log_watcher {
    struct kubelet *k;
    int inotify, wake;
    pthread_t thread;
    pthread_mutex_t lock;
    struct list followers;
    size_t n_followers;
    bool stopping;
};

/* A log on its way to a client. Belongs to its response, from the start until close; the watcher sees it under its lock
 * while it is in the list. */
struct log_stream {
    struct list link;
    struct log_watcher *w;
    struct http_request *r;
    struct log_reader *reader;
    char *uid, *id;
    bool follow;
    int wd;          /* of the log's folder: the file itself is another one after a rotation */
    bool check;      /* ask the runtime whether the container has ended; under the lock */
    bool ended;      /* atomic */
    bool last_round; /* it had ended before the last read */
};

/* --- the watcher --- */

static bool container_ended(struct log_watcher *w, const char *uid, const char *id)
{
    _cleanup_(runtime_pod_freep) struct runtime_pod *p = NULL;
    struct err err = ERR_INIT;
    if (runtime_pod_load(w->k->runtime, uid, &p, &err) < 0)
        return false;
    const struct runtime_container *c = runtime_pod_container_by_id(p, id);
    return !c || c->state != CONTAINER_RUNNING;
}

/* With the lock held: passes an event of the kernel on. */
static void on_event(struct log_watcher *w, const struct inotify_event *e)
{
    list_foreach (&w->followers, struct log_stream, s, link) {
        if (e->wd != s->wd)
            continue;
        if (e->mask & (IN_CLOSE_WRITE | IN_IGNORED))
            s->check = true;
        http_response_wake(s->r);
    }
}

static void read_events(struct log_watcher *w)
{
    char block[8192] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t n = read(w->inotify, block, sizeof(block));
    pthread_mutex_lock(&w->lock);
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *e = (const struct inotify_event *)(const void *)(block + at);
        on_event(w, e);
        at += (ssize_t)sizeof(*e) + (ssize_t)e->len;
    }
    pthread_mutex_unlock(&w->lock);
}

/* The next stream whose container may have ended; copies of its names. */
static bool next_check(struct log_watcher *w, char **ret_uid, char **ret_id)
{
    bool found = false;
    pthread_mutex_lock(&w->lock);
    list_foreach (&w->followers, struct log_stream, s, link) {
        if (s->check && !found) {
            s->check = false;
            *ret_uid = xstrdup(s->uid);
            *ret_id = xstrdup(s->id);
            found = true;
        }
    }
    pthread_mutex_unlock(&w->lock);
    return found;
}

static void mark(struct log_watcher *w, const char *id, bool ended)
{
    pthread_mutex_lock(&w->lock);
    list_foreach (&w->followers, struct log_stream, s, link) {
        if (strcmp(s->id, id) != 0)
            continue;
        if (!ended) {
            s->check = true; /* the runtime may be a little behind */
        } else {
            s->check = false;
            __atomic_store_n(&s->ended, true, __ATOMIC_RELEASE);
            http_response_wake(s->r);
        }
    }
    pthread_mutex_unlock(&w->lock);
}

/* True when some containers have to be looked at again soon. */
static bool check_ended(struct log_watcher *w)
{
    bool again = false;
    for (size_t i = 0; i < FOLLOWERS_MAX; i++) {
        _cleanup_(freep) char *uid = NULL, *id = NULL;
        if (!next_check(w, &uid, &id))
            return again;
        bool ended = container_ended(w, uid, id);
        mark(w, id, ended);
        if (!ended)
            return true; /* it is marked again; the others follow in the next turn */
    }
    return true;
}

static void *watcher_main(void *arg)
{
    struct log_watcher *w = arg;
    int rounds = 0;
    bool again = false;
    for (;;) {
        struct pollfd fds[] = {{.fd = w->inotify, .events = POLLIN}, {.fd = w->wake, .events = POLLIN}};
        pthread_mutex_lock(&w->lock);
        bool stop = w->stopping;
        pthread_mutex_unlock(&w->lock);
        if (stop)
            return NULL;
        if (poll(fds, 2, rounds > 0 ? CHECK_MS : again ? SLOW_CHECK_MS : -1) < 0 && errno != EINTR)
            return NULL;
        if (fds[1].revents) {
            uint64_t count;
            (void)!read(w->wake, &count, sizeof(count));
        }
        if (fds[0].revents)
            read_events(w);
        /* A log that was rotated is closed too: after a second of "still running" it is asked less often, and not
         * never: a busy runtime may take longer to see that a container has ended. */
        again = check_ended(w);
        rounds = !again ? 0 : fds[0].revents || fds[1].revents ? 10 : MAX_OF(rounds - 1, 0);
    }
}

int log_watcher_new(struct kubelet *k, struct log_watcher **ret, struct err *err)
{
    struct log_watcher *w = xcalloc(1, sizeof(*w));
    w->k = k;
    list_init(&w->followers);
    pthread_mutex_init(&w->lock, NULL);
    w->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = w->inotify < 0 || w->wake < 0 ? errno : pthread_create(&w->thread, NULL, watcher_main, w);
    if (rc != 0) {
        closep(&w->inotify);
        closep(&w->wake);
        free(w);
        return err_errno(err, rc, "cannot watch log files");
    }
    *ret = w;
    return 0;
}

static void nudge(struct log_watcher *w)
{
    uint64_t one = 1;
    (void)!write(w->wake, &one, sizeof(one));
}

struct log_watcher *log_watcher_free(struct log_watcher *w)
{
    if (!w)
        return NULL;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_mutex_unlock(&w->lock);
    nudge(w);
    pthread_join(w->thread, NULL);
    close(w->inotify);
    close(w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w);
    return NULL;
}

/* --- one stream --- */

/* Several streams of one file share the kernel's watch: it goes with the last. With the lock held. */
static bool wd_in_use(const struct log_watcher *w, int wd)
{
    list_foreach ((struct list *)&w->followers, struct log_stream, s, link) {
        if (s->wd == wd)
            return true;
    }
    return false;
}

static void unfollow(struct log_stream *s)
{
    struct log_watcher *w = s->w;
    pthread_mutex_lock(&w->lock);
    list_remove(&s->link);
    w->n_followers--;
    if (s->wd >= 0 && !wd_in_use(w, s->wd))
        inotify_rm_watch(w->inotify, s->wd);
    pthread_mutex_unlock(&w->lock);
}

static bool follow(struct log_stream *s, const char *path)
{
    struct log_watcher *w = s->w;
    const char *slash = strrchr(path, '/');
    _cleanup_(freep) char *dir = xstrndup(path, (size_t)(slash - path));
    pthread_mutex_lock(&w->lock);
    bool room = w->n_followers < FOLLOWERS_MAX;
    if (room) {
        s->wd = inotify_add_watch(w->inotify, dir, IN_MODIFY | IN_CLOSE_WRITE | IN_CREATE);
        list_push(&w->followers, &s->link);
        w->n_followers++;
    }
    pthread_mutex_unlock(&w->lock);
    return room;
}

static void stream_free(struct log_stream *s)
{
    log_reader_free(s->reader);
    http_request_unref(s->r);
    free(s->uid);
    free(s->id);
    free(s);
}

static enum http_pull read_some(struct log_stream *s, struct slice_queue *out, size_t want)
{
    struct buf text = BUF_INIT(LIMIT_RESPONSE);
    bool ended = !s->follow || __atomic_load_n(&s->ended, __ATOMIC_ACQUIRE);
    int rc = log_reader_read(s->reader, &text, MAX_OF(want, 4096));
    if (text.len) {
        struct str bytes = buf_str(&text);
        struct shared_buf *b = shared_buf_from(&text);
        bytes = shared_buf_str(b);
        slice_queue_push(out, b, bytes);
    }
    buf_release(&text);
    if (rc < 0)
        return HTTP_PULL_END;
    if (rc > 0)
        return HTTP_PULL_MORE;
    if (s->follow && log_reader_reopen(s->reader))
        return HTTP_PULL_MORE;
    if (!ended)
        return HTTP_PULL_WAIT;
    if (s->follow && !s->last_round) { /* what was written between the last read and its end */
        s->last_round = true;
        return HTTP_PULL_MORE;
    }
    return HTTP_PULL_END;
}

static enum http_pull on_pull(void *ctx, struct slice_queue *out, size_t want)
{
    size_t before = out->bytes;
    enum http_pull result;
    do /* the server takes "more" without a byte for waiting: look on until there is something, or nothing */
        result = read_some(ctx, out, want);
    while (result == HTTP_PULL_MORE && out->bytes == before);
    return result;
}

static void on_close(void *ctx, bool complete)
{
    struct log_stream *s = ctx;
    if (s->follow)
        unfollow(s);
    stream_free(s);
}

static const struct http_stream_ops stream_ops = {.pull = on_pull, .close = on_close};

/* --- the request --- */

static bool read_number(struct call *c, const char *name, int64_t *ret)
{
    const char *text = call_query(c, name);
    if (!text || parse_range(str_of(text), 0, INT64_MAX / NS_PER_S, ret))
        return true;
    call_text(c, 422, "invalid value \"%s\" for %s\n", text, name);
    return false;
}

static bool read_options(struct call *c, struct log_options *o)
{
    int64_t since = -1, nanos_s = 0;
    int32_t nanos = 0;
    *o = (struct log_options){.tail = -1, .limit = -1, .timestamps = call_query_true(c, "timestamps")};
    if (!read_number(c, "tailLines", &o->tail) || !read_number(c, "limitBytes", &o->limit) ||
        !read_number(c, "sinceSeconds", &since))
        return false;
    if (since >= 0)
        o->since_ns = clock_wall(c->s->k->clock) - since * NS_PER_S;
    const char *time = call_query(c, "sinceTime");
    if (time) {
        if (!parse_rfc3339(str_of(time), &nanos_s, &nanos)) {
            call_text(c, 422, "invalid value \"%s\" for sinceTime\n", time);
            return false;
        }
        o->since_ns = nanos_s * NS_PER_S + nanos;
    }
    const char *stream = call_query(c, "stream");
    o->only_stdout = text_is(stream, "Stdout");
    o->only_stderr = text_is(stream, "Stderr");
    return true;
}

static const Corev1__ContainerStatus *status_of(const Corev1__Pod *pod, const char *name)
{
    const Corev1__PodStatus *s = pod->status;
    for (size_t i = 0; s && i < s->n_containerstatuses; i++)
        if (text_is(s->containerstatuses[i]->name, name))
            return s->containerstatuses[i];
    for (size_t i = 0; s && i < s->n_initcontainerstatuses; i++)
        if (text_is(s->initcontainerstatuses[i]->name, name))
            return s->initcontainerstatuses[i];
    return NULL;
}

/* The one that the status shows as lastState: of a container in a crash loop that is the newest. */
static const struct runtime_container *previous_of(const Corev1__Pod *pod, const struct runtime_pod *p,
                                                   const char *name)
{
    const Corev1__ContainerStatus *k = status_of(pod, name);
    const Corev1__ContainerStateTerminated *end = k && k->laststate ? k->laststate->terminated : NULL;
    const char *id = end && end->containerid ? strstr(end->containerid, "://") : NULL;
    return id ? runtime_pod_container_by_id(p, id + 3) : NULL;
}

static const char *waiting_words(const Corev1__Pod *pod, const char *name)
{
    const Corev1__ContainerStatus *k = status_of(pod, name);
    const char *reason = "ContainerCreating";
    if (k && k->state && k->state->waiting)
        reason = text_or(k->state->waiting->reason, reason);
    if (strcmp(reason, "ErrImagePull") == 0)
        return "image can't be pulled";
    if (strcmp(reason, "ImagePullBackOff") == 0)
        return "trying and failing to pull image";
    return reason;
}

/* The container whose log is meant; NULL after it has answered. */
static const struct runtime_container *choose(struct call *c, const Corev1__Pod *pod, const struct runtime_pod *p,
                                              const char *name)
{
    bool init;
    if (!pod_find_container(pod, name, &init)) {
        call_text(c, 400, "container %s is not valid for pod %s\n", name, c->parts[1]);
        return NULL;
    }
    const struct runtime_container *r = runtime_pod_container(p, name);
    if (call_query_true(c, "previous")) {
        r = previous_of(pod, p, name);
        if (!r)
            call_text(c, 400, "previous terminated container \"%s\" in pod \"%s\" not found\n", name, c->parts[1]);
        return r;
    }
    if (!r || r->state == CONTAINER_CREATED) {
        call_text(c, 400, "container \"%s\" in pod \"%s\" is waiting to start: %s\n", name, c->parts[1],
                  waiting_words(pod, name));
        return NULL;
    }
    return r;
}

void handle_logs(struct call *c)
{
    struct log_options o;
    struct err err = ERR_INIT;
    _cleanup_(kube_object_unrefp) struct kube_object *object = NULL;
    _cleanup_(runtime_pod_freep) struct runtime_pod *p = NULL;
    if (c->n_parts != 3) {
        call_text(c, 404, "404 page not found\n");
        return;
    }
    if (!read_options(c, &o) || !(object = call_pod(c, NULL)))
        return;
    if (runtime_pod_load(c->s->k->runtime, kstr(object->meta->uid), &p, &err) < 0) {
        call_error(c, &err);
        return;
    }
    const struct runtime_container *r = choose(c, kube_pod(object), p, c->parts[2]);
    if (!r)
        return;
    struct log_stream *s = xcalloc(1, sizeof(*s));
    s->w = c->s->logs;
    s->r = http_request_ref(c->r);
    s->uid = xstrdup(p->uid);
    s->id = xstrdup(r->id);
    s->wd = -1;
    list_init(&s->link);
    if (log_reader_open(r->log_path, &o, &s->reader, &err) < 0) {
        call_error(c, &err);
        stream_free(s);
        return;
    }
    s->follow = call_query_true(c, "follow") && r->state == CONTAINER_RUNNING;
    if (s->follow && !follow(s, r->log_path)) {
        call_text(c, 429, "too many logs are being followed\n");
        stream_free(s);
        return;
    }
    if (s->follow) { /* it may have ended while we began to listen */
        pthread_mutex_lock(&s->w->lock);
        s->check = true;
        pthread_mutex_unlock(&s->w->lock);
        nudge(s->w);
    }
    const struct http_header type = HTTP_HEADER("content-type", "text/plain");
    http_respond_stream(c->r, 200, &type, 1, &stream_ops, s);
}
