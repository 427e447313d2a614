/* The storage over etcd itself: its life, and reads. */
#include "etcd_store.h"

#include "base/limits.h"
#include "base/vec.h"
#include "continue_token.h"

#define DEFAULT_TIMEOUT_MS 10000
#define DEFAULT_COMPACT_MS (5 * 60 * 1000)
#define KEY_MAX 2048

struct storage_object *etcd_object(const Mvccpb__KeyValue *kv)
{
    return storage_object_new(etcd_str(kv->key), etcd_str(kv->value), kv->create_revision, kv->mod_revision);
}

/* --- revision --- */

/* A linearizable read of a key that is not there: its header tells the store's revision. */
static void probe_request(const struct etcd_store *s, Etcdserverpb__RangeRequest *req)
{
    etcdserverpb__range_request__init(req);
    req->key = etcd_bytes(str_of(s->prefix));
    req->count_only = true;
}

static int get_revision(struct storage *s, int64_t *ret, struct err *err)
{
    struct etcd_store *es = etcd_store_of(s);
    Etcdserverpb__RangeRequest req;
    _cleanup_(etcd_range_freep) Etcdserverpb__RangeResponse *r = NULL;
    probe_request(es, &req);
    if (etcd_range(&es->etcd, &req, etcd_deadline(&es->etcd), &r, err) < 0)
        return -1;
    *ret = r->header->revision;
    return 0;
}

struct ask {
    storage_revision_fn fn;
    void *user;
};

static void answer_revision(void *user, struct str response, const struct err *err)
{
    struct ask *a = user;
    struct err bad = ERR_INIT;
    int64_t revision = 0;
    if (err->code == ERR_OK) {
        Etcdserverpb__RangeResponse *r =
            etcdserverpb__range_response__unpack(NULL, response.n, (const uint8_t *)response.p);
        if (r && r->header)
            revision = r->header->revision;
        else
            err_set(&bad, ERR_INTERNAL, "etcd's answer cannot be read");
        if (r)
            etcdserverpb__range_response__free_unpacked(r, NULL);
    }
    a->fn(a->user, revision, bad.code != ERR_OK ? &bad : err);
    free(a);
}

static void ask_revision(struct storage *s, storage_revision_fn fn, void *user)
{
    struct etcd_store *es = etcd_store_of(s);
    struct err err = ERR_INIT;
    Etcdserverpb__RangeRequest req;
    uint8_t packed[256];
    struct ask *a = xmalloc(sizeof *a);
    *a = (struct ask){fn, user};
    probe_request(es, &req);
    if (etcdserverpb__range_request__get_packed_size(&req) > sizeof packed)
        abort(); /* storage_etcd_open bounds the prefix */
    size_t n = etcdserverpb__range_request__pack(&req, packed);
    if (grpc_call_async(es->etcd.calls, ETCD_RANGE, str_n((const char *)packed, n), es->etcd.timeout_ms,
                        answer_revision, a, &err) < 0) {
        fn(user, 0, &err);
        free(a);
    }
}

/* --- get and list --- */

static int get(struct storage *s, struct str key, enum storage_at at, int64_t revision, struct storage_object **ret,
               struct err *err)
{
    struct etcd_store *es = etcd_store_of(s);
    Etcdserverpb__RangeRequest req = ETCDSERVERPB__RANGE_REQUEST__INIT;
    _cleanup_(etcd_range_freep) Etcdserverpb__RangeResponse *r = NULL;
    req.key = etcd_bytes(key);
    if (etcd_range(&es->etcd, &req, etcd_deadline(&es->etcd), &r, err) < 0)
        return -1;
    if (at == STORAGE_NOT_OLDER && r->header->revision < revision)
        return storage_err_future(err, revision, r->header->revision);
    if (r->n_kvs == 0)
        return storage_err_not_found(err, key);
    *ret = etcd_object(r->kvs[0]);
    return 0;
}

/* A list under way. */
struct listing {
    struct etcd_store *s;
    const struct storage_list_options *o;
    char end[KEY_MAX];
    struct str range_end;
    struct buf start; /* the next key to ask for */
    int64_t revision; /* of the whole list; 0 = the first page decides */
    struct vec(struct storage_object *) found;
    bool more;
    int64_t left;       /* keys behind the last one taken */
    char *inconsistent; /* token for a client whose own has expired */
};

