#include "kubelet/manager.h"

#include "base/log.h"
#include "base/map.h"
#include "kubelet/pod/status.h"
#include "kubelet/same.h"
#include "kubelet/status_manager.h"
#include "kubelet/volume/volumes.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <time.h>

#define RELIST_NS (10 * NS_PER_S)
#define RELIST_RETRY_NS (NS_PER_S / 2) /* while the runtime is away */

struct pod_manager {
    struct kubelet *k;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct map workers;      /* uid -> struct pod_worker, with a reference */
    struct map owners;       /* container or sandbox id -> uid (malloc'd) */
    struct map fingerprints; /* uid -> uint64_t (malloc'd); the relist thread's own */
    size_t running;          /* workers whose thread has not ended */
    bool stopping, relist_now, started;
    bool list_failed; /* the relist thread's own */
    pthread_t thread;
};

static struct pod_worker *find_worker(struct pod_manager *m, const char *uid)
{
    pthread_mutex_lock(&m->lock);
    struct pod_worker *w = map_gets(&m->workers, uid);
    if (w)
        pod_worker_ref(w);
    pthread_mutex_unlock(&m->lock);
    return w;
}

/* --- owners --- */

void pod_manager_note(struct pod_manager *m, const char *uid, const char *id)
{
    pthread_mutex_lock(&m->lock);
    if (!map_has(&m->owners, str_of(id)))
        map_set(&m->owners, str_of(id), xstrdup(uid));
    pthread_mutex_unlock(&m->lock);
}

/* With the lock held. */
static void forget_owner(struct pod_manager *m, const char *uid)
{
    for (bool again = true; again;) {
        again = false;
        map_foreach (&m->owners, it) {
            if (strcmp(it->value, uid) == 0) {
                map_del(&m->owners, str_n(it->key, it->key_len));
                again = true;
                break;
            }
        }
    }
}

/* --- workers --- */

static void worker_done(void *ctx, struct pod_worker *w)
{
    struct pod_manager *m = ctx;
    const char *uid = pod_worker_uid(w);
    pthread_mutex_lock(&m->lock);
    if (map_gets(&m->workers, uid) == w) {
        map_take(&m->workers, str_of(uid));
        forget_owner(m, uid);
        pod_worker_unref(w); /* the thread holds another one */
    }
    m->running--;
    pthread_cond_broadcast(&m->wake);
    pthread_mutex_unlock(&m->lock);
}

/* pod NULL: an orphan. */
static void ensure_worker(struct pod_manager *m, const char *uid, const char *ns, const char *name,
                          struct kube_object *pod)
{
    struct err err = ERR_INIT;
    struct pod_worker *w;
    pthread_mutex_lock(&m->lock);
    w = map_gets(&m->workers, uid);
    if (w) {
        pod_worker_ref(w);
        pthread_mutex_unlock(&m->lock);
        if (pod)
            pod_worker_update(w, pod);
        pod_worker_unref(w);
        return;
    }
    if (!m->stopping) {
        if (pod_worker_start(m->k, uid, ns, name, pod, worker_done, m, &w, &err) == 0) {
            map_set(&m->workers, str_of(uid), w);
            m->running++;
        } else {
            log_error("cannot run a pod", LOG_S("pod", name), LOG_S("namespace", ns), LOG_ERR(&err));
        }
    }
    pthread_mutex_unlock(&m->lock);
}

/* --- what the API tells; on the reflector's thread --- */

static void on_add(void *ctx, struct kube_object *o)
{
    ensure_worker(ctx, kstr(o->meta->uid), kstr(o->meta->namespace_), kstr(o->meta->name), o);
}

static bool entries_same(const Metav1__ObjectMeta *x, const Metav1__ObjectMeta *y)
{
    if (x->n_labels != y->n_labels || x->n_annotations != y->n_annotations)
        return false;
    for (size_t i = 0; i < x->n_labels; i++)
        if (!message_same(&x->labels[i]->base, &y->labels[i]->base))
            return false;
    for (size_t i = 0; i < x->n_annotations; i++)
        if (!message_same(&x->annotations[i]->base, &y->annotations[i]->base))
            return false;
    return true;
}

