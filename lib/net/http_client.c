/* The client, its pool of curl handles (each keeps its connection alive), and whole requests. */
#include "http_client.h"

#include "base/parse.h"
#include "http_client_internal.h"

#include <stdio.h>
#include <strings.h>

/* --- life cycle --- */

struct http_client *http_client_ref(struct http_client *c)
{
    atomic_fetch_add(&c->refs, 1);
    return c;
}

struct http_client *http_client_free(struct http_client *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
        return NULL;
    for (size_t i = 0; i < c->n_idle; i++)
        curl_easy_cleanup(c->idle[i]);
    free(c->idle);
    curl_slist_free_all(c->connect_to);
    free(c->url);
    free(c->original_url);
    free(c->unix_socket);
    free(c->server_name);
    free(c->user_agent);
    free(c->ca_pem);
    free(c->cert_pem);
    free(c->key_pem);
    free(c->token);
    pthread_mutex_destroy(&c->lock);
    free(c);
    return NULL;
}

static char *dup_or_null(const char *s)
{
    return s && *s ? xstrdup(s) : NULL;
}

static struct str keep_pem(char **to, struct str pem)
{
    if (pem.n == 0)
        return (struct str){0};
    *to = str_dup(pem);
    return str_n(*to, pem.n);
}

int http_client_new(const struct http_client_options *o, struct http_client **ret, struct err *err)
{
    struct str url = str_of(o->base_url);
    curl_conn_global_init();
    if (!str_starts(url, STR("http://")) && !str_starts(url, STR("https://")))
        return err_set(err, ERR_BAD_REQUEST, "not an http or https URL: %s", o->base_url);
    while (str_ends(url, STR("/")))
        url.n--;
    _cleanup_(http_client_freep) struct http_client *c = xcalloc(1, sizeof *c);
    atomic_init(&c->refs, 1);
    pthread_mutex_init(&c->lock, NULL);
    c->original_url = str_dup(url);
    c->is_tls = str_starts(url, STR("https://"));
    c->unix_socket = dup_or_null(o->unix_socket);
    c->server_name = dup_or_null(o->tls_server_name);
    c->user_agent = xstrdup(o->user_agent ? o->user_agent : "coracle");
    c->token = dup_or_null(o->bearer_token);
    c->tls.ca_pem = keep_pem(&c->ca_pem, o->ca_pem);
    c->tls.cert_pem = keep_pem(&c->cert_pem, o->cert_pem);
    c->tls.key_pem = keep_pem(&c->key_pem, o->key_pem);
    c->tls.server_name = c->server_name;
    c->tls.insecure = o->insecure_skip_tls_verify;
    c->no_keepalive = o->no_keepalive;
    c->connect_timeout_ms = o->connect_timeout_ms ? o->connect_timeout_ms : 10000;
    c->max_idle = o->max_idle ? o->max_idle : 32;
    c->idle = xcalloc(c->max_idle, sizeof *c->idle);
    if (curl_conn_url(c->original_url, c->is_tls ? c->server_name : NULL, &c->url, &c->connect_to, err) < 0)
        return -1;
    *ret = TAKE(c);
    return 0;
}

void http_client_set_token(struct http_client *c, const char *token)
{
    char *fresh = dup_or_null(token), *old;
    pthread_mutex_lock(&c->lock);
    old = c->token;
    c->token = fresh;
    pthread_mutex_unlock(&c->lock);
    free(old);
}

char *http_client_token(struct http_client *c)
{
    pthread_mutex_lock(&c->lock);
    char *token = dup_or_null(c->token);
    pthread_mutex_unlock(&c->lock);
    return token;
}

/* --- handles --- */

CURL *http_client_take(struct http_client *c, bool fresh)
{
    CURL *easy = NULL;
    pthread_mutex_lock(&c->lock);
    if (!fresh && c->n_idle)
        easy = c->idle[--c->n_idle]; /* the one used last: its connection is the least likely to have gone stale */
    pthread_mutex_unlock(&c->lock);
    if (easy)
        return easy;
    easy = curl_easy_init();
    if (!easy)
        abort(); /* out of memory */
    curl_conn_setup(easy, c->unix_socket, c->is_tls ? &c->tls : NULL, c->connect_to);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, c->user_agent);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)c->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 65536L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, c->no_keepalive ? 1L : 0L);
    return easy;
}

void http_client_give(struct http_client *c, CURL *easy, bool reusable)
{
    /* Nothing of the exchange may be referred to any more: its buffers are going away. */
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
    pthread_mutex_lock(&c->lock);
    bool keep = reusable && !c->no_keepalive && c->n_idle < c->max_idle;
    if (keep)
        c->idle[c->n_idle++] = easy;
    pthread_mutex_unlock(&c->lock);
    if (!keep)
        curl_easy_cleanup(easy);
}

/* --- one exchange --- */

void http_exchange_release(struct http_exchange *x)
{
    buf_release(&x->headers);
    curl_slist_free_all(x->sent_headers);
    x->sent_headers = NULL;
}

static int parse_status(struct str line)
{
    int64_t status;
    struct str version;
    if (!str_split(&line, ' ', &version) || line.n < 3 || !parse_range(str_n(line.p, 3), 100, 999, &status))
        return 0;
    return (int)status;
}

static size_t take_header(char *p, size_t size, size_t n, void *user)
{
    struct http_exchange *x = user;
    struct str line = str_n(p, size * n);
    if (str_starts(line, STR("HTTP/"))) { /* also behind a 100 or a redirect: only the last answer counts */
        buf_clear(&x->headers);
        x->headers_done = false;
        x->status = parse_status(line);
    } else if (str_trim(line).n == 0) {
        x->headers_done = x->status >= 200;
    } else {
        buf_str_add(&x->headers, line);
    }
    return buf_ok(&x->headers) ? line.n : 0;
}

