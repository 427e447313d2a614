#include "spdy_peer.h"

#include "net/spdy.h"

#include <zlib.h>

#define STREAMS 5

struct spdy_peer {
    struct buf *out, in, resizes;
    z_stream inflater, deflater;
    struct buf dictionary;
    size_t expected, n;
    char types[STREAMS][16];
    uint32_t ids[STREAMS];
    struct buf opened;
};

static uint32_t get32(const char *p)
{
    const uint8_t *u = (const uint8_t *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static void put32(struct buf *b, uint32_t v)
{
    const uint8_t bytes[] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    buf_add(b, bytes, 4);
}

struct spdy_peer *spdy_peer_new(size_t streams, struct buf *out)
{
    struct spdy_peer *p = xcalloc(1, sizeof(*p));
    p->expected = streams;
    p->out = out;
    buf_init(&p->in, 1 << 20);
    buf_init(&p->resizes, 4096);
    buf_init(&p->opened, 256);
    buf_init(&p->dictionary, 4096);
    spdy_dictionary(&p->dictionary);
    if (inflateInit(&p->inflater) != Z_OK || deflateInit(&p->deflater, 6) != Z_OK ||
        deflateSetDictionary(&p->deflater, (Bytef *)p->dictionary.data, (uInt)p->dictionary.len) != Z_OK)
        abort();
    return p;
}

void spdy_peer_free(struct spdy_peer *p)
{
    if (!p)
        return;
    inflateEnd(&p->inflater);
    deflateEnd(&p->deflater);
    buf_release(&p->in);
    buf_release(&p->resizes);
    buf_release(&p->opened);
    buf_release(&p->dictionary);
    free(p);
}

const char *spdy_peer_opened(const struct spdy_peer *p)
{
    return buf_str(&p->opened).p;
}

struct str spdy_peer_resizes(const struct spdy_peer *p)
{
    return buf_str(&p->resizes);
}

static uint32_t id_of(const struct spdy_peer *p, const char *type)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->types[i], type) == 0)
            return p->ids[i];
    return 0;
}

static void put_data(struct spdy_peer *p, const char *type, struct str data, bool fin)
{
    uint32_t id = id_of(p, type);
    if (!id)
        return;
    put32(p->out, id);
    put32(p->out, (fin ? 1u << 24 : 0) | (uint32_t)data.n);
    buf_str_add(p->out, data);
}

static void put_reply(struct spdy_peer *p, uint32_t id)
{
    char packed[256];
    p->deflater.next_in = (Bytef *)"\0\0\0\0"; /* no headers */
    p->deflater.avail_in = 4;
    p->deflater.next_out = (Bytef *)packed;
    p->deflater.avail_out = sizeof(packed);
    deflate(&p->deflater, Z_SYNC_FLUSH);
    uint32_t n = (uint32_t)sizeof(packed) - p->deflater.avail_out;
    put32(p->out, 0x80030002);
    put32(p->out, 4 + n);
    put32(p->out, id);
    buf_add(p->out, packed, n);
}

/* A stream whose block is exactly one header, streamtype. */
static bool on_syn(struct spdy_peer *p, struct str body)
{
    char plain[512];
    if (body.n < 10 || p->n == STREAMS)
        return false;
    p->inflater.next_in = (Bytef *)body.p + 10;
    p->inflater.avail_in = (uInt)body.n - 10;
    p->inflater.next_out = (Bytef *)plain;
    p->inflater.avail_out = sizeof(plain);
    int rc = inflate(&p->inflater, Z_SYNC_FLUSH);
    if (rc == Z_NEED_DICT &&
        inflateSetDictionary(&p->inflater, (Bytef *)p->dictionary.data, (uInt)p->dictionary.len) == Z_OK)
        rc = inflate(&p->inflater, Z_SYNC_FLUSH);
    if (rc != Z_OK || get32(plain) != 1 || get32(plain + 4) != 10 || memcmp(plain + 8, "streamtype", 10) != 0)
        return false;
    p->ids[p->n] = get32(body.p) & 0x7fffffff;
    if (!str_copy(p->types[p->n], sizeof(p->types[0]), str_n(plain + 22, get32(plain + 18))))
        return false;
    buf_printf(&p->opened, "%s%s", p->n ? " " : "", p->types[p->n]);
    put_reply(p, p->ids[p->n++]);
    return true;
}

static void on_data(struct spdy_peer *p, uint32_t id, struct str data, bool fin)
{
    if (id == id_of(p, "resize"))
        buf_str_add(&p->resizes, data);
    if (id != id_of(p, "stdin"))
        return;
    if (data.n)
        put_data(p, "stdout", data, false);
    if (!fin)
        return;
    put_data(p, "error", STR("{\"metadata\":{},\"status\":\"Success\"}"), true);
    put_data(p, "stdout", STR(""), true);
    put_data(p, "stderr", STR(""), true);
}

bool spdy_peer_input(struct spdy_peer *p, struct str data)
{
    buf_str_add(&p->in, data);
    while (p->in.len >= 8) {
        uint32_t first = get32(p->in.data), n = get32(p->in.data + 4) & 0xffffff;
        if (p->in.len < 8 + (size_t)n)
            break;
        struct str body = str_n(p->in.data + 8, n);
        if (first == 0x80030001) {
            if (!on_syn(p, body))
                return false;
        } else if (first & 0x80000000) {
            return false;
        } else {
            on_data(p, first, body, p->in.data[4] & 1);
        }
        buf_consume(&p->in, 8 + (size_t)n);
    }
    return buf_ok(&p->in);
}
