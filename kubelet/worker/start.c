/*
 * Starting one container: its image, its environment and mounts, then create and start. What keeps it from starting is
 * left in `waiting`, for the status; what can be tried again sets the next wake-up.
 */
#include "kubelet/worker/internal.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/random.h"
#include "kubelet/manager.h"
#include "kubelet/pod/ecs.h"
#include "kubelet/pod/env.h"
#include "kubelet/pod/image_name.h"
#include "kubelet/worker/pull_auth.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

/* What one start works on. */
struct start {
    struct pod_worker *w;
    const Corev1__Pod *pod;
    const Corev1__Container *c;
    bool init;
    const char *sandbox_id;
    const struct runtime_sandbox_spec *sandbox;
    struct runtime_image image;
};

static void event(const struct start *s, const char *type, const char *reason, const char *text)
{
    kubelet_event(s->w->k, s->pod, s->c, s->init, type, reason, "%s", text);
}

/* --- back-off after crashes --- */

/* True when the container has to wait before it is started again. */
static bool must_back_off(const struct start *s)
{
    struct pod_worker *w = s->w;
    const struct runtime_container *last = runtime_pod_container(w->running, s->c->name);
    if (!last || last->state != CONTAINER_EXITED)
        return false;
    struct str key = str_of(s->c->name);
    int64_t now = clock_wall(w->k->clock);
    int64_t left = backoff_remaining(&w->crashes, key, last->finished_ns, now);
    if (left == 0) {
        backoff_next(&w->crashes, key, last->finished_ns, now);
        return false;
    }
    _cleanup_(buf_releasep) struct buf delay = BUF_INIT(64);
    format_duration(&delay, backoff_delay(&w->crashes, key));
    kubelet_event(w->k, s->pod, s->c, s->init, EVENT_WARNING, "BackOff",
                  "Back-off restarting failed container %s in pod %s_%s(%s)", s->c->name, w->name, w->ns, w->uid);
    worker_set_waiting(w, s->c->name, "CrashLoopBackOff", "back-off %s restarting failed container=%s pod=%s_%s(%s)",
                       delay.data, s->c->name, w->name, w->ns, w->uid);
    worker_wake_in(w, left);
    return true;
}

/* --- images --- */

void image_pull_free(struct image_pull *p)
{
    if (!p)
        return;
    free(p->image);
    free(p->ref);
    free(p);
}

struct pull_job {
    struct pod_worker *w;
    struct image_pull *pull;
    struct kube_object *pod; /* keeps the spec alive */
    struct pull_auth auth;
};

static void *pull_main(void *arg)
{
    struct pull_job *j = arg;
    struct pod_worker *w = j->w;
    const Corev1__Pod *pod = kube_pod(j->pod);
    struct runtime_sandbox_spec sandbox = {.pod = pod, .hostname = "", .log_dir = w->log_dir, .cgroup_parent = ""};
    struct runtime_auth auth = {.username = j->auth.name, .password = j->auth.password, .server = j->auth.server};
    struct err err = ERR_INIT;
    char *ref = NULL;
    int64_t begin = clock_mono(w->k->clock);
    int rc = runtime_image_pull(w->k->runtime, j->pull->image, &sandbox, j->auth.name ? &auth : NULL, &ref, &err);
    pthread_mutex_lock(&w->lock);
    j->pull->took_ns = clock_mono(w->k->clock) - begin;
    j->pull->ref = ref;
    if (rc < 0)
        j->pull->err = err;
    j->pull->done = true;
    w->dirty = true;
    pthread_cond_broadcast(&w->wake);
    pthread_mutex_unlock(&w->lock);
    kube_object_unref(j->pod);
    pull_auth_release(&j->auth);
    free(j);
    pod_worker_unref(w);
    return NULL;
}

