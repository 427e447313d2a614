/* bridges.h - inside streaming: WebSocket towards the client, SPDY bytes towards the kubelet. */
#ifndef APISERVER_STREAMING_BRIDGES_H
#define APISERVER_STREAMING_BRIDGES_H

#include "apiserver/streaming/kubelet_path.h"
#include "net/http_client.h"
#include "net/http_server.h"

#define SPDY_31 "SPDY/3.1"
#define V5_PROTOCOL "v5.channel.k8s.io"
#define V4_PROTOCOL "v4.channel.k8s.io"
#define PORT_FORWARD_PROTOCOL "portforward.k8s.io"
#define PORT_FORWARD_OVER_WS "SPDY/3.1+portforward.k8s.io"

/* Both take the tunnel over and finish the request. Any thread. */

/* v5: a channel number before each message <-> streams of a SPDY session. */
void bridge_exec(struct http_request *r, struct http_client_tunnel *taken, const struct exec_wants *wants);
/* The messages' bytes are the SPDY bytes. */
void bridge_port_forward(struct http_request *r, struct http_client_tunnel *taken);

#endif
