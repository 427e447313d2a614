/* containerd's own services on CRI's socket, as the :path of a request. */
#ifndef PROTO_CRI_CONTAINERD_METHODS_H
#define PROTO_CRI_CONTAINERD_METHODS_H

#define CONTAINERD_EVENTS_SUBSCRIBE "/containerd.services.events.v1.Events/Subscribe" /* streams Envelope */

#endif
