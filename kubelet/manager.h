/*
 * manager.h - which pods this node has to do with, and their workers.
 *
 * Pods come from the API (bound to this node), and from the runtime when the API has none of that uid: those are taken
 * away. It passes on what the runtime tells, and looks at everything slowly behind that, for an event may be missed.
 * Thread-safe.
 */
#ifndef KUBELET_MANAGER_H
#define KUBELET_MANAGER_H

#include "kubelet/kubelet.h"
#include "kubelet/worker/worker.h"

/* Adds its handlers to k->pods: before the informers start. */
struct pod_manager *pod_manager_new(struct kubelet *k);
/* When the pods are synced: starts to listen to the runtime and looks for orphans. */
int pod_manager_start(struct pod_manager *m, struct err *err) MUST_CHECK;
/* Ends the workers and leaves the containers running. Waits for at most wait_ns; false when some still work. */
bool pod_manager_stop(struct pod_manager *m, int64_t wait_ns);

/* After a stop that returned true. Returns NULL; accepts NULL. */
struct pod_manager *pod_manager_free(struct pod_manager *m);

/* This container or sandbox belongs to the pod of that uid. */
void pod_manager_note(struct pod_manager *m, const char *uid, const char *id);

/* The pod of that name, or NULL; a new reference. */
struct kube_object *pod_manager_find(struct pod_manager *m, const char *ns, const char *name);
/* All pods with a worker; new references. */
void pod_manager_list(struct pod_manager *m, struct kube_objects *ret);

#endif
