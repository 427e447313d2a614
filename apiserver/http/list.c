/* LIST: a gather of the objects' encodings, which are shared with every other reader. */
#include "api/proto_codec.h"
#include "apiserver/http/respond.h"
#include "apiserver/http/select.h"
#include "apiserver/http/table.h"
#include "apiserver/http/verbs.h"
#include "apiserver/registry/codec.h"
#include "base/limits.h"

struct gather {
    struct slice *v;
    size_t n;
};

static void add(struct gather *g, struct shared_buf *owner_taken, struct str bytes)
{
    g->v[g->n++] = (struct slice){owner_taken, bytes};
}

static void add_copy(struct gather *g, struct buf *b)
{
    struct shared_buf *owned = shared_buf_from(b);
    add(g, owned, shared_buf_str(owned));
}

static void gather_release(struct gather *g)
{
    for (size_t i = 0; i < g->n; i++)
        shared_buf_unref(g->v[i].owner);
    free(g->v);
}

static int encoded_item(struct request *r, const struct storage_object *o, struct encoded *ret, struct err *err)
{
    if (r->accept.shape == SHAPE_METADATA || r->accept.shape == SHAPE_METADATA_LIST)
        return codec_encoded_metadata(r->res, o, r->accept.encoding, ret, err);
    return codec_encoded(r->res, o, r->accept.encoding, ret, err);
}

struct list_type {
    const char *kind;
    const char *api_version;
    const char *item_prefix; /* what an item of a JSON list begins with; NULL = the object with its type */
};

static struct list_type type_of(const struct request *r)
{
    if (r->accept.shape == SHAPE_METADATA || r->accept.shape == SHAPE_METADATA_LIST)
        return (struct list_type){"PartialObjectMetadataList", "meta.k8s.io/v1", NULL};
    const char *version =
        *r->res->group ? arena_printf(r->arena, "%s/%s", r->res->group, r->res->version) : r->res->version;
    return (struct list_type){r->res->list_kind, version ? version : "", "{"};
}

static void write_meta(struct buf *b, const struct storage_list *list)
{
    buf_printf(b, "{\"resourceVersion\":\"%lld\"", (long long)list->revision);
    if (list->continue_token) {
        buf_puts(b, ",\"continue\":");
        json_write_string(b, str_of(list->continue_token));
        if (list->remaining >= 0)
            buf_printf(b, ",\"remainingItemCount\":%lld", (long long)list->remaining);
    }
    buf_putc(b, '}');
}

static int gather_json(struct request *r, const struct storage_list *list, struct gather *g, struct err *err)
{
    struct list_type type = type_of(r);
    struct buf b = BUF_INIT(LIMIT_URL);
    buf_printf(&b, "{\"kind\":\"%s\",\"apiVersion\":\"%s\",\"metadata\":", type.kind, type.api_version);
    write_meta(&b, list);
    buf_puts(&b, ",\"items\":[");
    add_copy(g, &b);
    for (size_t i = 0; i < list->n; i++) {
        struct encoded e;
        if (encoded_item(r, list->v[i], &e, err) < 0)
            return -1;
        if (i)
            add(g, NULL, STR(","));
        if (type.item_prefix)
            add(g, NULL, str_of(type.item_prefix));
        add(g, e.buf, type.item_prefix ? e.inner : e.all);
    }
    add(g, NULL, STR("]}\n"));
    return 0;
}

static size_t varint(char *out, uint64_t v)
{
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        out[n++] = (char)(v | 0x80);
    out[n++] = (char)v;
    return n;
}

static size_t varint_size(uint64_t v)
{
    char ignored[10];
    return varint(ignored, v);
}

/* tag and length of a length-delimited field with a number below 16 */
static void proto_head(struct buf *b, unsigned number, uint64_t length)
{
    char bytes[11];
    bytes[0] = (char)(number << 3 | 2);
    buf_add(b, bytes, 1 + varint(bytes + 1, length));
}

static void proto_string(struct buf *b, unsigned number, struct str s)
{
    proto_head(b, number, s.n);
    buf_str_add(b, s);
}

/* ListMeta: selfLink, resourceVersion, continue (as Go writes them, also when empty), remainingItemCount. */
static void proto_meta(struct buf *b, const struct storage_list *list)
{
    struct buf rv = BUF_INIT(32);
    buf_int(&rv, list->revision);
    proto_string(b, 1, STR(""));
    proto_string(b, 2, buf_str(&rv));
    proto_string(b, 3, str_of(list->continue_token));
    if (list->continue_token && list->remaining >= 0) {
        char bytes[11] = {4 << 3};
        buf_add(b, bytes, 1 + varint(bytes + 1, (uint64_t)list->remaining));
    }
    buf_release(&rv);
}