static void start_pull(const struct start *s, const char *image)
{
    struct pod_worker *w = s->w;
    struct pull_job *j = xcalloc(1, sizeof(*j));
    pthread_t thread;
    pthread_attr_t attr;
    j->w = pod_worker_ref(w);
    j->pull = xcalloc(1, sizeof(*j->pull));
    j->pull->image = xstrdup(image);
    j->pod = kube_object_ref(w->object);
    pull_auth_find(w->k, s->pod, image, &j->auth);
    pthread_mutex_lock(&w->lock);
    w->pull = j->pull;
    pthread_mutex_unlock(&w->lock);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 256 * 1024);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attr, pull_main, j) != 0)
        abort(); /* the system is out of threads: nothing can be started any more */
    pthread_attr_destroy(&attr);
}

static void pull_back_off(const struct start *s, const char *image, int64_t left, const char *why)
{
    kubelet_event(s->w->k, s->pod, s->c, s->init, EVENT_NORMAL, "BackOff", "Back-off pulling image \"%s\"",
                  s->c->image);
    event(s, EVENT_WARNING, "Failed", "Error: ImagePullBackOff");
    worker_set_waiting(s->w, s->c->name, "ImagePullBackOff", "Back-off pulling image \"%s\"%s%s", s->c->image,
                       why ? ": " : "", why ? why : "");
    worker_wake_in(s->w, left);
}

static void pull_failed(const struct start *s, const struct image_pull *p)
{
    int64_t now = clock_mono(s->w->k->clock);
    kubelet_event(s->w->k, s->pod, s->c, s->init, EVENT_WARNING, "Failed", "Failed to pull image \"%s\": %s",
                  s->c->image, p->err.msg);
    event(s, EVENT_WARNING, "Failed", "Error: ErrImagePull");
    worker_set_waiting(s->w, s->c->name, "ErrImagePull", "%s", p->err.msg);
    backoff_next(&s->w->images, str_of(p->image), now, now);
    /* The next round shows ImagePullBackOff; this one's reason stays visible for a moment, as with upstream. */
    worker_wake_in(s->w, 3 * NS_PER_S);
}

static void pull_succeeded(const struct start *s, const struct image_pull *p)
{
    _cleanup_(buf_releasep) struct buf took = BUF_INIT(64);
    format_duration(&took, p->took_ns / NS_PER_MS * NS_PER_MS);
    kubelet_event(s->w->k, s->pod, s->c, s->init, EVENT_NORMAL, "Pulled",
                  "Successfully pulled image \"%s\" in %s (%s including waiting). Image size: %" PRIu64 " bytes.",
                  s->c->image, took.data, took.data, s->image.size);
}

/* Looks at the pull that runs or ran. 1 = this image was just pulled, 0 = nothing known, -1 = wait or failed. */
static int check_pull(const struct start *s, const char *image, struct image_pull **ret)
{
    struct pod_worker *w = s->w;
    pthread_mutex_lock(&w->lock);
    struct image_pull *p = w->pull;
    bool done = p && p->done;
    if (done)
        w->pull = NULL;
    pthread_mutex_unlock(&w->lock);
    if (!p)
        return 0;
    if (!done)
        return -1; /* one at a time: its end wakes the worker */
    if (p->err.code != ERR_OK) {
        pull_failed(s, p);
        image_pull_free(p);
        return -1;
    }
    if (strcmp(p->image, image) != 0) {
        image_pull_free(p);
        return 0;
    }
    *ret = p;
    return 1;
}

static const char *pull_policy(const Corev1__Container *c)
{
    if (!text_empty(c->imagepullpolicy))
        return c->imagepullpolicy;
    return str_is(image_name_tag(str_of(c->image)), "latest") ? "Always" : "IfNotPresent";
}

