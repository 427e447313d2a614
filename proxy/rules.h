/*
 * rules.h - from the service map to nftables: what the table `ip kube-proxy` shall contain. Pure.
 *
 * A packet's way: the base chains jump to `services`, which looks its destination up in one map; the verdict is the
 * chain of that service port, which picks an endpoint at random (or by the client's address), whose chain translates:
 *
 *   services: service-ips (address . protocol . port), then service-nodeports (protocol . port) when the address is
 * ours svc/NS/NAME/PROTO/PORT   traffic to the cluster IP; masquerades what does not come from pods
 *   ext/NS/NAME/PROTO/PORT   node ports and external IPs; masquerades, or keeps to this node (policy Local)
 *   ep/NS/NAME/PROTO/PORT/IP/PORT   hairpin: masquerades what an endpoint sends to itself; dnat
 *
 * Ports without endpoints are in no-endpoint-services and no-endpoint-nodeports, which filter chains look up: rejected
 * at once. Addresses of services are in cluster-ips, so that their other ports are rejected too.
 */
#ifndef PROXY_RULES_H
#define PROXY_RULES_H

#include "base/buf.h"
#include "proxy/service_map.h"

#define PROXY_TABLE "ip kube-proxy"

struct rules_options {
    const char *cluster_cidr; /* where pods come from; NULL: nothing is masqueraded for not being a pod */
    bool masquerade_all;
    const char *const *nodeport_addresses; /* CIDRs of ours on which node ports answer; none = all addresses */
    size_t n_nodeport_addresses;
    bool localhost_nodeports; /* node ports on 127.0.0.1 too */
    uint32_t masquerade_mark; /* one bit */
};

/* A chain (value: its rules, a line each) or an element (name: "MAP KEY", value: verdict, empty in a set). */
struct rules_item {
    char *name, *value;
};
struct rules_items {
    struct rules_item *v;
    size_t n, cap;
};
struct ruleset {
    struct rules_items chains, elements; /* sorted by name */
};

void rules_build(const struct service_map *m, const struct rules_options *o, struct ruleset *ret);
void ruleset_release(struct ruleset *r);
static inline void ruleset_releasep(struct ruleset *r)
{
    ruleset_release(r);
}

/* The commands of one transaction that turns `from` into `to`; nothing when they are the same. */
void rules_diff(const struct ruleset *from, const struct ruleset *to, struct buf *script);
/* The commands that make the table anew, whatever is there: base chains, maps, and all of `to`. */
void rules_rebuild(const struct rules_options *o, const struct ruleset *to, struct buf *script);
/* The commands that remove it, whether it is there or not. */
void rules_cleanup(struct buf *script);

#endif