/* The envelope around a list message: metadata (1), then each item (2). */
static int gather_proto(struct request *r, const struct storage_list *list, struct gather *g, struct err *err)
{
    struct list_type type = type_of(r);
    struct buf meta = BUF_INIT(LIMIT_URL), type_meta = BUF_INIT(LIMIT_URL), head = BUF_INIT(LIMIT_URL);
    proto_meta(&meta, list);
    uint64_t raw = 1 + varint_size(meta.len) + meta.len;
    add(g, NULL, STR("")); /* the head comes here when the length is known */
    for (size_t i = 0; i < list->n; i++) {
        struct encoded e;
        if (encoded_item(r, list->v[i], &e, err) < 0) {
            buf_release(&meta);
            return -1;
        }
        struct buf item = BUF_INIT(16);
        proto_head(&item, 2, e.inner.n);
        raw += item.len + e.inner.n;
        add_copy(g, &item);
        add(g, e.buf, e.inner);
    }
    proto_string(&type_meta, 1, str_of(type.api_version));
    proto_string(&type_meta, 2, str_of(type.kind));
    buf_add(&head, "k8s\0", 4);
    proto_string(&head, 1, buf_str(&type_meta));
    proto_head(&head, 2, raw);
    proto_string(&head, 1, buf_str(&meta));
    struct shared_buf *owned = shared_buf_from(&head);
    g->v[0] = (struct slice){owned, shared_buf_str(owned)};
    add(g, NULL, str_n("\x1a\0\x22\0", 4)); /* contentEncoding and contentType, empty */
    buf_release(&meta);
    buf_release(&type_meta);
    return 0;
}

/* Indented or YAML: the compact form read back. Only people ask for that. */
static int respond_text_list(struct request *r, struct gather *g, struct err *err)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_DOC_ARENA);
    struct doc *d = NULL;
    for (size_t i = 0; i < g->n; i++)
        buf_str_add(&b, g->v[i].bytes);
    if (!buf_ok(&b))
        return err_set(err, ERR_TOO_LARGE, "the list is too large to be indented");
    if (json_parse(r->arena, buf_str(&b), NULL, &d, err) < 0)
        return -1;
    respond_json(r, 200, encoding_media_type(r->accept.encoding), d);
    return 0;
}

static int respond_list(struct request *r, const struct storage_list *list, struct err *err)
{
    if (r->accept.shape == SHAPE_TABLE)
        return table_check_query(r, err) < 0 ? -1 : table_respond_list(r, list, err);
    struct gather g = {.v = xcalloc(list->n * 3 + 4, sizeof(struct slice))};
    bool proto = r->accept.encoding == ENC_PROTOBUF;
    int result = proto ? gather_proto(r, list, &g, err) : gather_json(r, list, &g, err);
    if (result == 0 && (r->accept.encoding == ENC_YAML || (!proto && respond_pretty(r)))) {
        result = respond_text_list(r, &g, err);
    } else if (result == 0) {
        respond_slices(r, 200, encoding_media_type(r->accept.encoding), g.v, g.n);
        g.n = 0; /* the references went along */
    }
    gather_release(&g);
    return result;
}

static bool may_block(const struct read_options *o)
{
    return o->token.n || o->at == STORAGE_EXACT || o->at == STORAGE_NOT_OLDER;
}

int verb_list(struct request *r, struct err *err)
{
    struct read_options o;
    if (negotiate_accept(http_header(r->http, "accept"), request_negotiates(r, NEGOTIATE_LIST), &r->accept, err) < 0 ||
        read_options_parse(r, true, &o, err) < 0)
        return -1;
    if (may_block(&o))
        VERB_ON_WORKER(r);
    struct selection *s = arena_new_of(r->arena, struct selection);
    if (!s || selection_parse(r, s, err) < 0)
        return -1;
    struct storage_list_options lo = {
        .at = o.at == STORAGE_CONSISTENT && !o.token.n ? STORAGE_ANY : o.at,
        .revision = o.revision,
        .limit = (size_t)o.limit,
        .continue_token = o.token,
        .match = selection_everything(s) ? NULL : selection_matches,
        .user = s,
    };
    struct storage_list list;
    if (request_key(r, r->info.ns, STR(""), &lo.prefix, err) < 0)
        return -1;
    if (storage_list(r->server->storage, &lo, &list, err) < 0)
        return read_error(r, err);
    int result = respond_list(r, &list, err);
    storage_list_release(&list);
    return result;
}
