#include "kubelet/worker/internal.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "client/meta.h"
#include "kubelet/manager.h"
#include "kubelet/prober/prober.h"
#include "kubelet/server/log_read.h"
#include "kubelet/status_manager.h"
#include "kubelet/worker/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#define CRASH_INITIAL (10 * NS_PER_S)
#define CRASH_MAX (300 * NS_PER_S)
#define VOLUMES_PERIOD (60 * NS_PER_S) /* config maps and secrets are read again */
#define MOUNT_RETRY_MIN (NS_PER_S / 2)
#define MOUNT_RETRY_MAX (122 * NS_PER_S)
#define MESSAGE_MAX 4096
#define STACK_SIZE (512 * 1024)

/* --- life --- */

static void waiting_free(void *p)
{
    struct waiting *x = p;
    free(x->reason);
    free(x->message);
    free(x);
}

static struct pod_worker *worker_new(struct kubelet *k, const char *uid, const char *ns, const char *name)
{
    struct pod_worker *w = xcalloc(1, sizeof(*w));
    pthread_condattr_t mono;
    w->k = k;
    w->refs = 1;
    w->dirty = true;
    w->uid = xstrdup(uid);
    w->ns = xstrdup(ns);
    w->name = xstrdup(name);
    w->dir = xasprintf("%s/pods/%s", k->config->root_dir, uid);
    w->log_dir = xasprintf("%s/%s_%s_%s", k->config->pod_logs_dir, ns, name, uid);
    w->start_ns = clock_wall(k->clock);
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&mono);
    pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wake, &mono);
    pthread_condattr_destroy(&mono);
    backoff_init(&w->crashes, CRASH_INITIAL, CRASH_MAX);
    backoff_init(&w->images, CRASH_INITIAL, CRASH_MAX);
    map_init(&w->waiting, waiting_free);
    map_init(&w->ended, free);
    w->volumes = pod_volumes_new(&k->volumes, w->dir);
    return w;
}

static void worker_free(struct pod_worker *w)
{
    kube_object_unref(w->pod);
    kube_object_unref(w->object);
    for (size_t i = 0; i < w->n_exited; i++)
        free(w->exited[i]);
    image_pull_free(w->pull);
    runtime_pod_free(w->running);
    if (w->last)
        corev1__pod_status__free_unpacked(w->last, NULL);
    pod_volumes_free(w->volumes);
    backoff_release(&w->crashes);
    backoff_release(&w->images);
    map_release(&w->waiting);
    map_release(&w->ended);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w->uid);
    free(w->ns);
    free(w->name);
    free(w->dir);
    free(w->log_dir);
    free(w->cgroup);
    free(w);
}

struct pod_worker *pod_worker_ref(struct pod_worker *w)
{
    __atomic_add_fetch(&w->refs, 1, __ATOMIC_RELAXED);
    return w;
}

void pod_worker_unref(struct pod_worker *w)
{
    if (w && __atomic_sub_fetch(&w->refs, 1, __ATOMIC_ACQ_REL) == 0)
        worker_free(w);
}

const char *pod_worker_uid(const struct pod_worker *w)
{
    return w->uid;
}

/* --- what it is told --- */

static void tell(struct pod_worker *w)
{
    w->dirty = true;
    pthread_cond_broadcast(&w->wake);
}

void pod_worker_update(struct pod_worker *w, struct kube_object *pod)
{
    pthread_mutex_lock(&w->lock);
    kube_object_unref(w->pod);
    w->pod = kube_object_ref(pod);
    w->pod_changed = true;
    tell(w);
    pthread_mutex_unlock(&w->lock);
}

void pod_worker_gone(struct pod_worker *w)
{
    pthread_mutex_lock(&w->lock);
    w->api_gone = true;
    tell(w);
    pthread_mutex_unlock(&w->lock);
}

void pod_worker_poke(struct pod_worker *w)
{
    pthread_mutex_lock(&w->lock);
    tell(w);
    pthread_mutex_unlock(&w->lock);
}

void pod_worker_exited(struct pod_worker *w, const char *container_id)
{
    pthread_mutex_lock(&w->lock);
    if (w->n_exited < EXITED_MAX)
        w->exited[w->n_exited++] = xstrdup(container_id);
    tell(w);
    pthread_mutex_unlock(&w->lock);
}

