#include "apiserver/endpoints.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>

#include "api/conform.h"
#include "api/defaults.h"
#include "api/json.h"
#include "api/proto_codec.h"
#include "apiserver/registry/meta.h"
#include "apiserver/registry/store.h"
#include "base/limits.h"

#define SERVERS_MAX 64

/* --- leases ------------------------------------------------------------------------------------------------------- */

static void lease_key(const struct registry *g, const char *address, struct buf *out)
{
    buf_printf(out, "%s/masterleases/%s", g->etcd_prefix, address);
}

static int encode_lease(struct registry *g, struct arena *a, const char *address, struct buf *out, struct err *err)
{
    const struct schema_kind *k = schema_kind_find(STR(""), STR("v1"), STR("Endpoints"));
    struct doc *d = NULL;
    /* The time makes each renewal a change, as upstream's generation does. */
    const char *json =
        arena_printf(a,
                     "{\"kind\":\"Endpoints\",\"apiVersion\":\"v1\",\"metadata\":{\"generation\":%lld},\"subsets\":[{"
                     "\"addresses\":[{\"ip\":\"%s\"}]}]}",
                     (long long)(clock_wall(g->clock) / NS_PER_S), address);
    if (!k || json_parse(a, str_of(json), NULL, &d, err) < 0)
        return err_set(err, ERR_INTERNAL, "no schema for Endpoints");
    return proto_encode_object(out, d, k->message, err);
}

