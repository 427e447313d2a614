/*
 * service_map.h - what the Services and EndpointSlices of the cluster mean for this node. Pure.
 *
 * IPv4. Headless services, ExternalName, and those with the label service.kubernetes.io/service-proxy-name are not
 * ours. Of a service's endpoints those that are ready count; when none is, those that are terminating and still serve.
 */
#ifndef PROXY_SERVICE_MAP_H
#define PROXY_SERVICE_MAP_H

#include "base/vec.h"
#include "client/object.h"

struct proxy_endpoint {
    const char *ip;
    uint16_t port;
    bool local; /* on this node */
};

struct proxy_endpoints {
    struct proxy_endpoint *v;
    size_t n, cap;
};

/* One port of one service. All strings are the objects' or in the arena. */
struct service_port {
    const char *ns, *name;
    const char *protocol;     /* "tcp", "udp", "sctp" */
    uint16_t port, node_port; /* node_port 0 = none */
    const char *cluster_ip;
    const char **external_ips; /* externalIPs and a load balancer's addresses */
    size_t n_external_ips;
    bool client_ip_affinity;
    bool internal_local, external_local;    /* traffic policies: Local */
    const struct proxy_endpoint *endpoints; /* sorted by address and port, each once */
    size_t n_endpoints;
};

struct service_map {
    struct service_port *v; /* sorted by namespace, name, protocol, port */
    size_t n;
};

/* The map lives in the arena and points into the objects. */
void service_map_build(struct arena *a, const struct kube_objects *services, const struct kube_objects *slices,
                       const char *node_name, struct service_map *ret);

#endif