/* Most updates are our own statuses coming back: those need no look at the runtime. */
static bool concerns_worker(struct kube_object *old, struct kube_object *o)
{
    const Metav1__ObjectMeta *x = old->meta, *y = o->meta;
    return x->generation != y->generation || !x->deletiontimestamp != !y->deletiontimestamp ||
           x->deletiongraceperiodseconds != y->deletiongraceperiodseconds || !entries_same(x, y) ||
           kube_pod(o)->spec->n_readinessgates > 0 ||
           !message_same(&kube_pod(old)->spec->base, &kube_pod(o)->spec->base);
}

static void on_del(void *ctx, struct kube_object *last)
{
    struct pod_manager *m = ctx;
    struct pod_worker *w = find_worker(m, kstr(last->meta->uid));
    if (!w)
        return;
    pod_worker_gone(w);
    pod_worker_unref(w);
}

static void on_update(void *ctx, struct kube_object *old, struct kube_object *o)
{
    struct pod_manager *m = ctx;
    if (strcmp(kstr(old->meta->uid), kstr(o->meta->uid)) != 0) { /* deleted and made again between two looks */
        on_del(ctx, old);
        on_add(ctx, o);
    } else if (concerns_worker(old, o)) {
        on_add(ctx, o);
    } else {
        status_manager_check(m->k->status, kstr(o->meta->uid));
    }
}

/* --- what the runtime tells --- */

static void on_event(void *ctx, const char *uid, const char *id)
{
    struct pod_manager *m = ctx;
    _cleanup_(freep) char *owner = NULL;
    pthread_mutex_lock(&m->lock);
    if (!id) {
        m->relist_now = true;
        pthread_cond_broadcast(&m->wake);
    } else if (!uid) {
        const char *known = map_gets(&m->owners, id);
        owner = known ? xstrdup(known) : NULL;
    }
    pthread_mutex_unlock(&m->lock);
    struct pod_worker *w = uid || owner ? find_worker(m, uid ? uid : owner) : NULL;
    if (!w)
        return;
    if (uid)
        pod_worker_poke(w);
    else
        pod_worker_exited(w, id);
    pod_worker_unref(w);
}

/* Folders of pods that nobody knows any more. */
static void remove_orphan_dirs(struct pod_manager *m)
{
    _cleanup_(freep) char *root = xasprintf("%s/pods", m->k->config->root_dir);
    DIR *d = opendir(root);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        struct pod_worker *w = find_worker(m, e->d_name);
        if (w) {
            pod_worker_unref(w);
            continue;
        }
        _cleanup_(freep) char *path = xasprintf("%s/%s", root, e->d_name);
        struct err err = ERR_INIT;
        if (pod_dir_remove(path, &err) < 0)
            log_warn("cannot remove the folder of a pod that is gone", LOG_ERR(&err));
    }
    if (d)
        closedir(d);
}

static bool relist(struct pod_manager *m)
{
    struct err err = ERR_INIT;
    struct runtime_pod_list list = {0};
    if (runtime_pods(m->k->runtime, &list, &err) < 0) {
        if (!m->list_failed)
            log_warn("cannot list what the runtime has", LOG_ERR(&err));
        m->list_failed = true;
        return false;
    }
    if (m->list_failed)
        log_info("the runtime is there again");
    m->list_failed = false;
    for (size_t i = 0; i < list.n; i++) {
        struct runtime_pod_brief *b = &list.v[i];
        struct pod_worker *w = find_worker(m, b->uid);
        uint64_t *before = map_gets(&m->fingerprints, b->uid);
        if (!w) {
            log_info("taking a pod away that the API does not have", LOG_S("pod", b->name), LOG_S("namespace", b->ns));
            ensure_worker(m, b->uid, b->ns, b->name, NULL);
        } else if (!before || *before != b->fingerprint) {
            pod_worker_poke(w);
        }
        pod_worker_unref(w);
    }
    map_clear(&m->fingerprints);
    for (size_t i = 0; i < list.n; i++) {
        uint64_t *f = xmalloc(sizeof(*f));
        *f = list.v[i].fingerprint;
        map_set(&m->fingerprints, str_of(list.v[i].uid), f);
    }
    runtime_pod_list_release(&list);
    remove_orphan_dirs(m);
    return true;
}

