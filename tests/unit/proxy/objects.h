/* objects.h - Services and EndpointSlices for tests, as informers would hold them. */
#ifndef TEST_PROXY_OBJECTS_H
#define TEST_PROXY_OBJECTS_H

#include "client/kinds.h"

struct test_service {
    const char *name, *cluster_ip, *type, *affinity, *internal_policy, *external_policy, *external_ip;
    const char *port_name, *protocol;
    int port, node_port;
};
void add_service(struct kube_objects *to, const struct test_service *s); /* namespace "ns" */

/* endpoints: "10.0.0.1 10.0.0.2@node-a 10.0.0.3!" ('@': node name, '!': not ready, '~': serves while it terminates) */
void add_slice(struct kube_objects *to, const char *service, const char *port_name, const char *protocol, int port,
               const char *endpoints);

#endif
