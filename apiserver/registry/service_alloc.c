#include "apiserver/registry/service_alloc.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "api/proto_codec.h"
#include "apiserver/registry/codec.h"
#include "apiserver/registry/meta.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/random.h"

#define PORTS_MAX 65536
#define CAS_TRIES 100
#define LEAK_ROUNDS 3
#define LEAK_SECONDS 60
#define MANAGED_BY "ipaddress.kubernetes.io/managed-by"
#define IP_FAMILY "ipaddress.kubernetes.io/ip-family"
#define MANAGER "ipallocator.k8s.io"

struct service_alloc {
    char cidr[32];
    uint32_t base, size; /* host order; addresses base+1 .. base+size-2 may be given out */
    int64_t port_first, n_ports;
    unsigned char leaks[PORTS_MAX]; /* rounds in which a port was taken without a service; the repair's thread only */
};

int service_alloc_new(const char *cidr, const char *ports, struct service_alloc **ret, struct err *err)
{
    struct str text = str_of(cidr), ip, range = str_of(ports), first;
    char address[SERVICE_IP_MAX];
    struct in_addr in;
    int64_t bits, from, to;
    if (!str_split(&text, '/', &ip) || !text.p || !parse_range(text, 8, 29, &bits) ||
        !str_copy(address, sizeof(address), ip) || inet_pton(AF_INET, address, &in) != 1)
        return err_set(err, ERR_BAD_REQUEST, "--service-cluster-ip-range: %s is not an IPv4 range from /8 to /29",
                       cidr);
    if (!str_split(&range, '-', &first) || !range.p || !parse_range(first, 1, PORTS_MAX - 1, &from) ||
        !parse_range(range, from, PORTS_MAX - 1, &to))
        return err_set(err, ERR_BAD_REQUEST, "--service-node-port-range: %s is not a range of ports", ports);
    struct service_alloc *s = xcalloc(1, sizeof(*s));
    s->size = (uint32_t)1 << (32 - bits);
    s->base = ntohl(in.s_addr) & ~(s->size - 1);
    in.s_addr = htonl(s->base);
    inet_ntop(AF_INET, &in, address, sizeof(address));
    snprintf(s->cidr, sizeof(s->cidr), "%s/%d", address, (int)bits);
    s->port_first = from;
    s->n_ports = to - from + 1;
    *ret = s;
    return 0;
}

struct service_alloc *service_alloc_free(struct service_alloc *s)
{
    free(s);
    return NULL;
}

static void format_ip(uint32_t ip, char out[SERVICE_IP_MAX])
{
    struct in_addr in = {htonl(ip)};
    inet_ntop(AF_INET, &in, out, SERVICE_IP_MAX);
}

void service_alloc_first_ip(const struct service_alloc *s, char out[SERVICE_IP_MAX])
{
    format_ip(s->base + 1, out);
}

struct str service_alloc_cidr(const struct service_alloc *s)
{
    return str_of(s->cidr);
}

/* --- addresses ---------------------------------------------------------------------------------------------------- */

static const struct resource *addresses(void)
{
    return registry_resource("networking.k8s.io", "ipaddresses");
}

static int address_key(const struct registry *g, struct str ip, struct buf *out, struct err *err)
{
    const struct resource *res = addresses();
    if (!res || !codec_key(res, g->etcd_prefix, STR(""), ip, out))
        return err_set(err, ERR_INTERNAL, "no resource ipaddresses");
    return 0;
}

static struct doc *address_doc(struct op *op, const char *ip)
{
    struct arena *a = op->arena;
    struct doc *d = doc_object(a), *meta = doc_object(a), *labels = doc_object(a), *spec = doc_object(a);
    struct doc *parent = doc_object(a);
    if (!d || !meta || !labels || !spec || !parent)
        return NULL;
    doc_set(d, "kind", doc_string(a, STR("IPAddress")));
    doc_set(d, "apiVersion", doc_string(a, STR("networking.k8s.io/v1")));
    doc_set(meta, "name", doc_string_copy(a, str_of(ip)));
    doc_set(labels, IP_FAMILY, doc_string(a, STR("IPv4")));
    doc_set(labels, MANAGED_BY, doc_string(a, STR(MANAGER)));
    doc_set(meta, "labels", labels);
    doc_set(d, "metadata", meta);
    meta_fill_new(a, d, op->now);
    doc_set(parent, "group", doc_string(a, STR("")));
    doc_set(parent, "resource", doc_string(a, STR("services")));
    doc_set(parent, "namespace", doc_string(a, op->ns));
    doc_set(parent, "name", doc_string(a, op->name));
    doc_set(spec, "parentRef", parent);
    doc_set(d, "spec", spec);
    return d;
}

