/*
 * status_manager.h - brings pods' statuses to the API server, each at once, never in the way of a pod's worker.
 *
 * The newest status of a pod replaces one that waits. What others have written (conditions that are not the kubelet's)
 * is kept; a conflict is resolved by reading the pod again. While the server is away it tries again with back-off.
 * Thread-safe.
 */
#ifndef KUBELET_STATUS_MANAGER_H
#define KUBELET_STATUS_MANAGER_H

#include "kubelet/kubelet.h"

struct status_manager *status_manager_new(struct kubelet *k);
struct status_manager *status_manager_free(struct status_manager *m); /* returns NULL; accepts NULL */

/* Copies the status. */
void status_manager_set(struct status_manager *m, const Corev1__Pod *pod, const Corev1__PodStatus *status);
/* Looks again whether the API shows what was set last. */
void status_manager_check(struct status_manager *m, const char *uid);
/* Deletes the pod for good (grace 0) once its last status is there. */
void status_manager_delete(struct status_manager *m, const Corev1__Pod *pod);
void status_manager_forget(struct status_manager *m, const char *uid);

#endif