void pod_worker_stop(struct pod_worker *w)
{
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    tell(w);
    pthread_mutex_unlock(&w->lock);
}

struct kube_object *pod_worker_pod(struct pod_worker *w)
{
    pthread_mutex_lock(&w->lock);
    struct kube_object *o = w->pod ? kube_object_ref(w->pod) : NULL;
    pthread_mutex_unlock(&w->lock);
    return o;
}

/* --- small things of a round --- */

void worker_wake_in(struct pod_worker *w, int64_t delay_ns)
{
    int64_t at = clock_mono(w->k->clock) + MAX_OF(delay_ns, NS_PER_MS);
    if (!w->wake_at || at < w->wake_at)
        w->wake_at = at;
}

void worker_set_waiting(struct pod_worker *w, const char *container, const char *reason, const char *fmt, ...)
{
    struct waiting *x = xcalloc(1, sizeof(*x));
    struct buf text = BUF_INIT(LIMIT_HEADER_BYTES);
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    x->reason = xstrdup(reason);
    x->message = buf_take(&text);
    map_set(&w->waiting, str_of(container), x);
}

/* What we published last, with the newest conditions of others. */
static const Corev1__PodStatus *known_status(struct pod_worker *w, const Corev1__PodStatus *api)
{
    if (!w->last)
        return api;
    Corev1__PodStatus *s = KUBE_COPY(w->round, Corev1__PodStatus, w->last);
    size_t n_api = api ? api->n_conditions : 0;
    s->conditions = BUILD_ARRAY(w->round, w->last->n_conditions + n_api, Corev1__PodCondition *);
    s->n_conditions = 0;
    for (size_t i = 0; i < w->last->n_conditions; i++)
        if (pod_condition_is_own(w->last->conditions[i]->type))
            s->conditions[s->n_conditions++] = w->last->conditions[i];
    for (size_t i = 0; i < n_api; i++)
        if (!pod_condition_is_own(api->conditions[i]->type))
            s->conditions[s->n_conditions++] = api->conditions[i];
    return s;
}

const Corev1__Pod *worker_pod(struct pod_worker *w)
{
    Corev1__Pod *pod = KUBE_COPY(w->round, Corev1__Pod, kube_pod(w->object));
    pod->status = (Corev1__PodStatus *)known_status(w, pod->status);
    return pod;
}

struct downward_facts worker_facts(struct pod_worker *w)
{
    const struct kubelet_config *c = w->k->config;
    struct downward_facts f = {
        .node_name = c->node_name,
        .host_ips = c->node_ips,
        .n_host_ips = c->n_node_ips,
        .allocatable = w->k->allocatable,
    };
    if (w->object && kube_pod(w->object)->spec->hostnetwork) {
        f.pod_ips = c->node_ips;
        f.n_pod_ips = c->n_node_ips;
    } else if (w->running && w->running->n_sandboxes && w->running->sandboxes[0].ready) {
        f.pod_ips = w->running->sandboxes[0].ips;
        f.n_pod_ips = w->running->sandboxes[0].n_ips;
    }
    return f;
}

/* Has the runtime not noticed yet what its event told? */
static bool lags(struct pod_worker *w, const struct runtime_pod *pod, char *const *exited, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct runtime_container *c = runtime_pod_container_by_id(pod, exited[i]);
        if (c && c->state == CONTAINER_RUNNING)
            return true;
        for (size_t k = 0; k < pod->n_sandboxes; k++)
            if (pod->sandboxes[k].ready && strcmp(pod->sandboxes[k].id, exited[i]) == 0)
                return true;
    }
    return false;
}

/* So that events, which name containers only, find their way here. */
static void note_all(struct pod_worker *w, const struct runtime_pod *pod)
{
    for (size_t i = 0; i < pod->n_containers; i++)
        pod_manager_note(w->k->manager, w->uid, pod->containers[i].id);
    for (size_t i = 0; i < pod->n_sandboxes; i++)
        pod_manager_note(w->k->manager, w->uid, pod->sandboxes[i].id);
}

/* containerd tells of an exit before its CRI side has taken it in; that takes some milliseconds, and no further event
 * says that it has. */