/* True with s->image filled; else waiting says why not. */
static bool ensure_image(struct start *s)
{
    struct pod_worker *w = s->w;
    struct err err = ERR_INIT;
    _cleanup_(buf_releasep) struct buf name = BUF_INIT(4096);
    if (image_name_normalize(&name, str_of(s->c->image), &err) < 0) {
        kubelet_event(w->k, s->pod, s->c, s->init, EVENT_WARNING, "InspectFailed",
                      "Failed to apply default image tag \"%s\": %s", text_or(s->c->image, ""), err.msg);
        event(s, EVENT_WARNING, "Failed", "Error: InvalidImageName");
        worker_set_waiting(w, s->c->name, "InvalidImageName", "Failed to apply default image tag \"%s\": %s",
                           text_or(s->c->image, ""), err.msg);
        return false;
    }
    const char *image = name.data, *policy = pull_policy(s->c);
    struct image_pull *pulled = NULL;
    int rc = check_pull(s, image, &pulled);
    if (rc < 0)
        return false;
    bool present = runtime_image_status(w->k->runtime, image, &s->image, &err) == 0;
    if (!present && err.code != ERR_NOT_FOUND) {
        worker_set_waiting(w, s->c->name, "ImageInspectError", "Failed to inspect image \"%s\": %s", s->c->image,
                           err.msg);
        worker_wake_in(w, RETRY_NS);
        return false;
    }
    if (pulled && present)
        pull_succeeded(s, pulled);
    bool just_pulled = pulled != NULL;
    image_pull_free(pulled);
    if (present && just_pulled)
        return true;
    if (present && strcmp(policy, "Always") != 0) {
        kubelet_event(w->k, s->pod, s->c, s->init, EVENT_NORMAL, "Pulled",
                      "Container image \"%s\" already present on machine", s->c->image);
        return true;
    }
    if (!present && strcmp(policy, "Never") == 0) {
        kubelet_event(w->k, s->pod, s->c, s->init, EVENT_WARNING, "ErrImageNeverPull",
                      "Container image \"%s\" is not present with pull policy of Never", s->c->image);
        event(s, EVENT_WARNING, "Failed", "Error: ErrImageNeverPull");
        worker_set_waiting(w, s->c->name, "ErrImageNeverPull",
                           "Container image \"%s\" is not present with pull policy of Never", s->c->image);
        return false;
    }
    if (present)
        runtime_image_release(&s->image);
    int64_t left = backoff_remaining_since_update(&w->images, str_of(image), clock_mono(w->k->clock));
    if (left > 0) {
        const struct waiting *before = map_gets(&w->waiting, s->c->name);
        _cleanup_(freep) char *why = before && strcmp(before->reason, "ErrImagePull") == 0
                                         ? xasprintf("ErrImagePull: %s", before->message)
                                         : NULL;
        if (before && strcmp(before->reason, "ImagePullBackOff") == 0)
            worker_wake_in(w, left); /* said already */
        else
            pull_back_off(s, image, left, why);
        return false;
    }
    kubelet_event(w->k, s->pod, s->c, s->init, EVENT_NORMAL, "Pulling", "Pulling image \"%s\"", s->c->image);
    start_pull(s, image);
    return false;
}

/* --- what the container is made of --- */

static int check_non_root(const struct start *s, struct err *err)
{
    const Corev1__SecurityContext *c = s->c->securitycontext;
    const Corev1__PodSecurityContext *p = s->pod->spec->securitycontext;
    bool wanted = c && c->has_runasnonroot ? c->runasnonroot : p && p->runasnonroot;
    if (!wanted)
        return 0;
    int64_t uid = c && c->has_runasuser ? c->runasuser : p && p->has_runasuser ? p->runasuser : -1;
    if (uid == 0)
        return err_set(err, ERR_INVALID,
                       "container's runAsUser breaks non-root policy (pod: \"%s_%s(%s)\", "
                       "container: %s)",
                       s->w->name, s->w->ns, s->w->uid, s->c->name);
    if (uid > 0 || s->image.uid > 0 || ecs_user_name(s->pod, s->c->name))
        return 0;
    if (s->image.username[0])
        return err_set(err, ERR_INVALID,
                       "container has runAsNonRoot and image has non-numeric user (%s), cannot verify user is "
                       "non-root (pod: \"%s_%s(%s)\", container: %s)",
                       s->image.username, s->w->name, s->w->ns, s->w->uid, s->c->name);
    return err_set(err, ERR_INVALID,
                   "container has runAsNonRoot and image will run as root (pod: \"%s_%s(%s)\", container: %s)",
                   s->w->name, s->w->ns, s->w->uid, s->c->name);
}

