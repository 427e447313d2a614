#include "base/limits.h"
#include "client/rest.h"
#include "client/wire.h"

#include <stdio.h>

#define FRAME_MAX (LIMIT_OBJECT * 4)
#define IDLE_BUFFER (16 * KIB)
#define SILENCE_EXTRA_S 30 /* past the time the server had to end the watch: the connection is dead */

struct kube_watch {
    const struct kube_kind *kind;
    struct http_client_stream *stream;
    struct buf in; /* what has come and is not yet an event; consumed bytes are dropped when a read is needed */
    size_t at;
    int silence_ms;
};

int kube_raw_stream(struct kube_client *c, const char *path, const char *accept, struct http_client_stream **ret,
                    struct err *err)
{
    _cleanup_(http_client_stream_freep) struct http_client_stream *s = NULL;
    char line[256];
    const char *headers[] = {line};

    snprintf(line, sizeof(line), "Accept: %s", accept ? accept : "application/json");
    struct http_client_request req = {
        .path = path, .headers = headers, .n_headers = 1, .timeout_ms = rest_timeout_ms(c)};
    if (http_client_stream_open(rest_http(c), &req, &s, err) < 0)
        return -1;
    if (http_client_stream_status(s) >= 400) {
        _cleanup_(buf_releasep) struct buf body = BUF_INIT(MIB);
        struct err broken = ERR_INIT;
        while (http_client_stream_read(s, rest_timeout_ms(c), &body, &broken) > 0)
            continue;
        return rest_error(http_client_stream_status(s), buf_str(&body), err);
    }
    *ret = TAKE(s);
    return 0;
}

int kube_watch_open(struct kube_client *c, const struct kube_kind *k, const struct kube_watch_options *o,
                    struct kube_watch **ret, struct err *err)
{
    _cleanup_(buf_releasep) struct buf path = BUF_INIT(REST_PATH_MAX);
    _cleanup_(http_client_stream_freep) struct http_client_stream *s = NULL;

    rest_path(&path, k, o->ns, NULL, NULL);
    rest_query(&path, "watch", "true");
    rest_query(&path, "allowWatchBookmarks", "true");
    rest_query(&path, "labelSelector", o->label_selector);
    rest_query(&path, "fieldSelector", o->field_selector);
    rest_query(&path, "resourceVersion", o->resource_version);
    if (o->timeout_s)
        rest_query_int(&path, "timeoutSeconds", o->timeout_s);
    if (!buf_ok(&path))
        return err_set(err, ERR_BAD_REQUEST, "selector too long");
    if (kube_raw_stream(c, path.data, rest_accept(k, false, true), &s, err) < 0)
        return err_wrap(err, "watch %s", k->resource);
    struct kube_watch *w = xcalloc(1, sizeof(*w));
    w->kind = k;
    w->stream = TAKE(s);
    w->silence_ms = o->timeout_s ? (int)(o->timeout_s + SILENCE_EXTRA_S) * 1000 : -1;
    buf_init(&w->in, FRAME_MAX + 256 * KIB + 4);
    *ret = w;
    return 0;
}

/* Makes n bytes be there at w->at. 1, 0 at the end of the stream, -1. */
static int need(struct kube_watch *w, size_t n, struct err *err)
{
    while (w->in.len - w->at < n) {
        buf_consume(&w->in, w->at);
        w->at = 0;
        if (w->in.len == 0 && w->in.cap > IDLE_BUFFER)
            buf_release(&w->in); /* a quiet watch must not hold what the initial burst needed */
        int r = http_client_stream_read(w->stream, w->silence_ms, &w->in, err);
        if (r == 0 && w->in.len)
            return err_set(err, ERR_UNAVAILABLE, "watch %s: the stream ended within an event", w->kind->resource);
        if (r <= 0)
            return r;
    }
    return 1;
}

static uint32_t load_be32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

/* metav1.WatchEvent {1: type, 2: RawExtension {1: bytes of the object in its envelope}} */
static bool open_event(struct str frame, struct str *type, struct str *object)
{
    struct wire_envelope e;
    struct wire_field f, x;
    int r;

    *type = *object = STR("");
    if (wire_open(frame, &e)) /* some servers wrap the event as well */
        frame = e.raw;
    while ((r = wire_next_field(&frame, &f)) > 0) {
        if (f.number == 1 && f.type == 2)
            *type = f.bytes;
        if (f.number == 2 && f.type == 2)
            while ((r = wire_next_field(&f.bytes, &x)) > 0)
                if (x.number == 1)
                    *object = x.bytes;
        if (r < 0)
            return false;
    }
    return r == 0;
}

static int event_of(struct kube_watch *w, struct str frame, enum kube_watch_type *ret_type, struct kube_object **ret,
                    struct err *err)
{
    static const char *const names[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK"};
    struct wire_envelope e;
    struct str type, object;

    if (!open_event(frame, &type, &object) || !wire_open(object, &e))
        return err_set(err, ERR_BAD_GATEWAY, "watch %s: broken event", w->kind->resource);
    if (str_is(type, "ERROR"))
        return rest_error_status(e.raw, err);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_is(type, names[i])) {
            *ret_type = (enum kube_watch_type)i;
            return kube_object_decode(w->kind, e.raw, ret, err) < 0 ? -1 : 1;
        }
    return err_set(err, ERR_BAD_GATEWAY, "watch %s: event of type " STR_FMT, w->kind->resource, STR_ARG(type));
}

int kube_watch_next(struct kube_watch *w, enum kube_watch_type *ret_type, struct kube_object **ret, struct err *err)
{
    int r = need(w, 4, err);
    if (r <= 0)
        return r;
    size_t n = load_be32(w->in.data + w->at);
    if (n > FRAME_MAX)
        return err_set(err, ERR_TOO_LARGE, "watch %s: event of %zu bytes", w->kind->resource, n);
    r = need(w, 4 + n, err);
    if (r < 0)
        return -1;
    if (r == 0)
        return err_set(err, ERR_UNAVAILABLE, "watch %s: the stream ended within an event", w->kind->resource);
    struct str frame = str_n(w->in.data + w->at + 4, n);
    w->at += 4 + n;
    return event_of(w, frame, ret_type, ret, err);
}

void kube_watch_cancel(struct kube_watch *w)
{
    http_client_stream_cancel(w->stream);
}

struct kube_watch *kube_watch_free(struct kube_watch *w)
{
    if (!w)
        return NULL;
    http_client_stream_free(w->stream);
    buf_release(&w->in);
    free(w);
    return NULL;
}
