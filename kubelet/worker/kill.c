/*
 * Stopping containers: each on a thread of its own, so that their hooks and graces run side by side and the worker can
 * still hear that the user wants it faster.
 */
#include "kubelet/worker/internal.h"

#include "base/log.h"
#include "kubelet/pod/ecs.h"

#include <time.h>

#define GRACE_MIN_S 2 /* what a hook leaves at least */

struct kill_group {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    size_t left;
};

struct kill_job {
    struct pod_worker *w;
    struct kill_group *group;
    const Corev1__Pod *pod; /* NULL for orphans */
    const Corev1__Container *c;
    bool init;
    const struct runtime_container *r;
    const char *pod_ip;
    int64_t grace_s;
    const char *message;
};

static void run_pre_stop(struct kill_job *j)
{
    struct pod_worker *w = j->w;
    struct err err = ERR_INIT;
    if (!j->c || !j->c->lifecycle || !j->c->lifecycle->prestop || j->grace_s <= 0)
        return;
    int64_t begin = clock_mono(w->k->clock);
    if (hook_run(w->k, j->pod, j->c, j->r->id, j->pod_ip, j->c->lifecycle->prestop, j->grace_s, &err) < 0)
        kubelet_event(w->k, j->pod, j->c, j->init, EVENT_WARNING, "FailedPreStopHook", "PreStopHook failed");
    j->grace_s -= (clock_mono(w->k->clock) - begin) / NS_PER_S;
    if (j->grace_s < GRACE_MIN_S)
        j->grace_s = GRACE_MIN_S;
}

static void *kill_main(void *arg)
{
    struct kill_job *j = arg;
    struct err err = ERR_INIT;
    if (j->c)
        kubelet_event(j->w->k, j->pod, j->c, j->init, EVENT_NORMAL, "Killing", "%s", j->message);
    run_pre_stop(j);
    if (runtime_container_stop(j->w->k->runtime, j->r->id, j->grace_s, &err) < 0 && err.code != ERR_NOT_FOUND)
        log_warn("cannot stop a container", LOG_S("pod", j->w->name), LOG_S("container", j->r->name), LOG_ERR(&err));
    pthread_mutex_lock(&j->group->lock);
    j->group->left--;
    pthread_cond_broadcast(&j->group->wake);
    pthread_mutex_unlock(&j->group->lock);
    return NULL;
}

/* Grace as the API's deletion has it, else the spec's; -1 without a pod. */
static int64_t pod_grace(const Corev1__Pod *pod)
{
    if (!pod)
        return -1;
    if (pod_deleting(pod) && pod->metadata->has_deletiongraceperiodseconds)
        return MAX_OF(pod->metadata->deletiongraceperiodseconds, 1);
    return pod->spec->has_terminationgraceperiodseconds ? pod->spec->terminationgraceperiodseconds : 30;
}

/* The user may have asked again with a shorter grace while containers are given theirs. */
static int64_t newest_grace(struct pod_worker *w)
{
    struct kube_object *o = pod_worker_pod(w);
    int64_t grace = o ? pod_grace(kube_pod(o)) : -1;
    kube_object_unref(o);
    return grace;
}

static void hurry(struct kill_job *jobs, size_t n, int64_t grace_s)
{
    for (size_t i = 0; i < n; i++) {
        struct err err = ERR_INIT;
        (void)!runtime_container_stop(jobs[i].w->k->runtime, jobs[i].r->id, grace_s, &err);
    }
}

static void wait_for(struct kill_group *g, struct kill_job *jobs, size_t n, int64_t grace_s)
{
    pthread_mutex_lock(&g->lock);
    while (g->left > 0) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += 1;
        pthread_cond_timedwait(&g->wake, &g->lock, &until);
        if (g->left == 0)
            break;
        pthread_mutex_unlock(&g->lock);
        int64_t now = newest_grace(jobs[0].w);
        if (now >= 0 && now < grace_s) {
            grace_s = now;
            hurry(jobs, n, grace_s);
        }
        pthread_mutex_lock(&g->lock);
    }
    pthread_mutex_unlock(&g->lock);
}

