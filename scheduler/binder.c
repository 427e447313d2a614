#include "binder.h"

#include <pthread.h>

#include "api/json.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/log.h"
#include "client/meta.h"

struct job {
    struct list link;
    struct kube_object *pod;
    char *node;             /* binding, or */
    char *reason, *message; /* refusal */
};

struct binder {
    struct binder_options o;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct list jobs;
    bool ending;
    pthread_t *threads;
    int n_threads;
};

static struct job *free_job(struct job *j)
{
    kube_object_unref(j->pod);
    free(j->node);
    free(j->reason);
    free(j->message);
    free(j);
    return NULL;
}

/* --- what is written --- */

static const Corev1__PodCondition *find_condition(const Corev1__Pod *pod)
{
    for (size_t i = 0; pod->status && i < pod->status->n_conditions; i++)
        if (strcmp(kstr(pod->status->conditions[i]->type), "PodScheduled") == 0)
            return pod->status->conditions[i];
    return NULL;
}

bool binder_condition_patch(const struct kube_object *o, const char *reason, const char *message, int64_t now_ns,
                            struct buf *ret)
{
    const Corev1__Pod *pod = kube_pod(o);
    const Corev1__PodCondition *old = find_condition(pod);
    bool same_status = old && strcmp(kstr(old->status), "False") == 0;
    char since[RFC3339_MAX];

    if (same_status && strcmp(kstr(old->reason), reason) == 0 && strcmp(kstr(old->message), message) == 0)
        return false;
    int64_t at = same_status ? time_ns(old->lasttransitiontime) : 0;
    format_rfc3339(since, at ? at : now_ns, 0);
    buf_puts(ret, "{\"status\":{\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\",\"reason\":");
    json_write_string(ret, str_of(reason));
    buf_puts(ret, ",\"message\":");
    json_write_string(ret, str_of(message));
    buf_printf(ret, ",\"lastProbeTime\":null,\"lastTransitionTime\":\"%s\"", since);
    if (o->meta->has_generation)
        buf_printf(ret, ",\"observedGeneration\":%lld", (long long)o->meta->generation);
    buf_puts(ret, "}]}}");
    return true;
}

static void refuse(struct binder *b, const struct job *j)
{
    _cleanup_(buf_releasep) struct buf patch = BUF_INIT(64 * KIB);
    struct err err = ERR_INIT;

    recorder_event(b->o.recorder, j->pod, EVENT_WARNING, "FailedScheduling", "%s", j->message);
    if (!binder_condition_patch(j->pod, j->reason, j->message, clock_wall(&clock_system), &patch))
        return;
    if (kube_patch(b->o.client, &kube_pods, kstr(j->pod->meta->namespace_), kstr(j->pod->meta->name), "status",
                   KUBE_PATCH_STRATEGIC, buf_str(&patch), NULL, &err) < 0 &&
        err.code != ERR_NOT_FOUND)
        log_warn("cannot write the PodScheduled condition", LOG_STR("pod", j->pod->key), LOG_ERR(&err));
}

static void bind_pod(struct binder *b, const struct job *j)
{
    const Metav1__ObjectMeta *m = j->pod->meta;
    struct err err = ERR_INIT;
    bool ok = kube_bind_pod(b->o.client, kstr(m->namespace_), kstr(m->name), m->uid, j->node, &err) == 0;

    if (ok) {
        log_info("bound", LOG_STR("pod", j->pod->key), LOG_S("node", j->node));
        recorder_event(b->o.recorder, j->pod, EVENT_NORMAL, "Scheduled", "Successfully assigned %s/%s to %s",
                       kstr(m->namespace_), kstr(m->name), j->node);
    } else {
        log_warn("cannot bind", LOG_STR("pod", j->pod->key), LOG_S("node", j->node), LOG_ERR(&err));
    }
    b->o.done(b->o.ctx, j->pod, ok ? NULL : &err);
}

/* --- threads --- */

static struct job *next_job(struct binder *b)
{
    struct job *j = NULL;

    pthread_mutex_lock(&b->lock);
    while (!b->ending && list_empty(&b->jobs))
        pthread_cond_wait(&b->more, &b->lock);
    if (!b->ending) {
        j = list_first(&b->jobs, struct job, link);
        list_remove(&j->link);
    }
    pthread_mutex_unlock(&b->lock);
    return j;
}

static void *run(void *arg)
{
    struct binder *b = arg;

    for (struct job *j; (j = next_job(b)); free_job(j)) {
        if (j->node)
            bind_pod(b, j);
        else
            refuse(b, j);
    }
    return NULL;
}

struct binder *binder_new(const struct binder_options *o)
{
    struct binder *b = xcalloc(1, sizeof(*b));

    b->o = *o;
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->more, NULL);
    list_init(&b->jobs);
    b->threads = xcalloc((size_t)o->threads, sizeof(*b->threads));
    while (b->n_threads < o->threads && pthread_create(&b->threads[b->n_threads], NULL, run, b) == 0)
        b->n_threads++;
    if (!b->n_threads)
        abort(); /* no thread at all: nothing could ever be bound */
    return b;
}

struct binder *binder_free(struct binder *b)
{
    if (!b)
        return NULL;
    pthread_mutex_lock(&b->lock);
    b->ending = true;
    pthread_cond_broadcast(&b->more);
    pthread_mutex_unlock(&b->lock);
    for (int i = 0; i < b->n_threads; i++)
        pthread_join(b->threads[i], NULL);
    list_foreach (&b->jobs, struct job, j, link)
        free_job(j);
    pthread_cond_destroy(&b->more);
    pthread_mutex_destroy(&b->lock);
    free(b->threads);
    free(b);
    return NULL;
}

static void add(struct binder *b, struct job *j)
{
    pthread_mutex_lock(&b->lock);
    list_push(&b->jobs, &j->link);
    pthread_cond_signal(&b->more);
    pthread_mutex_unlock(&b->lock);
}

void binder_bind(struct binder *b, struct kube_object *pod, const char *node)
{
    struct job *j = xcalloc(1, sizeof(*j));

    j->pod = kube_object_ref(pod);
    j->node = xstrdup(node);
    add(b, j);
}

void binder_refuse(struct binder *b, struct kube_object *pod, const char *reason, const char *message)
{
    struct job *j = xcalloc(1, sizeof(*j));

    j->pod = kube_object_ref(pod);
    j->reason = xstrdup(reason);
    j->message = xstrdup(message);
    add(b, j);
}
