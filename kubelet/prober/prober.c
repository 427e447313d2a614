#include "kubelet/prober/prober.h"

#include "base/map.h"
#include "net/worker_pool.h"
#include "kubelet/prober/probe.h"

#include <pthread.h>
#include <time.h>

#define POOL_THREADS 16
#define PERIOD_DEFAULT_S 10

enum kind { LIVENESS, READINESS, STARTUP, KINDS };

static const char *const kind_names[KINDS] = {"Liveness", "Readiness", "Startup"};

/* One probe of one container. */
struct check {
    enum kind kind;
    const Corev1__Probe *probe; /* in the pod object of its container; NULL = the container has none */
    enum probe_result result;
    struct probe_count count;
    int64_t due; /* mono; 0 = not scheduled: held, or running */
};

/* Lives until it is forgotten and no check of it runs. */
struct watched {
    struct prober *p;
    struct pod_worker *worker;
    struct kube_object *pod;
    const Corev1__Container *container;
    bool init, forgotten;
    int running;
    char *id, *uid, *pod_ip;
    int64_t started_ns; /* wall */
    struct check checks[KINDS];
};

struct prober {
    struct kubelet *k;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool stopping;
    struct map watched; /* by container id */
    struct worker_pool *pool;
};

struct job {
    struct watched *w;
    struct check *check;
};

static void watched_free(struct watched *w)
{
    pod_worker_unref(w->worker);
    kube_object_unref(w->pod);
    free(w->id);
    free(w->uid);
    free(w->pod_ip);
    free(w);
}

enum probe_result probe_count_add(struct probe_count *c, enum probe_result now, const Corev1__Probe *probe,
                                  enum probe_result current)
{
    if (c->last == now && c->run > 0)
        c->run++;
    else
        c->run = 1;
    c->last = now;
    int wanted = now == PROBE_SUCCESS ? (probe->successthreshold > 0 ? probe->successthreshold : 1)
                                      : (probe->failurethreshold > 0 ? probe->failurethreshold : 3);
    return c->run >= wanted ? now : current;
}

static int64_t seconds(int32_t v, int32_t otherwise)
{
    return (int64_t)(v > 0 ? v : otherwise) * NS_PER_S;
}

/* Called with the lock held: a probe whose turn it is gets its time. */
static void schedule(struct watched *w, struct check *c, int64_t delay_ns)
{
    c->due = clock_mono(w->p->k->clock) + delay_ns;
    pthread_cond_signal(&w->p->wake);
}

static bool startup_done(const struct watched *w)
{
    return !w->checks[STARTUP].probe || w->checks[STARTUP].result == PROBE_SUCCESS;
}

static int64_t first_delay(const struct watched *w, const struct check *c)
{
    int64_t wanted = w->started_ns + (int64_t)c->probe->initialdelayseconds * NS_PER_S;
    return MAX_OF(wanted - clock_wall(w->p->k->clock), 0);
}

/* What follows a result; with the lock held. True when the worker has to know. */
static bool take_result(struct watched *w, struct check *c, enum probe_result outcome)
{
    enum probe_result before = c->result;
    c->result = probe_count_add(&c->count, outcome, c->probe, c->result);
    bool changed = c->result != before;
    if (c->kind == STARTUP && changed && c->result == PROBE_SUCCESS) {
        for (int i = LIVENESS; i <= READINESS; i++)
            if (w->checks[i].probe)
                schedule(w, &w->checks[i], first_delay(w, &w->checks[i]));
        return true; /* a startup probe ends with its first success */
    }
    /* A container that failed for good is about to be killed: its successor has a new id. */
    if (c->kind != READINESS && changed && c->result == PROBE_FAILURE)
        return true;
    schedule(w, c, seconds(c->probe->periodseconds, PERIOD_DEFAULT_S));
    return changed;
}

static void tell_failure(const struct watched *w, const struct check *c, int rc, const struct buf *output)
{
    struct kubelet *k = w->p->k;
    const Corev1__Pod *pod = kube_pod(w->pod);
    if (rc < 0)
        kubelet_event(k, pod, w->container, w->init, EVENT_WARNING, "Unhealthy",
                      "%s probe errored and resulted in failure state: %s", kind_names[c->kind],
                      text_or(output->data, ""));
    else
        kubelet_event(k, pod, w->container, w->init, EVENT_WARNING, "Unhealthy", "%s probe failed: %s",
                      kind_names[c->kind], text_or(output->data, ""));
}

