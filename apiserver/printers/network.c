/* Cells of services, endpoints and ingresses. */
#include "rules.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"

#define CELL_MAX (64 * KIB)
#define SHOWN 3 /* addresses and ports of a list that are shown */

static struct doc *or_word(const struct cell_context *c, struct buf *out, const char *word)
{
    return out->len ? cell_take(c, out) : cell_string(c, str_of(word));
}

/* --- services --- */

struct doc *cell_service_cluster_ip(const struct cell_context *c, const char *arg)
{
    struct str ip = doc_str(doc_at(doc_path(c->obj, "spec.clusterIPs"), 0));
    return cell_string(c, ip.n ? ip : STR("<none>"));
}

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* IPs, or host names where there is no IP, sorted and each once. */
static void add_balancer(const struct cell_context *c, struct buf *out)
{
    const struct doc *list = doc_path(c->obj, "status.loadBalancer.ingress");
    struct str *all = arena_calloc(c->a, doc_count(list) + 1, sizeof(*all));
    size_t n = 0;

    if (!all)
        return;
    doc_foreach (list, in) {
        struct str ip = doc_str(doc_get(in, "ip")), name = doc_str(doc_get(in, "hostname"));
        if (ip.n || name.n)
            all[n++] = ip.n ? ip : name;
    }
    qsort(all, n, sizeof(*all), by_text);
    for (size_t i = 0; i < n; i++)
        if (!i || !str_eq(all[i], all[i - 1]))
            cell_add(out, all[i], ",");
}

struct doc *cell_service_external(const struct cell_context *c, const char *arg)
{
    struct str type = doc_str(doc_path(c->obj, "spec.type"));
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(CELL_MAX);
    bool balancer = str_is(type, "LoadBalancer");

    if (str_is(type, "ExternalName"))
        return cell_text(c, "spec.externalName");
    if (!balancer && !str_is(type, "ClusterIP") && !str_is(type, "NodePort"))
        return cell_string(c, STR("<unknown>"));
    if (balancer)
        add_balancer(c, &out);
    doc_foreach (doc_path(c->obj, "spec.externalIPs"), ip)
        cell_add(&out, doc_str(ip), ",");
    return or_word(c, &out, balancer ? "<pending>" : "<none>");
}

struct doc *cell_service_ports(const struct cell_context *c, const char *arg)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(CELL_MAX);

    doc_foreach (doc_path(c->obj, "spec.ports"), p) {
        int64_t node = doc_int_or(doc_get(p, "nodePort"), 0);
        cell_add(&out, doc_text(doc_get(p, "port")), ",");
        if (node)
            buf_printf(&out, ":%lld", (long long)node);
        buf_printf(&out, "/" STR_FMT, STR_ARG(doc_str(doc_get(p, "protocol"))));
    }
    return or_word(c, &out, "<none>");
}

/* --- lists of which the first three are shown --- */

struct few {
    struct buf out;
    size_t n;
};

static void few_add(struct few *f, struct str s)
{
    if (f->n++ < SHOWN)
        cell_add(&f->out, s, ",");
}

static struct doc *few_done(const struct cell_context *c, struct few *f, const char *empty)
{
    if (f->n > SHOWN)
        buf_printf(&f->out, " + %zu more...", f->n - SHOWN);
    struct doc *d = or_word(c, &f->out, empty);
    buf_release(&f->out);
    return d;
}

static struct str host_port(const struct cell_context *c, struct str ip, int64_t port)
{
    bool v6 = ip.n && memchr(ip.p, ':', ip.n);
    return str_of(arena_printf(c->a, v6 ? "[" STR_FMT "]:%lld" : STR_FMT ":%lld", STR_ARG(ip), (long long)port));
}

struct doc *cell_endpoints(const struct cell_context *c, const char *arg)
{
    struct few f = {.out = BUF_INIT(CELL_MAX)};

    if (!doc_count(doc_get(c->obj, "subsets")))
        return cell_string(c, STR("<none>"));
    doc_foreach (doc_get(c->obj, "subsets"), subset) {
        const struct doc *addresses = doc_get(subset, "addresses"), *ports = doc_get(subset, "ports");
        if (!doc_count(ports))
            doc_foreach (addresses, ad)
                few_add(&f, doc_str(doc_get(ad, "ip")));
        doc_foreach (ports, p)
            doc_foreach (addresses, ad)
                few_add(&f, f.n < SHOWN ? host_port(c, doc_str(doc_get(ad, "ip")), doc_int_or(doc_get(p, "port"), 0))
                                        : STR(""));
    }
    return few_done(c, &f, "");
}

struct doc *cell_slice_ports(const struct cell_context *c, const char *arg)
{
    struct few f = {.out = BUF_INIT(CELL_MAX)};

    doc_foreach (doc_get(c->obj, "ports"), p) {
        struct str port = doc_text(doc_get(p, "port"));
        few_add(&f, port.n ? port : STR("*"));
    }
    return few_done(c, &f, "<unset>");
}

struct doc *cell_slice_endpoints(const struct cell_context *c, const char *arg)
{
    struct few f = {.out = BUF_INIT(CELL_MAX)};

    doc_foreach (doc_get(c->obj, "endpoints"), e)
        doc_foreach (doc_get(e, "addresses"), ad)
            few_add(&f, doc_str(ad));
    return few_done(c, &f, "<unset>");
}

/* --- ingresses --- */

struct doc *cell_ingress_hosts(const struct cell_context *c, const char *arg)
{
    struct few f = {.out = BUF_INIT(CELL_MAX)};

    doc_foreach (doc_path(c->obj, "spec.rules"), r) {
        struct str host = doc_str(doc_get(r, "host"));
        if (host.n)
            few_add(&f, host);
    }
    return few_done(c, &f, "*");
}

struct doc *cell_ingress_address(const struct cell_context *c, const char *arg)
{
    _cleanup_(buf_releasep) struct buf out = BUF_INIT(CELL_MAX);

    add_balancer(c, &out);
    return cell_take(c, &out);
}

struct doc *cell_ingress_ports(const struct cell_context *c, const char *arg)
{
    return cell_string(c, doc_count(doc_path(c->obj, "spec.tls")) ? STR("80, 443") : STR("80"));
}

struct doc *cell_ingress_parameters(const struct cell_context *c, const char *arg)
{
    const struct doc *p = doc_path(c->obj, "spec.parameters");
    struct str group = doc_str(doc_get(p, "apiGroup"));

    if (!p)
        return cell_string(c, STR("<none>"));
    return doc_printf(c->a, STR_FMT "%s" STR_FMT "/" STR_FMT, STR_ARG(doc_str(doc_get(p, "kind"))), group.n ? "." : "",
                      STR_ARG(group), STR_ARG(doc_str(doc_get(p, "name"))));
}

struct doc *cell_ip_parent(const struct cell_context *c, const char *arg)
{
    const struct doc *p = doc_path(c->obj, "spec.parentRef");
    struct str group = doc_str(doc_get(p, "group")), ns = doc_str(doc_get(p, "namespace"));

    if (!p)
        return cell_string(c, STR("<none>"));
    return doc_printf(c->a, STR_FMT "%s" STR_FMT "%s" STR_FMT "/" STR_FMT, STR_ARG(doc_str(doc_get(p, "resource"))),
                      group.n ? "." : "", STR_ARG(group), ns.n ? "/" : "", STR_ARG(ns),
                      STR_ARG(doc_str(doc_get(p, "name"))));
}
