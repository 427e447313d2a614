#include "apiserver/registry/rbac_watch.h"

#include <pthread.h>
#include <stdatomic.h>

#include "apiserver/registry/codec.h"
#include "base/limits.h"
#include "base/log.h"

#define RETRY_NS (200 * NS_PER_MS)

static const char *const RESOURCES[] = {"roles", "clusterroles", "rolebindings", "clusterrolebindings"};

struct rbac_watch {
    struct registry *registry;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool signalled, stopping; /* under lock */
    struct storage_watch *watches[ARRAY_LEN(RESOURCES)];
};

static void wake(void *user)
{
    struct rbac_watch *w = user;
    pthread_mutex_lock(&w->lock);
    w->signalled = true;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->lock);
}

static void changed(struct rbac_watch *w)
{
    atomic_fetch_add(&w->registry->rbac_generation, 1);
}

/* Opens the watch when it is closed. False when that failed and has to be tried again. */
static bool need_watch(struct rbac_watch *w, size_t i)
{
    if (w->watches[i])
        return true;
    _cleanup_(buf_releasep) struct buf prefix = BUF_INIT(LIMIT_URL);
    struct err err = ERR_INIT;
    const struct resource *res = registry_resource("rbac.authorization.k8s.io", RESOURCES[i]);
    if (!res || !codec_key(res, w->registry->etcd_prefix, STR(""), STR(""), &prefix))
        return false;
    struct storage_watch_options o = {.prefix = buf_str(&prefix), .wake = wake, .wake_user = w};
    if (storage_watch(w->registry->storage, &o, &w->watches[i], &err) < 0) {
        log_warn("cannot watch RBAC objects", LOG_ERR(&err));
        return false;
    }
    changed(w);
    return true;
}

static void drain(struct rbac_watch *w, size_t i)
{
    struct storage_event e;
    bool any = false, ended = false;
    while (storage_watch_next(w->watches[i], &e)) {
        any = any || e.type != STORAGE_BOOKMARK;
        ended = e.type == STORAGE_ERROR;
        storage_object_unref(e.obj);
    }
    if (any)
        changed(w);
    if (ended)
        w->watches[i] = storage_watch_free(w->watches[i]);
}

/* Waits for a wake-up, or a moment when a watch has to be opened again. False when stopping. */
static bool wait_signal(struct rbac_watch *w, bool retry)
{
    pthread_mutex_lock(&w->lock);
    if (retry && !w->stopping) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += RETRY_NS;
        until.tv_sec += until.tv_nsec / NS_PER_S;
        until.tv_nsec %= NS_PER_S;
        if (!w->signalled)
            pthread_cond_timedwait(&w->cond, &w->lock, &until);
    }
    while (!retry && !w->signalled && !w->stopping)
        pthread_cond_wait(&w->cond, &w->lock);
    w->signalled = false;
    bool go_on = !w->stopping;
    pthread_mutex_unlock(&w->lock);
    return go_on;
}

static void *run(void *arg)
{
    struct rbac_watch *w = arg;
    bool retry;
    do {
        retry = false;
        for (size_t i = 0; i < ARRAY_LEN(RESOURCES); i++) {
            if (need_watch(w, i))
                drain(w, i);
            retry = retry || !w->watches[i];
        }
    } while (wait_signal(w, retry));
    return NULL;
}

int rbac_watch_start(struct registry *g, struct rbac_watch **ret, struct err *err)
{
    struct rbac_watch *w = xcalloc(1, sizeof(*w));
    w->registry = g;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->cond, NULL);
    int r = pthread_create(&w->thread, NULL, run, w);
    if (r) {
        free(w);
        return err_errno(err, r, "cannot start a thread");
    }
    *ret = w;
    return 0;
}

struct rbac_watch *rbac_watch_stop(struct rbac_watch *w)
{
    if (!w)
        return NULL;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    for (size_t i = 0; i < ARRAY_LEN(RESOURCES); i++)
        storage_watch_free(w->watches[i]);
    pthread_cond_destroy(&w->cond);
    pthread_mutex_destroy(&w->lock);
    free(w);
    return NULL;
}
