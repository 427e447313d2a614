/* postStart and preStop. */
#include "kubelet/worker/internal.h"

#include "kubelet/prober/probe.h"

int hook_run(struct kubelet *k, const Corev1__Pod *pod, const Corev1__Container *c, const char *container_id,
             const char *pod_ip, const Corev1__LifecycleHandler *h, int64_t timeout_s, struct err *err)
{
    _cleanup_(buf_releasep) struct buf output = BUF_INIT(PROBE_OUTPUT_MAX);
    struct probe_target t = {
        .runtime = k->runtime,
        .container = c,
        .container_id = container_id,
        .pod_ip = pod_ip,
        .timeout_s = timeout_s,
        .user_agent = "kube-lifecycle/1.36",
    };
    if (h->exec) {
        /* Without a timeout the command may take as long as it wants: 0 is "for ever" to the runtime. */
        int rc = probe_exec(&t, h->exec, &output);
        if (rc == 1)
            return 0;
        return err_set(err, ERR_INTERNAL, "Exec lifecycle hook for Container \"%s\" in Pod \"%s_%s(%s)\" failed: %s",
                       c->name, pod->metadata->name, pod->metadata->namespace_, pod->metadata->uid,
                       text_or(output.data, ""));
    }
    if (h->httpget) {
        t.timeout_s = timeout_s > 0 ? timeout_s : 30;
        if (probe_http(&t, h->httpget, &output) == 1)
            return 0;
        return err_set(err, ERR_INTERNAL,
                       "HTTP lifecycle hook (%s) for Container \"%s\" in Pod \"%s_%s(%s)\" failed: %s",
                       text_or(h->httpget->path, "/"), c->name, pod->metadata->name, pod->metadata->namespace_,
                       pod->metadata->uid, text_or(output.data, ""));
    }
    if (h->sleep) {
        int64_t s = h->sleep->seconds;
        (void)stop_wait(k->stop, (timeout_s > 0 ? MIN_OF(s, timeout_s) : s) * NS_PER_S);
        return 0;
    }
    return err_set(err, ERR_INVALID, "invalid lifecycle handler");
}

/* --- postStart --- */

/* Shared by the worker and the thread that runs the hook; the last of them frees it. */
struct started_hook {
    struct pod_worker *w;
    struct kube_object *pod; /* keeps container and handler alive */
    const Corev1__Container *c;
    char *id, *pod_ip;
    struct err err;
    int rc;
    bool done, abandoned; /* under the worker's lock */
};

static void hook_free(struct started_hook *h)
{
    kube_object_unref(h->pod);
    pod_worker_unref(h->w);
    free(h->id);
    free(h->pod_ip);
    free(h);
}

static void *hook_main(void *arg)
{
    struct started_hook *h = arg;
    struct pod_worker *w = pod_worker_ref(h->w);
    struct err err = ERR_INIT;
    int rc = hook_run(w->k, kube_pod(h->pod), h->c, h->id, h->pod_ip, h->c->lifecycle->poststart, 0, &err);
    pthread_mutex_lock(&w->lock);
    h->rc = rc;
    h->err = err;
    h->done = true;
    bool mine = h->abandoned;
    pthread_cond_broadcast(&w->wake);
    pthread_mutex_unlock(&w->lock);
    if (mine)
        hook_free(h);
    pod_worker_unref(w);
    return NULL;
}

/* With the lock held: is there no point in waiting for a hook any more? */
static bool must_go(const struct pod_worker *w)
{
    return w->stopping || w->api_gone || (w->pod && pod_deleting(kube_pod(w->pod)));
}

int hook_post_start(struct pod_worker *w, const Corev1__Container *c, const char *container_id, const char *pod_ip,
                    struct err *err)
{
    struct started_hook *h = xcalloc(1, sizeof(*h));
    pthread_t thread;
    *h = (struct started_hook){
        .w = pod_worker_ref(w),
        .pod = kube_object_ref(w->object),
        .c = c,
        .id = xstrdup(container_id),
        .pod_ip = xstrdup(pod_ip),
    };
    int rc = pthread_create(&thread, NULL, hook_main, h);
    if (rc != 0) {
        hook_free(h);
        return err_errno(err, rc, "cannot run the hook");
    }
    pthread_detach(thread);
    pthread_mutex_lock(&w->lock);
    while (!h->done && !must_go(w))
        pthread_cond_wait(&w->wake, &w->lock);
    bool done = h->done;
    h->abandoned = !done;
    pthread_mutex_unlock(&w->lock);
    if (!done)
        return 0; /* the container is about to be stopped, and the hook with it */
    rc = h->rc;
    if (rc < 0)
        *err = h->err;
    hook_free(h);
    return rc;
}