static const char *write_hosts(const struct start *s, struct err *err)
{
    struct pod_worker *w = s->w;
    const struct kubelet_config *c = w->k->config;
    struct downward_facts f = worker_facts(w);
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(LIMIT_OBJECT), node = BUF_INIT(LIMIT_OBJECT);
    struct err ignored = ERR_INIT;
    if (s->pod->spec->hostnetwork)
        (void)!file_read("/etc/hosts", &node, &ignored);
    pod_hosts_file(&text, s->pod, f.pod_ips, f.n_pod_ips,
                   pod_hostname(w->round, s->pod, c->node_name, c->cluster_domain), c->cluster_domain, buf_str(&node));
    const char *path = BUILD_PRINTF(w->round, "%s/etc-hosts", w->dir);
    return file_write(path, buf_str(&text), 0644, err) == 0 ? path : NULL;
}

static const char *make_message_file(const struct start *s, struct err *err)
{
    const char *dir = BUILD_PRINTF(s->w->round, "%s/containers/%s", s->w->dir, s->c->name);
    const char *path = BUILD_PRINTF(s->w->round, "%s/%08llx", dir, (unsigned long long)random_below((uint64_t)1 << 32));
    if (file_mkdirs(dir, 0750, err) < 0)
        return NULL;
    if (file_write(path, STR(""), 0666, err) < 0)
        return NULL;
    return path;
}

static bool mounts_at(const Corev1__Container *c, const char *path)
{
    for (size_t i = 0; i < c->n_volumemounts; i++)
        if (text_is(c->volumemounts[i]->mountpath, path))
            return true;
    return false;
}

static int make_mounts(const struct start *s, const struct container_env *env, struct runtime_container_spec *spec,
                       struct err *err)
{
    struct pod_worker *w = s->w;
    struct runtime_mount *mounts = BUILD_ARRAY(w->round, s->c->n_volumemounts + 2, struct runtime_mount);
    size_t n = 0;
    for (size_t i = 0; i < s->c->n_volumemounts; i++)
        if (pod_volumes_mount(w->volumes, w->round, s->pod, s->c, i, env, &mounts[n++], err) < 0)
            return -1;
    if (!mounts_at(s->c, "/etc/hosts")) {
        const char *hosts = write_hosts(s, err);
        if (!hosts)
            return -1;
        mounts[n++] = (struct runtime_mount){.host_path = hosts, .container_path = "/etc/hosts"};
    }
    const char *message_path = text_or(s->c->terminationmessagepath, "/dev/termination-log");
    spec->message_file = make_message_file(s, err);
    if (!spec->message_file)
        return -1;
    mounts[n++] = (struct runtime_mount){.host_path = spec->message_file, .container_path = message_path};
    spec->mounts = mounts;
    spec->n_mounts = n;
    return 0;
}

static void set_groups(const struct start *s, struct runtime_container_spec *spec)
{
    const Corev1__PodSecurityContext *p = s->pod->spec->securitycontext;
    if (!p)
        return;
    int64_t *groups = BUILD_ARRAY(s->w->round, p->n_supplementalgroups + 1, int64_t);
    size_t n = 0;
    for (size_t i = 0; i < p->n_supplementalgroups; i++)
        groups[n++] = p->supplementalgroups[i];
    if (p->has_fsgroup)
        groups[n++] = p->fsgroup;
    spec->supplemental_groups = groups;
    spec->n_supplemental_groups = n;
}

static uint32_t next_attempt(const struct start *s)
{
    uint32_t attempt = 0;
    for (size_t i = 0; i < s->w->running->n_containers; i++) {
        const struct runtime_container *r = &s->w->running->containers[i];
        if (strcmp(r->name, s->c->name) == 0 && r->attempt >= attempt)
            attempt = r->attempt + 1;
    }
    const Corev1__PodStatus *st = s->pod->status;
    for (size_t i = 0; st && i < st->n_containerstatuses + st->n_initcontainerstatuses; i++) {
        const Corev1__ContainerStatus *c = i < st->n_containerstatuses
                                               ? st->containerstatuses[i]
                                               : st->initcontainerstatuses[i - st->n_containerstatuses];
        bool ran = !text_empty(c->containerid) || (c->laststate && c->laststate->terminated);
        if (text_is(c->name, s->c->name) && ran && (uint32_t)c->restartcount >= attempt)
            attempt = (uint32_t)c->restartcount + 1;
    }
    return attempt;
}