int worker_load(struct pod_worker *w, struct err *err)
{
    char *exited[EXITED_MAX];
    pthread_mutex_lock(&w->lock);
    size_t n = w->n_exited;
    memcpy(exited, w->exited, n * sizeof(*exited));
    w->n_exited = 0;
    pthread_mutex_unlock(&w->lock);
    int rc = -1;
    for (int64_t pause = 2 * NS_PER_MS;; pause *= 2) {
        struct runtime_pod *pod;
        if (runtime_pod_load(w->k->runtime, w->uid, &pod, err) < 0)
            break;
        runtime_pod_free(w->running);
        w->running = pod;
        rc = 0;
        note_all(w, pod);
        if (!lags(w, pod, exited, n))
            break;
        if (pause > NS_PER_S) { /* it will tell in its own time: look again later */
            worker_wake_in(w, RETRY_NS);
            break;
        }
        sleep_ns(pause);
    }
    for (size_t i = 0; i < n; i++)
        free(exited[i]);
    return rc;
}

/* --- termination messages --- */

static char *read_head(const char *path, size_t max)
{
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    char *text = xcalloc(1, max + 1);
    ssize_t n = fd >= 0 ? read(fd, text, max) : -1;
    if (n <= 0)
        text[0] = '\0';
    return text;
}

/* Read once, when the container has ended. */
static const char *ended_message(const void *ctx, const struct runtime_container *c)
{
    struct pod_worker *w = (struct pod_worker *)ctx;
    char *text = map_gets(&w->ended, c->id);
    if (text)
        return text;
    text = c->message_file[0] ? read_head(c->message_file, MESSAGE_MAX) : xstrdup("");
    if (!text[0] && c->exit_code != 0 && strcmp(c->message_policy, "FallbackToLogsOnError") == 0) {
        free(text);
        text = log_tail_text(c->log_path, 80, 2048);
    }
    map_set(&w->ended, str_of(c->id), text);
    return text;
}

static enum probe_result readiness(const void *ctx, const char *id)
{
    const struct pod_worker *w = ctx;
    return prober_readiness(w->k->prober, id);
}

/* --- the status --- */

static size_t waiting_list(struct pod_worker *w, struct waiting_reason **ret)
{
    size_t n = 0;
    *ret = BUILD_ARRAY(w->round, w->waiting.n, struct waiting_reason);
    map_foreach (&w->waiting, it) {
        const struct waiting *x = it->value;
        (*ret)[n++] = (struct waiting_reason){it->key, x->reason, x->message};
    }
    return n;
}

static void remember(struct pod_worker *w, const Corev1__PodStatus *s)
{
    size_t n = corev1__pod_status__get_packed_size(s);
    _cleanup_(freep) uint8_t *bytes = xmalloc(n + 1);
    corev1__pod_status__pack(s, bytes);
    if (w->last)
        corev1__pod_status__free_unpacked(w->last, NULL);
    w->last = corev1__pod_status__unpack(NULL, n, bytes);
}

void worker_publish(struct pod_worker *w, bool terminal)
{
    const struct kubelet_config *c = w->k->config;
    const Corev1__Pod *pod = worker_pod(w);
    struct waiting_reason *waiting;
    size_t n_waiting = waiting_list(w, &waiting);
    struct probe_view probes = prober_view(w->k->prober);
    struct status_input in = {
        .pod = pod,
        .running = w->running,
        .runtime_name = w->k->runtime_name,
        .host_ips = c->node_ips,
        .n_host_ips = c->n_node_ips,
        .qos_class = pod_qos(pod),
        .now_ns = clock_wall(w->k->clock),
        .start_ns = w->start_ns,
        .terminal = terminal,
        .failed_reason = w->failed_reason,
        .failed_message = w->failed_message,
        .waiting = waiting,
        .n_waiting = n_waiting,
        .readiness = readiness,
        .probes = &probes,
        .message = ended_message,
        .ctx = w,
    };
    const Corev1__PodStatus *s = pod_status_make(w->round, &in);
    status_manager_set(w->k->status, pod, s);
    remember(w, s);
}

/* --- preparing the node for the pod --- */

