/*
 * worker.h - one pod's life on this node: one thread that brings what runs to what is wanted.
 *
 * A worker is told what has changed (a new state of the pod in the API, a container that has ended, a probe's new
 * result) and then does one round, straight on: look at the runtime, work out the actions, carry them out, publish the
 * status. It sleeps until told again or until the next thing is due (a back-off, a token's renewal). Rounds are
 * level-triggered: nothing is lost when several changes fall into one.
 *
 * Ends: the pod is deleted in the API -> stop gracefully, publish the last status, delete the API object -> the API
 * says it is gone -> take the sandbox, logs and folders away -> the thread ends. A pod that has finished stays until
 * it is deleted. A worker without a pod object (found in the runtime only) just takes away.
 *
 * Thread-safe; reference-counted.
 */
#ifndef KUBELET_WORKER_WORKER_H
#define KUBELET_WORKER_WORKER_H

#include "kubelet/kubelet.h"

struct pod_worker;

/* pod NULL: an orphan of the runtime. The thread holds a reference of its own and calls done(ctx, w) at its end. */
int pod_worker_start(struct kubelet *k, const char *uid, const char *ns, const char *name, struct kube_object *pod,
                     void (*done)(void *ctx, struct pod_worker *w), void *ctx, struct pod_worker **ret,
                     struct err *err) MUST_CHECK;
struct pod_worker *pod_worker_ref(struct pod_worker *w);
void pod_worker_unref(struct pod_worker *w);

const char *pod_worker_uid(const struct pod_worker *w);
void pod_worker_update(struct pod_worker *w, struct kube_object *pod);  /* the API's new state */
void pod_worker_gone(struct pod_worker *w);                             /* the API has it no more */
void pod_worker_poke(struct pod_worker *w);                             /* look again */
void pod_worker_exited(struct pod_worker *w, const char *container_id); /* the runtime says that this has ended */
void pod_worker_stop(struct pod_worker *w); /* the kubelet ends: leave everything as it is */

/* The pod as the worker holds it, or NULL; a new reference. */
struct kube_object *pod_worker_pod(struct pod_worker *w);

#endif
