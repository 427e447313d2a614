#include "kubelet/status_manager.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/parse.h"
#include "client/workqueue.h"
#include "kubelet/pod/build.h"
#include "kubelet/pod/status.h"
#include "kubelet/same.h"

#include <pthread.h>

#define SENDERS 4
#define TRIES 5

struct entry {
    char *ns, *name;
    Corev1__PodStatus *status;  /* the newest, or NULL */
    struct kube_object *stored; /* as our last write left it: the informer shows it a little later */
    bool remove;
};

struct status_manager {
    struct kubelet *k;
    pthread_mutex_t lock;
    struct map entries; /* by uid */
    struct workqueue *queue;
    struct workers *workers;
};

static void entry_free(void *p)
{
    struct entry *e = p;
    free(e->ns);
    free(e->name);
    if (e->status)
        corev1__pod_status__free_unpacked(e->status, NULL);
    kube_object_unref(e->stored);
    free(e);
}

static Corev1__PodStatus *status_copy(const Corev1__PodStatus *s)
{
    size_t n = corev1__pod_status__get_packed_size(s);
    _cleanup_(freep) uint8_t *bytes = xmalloc(n + 1);
    corev1__pod_status__pack(s, bytes);
    return corev1__pod_status__unpack(NULL, n, bytes);
}

static struct entry *entry_of(struct status_manager *m, const Corev1__Pod *pod)
{
    struct entry *e = map_gets(&m->entries, pod->metadata->uid);
    if (e)
        return e;
    e = xcalloc(1, sizeof(*e));
    e->ns = xstrdup(text_or(pod->metadata->namespace_, ""));
    e->name = xstrdup(text_or(pod->metadata->name, ""));
    map_set(&m->entries, str_of(pod->metadata->uid), e);
    return e;
}

void status_manager_set(struct status_manager *m, const Corev1__Pod *pod, const Corev1__PodStatus *status)
{
    Corev1__PodStatus *copy = status_copy(status);
    if (!copy)
        return; /* it was packed a line ago: only without memory */
    pthread_mutex_lock(&m->lock);
    struct entry *e = entry_of(m, pod);
    if (e->status)
        corev1__pod_status__free_unpacked(e->status, NULL);
    e->status = copy;
    pthread_mutex_unlock(&m->lock);
    workqueue_add(m->queue, str_of(pod->metadata->uid));
}

void status_manager_check(struct status_manager *m, const char *uid)
{
    pthread_mutex_lock(&m->lock);
    bool known = map_has(&m->entries, str_of(uid));
    pthread_mutex_unlock(&m->lock);
    if (known)
        workqueue_add(m->queue, str_of(uid));
}

void status_manager_delete(struct status_manager *m, const Corev1__Pod *pod)
{
    pthread_mutex_lock(&m->lock);
    entry_of(m, pod)->remove = true;
    pthread_mutex_unlock(&m->lock);
    workqueue_add(m->queue, str_of(pod->metadata->uid));
}

void status_manager_forget(struct status_manager *m, const char *uid)
{
    pthread_mutex_lock(&m->lock);
    map_del(&m->entries, str_of(uid));
    pthread_mutex_unlock(&m->lock);
    workqueue_forget(m->queue, str_of(uid));
}

/* Our status with the conditions of others as the API has them. */
static Corev1__PodStatus *merged(struct arena *a, const Corev1__PodStatus *ours, const Corev1__PodStatus *api)
{
    Corev1__PodStatus *s = KUBE_COPY(a, Corev1__PodStatus, ours);
    size_t n_api = api ? api->n_conditions : 0;
    s->conditions = BUILD_ARRAY(a, ours->n_conditions + n_api, Corev1__PodCondition *);
    s->n_conditions = 0;
    for (size_t i = 0; i < ours->n_conditions; i++)
        if (pod_condition_is_own(ours->conditions[i]->type))
            s->conditions[s->n_conditions++] = ours->conditions[i];
    for (size_t i = 0; i < n_api; i++)
        if (!pod_condition_is_own(api->conditions[i]->type))
            s->conditions[s->n_conditions++] = api->conditions[i];
    return s;
}

static void keep_stored(struct status_manager *m, struct kube_object *o)
{
    pthread_mutex_lock(&m->lock);
    struct entry *e = map_gets(&m->entries, kstr(o->meta->uid));
    if (e) {
        kube_object_unref(e->stored);
        e->stored = kube_object_ref(o);
    }
    pthread_mutex_unlock(&m->lock);
}