static void run_jobs(struct kill_job *jobs, size_t n, int64_t grace_s)
{
    struct kill_group g = {.left = n};
    pthread_condattr_t mono;
    pthread_t *threads = xcalloc(n + 1, sizeof(*threads));
    if (n == 0) {
        free(threads);
        return;
    }
    pthread_mutex_init(&g.lock, NULL);
    pthread_condattr_init(&mono);
    pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
    pthread_cond_init(&g.wake, &mono);
    pthread_condattr_destroy(&mono);
    for (size_t i = 0; i < n; i++) {
        jobs[i].group = &g;
        if (pthread_create(&threads[i], NULL, kill_main, &jobs[i]) != 0) {
            threads[i] = 0;
            kill_main(&jobs[i]);
        }
    }
    wait_for(&g, jobs, n, grace_s);
    for (size_t i = 0; i < n; i++)
        if (threads[i])
            pthread_join(threads[i], NULL);
    pthread_cond_destroy(&g.wake);
    pthread_mutex_destroy(&g.lock);
    free(threads);
}

static struct kill_job job_of(struct pod_worker *w, const Corev1__Pod *pod, const struct runtime_container *r)
{
    struct downward_facts f = worker_facts(w);
    struct kill_job j = {.w = w, .pod = pod, .r = r, .pod_ip = f.n_pod_ips ? f.pod_ips[0] : ""};
    j.c = pod ? pod_find_container(pod, r->name, &j.init) : NULL;
    j.grace_s = pod ? ecs_stop_grace(pod, r->name, pod_grace(pod)) : MAX_OF(r->grace_s, 1);
    j.message = BUILD_PRINTF(w->round, "Stopping container %s", r->name);
    return j;
}

void worker_kill_all(struct pod_worker *w)
{
    const Corev1__Pod *pod = w->object ? kube_pod(w->object) : NULL;
    struct kill_job *jobs = BUILD_ARRAY(w->round, w->running->n_containers, struct kill_job);
    struct kill_job *sidecars = BUILD_ARRAY(w->round, w->running->n_containers, struct kill_job);
    size_t n = 0, n_sidecars = 0;
    int64_t grace = 0;
    for (size_t i = 0; i < w->running->n_containers; i++) {
        const struct runtime_container *r = &w->running->containers[i];
        if (r->state != CONTAINER_RUNNING && r->state != CONTAINER_UNKNOWN)
            continue;
        struct kill_job j = job_of(w, pod, r);
        grace = MAX_OF(grace, j.grace_s);
        if (j.c && j.init && container_is_sidecar(j.c))
            sidecars[n_sidecars++] = j;
        else
            jobs[n++] = j;
    }
    int64_t begin = clock_mono(w->k->clock);
    run_jobs(jobs, n, grace);
    /* Sidecars outlive what they serve, and share its grace. */
    int64_t used = (clock_mono(w->k->clock) - begin) / NS_PER_S;
    for (size_t i = 0; i < n_sidecars; i++)
        sidecars[i].grace_s = MAX_OF(sidecars[i].grace_s - used, GRACE_MIN_S);
    run_jobs(sidecars, n_sidecars, grace);
}

static int64_t probe_grace(const Corev1__Probe *p, int64_t otherwise)
{
    return p && p->has_terminationgraceperiodseconds ? p->terminationgraceperiodseconds : otherwise;
}

void worker_kill_some(struct pod_worker *w, const struct kill_action *kills, size_t n)
{
    const Corev1__Pod *pod = kube_pod(w->object);
    struct kill_job *jobs = BUILD_ARRAY(w->round, n, struct kill_job);
    int64_t grace = 0;
    for (size_t i = 0; i < n; i++) {
        jobs[i] = job_of(w, pod, kills[i].container);
        if (kills[i].message[0])
            jobs[i].message = kills[i].message;
        if (kills[i].reason == KILL_LIVENESS)
            jobs[i].grace_s = probe_grace(kills[i].spec->livenessprobe, jobs[i].grace_s);
        if (kills[i].reason == KILL_STARTUP)
            jobs[i].grace_s = probe_grace(kills[i].spec->startupprobe, jobs[i].grace_s);
        grace = MAX_OF(grace, jobs[i].grace_s);
    }
    run_jobs(jobs, n, grace);
}
