/*
 * streaming.h - pods/exec, pods/attach, pods/portforward and pods/log: from the client through us to the kubelet.
 *
 * Routing, authorization and finding the pod and its node are the caller's; here the connection to the kubelet is made
 * and the bytes are joined. SPDY clients and the older WebSocket protocols pass through untouched. WebSocket clients of
 * v5.channel.k8s.io (which can half-close stdin) are translated to SPDY towards the kubelet, and port-forward's
 * SPDY/3.1+portforward.k8s.io is unwrapped from its WebSocket messages.
 *
 * The calls block while connecting: worker threads. They return 0 when the request is finished (or belongs to its
 * stream from now on), and -1 with err when it has not been answered.
 */
#ifndef APISERVER_STREAMING_H
#define APISERVER_STREAMING_H

#include "api/doc.h"
#include "base/buf.h"
#include "net/http_server.h"

struct streaming;

struct streaming_options {
    const char *client_cert_file,
        *client_key_file; /* --kubelet-client-certificate, --kubelet-client-key; may be NULL */
    const char
        *ca_file; /* --kubelet-certificate-authority; NULL = the kubelet's certificate is not verified, as upstream */
};

struct streaming *streaming_new(const struct streaming_options *o, struct err *err) MUST_CHECK;
struct streaming *streaming_free(struct streaming *s); /* returns NULL; accepts NULL */

struct streaming_target {
    const char *host; /* address or name of the node */
    uint16_t port;    /* of its kubelet */
    struct str ns, pod, container;
};

/* Where a node's kubelet is: the first address of the preferred types (NULL = InternalIP, Hostname, InternalDNS,
 * ExternalDNS, ExternalIP) and status.daemonEndpoints.kubeletEndpoint.Port (else 10250). ERR_INTERNAL without one. The
 * host is in the arena. */
int streaming_node_address(const struct doc *node, const char *const *types, size_t n_types, struct arena *arena,
                           struct streaming_target *ret, struct err *err) MUST_CHECK;

/* The query is taken from r: command, stdin, stdout, stderr, tty. */
int streaming_exec(struct streaming *s, struct http_request *r, const struct streaming_target *to,
                   struct err *err) MUST_CHECK;
int streaming_attach(struct streaming *s, struct http_request *r, const struct streaming_target *to,
                     struct err *err) MUST_CHECK;
int streaming_port_forward(struct streaming *s, struct http_request *r, const struct streaming_target *to,
                           struct err *err) MUST_CHECK;
/* query: follow, previous, tailLines ... of r, passed on without `container`. headers are added to the answer. */
int streaming_log(struct streaming *s, struct http_request *r, const struct streaming_target *to,
                  const struct http_header *headers, size_t n, struct err *err) MUST_CHECK;

#endif
