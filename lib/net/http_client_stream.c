/* Streaming reads: one curl multi handle a stream, driven by the thread that reads. */
#include "http_client_internal.h"

#define STREAM_PIECE (256 * 1024)

struct http_client_stream {
    struct http_client *client;
    CURL *easy;
    CURLM *multi;
    struct http_exchange x;
    struct buf in; /* come, not yet read */
    bool paused, over;
    CURLcode result;
    atomic_bool cancelled;
};

static size_t take_piece(char *p, size_t size, size_t n, void *user)
{
    struct http_client_stream *s = user;
    size_t bytes = size * n;
    if (s->in.len && s->in.len + bytes > STREAM_PIECE) {
        s->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    buf_add(&s->in, p, bytes);
    return buf_ok(&s->in) ? bytes : 0;
}

/* Moves what can be moved now. */
static int advance(struct http_client_stream *s, struct err *err)
{
    int running = 0, left;
    if (curl_multi_perform(s->multi, &running))
        return err_set(err, ERR_SYSTEM, "curl_multi_perform failed");
    const CURLMsg *m = curl_multi_info_read(s->multi, &left);
    if (m) {
        s->over = true;
        s->result = m->data.result;
    }
    return 0;
}

static int end_of(struct http_client_stream *s, struct err *err)
{
    return s->result == CURLE_OK ? 0 : curl_conn_err(err, s->result, s->client->original_url, s->x.text);
}

static bool is_cancelled(struct http_client_stream *s, struct err *err)
{
    if (!atomic_load(&s->cancelled))
        return false;
    err_set(err, ERR_CANCELLED, "cancelled");
    return true;
}

/* Waits for the socket or a cancel, at most until `until` (mono ns). False when the time has passed. */
static bool wait_more(struct http_client_stream *s, int64_t until)
{
    int64_t now = clock_mono(&clock_system);
    if (now >= until)
        return false;
    int64_t ms = until == INT64_MAX ? 60000 : MIN_OF((until - now + NS_PER_MS - 1) / NS_PER_MS, 60000);
    curl_multi_poll(s->multi, NULL, 0, (int)ms, NULL);
    return true;
}

static int wait_headers(struct http_client_stream *s, int timeout_ms, struct err *err)
{
    int64_t until = clock_mono(&clock_system) + (timeout_ms ? timeout_ms : 30000) * NS_PER_MS;
    for (;;) {
        if (advance(s, err) < 0)
            return -1;
        if (s->x.headers_done)
            return 0;
        if (s->over)
            return s->result ? end_of(s, err) : err_set(err, ERR_UNAVAILABLE, "the server sent no answer");
        if (is_cancelled(s, err))
            return -1;
        if (!wait_more(s, until))
            return err_set(err, ERR_TIMEOUT, "%s: no answer in time", s->client->original_url);
    }
}

int http_client_stream_open(struct http_client *c, const struct http_client_request *r, struct http_client_stream **ret,
                            struct err *err)
{
    _cleanup_(http_client_stream_freep) struct http_client_stream *s = xcalloc(1, sizeof *s);
    s->client = http_client_ref(c);
    buf_init(&s->in, 4 * STREAM_PIECE);
    s->multi = curl_multi_init();
    if (!s->multi)
        return err_set(err, ERR_SYSTEM, "cannot set up libcurl");
    s->easy = http_client_take(c, true);
    if (http_exchange_prepare(c, s->easy, r, &s->x, err) < 0)
        return -1;
    curl_easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, take_piece);
    curl_easy_setopt(s->easy, CURLOPT_WRITEDATA, s);
    curl_easy_setopt(s->easy, CURLOPT_TIMEOUT_MS, 0L);
    curl_easy_setopt(s->easy, CURLOPT_BUFFERSIZE, 32768L);
    if (r->body.n)
        curl_easy_setopt(s->easy, CURLOPT_COPYPOSTFIELDS, r->body.p);
    curl_multi_add_handle(s->multi, s->easy);
    if (wait_headers(s, r->timeout_ms, err) < 0)
        return -1;
    *ret = TAKE(s);
    return 0;
}

int http_client_stream_status(const struct http_client_stream *s)
{
    return s->x.status;
}

struct str http_client_stream_header(const struct http_client_stream *s, const char *name)
{
    return http_client_header(&s->x.headers, name);
}

static int hand_over(struct http_client_stream *s, struct buf *out, struct err *err)
{
    buf_str_add(out, buf_str(&s->in));
    buf_clear(&s->in);
    if (s->paused) {
        s->paused = false;
        curl_easy_pause(s->easy, CURLPAUSE_CONT); /* may call take_piece at once */
    }
    return buf_ok(out) ? 1 : err_set(err, ERR_TOO_LARGE, "no room for what the server sends");
}

int http_client_stream_read(struct http_client_stream *s, int timeout_ms, struct buf *out, struct err *err)
{
    int64_t until = timeout_ms < 0 ? INT64_MAX : clock_mono(&clock_system) + timeout_ms * NS_PER_MS;
    for (;;) {
        if (is_cancelled(s, err))
            return -1;
        if (s->in.len)
            return hand_over(s, out, err);
        if (s->over)
            return end_of(s, err);
        if (advance(s, err) < 0)
            return -1;
        if (!s->in.len && !s->over && !wait_more(s, until))
            return err_set(err, ERR_TIMEOUT, "nothing came within %d ms", timeout_ms);
    }
}

void http_client_stream_cancel(struct http_client_stream *s)
{
    atomic_store(&s->cancelled, true);
    curl_multi_wakeup(s->multi);
}

struct http_client_stream *http_client_stream_free(struct http_client_stream *s)
{
    if (!s)
        return NULL;
    if (s->easy) {
        curl_multi_remove_handle(s->multi, s->easy);
        http_client_give(s->client, s->easy, false);
    }
    if (s->multi)
        curl_multi_cleanup(s->multi);
    http_exchange_release(&s->x);
    buf_release(&s->in);
    http_client_free(s->client);
    free(s);
    return NULL;
}