static void run_check(void *arg)
{
    struct job *j = arg;
    struct watched *w = j->w;
    struct check *c = j->check;
    struct prober *p = w->p;
    _cleanup_(buf_releasep) struct buf output = BUF_INIT(PROBE_OUTPUT_MAX);
    struct probe_target t = {
        .runtime = p->k->runtime,
        .container = w->container,
        .container_id = w->id,
        .pod_ip = w->pod_ip,
        .timeout_s = c->probe->timeoutseconds > 0 ? c->probe->timeoutseconds : 1,
        .user_agent = "kube-probe/1.36",
    };
    int rc = probe_run(&t, c->probe->handler, &output);
    pthread_mutex_lock(&p->lock);
    bool forgotten = w->forgotten, tell = false;
    if (!forgotten)
        tell = take_result(w, c, rc == 1 ? PROBE_SUCCESS : PROBE_FAILURE);
    pthread_mutex_unlock(&p->lock);
    if (rc != 1 && !forgotten)
        tell_failure(w, c, rc, &output);
    if (tell)
        pod_worker_poke(w->worker);
    pthread_mutex_lock(&p->lock);
    w->running--; /* from here on forgetting may free it */
    bool last = w->forgotten && w->running == 0;
    pthread_mutex_unlock(&p->lock);
    if (last)
        watched_free(w);
    free(j);
}

/* With the lock held: gives what is due to the pool, returns when to look again (0 = when told). */
static int64_t dispatch(struct prober *p, int64_t now)
{
    int64_t next = 0;
    map_foreach (&p->watched, it) {
        struct watched *w = it->value;
        for (int i = 0; i < KINDS; i++) {
            struct check *c = &w->checks[i];
            if (!c->due)
                continue;
            if (c->due <= now) {
                struct job *j = xcalloc(1, sizeof(*j));
                *j = (struct job){w, c};
                if (worker_pool_submit(p->pool, run_check, j)) {
                    c->due = 0;
                    w->running++;
                    continue;
                }
                free(j);
                c->due = now + NS_PER_S; /* all are busy: a late probe is better than a lost one */
            }
            if (!next || c->due < next)
                next = c->due;
        }
    }
    return next;
}

static void *prober_main(void *arg)
{
    struct prober *p = arg;
    pthread_mutex_lock(&p->lock);
    while (!p->stopping) {
        int64_t next = dispatch(p, clock_mono(p->k->clock));
        if (!next) {
            pthread_cond_wait(&p->wake, &p->lock);
            continue;
        }
        struct timespec until = {.tv_sec = next / NS_PER_S, .tv_nsec = next % NS_PER_S};
        (void)pthread_cond_timedwait(&p->wake, &p->lock, &until);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct prober *prober_new(struct kubelet *k, struct err *err)
{
    struct prober *p = xcalloc(1, sizeof(*p));
    struct worker_pool_options o = {.name = "probe", .threads = POOL_THREADS};
    pthread_condattr_t mono;
    p->k = k;
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&mono);
    pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
    pthread_cond_init(&p->wake, &mono);
    pthread_condattr_destroy(&mono);
    map_init(&p->watched, NULL);
    p->pool = worker_pool_new(&o, err);
    if (!p->pool) {
        free(p);
        return NULL;
    }
    int rc = pthread_create(&p->thread, NULL, prober_main, p);
    if (rc != 0) {
        worker_pool_free(p->pool);
        free(p);
        (void)err_errno(err, rc, "cannot start the prober");
        return NULL;
    }
    return p;
}

struct prober *prober_free(struct prober *p)
{
    if (!p)
        return NULL;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    worker_pool_free(p->pool);
    map_foreach (&p->watched, it)
        watched_free(it->value);
    map_release(&p->watched);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p);
    return NULL;
}