static void listing_release(struct listing *l)
{
    vec_foreach (&l->found, o)
        storage_object_unref(*o);
    vec_release(&l->found);
    buf_release(&l->start);
    free(l->inconsistent);
}

/* What etcd says about a compacted or future revision, in upstream's words. */
static int list_error(struct listing *l, struct err *err)
{
    if (err->code == ERR_EXPIRED && l->o->continue_token.n) {
        struct buf token = BUF_INIT(CONTINUE_TOKEN_MAX);
        continue_token_encode(&token, -1, str_from(buf_str(&l->start), l->o->prefix.n));
        free(l->inconsistent);
        l->inconsistent = buf_take(&token);
        return err_set(
            err, ERR_EXPIRED,
            "The provided continue parameter is too old to display a consistent list result. You can start a new "
            "list without the continue parameter, or use the continue token in this response to retrieve the "
            "remainder of the results. Continuing with the provided token results in an inconsistent list - "
            "objects that were created, modified, or deleted between the time the first chunk was returned and "
            "now may show up in the list.");
    }
    if (err->code == ERR_EXPIRED)
        return err_set(err, ERR_EXPIRED, "The resourceVersion for the provided list is too old.");
    if (err->code == ERR_TIMEOUT && strstr(err->msg, "future revision"))
        return storage_err_future(err, l->revision, 0);
    return -1;
}

static int fetch_page(struct listing *l, int64_t limit, Etcdserverpb__RangeResponse **ret, struct err *err)
{
    Etcdserverpb__RangeRequest req = ETCDSERVERPB__RANGE_REQUEST__INIT;
    req.key = etcd_bytes(buf_str(&l->start));
    req.range_end = etcd_bytes(l->range_end);
    req.limit = limit;
    req.revision = l->revision;
    if (etcd_range(&l->s->etcd, &req, etcd_deadline(&l->s->etcd), ret, err) < 0)
        return list_error(l, err);
    if (l->revision == 0) {
        l->revision = (*ret)->header->revision;
        if (l->o->at == STORAGE_NOT_OLDER && l->revision < l->o->revision)
            return storage_err_future(err, l->o->revision, l->revision);
    }
    return 0;
}

/* Takes what matches until the limit is reached. */
static void take_page(struct listing *l, const Etcdserverpb__RangeResponse *r)
{
    size_t i = 0;
    for (; i < r->n_kvs && (!l->o->limit || l->found.n < l->o->limit); i++) {
        struct storage_object *o = etcd_object(r->kvs[i]);
        if (!l->o->match || l->o->match(l->o->user, o))
            vec_push(&l->found, o);
        else
            storage_object_unref(o);
    }
    l->left = r->count - (int64_t)i;
    l->more = l->left > 0;
    if (i) { /* the key right behind the last one */
        buf_clear(&l->start);
        buf_str_add(&l->start, etcd_str(r->kvs[i - 1]->key));
        buf_putc(&l->start, '\0');
    }
}

static int listing_begin(struct listing *l, struct err *err)
{
    const struct storage_list_options *o = l->o;
    buf_init(&l->start, KEY_MAX * 2);
    buf_str_add(&l->start, o->prefix);
    if (o->prefix.n == 0 || o->prefix.n >= KEY_MAX)
        return err_set(err, ERR_BAD_REQUEST, "bad list prefix");
    l->range_end = etcd_prefix_end(o->prefix, l->end);
    if (o->continue_token.n) {
        if (continue_token_decode(o->continue_token, &l->revision, &l->start, err) < 0)
            return -1;
        if (l->revision < 0)
            l->revision = 0;
    } else if (o->at == STORAGE_EXACT) {
        l->revision = o->revision;
    }
    return 0;
}

static void listing_end(struct listing *l, struct storage_list *ret)
{
    bool stopped = l->more && l->o->limit && l->found.n >= l->o->limit;
    *ret = (struct storage_list){.v = l->found.v, .n = l->found.n, .revision = l->revision, .remaining = -1};
    l->found.v = NULL;
    l->found.n = l->found.cap = 0;
    if (!stopped)
        return;
    struct buf token = BUF_INIT(CONTINUE_TOKEN_MAX);
    continue_token_encode(&token, l->revision, str_from(buf_str(&l->start), l->o->prefix.n));
    ret->continue_token = buf_take(&token);
    if (!l->o->match)
        ret->remaining = l->left;
}