static int prepare(struct pod_worker *w, const Corev1__Pod *pod, struct err *err)
{
    if (w->prepared)
        return 0;
    if (file_mkdirs(w->dir, 0750, err) < 0 || file_mkdirs(w->log_dir, 0755, err) < 0)
        return err_wrap(err, "error making pod data directories");
    struct buf cgroup = BUF_INIT(1024);
    struct runtime_resources r = pod_cgroup_resources(pod);
    pod_cgroup(&cgroup, w->k->config->cgroup_root, pod);
    free(w->cgroup);
    w->cgroup = buf_take(&cgroup);
    if (cgroup_make(w->cgroup, &r, err) < 0)
        return -1;
    w->prepared = true;
    return 0;
}

const struct runtime_sandbox_spec *worker_sandbox_spec(struct pod_worker *w, uint32_t attempt)
{
    const struct kubelet_config *c = w->k->config;
    const Corev1__Pod *pod = kube_pod(w->object);
    struct dns_settings dns = {
        .cluster_dns = c->cluster_dns,
        .n_cluster_dns = c->n_cluster_dns,
        .cluster_domain = c->cluster_domain,
        .node = &w->k->node_resolver,
    };
    struct resolver r;
    bool missing;
    pod_resolver(w->round, pod, &dns, &r, &missing);
    struct runtime_sandbox_spec *s = build_must(arena_calloc(w->round, 1, sizeof(*s)));
    *s = (struct runtime_sandbox_spec){
        .pod = pod,
        .attempt = attempt,
        .hostname = pod->spec->hostnetwork ? "" : pod_hostname(w->round, pod, c->node_name, c->cluster_domain),
        .log_dir = w->log_dir,
        .cgroup_parent = w->cgroup,
        .dns_servers = r.servers,
        .n_dns_servers = r.n_servers,
        .dns_searches = r.searches,
        .n_dns_searches = r.n_searches,
        .dns_options = r.options,
        .n_dns_options = r.n_options,
    };
    return s;
}

/* Volumes are made before the first container, and looked after now and then. False: not now. */
static bool sync_volumes(struct pod_worker *w, const Corev1__Pod *pod)
{
    int64_t now = clock_mono(w->k->clock);
    if (w->mount_at && now < w->mount_at) {
        worker_wake_in(w, w->mount_at - now);
        return false;
    }
    int64_t refresh = pod_volumes_refresh_at(w->volumes);
    bool token_due = refresh && clock_wall(w->k->clock) >= refresh;
    if (!w->volumes_at || now >= w->volumes_at || token_due) {
        struct err err = ERR_INIT;
        struct downward_facts facts = worker_facts(w);
        const char *volume;
        if (pod_volumes_sync(w->volumes, pod, &facts, &volume, &err) < 0) {
            kubelet_event(w->k, pod, NULL, false, EVENT_WARNING, "FailedMount",
                          "MountVolume.SetUp failed for volume \"%s\" : %s", volume, err.msg);
            w->mount_delay = w->mount_delay ? MIN_OF(w->mount_delay * 2, MOUNT_RETRY_MAX) : MOUNT_RETRY_MIN;
            w->mount_at = now + w->mount_delay;
            worker_wake_in(w, w->mount_delay);
            return w->volumes_at != 0; /* what was made before goes on serving */
        }
        w->mount_delay = w->mount_at = 0;
        w->volumes_at = now + VOLUMES_PERIOD;
    }
    if (pod->spec->n_volumes)
        worker_wake_in(w, w->volumes_at - now);
    return true;
}

static const char *make_sandbox(struct pod_worker *w, const Corev1__Pod *pod, const struct runtime_sandbox_spec *spec)
{
    struct err err = ERR_INIT;
    char *id;
    if (runtime_sandbox_run(w->k->runtime, spec, &id, &err) < 0) {
        kubelet_event(w->k, pod, NULL, false, EVENT_WARNING, "FailedCreatePodSandBox",
                      "Failed to create pod sandbox: %s", err.msg);
        log_warn("cannot create a pod sandbox", LOG_S("pod", w->name), LOG_S("namespace", w->ns), LOG_ERR(&err));
        worker_wake_in(w, RETRY_NS);
        return NULL;
    }
    const char *copy = build_text(w->round, id);
    free(id);
    return copy;
}

/* --- stopping everything --- */