static int renew_lease(struct registry *g, struct arena *a, const char *address, int64_t ttl_s, struct err *err)
{
    _cleanup_(buf_releasep) struct buf key = BUF_INIT(LIMIT_URL), value = BUF_INIT(LIMIT_URL);
    _cleanup_(storage_object_unrefp) struct storage_object *now = NULL, *out = NULL;
    lease_key(g, address, &key);
    if (encode_lease(g, a, address, &value, err) < 0)
        return -1;
    if (storage_get(g->storage, buf_str(&key), STORAGE_CONSISTENT, 0, &now, err) == 0)
        return storage_update(g->storage, buf_str(&key), now->mod_revision, buf_str(&value), ttl_s, &out, err);
    if (err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    return storage_create(g->storage, buf_str(&key), buf_str(&value), ttl_s, NULL, err);
}

void endpoints_withdraw(struct registry *g, const char *address)
{
    _cleanup_(buf_releasep) struct buf key = BUF_INIT(LIMIT_URL);
    _cleanup_(storage_object_unrefp) struct storage_object *now = NULL, *out = NULL;
    struct err ignored = ERR_INIT; /* it runs out by itself */
    lease_key(g, address, &key);
    if (storage_get(g->storage, buf_str(&key), STORAGE_CONSISTENT, 0, &now, &ignored) == 0)
        (void)!storage_delete(g->storage, buf_str(&key), now->mod_revision, &out, &ignored);
}

/* The addresses of all leases, sorted by key. */
static int list_servers(struct registry *g, struct arena *a, struct str out[SERVERS_MAX], size_t *ret_n,
                        struct err *err)
{
    _cleanup_(buf_releasep) struct buf prefix = BUF_INIT(LIMIT_URL);
    struct storage_list list;
    lease_key(g, "", &prefix);
    struct storage_list_options o = {.prefix = buf_str(&prefix), .at = STORAGE_CONSISTENT};
    if (storage_list(g->storage, &o, &list, err) < 0)
        return -1;
    size_t n = 0;
    for (size_t i = 0; i < list.n && n < SERVERS_MAX; i++)
        out[n++] = arena_str(a, str_from(list.v[i]->key, prefix.len));
    storage_list_release(&list);
    *ret_n = n;
    return 0;
}

/* --- the objects -------------------------------------------------------------------------------------------------- */

static int replace(void *ctx, struct op *op, const struct doc *old, struct doc **ret, struct err *err)
{
    static const char *const fields[] = {"subsets", "endpoints", "ports", "addressType"};
    struct doc *obj = doc_clone(op->arena, old, true);
    if (!obj)
        return err_set(err, ERR_TOO_LARGE, "request too large");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (doc_get(ctx, fields[i]))
            doc_keep(op->arena, obj, ctx, fields[i]);
    *ret = obj;
    return 0;
}

static int put(struct registry *g, struct arena *a, const struct resource *res, const char *json, struct err *err)
{
    struct doc *d = NULL, *obj = NULL;
    struct storage_object *o = NULL;
    const struct schema_kind *k = schema_kind_find(str_of(res->group), str_of(res->version), str_of(res->kind));
    if (!json || !k || json_parse(a, str_of(json), NULL, &d, err) < 0 ||
        conform(a, d, res->message, NULL, &obj, err) < 0)
        return err_set(err, ERR_INTERNAL, "cannot make %s", res->name);
    defaults_apply(a, obj, k);
    struct op op = registry_op(g, a, res, STR("default"), STR("kubernetes"));
    if (store_update(&op, replace, obj, &o, err) == 0) {
        storage_object_unref(o);
        return 0;
    }
    if (err->code != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    if (store_create(&op, obj, &o, err) < 0)
        return err->code == ERR_ALREADY_EXISTS ? 0 : -1;
    storage_object_unref(o);
    return 0;
}

static const char *endpoints_json(struct arena *a, const struct str *servers, size_t n, int64_t port)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(64 * KIB);
    buf_puts(&b, "{\"kind\":\"Endpoints\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"kubernetes\",\"namespace\":"
                 "\"default\",\"labels\":{\"endpointslice.kubernetes.io/skip-mirror\":\"true\"}},\"subsets\":[{"
                 "\"addresses\":[");
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s{\"ip\":\"" STR_FMT "\"}", i ? "," : "", STR_ARG(servers[i]));
    buf_printf(&b, "],\"ports\":[{\"name\":\"https\",\"port\":%lld,\"protocol\":\"TCP\"}]}]}", (long long)port);
    return arena_strndup(a, b.data, b.len);
}

static const char *slice_json(struct arena *a, const struct str *servers, size_t n, int64_t port)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(64 * KIB);
    buf_puts(&b, "{\"kind\":\"EndpointSlice\",\"apiVersion\":\"discovery.k8s.io/v1\",\"metadata\":{\"name\":"
                 "\"kubernetes\",\"namespace\":\"default\",\"labels\":{\"kubernetes.io/service-name\":\"kubernetes\"}},"
                 "\"addressType\":\"IPv4\",\"endpoints\":[");
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s{\"addresses\":[\"" STR_FMT "\"],\"conditions\":{\"ready\":true}}", i ? "," : "",
                   STR_ARG(servers[i]));
    buf_printf(&b, "],\"ports\":[{\"name\":\"https\",\"port\":%lld,\"protocol\":\"TCP\"}]}", (long long)port);
    return arena_strndup(a, b.data, b.len);
}

int endpoints_reconcile(struct registry *g, const char *address, int64_t port, int64_t ttl_s, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    struct str servers[SERVERS_MAX];
    size_t n = 0;
    const struct resource *endpoints = registry_resource("", "endpoints");
    const struct resource *slices = registry_resource("discovery.k8s.io", "endpointslices");
    if (!endpoints || !slices)
        return err_set(err, ERR_INTERNAL, "no resource endpoints");
    if (renew_lease(g, a, address, ttl_s, err) < 0 || list_servers(g, a, servers, &n, err) < 0)
        return -1;
    if (put(g, a, endpoints, endpoints_json(a, servers, n, port), err) < 0)
        return -1;
    return put(g, a, slices, slice_json(a, servers, n, port), err);
}

bool endpoints_local_address(char out[64])
{
    struct ifaddrs *all = NULL;
    bool found = false;
    if (getifaddrs(&all) < 0)
        return false;
    for (struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || (i->ifa_flags & IFF_LOOPBACK) ||
            !(i->ifa_flags & IFF_UP))
            continue;
        struct in_addr in = ((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr;
        if ((ntohl(in.s_addr) >> 16) != 0xa9fe)
            found = inet_ntop(AF_INET, &in, out, 64) != NULL;
    }
    freeifaddrs(all);
    return found;
}