static void set_method(CURL *easy, const char *method, struct str body)
{
    bool get = strcmp(method, "GET") == 0, head = strcmp(method, "HEAD") == 0;
    bool with_body = body.n || (!get && !head && strcmp(method, "DELETE") != 0);
    curl_easy_setopt(easy, CURLOPT_NOBODY, 0L);
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    if (with_body) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.n ? body.p : "");
    }
    if (head)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, get || head ? NULL : method);
}

static bool has_header(const struct http_client_request *r, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < r->n_headers; i++)
        if (strncasecmp(r->headers[i], name, n) == 0 && r->headers[i][n] == ':')
            return true;
    return false;
}

static void add_headers(struct http_client *c, CURL *easy, const struct http_client_request *r, struct http_exchange *x)
{
    _cleanup_(freep) char *token = http_client_token(c);
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    if (token && !has_header(r, "Authorization")) {
        char *line = xasprintf("Authorization: Bearer %s", token);
        list = curl_slist_append(list, line);
        free(line);
    }
    if (!has_header(r, "Content-Type"))
        list = curl_slist_append(list, "Content-Type:"); /* curl would call it a form */
    if (!has_header(r, "Accept"))
        list = curl_slist_append(list, "Accept: */*");
    for (size_t i = 0; i < r->n_headers; i++)
        list = curl_slist_append(list, r->headers[i]);
    x->sent_headers = list;
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
}

static bool path_is_sane(const char *path)
{
    if (path[0] != '/')
        return false;
    for (; *path; path++)
        if (*path <= ' ' || *path == 127)
            return false;
    return true;
}

int http_exchange_prepare(struct http_client *c, CURL *easy, const struct http_client_request *r,
                          struct http_exchange *x, struct err *err)
{
    if (!path_is_sane(r->path))
        return err_set(err, ERR_BAD_REQUEST, "not a request path: %s", r->path);
    for (size_t i = 0; i < r->n_headers; i++)
        if (strpbrk(r->headers[i], "\r\n"))
            return err_set(err, ERR_BAD_REQUEST, "line break in a header");
    buf_init(&x->headers, LIMIT_HEADER_BYTES);
    _cleanup_(freep) char *url = xasprintf("%s%s", c->url, r->path);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->text);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, r->max_redirects > 0 ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)r->max_redirects);
    set_method(easy, r->method ? r->method : "GET", r->body);
    add_headers(c, easy, r, x);
    return 0;
}

/* --- whole requests --- */

struct sink {
    struct buf *body;
    bool truncate, full;
};

static size_t take_body(char *p, size_t size, size_t n, void *user)
{
    struct sink *s = user;
    size_t bytes = size * n, room = s->body->max - s->body->len;
    if (bytes <= room) {
        buf_add(s->body, p, bytes);
        return buf_ok(s->body) ? bytes : 0;
    }
    s->full = true;
    if (s->truncate)
        buf_add(s->body, p, room);
    return 0; /* ends the transfer */
}

/* A kept connection that the server closed while the request was on its way: nothing came back. Only what may be asked
 * twice is asked again; curl itself repeats some of these cases, but not a reset. */
static bool died_in_the_pool(CURL *easy, CURLcode rc, const struct http_client_request *r,
                             const struct http_exchange *x)
{
    long connects = 1;
    bool repeatable = !r->method || strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0;

    curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connects);
    return (rc == CURLE_RECV_ERROR || rc == CURLE_SEND_ERROR || rc == CURLE_GOT_NOTHING) && connects == 0 &&
           repeatable && x->status == 0 && x->headers.len == 0;
}

static int perform(CURL *easy, const struct http_client_request *r, struct http_exchange *x,
                   struct http_client_response *ret, bool *ret_clean, struct err *err)
{
    struct sink sink = {&ret->body, r->truncate, false};
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &sink);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(r->timeout_ms ? r->timeout_ms : 30000));
    CURLcode rc = curl_easy_perform(easy);
    if (died_in_the_pool(easy, rc, r, x)) {
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
        rc = curl_easy_perform(easy);
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 0L);
    }
    ret->status = x->status;
    ret->headers = x->headers;
    buf_init(&x->headers, 0);
    *ret_clean = rc == CURLE_OK;
    if (rc == CURLE_OK || (rc == CURLE_WRITE_ERROR && sink.full && r->truncate))
        return 0;
    if (rc == CURLE_WRITE_ERROR && sink.full)
        return err_set(err, ERR_TOO_LARGE, "%s: response is larger than %zu bytes", r->path, ret->body.max);
    return curl_conn_err(err, rc, r->path, x->text);
}

int http_client_call(struct http_client *c, const struct http_client_request *r, struct http_client_response *ret,
                     struct err *err)
{
    struct http_exchange x = {0};
    bool clean = false;
    *ret = (struct http_client_response){0};
    buf_init(&ret->body, r->max_response ? r->max_response : LIMIT_RESPONSE);
    CURL *easy = http_client_take(c, false);
    int rc = http_exchange_prepare(c, easy, r, &x, err);
    if (rc == 0)
        rc = perform(easy, r, &x, ret, &clean, err);
    http_client_give(c, easy, clean);
    http_exchange_release(&x);
    return rc;
}

void http_client_response_release(struct http_client_response *r)
{
    buf_release(&r->body);
    buf_release(&r->headers);
}

struct str http_client_header(const struct buf *headers, const char *name)
{
    struct str rest = buf_str(headers), line;
    while (rest.n && str_split(&rest, '\n', &line)) {
        struct str key;
        if (str_split(&line, ':', &key) && line.p && str_ieq(str_trim(key), str_of(name)))
            return str_trim(line);
    }
    return STR("");
}
