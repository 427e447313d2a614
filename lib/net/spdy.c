#include "spdy.h"

#include "base/limits.h"

#include <zlib.h>

#define CONTROL_MAX (64 * KIB)  /* a control frame from outside */
#define HEADERS_MAX (256 * KIB) /* inflated */
#define VERSION 0x8003

enum {
    SYN_STREAM = 1,
    SYN_REPLY = 2,
    RST_STREAM = 3,
    SETTINGS = 4,
    PING = 6,
    GOAWAY = 7,
    HEADERS = 8,
    WINDOW_UPDATE = 9
};
#define FLAG_FIN 1

/* The dictionary both sides' zlib starts with (SPDY/3): each word is preceded by its length in four bytes. */
static const char *const dictionary_words[] = {"options",
                                               "head",
                                               "post",
                                               "put",
                                               "delete",
                                               "trace",
                                               "accept",
                                               "accept-charset",
                                               "accept-encoding",
                                               "accept-language",
                                               "accept-ranges",
                                               "age",
                                               "allow",
                                               "authorization",
                                               "cache-control",
                                               "connection",
                                               "content-base",
                                               "content-encoding",
                                               "content-language",
                                               "content-length",
                                               "content-location",
                                               "content-md5",
                                               "content-range",
                                               "content-type",
                                               "date",
                                               "etag",
                                               "expect",
                                               "expires",
                                               "from",
                                               "host",
                                               "if-match",
                                               "if-modified-since",
                                               "if-none-match",
                                               "if-range",
                                               "if-unmodified-since",
                                               "last-modified",
                                               "location",
                                               "max-forwards",
                                               "pragma",
                                               "proxy-authenticate",
                                               "proxy-authorization",
                                               "range",
                                               "referer",
                                               "retry-after",
                                               "server",
                                               "te",
                                               "trailer",
                                               "transfer-encoding",
                                               "upgrade",
                                               "user-agent",
                                               "vary",
                                               "via",
                                               "warning",
                                               "www-authenticate",
                                               "method",
                                               "get",
                                               "status",
                                               "200 OK",
                                               "version",
                                               "HTTP/1.1",
                                               "url",
                                               "public",
                                               "set-cookie",
                                               "keep-alive",
                                               "origin"};
static const char dictionary_tail[] =
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden"
    "404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,"
    "publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

struct spdy {
    const struct spdy_ops *ops;
    void *ctx;
    struct buf *out;
    uint32_t next_id;
    z_stream deflater, inflater;
    bool has_deflater, has_inflater;
    struct buf dictionary;
    struct buf in; /* a control frame, or the head of a data frame, until it is complete */
    uint32_t data_stream, data_left;
    bool data_fin;
};

static void put32(struct buf *b, uint32_t v)
{
    const uint8_t bytes[] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    buf_add(b, bytes, sizeof(bytes));
}