static int list(struct storage *s, const struct storage_list_options *o, struct storage_list *ret, struct err *err)
{
    _cleanup_(listing_release) struct listing l = {.s = etcd_store_of(s), .o = o};
    int64_t page = o->limit && !o->match ? MIN_OF((int64_t)o->limit, LIMIT_LIST_PAGE) : LIMIT_LIST_PAGE;
    *ret = (struct storage_list){.remaining = -1};
    if (listing_begin(&l, err) < 0)
        return -1;
    do {
        _cleanup_(etcd_range_freep) Etcdserverpb__RangeResponse *r = NULL;
        if (fetch_page(&l, page, &r, err) < 0) {
            ret->continue_token = TAKE(l.inconsistent);
            return -1;
        }
        take_page(&l, r);
    } while (l.more && (!o->limit || l.found.n < o->limit));
    listing_end(&l, ret);
    return 0;
}

/* --- life --- */

static struct storage *close_store(struct storage *s)
{
    struct etcd_store *es = etcd_store_of(s);
    compactor_stop(&es->compactor);
    etcd_close(&es->etcd);
    lease_pool_release(&es->leases);
    free(es->prefix);
    free(es);
    return NULL;
}

static int ping(struct storage *s, int timeout_ms, struct err *err)
{
    struct etcd_store *es = etcd_store_of(s);
    Etcdserverpb__RangeRequest req;
    _cleanup_(etcd_range_freep) Etcdserverpb__RangeResponse *r = NULL;
    probe_request(es, &req);
    return etcd_range(&es->etcd, &req, clock_mono(&clock_system) + timeout_ms * NS_PER_MS, &r, err);
}

static void add_resource(struct storage *s, struct str prefix)
{
}

static int wait_ready(struct storage *s, int timeout_ms, struct err *err)
{
    return ping(s, timeout_ms, err);
}

static bool ready(struct storage *s)
{
    return grpc_channel_connected(etcd_store_of(s)->etcd.calls);
}

static void when_current(struct storage *s, storage_current_fn fn, void *user)
{
    struct err ok = ERR_INIT;
    fn(user, &ok); /* every read asks etcd */
}

static int64_t seen_revision(struct storage *s)
{
    return 0;
}

static int timeout_of(struct storage *s)
{
    return etcd_store_of(s)->etcd.timeout_ms;
}

static const char *prefix_of(struct storage *s)
{
    return etcd_store_of(s)->prefix;
}

static const struct storage_ops etcd_ops = {
    .close = close_store,
    .add_resource = add_resource,
    .wait_ready = wait_ready,
    .ready = ready,
    .ping = ping,
    .when_current = when_current,
    .get = get,
    .list = list,
    .revision = get_revision,
    .seen_revision = seen_revision,
    .create = etcd_store_create,
    .update = etcd_store_update,
    .remove = etcd_store_remove,
    .watch = etcd_store_watch,
    .feed_open = etcd_feed_open,
    .feed_wait = etcd_feed_wait,
    .feed_cancel = etcd_feed_cancel,
    .feed_free = etcd_feed_free,
    .ask_revision = ask_revision,
    .timeout_ms = timeout_of,
    .prefix = prefix_of,
};

int storage_etcd_open(const struct storage_etcd_options *o, struct storage **ret, struct err *err)
{
    struct grpc_channel_options g = {
        .target = o->servers,
        .ca_file = o->ca_file,
        .cert_file = o->cert_file,
        .key_file = o->key_file,
        .backoff_max_ms = 500, /* etcd is near, and everything waits for it */
        .keepalive_ms = 15000,
    };
    const char *prefix = o->prefix ? o->prefix : "/registry";
    if (strlen(prefix) > 128)
        return err_set(err, ERR_BAD_REQUEST, "the etcd prefix is longer than 128 bytes");
    struct etcd_store *s = xcalloc(1, sizeof *s);
    s->base.ops = &etcd_ops;
    if (etcd_open(&s->etcd, &g, o->timeout_ms ? o->timeout_ms : DEFAULT_TIMEOUT_MS, err) < 0) {
        free(s);
        return -1;
    }
    s->prefix = xstrdup(prefix);
    lease_pool_init(&s->leases);
    if (compactor_start(&s->compactor, &s->etcd, o->compact_every_ms ? o->compact_every_ms : DEFAULT_COMPACT_MS, err) <
        0) {
        close_store(&s->base);
        return -1;
    }
    *ret = &s->base;
    return 0;
}
