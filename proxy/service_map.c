#include "proxy/service_map.h"

#include "base/map.h"
#include "client/kinds.h"
#include "client/meta.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define LABEL_SERVICE "kubernetes.io/service-name"
#define LABEL_HEADLESS "service.kubernetes.io/headless"
#define LABEL_OTHER_PROXY "service.kubernetes.io/service-proxy-name"

static bool is_ipv4(const char *s)
{
    struct in_addr ip;
    return inet_pton(AF_INET, s, &ip) == 1;
}

static bool is(const char *s, const char *what)
{
    return strcmp(kstr(s), what) == 0;
}

static const char *protocol_of(const char *s)
{
    static const struct {
        const char *api, *nft;
    } table[] = {{"", "tcp"}, {"TCP", "tcp"}, {"UDP", "udp"}, {"SCTP", "sctp"}};
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (is(s, table[i].api))
            return table[i].nft;
    return NULL;
}

/* --- slices by service --- */

struct slice_ref {
    struct slice_ref *next;
    const Discoveryv1__EndpointSlice *slice;
};

static void index_slices(struct arena *a, const struct kube_objects *slices, struct map *by_service)
{
    kube_objects_foreach(slices, o)
    {
        const Discoveryv1__EndpointSlice *s = kube_endpoint_slice(o);
        const char *service = meta_label(o->meta, LABEL_SERVICE);
        if (!service || !is(s->addresstype, "IPv4") || meta_label(o->meta, LABEL_HEADLESS))
            continue;
        const char *key = arena_printf(a, "%s/%s", kstr(o->meta->namespace_), service);
        struct slice_ref *ref = arena_new_of(a, struct slice_ref);
        if (!key || !ref)
            return;
        *ref = (struct slice_ref){map_gets(by_service, key), s};
        map_set(by_service, str_of(key), ref);
    }
}

static const Discoveryv1__EndpointPort *slice_port(const Discoveryv1__EndpointSlice *s, const Corev1__ServicePort *p)
{
    for (size_t i = 0; i < s->n_ports; i++) {
        const Discoveryv1__EndpointPort *port = s->ports[i];
        if (is(port->name, kstr(p->name)) && protocol_of(port->protocol) == protocol_of(p->protocol) &&
            port->has_port && port->port > 0 && port->port < 65536)
            return port;
    }
    return NULL;
}

/* 2 = ready, 1 = serves while it terminates, 0 = not to be used. Absent conditions are taken for the best. */
static int rank(const Discoveryv1__Endpoint *e)
{
    const Discoveryv1__EndpointConditions *c = e->conditions;
    if (!c || !c->has_ready || c->ready)
        return 2;
    return c->has_serving && c->serving && c->has_terminating && c->terminating ? 1 : 0;
}

static int by_address(const void *pa, const void *pb)
{
    const struct proxy_endpoint *a = pa, *b = pb;
    int c = strcmp(a->ip, b->ip);
    return c ? c : (int)a->port - (int)b->port;
}

static void collect(const struct slice_ref *refs, const Corev1__ServicePort *p, int wanted, const char *node,
                    struct proxy_endpoints *out)
{
    for (; refs; refs = refs->next) {
        const Discoveryv1__EndpointPort *port = slice_port(refs->slice, p);
        for (size_t i = 0; port && i < refs->slice->n_endpoints; i++) {
            const Discoveryv1__Endpoint *e = refs->slice->endpoints[i];
            if (rank(e) != wanted || e->n_addresses == 0 || !is_ipv4(e->addresses[0]))
                continue;
            vec_push(out, (struct proxy_endpoint){e->addresses[0], (uint16_t)port->port, is(e->nodename, node)});
        }
    }
}

static void find_endpoints(struct arena *a, const struct slice_ref *refs, const Corev1__ServicePort *p,
                           const char *node, struct service_port *sp)
{
    struct proxy_endpoints found = VEC_INIT;
    collect(refs, p, 2, node, &found);
    if (found.n == 0)
        collect(refs, p, 1, node, &found);
    vec_sort(&found, by_address);
    struct proxy_endpoint *v = arena_calloc(a, found.n + 1, sizeof(*v));
    for (size_t i = 0; v && i < found.n; i++)
        if (i == 0 || by_address(&found.v[i - 1], &found.v[i]) != 0)
            v[sp->n_endpoints++] = found.v[i];
    sp->endpoints = v;
    vec_release(&found);
}