static void *relist_main(void *arg)
{
    struct pod_manager *m = arg;
    pthread_mutex_lock(&m->lock);
    while (!m->stopping) {
        m->relist_now = false;
        pthread_mutex_unlock(&m->lock);
        bool seen = relist(m);
        pthread_mutex_lock(&m->lock);
        int64_t at = clock_mono(m->k->clock) + (seen ? RELIST_NS : RELIST_RETRY_NS);
        struct timespec until = {.tv_sec = at / NS_PER_S, .tv_nsec = at % NS_PER_S};
        while (!m->stopping && !m->relist_now)
            if (pthread_cond_timedwait(&m->wake, &m->lock, &until) == ETIMEDOUT)
                break;
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

/* --- life --- */

struct pod_manager *pod_manager_new(struct kubelet *k)
{
    struct pod_manager *m = xcalloc(1, sizeof(*m));
    struct informer_handler h = {.ctx = m, .add = on_add, .update = on_update, .del = on_del};
    pthread_condattr_t mono;
    m->k = k;
    pthread_mutex_init(&m->lock, NULL);
    pthread_condattr_init(&mono);
    pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
    pthread_cond_init(&m->wake, &mono);
    pthread_condattr_destroy(&mono);
    map_init(&m->workers, NULL);
    map_init(&m->owners, free);
    map_init(&m->fingerprints, free);
    informer_add_handler(k->pods, &h);
    return m;
}

int pod_manager_start(struct pod_manager *m, struct err *err)
{
    if (runtime_listen(m->k->runtime, on_event, m, err) < 0)
        return -1;
    int rc = pthread_create(&m->thread, NULL, relist_main, m);
    if (rc != 0)
        return err_errno(err, rc, "cannot start the relist thread");
    m->started = true;
    return 0;
}

bool pod_manager_stop(struct pod_manager *m, int64_t wait_ns)
{
    int64_t at = clock_mono(m->k->clock) + wait_ns;
    struct timespec until = {.tv_sec = at / NS_PER_S, .tv_nsec = at % NS_PER_S};
    pthread_mutex_lock(&m->lock);
    m->stopping = true;
    pthread_cond_broadcast(&m->wake);
    map_foreach (&m->workers, it)
        pod_worker_stop(it->value);
    while (m->running > 0)
        if (pthread_cond_timedwait(&m->wake, &m->lock, &until) == ETIMEDOUT)
            break;
    bool all = m->running == 0;
    pthread_mutex_unlock(&m->lock);
    if (m->started)
        pthread_join(m->thread, NULL);
    return all;
}

struct pod_manager *pod_manager_free(struct pod_manager *m)
{
    if (!m)
        return NULL;
    map_foreach (&m->workers, it)
        pod_worker_unref(it->value);
    map_release(&m->workers);
    map_release(&m->owners);
    map_release(&m->fingerprints);
    pthread_cond_destroy(&m->wake);
    pthread_mutex_destroy(&m->lock);
    free(m);
    return NULL;
}

struct kube_object *pod_manager_find(struct pod_manager *m, const char *ns, const char *name)
{
    return informer_get_ns(m->k->pods, ns, name);
}

void pod_manager_list(struct pod_manager *m, struct kube_objects *ret)
{
    informer_list(m->k->pods, ret);
}
