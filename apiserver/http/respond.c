#include "apiserver/http/respond.h"

#include "api/status.h"
#include "apiserver/http/table.h"
#include "apiserver/registry/codec.h"
#include "base/limits.h"

#define LIMIT_ANSWER (16 * MIB) /* one object as text; lists are gathered from slices and have no such bound */

bool respond_pretty(const struct request *r)
{
    if (query_has(&r->query, "pretty"))
        return query_bool(&r->query, "pretty");
    struct str agent = http_header(r->http, "user-agent");
    return str_starts(agent, STR("curl")) || str_starts(agent, STR("Wget")) || str_starts(agent, STR("Mozilla/5.0"));
}

/* 299 - "text", quotes and backslashes escaped, control characters dropped. */
static struct str warning_value(struct arena *a, const char *text)
{
    size_t n = strlen(text);
    char *out = arena_alloc(a, 2 * n + 16);
    if (!out)
        return STR("");
    char *p = out;
    memcpy(p, "299 - \"", 7);
    p += 7;
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            continue;
        if (text[i] == '"' || text[i] == '\\')
            *p++ = '\\';
        *p++ = text[i];
    }
    *p++ = '"';
    return str_n(out, (size_t)(p - out));
}

size_t respond_headers(struct request *r, const char *content_type, struct http_header out[RESPOND_HEADERS_MAX])
{
    size_t n = 0;
    out[n++] = HTTP_HEADER("cache-control", "no-cache, private");
    out[n++] = HTTP_HEADER("content-type", content_type);
    for (size_t i = 0; i < r->warnings.n && n < RESPOND_HEADERS_MAX - 2; i++)
        out[n++] = (struct http_header){STR("warning"), warning_value(r->arena, r->warnings.text[i])};
    return n;
}

void respond_slices(struct request *r, int status, const char *content_type, const struct slice *v, size_t n)
{
    struct http_header headers[RESPOND_HEADERS_MAX];
    size_t n_headers = respond_headers(r, content_type, headers);
    request_answered(r, status);
    http_respond_slices(r->http, status, headers, n_headers, v, n);
}

void respond_shared(struct request *r, int status, const char *content_type, struct shared_buf *taken)
{
    struct slice s = {taken, shared_buf_str(taken)};
    respond_slices(r, status, content_type, &s, 1);
}

static void respond_bytes(struct request *r, int status, const char *content_type, struct str body)
{
    struct http_header headers[RESPOND_HEADERS_MAX];
    size_t n_headers = respond_headers(r, content_type, headers);
    request_answered(r, status);
    http_respond(r->http, status, headers, n_headers, body);
}

void respond_text(struct request *r, int status, struct str text)
{
    respond_bytes(r, status, "text/plain; charset=utf-8", text);
}

static void write_json(struct request *r, const struct doc *d, struct buf *out)
{
    if (respond_pretty(r))
        json_write_indent(out, d, "  ");
    else
        json_write(out, d);
    buf_putc(out, '\n');
}

void respond_json(struct request *r, int status, const char *content_type, const struct doc *d)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_ANSWER);
    write_json(r, d, &b);
    respond_bytes(r, status, content_type, buf_str(&b));
}

int respond_doc(struct request *r, int status, const struct doc *d, struct err *err)
{
    if (r->accept.encoding != ENC_PROTOBUF) {
        respond_json(r, status, encoding_media_type(r->accept.encoding), d);
        return 0;
    }
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_ANSWER);
    if (codec_write(d, ENC_PROTOBUF, &b, err) < 0)
        return -1;
    respond_bytes(r, status, encoding_media_type(ENC_PROTOBUF), buf_str(&b));
    return 0;
}

void respond_error(struct request *r, const struct err *err)
{
    int status = status_http(err);
    struct doc *d = status_from_err(r->arena, err);
    struct accepted accept;
    struct err ignored = ERR_INIT;
    if (negotiate_accept(http_header(r->http, "accept"), NEGOTIATE_PLAIN, &accept, &ignored) < 0)
        accept = (struct accepted){0};
    r->accept = accept;
    if (err->retry_after_s) {
        /* the number goes in a header of its own as well */
        struct http_header headers[RESPOND_HEADERS_MAX];
        size_t n = respond_headers(r, "application/json", headers);
        const char *seconds = arena_printf(r->arena, "%d", err->retry_after_s);
        headers[n++] = HTTP_HEADER("retry-after", seconds);
        _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_ANSWER);
        write_json(r, d, &b);
        request_answered(r, status);
        http_respond(r->http, status, headers, n, buf_str(&b));
        return;
    }
    if (respond_doc(r, status, d, &ignored) < 0)
        respond_json(r, status, "application/json", d);
}

static int respond_encoded(struct request *r, int status, const struct encoded *e)
{
    struct slice slices[2] = {{e->buf, e->all} /* the reference goes along */, {NULL, STR("\n")}};
    bool json = r->accept.encoding == ENC_JSON;
    respond_slices(r, status, encoding_media_type(r->accept.encoding), slices, json ? 2 : 1);
    return 0;
}

int respond_object(struct request *r, int status, const struct storage_object *o, struct err *err)
{
    struct encoded e;
    struct doc *d = NULL;
    bool text = r->accept.encoding == ENC_YAML || (r->accept.encoding == ENC_JSON && respond_pretty(r));
    if (r->accept.shape == SHAPE_TABLE || text || r->accept.beta) {
        if (codec_load(r->res, r->arena, o, &d, err) < 0)
            return -1;
        if (r->accept.shape == SHAPE_TABLE)
            return table_respond_object(r, status, d, err);
        if (r->accept.shape == SHAPE_METADATA)
            d = codec_partial_metadata(r->arena, d, r->accept.beta);
        return respond_doc(r, status, d, err);
    }
    if (r->accept.shape == SHAPE_METADATA) {
        if (codec_encoded_metadata(r->res, o, r->accept.encoding, &e, err) < 0)
            return -1;
    } else if (codec_encoded(r->res, o, r->accept.encoding, &e, err) < 0) {
        return -1;
    }
    return respond_encoded(r, status, &e);
}