static uint32_t get32(const char *p)
{
    const uint8_t *u = (const uint8_t *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

void spdy_dictionary(struct buf *b)
{
    for (size_t i = 0; i < ARRAY_LEN(dictionary_words); i++) {
        put32(b, (uint32_t)strlen(dictionary_words[i]));
        buf_puts(b, dictionary_words[i]);
    }
    buf_puts(b, dictionary_tail);
}

int spdy_new(const struct spdy_ops *ops, void *ctx, struct buf *out, struct spdy **ret, struct err *err)
{
    struct spdy *s = xcalloc(1, sizeof(*s));
    s->ops = ops;
    s->ctx = ctx;
    s->out = out;
    s->next_id = 1;
    buf_init(&s->dictionary, 4 * KIB);
    spdy_dictionary(&s->dictionary);
    buf_init(&s->in, CONTROL_MAX + 8);
    s->has_deflater = deflateInit(&s->deflater, Z_BEST_COMPRESSION) == Z_OK &&
                      deflateSetDictionary(&s->deflater, (Bytef *)s->dictionary.data, (uInt)s->dictionary.len) == Z_OK;
    s->has_inflater = inflateInit(&s->inflater) == Z_OK;
    if (!s->has_deflater || !s->has_inflater) {
        spdy_free(s);
        return err_set(err, ERR_SYSTEM, "cannot set up header compression");
    }
    *ret = s;
    return 0;
}

struct spdy *spdy_free(struct spdy *s)
{
    if (!s)
        return NULL;
    if (s->has_deflater)
        deflateEnd(&s->deflater);
    if (s->has_inflater)
        inflateEnd(&s->inflater);
    buf_release(&s->dictionary);
    buf_release(&s->in);
    free(s);
    return NULL;
}

/* --- sending --- */

static void put_control(struct spdy *s, uint16_t type, uint8_t flags, size_t n)
{
    put32(s->out, (uint32_t)VERSION << 16 | type);
    put32(s->out, (uint32_t)flags << 24 | (uint32_t)n);
}

/* Compresses a header block behind what the stream has compressed before. */
static bool deflate_block(struct spdy *s, const struct buf *plain, struct buf *to)
{
    s->deflater.next_in = (Bytef *)plain->data;
    s->deflater.avail_in = (uInt)plain->len;
    do {
        if (!buf_reserve(to, 1024))
            return false;
        s->deflater.next_out = (Bytef *)to->data + to->len;
        s->deflater.avail_out = (uInt)(to->cap - to->len - 1);
        uInt room = s->deflater.avail_out;
        int rc = deflate(&s->deflater, Z_SYNC_FLUSH);
        if (rc != Z_OK && rc != Z_BUF_ERROR)
            return false;
        to->len += room - s->deflater.avail_out;
    } while (s->deflater.avail_out == 0);
    return true;
}

uint32_t spdy_open(struct spdy *s, const struct spdy_header *headers, size_t n)
{
    _cleanup_(buf_releasep) struct buf plain = BUF_INIT(LIMIT_HEADER_BYTES);
    _cleanup_(buf_releasep) struct buf packed = BUF_INIT(LIMIT_HEADER_BYTES);
    put32(&plain, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        put32(&plain, (uint32_t)headers[i].name.n);
        buf_str_add(&plain, headers[i].name);
        put32(&plain, (uint32_t)headers[i].value.n);
        buf_str_add(&plain, headers[i].value);
    }
    if (!buf_ok(&plain) || !deflate_block(s, &plain, &packed))
        return 0;
    uint32_t id = s->next_id;
    s->next_id += 2;
    put_control(s, SYN_STREAM, 0, 10 + packed.len);
    put32(s->out, id);
    put32(s->out, 0);           /* no associated stream */
    buf_add(s->out, "\0\0", 2); /* priority, slot */
    buf_str_add(s->out, buf_str(&packed));
    return buf_ok(s->out) ? id : 0;
}

void spdy_send(struct spdy *s, uint32_t stream, struct str data, bool fin)
{
    do {
        struct str piece = str_n(data.p, MIN_OF(data.n, SPDY_DATA_MAX));
        data = str_from(data, piece.n);
        put32(s->out, stream);
        put32(s->out, (fin && data.n == 0 ? (uint32_t)FLAG_FIN << 24 : 0) | (uint32_t)piece.n);
        buf_str_add(s->out, piece);
    } while (data.n);
}

void spdy_reset(struct spdy *s, uint32_t stream, uint32_t status)
{
    put_control(s, RST_STREAM, 0, 8);
    put32(s->out, stream);
    put32(s->out, status);
}

void spdy_goaway(struct spdy *s)
{
    put_control(s, GOAWAY, 0, 8);
    put32(s->out, 0);
    put32(s->out, 0);
}

/* --- receiving --- */

/* We need no header of the answer, but the inflater must see every block, or the next one is unreadable. */
static int inflate_block(struct spdy *s, struct str packed, struct err *err)
{
    char plain[4096];
    size_t total = 0;
    s->inflater.next_in = (Bytef *)packed.p;
    s->inflater.avail_in = (uInt)packed.n;
    do {
        s->inflater.next_out = (Bytef *)plain;
        s->inflater.avail_out = sizeof(plain);
        int rc = inflate(&s->inflater, Z_SYNC_FLUSH);
        if (rc == Z_NEED_DICT)
            rc = inflateSetDictionary(&s->inflater, (Bytef *)s->dictionary.data, (uInt)s->dictionary.len);
        total += sizeof(plain) - s->inflater.avail_out;
        if (rc != Z_OK && !(rc == Z_BUF_ERROR && s->inflater.avail_in == 0))
            return err_set(err, ERR_BAD_GATEWAY, "a SPDY header block cannot be read");
        if (total > HEADERS_MAX)
            return err_set(err, ERR_BAD_GATEWAY, "a SPDY header block is too large");
        if (rc == Z_BUF_ERROR)
            break;
    } while (s->inflater.avail_in || s->inflater.avail_out == 0);
    return 0;
}

/* type -> how many bytes stand before its header block, and the least length. */
struct control_form {
    uint16_t min, block_at; /* block_at 0 = no header block */
};
static const struct control_form forms[] = {
    [SYN_STREAM] = {10, 10}, [SYN_REPLY] = {4, 4}, [RST_STREAM] = {8, 0}, [SETTINGS] = {4, 0},
    [PING] = {4, 0},         [GOAWAY] = {4, 0},    [HEADERS] = {4, 4},    [WINDOW_UPDATE] = {8, 0},
};

static int on_control(struct spdy *s, uint16_t type, uint8_t flags, struct str body, struct err *err)
{
    if (type >= ARRAY_LEN(forms) || forms[type].min == 0)
        return 0; /* unknown frames are ignored */
    if (body.n < forms[type].min)
        return err_set(err, ERR_BAD_GATEWAY, "a SPDY frame is too short");
    if (forms[type].block_at && inflate_block(s, str_from(body, forms[type].block_at), err) < 0)
        return -1;
    uint32_t stream = get32(body.p) & 0x7fffffff;
    if (type == SYN_STREAM) {
        spdy_reset(s, stream, 3); /* REFUSED_STREAM: servers open none towards us */
    } else if (type == SYN_REPLY) {
        s->ops->on_reply(s->ctx, stream);
    } else if (type == RST_STREAM) {
        s->ops->on_reset(s->ctx, stream, get32(body.p + 4));
    } else if (type == PING && !(stream & 1)) { /* ours are odd; theirs come back */
        put_control(s, PING, 0, 4);
        put32(s->out, stream);
    }
    if ((type == SYN_REPLY || type == HEADERS) && (flags & FLAG_FIN))
        s->ops->on_data(s->ctx, stream, STR(""), true);
    return 0;
}

/* Gathers a frame's first `want` bytes in s->in; false when more must come. */
static bool gather(struct spdy *s, struct str *data, size_t want)
{
    if (s->in.len < want) {
        size_t take = MIN_OF(want - s->in.len, data->n);
        buf_add(&s->in, data->p, take);
        *data = str_from(*data, take);
    }
    return s->in.len >= want;
}

static void take_data(struct spdy *s, struct str *data)
{
    struct str piece = str_n(data->p, MIN_OF((size_t)s->data_left, data->n));
    *data = str_from(*data, piece.n);
    s->data_left -= (uint32_t)piece.n;
    bool fin = s->data_fin && s->data_left == 0;
    if (piece.n || fin)
        s->ops->on_data(s->ctx, s->data_stream, piece, fin);
    if (fin)
        s->data_fin = false;
}

int spdy_input(struct spdy *s, struct str data, struct err *err)
{
    while (data.n) {
        if (s->data_left) {
            take_data(s, &data);
            continue;
        }
        if (!gather(s, &data, 8))
            break;
        uint32_t first = get32(s->in.data), n = get32(s->in.data + 4) & 0xffffff;
        uint8_t flags = (uint8_t)s->in.data[4];
        if (!(first & 0x80000000)) {
            s->data_stream = first;
            s->data_left = n;
            s->data_fin = flags & FLAG_FIN;
            buf_clear(&s->in);
            if (n == 0)
                take_data(s, &data);
            continue;
        }
        if (first >> 16 != VERSION || n > CONTROL_MAX)
            return err_set(err, ERR_BAD_GATEWAY, "the other side does not speak SPDY/3.1");
        if (!gather(s, &data, 8 + (size_t)n))
            break;
        int rc = on_control(s, (uint16_t)first, flags, str_n(s->in.data + 8, n), err);
        buf_clear(&s->in);
        if (rc < 0)
            return -1;
    }
    return 0;
}
