/*
 * internal.h - inside of worker/: the worker's state, shared by the files that do its rounds.
 *
 *   worker.c   the thread, what it is told, the course of a round
 *   start.c    images, and starting one container
 *   kill.c     stopping containers with hooks and grace
 *   hooks.c    lifecycle handlers
 */
#ifndef KUBELET_WORKER_INTERNAL_H
#define KUBELET_WORKER_INTERNAL_H

#include "base/map.h"
#include "kubelet/pod/actions.h"
#include "kubelet/pod/backoff.h"
#include "kubelet/pod/build.h"
#include "kubelet/pod/status.h"
#include "kubelet/worker/worker.h"

#include <pthread.h>

#define EXITED_MAX 32
#define ROUND_ARENA_MAX ((size_t)64 << 20)
#define RETRY_NS (2 * NS_PER_S)

/* A pull that runs beside the worker, so that the pod can be deleted while a registry does not answer. */
struct image_pull {
    char *image; /* normalised */
    bool done;
    char *ref;
    struct err err;
    int64_t took_ns;
};

struct pod_worker {
    struct kubelet *k;
    char *uid, *ns, *name, *dir, *log_dir, *cgroup;
    unsigned refs;
    void (*done)(void *ctx, struct pod_worker *w);
    void *done_ctx;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* under the lock */
    struct kube_object *pod;
    bool dirty, api_gone, stopping;
    bool pod_changed; /* volumes may show what has changed */
    char *exited[EXITED_MAX];
    size_t n_exited;
    struct image_pull *pull;

    /* the thread's own */
    struct kube_object *object; /* of this round; NULL for an orphan */
    struct arena *round;        /* memory of this round */
    struct runtime_pod *running;
    Corev1__PodStatus *last; /* as published last; NULL before */
    struct pod_volumes *volumes;
    struct backoff crashes, images;
    struct map waiting; /* container name -> struct waiting */
    struct map ended;   /* container id -> its termination message */
    int64_t start_ns;   /* wall */
    int64_t wake_at;    /* mono; 0 = when told only */
    int64_t mount_delay, mount_at, volumes_at;
    bool prepared;   /* folders and cgroup are there */
    bool terminated; /* everything has been stopped */
    bool deleted;    /* the API object's deletion has been asked for */
    bool finished;   /* the thread may end */
    const char *failed_reason, *failed_message;
};

struct waiting {
    char *reason, *message;
};

/* The pod of this round with the status that we published last. */
const Corev1__Pod *worker_pod(struct pod_worker *w);
void worker_wake_in(struct pod_worker *w, int64_t delay_ns); /* at the latest */
int worker_load(struct pod_worker *w, struct err *err) MUST_CHECK;
void worker_publish(struct pod_worker *w, bool terminal);
void worker_set_waiting(struct pod_worker *w, const char *container, const char *reason, const char *fmt, ...)
    PRINTF_FMT(4, 5);
struct downward_facts worker_facts(struct pod_worker *w);
/* What the sandbox of this round is made of, for containers too. */
const struct runtime_sandbox_spec *worker_sandbox_spec(struct pod_worker *w, uint32_t attempt);

/* start.c: brings one container up or says in waiting why not. */
void worker_start_container(struct pod_worker *w, const Corev1__Container *c, bool init, const char *sandbox_id,
                            const struct runtime_sandbox_spec *sandbox);
void image_pull_free(struct image_pull *p);

/* kill.c */
void worker_kill_all(struct pod_worker *w); /* all containers of the snapshot, with the pod's grace */
void worker_kill_some(struct pod_worker *w, const struct kill_action *kills, size_t n);

/* hooks.c: 0 = done. text gets what an event says. */
int hook_run(struct kubelet *k, const Corev1__Pod *pod, const Corev1__Container *c, const char *container_id,
             const char *pod_ip, const Corev1__LifecycleHandler *h, int64_t timeout_s, struct err *err) MUST_CHECK;
/* Waits for the container's postStart, however long that takes, but no longer than the pod is wanted. */
int hook_post_start(struct pod_worker *w, const Corev1__Container *c, const char *container_id, const char *pod_ip,
                    struct err *err) MUST_CHECK;

#endif