/* True when nothing of the pod runs any more. */
static bool stop_all(struct pod_worker *w)
{
    struct err err = ERR_INIT;
    worker_kill_all(w);
    for (size_t i = 0; i < w->running->n_sandboxes; i++) {
        const struct runtime_sandbox *s = &w->running->sandboxes[i];
        if ((s->ready || i == 0) && runtime_sandbox_stop(w->k->runtime, s->id, &err) < 0 && err.code != ERR_NOT_FOUND) {
            log_warn("cannot stop a pod sandbox", LOG_S("pod", w->name), LOG_ERR(&err));
            worker_wake_in(w, RETRY_NS);
            return false;
        }
    }
    if (worker_load(w, &err) < 0) {
        worker_wake_in(w, RETRY_NS);
        return false;
    }
    for (size_t i = 0; i < w->running->n_containers; i++)
        if (w->running->containers[i].state == CONTAINER_RUNNING) {
            worker_wake_in(w, RETRY_NS);
            return false;
        }
    return true;
}

/* Everything on the node that is not the runtime's. */
static bool remove_files(struct pod_worker *w)
{
    struct err err = ERR_INIT;
    if (pod_dir_remove(w->dir, &err) < 0) {
        log_warn("cannot remove the folder of a pod", LOG_S("pod", w->name), LOG_ERR(&err));
        worker_wake_in(w, RETRY_NS);
        return false;
    }
    if (w->cgroup && cgroup_remove(w->cgroup, &err) < 0) {
        log_debug("cannot remove the cgroup of a pod", LOG_S("pod", w->name), LOG_ERR(&err));
        worker_wake_in(w, RETRY_NS / 20);
        return false;
    }
    return true;
}

static bool remove_runtime(struct pod_worker *w)
{
    struct err err = ERR_INIT;
    for (size_t i = 0; i < w->running->n_sandboxes; i++)
        if (runtime_sandbox_remove(w->k->runtime, w->running->sandboxes[i].id, &err) < 0 && err.code != ERR_NOT_FOUND) {
            log_warn("cannot remove a pod sandbox", LOG_S("pod", w->name), LOG_ERR(&err));
            worker_wake_in(w, RETRY_NS);
            return false;
        }
    (void)!file_remove_tree(w->log_dir, &err);
    return true;
}

static void learn_cgroup(struct pod_worker *w, const Corev1__Pod *pod)
{
    if (w->cgroup)
        return;
    struct buf cgroup = BUF_INIT(1024);
    pod_cgroup(&cgroup, w->k->config->cgroup_root, pod);
    w->cgroup = buf_take(&cgroup);
}

/* The pod is to end, or has ended: stop, publish, and when it is being deleted take it away. */
static void terminate_round(struct pod_worker *w, bool gone)
{
    const Corev1__Pod *pod = w->object ? worker_pod(w) : NULL;
    if (pod)
        learn_cgroup(w, pod);
    if (!w->terminated) {
        if (pod && !pod_finished(kube_pod(w->object)))
            worker_publish(w, true);
        if (!stop_all(w))
            return;
        prober_remove_pod(w->k->prober, w->uid);
        if (pod && !pod_finished(kube_pod(w->object)))
            worker_publish(w, true);
        w->terminated = true;
    }
    if (!remove_files(w))
        return;
    if (gone) {
        w->finished = remove_runtime(w);
    } else if (pod_deleting(pod) && !w->deleted) {
        status_manager_delete(w->k->status, pod);
        w->deleted = true;
    }
}

/* --- a round of a pod that is to run --- */

/* Of each container the newest that has ended is kept (for its log and lastState), older ones go. */
static void remove_history(struct pod_worker *w)
{
    for (size_t i = 0; i < w->running->n_containers; i++) {
        const struct runtime_container *c = &w->running->containers[i];
        size_t newer_ended = 0;
        for (size_t k = 0; k < i; k++)
            newer_ended += strcmp(w->running->containers[k].name, c->name) == 0 &&
                           w->running->containers[k].state == CONTAINER_EXITED;
        bool newest = runtime_pod_container(w->running, c->name) == c;
        if (c->state == CONTAINER_RUNNING || newest || (c->state == CONTAINER_EXITED && newer_ended == 0))
            continue;
        struct err err = ERR_INIT;
        if (runtime_container_remove(w->k->runtime, c->id, &err) == 0 && c->log_path[0])
            (void)unlink(c->log_path);
        map_del(&w->ended, str_of(c->id));
    }
}

