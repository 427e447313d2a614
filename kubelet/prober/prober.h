/*
 * prober.h - runs the probes of all containers, each in its period, and keeps their results.
 *
 * One thread keeps time, a small pool of threads does the checks. A worker tells what to watch after each look at the
 * runtime, and is poked when a result changes. Results start as upstream's: liveness good, readiness not, startup not
 * known; liveness and readiness wait until the startup probe has succeeded. Thread-safe.
 */
#ifndef KUBELET_PROBER_PROBER_H
#define KUBELET_PROBER_PROBER_H

#include "kubelet/kubelet.h"
#include "kubelet/pod/actions.h"
#include "kubelet/worker/worker.h"

struct prober *prober_new(struct kubelet *k, struct err *err) MUST_CHECK;
struct prober *prober_free(struct prober *p); /* no checks may run any more for longer than their timeouts */

/* The container's probes, if it has any; nothing happens when it is watched already. pod is kept by reference. */
void prober_watch(struct prober *p, struct pod_worker *w, struct kube_object *pod, const Corev1__Container *c,
                  bool init, const struct runtime_container *r, const char *pod_ip);
void prober_forget(struct prober *p, const char *container_id);
void prober_remove_pod(struct prober *p, const char *uid);

enum probe_result prober_readiness(struct prober *p, const char *container_id);
struct probe_view prober_view(struct prober *p); /* liveness and startup, for the rules */

/* The rule that turns single outcomes into a result; pure, for tests. */
struct probe_count {
    enum probe_result last;
    int run; /* how often in a row */
};
enum probe_result probe_count_add(struct probe_count *c, enum probe_result now, const Corev1__Probe *probe,
                                  enum probe_result current);

#endif
