/*
 * watch.h - what the Endpoints and the EndpointSlice controller share: which Services a change of a pod is about.
 */
#ifndef CONTROLLERS_ENDPOINTS_WATCH_H
#define CONTROLLERS_ENDPOINTS_WATCH_H

#include "controllers/controller.h"

struct endpoints_base {
    struct controller base;
    struct informer *services, *pods;
    int services_by_namespace, pods_by_namespace;
};

/* Asks for the informers and adds the handlers: keys of Services land on the queue. */
void endpoints_watch(struct endpoints_base *c, const struct controller_env *env);
/* Appends the pods that the Service selects. */
void endpoints_pods(struct endpoints_base *c, const struct kube_object *svc, struct kube_objects *ret);

#endif