/* Fills everything; an error is a CreateContainerConfigError. */
static int make_spec(const struct start *s, struct runtime_container_spec *spec, struct err *err)
{
    struct pod_worker *w = s->w;
    struct downward_facts facts = worker_facts(w);
    struct container_env env;
    if (check_non_root(s, err) < 0 || env_make(w->round, s->pod, s->c, &w->k->objects, &facts, &env, err) < 0)
        return -1;
    *spec = (struct runtime_container_spec){
        .container = s->c,
        .sandbox = s->sandbox,
        .attempt = next_attempt(s),
        .image_ref = s->image.id,
        .command = env.command,
        .n_command = env.n_command,
        .args = env.args,
        .n_args = env.n_args,
        .env = env.env,
        .n_env = env.n_env,
        .resources = container_cgroup_resources(s->pod, s->c, w->k->capacity.memory),
        .working_dir = text_or(s->c->workingdir, ""),
        .user_name = ecs_user_name(s->pod, s->c->name),
    };
    set_groups(s, spec);
    return make_mounts(s, &env, spec, err);
}

static void fail(const struct start *s, const char *reason, const struct err *err)
{
    kubelet_event(s->w->k, s->pod, s->c, s->init, EVENT_WARNING, "Failed", "Error: %s", err->msg);
    worker_set_waiting(s->w, s->c->name, reason, "%s", err->msg);
    worker_wake_in(s->w, 5 * NS_PER_S);
}

static bool run_post_start(const struct start *s, const char *id)
{
    struct pod_worker *w = s->w;
    const Corev1__Lifecycle *l = s->c->lifecycle;
    struct err err = ERR_INIT;
    if (!l || !l->poststart)
        return true;
    struct downward_facts f = worker_facts(w);
    if (hook_post_start(w, s->c, id, f.n_pod_ips ? f.pod_ips[0] : "", &err) == 0)
        return true;
    event(s, EVENT_WARNING, "FailedPostStartHook", "PostStartHook failed");
    worker_set_waiting(w, s->c->name, "PostStartHookError", "%s", err.msg);
    event(s, EVENT_NORMAL, "Killing", "FailedPostStartHook");
    (void)!runtime_container_stop(w->k->runtime, id, 2, &err);
    worker_wake_in(w, 0);
    return false;
}

void worker_start_container(struct pod_worker *w, const Corev1__Container *c, bool init, const char *sandbox_id,
                            const struct runtime_sandbox_spec *sandbox)
{
    struct start s = {.w = w, .pod = worker_pod(w), .c = c, .init = init, .sandbox_id = sandbox_id, .sandbox = sandbox};
    struct runtime_container_spec spec;
    struct err err = ERR_INIT;
    _cleanup_(freep) char *id = NULL;
    if (must_back_off(&s) || !ensure_image(&s))
        return;
    _cleanup_(freep) char *log_dir = xasprintf("%s/%s", w->log_dir, c->name);
    if (make_spec(&s, &spec, &err) < 0 || file_mkdirs(log_dir, 0755, &err) < 0)
        fail(&s, "CreateContainerConfigError", &err);
    else if (runtime_container_create(w->k->runtime, sandbox_id, &spec, &id, &err) < 0)
        fail(&s, "CreateContainerError", &err);
    else {
        pod_manager_note(w->k->manager, w->uid, id); /* before it runs: its end may come at once */
        event(&s, EVENT_NORMAL, "Created", "Container created");
        if (runtime_container_start(w->k->runtime, id, &err) < 0) {
            fail(&s, "RunContainerError", &err);
        } else {
            event(&s, EVENT_NORMAL, "Started", "Container started");
            map_del(&w->waiting, str_of(c->name));
            run_post_start(&s, id);
        }
    }
    runtime_image_release(&s.image);
}