/* Former sandboxes go when their last container has gone. */
static void remove_old_sandboxes(struct pod_worker *w)
{
    for (size_t i = 1; i < w->running->n_sandboxes; i++) {
        const struct runtime_sandbox *s = &w->running->sandboxes[i];
        bool used = s->ready;
        for (size_t k = 0; k < w->running->n_containers; k++)
            used |= strcmp(w->running->containers[k].sandbox_id, s->id) == 0;
        struct err ignored = ERR_INIT;
        if (!used)
            (void)!runtime_sandbox_remove(w->k->runtime, s->id, &ignored);
    }
}

static void watch_probes(struct pod_worker *w, const Corev1__Pod *pod)
{
    struct downward_facts f = worker_facts(w);
    const char *ip = f.n_pod_ips ? f.pod_ips[0] : "";
    for (size_t i = 0; i < w->running->n_containers; i++) {
        const struct runtime_container *r = &w->running->containers[i];
        bool init;
        const Corev1__Container *c = pod_find_container(pod, r->name, &init);
        if (c && r->state == CONTAINER_RUNNING && runtime_pod_container(w->running, r->name) == r &&
            (!init || container_is_sidecar(c)))
            prober_watch(w->k->prober, w, w->object, c, init, r, ip);
        else
            prober_forget(w->k->prober, r->id);
    }
}

/* False when the pod has been on longer than it may. */
static bool within_deadline(struct pod_worker *w, const Corev1__Pod *pod)
{
    if (!pod->spec->has_activedeadlineseconds || !pod->status || !pod->status->starttime)
        return true;
    int64_t left =
        (pod->status->starttime->seconds + pod->spec->activedeadlineseconds) * NS_PER_S - clock_wall(w->k->clock);
    if (left > 0) {
        worker_wake_in(w, left);
        return true;
    }
    w->failed_reason = "DeadlineExceeded";
    w->failed_message = "Pod was active on the node longer than the specified deadline";
    kubelet_event(w->k, pod, NULL, false, EVENT_NORMAL, w->failed_reason, "%s", w->failed_message);
    return false;
}

static void start_containers(struct pod_worker *w, const Corev1__Pod *pod, const struct pod_actions *actions,
                             const char *sandbox_id, const struct runtime_sandbox_spec *spec)
{
    for (size_t i = 0; i < actions->n_start_init; i++)
        worker_start_container(w, pod->spec->initcontainers[actions->start_init[i]], true, sandbox_id, spec);
    if (actions->n_start_init) /* a sidecar that runs makes way for the next; nothing else tells that it does */
        worker_wake_in(w, 0);
    for (size_t i = 0; i < actions->n_start; i++)
        worker_start_container(w, pod->spec->containers[actions->start[i]], false, sandbox_id, spec);
}

/* Carries the actions out. False when the round cannot go on now (the next wake-up is set). */
static bool act(struct pod_worker *w, const Corev1__Pod *pod, const struct pod_actions *actions, struct err *err)
{
    if (actions->kill_pod && w->running->n_sandboxes) {
        if (actions->create_sandbox)
            kubelet_event(w->k, pod, NULL, false, EVENT_NORMAL, "SandboxChanged",
                          "Pod sandbox changed, it will be killed and re-created.");
        if (!stop_all(w))
            return false;
    }
    worker_kill_some(w, actions->kills, actions->n_kills);
    if (!actions->create_sandbox && !actions->n_start && !actions->n_start_init)
        return sync_volumes(w, pod);
    if (!sync_volumes(w, pod))
        return false;
    const struct runtime_sandbox_spec *spec = worker_sandbox_spec(w, actions->attempt);
    const char *sandbox_id = actions->sandbox_id;
    if (actions->create_sandbox) {
        sandbox_id = make_sandbox(w, pod, spec);
        if (!sandbox_id || worker_load(w, err) < 0)
            return false;
    }
    start_containers(w, pod, actions, sandbox_id, spec);
    return true;
}