/* Creates the IPAddress. ERR_ALREADY_EXISTS when somebody has it. */
static int claim(struct op *op, const char *ip, struct err *err)
{
    _cleanup_(buf_releasep) struct buf key = BUF_INIT(LIMIT_URL), value = BUF_INIT(LIMIT_OBJECT);
    struct doc *d = address_doc(op, ip);
    if (!d)
        return err_set(err, ERR_TOO_LARGE, "request too large");
    if (address_key(op->registry, str_of(ip), &key, err) < 0 || codec_store(addresses(), op->arena, d, &value, err) < 0)
        return -1;
    return storage_create(op->registry->storage, buf_str(&key), buf_str(&value), 0, NULL, err);
}

static bool taken(struct op *op, const char *ip)
{
    _cleanup_(buf_releasep) struct buf key = BUF_INIT(LIMIT_URL);
    _cleanup_(storage_object_unrefp) struct storage_object *o = NULL;
    struct err ignored = ERR_INIT;
    return address_key(op->registry, str_of(ip), &key, &ignored) == 0 &&
           storage_get(op->registry->storage, buf_str(&key), STORAGE_ANY, 0, &o, &ignored) == 0;
}

/* One pass over base+from .. base+to-1 from a random place on. */
static int take_any(struct op *op, uint32_t from, uint32_t to, char out[SERVICE_IP_MAX], struct err *err)
{
    uint32_t n = to > from ? to - from : 0;
    uint32_t start = n ? (uint32_t)random_below(n) : 0;
    for (uint32_t i = 0; i < n; i++) {
        format_ip(op->registry->services->base + from + (start + i) % n, out);
        if (taken(op, out))
            continue;
        if (op->dry_run || claim(op, out, err) == 0)
            return 0;
        if (err->code != ERR_ALREADY_EXISTS)
            return -1;
        err_clear(err);
    }
    return err_set(err, ERR_UNAVAILABLE, "range is full");
}

/* The lower part of the range is given out last, so that users may choose addresses there. */
static uint32_t band(uint32_t size)
{
    uint32_t offset = size / 16;
    return size <= 16 ? 0 : offset < 16 ? 16 : MIN_OF(offset, 256u);
}

static int take_given(struct op *op, struct str text, char out[SERVICE_IP_MAX], struct err *err)
{
    const struct service_alloc *s = op->registry->services;
    struct in_addr in;
    if (!str_copy(out, SERVICE_IP_MAX, text) || inet_pton(AF_INET, out, &in) != 1)
        return err_set(err, ERR_NOT_FOUND, "invalid IP");
    uint32_t at = ntohl(in.s_addr) - s->base;
    if (at == 0 || at >= s->size - 1)
        return err_set(err, ERR_NOT_FOUND,
                       "the provided IP (%s) is not in the valid range. The range of valid IPs is %s", out, s->cidr);
    int result = op->dry_run ? (taken(op, out) ? err_set(err, ERR_ALREADY_EXISTS, "exists") : 0) : claim(op, out, err);
    if (result < 0 && err->code == ERR_ALREADY_EXISTS)
        return err_set(err, ERR_ALREADY_EXISTS, "provided IP is already allocated");
    return result;
}

int service_take_ip(struct op *op, struct str ip, char out[SERVICE_IP_MAX], struct err *err)
{
    const struct service_alloc *s = op->registry->services;
    if (ip.n)
        return take_given(op, ip, out, err);
    uint32_t low = MAX_OF(band(s->size), 2u); /* base+1 is for default/kubernetes */
    if (take_any(op, low, s->size - 1, out, err) == 0)
        return 0;
    if (err->code != ERR_UNAVAILABLE)
        return -1;
    err_clear(err);
    return take_any(op, 2, low, out, err);
}