/* --- services --- */

static void find_external_ips(struct arena *a, const Corev1__Service *s, struct service_port *sp)
{
    const Corev1__LoadBalancerStatus *lb = s->status ? s->status->loadbalancer : NULL;
    size_t max = s->spec->n_externalips + (lb ? lb->n_ingress : 0);
    sp->external_ips = arena_calloc(a, max + 1, sizeof(*sp->external_ips));
    if (!sp->external_ips)
        return;
    for (size_t i = 0; i < s->spec->n_externalips; i++)
        if (is_ipv4(s->spec->externalips[i]))
            sp->external_ips[sp->n_external_ips++] = s->spec->externalips[i];
    for (size_t i = 0; lb && i < lb->n_ingress; i++)
        if (is_ipv4(kstr(lb->ingress[i]->ip)) && !is(lb->ingress[i]->ipmode, "Proxy"))
            sp->external_ips[sp->n_external_ips++] = lb->ingress[i]->ip;
}

static const char *ipv4_of(const Corev1__ServiceSpec *spec)
{
    if (is_ipv4(kstr(spec->clusterip)))
        return spec->clusterip;
    for (size_t i = 0; i < spec->n_clusterips; i++)
        if (is_ipv4(spec->clusterips[i]))
            return spec->clusterips[i];
    return NULL;
}

static int by_name(const void *pa, const void *pb)
{
    const struct service_port *a = pa, *b = pb;
    int c = strcmp(a->ns, b->ns);
    c = c ? c : strcmp(a->name, b->name);
    c = c ? c : strcmp(a->protocol, b->protocol);
    return c ? c : (int)a->port - (int)b->port;
}

struct ports {
    struct service_port *v;
    size_t n, cap;
};

static void add_service(struct arena *a, const struct kube_object *o, const struct slice_ref *refs, const char *node,
                        struct ports *out)
{
    const Corev1__Service *s = kube_service(o);
    const char *ip = s->spec ? ipv4_of(s->spec) : NULL;
    if (!ip || is(s->spec->type, "ExternalName") || meta_label(o->meta, LABEL_OTHER_PROXY))
        return;
    for (size_t i = 0; i < s->spec->n_ports; i++) {
        const Corev1__ServicePort *p = s->spec->ports[i];
        struct service_port sp = {
            .ns = kstr(o->meta->namespace_),
            .name = kstr(o->meta->name),
            .protocol = protocol_of(p->protocol),
            .port = (uint16_t)p->port,
            .node_port = p->has_nodeport ? (uint16_t)p->nodeport : 0,
            .cluster_ip = ip,
            .client_ip_affinity = is(s->spec->sessionaffinity, "ClientIP"),
            .internal_local = is(s->spec->internaltrafficpolicy, "Local"),
            .external_local = is(s->spec->externaltrafficpolicy, "Local"),
        };
        if (!sp.protocol || !sp.port)
            continue;
        find_external_ips(a, s, &sp);
        find_endpoints(a, refs, p, node, &sp);
        vec_push(out, sp);
    }
}

void service_map_build(struct arena *a, const struct kube_objects *services, const struct kube_objects *slices,
                       const char *node_name, struct service_map *ret)
{
    struct map by_service;
    struct ports ports = VEC_INIT;
    map_init(&by_service, NULL);
    index_slices(a, slices, &by_service);
    kube_objects_foreach(services, o)
    {
        const char *key = arena_printf(a, "%s/%s", kstr(o->meta->namespace_), kstr(o->meta->name));
        if (key)
            add_service(a, o, map_gets(&by_service, key), node_name, &ports);
    }
    vec_sort(&ports, by_name);
    struct service_port *v = arena_calloc(a, ports.n + 1, sizeof(*v));
    if (v && ports.n)
        memcpy(v, ports.v, ports.n * sizeof(*v));
    *ret = (struct service_map){v, v ? ports.n : 0};
    vec_release(&ports);
    map_release(&by_service);
}