static void run_round(struct pod_worker *w)
{
    struct err err = ERR_INIT;
    const Corev1__Pod *pod = worker_pod(w);
    if (prepare(w, pod, &err) < 0) {
        kubelet_event(w->k, pod, NULL, false, EVENT_WARNING, "Failed", "%s", err.msg);
        worker_wake_in(w, RETRY_NS);
        return;
    }
    worker_publish(w, false);
    pod = worker_pod(w);
    if (!within_deadline(w, pod) || pod_finished(pod)) {
        terminate_round(w, false);
        return;
    }
    struct pod_actions actions;
    struct probe_view probes = prober_view(w->k->prober);
    pod_actions_compute(w->round, pod, w->running, &probes, &actions);
    bool acted = act(w, pod, &actions, &err);
    if (worker_load(w, &err) < 0) {
        worker_wake_in(w, RETRY_NS);
        return;
    }
    watch_probes(w, pod);
    worker_publish(w, false);
    if (acted) {
        remove_history(w);
        remove_old_sandboxes(w);
    }
    if (pod_finished(worker_pod(w)))
        worker_wake_in(w, 0);
}

/* One round. The inputs are taken once, at its beginning. */
static void do_round(struct pod_worker *w)
{
    struct err err = ERR_INIT;
    pthread_mutex_lock(&w->lock);
    kube_object_unref(w->object);
    w->object = w->pod ? kube_object_ref(w->pod) : NULL;
    bool gone = w->api_gone;
    if (w->pod_changed && w->volumes_at)
        w->volumes_at = 1; /* long ago: due */
    w->pod_changed = false;
    pthread_mutex_unlock(&w->lock);
    w->wake_at = 0;
    if (worker_load(w, &err) < 0) {
        if (err.code != ERR_UNAVAILABLE) /* that the runtime is away is said once, by the relist */
            log_warn("cannot see the containers of a pod", LOG_S("pod", w->name), LOG_S("namespace", w->ns),
                     LOG_ERR(&err));
        worker_wake_in(w, NS_PER_S / 5);
        return;
    }
    bool ended = w->object && (pod_finished(kube_pod(w->object)) || (w->last && pod_finished(worker_pod(w))));
    if (gone || !w->object || pod_deleting(kube_pod(w->object)) || ended || w->failed_reason)
        terminate_round(w, gone || !w->object);
    else
        run_round(w);
}

static void wait_for_work(struct pod_worker *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->dirty && !w->stopping) {
        if (!w->wake_at) {
            pthread_cond_wait(&w->wake, &w->lock);
            continue;
        }
        struct timespec until = {.tv_sec = w->wake_at / NS_PER_S, .tv_nsec = w->wake_at % NS_PER_S};
        if (pthread_cond_timedwait(&w->wake, &w->lock, &until) == ETIMEDOUT)
            break;
    }
    w->dirty = false;
    pthread_mutex_unlock(&w->lock);
}

static bool is_stopping(struct pod_worker *w)
{
    pthread_mutex_lock(&w->lock);
    bool stopping = w->stopping;
    pthread_mutex_unlock(&w->lock);
    return stopping;
}

static void *worker_main(void *arg)
{
    struct pod_worker *w = arg;
    while (!w->finished) {
        wait_for_work(w);
        if (is_stopping(w))
            break;
        w->round = arena_new(ROUND_ARENA_MAX);
        do_round(w);
        w->round = arena_free(w->round);
    }
    if (w->finished)
        status_manager_forget(w->k->status, w->uid);
    w->done(w->done_ctx, w);
    pod_worker_unref(w);
    return NULL;
}

int pod_worker_start(struct kubelet *k, const char *uid, const char *ns, const char *name, struct kube_object *pod,
                     void (*done)(void *ctx, struct pod_worker *w), void *ctx, struct pod_worker **ret, struct err *err)
{
    struct pod_worker *w = worker_new(k, uid, ns, name);
    pthread_t thread;
    pthread_attr_t attr;
    w->pod = pod ? kube_object_ref(pod) : NULL;
    w->done = done;
    w->done_ctx = ctx;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pod_worker_ref(w);
    int rc = pthread_create(&thread, &attr, worker_main, w);
    pthread_attr_destroy(&attr);
    if (rc != 0) {
        pod_worker_unref(w);
        pod_worker_unref(w);
        return err_errno(err, rc, "cannot start a pod worker");
    }
    *ret = w;
    return 0;
}