/* A container that the kubelet finds running at its own start was ready before, or was not: the API remembers. */
static enum probe_result remembered(const Corev1__Pod *pod, const Corev1__Container *c, const char *id, bool startup)
{
    const Corev1__PodStatus *s = pod->status;
    for (size_t i = 0; s && i < s->n_containerstatuses; i++) {
        const Corev1__ContainerStatus *k = s->containerstatuses[i];
        const char *known = k->containerid ? strstr(k->containerid, "://") : NULL;
        if (text_is(k->name, c->name) && known && strcmp(known + 3, id) == 0)
            return (startup ? k->started : k->ready) ? PROBE_SUCCESS : PROBE_UNKNOWN;
    }
    return PROBE_UNKNOWN;
}

void prober_watch(struct prober *p, struct pod_worker *worker, struct kube_object *pod, const Corev1__Container *c,
                  bool init, const struct runtime_container *r, const char *pod_ip)
{
    if (!c->livenessprobe && !c->readinessprobe && !c->startupprobe)
        return;
    pthread_mutex_lock(&p->lock);
    if (!map_has(&p->watched, str_of(r->id))) {
        struct watched *w = xcalloc(1, sizeof(*w));
        *w = (struct watched){
            .p = p,
            .worker = pod_worker_ref(worker),
            .pod = kube_object_ref(pod),
            .container = c,
            .init = init,
            .id = xstrdup(r->id),
            .uid = xstrdup(kube_pod(pod)->metadata->uid),
            .pod_ip = xstrdup(pod_ip),
            .started_ns = r->started_ns,
            .checks = {{.kind = LIVENESS, .probe = c->livenessprobe, .result = PROBE_SUCCESS},
                       {.kind = READINESS, .probe = c->readinessprobe, .result = PROBE_FAILURE},
                       {.kind = STARTUP, .probe = c->startupprobe, .result = PROBE_UNKNOWN}},
        };
        if (remembered(kube_pod(pod), c, r->id, true) == PROBE_SUCCESS)
            w->checks[STARTUP].result = PROBE_SUCCESS;
        if (remembered(kube_pod(pod), c, r->id, false) == PROBE_SUCCESS)
            w->checks[READINESS].result = PROBE_SUCCESS;
        map_set(&p->watched, str_of(r->id), w);
        bool done = startup_done(w);
        for (int i = 0; i < KINDS; i++)
            if (w->checks[i].probe && (i == STARTUP ? !done : done))
                schedule(w, &w->checks[i], first_delay(w, &w->checks[i]));
    }
    pthread_mutex_unlock(&p->lock);
}

/* With the lock held. The last running check frees what is still in use. */
static void forget(struct prober *p, struct str id)
{
    struct watched *w = map_take(&p->watched, id);
    if (!w)
        return;
    w->forgotten = true;
    if (w->running == 0)
        watched_free(w);
}

void prober_forget(struct prober *p, const char *container_id)
{
    pthread_mutex_lock(&p->lock);
    forget(p, str_of(container_id));
    pthread_mutex_unlock(&p->lock);
}

void prober_remove_pod(struct prober *p, const char *uid)
{
    pthread_mutex_lock(&p->lock);
    for (bool again = true; again;) {
        again = false;
        map_foreach (&p->watched, it) {
            if (strcmp(((struct watched *)it->value)->uid, uid) == 0) {
                forget(p, str_n(it->key, it->key_len));
                again = true;
                break;
            }
        }
    }
    pthread_mutex_unlock(&p->lock);
}

static enum probe_result result_of(struct prober *p, const char *id, enum kind kind, enum probe_result unknown)
{
    pthread_mutex_lock(&p->lock);
    const struct watched *w = map_gets(&p->watched, id);
    enum probe_result r = w && w->checks[kind].probe ? w->checks[kind].result : unknown;
    pthread_mutex_unlock(&p->lock);
    return r;
}

enum probe_result prober_readiness(struct prober *p, const char *container_id)
{
    return result_of(p, container_id, READINESS, PROBE_UNKNOWN);
}

static enum probe_result view_liveness(const void *ctx, const char *id)
{
    return result_of((struct prober *)ctx, id, LIVENESS, PROBE_UNKNOWN);
}

static enum probe_result view_startup(const void *ctx, const char *id)
{
    return result_of((struct prober *)ctx, id, STARTUP, PROBE_UNKNOWN);
}

struct probe_view prober_view(struct prober *p)
{
    return (struct probe_view){.liveness = view_liveness, .startup = view_startup, .ctx = p};
}
