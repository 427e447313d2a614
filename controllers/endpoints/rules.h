/*
 * rules.h - who stands behind a Service. Pure; what is made lives in the arena and shares with the inputs.
 */
#ifndef CONTROLLERS_ENDPOINTS_RULES_H
#define CONTROLLERS_ENDPOINTS_RULES_H

#include "base/arena.h"
#include "client/kinds.h"

/* Does the Service select the pod? One without a selector selects none: its endpoints are somebody else's. */
bool service_selects(const Corev1__Service *svc, const Metav1__ObjectMeta *pod);
bool service_has_selector(const Corev1__Service *svc);
bool service_is_headless(const Corev1__Service *svc);

/* Has it an address, and may it still serve? With `terminating`, also one that is being deleted. */
bool pod_is_endpoint(const Corev1__Pod *pod, bool terminating);

/* A port with its number resolved. */
struct port {
    const char *name, *protocol, *app_protocol;
    int32_t number;
};
/* The ports of the Service as the pod has them; those it has not (a name it does not know) are left out. At most
 * svc->spec->n_ports are written. Returns how many. */
size_t resolve_ports(const Corev1__Service *svc, const Corev1__Pod *pod, struct port *ret);

/* The pod's first address of the family ("IPv4", "IPv6"), or NULL. */
const char *pod_address(const Corev1__Pod *pod, const char *family);

struct node_zone {                                    /* how rules learn about nodes */
    const char *(*zone)(void *ctx, const char *node); /* NULL = unknown; the string lives as long as the arena */
    void *ctx;
};

/* An EndpointSlice endpoint for the pod. */
Discoveryv1__Endpoint *endpoint_of(struct arena *a, const Corev1__Service *svc, const Corev1__Pod *pod,
                                   const char *address, const struct node_zone *nodes);

/* The Endpoints subsets of a Service: pods with the same ports together, everything sorted. */
void subsets_of(struct arena *a, const Corev1__Service *svc, const struct kube_objects *pods, Corev1__Endpoints *into);

/* --- slices: which of the present ones stay, change, go, and which are made --- */
struct slice_plan {
    Discoveryv1__EndpointSlice **create, **update; /* complete objects; update: shallow copies of present ones */
    const struct kube_object **remove;
    size_t n_create, n_update, n_remove;
};
/* present: the slices of ours for this Service and family. pods: those the Service selects. */
void plan_slices(struct arena *a, const struct kube_object *svc, const struct kube_objects *pods,
                 const struct kube_objects *present, const char *family, size_t max_endpoints,
                 const struct node_zone *nodes, struct slice_plan *plan);

#endif