void service_give_ip(struct op *op, struct str ip)
{
    _cleanup_(buf_releasep) struct buf key = BUF_INIT(LIMIT_URL);
    _cleanup_(storage_object_unrefp) struct storage_object *o = NULL, *gone = NULL;
    struct err ignored = ERR_INIT; /* what stays taken is given back by the repair */
    if (op->dry_run || address_key(op->registry, ip, &key, &ignored) < 0 ||
        storage_get(op->registry->storage, buf_str(&key), STORAGE_CONSISTENT, 0, &o, &ignored) < 0)
        return;
    (void)!storage_delete(op->registry->storage, buf_str(&key), o->mod_revision, &gone, &ignored);
}

/* --- ports: one bitmap -------------------------------------------------------------------------------------------- */

struct book {
    struct storage_object *stored; /* NULL = not there yet */
    unsigned char bits[PORTS_MAX / 8];
};

static void book_release(struct book *b)
{
    storage_object_unref(b->stored);
}

static int book_key(const struct registry *g, struct buf *key)
{
    buf_printf(key, "%s/ranges/servicenodeports", g->etcd_prefix);
    return buf_ok(key) ? 0 : -1;
}

static bool bit(const unsigned char *bits, int64_t i)
{
    return bits[i / 8] >> (i % 8) & 1;
}

static void set_bit(unsigned char *bits, int64_t i, bool on)
{
    if (on)
        bits[i / 8] |= (unsigned char)(1 << (i % 8));
    else
        bits[i / 8] &= (unsigned char)~(1 << (i % 8));
}

static const struct schema_message *book_message(void)
{
    const struct schema_kind *k = schema_kind_find(STR(""), STR("v1"), STR("RangeAllocation"));
    return k ? k->message : NULL;
}

/* The data is upstream's big.Int: the bytes of a big-endian number whose bit i is port i of the range. */
static int book_decode(struct arena *a, const struct service_alloc *s, struct book *b, struct err *err)
{
    struct doc *d = NULL;
    _cleanup_(buf_releasep) struct buf data = BUF_INIT(PORTS_MAX);
    if (!book_message() || proto_decode_object(a, b->stored->value, book_message(), &d, err) < 0)
        return err_wrap(err, "reading the node port allocations");
    char range[32];
    snprintf(range, sizeof(range), "%lld-%lld", (long long)s->port_first, (long long)(s->port_first + s->n_ports - 1));
    if (!str_is(doc_str(doc_get(d, "range")), range))
        return 0; /* of another range: begin anew, the repair takes in what is in use */
    if (!base64_decode(&data, doc_str(doc_get(d, "data"))))
        return err_set(err, ERR_INTERNAL, "the node port allocations cannot be read");
    for (size_t i = 0; i < data.len && i < sizeof(b->bits); i++)
        b->bits[i] = (unsigned char)data.data[data.len - 1 - i];
    return 0;
}