static uint64_t revision(const struct kube_object *o)
{
    uint64_t r = 0;
    (void)!parse_uint64(str_of(o->meta->resourceversion), &r);
    return r;
}

/* The newest state of the pod that is at hand: the informer's, or what our own last write returned. */
static struct kube_object *newest(struct status_manager *m, const char *ns, const char *name, const char *uid)
{
    struct kube_object *o = informer_get_ns(m->k->pods, ns, name);
    pthread_mutex_lock(&m->lock);
    struct entry *e = map_gets(&m->entries, uid);
    if (o && e && e->stored && revision(e->stored) > revision(o)) {
        kube_object_unref(o);
        o = kube_object_ref(e->stored);
    }
    pthread_mutex_unlock(&m->lock);
    return o;
}

/* One try against the given state of the pod. 0 = the API has it now. */
static int put(struct status_manager *m, const struct kube_object *o, const Corev1__PodStatus *status, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    _cleanup_(kube_object_unrefp) struct kube_object *stored = NULL;
    Corev1__Pod pod = *kube_pod(o);
    const Corev1__PodStatus *api = pod.status;
    pod.status = merged(a, status, api);
    if (api && message_same(&pod.status->base, &api->base))
        return 0;
    if (kube_update_status(m->k->client, &kube_pods, &pod.base, &stored, err) < 0)
        return -1;
    keep_stored(m, stored);
    return 0;
}

static int send_status(struct status_manager *m, const char *ns, const char *name, const char *uid,
                       const Corev1__PodStatus *status, struct err *err)
{
    struct kube_object *o = newest(m, ns, name, uid);
    for (int i = 0; i < TRIES; i++) {
        if (!o && kube_get(m->k->client, &kube_pods, ns, name, &o, err) < 0)
            return err->code == ERR_NOT_FOUND ? 0 : -1;
        if (strcmp(kstr(o->meta->uid), uid) != 0) { /* another pod of the same name */
            kube_object_unref(o);
            return 0;
        }
        int rc = put(m, o, status, err);
        o = kube_object_unref(o);
        if (rc == 0 || err->code == ERR_NOT_FOUND)
            return 0;
        if (err->code != ERR_CONFLICT)
            return -1;
    }
    return -1;
}

static int remove_pod(struct status_manager *m, const char *ns, const char *name, const char *uid, struct err *err)
{
    struct kube_delete_options o = KUBE_DELETE_INIT;
    o.grace_period_s = 0;
    o.uid = uid;
    if (kube_delete(m->k->client, &kube_pods, ns, name, &o, err) < 0 && err->code != ERR_NOT_FOUND &&
        err->code != ERR_CONFLICT)
        return -1;
    return 0;
}

static int sync_entry(void *ctx, struct str key, struct err *err)
{
    struct status_manager *m = ctx;
    _cleanup_(freep) char *uid = str_dup(key), *ns = NULL, *name = NULL;
    Corev1__PodStatus *status = NULL;
    bool remove = false;
    pthread_mutex_lock(&m->lock);
    const struct entry *e = map_get(&m->entries, key);
    if (e) {
        ns = xstrdup(e->ns);
        name = xstrdup(e->name);
        status = e->status ? status_copy(e->status) : NULL;
        remove = e->remove;
    }
    pthread_mutex_unlock(&m->lock);
    int rc = status ? send_status(m, ns, name, uid, status, err) : 0;
    if (status)
        corev1__pod_status__free_unpacked(status, NULL);
    if (rc == 0 && remove)
        rc = remove_pod(m, ns, name, uid, err);
    return rc;
}

struct status_manager *status_manager_new(struct kubelet *k)
{
    struct status_manager *m = xcalloc(1, sizeof(*m));
    /* The kubelet is the only one who knows: no long waits between tries. */
    struct workqueue_options o = {.name = "status", .backoff_base_ns = 20 * NS_PER_MS, .backoff_max_ns = 10 * NS_PER_S};
    m->k = k;
    pthread_mutex_init(&m->lock, NULL);
    map_init(&m->entries, entry_free);
    m->queue = workqueue_new(&o);
    m->workers = workers_start(m->queue, SENDERS, sync_entry, m);
    return m;
}

struct status_manager *status_manager_free(struct status_manager *m)
{
    if (!m)
        return NULL;
    workqueue_shutdown(m->queue);
    workers_join(m->workers);
    workqueue_free(m->queue);
    map_release(&m->entries);
    pthread_mutex_destroy(&m->lock);
    free(m);
    return NULL;
}