static int book_load(struct registry *g, struct arena *a, struct book *b, struct err *err)
{
    _cleanup_(buf_releasep) struct buf key = BUF_INIT(LIMIT_URL);
    memset(b, 0, sizeof(*b));
    if (book_key(g, &key) < 0)
        return err_set(err, ERR_INTERNAL, "no key");
    if (storage_get(g->storage, buf_str(&key), STORAGE_CONSISTENT, 0, &b->stored, err) == 0)
        return book_decode(a, g->services, b, err);
    if (err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    b->stored = NULL;
    return 0;
}

static struct doc *book_doc(struct arena *a, const struct service_alloc *s, const struct book *b)
{
    unsigned char bytes[PORTS_MAX / 8];
    size_t n = sizeof(b->bits);
    while (n && !b->bits[n - 1])
        n--;
    for (size_t i = 0; i < n; i++)
        bytes[i] = b->bits[n - 1 - i];
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(PORTS_MAX);
    base64_encode(&text, bytes, n);
    struct doc *d = doc_object(a), *meta = doc_object(a);
    doc_set(d, "kind", doc_string(a, STR("RangeAllocation")));
    doc_set(d, "apiVersion", doc_string(a, STR("v1")));
    doc_set(d, "metadata", meta);
    doc_set(d, "range",
            doc_printf(a, "%lld-%lld", (long long)s->port_first, (long long)(s->port_first + s->n_ports - 1)));
    doc_set(d, "data", doc_string_copy(a, buf_str(&text)));
    return d;
}

/* ERR_CONFLICT or ERR_ALREADY_EXISTS when somebody else has written. */
static int book_save(struct registry *g, struct arena *a, const struct book *b, struct err *err)
{
    _cleanup_(buf_releasep) struct buf key = BUF_INIT(LIMIT_URL), value = BUF_INIT(LIMIT_OBJECT);
    _cleanup_(storage_object_unrefp) struct storage_object *now = NULL;
    struct doc *d = book_doc(a, g->services, b);
    if (arena_overflow(a) || book_key(g, &key) < 0)
        return err_set(err, ERR_TOO_LARGE, "request too large");
    if (proto_encode_object(&value, d, book_message(), err) < 0)
        return -1;
    if (!b->stored)
        return storage_create(g->storage, buf_str(&key), buf_str(&value), 0, NULL, err);
    return storage_update(g->storage, buf_str(&key), b->stored->mod_revision, buf_str(&value), 0, &now, err);
}

/* Changes the book until the change holds. change returns 1 = write, 0 = nothing to write, -1 = give up. */
static int book_change(struct registry *g, struct arena *a, int (*change)(void *arg, struct book *b, struct err *err),
                       void *arg, struct err *err)
{
    for (int i = 0; i < CAS_TRIES; i++) {
        struct book *b = xcalloc(1, sizeof(*b));
        int r = book_load(g, a, b, err);
        if (r == 0)
            r = change(arg, b, err);
        if (r > 0)
            r = book_save(g, a, b, err);
        book_release(b);
        free(b);
        if (r == 0)
            return 0;
        if (err->code != ERR_CONFLICT && !(err->code == ERR_ALREADY_EXISTS && !err->detail))
            return -1;
        err_clear(err);
    }
    return err_set(err, ERR_UNAVAILABLE, "the node port allocations change too fast");
}

struct take {
    const struct service_alloc *alloc;
    int64_t want, got;
    bool dry_run;
};

/* A code that the loop of book_change does not take for "somebody else has written". */
static int port_taken(struct err *err)
{
    err_set(err, ERR_ALREADY_EXISTS, "provided port is already allocated");
    err->detail = err;
    return -1;
}

static int take_port(void *arg, struct book *b, struct err *err)
{
    struct take *t = arg;
    int64_t n = t->alloc->n_ports, at = t->want - t->alloc->port_first;
    if (t->want) {
        if (bit(b->bits, at))
            return port_taken(err);
    } else {
        int64_t start = (int64_t)random_below((uint64_t)n), i = 0;
        while (i < n && bit(b->bits, (start + i) % n))
            i++;
        if (i == n)
            return err_set(err, ERR_UNAVAILABLE, "range is full");
        at = (start + i) % n;
    }
    t->got = t->alloc->port_first + at;
    set_bit(b->bits, at, true);
    return t->dry_run ? 0 : 1;
}

int service_take_port(struct op *op, int64_t want, int64_t *ret_port, struct err *err)
{
    const struct service_alloc *s = op->registry->services;
    struct take t = {.alloc = s, .want = want, .dry_run = op->dry_run};
    if (want && (want < s->port_first || want >= s->port_first + s->n_ports))
        return err_set(err, ERR_NOT_FOUND,
                       "provided port is not in the valid range. The range of valid ports is %lld-%lld",
                       (long long)s->port_first, (long long)(s->port_first + s->n_ports - 1));
    if (book_change(op->registry, op->arena, take_port, &t, err) < 0) {
        err->detail = NULL;
        return -1;
    }
    *ret_port = t.got;
    return 0;
}

static int give_port(void *arg, struct book *b, struct err *err)
{
    struct take *t = arg;
    int64_t at = t->want - t->alloc->port_first;
    (void)err;
    if (!bit(b->bits, at))
        return 0;
    set_bit(b->bits, at, false);
    return 1;
}

void service_give_port(struct op *op, int64_t port)
{
    const struct service_alloc *s = op->registry->services;
    struct take t = {.alloc = s, .want = port};
    struct err ignored = ERR_INIT; /* a leak goes with the repair */
    if (op->dry_run || port < s->port_first || port >= s->port_first + s->n_ports)
        return;
    (void)!book_change(op->registry, op->arena, give_port, &t, &ignored);
}

/* --- repair ------------------------------------------------------------------------------------------------------- */

struct in_use {
    struct service_alloc *alloc;
    unsigned char ports[PORTS_MAX / 8];
    struct registry *registry;
    struct arena *arena;
    struct err *err;
};

static void note_port(struct in_use *u, int64_t port)
{
    int64_t at = port - u->alloc->port_first;
    if (port && at >= 0 && at < u->alloc->n_ports)
        set_bit(u->ports, at, true);
}

/* A service whose address has no IPAddress gets one. */
static void note_ips(struct in_use *u, const struct doc *svc)
{
    struct op op =
        registry_op(u->registry, u->arena, registry_resource("", "services"), meta_namespace(svc), meta_name(svc));
    doc_foreach (doc_path(svc, "spec.clusterIPs"), ip) {
        char text[SERVICE_IP_MAX];
        struct err ignored = ERR_INIT;
        if (!str_is(doc_str(ip), "None") && str_copy(text, sizeof(text), doc_str(ip)) && !taken(&op, text))
            (void)!claim(&op, text, &ignored);
    }
}

static bool note_service(void *arg, const struct doc *svc)
{
    struct in_use *u = arg;
    doc_foreach (doc_path(svc, "spec.ports"), p)
        note_port(u, doc_int_or(doc_get(p, "nodePort"), 0));
    note_port(u, doc_int_or(doc_path(svc, "spec.healthCheckNodePort"), 0));
    note_ips(u, svc);
    return true;
}

static int repair_ports(void *arg, struct book *b, struct err *err)
{
    struct in_use *u = arg;
    int changed = b->stored ? 0 : 1;
    (void)err;
    for (int64_t i = 0; i < u->alloc->n_ports; i++) {
        bool used = bit(u->ports, i), booked = bit(b->bits, i);
        if (used == booked) {
            u->alloc->leaks[i] = 0;
        } else if (used) {
            set_bit(b->bits, i, true);
            changed = 1;
        } else if (++u->alloc->leaks[i] >= LEAK_ROUNDS) {
            set_bit(b->bits, i, false);
            changed = 1;
        }
    }
    return changed;
}

static bool has_service(struct registry *g, const struct doc *address)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    const struct doc *parent = doc_path(address, "spec.parentRef");
    struct doc *svc = NULL;
    struct err err = ERR_INIT;
    if (!str_is(doc_str(doc_get(parent, "resource")), "services"))
        return true; /* not ours to judge */
    if (registry_get_live(g, a, registry_resource("", "services"), doc_str(doc_get(parent, "namespace")),
                          doc_str(doc_get(parent, "name")), &svc, &err) < 0)
        return err.code != ERR_NOT_FOUND;
    doc_foreach (doc_path(svc, "spec.clusterIPs"), ip) {
        if (str_eq(doc_str(ip), meta_name(address)))
            return true;
    }
    return false;
}

static bool repair_address(void *arg, const struct doc *address)
{
    struct in_use *u = arg;
    int64_t created;
    int64_t now = clock_wall(u->registry->clock);
    if (!meta_parse_time(doc_get(meta_of(address), "creationTimestamp"), &created) ||
        now / NS_PER_S - created < LEAK_SECONDS || has_service(u->registry, address))
        return true;
    struct op op = registry_op(u->registry, u->arena, addresses(), STR(""), meta_name(address));
    service_give_ip(&op, meta_name(address));
    return true;
}

int service_alloc_repair(struct registry *g, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    struct in_use *u = xcalloc(1, sizeof(*u));
    u->alloc = g->services;
    u->registry = g;
    u->arena = a;
    int result = registry_each(g, registry_resource("", "services"), STR(""), note_service, u, err);
    if (result == 0)
        result = book_change(g, a, repair_ports, u, err);
    if (result == 0)
        result = registry_each(g, addresses(), STR(""), repair_address, u, err);
    free(u);
    return result;
}
